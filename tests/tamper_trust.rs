//! Policy, keys and card of a vault, changed by another hand: it refuses to work with them.

use crate::support::untouched::Before;
use crate::support::{Gap, Site, snapshot};
use gapvault_formats::sshsig::{Namespace, SigningKey};
use std::fs;
use std::path::Path;

/// Expects that the cluster's vault neither lists nor imports, and that nothing in it changes.
#[track_caller]
fn assert_unusable(gap: &Gap, what: &str, code: i32, text: &str) {
    let before = Before::of(&gap.cluster);
    for run in [gap.cluster.run(["list"]), gap.on_stick("verify"), gap.on_stick("import")] {
        assert_eq!(run.code, code, "{what}: {run:#?}");
        assert!(run.err.contains(text) && run.err.contains("\nhint: "), "{what}: no {text:?} in {run:#?}");
    }
    before.expect_same(&gap.cluster, what);
}

/// A bundle on the stick that a cluster with policies of two epochs would admit.
fn ready() -> Gap {
    let gap = Gap::new();
    gap.export_sample();
    assert!(gap.cluster.vault.join("policy/000002.toml").exists());
    gap
}

#[test]
fn a_policy_that_the_log_does_not_name_is_not_in_force() {
    let gap = ready();
    let policy = gap.cluster.vault.join("policy/000002.toml");
    let (good, older) = (fs::read_to_string(&policy).unwrap(), policy.with_file_name("000001.toml"));
    let edited = good.replacen("exporters = [\"lab\"]", "exporters = [\"lab\", \"cluster-b\"]", 1);
    assert_ne!(edited, good);
    let named = policy.to_str().unwrap();
    for (what, bad) in [
        ("edited", edited.clone()),
        ("a comment added", format!("{good}# checked\n")),
        ("emptied", String::new()),
        ("an older one", fs::read_to_string(&older).unwrap()),
    ] {
        fs::write(&policy, &bad).unwrap();
        assert_unusable(&gap, what, 3, named);
    }
    // Signed by the right key it is still not the one in the log.
    fs::write(&policy, &edited).unwrap();
    let signature = gap.cluster.signing_key().sign(Namespace::Policy, edited.as_bytes()).unwrap();
    let beside = |policy: &Path| gap.cluster.policy_signature(policy);
    let good_signature = fs::read(beside(&policy)).unwrap();
    fs::write(beside(&policy), signature).unwrap();
    assert_unusable(&gap, "edited and signed", 3, named);
    fs::copy(&older, &policy).unwrap();
    fs::copy(beside(&older), beside(&policy)).unwrap();
    assert_unusable(&gap, "an older one with its signature", 3, named);
    fs::remove_file(&policy).unwrap();
    assert_unusable(&gap, "removed", 3, named);

    fs::write(&policy, good).unwrap();
    fs::write(beside(&policy), good_signature).unwrap();
    gap.import().expect(0);
}

#[test]
fn a_policy_counts_with_a_root_person_s_policy_signature_only() {
    let gap = ready();
    let path = gap.cluster.vault.join("policy/000002.toml");
    let signature = gap.cluster.policy_signature(&path);
    let (good, policy) = (fs::read(&signature).unwrap(), fs::read(&path).unwrap());
    let sign = |key: SigningKey, namespace| key.sign(namespace, &policy).unwrap().into_bytes();
    let own = || gap.cluster.signing_key();
    for (what, bad, code) in [
        ("the older one's", fs::read(gap.cluster.policy_signature(&path.with_file_name("000001.toml"))).unwrap(), 4),
        ("a stranger's", sign(SigningKey::generate().unwrap(), Namespace::Policy), 4),
        ("an exporter's", sign(gap.lab.signing_key(), Namespace::Policy), 4),
        ("made for a seal", sign(own(), Namespace::Seal), 4),
        ("emptied", Vec::new(), 4),
    ] {
        fs::write(&signature, bad).unwrap();
        assert_unusable(&gap, what, code, "000002.toml is not signed by enough root persons");
    }
    fs::remove_file(&signature).unwrap();
    assert_unusable(&gap, "removed", 4, "000002.toml is not signed by enough root persons");
    fs::write(&signature, good).unwrap();
    gap.import().expect(0);
}

/// Puts other bytes in the place of a file, or removes it, and gives back what was there.
fn replace(path: &Path, bytes: Option<Vec<u8>>) -> Vec<u8> {
    let good = fs::read(path).unwrap();
    match bytes {
        Some(bytes) => fs::write(path, bytes).unwrap(),
        None => fs::remove_file(path).unwrap(),
    }
    good
}

#[test]
fn a_key_of_another_vault_is_refused() {
    let gap = ready();
    for name in ["secrets/age.key", "secrets/ssh.key"] {
        let path = gap.cluster.vault.join(name);
        let theirs = fs::read(gap.lab.vault.join(name)).unwrap();
        for (what, bytes) in [
            ("another vault's", Some(theirs)),
            ("emptied", Some(Vec::new())),
            ("no text", Some(vec![0xff; 64])),
            ("removed", None),
        ] {
            // Most commands need no identity; that it is gone stops those that do.
            if name == "secrets/age.key" && bytes.is_none() {
                let (before, good) = (Before::of(&gap.cluster), replace(&path, bytes));
                gap.cluster.run(["list"]).expect(0);
                gap.import().refused(3, "age.key is missing from the vault");
                fs::write(&path, good).unwrap();
                before.expect_same(&gap.cluster, what);
                continue;
            }
            let good = replace(&path, bytes);
            assert_unusable(&gap, &format!("{name} {what}"), 3, path.to_str().unwrap());
            fs::write(&path, good).unwrap();
        }
    }
    gap.import().expect(0);
}

#[test]
fn a_card_other_than_the_vault_was_made_with_is_refused() {
    let gap = ready();
    let path = gap.cluster.vault.join("card.toml");
    let (own, theirs) =
        (fs::read_to_string(&path).unwrap(), fs::read_to_string(gap.lab.vault.join("card.toml")).unwrap());
    let label_key = |card: &str| card.lines().find(|line| line.starts_with("label_key")).unwrap().to_owned();
    for (what, card, text) in [
        ("the lab's", theirs.clone(), "not the vault's own key"),
        ("another site", own.replacen("site = \"cluster-b\"", "site = \"lab\"", 1), "own card has fingerprint"),
        ("another label key", own.replacen(&label_key(&own), &label_key(&theirs), 1), "own card has fingerprint"),
        ("a comment more", format!("{own}# mine\n"), "the vault's own card"),
        ("emptied", String::new(), "the vault's own card"),
    ] {
        assert_ne!(card, own, "{what}");
        fs::write(&path, card).unwrap();
        assert_unusable(&gap, what, 3, text);
    }
    fs::write(&path, own).unwrap();
    gap.import().expect(0);
}

#[test]
fn nothing_is_exported_with_another_tent_key_than_the_log_pins() {
    let gap = ready();
    let other = Site::new(gap.room.path(), "lab-2");
    other.run(["tent", "new", "aurora"]).expect(0);
    gap.lab.run(["tent", "new", "borealis"]).expect(0);
    let path = gap.lab.vault.join("secrets/tents/aurora.key");
    let key = |site: &Site, tent: &str| Some(fs::read(site.vault.join(format!("secrets/tents/{tent}.key"))).unwrap());
    for (what, bytes) in [
        ("another vault's", key(&other, "aurora")),
        ("another tent's", key(&gap.lab, "borealis")),
        ("emptied", Some(Vec::new())),
        ("removed", None),
    ] {
        let good = replace(&path, bytes);
        let (before, stick) = (Before::of(&gap.lab), snapshot(&gap.stick));
        gap.export(&gap.path("sample"), "model:v2", &[]).refused(3, path.to_str().unwrap());
        before.expect_same(&gap.lab, what);
        assert!(stick == snapshot(&gap.stick), "{what}");
        fs::write(&path, good).unwrap();
    }
    gap.export(&gap.path("sample"), "model:v2", &[]).expect(0);
}

/// Whoever can write to a vault before it has the tent would know the tent's key, and so could test its bundles for known
/// chunks.
#[test]
fn a_tent_key_that_no_log_entry_pins_is_never_used() {
    let room = tempfile::tempdir().unwrap();
    let planted = format!("{}\n", "7".repeat(64));
    for (name, other) in [("lab", planted.as_str()), ("lab-2", "no key at all")] {
        let lab = Site::new(room.path(), name);
        let path = lab.vault.join("secrets/tents/aurora.key");
        fs::write(&path, other).unwrap();
        lab.run(["tent", "new", "aurora"]).expect(0);
        let key = fs::read_to_string(&path).unwrap();
        assert_ne!(key, other);
        let pin = gapvault_formats::ids::TentKey::from_hex(key.trim()).unwrap().pin().to_string();
        assert_eq!(lab.last_event()["tent-key"]["pin"], pin.as_str());
    }
}
