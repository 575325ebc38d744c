//! What somebody slips into a policy, or beside one, so that others sign it unseen or can't put it in force.

use crate::support::policy::{Roots, with_epoch};
use crate::support::{Site, run};
use gapvault_formats::sshsig::{Namespace, SigningKey};
use std::fs;

#[test]
fn what_was_given_up_or_is_another_vault_s_comes_back_with_no_command() {
    let room = tempfile::tempdir().unwrap();
    let (lab, other) = (Site::new(room.path(), "lab"), Site::new(room.path(), "other"));
    lab.run(["tent", "new", "aurora"]).expect(0);
    // The owner signs a change, thinks better of it, and somebody keeps the text with its signature.
    lab.edit(|text| with_epoch(&text, 3).replacen("exporters = [\"lab\"]", "exporters = []", 1));
    lab.run(["policy", "sign", "--yes"]).expect(0);
    let signed = lab.beside_working_copy().into_iter().map(|name| lab.vault.join(name));
    let kept = signed.chain([lab.working_copy()]).map(|path| (fs::read(&path).unwrap(), path));
    let kept: Vec<_> = kept.collect();
    let put_back = || kept.iter().for_each(|(bytes, path)| fs::write(path, bytes).unwrap());
    lab.run(["policy", "reset"]).expect(0);
    put_back();
    let told = lab.run(["tent", "set", "aurora", "--valid-days", "30"]).expect(0).out;
    assert!(told.contains("this is proposed as policy epoch 3, and not in force"), "{told}");
    assert_eq!(lab.epoch(), 2);
    lab.run(["policy", "reset"]).expect(0);
    // Once other epochs are in force it is refused altogether.
    for days in ["30", "31"] {
        lab.run(["tent", "set", "aurora", "--valid-days", days]).expect(0);
    }
    put_back();
    let before = lab.snapshot();
    for command in [&["tent", "new", "borealis"][..], &["revoke", "lab"]] {
        let refused = lab.run(command.iter().copied());
        refused.refused(4, "was not made from the policy in force here").err.contains("policy reset");
    }
    assert!(lab.snapshot() == before);
    lab.run(["policy", "reset"]).expect(0);
    // So is another vault's, though this one's key signed it for that.
    fs::copy(other.policy_file(), lab.working_copy()).unwrap();
    lab.edit(|text| with_epoch(&text, 5));
    lab.sign_by_hand(&lab.working_copy(), Namespace::Policy);
    lab.run(["tent", "new", "borealis"]).refused(4, "was not made from the policy in force here");
    assert_eq!(lab.epoch(), 4);
}

#[test]
fn what_is_only_proposed_is_not_said_to_be_so() {
    let roots = Roots::together();
    let Roots { lab, .. } = &roots;
    lab.run(["tent", "new", "aurora"]).expect(0);
    for _ in 0..2 {
        let told = lab.run(["tent", "new", "aurora", "--json"]).expect(0).json();
        assert_eq!((&told["applied"], &told["changed"]), (&false.into(), &false.into()), "{told:#}");
        assert_eq!(told["missing"][0]["missing"], 1, "{told:#}");
    }
    lab.run(["policy", "reset"]).expect(0);
    lab.run(["revoke", "bob"]).refused(4, "it takes 2 of them");
    let other = SigningKey::generate().unwrap().public().unwrap().to_string();
    lab.run(["revoke", &other]).expect(0);
    let told = lab.run(["revoke", &other]).expect(0).out;
    assert!(
        told.contains("its revocation was proposed before\nthis is proposed as policy epoch 3, and not in force"),
        "{told}"
    );
    // What is so neither in force nor in the proposal is told as before.
    lab.run(["untrust", "bob", "--tent", "aurora", "--role", "member"]).refused(2, "bob is no member of tent aurora");
    // What the proposal takes away already is in force yet.
    lab.run(["policy", "reset"]).expect(0);
    lab.run(["untrust", "bob", "--role", "root", "--threshold", "1"]).expect(0);
    let told = lab.run(["untrust", "bob", "--role", "root", "--threshold", "1", "--json"]).expect(0).json();
    assert_eq!((&told["applied"], &told["changed"]), (&false.into(), &false.into()), "{told:#}");
}

#[test]
fn a_key_that_is_only_proposed_is_revoked_with_its_person() {
    let roots = Roots::together();
    let Roots { lab, .. } = &roots;
    let key = SigningKey::generate().unwrap().public().unwrap();
    let bob = "name = \"bob\"\nkeys = [";
    lab.edit(|policy| with_epoch(&policy, 3).replacen(bob, &format!("{bob}\"{key}\","), 1));
    lab.run(["policy", "check"]).expect(0);
    let told = lab.run(["revoke", "bob"]);
    // The root would lose its second person: that is refused, and names both keys' end.
    told.refused(4, "it takes 2 of them, 1 have a fitting key that is not revoked");
    let fingerprint = key.fingerprint().to_string();
    let told = lab.run(["revoke", &fingerprint]).expect(0).out;
    assert!(told.contains(&format!("key {fingerprint} revoked")), "{told}");
}

#[test]
fn what_is_not_needed_beside_a_policy_holds_nothing_up() {
    let roots = Roots::together();
    let Roots { lab, bob, .. } = &roots;
    lab.trust_card(&Site::new(&roots.path(""), "carol"), &["--role", "root"]).expect(0);
    bob.signs_for(lab).expect(0);
    lab.run(["policy", "apply"]).expect(0);
    let path = roots.path("carried.toml");
    fs::write(&path, with_epoch(&fs::read_to_string(lab.policy_file()).unwrap(), 4)).unwrap();
    for site in [lab, bob] {
        site.sign_by_hand(&path, Namespace::Policy);
    }
    let carol = Site { vault: roots.path("carol") }.signing_key().public().unwrap().fingerprint();
    fs::write(roots.path(&format!("carried.toml.{carol}.sig")), "junk").unwrap();
    let checked = run(lab.command(["policy", "check"]).arg(&path)).expect(0).out;
    assert!(checked.contains("puts it in force") && checked.contains("ignored: "), "{checked}");
    run(lab.command(["policy", "apply"]).arg(&path)).expect(0);
    assert_eq!(lab.epoch(), 4);
}

#[test]
fn a_time_in_the_future_is_shown_to_whoever_signs() {
    let roots = Roots::together();
    let Roots { lab, bob, .. } = &roots;
    lab.edit(|text| {
        let time = text.lines().find(|line| line.starts_with("time = ")).unwrap().to_owned();
        with_epoch(&text, 3).replacen(&time, "time = \"9998-01-01T00:00:00Z\"", 1)
    });
    let shown = bob.signs_for(lab).expect(0).err;
    assert!(shown.contains("written at 9998-01-01T00:00:00Z"), "{shown}");
    assert!(shown.contains("warning: it was written at 9998-01-01T00:00:00Z, this host's clock says"), "{shown}");
}
