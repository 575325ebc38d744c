//! Signatures removed, exchanged, made for something else or by somebody else: none of that makes a bundle.

use crate::support::reseal::{approval_path, read_seal, reseal, reseal_bytes, sign, signature_path, signatures};
use crate::support::untouched::{assert_import_refused, assert_refused};
use crate::support::{Gap, Site, run};
use gapvault_formats::sshsig::{Namespace, SigningKey};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A bundle on the stick, the lab's key, its signature, and a key that nobody knows.
struct Signed {
    gap: Gap,
    bundle: PathBuf,
    lab: SigningKey,
    signature: PathBuf,
    stranger: SigningKey,
}

fn signed() -> Signed {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    let (lab, stranger) = (gap.lab.signing_key(), SigningKey::generate().unwrap());
    let signature = signature_path(&bundle, &lab);
    assert_eq!(signatures(&bundle), [signature.as_path()]);
    Signed { gap, bundle, lab, signature, stranger }
}

/// Another site whose person the cluster trusts to export in the same tent.
fn second_exporter(gap: &Gap) -> Site {
    let site = Site::new(gap.room.path(), "lab-2");
    gap.cluster.trust(&site, "exporter");
    site
}

fn file_name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn a_stranger_s_signature_admits_nothing() {
    let Signed { gap, bundle, signature, stranger, .. } = signed();
    let fingerprint = stranger.public().unwrap().fingerprint().to_string();
    fs::remove_file(signature).unwrap();
    sign(&bundle, &stranger, Namespace::Seal);
    assert_refused(&gap, "the lab's seal, signed by a stranger", 4, &fingerprint);
    reseal(&bundle, &stranger, |_| ());
    assert_refused(&gap, "a seal in the lab's name", 4, "signed by no key that this policy knows");
    reseal(&bundle, &stranger, |p| p.expires = p.expires.plus(3600).unwrap());
    assert_refused(&gap, "another expiry, in the lab's name", 4, "signed by no key that this policy knows");
    reseal(&bundle, &stranger, |p| p.exporter = stranger.public().unwrap());
    assert_refused(&gap, "a seal in the stranger's own name", 4, "signed by no key that this policy knows");
}

#[test]
fn an_edited_seal_is_refused_beside_the_old_signature() {
    let Signed { gap, bundle, signature, stranger, .. } = signed();
    let good = fs::read(&signature).unwrap();
    for by_name in [false, true] {
        reseal(&bundle, &stranger, |p| {
            p.expires = p.expires.plus(3600).unwrap();
            if by_name {
                p.exporter = stranger.public().unwrap();
            }
        });
        fs::write(&signature, &good).unwrap();
        assert_refused(&gap, "the lab's signature does not fit", 3, file_name(&signature));
    }
}

#[test]
fn a_known_signer_who_is_not_the_named_exporter_does_not_count() {
    let Signed { gap, bundle, lab, signature, stranger } = signed();
    let second = second_exporter(&gap).signing_key();
    let seal = fs::read(bundle.join("seal.json")).unwrap();
    let text = |key: &SigningKey| format!("exporter's key {}", key.public().unwrap().fingerprint());

    fs::remove_file(signature).unwrap();
    sign(&bundle, &second, Namespace::Seal);
    assert_refused(&gap, "signed by another exporter, the first one's signature stripped", 4, &text(&lab));
    sign(&bundle, &stranger, Namespace::Seal);
    assert_refused(&gap, "and by a stranger", 4, &text(&lab));

    // A stranger's seal that a known exporter signed too.
    reseal(&bundle, &stranger, |p| p.exporter = stranger.public().unwrap());
    sign(&bundle, &second, Namespace::Seal);
    let unknown = format!("whose key {} this policy does not know", stranger.public().unwrap().fingerprint());
    assert_refused(&gap, "a stranger's seal with a known signer", 4, &unknown);

    reseal_bytes(&bundle, &lab, &seal);
    gap.import().expect(0);
}

#[test]
fn another_exporter_can_t_put_a_seal_of_their_own_around_the_files() {
    let Signed { gap, bundle, .. } = signed();
    let second = second_exporter(&gap).signing_key();
    reseal(&bundle, &second, |p| p.exporter = second.public().unwrap());
    // `verify` opens nothing and can't know; whoever can read the catalogue finds the lab's person in it.
    assert_import_refused(&gap, "the catalogue names another person", 3, "catalogue.age: its person is lab");
}

#[test]
fn a_signature_for_something_else_does_not_seal() {
    let Signed { gap, bundle, lab, signature, .. } = signed();
    let good = fs::read(&signature).unwrap();
    for namespace in ["approve@gapvault", "policy@gapvault", "checkpoint@gapvault", "receipt@gapvault", "file"] {
        fs::remove_file(&signature).unwrap();
        let seal = bundle.join("seal.json");
        let key = gap.lab.vault.join("secrets/ssh.key");
        let mut keygen = Command::new("ssh-keygen");
        run(keygen.args(["-q", "-Y", "sign", "-n", namespace, "-f"]).arg(key).arg(&seal)).expect(0);
        fs::rename(bundle.join("seal.json.sig"), &signature).unwrap();
        assert_refused(&gap, namespace, 3, &format!("{} does not fit seal.json", file_name(&signature)));
        let approval = approval_path(&bundle, &lab);
        fs::rename(&signature, &approval).unwrap();
        match namespace {
            // It may stand there, but seals nothing.
            "approve@gapvault" => assert_refused(&gap, namespace, 4, "there is no signature beside seal.json"),
            _ => assert_refused(&gap, namespace, 3, &format!("{} does not fit seal.json", file_name(&approval))),
        }
        fs::rename(&approval, &signature).unwrap();
    }
    // The same tool with the right namespace makes what the program makes.
    let mut keygen = Command::new("ssh-keygen");
    let key = gap.lab.vault.join("secrets/ssh.key");
    run(keygen.args(["-q", "-Y", "sign", "-n", "seal@gapvault", "-f"]).arg(key).arg(bundle.join("seal.json")))
        .expect(0);
    fs::rename(bundle.join("seal.json.sig"), &signature).unwrap();
    assert_ne!(fs::read(&signature).unwrap(), good);
    assert_eq!(signature, signature_path(&bundle, &lab));
    gap.import().expect(0);
}

#[test]
fn a_signature_stands_under_its_own_key_s_name_only() {
    let Signed { gap, bundle, signature, stranger, .. } = signed();
    let theirs = signature_path(&bundle, &stranger);
    fs::rename(&signature, &theirs).unwrap();
    assert_refused(&gap, "the lab's under a stranger's name", 3, file_name(&theirs));
    fs::rename(sign(&bundle, &stranger, Namespace::Seal), &signature).unwrap();
    assert_refused(&gap, "a stranger's under the lab's name", 3, file_name(&signature));
}

#[test]
fn armour_has_one_form() {
    let Signed { gap, signature, .. } = signed();
    let good = fs::read_to_string(&signature).unwrap();
    for (what, bad) in [
        ("CRLF", good.replace('\n', "\r\n")),
        ("no last line end", good.trim_end().to_owned()),
        ("a line before it", format!("Comment: mine\n{good}")),
        ("a line after it", format!("{good}\n")),
        ("twice", good.repeat(2)),
        ("other line lengths", good.replacen("\nU1NI", "\nU1NI\n", 1)),
        ("over its limit", format!("{good}{}", "\n".repeat(20_000))),
    ] {
        assert_ne!(bad, good, "{what}");
        fs::write(&signature, bad).unwrap();
        assert_refused(&gap, what, 3, file_name(&signature));
    }
    fs::write(&signature, good).unwrap();
    gap.import().expect(0);
}

#[test]
fn more_signatures_than_the_exporter_s_are_no_harm() {
    let Signed { gap, bundle, stranger, .. } = signed();
    let approver = second_exporter(&gap).signing_key();
    sign(&bundle, &approver, Namespace::Approve);
    sign(&bundle, &stranger, Namespace::Seal);
    gap.on_stick("verify").expect(0);
    gap.import().expect(0);
    gap.checkout("model:v1", "out").expect(0);
}

#[test]
fn more_than_64_signatures_are_refused() {
    let Signed { gap, bundle, .. } = signed();
    for _ in 0..64 {
        sign(&bundle, &SigningKey::generate().unwrap(), Namespace::Seal);
    }
    assert_refused(&gap, "65 signatures", 3, "over 64 signatures");
}

#[test]
fn a_signed_seal_in_another_layout_is_refused() {
    let Signed { gap, bundle, lab, .. } = signed();
    let good = String::from_utf8(fs::read(bundle.join("seal.json")).unwrap()).unwrap();
    let number = format!("\"number\":{}", read_seal(&bundle).predicate().number);
    for (what, bad) in [
        ("a space", good.replacen("\"format\":1", "\"format\": 1", 1)),
        ("a line end", format!("{good}\n")),
        ("a field twice", good.replacen(&number, &format!("{number},{number}"), 1)),
        ("an unknown field", good.replacen(&number, &format!("{number},\"more\":1"), 1)),
        ("another version", good.replacen("\"format\":1", "\"format\":2", 1)),
        ("a name that leaves the bundle", good.replacen("\"name\":\"keys.age\"", "\"name\":\"../keys.age\"", 1)),
        ("a second recipient of packs", good.replacen("\"pack\":1", "\"pack\":2", 1)),
        ("nothing at all", String::new()),
    ] {
        assert_ne!(bad, good, "{what}");
        reseal_bytes(&bundle, &lab, bad.as_bytes());
        assert_refused(&gap, what, 3, "seal.json");
    }
    reseal_bytes(&bundle, &lab, good.as_bytes());
    gap.import().expect(0);
}
