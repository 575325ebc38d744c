//! Commands that change the policy, and how it is shown.

use crate::support::untouched::promptly;
use crate::support::{Gap, Site, gapvault, run, write_sample};
use gapvault_formats::sshsig::SigningKey;
use std::fs;
use std::path::PathBuf;

#[test]
fn rules_of_a_tent_are_set_and_shown() {
    let gap = Gap::new();
    let set = |args: &[&str]| gap.lab.run([&["tent", "set", "aurora"], args].concat());
    set(&[]).refused(2, "no rule is named");
    let told = set(&["--approvals", "1", "--of", "cluster-b", "--valid-days", "30", "--json"]).expect(0).json();
    assert_eq!((&told["applied"], told["changes"].as_array().unwrap().len()), (&true.into(), 2), "{told}");
    set(&["--allow-format", "safetensors,gguf", "--file-size", "10G", "--destination", "cluster-b"]).expect(0);
    let again = set(&["--valid-days", "30", "--destination", "cluster-b"]).expect(0);
    assert_eq!(again.out, "tent aurora: so it was already\n");
    let shown = gap.lab.run(["policy", "show"]).expect(0).out;
    for text in [
        "root: a new policy takes the signature of lab",
        "read content      lab, cluster-b",
        "read catalogues   nobody",
        "content goes to   cluster-b",
        "approval by cluster-b, the exporter's own not counted",
        "at most 30 days",
        "only safetensors, gguf, without pickles, each at most 10.00 GiB",
        "cluster-b, 1 key, works at cluster-b",
    ] {
        assert!(shown.contains(text), "no {text:?} in\n{shown}");
    }
    for (args, fault) in [
        (&["--approvals", "2"][..], "it takes 2 of them, there are 1"),
        (&["--destination", "elsewhere"], "no site elsewhere"),
        (&["--of", "eve"], "no person eve"),
        (&["--signatures", "presence"], "security key"),
        (&["--valid-days", "0"], "`valid_days` is 0"),
    ] {
        let before = gap.lab.snapshot();
        let run = set(args);
        assert!(matches!(run.code, 2 | 4) && run.err.contains(fault), "{args:?}: {run:#?}");
        assert!(gap.lab.snapshot() == before, "{args:?} changed the vault");
    }
    set(&[
        "--approvals",
        "0",
        "--valid-days",
        "any",
        "--allow-format",
        "any",
        "--file-size",
        "any",
        "--destination",
        "any",
    ])
    .expect(0);
    let tents = gap.lab.run(["policy", "show", "--json"]).expect(0).json()["policy"]["tent"].clone();
    assert_eq!(tents[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["name", "members", "auditors", "exporters"]);
    gap.lab.run(["tent", "set", "nowhere", "--pickle", "true"]).refused(2, "no tent nowhere");
}

#[test]
fn comments_stay_where_people_put_them() {
    let gap = Gap::new();
    let epoch = gap.lab.epoch();
    gap.lab.edit(|text| {
        let text = crate::support::policy::with_epoch(&text, epoch + 1);
        text.replacen(
            "members = [\"lab\", \"cluster-b\"]",
            "# decided in March\nmembers = [\"lab\", \"cluster-b\"] # both",
            1,
        )
    });
    gap.lab.run(["policy", "sign", "--yes"]).expect(0);
    gap.lab.run(["policy", "apply"]).expect(0);
    let other = Site::new(gap.room.path(), "other");
    gap.lab.trust(&other, "member");
    gap.lab.run(["untrust", "cluster-b", "--tent", "aurora", "--role", "member"]).expect(0);
    let text = gap.lab.run(["policy", "show", "--toml"]).expect(0).out;
    assert!(text.contains("# decided in March\nmembers = [\"lab\", \"other\"] # both\n"), "{text}");
    assert_eq!(text.as_bytes(), fs::read(gap.lab.working_copy()).unwrap());
}

#[test]
fn a_card_can_be_renewed() {
    let gap = Gap::new();
    fs::create_dir(gap.path("elsewhere")).unwrap();
    let renewed = Site::new(&gap.path("elsewhere"), "cluster-b");
    let before = gap.lab.snapshot();
    gap.lab.trust_card(&renewed, &["--tent", "aurora", "--role", "member"]).refused(4, "--renew");
    assert!(gap.lab.snapshot() == before);
    let (_, old) = gap.cluster.card_file();
    let (_, new) = renewed.card_file();
    let told = gap.lab.trust_card(&renewed, &["--renew"]).expect(0);
    assert!(told.err.contains(&old) && told.out.contains(&new), "{told:#?}");
    let policy = gap.lab.run(["policy", "show", "--json"]).expect(0).json()["policy"].clone();
    let site = policy["site"].as_array().unwrap().iter().find(|site| site["name"] == "cluster-b").unwrap();
    assert_eq!(site["card"].as_str(), Some(new.as_str()));
    let person = policy["person"].as_array().unwrap().iter().find(|person| person["name"] == "cluster-b").unwrap();
    assert_eq!(person["keys"].as_array().unwrap().len(), 2);
    let stranger = Site::new(gap.room.path(), "stranger");
    gap.lab.trust_card(&stranger, &["--renew"]).refused(2, "the policy has no site stranger");
}

#[test]
fn a_site_s_new_card_gives_nobody_another_s_name() {
    let gap = Gap::new();
    fs::create_dir(gap.path("elsewhere")).unwrap();
    // Whoever owns the lab's card makes one that names the cluster's root person.
    let vault = gap.path("elsewhere").join("lab");
    run(gapvault().arg("init").arg(&vault).args(["--site", "lab", "--person", "cluster-b"])).expect(0);
    let before = gap.cluster.snapshot();
    let refused = gap.cluster.trust_card(&Site { vault }, &["--renew"]);
    refused.refused(4, "the new card of site lab is cluster-b's, the one before was lab's");
    assert!(gap.cluster.snapshot() == before);
    // The lab's person with another key: what is new is said.
    let vault = gap.path("elsewhere").join("lab-2");
    run(gapvault().arg("init").arg(&vault).args(["--site", "lab", "--person", "lab"])).expect(0);
    let renewed = Site { vault };
    let key = renewed.signing_key().public().unwrap().fingerprint();
    let told = gap.cluster.trust_card(&renewed, &["--renew"]).expect(0).out;
    assert!(told.contains(&format!("person lab: key {key} added")), "{told}");
    assert!(gap.cluster.last_policy()["change"].as_str().unwrap().contains(&key.to_string()));
}

#[test]
fn a_tent_that_is_there_is_not_made_again() {
    let gap = Gap::new();
    gap.lab.run(["untrust", "lab", "--tent", "aurora", "--role", "exporter"]).expect(0);
    let before = gap.lab.snapshot();
    gap.lab.run(["tent", "new", "aurora"]).refused(2, "the policy has a tent aurora already");
    assert!(gap.lab.snapshot() == before);
    let refused = gap.export(&gap.path("nothing"), "model:v1", &[]);
    refused.refused(4, "lab is not an exporter of tent aurora (exporters: nobody)");
}

#[test]
fn a_change_that_leaves_too_few_says_so() {
    let gap = Gap::new();
    let ana = gap.path("ana.pub");
    let key = gapvault_formats::sshsig::SigningKey::generate().unwrap().public().unwrap();
    fs::write(&ana, format!("{key}\n")).unwrap();
    let card = run(gapvault().args(["card", "--person", "ana", "--key"]).arg(&ana)).expect(0);
    let (path, fingerprint) = (gap.path("ana.card"), card.err.trim().rsplit(' ').next().unwrap().to_owned());
    fs::write(&path, card.out).unwrap();
    let trust = |how: &[&str]| {
        run(gap.lab.command(["trust"]).arg(&path).args(how).args(["--fingerprint", &fingerprint])).expect(0)
    };
    trust(&["--site", "lab"]);
    trust(&["--tent", "aurora", "--role", "approver"]);
    let told = gap.lab.run(["revoke", "ana"]).expect(0);
    assert!(told.out.contains("remark: tent aurora: bundles of lab take 1 approvals, but only 0 can"), "{told:#?}");
    write_sample(&gap.path("sample"));
    let warned = gap.export(&gap.path("sample"), "model:v1", &["--dry-run"]).expect(0);
    assert!(warned.err.contains("warning: tent aurora: bundles of lab take 1 approvals"), "{warned:#?}");
}

#[test]
fn who_works_where_can_be_said_and_taken_back() {
    let gap = Gap::new();
    let carol = Site::new(gap.room.path(), "carol");
    gap.lab.trust_card(&carol, &["--tent", "aurora", "--role", "approver"]).refused(4, "carol works at no member");
    gap.lab.trust_card(&carol, &["--site", "lab"]).expect(0);
    gap.lab.trust_card(&carol, &["--site", "nowhere"]).refused(2, "no site nowhere");
    let told = gap.lab.trust_card(&carol, &["--tent", "aurora", "--role", "approver"]).expect(0);
    assert_eq!(told.out, "carol is now an approver of tent aurora\n");
    gap.lab.run(["untrust", "carol", "--site", "lab"]).refused(4, "carol works at no member");
    gap.lab.run(["untrust", "carol", "--tent", "aurora", "--role", "approver"]).refused(4, "the list is empty");
    gap.lab.run(["tent", "set", "aurora", "--approvals", "0"]).expect(0);
    gap.lab.run(["untrust", "carol", "--site", "lab"]).expect(0);
    gap.lab.run(["untrust", "carol", "--site", "lab"]).refused(2, "carol is no person of site lab");
    for (args, fault) in [
        (&["--role", "root", "--tent", "aurora"][..], "--role root is of no tent"),
        (&["--role", "member"], "--tent"),
        (&["--site", "lab", "--threshold", "2"], "--threshold goes with --role root"),
    ] {
        gap.lab.trust_card(&carol, args).refused(2, fault);
    }
}

#[test]
fn keys_are_revoked_by_whatever_names_them() {
    let gap = Gap::new();
    let (card, _) = gap.lab.card_file();
    let key = gap.lab.signing_key().public().unwrap();
    let public = gap.path("id.pub");
    fs::write(&public, format!("{key} lab@laptop\n")).unwrap();
    let fingerprint = key.fingerprint().to_string();
    let bundle = "5f".repeat(32);
    for what in ["lab", &fingerprint, &key.to_string(), public.to_str().unwrap(), card.to_str().unwrap()] {
        let room = tempfile::tempdir().unwrap();
        let vault = room.path().join("cluster");
        crate::support::kill::copy_tree(&gap.cluster.vault, &vault);
        let cluster = Site { vault };
        let told = cluster.run(["revoke", what, "--reason", "stolen", "--except", &bundle]).expect(0).out;
        assert!(told.contains("revoked, reason \"stolen\"") && told.contains(&bundle), "{what}: {told}");
        let revoked = cluster.run(["policy", "show", "--json"]).expect(0).json()["policy"]["revocation"].clone();
        assert_eq!(
            (revoked[0]["key"].as_str(), &revoked[0]["except"][0]),
            (Some(&*key.to_string()), &bundle.as_str().into())
        );
        assert_eq!(cluster.run(["revoke", what]).expect(0).out, "revoked already\n", "{what}");
        let shown = cluster.run(["policy", "show"]).expect(0).out;
        assert!(
            shown.contains(&format!("key {fingerprint} of lab: \"stolen\"\n    but for seal {bundle}\n")),
            "{shown}"
        );
    }
    let before = gap.cluster.snapshot();
    gap.cluster.run(["revoke", "cluster-b"]).refused(4, "it takes 1 of them, 0 have a fitting key");
    gap.cluster.run(["revoke", &"0".repeat(64)]).refused(2, "no person of the policy has a key");
    // A fifo is no card, and nobody waits for it.
    let fifo = gap.path("fifo");
    run(std::process::Command::new("mkfifo").arg(&fifo)).expect(0);
    for command in [&["revoke"][..], &["trust", "--renew"]] {
        promptly(gap.cluster.command(command).arg(&fifo)).refused(1, "not a regular file");
    }
    gap.cluster.run(["revoke", "nobody"]).refused(1, "nobody is no person of the policy and no key");
    assert!(gap.cluster.snapshot() == before);
}

#[test]
fn a_person_s_card_gives_all_their_keys() {
    let gap = Gap::new();
    let keys: Vec<_> = ["one", "two", "three"]
        .iter()
        .map(|name| {
            let public = SigningKey::generate().unwrap().public().unwrap();
            let path = gap.path(name);
            fs::write(&path, format!("{public} carol@{name}\n")).unwrap();
            path
        })
        .collect();
    let card = |name: &str, keys: &[PathBuf]| {
        let mut command = gapvault();
        command.args(["card", "--person", "carol"]);
        for key in keys {
            command.arg("--key").arg(key);
        }
        let made = run(&mut command).expect(0);
        let path = gap.path(name);
        fs::write(&path, &made.out).unwrap();
        (path, made.err.trim().rsplit(' ').next().unwrap().to_owned())
    };
    let trust = |(card, fingerprint): &(PathBuf, String), how: &[&str]| {
        run(gap.lab.command(["trust"]).arg(card).args(how).args(["--fingerprint", fingerprint]))
    };
    let both = card("both.card", &keys[..2]);
    trust(&both, &["--tent", "aurora", "--role", "member"]).refused(2, "the card is of carol alone");
    assert_eq!(trust(&both, &["--site", "lab"]).expect(0).out, "carol is now a person of site lab\n");
    for (role, told) in [("approver", "carol is now an approver"), ("exporter", "carol is now exporter")] {
        let run = trust(&both, &["--tent", "aurora", "--role", role]).expect(0);
        assert!(run.out.starts_with(told), "{run:#?}");
    }
    let other = card("other.card", &keys[1..]);
    trust(&other, &["--role", "root"]).refused(4, "other keys");
    trust(&other, &["--renew"]).expect(0);
    trust(&other, &["--role", "root"]).expect(0);
    let carol = |policy: &serde_json::Value| {
        policy["person"].as_array().unwrap().iter().find(|person| person["name"] == "carol").unwrap()["keys"].clone()
    };
    let policy = gap.lab.run(["policy", "show", "--json"]).expect(0).json()["policy"].clone();
    assert_eq!(carol(&policy).as_array().unwrap().len(), 3);
    let revoked = run(gap.lab.command(["revoke"]).arg(&both.0)).expect(0).out;
    assert_eq!(revoked.matches("revoked").count(), 2, "{revoked}");
}
