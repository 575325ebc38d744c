//! The custody log, changed by another hand: a vault whose log does not fit its checkpoint does nothing at all.

use crate::support::Gap;
use crate::support::untouched::Before;
use gapvault_formats::custody::{Entry, LogHead};
use gapvault_formats::sshsig::SigningKey;
use std::fs;
use std::path::PathBuf;

/// A cluster that imported a bundle and checked it out, and the files of its log.
struct Logged {
    gap: Gap,
    entries: PathBuf,
    checkpoint: PathBuf,
}

fn logged() -> Logged {
    let gap = Gap::new();
    gap.export_sample();
    gap.import().expect(0);
    gap.checkout("model:v1", "once").expect(0);
    let log = gap.cluster.vault.join("log");
    Logged { gap, entries: log.join("entries.jsonl"), checkpoint: log.join("checkpoint") }
}

/// Expects that no command works on the cluster's vault, and that none of them changes it.
#[track_caller]
fn assert_unusable(gap: &Gap, what: &str, text: &str) {
    let before = Before::of(&gap.cluster);
    let out = gap.path("out");
    let mut checkout = gap.cluster.command(["checkout", "model:v1"]);
    checkout.arg(&out);
    for run in [
        gap.cluster.run(["list"]),
        gap.cluster.run(["log"]),
        gap.on_stick("verify"),
        gap.on_stick("import"),
        crate::support::run(&mut checkout),
    ] {
        assert_eq!(run.code, 3, "{what}: {run:#?}");
        assert!(run.err.contains(text) && run.err.contains("\nhint: "), "{what}: no {text:?} in {run:#?}");
        assert_eq!(run.out, "", "{what}");
    }
    before.expect_same(&gap.cluster, what);
    assert!(!out.exists(), "{what}");
}

type Lines = Vec<String>;

fn lines(text: &str) -> Lines {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

/// The same events, in a log that hangs together.
fn chained(lines: &[String]) -> Lines {
    let mut head = LogHead::EMPTY;
    let chain = |line: &String| {
        let Entry { time, event, .. } = serde_json::from_str(line).unwrap();
        let (line, _, next) = head.append(time, event).unwrap();
        head = next;
        String::from_utf8(line).unwrap()
    };
    lines.iter().map(chain).collect()
}

#[test]
fn an_entry_removed_edited_or_moved_is_noticed() {
    let Logged { gap, entries, .. } = logged();
    let good = fs::read_to_string(&entries).unwrap();
    let all = lines(&good);
    assert_eq!(chained(&all), all);
    assert!(all.len() > 4, "{all:#?}");
    for at in 0..all.len() {
        let mut removed = all.clone();
        removed.remove(at);
        let mut edited = all.clone();
        edited[at] = edited[at].replace("\"time\":\"2", "\"time\":\"3");
        let mut twice = all.clone();
        twice.insert(at, all[at].clone());
        let mut swapped = all.clone();
        swapped.swap(at, (at + 1) % all.len());
        for (how, log) in [("removed", removed), ("edited", edited), ("twice", twice), ("swapped", swapped)] {
            for (made, log) in [("as it was", log.clone()), ("chained anew", chained(&log))] {
                assert_ne!(log, all);
                // What comes after the checkpoint is no entry: see below.
                if log.starts_with(&all) {
                    continue;
                }
                fs::write(&entries, log.concat()).unwrap();
                let what = format!("entry {} {how}, {made}", at + 1);
                assert_unusable(&gap, &what, "the custody log is damaged or was altered");
            }
        }
    }
    fs::write(&entries, good).unwrap();
    gap.checkout("model:v1", "out").expect(0);
}

#[test]
fn a_log_that_is_gone_is_not_begun_anew() {
    let Logged { gap, entries, .. } = logged();
    fs::write(&entries, "").unwrap();
    assert_unusable(&gap, "emptied", "the log ends at entry 0");
    fs::remove_file(&entries).unwrap();
    assert_unusable(&gap, "removed", entries.to_str().unwrap());
}

#[test]
fn what_follows_the_checkpoint_was_never_committed() {
    let Logged { gap, entries, .. } = logged();
    let good = fs::read_to_string(&entries).unwrap();
    let before = gap.cluster.run(["log"]).expect(0).out;
    let all = lines(&good);
    let policy = all.iter().find(|line| line.contains("\"policy\"")).unwrap();
    let forged = |event: &str| {
        // Chained as it should be, by somebody without the vault's key.
        let line = all.last().unwrap().clone();
        let Entry { time, .. } = serde_json::from_str(&line).unwrap();
        let event = serde_json::from_str::<Entry>(event).unwrap().event;
        let head = all.iter().fold(LogHead::EMPTY, |head, line| head.follow(line.as_bytes()).unwrap().1);
        String::from_utf8(head.append(time, event).unwrap().0).unwrap()
    };
    for (what, tail) in [
        ("an older policy", forged(policy)),
        ("the last entry again", forged(all.last().unwrap())),
        ("no entry at all", "{}\n".to_owned()),
        ("a torn line", "{\"seq\":".to_owned()),
    ] {
        fs::write(&entries, format!("{good}{tail}")).unwrap();
        assert_eq!(gap.cluster.run(["log"]).expect(0).out, before, "{what}");
    }
    gap.checkout("model:v1", "out").expect(0);
    let after = fs::read_to_string(&entries).unwrap();
    let added = after.strip_prefix(&good).unwrap();
    assert!(added.lines().count() == 1 && added.contains("checked-out"), "{added}");
}

#[test]
fn a_seal_taken_off_a_returned_stick_takes_nothing_out_of_the_log() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    gap.import().expect(0);
    fs::remove_file(bundle.join("seal.json")).unwrap();
    gap.export(&gap.path("sample"), "other:v1", &[]).expect(0);
    let listed = gap.lab.run(["list"]).expect(0).out;
    assert!(listed.contains("model:v1") && listed.contains("other:v1"), "{listed}");
    gap.on_stick("verify").expect(0);
}

#[test]
fn an_entry_that_no_vault_writes_is_refused() {
    let Logged { gap, entries, .. } = logged();
    let good = fs::read_to_string(&entries).unwrap();
    for (what, bad) in [
        ("an unknown event", good.replacen("{\"init\":", "{\"start\":", 1)),
        ("an unknown field", good.replacen("{\"seq\":1,", "{\"seq\":1,\"more\":1,", 1)),
        ("a space", good.replacen("{\"seq\":1,", "{\"seq\": 1,", 1)),
        ("an empty line", format!("\n{good}")),
        ("CRLF", good.replace('\n', "\r\n")),
    ] {
        assert_ne!(bad, good, "{what}");
        fs::write(&entries, bad).unwrap();
        assert_unusable(&gap, what, "the custody log is damaged or was altered: log entry");
    }
}

#[test]
fn a_checkpoint_removed_edited_or_made_by_another_is_refused() {
    let Logged { gap, entries, checkpoint } = logged();
    let good = fs::read_to_string(&checkpoint).unwrap();
    let statement: Vec<_> = good.lines().take(2).collect();
    let (seq, hash) = statement[1].split_once(' ').unwrap();
    let head = LogHead { seq: seq.parse().unwrap(), hash: hash.parse().unwrap() };
    let by = |key: SigningKey, head: LogHead| head.to_checkpoint(&key).unwrap();
    let own = || gap.cluster.signing_key();
    let first_hash = LogHead::EMPTY.follow(lines(&fs::read_to_string(&entries).unwrap())[0].as_bytes()).unwrap().1.hash;
    for (what, bad, text) in [
        ("emptied", String::new(), "checkpoint"),
        ("another count", good.replacen(&format!("\n{seq} "), "\n1 ", 1), "the signature does not fit"),
        ("a stranger's", by(SigningKey::generate().unwrap(), head), "signed with another key"),
        ("the lab's", by(gap.lab.signing_key(), head), "signed with another key"),
        ("no signature", format!("{}\n{}\n", statement[0], statement[1]), "checkpoint"),
        ("the lab's own", fs::read_to_string(gap.lab.vault.join("log/checkpoint")).unwrap(), "signed with another key"),
        ("further than the log", by(own(), LogHead { seq: head.seq + 1, ..head }), "entries were removed"),
        ("another entry", by(own(), LogHead { hash: first_hash, ..head }), "entries were removed or replaced"),
    ] {
        assert_ne!(bad, good, "{what}");
        fs::write(&checkpoint, bad).unwrap();
        assert_unusable(&gap, what, text);
    }
    fs::remove_file(&checkpoint).unwrap();
    assert_unusable(&gap, "removed", checkpoint.to_str().unwrap());
    fs::write(&checkpoint, good).unwrap();
    gap.cluster.run(["list"]).expect(0);
}
