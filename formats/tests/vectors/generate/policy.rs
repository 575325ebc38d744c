//! Vectors of policies: SPEC 10.

use super::card::card;
use super::{Kind, altered};
use crate::fixtures;
use crate::forms::as_security_key;
use gapvault_formats::card::Card;
use gapvault_formats::ids::LabelKey;

/// As the policy by hand has it.
const ORGANISATION: &str = "organisation = \"Lab\"";

/// The digest of the policy before it.
const PREVIOUS: &str = "7777777777777777777777777777777777777777777777777777777777777777";

pub(super) fn vectors() -> Kind {
    let mut kind = Kind::new("policy", "toml");
    let good = text();
    kind.valid("a_tent_of_two_sites", good.clone());
    kind.valid("nobody_may_do_anything", good.split("[[site]]").next().unwrap());
    kind.valid("comments_and_another_layout", altered(&good, "epoch = 3", "# the third\nepoch=3"));
    let previous = format!("previous = \"{PREVIOUS}\"\n");
    kind.valid("the_first", altered(&altered(&good, "epoch = 3", "epoch = 1"), &previous, ""));
    kind.invalid("previous_of_the_first", altered(&good, "epoch = 3", "epoch = 1"));
    kind.altered(
        &good,
        &[
            ("previous_missing", &previous, ""),
            ("previous_empty", PREVIOUS, ""),
            ("previous_too_short", PREVIOUS, "77"),
            ("previous_in_upper_case", PREVIOUS, &"AB".repeat(32)),
        ],
    );
    forms(&mut kind, &good);
    shapes(&mut kind, &good);
    rules(&mut kind, &good);
    kind
}

/// A policy by hand, as its root may write it.
fn text() -> String {
    let (p256, ed25519) = (fixtures::public(fixtures::P256), fixtures::public(fixtures::ED25519));
    let [lab, cluster, audit] = sites();
    format!(
        r#"format = 1
epoch = 3
previous = "{PREVIOUS}"

[root]
threshold = 1
persons = ["cluster-operator"]

[[person]]
name = "cluster-operator"
keys = ["{p256}"]

[[person]]
name = "lab-exporter"
{ORGANISATION}
keys = ["{ed25519}"]

[[site]]
name = "lab"
persons = ["lab-exporter"]
{lab}
[[site]]
name = "cluster"
persons = ["cluster-operator"]
{cluster}
[[site]]
name = "audit"
{audit}
[[tent]]
name = "aurora"
members = ["cluster"]
auditors = ["audit"]
exporters = ["lab-exporter"]
"#
    )
}

/// The cards of the three sites. That of the auditor has a key that no person of the policy has.
fn cards() -> [Card; 3] {
    let [_, auditor_pq] = fixtures::recipients_pq();
    let lab = Card {
        site: "lab".parse().unwrap(),
        person: "lab-exporter".parse().unwrap(),
        key: fixtures::public(fixtures::ED25519).parse().unwrap(),
        recipient: fixtures::bundle_identity().recipient(),
        label_key: LabelKey::from_bytes([0x66; 32]),
        recipient_pq: fixtures::bundle_identity_pq().recipient(),
    };
    let audit = Card {
        site: "audit".parse().unwrap(),
        person: "auditor".parse().unwrap(),
        key: fixtures::SK_ED25519.parse().unwrap(),
        recipient: fixtures::recipient(fixtures::AUDITOR),
        label_key: fixtures::auditor_label_key(),
        recipient_pq: fixtures::recipient(&auditor_pq),
    };
    [lab, card(), audit]
}

/// What stands behind the names and persons of the three sites.
fn sites() -> [String; 3] {
    cards().map(|card| {
        let (fingerprint, label_key) = (card.fingerprint(), card.label_key.expose_hex());
        let Card { person, key, recipient, recipient_pq, .. } = &card;
        format!(
            "card = \"{fingerprint}\"\ncard_person = \"{person}\"\ncard_key = \"{key}\"\nrecipient = \"{recipient}\"\n\
             label_key = \"{}\"\nrecipient_pq = \"{recipient_pq}\"\n",
            *label_key
        )
    })
}

fn forms(kind: &mut Kind, good: &str) {
    let [_, auditor_pq] = fixtures::recipients_pq();
    let card_line = format!("card = \"{}\"", card().fingerprint());
    kind.invalid("empty", "");
    kind.invalid("not_toml", "[");
    kind.invalid("not_utf8", b"# \xff\n");
    kind.altered(
        good,
        &[
            ("format_2", "format = 1", "format = 2"),
            ("epoch_0", "epoch = 3", "epoch = 0"),
            ("epoch_negative", "epoch = 3", "epoch = -3"),
            ("epoch_missing", "epoch = 3\n", ""),
            ("epoch_twice", "epoch = 3\n", "epoch = 3\nepoch = 4\n"),
            ("unknown_field", "epoch = 3\n", "epoch = 3\nmore = 1\n"),
            ("unknown_field_of_a_tent", "exporters = ", "approvers = []\nexporters = "),
            ("root_missing", "[root]\nthreshold = 1\npersons = [\"cluster-operator\"]\n\n", ""),
            ("exporters_missing", "exporters = [\"lab-exporter\"]\n", ""),
            ("tent_name_in_upper_case", "\"aurora\"", "\"Aurora\""),
            ("key_of_another_type", "keys = [\"ssh-ed25519 ", "keys = [\"ssh-rsa "),
            ("card_too_short", &card_line, "card = \"33\""),
            ("recipient_that_is_none", fixtures::AUDITOR, "auditor"),
            ("recipient_of_the_other_suite", fixtures::AUDITOR, &auditor_pq),
            ("recipient_pq_missing", &format!("recipient_pq = \"{auditor_pq}\"\n"), ""),
            ("recipient_pq_of_the_other_suite", &auditor_pq, fixtures::CLUSTER),
            ("label_key_too_short", "label_key = \"33", "label_key = \""),
        ],
    );
}

/// Values of another type in the place of a table or a word. A reader that fills structures in order takes them.
fn shapes(kind: &mut Kind, good: &str) {
    let (p256, ed25519) = (fixtures::public(fixtures::P256), fixtures::public(fixtures::ED25519));
    let root = "[root]\nthreshold = 1\npersons = [\"cluster-operator\"]\n\n";
    let (digest, [pq, _]) = ("33".repeat(32), fixtures::recipients_pq());
    let people =
        format!("[\"cluster-operator\", \"Cluster\", [\"{p256}\"]], [\"lab-exporter\", \"Lab\", [\"{ed25519}\"]]");
    let site = format!(
        "[\"cluster\", [], \"{digest}\", \"cluster-operator\", \"{p256}\", \"{}\", \"{digest}\", \"{pq}\"]",
        fixtures::CLUSTER
    );
    let tent = "[\"aurora\", [\"cluster\"], [\"audit\"], [\"lab-exporter\"]]";
    let with = |text: &str, field: &str| altered(text, "epoch = 3\n", &format!("epoch = 3\n{field}\n"));
    let (before, sites) = good.split_once("[[site]]").unwrap();
    let (head, _) = good.split_once("[[person]]").unwrap();
    let (bare, _) = good.split_once("[[tent]]").unwrap();
    kind.invalid("root_in_an_array", with(&altered(good, root, ""), "root = [1, [\"cluster-operator\"], \"any\"]"));
    kind.invalid("persons_in_arrays", with(&format!("{head}[[site]]{sites}"), &format!("person = [{people}]")));
    kind.invalid("sites_in_arrays", with(before, &format!("site = [{site}]")));
    kind.invalid("tents_in_arrays", with(bare, &format!("tent = [{tent}]")));
    kind.invalid("revocations_in_arrays", with(good, &format!("revocation = [[\"{ed25519}\", \"lost\", []]]")));
    for (claim, rule) in [
        ("approvals_in_an_array", "approvals = [1, [\"cluster-operator\"], true]"),
        ("content_in_an_array", "content = [[\"safetensors\"], [], true]"),
        ("signatures_in_a_table", "signatures = { any = {} }"),
    ] {
        kind.invalid(claim, format!("{good}{rule}\n"));
    }
    let word = "threshold = 1\nsignatures = { any = {} }\n";
    kind.invalid("root_signatures_in_a_table", altered(good, "threshold = 1\n", word));
}

/// Rules of the whole policy.
fn rules(kind: &mut Kind, good: &str) {
    let keys = |text| format!("keys = [\"{}\"", fixtures::public(text));
    let (p256, ed25519) = (keys(fixtures::P256), keys(fixtures::ED25519));
    let quoted = |key: &str| format!("\"{key}\"");
    let public = fixtures::public;
    let label_key = |digit: char| format!("label_key = \"{}\"", digit.to_string().repeat(64));
    let [cluster_pq, auditor_pq] = fixtures::recipients_pq();
    let root = "persons = [\"cluster-operator\"]\n\n[[person]]";
    let of_root = |names: &str| format!("persons = [{names}]\n\n[[person]]");
    let organisation = |text: &str| format!("organisation = \"{text}\"");
    let threshold_2 = altered(good, root, &of_root(r#""cluster-operator", "lab-exporter""#));
    let threshold_2 = altered(&threshold_2, "threshold = 1", "threshold = 2");
    kind.valid("root_of_two", threshold_2.clone());
    let security_key = fixtures::SK_P256;
    kind.valid(
        "root_that_must_be_known_to_its_security_key",
        altered(
            &altered(good, "threshold = 1\n", "threshold = 1\nsignatures = \"verification\"\n"),
            &p256,
            &format!("{p256}, \"{security_key}\""),
        ),
    );
    kind.altered(
        good,
        &[
            ("two_persons_of_one_name", "name = \"lab-exporter\"", "name = \"cluster-operator\""),
            ("two_sites_of_one_name", "name = \"audit\"", "name = \"cluster\""),
            ("two_tents_of_one_name", tent(good), &format!("{}[[tent]]{}", tent(good), tent(good))),
            ("two_sites_of_one_recipient", fixtures::AUDITOR, fixtures::CLUSTER),
            ("two_sites_of_one_post_quantum_recipient", &auditor_pq, &cluster_pq),
            ("two_sites_of_one_label_key", &label_key('4'), &label_key('3')),
            ("two_persons_of_one_key", &ed25519, &p256),
            ("key_twice_at_one_person", &ed25519, &format!("{ed25519}, {}", quoted(&public(fixtures::ED25519)))),
            (
                "key_once_more_as_a_security_key",
                &ed25519,
                &format!("{ed25519}, {}", quoted(&as_security_key(&public(fixtures::ED25519)))),
            ),
            (
                "two_persons_of_one_key_in_two_forms",
                &ed25519,
                &format!("keys = [{}", quoted(&as_security_key(&public(fixtures::P256)))),
            ),
            ("person_without_a_key", &ed25519, "keys = ["),
            ("card_of_another_recipient", fixtures::AUDITOR, fixtures::STRANGER),
            ("card_of_another_person", "card_person = \"auditor\"", "card_person = \"author\""),
            ("card_of_another_key", fixtures::SK_ED25519, fixtures::SK_P256),
            ("card_of_another_site", "name = \"lab\"", "name = \"laboratory\""),
            ("organisation_empty", ORGANISATION, &organisation("")),
            ("organisation_too_long", ORGANISATION, &organisation(&"x".repeat(65))),
            ("organisation_with_a_line_feed", ORGANISATION, &organisation("two\\nlines")),
            ("organisation_with_a_hidden_character", ORGANISATION, &organisation("x\u{202e}y")),
            ("worker_unknown", "persons = [\"cluster-operator\"]\ncard", "persons = [\"nobody\"]\ncard"),
            (
                "worker_twice",
                "persons = [\"cluster-operator\"]\ncard",
                "persons = [\"cluster-operator\", \"cluster-operator\"]\ncard",
            ),
            ("root_of_nobody", root, &of_root("")),
            ("root_person_twice", root, &of_root(r#""cluster-operator", "cluster-operator""#)),
            ("root_person_unknown", root, &of_root(r#""nobody""#)),
            ("threshold_0", "threshold = 1", "threshold = 0"),
            ("threshold_over_the_persons", "threshold = 1", "threshold = 2"),
            ("root_signatures_that_no_key_can_show", "threshold = 1\n", "threshold = 1\nsignatures = \"presence\"\n"),
            ("root_signatures_unknown", "threshold = 1\n", "threshold = 1\nsignatures = \"touch\"\n"),
            ("clock_reset_without_a_time", "epoch = 3\n", "epoch = 3\nreset_clock = true\n"),
            ("time_with_an_offset", "epoch = 3\n", "epoch = 3\ntime = \"2026-11-21T08:00:00+00:00\"\n"),
            ("time_as_toml_has_it", "epoch = 3\n", "epoch = 3\ntime = 2026-11-21T08:00:00Z\n"),
        ],
    );
    revocations(kind, good, &threshold_2);
    tents(kind, good);
}

fn revocations(kind: &mut Kind, good: &str, root_of_two: &str) {
    let seal = "55".repeat(32);
    let revoke = |key, more: &str| format!("\n[[revocation]]\nkey = \"{}\"\n{more}", fixtures::public(key));
    let exporter = |more: &str| format!("{good}{}", revoke(fixtures::ED25519, more));
    kind.valid("key_revoked_but_for_a_seal", exporter(&format!("reason = \"laptop lost\"\nexcept = [\"{seal}\"]\n")));
    kind.invalid("key_revoked_twice", format!("{}{}", exporter(""), revoke(fixtures::ED25519, "")));
    kind.invalid("seal_excepted_twice", exporter(&format!("except = [\"{seal}\", \"{seal}\"]\n")));
    kind.invalid("seal_excepted_that_is_none", exporter("except = [\"55\"]\n"));
    kind.invalid("reason_too_long", exporter(&format!("reason = \"{}\"\n", "x".repeat(4097))));
    kind.invalid("reason_with_an_escape", exporter("reason = \"\\u001b[2J\"\n"));
    kind.invalid("root_revoked", format!("{good}{}", revoke(fixtures::P256, "")));
    kind.invalid("root_revoked_below_its_threshold", format!("{root_of_two}{}", revoke(fixtures::ED25519, "")));
}

/// Rules of a tent.
fn tents(kind: &mut Kind, good: &str) {
    let (members, auditors) = ("members = [\"cluster\"]", "auditors = [\"audit\"]");
    let exporters = "exporters = [\"lab-exporter\"]";
    kind.altered(
        good,
        &[
            ("member_twice", members, "members = [\"cluster\", \"cluster\"]"),
            ("auditor_twice", auditors, "auditors = [\"audit\", \"audit\"]"),
            ("exporter_twice", exporters, "exporters = [\"lab-exporter\", \"lab-exporter\"]"),
            ("member_is_auditor", auditors, "auditors = [\"audit\", \"cluster\"]"),
            ("member_unknown", members, "members = [\"nowhere\"]"),
            ("auditor_unknown", auditors, "auditors = [\"nowhere\"]"),
            ("exporter_unknown", exporters, "exporters = [\"nobody\"]"),
            ("exporter_is_a_site", exporters, "exporters = [\"cluster\"]"),
            (
                "person_works_at_member_and_auditor",
                "name = \"audit\"\n",
                "name = \"audit\"\npersons = [\"cluster-operator\"]\n",
            ),
        ],
    );
    let rule = |more: &str| format!("{good}{more}\n");
    kind.valid(
        "every_rule_of_a_tent",
        rule(
            "destinations = [\"cluster\"]\napprovals = { k = 1, of = [\"cluster-operator\"], not_exporter = false }\n\
             signatures = \"any\"\nvalid_days = 30\npost_quantum = true\n[tent.content]\n\
             allowed = [\"safetensors\", \"json\"]\nforbidden = [\"zip\", \"tar\"]\npickle = true\nfile_bytes = 1\nbundle_bytes = 2",
        ),
    );
    kind.valid("approvals_in_a_table_of_their_own", rule("[tent.approvals]\nk = 1\nof = [\"cluster-operator\"]"));
    for (claim, more) in [
        ("destination_unknown", "destinations = [\"nowhere\"]"),
        ("destination_twice", "destinations = [\"cluster\", \"cluster\"]"),
        ("destination_no_member", "destinations = [\"lab\"]"),
        ("destination_an_auditor", "destinations = [\"audit\"]"),
        ("destinations_empty", "destinations = []"),
        ("approvers_empty", "approvals = { k = 1, of = [] }"),
        ("approvers_missing", "approvals = { k = 1 }"),
        ("approver_unknown", "approvals = { k = 1, of = [\"nobody\"] }"),
        ("approver_twice", "approvals = { k = 1, of = [\"cluster-operator\", \"cluster-operator\"] }"),
        ("approver_who_works_elsewhere", "approvals = { k = 1, of = [\"lab-exporter\"] }"),
        ("approvals_of_0", "approvals = { k = 0, of = [\"cluster-operator\"] }"),
        ("approvals_over_the_approvers", "approvals = { k = 2, of = [\"cluster-operator\"] }"),
        ("approvals_with_an_unknown_field", "approvals = { k = 1, of = [\"cluster-operator\"], exporter = true }"),
        ("signatures_that_no_exporter_can_show", "signatures = \"verification\""),
        ("valid_days_0", "valid_days = 0"),
        ("valid_days_negative", "valid_days = -1"),
        ("format_unknown", "content = { forbidden = [\"weights\"] }"),
        ("format_twice", "content = { forbidden = [\"zip\", \"zip\"] }"),
        ("format_allowed_and_forbidden", "content = { allowed = [\"zip\"], forbidden = [\"zip\"] }"),
        ("formats_allowed_empty", "content = { allowed = [] }"),
        ("file_ceiling_of_0", "content = { file_bytes = 0 }"),
        ("bundle_ceiling_of_0", "content = { bundle_bytes = 0 }"),
        ("content_with_an_unknown_field", "content = { sizes = 1 }"),
    ] {
        kind.invalid(claim, rule(more));
    }
    let idle = altered(&rule("signatures = \"presence\""), exporters, "exporters = []");
    kind.valid("signatures_of_a_tent_without_exporters", idle.clone());
    kind.invalid(
        "signatures_that_no_approver_can_show",
        format!("{idle}approvals = {{ k = 1, of = [\"cluster-operator\"] }}\n"),
    );
}

/// What stands behind the head of the last tent.
fn tent(text: &str) -> &str {
    text.split("[[tent]]").nth(1).unwrap()
}
