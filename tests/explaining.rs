//! `explain`: who could do what, and for one bundle each rule, each signature, and what is missing.

use crate::support::approvers::{Approvers, digest};
use crate::support::kill::copy_tree;
use crate::support::reseal::{reseal, sign};
use crate::support::{Gap, Run, run, snapshot};
use gapvault_formats::policy::Revocation;
use gapvault_formats::sshsig::{Namespace, SigningKey};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn explain(gap: &Gap) -> Run {
    run(gap.cluster.command(["explain"]).arg(&gap.stick))
}

fn explained(gap: &Gap) -> (i32, Value) {
    let run = run(gap.cluster.command(["explain", "--json"]).arg(&gap.stick));
    (run.code, run.json()["bundles"][0]["seals"][0].clone())
}

#[test]
fn the_order_of_media_means_nothing() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    let bad = gap.path("bad");
    copy_tree(&gap.stick, &bad);
    let junk = format!("seal.json.{}.approve.sig", gap.lab.signing_key().public().unwrap().fingerprint());
    fs::write(bad.join(bundle.strip_prefix(&gap.stick).unwrap()).join(junk), "junk").unwrap();
    let explain = |media: [&Path; 2]| run(gap.cluster.command(["explain"]).args(media)).code;
    assert_eq!(explain([&bad, &gap.stick]), 0);
    assert_eq!(explain([&gap.stick, &bad]), 0);
    run(gap.cluster.command(["explain"]).arg(&bad)).refused(3, "does not fit seal.json");
    run(gap.cluster.command(["import"]).args([&bad, &gap.stick])).expect(0);
}

#[test]
fn the_policy_says_who_could_do_what() {
    let approvers = Approvers::new(2, &["bob", "carol"]);
    let gap = &approvers.gap;
    let told = gap.cluster.run(["explain"]).expect(0).out;
    let key = |name: &str| approvers.key(name).public().unwrap().fingerprint().to_string();
    let lab = gap.lab.signing_key().public().unwrap().fingerprint().to_string();
    for text in [
        "another policy takes 1 of cluster-b",
        "tent aurora",
        "into this vault (cluster-b) if one of these exported it: lab",
        &format!("lab at lab: key {lab} (ecdsa-sha2-nistp256)"),
        "and 2 of these approved it, the exporter not among them: bob, carol",
        &format!("carol at cluster-b: key {}", key("carol")),
        "valid    for as long as its exporter said",
        "content  any format; no pickles",
        "reads    cluster-b (content; cluster-b, carol, dave, erin), card ",
        "nothing goes out with this vault's own key",
    ] {
        assert!(told.contains(text), "no {text:?} in\n{told}");
    }
    assert!(!told.contains("never"), "{told}");

    gap.cluster.adopt(|policy| {
        let key = approvers.key("carol").public().unwrap();
        policy.revocations.push(Revocation { key, reason: None, except: Vec::new() });
    });
    let told = gap.cluster.run(["explain"]).expect(0).out;
    let never = "never    a bundle of lab: it takes 2 approvals, and only these could give one: bob";
    assert!(told.contains(never) && told.contains(", REVOKED)"), "no {never:?} in\n{told}");
    gap.lab.adopt(|policy| {
        let key = approvers.key("carol").public().unwrap();
        policy.revocations.push(Revocation { key, reason: None, except: Vec::new() });
    });
    let at_lab = gap.lab.run(["explain"]).expect(0).out;
    let out = "an exporter, but nothing of theirs could be admitted: it takes 2 approvals, and only these could give one: bob";
    assert!(at_lab.contains(out) && !at_lab.contains("own person exports"), "no {out:?} in\n{at_lab}");
    gap.cluster.adopt(|policy| {
        let key = gap.lab.signing_key().public().unwrap();
        policy.revocations.push(Revocation { key, reason: None, except: Vec::new() });
    });
    let json = gap.cluster.run(["explain", "--json"]).expect(0).json();
    let never = json["tents"][0]["never"][0].as_str().unwrap();
    assert!(never.contains("a bundle of lab: none of the keys counts"), "{json:#}");
    assert_eq!(json["tents"][0]["exporters"][0]["keys"][0]["security_key"], false);
}

#[test]
fn a_bundle_s_rules_signatures_and_what_is_missing() {
    let approvers = Approvers::new(1, &["bob", "carol"]);
    let gap = &approvers.gap;
    let bundle = gap.export_sample();
    let (vault, stick) = (gap.cluster.snapshot(), snapshot(&gap.stick));
    let (code, told) = explained(gap);
    assert_eq!((code, &told["admits"]), (4, &false.into()), "{told:#}");
    let rules: Vec<_> =
        told["checks"].as_array().unwrap().iter().map(|check| check["rule"].as_str().unwrap()).collect();
    let all = [
        "signer",
        "exporter-signature",
        "exporter-key",
        "exporter",
        "destination",
        "destinations",
        "signatures",
        "suite",
        "number",
        "valid-days",
        "created",
        "expires",
        "approvals",
    ];
    assert_eq!(rules, all);
    let failing: Vec<_> = told["checks"].as_array().unwrap().iter().filter(|check| check["holds"] == false).collect();
    assert_eq!(failing.len(), 1);
    assert_eq!(failing[0]["place"], "tent aurora: approvals");
    assert_eq!(told["approvals"]["could_approve"], serde_json::json!(["bob", "carol"]));
    assert_eq!(told["signatures"][0]["counts"], "exporter");
    let run = explain(gap).expect(4);
    let human = &run.out;
    // Words for officers; once in the list, and once as what it came to.
    for text in [
        "who signed it: sealed by lab, with key ",
        "exporter's signature: its exporter's key ",
        "exporter's key: it is a key of lab",
        "number: number 1 of lab in tent aurora",
        "a plain key: it shows neither touch nor PIN; counts as the exporter's",
    ] {
        assert!(human.contains(text), "no {text:?} in {human}");
    }
    for text in ["person: keys", "person lab: keys", "seal.json: exporter", "log: numbers", "label_key", "hint: "] {
        assert!(!human.contains(text), "{text:?} in {human}");
    }
    let told = "bob, carol could still approve it";
    assert_eq!((human.matches(told).count(), run.err.matches(told).count()), (1, 1), "{run:#?}");

    sign(&bundle, approvers.key("erin"), Namespace::Approve);
    let human = explain(gap).expect(4).out;
    assert!(human.contains("counts for nothing: not among those who may approve"), "{human}");
    sign(&bundle, approvers.key("carol"), Namespace::Approve);
    let human = explain(gap).expect(0).out;
    assert!(human.contains("would admit it") && human.contains("counts as an approval"), "{human}");
    assert!(human.contains("approved by 1 (carol), 1 needed"), "{human}");
    // It reads only.
    assert!(vault == gap.cluster.snapshot());
    fs::remove_file(bundle.join("catalogue.age")).unwrap();
    explain(gap).expect(0);
    assert_ne!(stick, snapshot(&gap.stick));
}

#[test]
fn it_comes_to_the_end_that_an_import_comes_to() {
    let approvers = Approvers::new(1, &["bob"]);
    let gap = &approvers.gap;
    let bundle = gap.export_sample();
    let (lab, stranger) = (gap.lab.signing_key(), SigningKey::generate().unwrap());
    let good = fs::read(bundle.join("seal.json")).unwrap();
    type Change<'a> = Box<dyn Fn() + 'a>;
    let changes: Vec<(&str, Change<'_>)> = vec![
        ("unapproved", Box::new(|| ())),
        ("a stranger's", Box::new(|| reseal(&bundle, &stranger, |_| ()))),
        (
            "expired",
            Box::new(|| {
                reseal(&bundle, &lab, |p| {
                    p.created = p.created.plus(-90 * 86_400).unwrap();
                    p.expires = p.created.plus(86_400).unwrap();
                })
            }),
        ),
        (
            "for others",
            Box::new(|| {
                reseal(&bundle, &lab, |p| {
                    p.destinations = vec![gapvault_formats::ids::DestinationTag::from_bytes([7; 32])];
                })
            }),
        ),
        ("damaged", Box::new(|| fs::write(bundle.join("seal.json"), "{}").unwrap())),
        (
            "approved",
            Box::new(|| {
                crate::support::reseal::reseal_bytes(&bundle, &lab, &good);
                sign(&bundle, approvers.key("bob"), Namespace::Approve);
            }),
        ),
    ];
    for (what, change) in changes {
        change();
        let (told, imported) = (explain(gap), gap.import());
        assert_eq!(told.code, imported.code, "{what}: {told:#?} {imported:#?}");
        assert_eq!(told.err, imported.err, "{what}");
    }
    let told = explain(gap).expect(0).out;
    assert!(told.contains("judged anew by epoch") && told.contains("still admitted"), "{told}");
    // At the lab it is known by its digest.
    let held = gap.lab.run(["explain", &digest(&bundle)[..12]]).expect(4);
    assert!(held.out.contains("1 missing; bob could still approve it"), "{held:#?}");
    gap.lab.run(["explain", "0123456789"]).refused(1, "this vault holds no bundle 0123456789");
}

#[test]
fn a_seal_of_nobody_known_is_not_looked_into() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    let stranger = SigningKey::generate().unwrap();
    // Not even a seal: nobody who is known signed it, so nobody reads it.
    crate::support::reseal::reseal_bytes(&bundle, &stranger, b"whatever it is");
    let (code, told) = explained(&gap);
    assert_eq!((code, told["checks"].as_array().unwrap().len()), (4, 1), "{told:#}");
    assert!(explain(&gap).out.contains("nothing else of it was looked at"));
}
