//! Two people, one export: who may approve what, what counts, and what never does.

use crate::support::approvers::{Approvers, digest};
use crate::support::reseal::{approval_path, files, reseal, sign, signature_path};
use crate::support::ssh::{new_key, provider, public, ssh_keygen};
use crate::support::untouched::{Before, assert_refused};
use crate::support::{Site, run, snapshot, write_sample};
use gapvault_formats::policy::Revocation;
use gapvault_formats::sshsig::{Namespace, PublicKey};
use std::fs;
use std::path::{Path, PathBuf};

const OF: [&str; 3] = ["bob", "carol", "dave"];

fn import(site: &Site, media: &[&Path]) -> crate::support::Run {
    run(site.command(["import"]).args(media))
}

#[test]
fn two_people_one_export() {
    let approvers = Approvers::new(2, &OF);
    let gap = &approvers.gap;
    let bundle = gap.export_sample();
    let id = digest(&bundle);
    let none = "tent aurora asks for approvals of 2 persons, none has approved: 2 missing; bob, carol, dave could still approve it";
    assert_refused(gap, "no approvals", 4, none);

    let by_bob = approvers.approve(&gap.lab, "bob", &gap.stick, &id).expect(0).json();
    assert_eq!(by_bob["artifacts"][0]["artifact"]["name"], "model");
    assert_eq!(by_bob["artifacts"][0]["listed"][0]["path"], "shards/model.safetensors");
    let readers: Vec<_> = by_bob["readers"].as_array().unwrap().iter().map(|r| r["known"].as_bool()).collect();
    assert_eq!(readers, [Some(true), Some(true)], "{by_bob:#}");
    // On the medium and in the vault that made it.
    assert_eq!(by_bob["written"].as_array().unwrap().len(), 2, "{by_bob:#}");
    assert!(approval_path(&bundle, approvers.key("bob")).is_file());
    let one = "1 has approved (bob): 1 missing; carol, dave could still approve it";
    assert_refused(gap, "one approval", 4, one);

    let (vault, stick) = (Before::of(&gap.lab), snapshot(&gap.stick));
    let again = approvers.approve(&gap.lab, "bob", &gap.stick, &id).expect(0).json();
    assert_eq!((&again["already"], again["written"].as_array().unwrap().len()), (&true.into(), 0));
    vault.expect_same(&gap.lab, "approved twice");
    assert!(stick == snapshot(&gap.stick));

    approvers.approve(&gap.cluster, "carol", &gap.stick, &id).expect(0);
    let verified = gap.on_stick("verify").expect(0);
    assert!(verified.out.contains("approved by bob") && verified.out.contains("approved by carol"), "{verified:#?}");
    let imported = gap.import().expect(0);
    for text in ["approved by bob", "approved by carol", "it was refused at", "approvals 2 of bob, carol, dave"] {
        assert!(imported.out.contains(text), "no {text:?} in {imported:#?}");
    }
    let log = gap.cluster.run(["log", "--json"]).expect(0).json();
    let events: Vec<_> = log["entries"].as_array().unwrap().iter().map(|entry| &entry["event"]).collect();
    let admitted = events.iter().find_map(|event| event["imported"]["approved"].as_array()).unwrap();
    let persons: Vec<_> = admitted.iter().map(|approval| approval["person"].as_str().unwrap()).collect();
    assert_eq!(persons.len(), 2);
    assert!(persons.contains(&"bob") && persons.contains(&"carol"), "{persons:?}");
    assert!(events.iter().any(|event| event["approved"]["person"] == "carol"));
    gap.checkout("model:v1", "out").expect(0);
}

#[test]
fn an_approver_sees_what_the_exporter_says_and_what_links_there_are() {
    let approvers = Approvers::new(1, &["carol"]);
    let gap = &approvers.gap;
    let source = gap.path("linked");
    write_sample(&source);
    std::os::unix::fs::symlink("shards", source.join("latest")).unwrap();
    let exported = gap.export(&source, "model:v1", &["--note", "run=77", "--licence", "MIT"]).expect(0).json();
    let id = exported["bundle"].as_str().unwrap();
    let key = approvers.key_file("carol");
    let mut command = gap.cluster.command(["approve", "--bundle", id]);
    let told = run(command.arg(&gap.stick).arg("--key").arg(&key)).expect(0);
    for line in ["latest -> shards", "note     run=77", "licence  MIT", "host     ", "tool     gapvault "] {
        assert!(told.err.contains(line), "no {line:?} in {told:#?}");
    }
    let json = approvers.approve(&gap.cluster, "carol", &gap.stick, id).expect(0).json();
    let artifact = &json["artifacts"][0];
    assert_eq!(artifact["links"][0]["target"], "shards", "{json:#}");
    assert_eq!(artifact["provenance"]["notes"][0]["value"], "77", "{json:#}");
}

#[test]
fn an_approval_without_a_touch_counts_for_nothing_and_harms_nothing() {
    if provider("approvals of security keys that nobody touched").is_none() {
        return;
    }
    let approvers = Approvers::new(1, &["carol"]);
    let gap = &approvers.gap;
    let bundle = gap.export_sample();
    let key = new_key(gap.room.path(), "untouched", &["-t", "ed25519-sk", "-O", "no-touch-required"]);
    let seal = gap.path("seal.json");
    fs::copy(bundle.join("seal.json"), &seal).unwrap();
    run(ssh_keygen().args(["-Y", "sign", "-n", "approve@gapvault", "-f"]).arg(&key).arg(&seal)).expect(0);
    let fingerprint = public(&key).parse::<PublicKey>().unwrap().fingerprint();
    fs::copy(gap.path("seal.json.sig"), bundle.join(format!("seal.json.{fingerprint}.approve.sig"))).unwrap();
    let why = "not counted: seal.json.";
    assert_refused(gap, "no touch", 4, why);
    let told = gap.on_stick("explain");
    assert!(told.code == 4 && told.out.contains("the security key was not touched"), "{told:#?}");
    approvers.approve(&gap.cluster, "carol", &gap.stick, &digest(&bundle)).expect(0);
    gap.import().expect(0);
}

/// Signs the seal as it stands.
fn approves(approvers: &Approvers, bundle: &Path, name: &str) -> PathBuf {
    sign(bundle, approvers.key(name), Namespace::Approve)
}

#[test]
fn nothing_counts_twice_or_as_something_else() {
    let approvers = Approvers::new(2, &OF);
    let gap = &approvers.gap;
    let bundle = gap.export_sample();
    let other = gap.path("other");
    write_sample(&other);
    // One approval is good; each of these is not another.
    type Row<'a> = (&'static str, Box<dyn Fn(&Path) -> PathBuf + 'a>, i32, &'static str);
    let path = |name: &str| approval_path(&bundle, approvers.key(name));
    let copy = |from: &Path, to: PathBuf| {
        fs::copy(from, &to).unwrap();
        to
    };
    let stranger_seal = |_: &Path| sign(&bundle, approvers.key("carol"), Namespace::Seal);
    let rows: Vec<Row<'_>> = vec![
        ("his signature under her name", Box::new(|bob| copy(bob, path("carol"))), 3, "does not fit seal.json"),
        (
            "his approval under the name of a seal's",
            Box::new(|bob| copy(bob, signature_path(&bundle, approvers.key("bob")))),
            3,
            "does not fit seal.json",
        ),
        (
            "a seal signature under the name of an approval",
            Box::new(|bob| {
                let to = path("carol");
                fs::rename(stranger_seal(bob), &to).unwrap();
                to
            }),
            3,
            "does not fit seal.json",
        ),
        ("a seal signature of hers", Box::new(stranger_seal), 4, "1 has approved (bob): 1 missing"),
        (
            "her approval of another seal",
            Box::new(|_| {
                let signature = approvers.key("carol").sign(Namespace::Approve, b"another seal").unwrap();
                fs::write(path("carol"), signature).unwrap();
                path("carol")
            }),
            3,
            "does not fit seal.json",
        ),
        (
            "his second key",
            Box::new(|_| approves(&approvers, &bundle, "bob-2")),
            4,
            "the same person has approved with another key",
        ),
        (
            "somebody with another role",
            Box::new(|_| approves(&approvers, &bundle, "erin")),
            4,
            "not among those who may approve",
        ),
        (
            "a stranger",
            Box::new(|_| approves(&approvers, &bundle, "stranger")),
            4,
            "the policy gives this key to nobody",
        ),
        (
            "the exporter",
            Box::new(|_| sign(&bundle, &gap.lab.signing_key(), Namespace::Approve)),
            4,
            "the exporter's own approval does not count",
        ),
    ];
    let bob = approves(&approvers, &bundle, "bob");
    for (what, make, code, text) in rows {
        let made = make(&bob);
        assert_refused(gap, what, code, text);
        fs::remove_file(made).unwrap();
    }

    // What is not counted does no harm to what is.
    approves(&approvers, &bundle, "stranger");
    approves(&approvers, &bundle, "bob-2");
    approves(&approvers, &bundle, "carol");
    gap.cluster.adopt(|policy| {
        let key = approvers.key("carol").public().unwrap();
        policy.revocations.push(Revocation { key, reason: None, except: Vec::new() });
    });
    assert_refused(gap, "her key is revoked", 4, "its key is revoked");
    approves(&approvers, &bundle, "dave");
    gap.import().expect(0);
}

#[test]
fn no_set_of_too_few_persons_ever_passes_the_program() {
    let approvers = Approvers::new(2, &OF);
    let gap = &approvers.gap;
    let bundle = gap.export_sample();
    let lab = gap.lab.signing_key();
    let counting = ["bob", "carol", "dave"];
    let all = ["bob", "bob-2", "carol", "dave", "erin", "stranger"];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..14 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let set = (state >> 40) as usize;
        let names: Vec<_> = all.iter().enumerate().filter(|(n, _)| set >> n & 1 == 1).map(|(_, name)| *name).collect();
        let made: Vec<_> = names.iter().map(|name| approves(&approvers, &bundle, name)).collect();
        let exporters = (set >> 8 & 1 == 1).then(|| sign(&bundle, &lab, Namespace::Approve));
        let has = |person: &&&str| names.iter().any(|name| name.split('-').next() == Some(**person));
        let persons = counting.iter().filter(has).count();
        let run = gap.on_stick("verify");
        let expected = if persons >= 2 { 0 } else { 4 };
        assert_eq!(run.code, expected, "round {round}, {names:?}: {run:#?}");
        made.into_iter().chain(exporters).for_each(|path| fs::remove_file(path).unwrap());
    }
}

#[test]
fn approvals_may_come_on_any_medium_and_wait_in_the_vault() {
    let approvers = Approvers::new(2, &OF);
    let gap = &approvers.gap;
    let (a, b) = (gap.path("a"), gap.path("b"));
    let source = gap.path("sample");
    write_sample(&source);
    for medium in [&a, &b] {
        fs::create_dir(medium).unwrap();
    }
    let mut export = gap.lab.command(["export", "--json", "--name", "model:v1", "--tent", "aurora"]);
    run(export.args(["--pack-size", "64K"]).arg(&source).arg("--to").arg(&a).arg("--to").arg(&b)).expect(0);
    let on = |medium: &Path| fs::read_dir(medium.join("gapvault")).unwrap().next().unwrap().unwrap().path();
    let (on_a, on_b) = (on(&a), on(&b));
    let bob = approves(&approvers, &on_a, "bob");
    approves(&approvers, &on_b, "carol");
    for alone in [&a, &b] {
        import(&gap.cluster, &[alone]).refused(4, "1 missing");
    }
    run(gap.cluster.command(["verify"]).args([&a, &b])).expect(0);

    // One that rotted is told of, where another copy of the seal is good; and it does not count.
    fs::write(approval_path(&on_b, approvers.key("dave")), "no signature").unwrap();
    fs::remove_file(&bob).unwrap();
    let run_both = run(gap.cluster.command(["verify"]).args([&a, &b]));
    run_both.refused(4, "not counted: seal.json.");
    approves(&approvers, &on_a, "bob");
    fs::remove_file(approval_path(&on_b, approvers.key("dave"))).unwrap();

    // With both on the first medium the second needs none of its own: what waits has them.
    fs::rename(approval_path(&on_b, approvers.key("carol")), approval_path(&on_a, approvers.key("carol"))).unwrap();
    import(&gap.cluster, &[&a]).expect(5);
    let imported = import(&gap.cluster, &[&b]).expect(0);
    assert!(imported.out.contains("approved by bob") && imported.out.contains("approved by carol"), "{imported:#?}");
    gap.checkout("model:v1", "out").expect(0);
}

#[test]
fn what_would_not_count_is_not_signed() {
    let approvers = Approvers::new(1, &OF);
    let gap = &approvers.gap;
    let bundle = gap.export_sample();
    let id = digest(&bundle);
    let third = Site::new(gap.room.path(), "cluster-c");
    third.trust(&gap.lab, "exporter");
    third.trust(&gap.lab, "member");
    let lab_key = gap.lab.vault.join("secrets/ssh.key");
    let wrong = "0".repeat(64);
    let refused = |what: &str, run: crate::support::Run, code: i32, text: &str, stick: &_| {
        assert!(run.err.contains("hint: "), "{what}: {run:#?}");
        run.refused(code, text);
        assert!(*stick == snapshot(&gap.stick), "{what}: the stick was changed");
    };
    let stick = snapshot(&gap.stick);
    let before = Before::of(&gap.cluster);
    let by = |name: &str| approvers.approve(&gap.cluster, name, &gap.stick, &id);
    let rule = "; tent aurora takes approvals of 1 of bob, carol, dave, the exporter's not counted: bob, carol, dave could approve it";
    let not_among = format!("of erin would not count: not among those who may approve{rule}");
    refused("no approver", by("erin"), 4, &not_among, &stick);
    let stranger = approvers.key("stranger").public().unwrap().fingerprint();
    let nobody_s = format!("key {stranger} would not count: the policy gives this key to nobody{rule}");
    refused("a stranger", by("stranger"), 4, &nobody_s, &stick);
    let other = approvers.approve(&gap.cluster, "bob", &gap.stick, &wrong);
    refused("another bundle", other, 4, "not one that begins with 0000000000000000", &stick);
    let mut own = gap.cluster.command(["approve", "--bundle", &id]);
    refused("the cluster's own key", run(own.arg(&gap.stick)), 4, "not among those who may approve", &stick);
    let mut exporter = gap.cluster.command(["approve", "--bundle", &id, "--key"]);
    let exporter = run(exporter.arg(&lab_key).arg(&gap.stick));
    refused("the exporter", exporter, 4, "the exporter's own approval does not count", &stick);
    let mut unasked = gap.cluster.command(["approve", "--key"]);
    let unasked = run(unasked.arg(approvers.key_file("bob")).arg(&gap.stick));
    refused("nobody to ask", unasked, 2, "no terminal to ask on", &stick);
    for digits in [16, 63] {
        let mut part = gap.cluster.command(["approve", "--bundle", &id[..digits], "--key"]);
        let part = run(part.arg(approvers.key_file("bob")).arg(&gap.stick));
        refused("part of a digest, and nobody to ask", part, 2, "no terminal to ask on", &stick);
    }
    let mut short = gap.cluster.command(["approve", "--bundle", &id[..15]]);
    run(short.arg(&gap.stick)).refused(2, "expected 16 to 64 hex digits");
    refused("no rule", approvers.approve(&third, "bob", &gap.stick, &id), 4, "asks for no approvals", &stick);
    before.expect_same(&gap.cluster, "refused");

    reseal(&bundle, &gap.lab.signing_key(), |p| {
        p.created = p.created.plus(-86_400 * 90).unwrap();
        p.expires = p.created.plus(86_400).unwrap();
    });
    let stick = snapshot(&gap.stick);
    let late = approvers.approve(&gap.cluster, "bob", &gap.stick, &digest(&bundle));
    refused("expired", late, 4, "approvals would not help: it expired at", &stick);
}

#[test]
fn whoever_can_t_read_the_catalogue_approves_nothing() {
    let approvers = Approvers::new(1, &OF);
    let gap = &approvers.gap;
    let bundle = gap.export_sample();
    // It has the cluster's policy, but not the cluster's key.
    let third = Site::new(gap.room.path(), "cluster-c");
    third.trust(&gap.lab, "exporter");
    third.trust(&gap.lab, "member");
    third.adopt(|policy| {
        let bob = vec![approvers.key("bob").public().unwrap()];
        let person = gapvault_formats::policy::Person { name: "bob".parse().unwrap(), organisation: None, keys: bob };
        policy.persons.push(person);
        policy.sites.iter_mut().find(|site| site.name.as_str() == "lab").unwrap().persons.push("bob".parse().unwrap());
        let of = vec!["bob".parse().unwrap()];
        policy.tents[0].approvals = Some(gapvault_formats::policy::Approvals { k: 1, of, not_exporter: true });
    });
    let stick = snapshot(&gap.stick);
    let run = approvers.approve(&third, "bob", &gap.stick, &digest(&bundle));
    run.refused(4, "catalogue.age");
    assert!(stick == snapshot(&gap.stick));
}

#[test]
fn approvals_in_the_vault_are_brought_to_the_medium() {
    let approvers = Approvers::new(1, &OF);
    let gap = &approvers.gap;
    let bundle = gap.export_sample();
    let id = digest(&bundle);
    let told = approvers.approve(&gap.lab, "bob", Path::new(&id[..12]), &id).expect(0).json();
    assert_eq!(told["written"].as_array().unwrap().len(), 1, "{told:#}");
    assert_eq!(files(&bundle).iter().filter(|name| name.ends_with(".approve.sig")).count(), 0);
    // The lab finds it beside its own copy, the cluster does not have it.
    run(gap.lab.command(["verify"]).arg(&gap.stick)).expect(0);
    gap.on_stick("verify").refused(4, "none has approved");

    run(gap.lab.command(["export", "--again", &id[..12], "--to"]).arg(&gap.stick)).expect(0);
    assert!(approval_path(&bundle, approvers.key("bob")).is_file());
    gap.import().expect(0);
}

#[test]
fn what_a_killed_approval_leaves_spoils_nothing() {
    let approvers = Approvers::new(1, &OF);
    let gap = &approvers.gap;
    let bundle = gap.export_sample();
    let name = approval_path(&bundle, approvers.key("bob"));
    let part = format!(".{}.part", name.file_name().unwrap().to_str().unwrap());
    fs::write(gap.stick.join("gapvault").join(&part), "half").unwrap();
    gap.on_stick("verify").refused(4, "none has approved");
    approvers.approve(&gap.cluster, "bob", &gap.stick, &digest(&bundle)).expect(0);
    assert!(!gap.stick.join("gapvault").join(&part).exists());
    gap.import().expect(0);
}

#[test]
fn readers_are_known_by_the_recipients_of_the_bundle_s_suite() {
    let approvers = Approvers::new(1, &OF);
    let gap = &approvers.gap;
    for site in [&gap.lab, &gap.cluster] {
        site.post_quantum(true);
    }
    let id = digest(&gap.export_sample());
    let approved = approvers.approve(&gap.lab, "bob", &gap.stick, &id).expect(0).json();
    let known: Vec<_> = approved["readers"].as_array().unwrap().iter().map(|r| r["known"].as_bool()).collect();
    assert_eq!(known, [Some(true), Some(true)], "{approved:#}");
}

#[test]
fn what_others_can_open_is_approved_by_nobody_unasked() {
    let approvers = Approvers::new(1, &OF);
    let gap = &approvers.gap;
    let id = digest(&gap.export_sample());
    // To this policy the lab reads catalogues, to the exporter's it read content.
    gap.cluster.adopt(|policy| {
        policy.tents[0].members.retain(|site| site.as_str() != "lab");
        policy.tents[0].auditors.push("lab".parse().unwrap());
    });
    let stick = snapshot(&gap.stick);
    let refused = approvers.approve(&gap.cluster, "carol", &gap.stick, &id);
    refused.refused(4, "it can be opened by lab, which this policy does not have as such readers of tent aurora");
    assert!(stick == snapshot(&gap.stick));
    let mut command = gap.cluster.command(["approve", "--unknown-readers", "--bundle", &id, "--key"]);
    let approved = run(command.arg(approvers.key_file("carol")).arg(&gap.stick)).expect(0);
    assert!(approved.out.contains("carol approved bundle"), "{approved:#?}");
}
