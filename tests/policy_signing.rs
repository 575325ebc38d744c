//! Policies that several persons sign: what is proposed, by whom it is signed, and when it is in force.

use crate::support::policy::{Roots, digest, stranger_signs, with_epoch};
use crate::support::tools::{have, skip, tool};
use crate::support::{Site, run, snapshot};
use gapvault_core::clock::Clock;
use gapvault_core::policy::{ApplyError, apply};
use gapvault_core::vault::{Access, Vault};
use gapvault_formats::ids::PolicyDigest;
use gapvault_formats::sshsig::{Namespace, PublicKey, SigningKey};
use std::fs;
use std::io::Write;
use std::process::{Output, Stdio};

#[test]
fn a_vault_of_one_person_needs_no_ceremony() {
    let room = tempfile::tempdir().unwrap();
    let lab = Site::new(room.path(), "lab");
    let made = lab.run(["tent", "new", "aurora", "--json"]).expect(0).json();
    assert_eq!((made["applied"].as_bool(), made["missing"].as_array().unwrap().len()), (Some(true), 0), "{made}");
    assert_eq!(lab.epoch(), 2);
    let in_force = fs::read(lab.vault.join("policy/000002.toml")).unwrap();
    assert_eq!(fs::read(lab.working_copy()).unwrap(), in_force);
    assert!(lab.beside_working_copy().is_empty());
    assert_eq!(lab.run(["policy", "check", "--json"]).expect(0).json()["state"], "in force");
    let before = lab.snapshot();
    assert!(lab.run(["policy", "apply"]).expect(0).out.contains("epoch 2 is in force already"));
    lab.run(["policy", "sign", "--yes"]).refused(2, "nothing to sign");
    assert!(lab.snapshot() == before);
}

#[test]
fn a_second_root_person_has_to_sign_with_the_first() {
    let roots = Roots::apart();
    let Roots { lab, bob, .. } = &roots;
    let told = lab.trust_card(bob, &["--role", "root", "--threshold", "2", "--json"]).expect(0).json();
    assert_eq!((told["applied"].as_bool(), told["epoch"].as_u64()), (Some(false), Some(2)), "{told}");
    // The root in force is the lab's person alone, who signed; the new one wants both.
    assert_eq!(told["missing"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(
        (&told["missing"][0]["root"], &told["missing"][0]["could"][0]),
        (&"own".into(), &"bob".into()),
        "{told}"
    );
    assert_eq!(lab.epoch(), 1);
    let log = fs::read(lab.vault.join("log/entries.jsonl")).unwrap();
    let refused = lab.run(["policy", "apply"]).refused(4, "bob could");
    assert!(refused.err.contains("\nhint: "), "{refused:#?}");
    let told = lab.run(["policy", "apply", "--json"]).expect(4).json();
    assert_eq!((&told["applied"], &told["error"]["kind"]), (&false.into(), &"refused".into()), "{told}");
    assert!(fs::read(lab.vault.join("log/entries.jsonl")).unwrap() == log, "what only lacks signatures was logged");

    roots.bob_signs().expect(0);
    assert_eq!(lab.run(["policy", "check", "--json"]).expect(0).json()["state"], "ready");
    lab.run(["policy", "apply"]).expect(0);
    assert_eq!(lab.epoch(), 2);
    assert_eq!(lab.last_event()["policy"]["signed"], serde_json::json!(["bob", "lab"]));
    assert!(lab.beside_working_copy().is_empty());

    // From now on nothing is in force at once.
    let made = lab.run(["tent", "new", "aurora"]).expect(0).out;
    for text in ["to be made: tent aurora", "still to sign: bob (the root in force asks for 2)", "policy apply"] {
        assert!(made.contains(text), "no {text:?} in {made}");
    }
    assert!(lab.run(["tent", "list"]).expect(0).out.contains("no tents"));
    roots.bob_signs().expect(0);
    lab.run(["policy", "apply"]).expect(0);
    assert!(lab.run(["tent", "list"]).expect(0).out.contains("aurora"));
    lab.run(["list"]).expect(0);
}

#[test]
fn the_root_that_is_left_counts_as_well_as_the_new_one() {
    let roots = Roots::together();
    let Roots { lab, bob, .. } = &roots;
    let carol = Site::new(roots.room.path(), "carol");
    lab.trust_card(&carol, &["--role", "root"]).expect(0);
    // Bob and carol are two, and two of the new root, but only one of them is of the root in force.
    fs::remove_file(lab.policy_signature(&lab.working_copy())).unwrap();
    carol.sign_by_hand(&lab.working_copy(), Namespace::Policy);
    roots.bob_signs().expect(0);
    lab.run(["policy", "apply"]).refused(4, "1 of 2 persons of the root in force signed (bob); lab could");
    lab.run(["policy", "sign", "--yes"]).expect(0);
    lab.run(["policy", "apply"]).expect(0);
    assert_eq!(lab.last_event()["policy"]["signed"], serde_json::json!(["bob", "carol", "lab"]));

    // Whoever leaves the root has to agree while it takes them; the new root has to as well.
    lab.run(["untrust", "lab", "--role", "root"]).expect(0);
    carol.signs_for(lab).expect(0);
    lab.run(["policy", "apply"]).refused(4, "1 of 2 persons of its own root signed (carol); bob could");
    roots.bob_signs().expect(0);
    let before = lab.snapshot();
    let asked = lab.run(["policy", "apply"]).refused(2, "there is no terminal to ask on");
    assert!(asked.err.contains("lab of this vault is no root person any more"), "{asked:#?}");
    assert!(lab.snapshot() == before, "it was put in force unasked");
    let warned = lab.run(["policy", "apply", "--yes"]).expect(0);
    assert!(warned.err.contains("lab of this vault is no root person any more"), "{warned:#?}");
    lab.run(["tent", "new", "aurora"]).expect(0);
    assert!(bob.run(["list"]).expect(0).err.is_empty());
}

#[test]
fn persons_are_counted_and_not_their_keys() {
    let roots = Roots::together();
    let Roots { lab, .. } = &roots;
    // A second key of the lab's person.
    let other = Site::new(&roots.path(""), "other");
    let key = other.signing_key().public().unwrap();
    let before = fs::read_to_string(lab.working_copy()).unwrap();
    let own = lab.signing_key().public().unwrap().to_string();
    let text = with_epoch(&before, 3).replacen(&format!("\"{own}\","), &format!("\"{own}\",\n  \"{key}\","), 1);
    fs::write(lab.working_copy(), text).unwrap();
    lab.run(["policy", "sign", "--yes"]).expect(0);
    roots.bob_signs().expect(0);
    lab.run(["policy", "apply"]).expect(0);

    lab.run(["tent", "new", "aurora"]).expect(0);
    other.signs_for(lab).expect(0);
    assert_eq!(lab.beside_working_copy().len(), 2);
    lab.run(["policy", "apply"]).refused(4, "1 of 2 persons of the root in force signed (lab)");
    assert_eq!(lab.epoch(), 3);
}

#[test]
fn a_signature_over_an_earlier_text_counts_for_nothing_and_goes() {
    let roots = Roots::together();
    let Roots { lab, .. } = &roots;
    lab.run(["tent", "new", "aurora"]).expect(0);
    roots.bob_signs().expect(0);
    lab.edit(|text| text.replacen("members = [\"lab\"]", "members = [\"lab\", \"bob\"]", 1));
    let checked = lab.run(["policy", "check"]).expect(0).out;
    assert!(checked.contains("signed by nobody yet"), "{checked}");
    assert_eq!(checked.matches("it is over other bytes than those of the policy").count(), 2, "{checked}");
    lab.run(["policy", "apply"]).refused(4, "0 of 2 persons");
    assert_eq!(lab.epoch(), 2);

    // A command that changes the text takes them away.
    lab.run(["policy", "sign", "--yes"]).expect(0);
    lab.run(["tent", "set", "aurora", "--valid-days", "30"]).expect(0);
    assert!(lab.beside_working_copy().is_empty(), "what else was proposed its own key has not signed");
    assert_eq!(lab.run(["policy", "check", "--json"]).expect(0).json()["signed"], serde_json::json!([]));
}

#[test]
fn whose_signatures_a_further_change_voids_is_told() {
    let roots = Roots::apart();
    let Roots { lab, .. } = &roots;
    // Three of the root, two to sign: bob's signature does not put anything in force alone.
    lab.trust_card(&roots.bob, &["--role", "root", "--threshold", "2"]).expect(0);
    roots.bob_signs().expect(0);
    lab.run(["policy", "apply"]).expect(0);
    lab.edit(|text| with_epoch(&text, 3).replacen("# Who", "# Edited. Who", 1));
    roots.bob_signs().expect(0);
    let told = lab.run(["tent", "new", "aurora"]).expect(0);
    assert!(told.out.contains("signed before this change, and to be signed again: bob\n"), "{told:#?}");
    roots.bob_signs().expect(0);
    let json = lab.run(["tent", "new", "borealis", "--json"]).expect(0).json();
    assert_eq!(json["void"], serde_json::json!(["bob"]), "{json:#}");
    // Nothing was signed any more.
    let json = lab.run(["tent", "new", "corona", "--json"]).expect(0).json();
    assert_eq!(json["void"], serde_json::json!([]), "{json:#}");
}

#[test]
fn what_is_proposed_can_be_given_up() {
    let roots = Roots::together();
    let Roots { lab, .. } = &roots;
    let in_force = fs::read(lab.working_copy()).unwrap();
    let nothing = lab.run(["policy", "reset", "--json"]).expect(0).json();
    assert_eq!((&nothing["changed"], &nothing["kept"]), (&false.into(), &serde_json::Value::Null));
    lab.run(["tent", "new", "aurora"]).expect(0);
    roots.bob_signs().expect(0);
    let proposed = fs::read(lab.working_copy()).unwrap();
    let broken = b"no policy at all".to_vec();
    for text in [proposed, broken] {
        fs::write(lab.working_copy(), &text).unwrap();
        let told = lab.run(["policy", "reset"]).expect(0).out;
        assert!(told.contains("the working copy is policy epoch 2 again") && told.contains("policy.replaced.toml"));
        assert_eq!(fs::read(lab.working_copy()).unwrap(), in_force);
        assert_eq!(fs::read(lab.vault.join("policy.replaced.toml")).unwrap(), text, "nothing is lost");
        assert!(lab.beside_working_copy().is_empty());
    }
    assert_eq!(lab.epoch(), 2);
    lab.run(["tent", "new", "aurora"]).expect(0);
}

#[test]
fn what_its_owner_has_not_seen_is_not_signed_by_a_command() {
    let room = tempfile::tempdir().unwrap();
    let lab = Site::new(room.path(), "lab");
    lab.run(["tent", "new", "aurora"]).expect(0);
    // Somebody who may write to the vault's folder, but has no key.
    lab.edit(|text| with_epoch(&text, 3).replacen("exporters = [\"lab\"]", "exporters = []", 1));
    let told = lab.run(["tent", "set", "aurora", "--valid-days", "30"]).expect(0).out;
    assert!(told.contains("other changes were proposed before, so this vault's key did not sign it"), "{told}");
    assert_eq!(lab.epoch(), 2);
    let shown = lab.run(["policy", "sign"]).refused(2, "no terminal to ask on");
    assert!(shown.err.contains("tent aurora: lab is no longer exporter"), "{shown:#?}");
    let other = "0".repeat(64);
    lab.run(["policy", "sign", "--digest", &other]).refused(4, "was changed meanwhile");
    lab.run(["policy", "sign", "--digest", &digest(&lab.working_copy())]).expect(0);
    // Though they are signed, a command does not put them in force by the way: who signed may have given them up.
    lab.run(["tent", "new", "borealis"]).expect(0);
    assert_eq!(lab.epoch(), 2);
    lab.run(["policy", "sign", "--yes"]).expect(0);
    lab.run(["policy", "apply", "--yes"]).expect(0);
    assert_eq!(lab.epoch(), 3);
    let change = lab.last_policy()["change"].as_str().unwrap().to_owned();
    for text in ["aurora: lab is no longer exporter", "aurora: valid for any -> 30 days", "borealis: begun"] {
        assert!(change.contains(text), "no {text:?} in {change}");
    }
}

#[test]
fn a_policy_from_outside_comes_with_its_signatures() {
    let roots = Roots::together();
    let Roots { lab, bob, .. } = &roots;
    let stick = roots.path("stick");
    fs::create_dir(&stick).unwrap();
    let carried = stick.join("aurora.toml");
    lab.run(["tent", "new", "aurora"]).expect(0);
    fs::copy(lab.working_copy(), &carried).unwrap();
    // Without a vault, by the key alone; and with the key of another vault.
    let key = lab.vault.join("secrets/ssh.key");
    let mut by_key = crate::support::gapvault();
    by_key.args(["policy", "sign", "--yes"]).arg(&carried).arg("--key").arg(&key);
    let shown = run(&mut by_key).expect(0).err;
    assert!(shown.contains("tent aurora\n") && shown.contains("not compared with any policy in force"), "{shown}");
    let refused = run(bob.command(["policy", "sign", "--yes"]).arg(&carried)).refused(4, "does not follow epoch 1");
    assert!(refused.err.contains("--base"), "{refused:#?}");
    let base = lab.policy_file();
    let shown = run(bob.command(["policy", "sign", "--yes"]).arg(&carried).arg("--base").arg(&base)).expect(0).err;
    assert!(shown.contains(&format!("changes from policy epoch 2, that of {}, to epoch 3", base.display())), "{shown}");
    let stranger = stranger_signs(&carried);
    let checked = run(lab.command(["policy", "check"]).arg(&carried)).expect(0).out;
    let name = stranger.rsplit('/').next().unwrap();
    assert!(checked.contains(&format!("ignored: {name}: it is not named by the key of a root person")), "{checked}");

    // Meanwhile somebody has written something else here.
    lab.edit(|text| text + "# a note\n");
    let kept = fs::read(lab.working_copy()).unwrap();
    let before = snapshot(&stick);
    let applied = run(lab.command(["policy", "apply"]).arg(&carried)).expect(0);
    assert!(applied.out.contains("policy.replaced.toml"), "{applied:#?}");
    assert_eq!(fs::read(lab.vault.join("policy.replaced.toml")).unwrap(), kept);
    assert_eq!(fs::read(lab.working_copy()).unwrap(), fs::read(&carried).unwrap());
    assert!(snapshot(&stick) == before && lab.beside_working_copy().is_empty());
    assert_eq!(lab.epoch(), 3);
    // The stranger's file stayed where it was.
    let stored = fs::read_dir(lab.vault.join("policy")).unwrap();
    assert_eq!(stored.filter(|e| e.as_ref().unwrap().file_name().to_str().unwrap().starts_with("000003")).count(), 3);
    lab.run(["policy", "show", "--epoch", "2"]).expect(0);
    lab.run(["policy", "show", "--epoch", "4"]).refused(2, "no policy of epoch 4");
}

#[test]
fn on_a_terminal_a_person_is_shown_the_changes_and_asked() {
    if !have("script") {
        return skip("the question on a terminal", "`script` of util-linux is missing");
    }
    let roots = Roots::together();
    let Roots { lab, bob, .. } = &roots;
    lab.run(["tent", "new", "aurora"]).expect(0);
    let line = r#""$GAPVAULT" --vault "$VAULT" policy sign "$POLICY" --base "$BASE""#;
    for (answer, code, said) in
        [("n\n", 4, "nothing was signed"), ("\n", 4, "nothing was signed"), ("y\n", 0, "by bob")]
    {
        let before = lab.beside_working_copy();
        let mut command = tool("script");
        command.args(["-qec", line, "/dev/null"]).env_remove("GAPVAULT_DIR").env("SHELL", "/bin/sh");
        command.env("GAPVAULT", crate::support::gapvault().get_program());
        command.env("VAULT", &bob.vault).env("POLICY", lab.working_copy());
        command.env("BASE", lab.policy_file());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        process.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        let Output { status, stdout, .. } = process.wait_with_output().unwrap();
        let shown = String::from_utf8(stdout).unwrap();
        assert_eq!(status.code(), Some(code), "{answer:?}: {shown}");
        for text in ["tent aurora", "persons", "Sign policy epoch 3?", said, &digest(&lab.working_copy())] {
            assert!(shown.contains(text), "{answer:?}: no {text:?} in {shown}");
        }
        assert_eq!(lab.beside_working_copy().len(), before.len() + usize::from(code == 0), "{answer:?}");
    }
    lab.run(["policy", "apply"]).expect(0);
}

#[test]
fn what_comes_into_force_is_what_was_shown() {
    let roots = Roots::together();
    let Roots { lab, bob, .. } = &roots;
    let (shown, other) = (roots.path("shown.toml"), roots.path("other.toml"));
    let text = fs::read_to_string(lab.working_copy()).unwrap();
    for (path, note) in [(&shown, "# one\n"), (&other, "# another\n")] {
        fs::write(path, with_epoch(&text, lab.epoch() + 1) + note).unwrap();
        [lab, bob].iter().for_each(|site| site.sign_by_hand(path, Namespace::Policy));
    }
    let digest = PolicyDigest::of(&fs::read(&shown).unwrap());
    let mut vault = Vault::open(&lab.vault, Access::Write, Clock::SYSTEM).unwrap();
    let applied = apply::<ApplyError>(&mut vault, Some(&shown), |_, proposal, _| {
        assert_eq!(proposal.digest, digest);
        // While somebody thinks about it.
        fs::copy(&other, &shown).unwrap();
        [lab, bob].iter().for_each(|site| {
            fs::copy(site.policy_signature(&other), site.policy_signature(&shown)).unwrap();
        });
        Ok(())
    });
    assert_eq!(applied.unwrap().digest, digest);
    drop(vault);
    assert!(fs::read_to_string(lab.working_copy()).unwrap().ends_with("# one\n"));
}

#[test]
fn a_swapped_key_is_seen_by_whoever_signs() {
    let roots = Roots::together();
    let Roots { lab, bob, .. } = &roots;
    let (stranger, key) = (SigningKey::generate().unwrap().public().unwrap(), bob.signing_key().public().unwrap());
    let carried = roots.path("carried.toml");
    let text = fs::read_to_string(lab.working_copy()).unwrap();
    fs::write(&carried, with_epoch(&text, 3).replacen(&key.to_string(), &stranger.to_string(), 1)).unwrap();
    let kind = |key: &PublicKey| key.to_string().split(' ').next().unwrap().to_owned();
    let line = |key: &PublicKey| format!("    key {}, {}\n", key.fingerprint(), kind(key));
    assert!(lab.run(["policy", "show"]).expect(0).out.contains(&line(&key)));
    let without = |args: &[&str]| {
        let mut command = crate::support::gapvault();
        command.arg("policy").args(args).env_remove("GAPVAULT_DIR");
        command
    };
    let own = lab.vault.join("secrets/ssh.key");
    let by_key = |args: &[&str]| run(without(args).arg(&carried).arg("--key").arg(&own));
    let shown = by_key(&["sign", "--yes"]).expect(0).err;
    assert!(shown.contains(&line(&stranger)) && !shown.contains(&line(&key)), "{shown}");
    let base = lab.policy_file();
    for mut command in [without(&["check"]), without(&["sign", "--yes", "--key", own.to_str().unwrap()])] {
        let shown = run(command.arg(&carried).arg("--base").arg(&base)).expect(0);
        let both = shown.out + &shown.err;
        assert!(both.contains(&stranger.fingerprint().to_string()), "{both}");
        assert!(both.contains(&key.fingerprint().to_string()), "{both}");
        assert!(!both.contains("not compared"), "{both}");
    }
    let checked = run(without(&["check"]).arg(&carried)).expect(0).out;
    assert!(checked.contains("not compared with any policy in force"), "{checked}");
}

#[test]
fn what_does_not_follow_is_not_signed() {
    let roots = Roots::together();
    let Roots { lab, .. } = &roots;
    let text = fs::read_to_string(lab.working_copy()).unwrap();
    let path = roots.path("other.toml");
    for (epoch, fault) in [(2, "two policies of epoch 2"), (4, "epoch 4 does not follow")] {
        fs::write(&path, with_epoch(&text, epoch) + "# another\n").unwrap();
        let before = snapshot(roots.room.path());
        run(lab.command(["policy", "sign", "--yes"]).arg(&path)).refused(4, fault);
        let base = lab.policy_file();
        run(lab.command(["policy", "sign", "--yes"]).arg(&path).arg("--base").arg(&base)).refused(4, fault);
        assert!(snapshot(roots.room.path()) == before, "{fault}");
    }
}
