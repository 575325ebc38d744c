//! Every field of the seal altered and sealed again by everybody who has a role: what comes of each.

use crate::support::approvers::Approvers;
use crate::support::reseal::{reseal_bytes, sign};
use crate::support::{Site, run, snapshot};
use gapvault_formats::sshsig::{Namespace, SigningKey};
use serde_json::{Value, json};
use std::fs;

/// A field, how it is changed, and what the exporter of the tent gets for it: the exit code of an import and what it says.
type Row = (&'static str, fn(&mut Value), i32, &'static str);

/// What is of the exporter's own saying is admitted: the signature is what vouches for it. What contradicts the files,
/// the format or the policy is not.
#[rustfmt::skip]
const FIELDS: &[Row] = &[
    ("_type", |s| s["_type"] = json!("https://in-toto.io/Statement/v2"), 3, "seal.json"),
    ("predicateType", |s| s["predicateType"] = json!("gapvault:seal:v2"), 3, "seal.json"),
    ("subject.name", |s| s["subject"][0]["name"] = json!("RECOVER.TXT"), 3, "seal.json"),
    ("subject.digest", |s| s["subject"][0]["digest"]["sha256"] = json!("0".repeat(64)), 3, "RECOVER.txt"),
    ("subject.size", |s| add(&mut s["subject"][0]["annotations"]["size"], 1), 3, "RECOVER.txt"),
    ("subject, one fewer", |s| { s["subject"].as_array_mut().unwrap().pop(); }, 3, "seal.json"),
    ("format", |s| s["predicate"]["format"] = json!(2), 3, "seal.json"),
    ("label", |s| s["predicate"]["label"] = json!("another"), 3, "is the seal of bundle another"),
    ("nonce", |s| s["predicate"]["nonce"] = json!("1".repeat(64)), 4, "none of its destination tags"),
    ("created, earlier", |s| s["predicate"]["created"] = json!("2020-01-01T00:00:00Z"), 0, ""),
    ("created, in the future", |s| s["predicate"]["created"] = json!("2098-01-01T00:00:00Z"), 3, "seal.json"),
    ("created and expires, in the future", |s| { s["predicate"]["created"] = json!("2098-01-01T00:00:00Z"); s["predicate"]["expires"] = json!("2098-02-01T00:00:00Z") }, 4, "over 48 hours after this host's clock"),
    ("expires, later", |s| s["predicate"]["expires"] = json!("2098-01-01T00:00:00Z"), 0, ""),
    ("expires, in the past", |s| { s["predicate"]["created"] = json!("2020-01-01T00:00:00Z"); s["predicate"]["expires"] = json!("2020-02-01T00:00:00Z") }, 4, "it expired at 2020-02-01T00:00:00Z"),
    ("number", |s| add(&mut s["predicate"]["number"], 7), 0, ""),
    ("number 0", |s| s["predicate"]["number"] = json!(0), 3, "seal.json"),
    ("destinations, strangers'", |s| s["predicate"]["destinations"] = json!(["7".repeat(64)]), 4, "none of its destination tags"),
    ("suite", |s| s["predicate"]["suite"] = json!("age-none"), 3, "seal.json"),
    ("stanzas.keys", |s| add(&mut s["predicate"]["stanzas"]["keys"], 1), 3, "keys.age"),
    ("stanzas.catalogue", |s| add(&mut s["predicate"]["stanzas"]["catalogue"], 1), 3, "catalogue.age"),
    ("stanzas.index", |s| add(&mut s["predicate"]["stanzas"]["index"], 1), 3, "seal.json"),
    ("stream.length", |s| s["predicate"]["stream"]["length"] = json!(1_048_576), 3, "seal.json"),
    ("stream.pack", |s| s["predicate"]["stream"]["pack"] = json!(131_072), 3, "seal.json"),
    ("volumes.name", |s| s["predicate"]["volumes"][0]["name"] = json!("9"), 3, "seal.json"),
    ("volumes.packs", |s| s["predicate"]["volumes"][0]["packs"] = json!([[0, 1]]), 3, "seal.json"),
    ("parity", |s| s["predicate"]["parity"] = json!({"groups": [], "volumes": []}), 3, "seal.json"),
    ("builds_on", |s| s["predicate"]["builds_on"] = json!(["1".repeat(64)]), 3, "seal.json"),
    ("supersedes", |s| s["predicate"]["supersedes"] = json!("1".repeat(64)), 0, ""),
    ("one field more", |s| s["predicate"]["more"] = json!(1), 3, "seal.json"),
];

fn add(value: &mut Value, more: u64) {
    *value = json!(value.as_u64().unwrap() + more);
}

/// The seal with a field changed, in the layout of seals.
fn altered(seal: &str, change: fn(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(seal).unwrap();
    change(&mut value);
    let subjects: Vec<_> = value["subject"].as_array().unwrap().iter().map(ToString::to_string).collect();
    let text = format!(
        "{{\"_type\":{},\"subject\":[\n{}\n],\"predicateType\":{},\n\"predicate\":{}}}\n",
        value["_type"],
        subjects.join(",\n"),
        value["predicateType"],
        value["predicate"]
    );
    assert_ne!(text, seal);
    text
}

#[test]
fn every_field_altered_and_resealed_by_each_role() {
    let approvers = Approvers::new(1, &["bob"]);
    let gap = &approvers.gap;
    let bundle = gap.export_sample();
    let lab = gap.lab.signing_key();
    // An exporter of another tent, an auditor of this one, a root person; `bob` approves, nobody knows the stranger.
    let others = ["away", "audit"].map(|name| Site::new(gap.room.path(), name));
    let tents = [("borealis", "exporter"), ("aurora", "auditor")];
    for (site, (tent, role)) in others.iter().zip(tents) {
        let (card, path) = (site.run(["card"]).expect(0), site.vault.with_extension("card"));
        fs::write(&path, &card.out).unwrap();
        let fingerprint = card.err.trim().rsplit(' ').next().unwrap();
        let how = ["--tent", tent, "--role", role, "--fingerprint", fingerprint];
        run(gap.cluster.command(["trust"]).arg(path).args(how)).expect(0);
    }
    let good = fs::read_to_string(bundle.join("seal.json")).unwrap();
    let roles: [(&str, SigningKey); 5] = [
        ("exporter of another tent", others[0].signing_key()),
        ("auditor", others[1].signing_key()),
        ("root", gap.cluster.signing_key()),
        ("approver", approvers.key("bob").clone()),
        ("stranger", approvers.key("stranger").clone()),
    ];
    let import = || {
        // What came whole under a seal before waits, and is no part of this.
        let _ = fs::remove_dir_all(gap.cluster.vault.join("pending"));
        let before = snapshot(&gap.cluster.vault.join("bundles"));
        let run = gap.import();
        if run.code != 0 {
            assert!(snapshot(&gap.cluster.vault.join("bundles")) == before, "{run:#?}");
        }
        run
    };
    for (field, change, code, text) in FIELDS {
        let seal = altered(&good, *change);
        let readable = gapvault_formats::seal::Seal::parse(seal.as_bytes());
        for (role, key) in &roles {
            reseal_bytes(&bundle, key, seal.as_bytes());
            sign(&bundle, approvers.key("bob"), Namespace::Approve);
            let expected = match (*role, &readable) {
                ("stranger", _) => (4, "signed by no key that this policy knows"),
                (_, Err(_)) => (3, "seal.json"),
                (_, Ok(_)) if *field == "label" => (3, "is the seal of bundle another"),
                _ => (4, "has no seal@gapvault signature of that key"),
            };
            let run = import();
            assert_eq!(run.code, expected.0, "{field} by {role}: {run:#?}");
            assert!(run.err.contains(expected.1), "{field} by {role}: {run:#?}");
        }
        // Each in their own name: none of them exports here.
        for (role, key) in roles.iter().filter(|_| *field == "number") {
            let mine = seal.replace(&lab.public().unwrap().to_string(), &key.public().unwrap().to_string());
            reseal_bytes(&bundle, key, mine.as_bytes());
            let text = if *role == "stranger" { "signed by no key" } else { "whose exporters are: lab" };
            import().refused(4, text);
        }
        reseal_bytes(&bundle, &lab, seal.as_bytes());
        let unapproved = import();
        assert_ne!(unapproved.code, 0, "{field}: an approval of the seal before counts");
        sign(&bundle, approvers.key("bob"), Namespace::Approve);
        let verified = gap.on_stick("verify");
        if *code == 0 {
            assert_eq!(verified.code, 0, "{field}: {verified:#?}");
            continue;
        }
        let run = import();
        assert_eq!(run.code, *code, "{field}: {run:#?}");
        assert!(run.err.contains(text), "{field}: no {text:?} in {run:#?}");
    }
    reseal_bytes(&bundle, &lab, good.as_bytes());
    sign(&bundle, approvers.key("bob"), Namespace::Approve);
    gap.import().expect(0);
}
