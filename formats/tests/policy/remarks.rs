//! What a policy may say and is likely a mistake.

use crate::samples::{commented, key, parse};

fn remarks(text: &str) -> Vec<String> {
    parse(text).remarks_in(text).iter().map(ToString::to_string).collect()
}

fn altered(piece: &str, replacement: &str) -> String {
    let text = commented();
    assert_eq!(text.matches(piece).count(), 1, "{piece:?} in\n{text}");
    text.replace(piece, replacement)
}

#[test]
fn a_sound_policy_has_none() {
    assert_eq!(remarks(&commented()), Vec::<String>::new());
}

#[test]
fn each_stands_at_its_place() {
    let revoked = key(0, 1).fingerprint();
    let revocation = format!("[[revocation]]\nkey = \"{}\"\n# --- compartments", key(0, 1));
    let ben = format!("[[revocation]]\nkey = \"{}\"\n# --- compartments", key(1, 0));
    for (text, expected) in [
        (
            altered("k = 1, of", "k = 2, of").replace("exporters = [\"ana\"]", "exporters = [\"ana\", \"ben\"]"),
            vec!["line 73, column 21: tent aurora: bundles of ben take 2 approvals, but only 1 can approve them"],
        ),
        (
            altered("exporters = [\"ana\"]", "exporters = []"),
            vec!["line 73, column 13: tent aurora: nobody may export, so nothing goes out or comes in"],
        ),
        (
            altered("members = [\"lab\", \"cluster\"]", "members = [\"cluster\"]"),
            vec!["line 39, column 8: site lab: no rule names it"],
        ),
        (
            altered("persons = [\"chris\", \"dora\"]", "persons = [\"chris\"]"),
            vec!["line 34, column 8: person dora: no rule names it"],
        ),
        (
            altered("# --- compartments", &revocation),
            vec![&*format!("line 23, column 3: person ana: key {revoked} is revoked and still listed")],
        ),
        (
            altered("# --- compartments", &ben).replace("k = 1, of", "k = 2, of"),
            vec![
                "line 8, column 13: root: it takes all 2 of its persons who can sign, and chris with one key only: if \
                 that is lost, nobody can change the policy",
                &*format!("line 28, column 9: person ben: key {} is revoked and still listed", key(1, 0).fingerprint()),
                "line 75, column 14: tent aurora: bundles of ana take 2 approvals, but only 1 can approve them",
            ],
        ),
        (
            altered("file_bytes = 10_737_418_240", "file_bytes = 9\nbundle_bytes = 8"),
            vec!["line 79, column 14: tent aurora: a file may have 9 bytes, but all files of a bundle only 8"],
        ),
        (
            altered("threshold = 2 ", "threshold = 3 "),
            vec![
                "line 8, column 13: root: it takes all 3 of its persons who can sign, and ben, chris with one key only: \
                 if that is lost, nobody can change the policy",
            ],
        ),
        (
            altered("\"json\"]", "\"torch\"]"),
            vec![
                "line 77, column 27: tent aurora: torch is allowed, but files of it carry pickles, which are not taken \
                 without `pickle = true`",
            ],
        ),
        (altered("\"json\"]", "\"torch\"]\npickle = true"), vec![]),
        (
            altered("\"json\"]", "\"json\"]\npickle = true"),
            vec![
                "line 77, column 11: tent aurora: `pickle` is true, but neither pickle nor torch is among the formats \
                 allowed",
            ],
        ),
        (altered("valid_days = 30", "valid_days = 3650"), vec![]),
        (
            altered("valid_days = 30", "valid_days = 3651"),
            vec!["line 75, column 14: tent aurora: bundles may be valid for 3651 days, which is over ten years"],
        ),
    ] {
        assert_eq!(remarks(&text), expected, "{text}");
    }
}

#[test]
fn a_tent_for_nobody_and_an_exporter_without_a_key_are_remarked_on() {
    let approvals = "approvals = { k = 1, of = [\"ben\", \"chris\"] } # never the exporter\n";
    let text = altered("members = [\"lab\", \"cluster\"]", "members = []")
        .replace("auditors = [\"audit\"]", "auditors = []")
        .replace(approvals, "");
    let all = remarks(&text);
    let line =
        "line 71, column 11: tent aurora: it names neither member nor auditor, so nothing can be exported from it here";
    assert!(all.iter().any(|remark| remark == line), "{all:?}");
    let revoke = |number| format!("[[revocation]]\nkey = \"{}\"\n", key(0, number));
    let text = altered("# --- compartments", &format!("{}{}# --- compartments", revoke(0), revoke(1)));
    let all = remarks(&text);
    assert!(all.iter().any(|line| line.ends_with("exporter ana has no key that counts there")), "{all:?}");
    let plain = parse(&text).remarks();
    assert_eq!(plain.len(), all.len());
    assert!(plain.iter().all(|remark| remark.place.is_none()), "without a text there are no places");
}
