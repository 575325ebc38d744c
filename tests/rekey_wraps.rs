//! What a vault seals anew beside its bundles: who can open it, and what becomes of it when somebody else writes it.

use crate::rekey_identity::{export, rekey};
use crate::support::tools::tool;
use crate::support::untouched::promptly;
use crate::support::{Gap, Site, run, snapshot};
use gapvault_formats::agefile::{Identity, SealWriter};
use gapvault_formats::ids::{MediumDigest, TentKey};
use gapvault_formats::keys::Keys;
use gapvault_formats::wraps::Wraps;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Imports `model:v1` and `model:v2`; gives the folders of their wraps.
fn two_wrapped(gap: &Gap) -> [PathBuf; 2] {
    ["model:v1", "model:v2"].map(|name| {
        export(gap, name, &[]);
        gap.import().expect(0);
        let list = gap.cluster.run(["list", "--json"]).expect(0).json();
        let bundle = list["bundles"].as_array().unwrap().last().unwrap()["bundle"].as_str().unwrap().to_owned();
        gap.cluster.vault.join("wraps").join(bundle)
    })
}

fn age_opens(file: &Path, identity: &Path) -> Option<Vec<u8>> {
    let output = tool("age").arg("-d").arg("-i").arg(identity).arg(file).output().unwrap();
    output.status.success().then_some(output.stdout)
}

#[test]
fn an_auditor_who_comes_later_opens_older_catalogues_with_stock_tools() {
    let gap = Gap::new();
    let [wraps, _] = two_wrapped(&gap);
    assert!(!wraps.join("catalogue.age").exists(), "there was nobody to seal it to");
    let (audit, stranger) = (Site::new(gap.room.path(), "audit"), Site::new(gap.room.path(), "stranger"));
    gap.cluster.trust(&audit, "auditor");
    let told = rekey(&gap.cluster, &["--wraps"]).expect(0).json();
    let told: Vec<_> = told["bundles"].as_array().unwrap().iter().map(|bundle| &bundle["for_auditors"]).collect();
    assert!(told.contains(&&wraps.to_str().unwrap().into()) && told.len() == 2, "{told:?}");
    let human = gap.cluster.run(["rekey", "--wraps"]).expect(0).out;
    assert!(human.contains("auditors who came later can read 2 catalogues: `gapvault rekey --wraps --to"), "{human}");

    let key = |site: &Site| site.vault.join("secrets/age.key");
    let opened = age_opens(&wraps.join("catalogue.age"), &key(&audit)).expect("the auditor opens the catalogue");
    let table = gap.path("catalogue.zst");
    fs::write(&table, opened).unwrap();
    let records = tool("zstd").args(["-dcq"]).arg(&table).output().unwrap().stdout;
    assert!(String::from_utf8_lossy(&records).contains("config.json"));
    assert_eq!(age_opens(&wraps.join("keys.age"), &key(&audit)), None, "no content");
    assert_eq!(age_opens(&wraps.join("catalogue.age"), &key(&stranger)), None);
    assert!(age_opens(&wraps.join("keys.age"), &key(&gap.cluster)).is_some());

    // The vault vouches for them, and stock tools see that.
    run(tool("sha256sum").args(["-c", "--quiet", "SHA256SUMS"]).current_dir(&wraps)).expect(0);
    let allowed = gap.path("allowed_signers");
    let card = gap.cluster.run(["card"]).expect(0).out;
    let signer = card.lines().find_map(|line| line.strip_prefix("key = ")).unwrap().trim_matches('"').to_owned();
    fs::write(&allowed, format!("cluster {signer}\n")).unwrap();
    let mut verify = tool("ssh-keygen");
    verify.args(["-Y", "verify", "-n", "wrap@gapvault", "-I", "cluster", "-s", "SHA256SUMS.sig", "-f"]).arg(&allowed);
    run(verify.current_dir(&wraps).stdin(fs::File::open(wraps.join("SHA256SUMS")).unwrap())).expect(0);

    // What comes in from now on is sealed to him at once; once he left, nothing is any more.
    export(&gap, "model:v3", &[]);
    gap.import().expect(0);
    let sealed =
        || snapshot(&gap.cluster.vault.join("wraps")).iter().filter(|(p, _)| p.ends_with("catalogue.age")).count();
    assert_eq!(sealed(), 3);
    gap.cluster.run(["untrust", "audit", "--tent", "aurora", "--role", "auditor"]).expect(0);
    rekey(&gap.cluster, &["--wraps"]).expect(0);
    assert_eq!(sealed(), 0);
}

#[test]
fn an_auditor_whose_identity_was_renewed_still_reads_what_it_holds() {
    let gap = Gap::new();
    let audit = Site::new(gap.room.path(), "audit");
    gap.lab.trust(&audit, "auditor");
    audit.trust(&gap.lab, "exporter");
    export(&gap, "model:v1", &[]);
    run(audit.command(["import"]).arg(&gap.stick)).expect(0);
    for _ in 0..2 {
        rekey(&audit, &["--identity"]).expect(0);
        rekey(&audit, &["--forget-old"]).expect(0);
        assert!(audit.run(["show", "model:v1"]).expect(0).out.contains("config.json"));
    }
    run(audit.command(["checkout", "model:v1"]).arg(gap.path("out"))).refused(4, "is an auditor of tent aurora");
}

/// Only the wraps open these bundles any more.
fn needed(gap: &Gap) -> [PathBuf; 2] {
    let wraps = two_wrapped(gap);
    rekey(&gap.cluster, &["--identity"]).expect(0);
    rekey(&gap.cluster, &["--forget-old"]).expect(0);
    wraps
}

#[track_caller]
fn refused(gap: &Gap, what: &str, text: &str) {
    let before = snapshot(gap.room.path());
    let run = promptly(gap.cluster.command(["checkout", "model:v1"]).arg(gap.path("out")));
    assert_eq!(run.code, 3, "{what}: {run:#?}");
    assert!(run.err.contains(text) && run.err.contains("\nhint: "), "{what}: no {text:?} in {run:#?}");
    assert!(snapshot(gap.room.path()) == before, "{what}");
}

#[test]
fn a_wrap_that_was_altered_is_refused_by_name() {
    let gap = Gap::new();
    let [wraps, other] = needed(&gap);
    for name in ["keys.age", "SHA256SUMS", "SHA256SUMS.sig"] {
        let path = wraps.join(name);
        let good = fs::read(&path).unwrap();
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        let theirs = fs::read(other.join(name)).unwrap();
        for (what, bad) in [("flipped", flipped), ("cut", good[..good.len() - 1].to_vec()), ("another's", theirs)] {
            fs::write(&path, bad).unwrap();
            refused(&gap, &format!("{name} {what}"), wraps.to_str().unwrap());
        }
        fs::remove_file(&path).unwrap();
        refused(&gap, &format!("{name} removed"), path.to_str().unwrap());
        std::os::unix::fs::symlink(other.join(name), &path).unwrap();
        refused(&gap, &format!("{name} linked"), path.to_str().unwrap());
        fs::remove_file(&path).unwrap();
        fs::write(&path, good).unwrap();
    }
    let aside = gap.path("aside");
    fs::rename(&wraps, &aside).unwrap();
    crate::support::kill::copy_tree(&other, &wraps);
    refused(&gap, "the wraps of another bundle", "a list of the wraps of bundle");
    fs::remove_dir_all(&wraps).unwrap();
    let gone = gap.checkout("model:v1", "out");
    gone.refused(4, "not sealed to this key");
    fs::rename(&aside, &wraps).unwrap();
    gap.checkout("model:v1", "out").expect(0);
}

/// Even with the key that signs the log, nobody makes another bundle of what was admitted.
#[test]
fn a_forged_wrap_is_held_against_seal_log_and_index() {
    let gap = Gap::new();
    let [wraps, other] = needed(&gap);
    let own = gap.cluster.identity();
    let read = |folder: &Path| {
        let text = age_opens(&folder.join("keys.age"), &gap.cluster.vault.join("secrets/age.key")).unwrap();
        Keys::parse(std::str::from_utf8(&text).unwrap()).unwrap()
    };
    let (keys, theirs) = (read(&wraps), read(&other));
    let forge = |keys: &Keys| {
        let mut out = SealWriter::new(Vec::new(), [&own.recipient()]).unwrap();
        out.write_all(keys.expose_text().as_bytes()).unwrap();
        let sealed = out.finish().unwrap();
        fs::write(wraps.join("keys.age"), &sealed).unwrap();
        let bundle = wraps.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let list = Wraps { bundle, catalogue: None, keys: Some(MediumDigest::of(&sealed)) };
        fs::write(wraps.join("SHA256SUMS"), list.to_text()).unwrap();
        fs::write(wraps.join("SHA256SUMS.sig"), list.sign(&gap.cluster.signing_key()).unwrap()).unwrap();
    };
    for (what, forged, text) in [
        ("another's keys", theirs.clone(), "its nonce is"),
        ("another tent", Keys { tent: "borealis".parse().unwrap(), ..keys.clone() }, "its tent is borealis"),
        ("another tent key", Keys { tent_key: TentKey::from_bytes([7; 32]), ..keys.clone() }, "its tent key is"),
        (
            "a stranger's identity",
            Keys { identity: Identity::generate(), ..keys.clone() },
            "not sealed to the identity",
        ),
        ("the other's identity", Keys { identity: theirs.identity, ..keys.clone() }, "not sealed to the identity"),
    ] {
        forge(&forged);
        refused(&gap, what, text);
        refused(&gap, what, wraps.join("keys.age").to_str().unwrap());
    }
    forge(&keys);
    gap.checkout("model:v1", "out").expect(0);
}

#[test]
fn a_tent_s_key_is_renewed_when_a_member_left() {
    let gap = Gap::new();
    let first = export(&gap, "model:v1", &[]);
    let untrust = gap.lab.run(["untrust", "cluster-b", "--tent", "aurora", "--role", "member"]).expect(0);
    assert!(untrust.err.contains("gapvault rekey --tent aurora"), "{untrust:#?}");
    gap.lab.trust(&gap.cluster, "member");
    let pins = || {
        let log = fs::read_to_string(gap.lab.vault.join("log/entries.jsonl")).unwrap();
        log.lines().filter(|line| line.contains("\"tent-key\"")).count()
    };
    assert_eq!(pins(), 1);
    let renewed = rekey(&gap.lab, &["--tent", "aurora"]).expect(0).json();
    assert_eq!(pins(), 2);
    rekey(&gap.lab, &["--tent", "borealis"]).refused(2, "this vault has made no key for tent borealis");
    export(&gap, "model:v2", &[]);
    gap.import().expect(0);
    let log = fs::read_to_string(gap.cluster.vault.join("log/entries.jsonl")).unwrap();
    let new = log.lines().find(|line| line.contains("\"imported\"") && line.contains("v2")).unwrap();
    assert!(new.contains(renewed["pin"].as_str().unwrap()), "{new}");
    for (name, to) in [("model:v1", "out1"), ("model:v2", "out2")] {
        gap.checkout(name, to).expect(0);
    }
    // What was made with the old key can still be made again.
    let bundle = gap.lab.run(["list", "--json"]).expect(0).json()["bundles"][0]["bundle"].as_str().unwrap().to_owned();
    let fresh = gap.path("fresh");
    fs::create_dir(&fresh).unwrap();
    let mut again = gap.lab.command(["export", "--again", &bundle, "--volume", "1", "--to"]);
    run(again.arg(&fresh)).expect(0);
    assert!(first.exists());
}
