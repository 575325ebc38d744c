//! Policies that are refused: each defect by line and column, and what does not follow the policy in force.

use crate::support::policy::{Roots, digest, following, with_epoch};
use crate::support::untouched::Before;
use crate::support::{Site, run};
use gapvault_formats::agefile::Identity;
use gapvault_formats::sshsig::Namespace;
use std::fs;
use std::path::{Path, PathBuf};

/// A lab whose policy has two persons, two sites, and a tent with an approver.
fn lab_and_audit(room: &Path) -> Site {
    let (lab, audit) = (Site::new(room, "lab"), Site::new(room, "audit"));
    lab.run(["tent", "new", "aurora"]).expect(0);
    lab.trust(&audit, "auditor");
    lab.trust_card(&audit, &["--tent", "aurora", "--role", "approver"]).expect(0);
    lab
}

/// Expects that a policy from outside is refused by every command, and that the log says so if it is applied.
#[track_caller]
fn assert_refused(lab: &Site, what: &str, path: &Path, text: &str) {
    let before = Before::of(lab);
    for command in ["check", "sign"] {
        let run = run(lab.command(["policy", command]).arg(path));
        assert!(run.code == 4 && run.err.contains(text), "{what}: {command}: no {text:?} in {run:#?}");
    }
    before.expect_same(lab, what);
    let run = run(lab.command(["policy", "apply"]).arg(path));
    assert!(run.code == 4 && run.err.contains(text) && run.err.contains("\nhint: "), "{what}: no {text:?} in {run:#?}");
    let refused = lab.last_event();
    let reason = refused["policy-refused"]["reason"].as_str().unwrap_or_else(|| panic!("{what}: {refused}"));
    assert!(reason.contains(text), "{what}: {reason}");
    before.expect_log_only(lab, what);
}

#[test]
fn each_defect_is_refused_with_its_line_and_column() {
    let room = tempfile::tempdir().unwrap();
    let lab = lab_and_audit(room.path());
    let good = fs::read_to_string(lab.working_copy()).unwrap();
    let good = with_epoch(&good, lab.epoch() + 1);
    let key = |person: &str| {
        let lines: Vec<_> = good.lines().skip_while(|line| *line != format!("name = \"{person}\"")).collect();
        lines.iter().find(|line| line.contains("ecdsa-sha2")).unwrap().trim().trim_end_matches(',').to_owned()
    };
    let approvals = good.lines().find(|line| line.starts_with("approvals = ")).unwrap().to_owned();
    let recipient = good.lines().rev().find_map(|line| line.strip_prefix("recipient = ")).unwrap();
    let recipient = recipient.trim_matches('"').to_owned();
    let replace = |from: &str, to: &str| {
        assert!(good.contains(from), "no {from:?} in {good}");
        good.replacen(from, to, 1)
    };
    // What is wrong, the text, the fault, and what the named line has in it.
    let cases = [
        ("an unknown field", replace("format = 1", "format = 1\nsurprise = 1"), "unknown field `surprise`", "surprise"),
        ("one of a tent", replace("auditors = [", "guests = []\nauditors = ["), "unknown field `guests`", "guests"),
        ("a field twice", replace("threshold = 1", "threshold = 1\nthreshold = 1"), "duplicate key", "threshold"),
        ("no TOML", replace("[root]", "[root"), "not of the format", "[root"),
        ("another format", replace("format = 1", "format = 2"), "format 2, this program reads 1", "format = 2"),
        ("epoch 0", with_epoch(&good, 0), "epochs count from 1", "epoch = 0"),
        ("no approvers", replace(&approvals, "approvals = { k = 1, of = [] }"), "the list is empty", "approvals"),
        ("approval by 0", replace(&approvals, "approvals = { k = 0, of = [\"audit\"] }"), "it takes 0", "approvals"),
        ("by too many", replace(&approvals, "approvals = { k = 2, of = [\"audit\"] }"), "it takes 2", "approvals"),
        (
            "twice by one",
            replace(&approvals, "approvals = { k = 2, of = [\"audit\", \"audit\"] }"),
            "twice",
            "approvals",
        ),
        ("a stranger's", replace(&approvals, "approvals = { k = 1, of = [\"eve\"] }"), "no person eve", "approvals"),
        ("a root of 0", replace("threshold = 1", "threshold = 0"), "root persons: it takes 0", "threshold = 0"),
        ("of too many", replace("threshold = 1", "threshold = 2"), "it takes 2 of them", "threshold = 2"),
        (
            "of a stranger",
            replace("persons = [\"lab\"]", "persons = [\"eve\"]"),
            "no person eve",
            "persons = [\"eve\"]",
        ),
        ("one key for two persons", replace(&key("audit"), &key("lab")), "have one private key", "ecdsa-sha2"),
        (
            "another recipient under a card that was compared",
            replace(&recipient, &Identity::generate().recipient().to_string()),
            "are those of card",
            "card = ",
        ),
        ("a member who is auditor", replace("members = [\"lab\"]", "members = [\"lab\", \"audit\"]"), "both", "audit"),
        ("a stranger exports", replace("exporters = [\"lab\"]", "exporters = [\"eve\"]"), "no person eve", "exporters"),
        (
            "two of one name",
            format!("{good}\n[[tent]]\nname = \"aurora\"\nmembers = []\nauditors = []\nexporters = []\n"),
            "two tents are named aurora",
            "name = \"aurora\"",
        ),
        ("the only root key revoked", format!("{good}\n[[revocation]]\nkey = {}\n", key("lab")), "not revoked", ""),
    ];
    let path = room.path().join("outside.toml");
    for (what, text, fault, line) in cases {
        fs::write(&path, &text).unwrap();
        lab.sign_by_hand(&path, Namespace::Policy);
        assert_refused(&lab, what, &path, fault);
        let run = run(lab.command(["policy", "check"]).arg(&path));
        let (at, column) = place(&run.err).unwrap_or_else(|| panic!("{what}: no place in {}", run.err));
        let named = text.lines().nth(at - 1).unwrap_or_default();
        assert!(named.contains(line) && column <= named.chars().count() + 1, "{what}: {named:?} in {}", run.err);
    }
    fs::write(&path, [good.as_bytes(), b"\xff"].concat()).unwrap();
    assert_refused(&lab, "no text", &path, "is not UTF-8");
    fs::write(&path, vec![b'#'; (4 << 20) + 1]).unwrap();
    run(lab.command(["policy", "apply"]).arg(&path)).refused(4, "over 4194304 bytes");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(lab.working_copy(), &path).unwrap();
    run(lab.command(["policy", "apply"]).arg(&path)).refused(4, "no regular file");

    // The same text without a defect.
    fs::remove_file(&path).unwrap();
    fs::write(&path, &good).unwrap();
    lab.sign_by_hand(&path, Namespace::Policy);
    run(lab.command(["policy", "apply"]).arg(&path)).expect(0);
}

/// Line and column in a message.
fn place(text: &str) -> Option<(usize, usize)> {
    let (line, rest) = text.split_once("line ")?.1.split_once(", column ")?;
    let column: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((line.parse().ok()?, column.parse().ok()?))
}

#[test]
fn a_slip_in_the_working_copy_is_told_and_not_logged() {
    let room = tempfile::tempdir().unwrap();
    let lab = lab_and_audit(room.path());
    lab.edit(|text| with_epoch(&text, 99).replacen("[root]", "[root]\nsurprise = 1", 1));
    let before = Before::of(&lab);
    for command in ["check", "sign", "apply"] {
        lab.run(["policy", command]).refused(4, "unknown field `surprise`");
    }
    lab.run(["tent", "new", "borealis"]).refused(4, "unknown field `surprise`");
    before.expect_same(&lab, "a slip");
    // The policy in force is as it was.
    lab.run(["list"]).expect(0);
    lab.run(["policy", "show"]).expect(0);
}

#[test]
fn only_the_next_epoch_follows() {
    let roots = Roots::together();
    let Roots { lab, bob, .. } = &roots;
    for name in ["aurora", "borealis"] {
        lab.run(["tent", "new", name]).expect(0);
        roots.bob_signs().expect(0);
        lab.run(["policy", "apply"]).expect(0);
    }
    assert_eq!(lab.epoch(), 4);
    let now = fs::read_to_string(lab.working_copy()).unwrap();
    let outside = |name: &str, text: String| -> PathBuf {
        let path = roots.path(name);
        fs::write(&path, text).unwrap();
        lab.sign_by_hand(&path, Namespace::Policy);
        bob.sign_by_hand(&path, Namespace::Policy);
        path
    };
    let older = fs::read_to_string(lab.vault.join("policy/000003.toml")).unwrap();
    for (name, text, fault) in [
        ("gap", with_epoch(&now, 6), "epoch 6 does not follow epoch 4"),
        ("far", with_epoch(&now, 9_000_000_000), "does not follow epoch 4"),
        ("older", older, "epoch 3 is older than epoch 4"),
        ("otherwise-older", with_epoch(&now, 3), "epoch 3 is older than epoch 4"),
        ("second", format!("{now}# other bytes\n"), "there are two policies of epoch 4"),
    ] {
        let path = outside(name, text);
        let before = Before::of(lab);
        run(lab.command(["policy", "check"]).arg(&path)).refused(4, fault);
        before.expect_same(lab, name);
        let applied = run(lab.command(["policy", "apply"]).arg(&path)).refused(4, fault);
        assert!(applied.err.contains("\nhint: "), "{applied:#?}");
        assert!(lab.last_event()["policy-refused"]["reason"].as_str().unwrap().contains(fault), "{name}");
        before.expect_log_only(lab, name);
    }
    // The same from the working copy.
    lab.edit(|text| with_epoch(&text, 7));
    lab.run(["policy", "apply"]).refused(4, "epoch 7 does not follow epoch 4");
    assert_eq!(lab.last_event()["policy-refused"]["epoch"], 7);
    assert_eq!(lab.epoch(), 4);
}

#[test]
fn what_the_same_roots_signed_after_another_policy_does_not_follow() {
    let roots = Roots::together();
    let Roots { lab, bob, .. } = &roots;
    let (now, in_force) = (fs::read_to_string(lab.working_copy()).unwrap(), digest(&lab.working_copy()));
    let line = format!("previous = \"{in_force}\"");
    let before = digest(&lab.vault.join("policy/000001.toml"));
    let good = with_epoch(&now, 3);
    for (name, text, fault) in [
        ("of-nothing", following(&now, 3, &"77".repeat(32)), "it follows another policy than the one in force here"),
        ("of-the-first", following(&now, 3, &before), "it follows another policy than the one in force here"),
        ("of-none", good.replacen(&format!("{line}\n"), "", 1), "`previous` is missing"),
    ] {
        let path = roots.path(name);
        fs::write(&path, text).unwrap();
        lab.sign_by_hand(&path, Namespace::Policy);
        bob.sign_by_hand(&path, Namespace::Policy);
        for what in ["check", "apply"] {
            let refused = run(lab.command(["policy", what]).arg(&path)).refused(4, fault);
            assert!(refused.err.contains("\nhint: ") && refused.err.contains(&line), "{refused:#?}");
        }
        assert!(lab.last_event()["policy-refused"]["reason"].as_str().unwrap().contains(fault), "{name}");
        assert_eq!(lab.epoch(), 2);
    }
    // As people edit: the hint gives the line that is missing.
    lab.edit(|_| good.replacen(&format!("{line}\n"), "", 1));
    assert!(lab.run(["policy", "check"]).refused(4, "`previous` is missing").err.contains(&line));
    lab.edit(|_| good);
    lab.sign_by_hand(&lab.working_copy(), Namespace::Policy);
    bob.sign_by_hand(&lab.working_copy(), Namespace::Policy);
    lab.run(["policy", "check"]).expect(0);
}

#[test]
fn a_signature_that_is_none_is_refused_and_logged() {
    let roots = Roots::together();
    let Roots { lab, bob, .. } = &roots;
    let path = roots.path("outside.toml");
    fs::write(&path, with_epoch(&fs::read_to_string(lab.working_copy()).unwrap(), 3)).unwrap();
    let sign = || {
        lab.sign_by_hand(&path, Namespace::Policy);
        bob.sign_by_hand(&path, Namespace::Policy);
    };
    let of_bob = bob.policy_signature(&path);
    let other = roots.path("other");
    fs::write(&other, "other bytes").unwrap();
    bob.sign_by_hand(&other, Namespace::Policy);
    let over_other_bytes = fs::read(bob.policy_signature(&other)).unwrap();
    lab.sign_by_hand(&path, Namespace::Policy);
    let of_lab = fs::read(lab.policy_signature(&path)).unwrap();
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("over other bytes", over_other_bytes, "over other bytes"),
        ("of another key", of_lab, "signed with another key"),
        ("for a seal", Vec::new(), "signed for \"seal@gapvault\""),
        ("emptied", Vec::new(), "not an armoured SSH signature"),
        ("far too long", vec![b'x'; 20_000], "no regular file of at most"),
    ];
    for (what, bytes, fault) in cases {
        sign();
        if what == "for a seal" {
            bob.sign_by_hand(&path, Namespace::Seal);
        } else {
            fs::write(&of_bob, bytes).unwrap();
        }
        let before = Before::of(lab);
        run(lab.command(["policy", "apply"]).arg(&path)).refused(4, fault);
        assert!(lab.last_event()["policy-refused"]["reason"].as_str().unwrap().contains(fault), "{what}");
        before.expect_log_only(lab, what);
    }
    fs::remove_file(&of_bob).unwrap();
    let before = Before::of(lab);
    run(lab.command(["policy", "apply"]).arg(&path)).refused(4, "bob could");
    before.expect_same(lab, "a signature that is missing");
    sign();
    run(lab.command(["policy", "apply"]).arg(&path)).expect(0);
}

#[test]
fn nothing_else_is_taken_for_the_working_copy() {
    let room = tempfile::tempdir().unwrap();
    let lab = Site::new(room.path(), "lab");
    let elsewhere = room.path().join("elsewhere.toml");
    fs::write(&elsewhere, with_epoch(&fs::read_to_string(lab.working_copy()).unwrap(), 2)).unwrap();
    fs::remove_file(lab.working_copy()).unwrap();
    std::os::unix::fs::symlink(&elsewhere, lab.working_copy()).unwrap();
    let before = fs::read(&elsewhere).unwrap();
    for command in [&["tent", "new", "aurora"][..], &["policy", "apply"], &["policy", "check"]] {
        let run = lab.run(command).expect(4);
        assert!(run.err.contains("regular file"), "{run:#?}");
    }
    assert_eq!(fs::read(&elsewhere).unwrap(), before);
    lab.run(["list"]).expect(0);
    fs::remove_file(lab.working_copy()).unwrap();
    // Without one nothing is proposed, and the next change makes it anew.
    assert_eq!(lab.run(["policy", "check", "--json"]).expect(0).json()["state"], "in force");
    lab.run(["tent", "new", "aurora"]).expect(0);
    assert_eq!(fs::read(lab.working_copy()).unwrap(), fs::read(lab.vault.join("policy/000002.toml")).unwrap());
}
