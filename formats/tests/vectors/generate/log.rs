//! Vectors of the custody log and of its checkpoint: SPEC 11.

use super::{Kind, altered, card};
use crate::fixtures;
use gapvault_formats::custody::{Approval, Event, ExportBegun, Exported, Imported, LogHead, Moved};
use gapvault_formats::ids::{BundleId, PolicyDigest};
use gapvault_formats::sshsig::Namespace;

/// A log with each event once, and where it has come to.
fn whole() -> (Vec<String>, LogHead) {
    let (tent, bundle) = (fixtures::tent(), BundleId::of(b"bundle"));
    let (pin, label) = (fixtures::tent_key().pin(), "20261121-k3v9".parse().unwrap());
    let (created, expires) = (fixtures::created(), fixtures::expires());
    let artifacts = vec![Moved { artifact: "tiny:1".parse().unwrap(), files: 2, bytes: 4102 }];
    let card = card::card();
    let begun = ExportBegun { tent: tent.clone(), number: 7, label };
    let exported = Exported {
        bundle,
        label: begun.label.clone(),
        tent: tent.clone(),
        number: 7,
        created,
        expires,
        exporter: card.person.clone(),
        key: card.key.clone(),
        destinations: vec!["auditor".parse().unwrap()],
        artifacts: artifacts.clone(),
        size: 330_000,
    };
    let imported = Imported {
        bundle,
        label: begun.label.clone(),
        tent: tent.clone(),
        number: 7,
        created,
        expires,
        exporter: "lab-exporter".parse().unwrap(),
        key: fixtures::public(fixtures::ED25519).parse().unwrap(),
        from: "lab".parse().unwrap(),
        approved: vec![Approval { person: "ana".parse().unwrap(), key: card.key.clone() }],
        epoch: 1,
        rule: "tent aurora: exporters lab-exporter".to_owned(),
        artifacts,
        size: 330_000,
        tent_key: Some(pin),
    };
    let events = [
        Event::Init { site: card.site.clone(), card: card.fingerprint() },
        Event::Policy {
            epoch: 1,
            digest: PolicyDigest::of(b"policy"),
            change: "the first".to_owned(),
            signed: vec![card.person.clone()],
        },
        Event::TentKey { tent: tent.clone(), pin },
        Event::ExportBegun(begun.clone()),
        Event::ExportAbandoned { label: begun.label.clone(), bundle: None },
        Event::Exported(Box::new(exported)),
        Event::Imported(Box::new(imported)),
        Event::Refused { bundle, reason: "its \"number\" was\nused".to_owned(), epoch: 1 },
        Event::Approved { bundle, person: "ana".parse().unwrap(), key: card.key.clone() },
        Event::PolicyRefused { epoch: Some(1), digest: PolicyDigest::of(b"other"), reason: "an old one".to_owned() },
        Event::ClockBack { before: created },
        Event::Card { card: card.fingerprint() },
        Event::Recovery { recipient: Some(card.recipient.clone()) },
        Event::CheckedOut { bundle, artifact: "tiny:1".parse().unwrap() },
    ];
    let (mut head, mut lines) = (LogHead::EMPTY, Vec::new());
    for event in events {
        let (line, _, next) = head.append(created, event).unwrap();
        lines.push(String::from_utf8(line).unwrap());
        head = next;
    }
    (lines, head)
}

pub(super) fn vectors() -> Kind {
    let mut kind = Kind::new("log", "jsonl");
    let (lines, _) = whole();
    kind.valid("every_event", lines.concat());
    kind.valid("no_entry", "");
    let good = lines[..3].concat();
    let without = |n: usize| {
        let mut lines = lines[..3].to_vec();
        lines.remove(n);
        lines.concat()
    };
    kind.invalid("first_entry_removed", without(0));
    kind.invalid("entry_removed", without(1));
    kind.invalid("entry_twice", [&lines[..2], &lines[1..3]].concat().concat());
    kind.invalid("entries_swapped", format!("{}{}{}", lines[0], lines[2], lines[1]));
    kind.invalid("empty_line", good.replace('\n', "\n\n"));
    kind.invalid("crlf", good.replace('\n', "\r\n"));
    kind.invalid("torn_last_line", good.trim_end());
    kind.invalid("not_json", "gapvault\n");
    let event = format!(
        "{{\"epoch\":1,\"digest\":\"{}\",\"change\":\"the first\",\"signed\":[\"{}\"]}}",
        PolicyDigest::of(b"policy"),
        card::card().person
    );
    kind.altered(
        &good,
        &[
            ("entry_edited", "\"epoch\":1", "\"epoch\":2"),
            ("number_edited", "\"seq\":2", "\"seq\":9"),
            ("first_entry_that_follows_another", &"0".repeat(64), &"1".repeat(64)),
            ("a_space", "\"seq\":1", "\"seq\": 1"),
            ("unknown_field", "\"seq\":1", "\"more\":1,\"seq\":1"),
            ("unknown_field_of_an_event", "\"epoch\":1", "\"epoch\":1,\"more\":1"),
            ("unknown_event", "{\"policy\"", "{\"politics\""),
            (
                "event_as_an_array",
                &event,
                &event
                    .replace("{\"epoch\":", "[")
                    .replace("\"digest\":", "")
                    .replace("\"change\":", "")
                    .replace("\"signed\":", "")
                    .replace('}', "]"),
            ),
            ("field_twice", "\"epoch\":1", "\"epoch\":1,\"epoch\":1"),
            ("field_missing", "\"epoch\":1,", ""),
            ("site_name_with_dotdot", "\"site\":\"cluster\"", "\"site\":\"../cluster\""),
        ],
    );
    let (line, ..) = LogHead::EMPTY.append(fixtures::created(), abandoned()).unwrap();
    let line = String::from_utf8(line).unwrap();
    kind.invalid("absent_value_left_out", altered(&line, ",\"bundle\":null", ""));
    kind
}

fn abandoned() -> Event {
    Event::ExportAbandoned { label: "20261121-k3v9".parse().unwrap(), bundle: None }
}

/// Checkpoints of that log.
pub(super) fn checkpoints() -> Kind {
    let mut kind = Kind::new("checkpoint", "txt");
    let (_, head) = whole();
    let [key, other] = [fixtures::P256, fixtures::ED25519].map(fixtures::signing_key);
    let good = head.to_checkpoint(&key).unwrap();
    let statement: String = good.lines().take(2).map(|line| format!("{line}\n")).collect();
    let signed = |text: &str, namespace| format!("{text}{}", key.sign(namespace, text.as_bytes()).unwrap());
    kind.valid("fourteen_entries", good.clone());
    kind.valid("no_entry", LogHead::EMPTY.to_checkpoint(&key).unwrap());
    kind.invalid("of_another_key", head.to_checkpoint(&other).unwrap());
    kind.invalid("of_another_namespace", signed(&statement, Namespace::Seal));
    kind.invalid("without_a_signature", statement.clone());
    kind.invalid("signature_cut_off", &good[..good.len() - 1]);
    kind.invalid("not_utf8", [b"\xff", good.as_bytes()].concat());
    for (claim, text) in [
        ("checkpoint_2", altered(&statement, "checkpoint 1", "checkpoint 2")),
        ("number_with_a_leading_zero", altered(&statement, "\n14 ", "\n014 ")),
        ("number_with_a_sign", altered(&statement, "\n14 ", "\n+14 ")),
        ("number_over_2_to_the_64", altered(&statement, "\n14 ", "\n18446744073709551616 ")),
        ("hash_in_upper_case", altered(&statement, &head.hash.to_string(), &head.hash.to_string().to_uppercase())),
        ("line_more", format!("{statement}more\n")),
        ("one_line", "gapvault checkpoint 1\n".to_owned()),
        ("nothing_signed", String::new()),
    ] {
        kind.invalid(claim, signed(&text, Namespace::Checkpoint));
    }
    kind.altered(
        &good,
        &[("edited_after_signing", "\n14 ", "\n13 "), ("crlf_in_what_is_signed", "checkpoint 1\n", "checkpoint 1\r\n")],
    );
    kind
}
