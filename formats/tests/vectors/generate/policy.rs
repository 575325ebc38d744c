//! Vectors of policies: SPEC 10.

use super::{Kind, altered};
use crate::fixtures;

pub(super) fn vectors() -> Kind {
    let mut kind = Kind::new("policy", "toml");
    let good = text();
    kind.valid("a_tent_of_two_sites", good.clone());
    kind.valid("nobody_may_do_anything", good.split("[[site]]").next().unwrap());
    kind.valid("comments_and_another_layout", altered(&good, "epoch = 3", "# the third\nepoch=3"));
    forms(&mut kind, &good);
    rules(&mut kind, &good);
    kind
}

/// A policy by hand, as its root may write it.
fn text() -> String {
    let (p256, ed25519) = (fixtures::public(fixtures::P256), fixtures::public(fixtures::ED25519));
    let [cluster, auditor] = ["33", "44"].map(|byte| byte.repeat(32));
    let [cluster_pq, auditor_pq] = fixtures::recipients_pq();
    format!(
        r#"format = 1
epoch = 3

[root]
threshold = 1
persons = ["cluster-operator"]

[[person]]
name = "cluster-operator"
keys = ["{p256}"]

[[person]]
name = "lab-exporter"
keys = ["{ed25519}"]

[[site]]
name = "cluster"
card = "{cluster}"
recipient = "{}"
label_key = "{cluster}"
recipient_pq = "{cluster_pq}"

[[site]]
name = "audit"
card = "{auditor}"
recipient = "{}"
label_key = "{auditor}"
recipient_pq = "{auditor_pq}"

[[tent]]
name = "aurora"
members = ["cluster"]
auditors = ["audit"]
exporters = ["lab-exporter"]
"#,
        fixtures::CLUSTER,
        fixtures::AUDITOR
    )
}

fn forms(kind: &mut Kind, good: &str) {
    let [_, auditor_pq] = fixtures::recipients_pq();
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
            ("root_missing", "[root]\nthreshold = 1\npersons = [\"cluster-operator\"]\n", ""),
            ("exporters_missing", "exporters = [\"lab-exporter\"]\n", ""),
            ("tent_name_in_upper_case", "\"aurora\"", "\"Aurora\""),
            ("key_of_another_type", "\"ssh-ed25519 ", "\"ssh-rsa "),
            ("card_too_short", "card = \"33", "card = \""),
            ("recipient_that_is_none", fixtures::AUDITOR, "auditor"),
            ("recipient_of_the_other_suite", fixtures::AUDITOR, &auditor_pq),
            ("recipient_pq_missing", &format!("recipient_pq = \"{auditor_pq}\"\n"), ""),
            ("recipient_pq_of_the_other_suite", &auditor_pq, fixtures::CLUSTER),
            ("label_key_too_short", "label_key = \"33", "label_key = \""),
        ],
    );
}

fn rules(kind: &mut Kind, good: &str) {
    let keys = |text| format!("\"{}\"", fixtures::public(text));
    let (p256, ed25519) = (keys(fixtures::P256), keys(fixtures::ED25519));
    let label_key = |digit: char| format!("label_key = \"{}\"", digit.to_string().repeat(64));
    let [cluster_pq, auditor_pq] = fixtures::recipients_pq();
    let root = "persons = [\"cluster-operator\"]";
    let tent = good.split("[[tent]]").nth(1).unwrap();
    kind.altered(
        good,
        &[
            ("two_persons_of_one_name", "name = \"lab-exporter\"", "name = \"cluster-operator\""),
            ("two_sites_of_one_name", "name = \"audit\"", "name = \"cluster\""),
            ("two_tents_of_one_name", tent, &format!("{tent}[[tent]]{tent}")),
            ("two_sites_of_one_recipient", fixtures::AUDITOR, fixtures::CLUSTER),
            ("two_sites_of_one_post_quantum_recipient", &auditor_pq, &cluster_pq),
            ("two_sites_of_one_label_key", &label_key('4'), &label_key('3')),
            ("two_persons_of_one_key", &ed25519, &p256),
            ("key_twice_at_one_person", &ed25519, &format!("{ed25519}, {ed25519}")),
            ("person_without_a_key", &ed25519, ""),
            ("root_of_nobody", root, "persons = []"),
            ("root_person_twice", root, "persons = [\"cluster-operator\", \"cluster-operator\"]"),
            ("root_person_unknown", root, "persons = [\"nobody\"]"),
            ("threshold_0", "threshold = 1", "threshold = 0"),
            ("threshold_over_the_persons", "threshold = 1", "threshold = 2"),
            ("member_twice", "members = [\"cluster\"]", "members = [\"cluster\", \"cluster\"]"),
            ("auditor_twice", "auditors = [\"audit\"]", "auditors = [\"audit\", \"audit\"]"),
            ("exporter_twice", "exporters = [\"lab-exporter\"]", "exporters = [\"lab-exporter\", \"lab-exporter\"]"),
            ("member_is_auditor", "auditors = [\"audit\"]", "auditors = [\"audit\", \"cluster\"]"),
            ("member_unknown", "members = [\"cluster\"]", "members = [\"nowhere\"]"),
            ("auditor_unknown", "auditors = [\"audit\"]", "auditors = [\"nowhere\"]"),
            ("exporter_unknown", "exporters = [\"lab-exporter\"]", "exporters = [\"nobody\"]"),
            ("exporter_is_a_site", "exporters = [\"lab-exporter\"]", "exporters = [\"cluster\"]"),
        ],
    );
    let two = altered(good, root, "persons = [\"cluster-operator\", \"lab-exporter\"]");
    kind.invalid("threshold_2", altered(&two, "threshold = 1", "threshold = 2"));
}
