//! A hostile exporter who hides a recipient, or makes headers that are slow to read. The seal is properly signed.

use crate::support::Gap;
use crate::support::reseal::{files, read_seal, reseal};
use crate::support::untouched::{assert_import_refused, assert_refused, promptly};
use gapvault_formats::agefile::{Identity, OpenReader, Recipient, SealWriter};
use gapvault_formats::keys::Keys;
use gapvault_formats::seal::Stanzas;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::process::Command;

const FIRST_LINE: &[u8] = b"age-encryption.org/v1\n";

/// The names of a bundle's age files.
fn age_files(bundle: &Path) -> Vec<String> {
    files(bundle).into_iter().filter(|name| name.ends_with(".age")).collect()
}

fn seal_to(recipients: &[Recipient], plain: &[u8]) -> Vec<u8> {
    let mut sealed = SealWriter::new(Vec::new(), recipients).unwrap();
    sealed.write_all(plain).unwrap();
    sealed.finish().unwrap()
}

/// The same age file with `text` as the first of its stanzas.
fn with_stanza(file: &[u8], text: &[u8]) -> Vec<u8> {
    [FIRST_LINE, text, file.strip_prefix(FIRST_LINE).unwrap()].concat()
}

/// The X25519 stanza of a file that is sealed to a new key: two lines.
fn stanza() -> Vec<u8> {
    let file = seal_to(&[Identity::generate().recipient()], b"");
    let lines: Vec<_> = file.split_inclusive(|&c| c == b'\n').collect();
    let at = lines.iter().position(|line| line.starts_with(b"-> X25519 ")).unwrap();
    lines[at..at + 2].concat()
}

#[test]
fn an_added_stanza_is_counted_in_every_sealed_file() {
    let gap = Gap::new();
    let (bundle, lab) = (gap.export_sample(), gap.lab.signing_key());
    for name in age_files(&bundle) {
        let path = bundle.join(&name);
        let good = fs::read(&path).unwrap();
        fs::write(&path, with_stanza(&good, &stanza())).unwrap();
        reseal(&bundle, &lab, |_| ());
        assert_refused(&gap, &name, 3, &format!("{name} of bundle"));
        let run = gap.import().expect(3);
        assert!(run.err.contains("recipients, the seal gives"), "{run:#?}");
        fs::write(&path, good).unwrap();
    }
    reseal(&bundle, &lab, |_| ());
    gap.import().expect(0);
}

#[test]
fn stanzas_of_another_kind_are_refused_in_every_sealed_file() {
    let gap = Gap::new();
    let (bundle, lab) = (gap.export_sample(), gap.lab.signing_key());
    for name in age_files(&bundle) {
        let path = bundle.join(&name);
        let good = fs::read(&path).unwrap();
        for kind in ["scrypt AAAA 18", "ssh-ed25519 AAAA AAAA", "x25519 AAAA", "piv-p256 AAAA"] {
            fs::write(&path, with_stanza(&good, format!("-> {kind}\nAAAA\n").as_bytes())).unwrap();
            reseal(&bundle, &lab, |_| ());
            assert_refused(&gap, &format!("{kind} in {name}"), 3, &format!("{name} of bundle"));
        }
        fs::write(&path, good).unwrap();
    }
}

/// Opens the file of a bundle with `identity`.
fn open(bundle: &Path, name: &str, identity: &Identity, stanzas: u64) -> Vec<u8> {
    let mut plain = Vec::new();
    let sealed = Cursor::new(fs::read(bundle.join(name)).unwrap());
    OpenReader::new(sealed, identity, stanzas).unwrap().read_to_end(&mut plain).unwrap();
    plain
}

#[test]
fn a_recipient_that_the_catalogue_does_not_list_is_found() {
    let gap = Gap::new();
    let (bundle, lab) = (gap.export_sample(), gap.lab.signing_key());
    let stanzas = read_seal(&bundle).predicate().stanzas;
    let hidden = Identity::generate().recipient();
    let (keys, catalogue) = (bundle.join("keys.age"), bundle.join("catalogue.age"));
    let (good_keys, good_catalogue) = (fs::read(&keys).unwrap(), fs::read(&catalogue).unwrap());

    // Sealed anew, with a seal that gives the right number: only the catalogue can tell.
    let text = open(&bundle, "keys.age", &gap.lab.identity(), stanzas.keys);
    let members = [gap.lab.identity().recipient(), gap.cluster.identity().recipient(), hidden.clone()];
    fs::write(&keys, seal_to(&members, &text)).unwrap();
    reseal(&bundle, &lab, |p| p.stanzas = Stanzas { keys: stanzas.keys + 1, ..stanzas });
    assert_import_refused(&gap, "a hidden member", 3, "catalogue.age: its number of members");
    fs::write(&keys, good_keys).unwrap();

    let own = Keys::parse(std::str::from_utf8(&text).unwrap()).unwrap().identity;
    let table = open(&bundle, "catalogue.age", &own, stanzas.catalogue);
    fs::write(&catalogue, seal_to(&[own.recipient(), hidden], &table)).unwrap();
    reseal(&bundle, &lab, |p| p.stanzas = Stanzas { catalogue: stanzas.catalogue + 1, ..stanzas });
    assert_import_refused(&gap, "a hidden auditor", 3, "catalogue.age: its number of auditors");
    fs::write(&catalogue, good_catalogue).unwrap();

    // With the numbers as they were it is the bundle that it was.
    reseal(&bundle, &lab, |p| p.stanzas = stanzas);
    gap.import().expect(0);
}

#[test]
fn a_header_of_a_megabyte_is_refused_at_once_in_little_memory() {
    let gap = Gap::new();
    let (bundle, lab) = (gap.export_sample(), gap.lab.signing_key());
    for name in age_files(&bundle) {
        let path = bundle.join(&name);
        let good = fs::read(&path).unwrap();
        // No seal may give keys.age more than 256 KiB.
        let length = if name == "keys.age" { 200 << 10 } else { 1 << 20 };
        for (what, header) in [
            ("stanzas", stanza().repeat(length / stanza().len())),
            ("one argument", [b"-> X25519 ".as_slice(), &b"A".repeat(length), b"\nAAAA\n"].concat()),
            (
                "one body",
                [
                    b"-> X25519 AAAA\n".as_slice(),
                    &[&b"A".repeat(64), b"\n".as_slice()].concat().repeat(length / 65),
                    b"\n",
                ]
                .concat(),
            ),
            (
                "grease",
                [
                    b"-> a-grease\n".as_slice(),
                    &[&b"A".repeat(64), b"\n".as_slice()].concat().repeat(length / 65),
                    b"\n",
                ]
                .concat(),
            ),
            ("no line end", b"A".repeat(length)),
        ] {
            fs::write(&path, with_stanza(&good, &header)).unwrap();
            reseal(&bundle, &lab, |_| ());
            assert_refused(&gap, &format!("{what} in {name}"), 3, "no well-formed age header within 131072 bytes");
            // In kibibytes of address space: all of the program's buffers, and not much beside them.
            let mut limited = Command::new("sh");
            limited.args(["-c", "ulimit -v 524288 && exec \"$@\"", "sh"]).arg(env!("CARGO_BIN_EXE_gapvault"));
            limited.arg("--vault").arg(&gap.cluster.vault).arg("import").arg(&gap.stick);
            promptly(&limited).refused(3, &name);
        }
        fs::write(&path, good).unwrap();
    }
}
