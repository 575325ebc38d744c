//! What an auditor can open and what nobody can, from the bytes themselves.

use crate::support::hostile::split_header;
use crate::support::reseal::{files, read_seal};
use crate::support::{Gap, Site, noise, snapshot, walk};
use gapvault_formats::agefile::{AgeError, Identity, OpenReader};
use gapvault_formats::ids::{FileDigest, TentKey};
use gapvault_formats::keys::Keys;
use gapvault_formats::table;
use std::fs;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// The plaintext of an age file, for whoever has this identity.
fn open(path: &Path, identity: &Identity, stanzas: u64) -> Result<Vec<u8>, AgeError> {
    let mut plain = Vec::new();
    OpenReader::new(BufReader::new(fs::File::open(path).unwrap()), identity, stanzas)?.read_to_end(&mut plain).unwrap();
    Ok(plain)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

struct Audited {
    gap: Gap,
    audit: Site,
    bundle: PathBuf,
}

fn audited() -> Audited {
    let gap = Gap::new();
    let audit = Site::new(gap.room.path(), "audit");
    gap.lab.trust(&audit, "auditor");
    audit.trust(&gap.lab, "exporter");
    let bundle = gap.export_sample();
    Audited { gap, audit, bundle }
}

#[test]
fn an_auditor_s_identity_opens_the_catalogue_and_nothing_else() {
    let Audited { gap, audit, bundle } = audited();
    let seal = read_seal(&bundle);
    let identity = audit.identity();
    for subject in seal.subjects().iter().filter(|subject| subject.file.to_string().ends_with(".age")) {
        let name = subject.file.to_string();
        let stanzas = seal.stanzas(&subject.file).unwrap();
        let opened = open(&bundle.join(&name), &identity, stanzas);
        match name.as_str() {
            "catalogue.age" => drop(opened.unwrap()),
            _ => assert!(matches!(opened, Err(AgeError::NotARecipient)), "{name}"),
        }
    }
    // All of it: what a member is shown of the catalogue, an auditor is too.
    let shown = |site: &Site| {
        let shown = crate::support::run(site.command(["show", "--json"]).arg(&gap.stick)).expect(0).json();
        shown["bundles"][0]["catalogue"]["artifacts"].clone()
    };
    assert_eq!(shown(&audit), shown(&gap.cluster));
    assert_eq!(shown(&audit)[0]["entries"].as_array().unwrap().len(), 5);
}

#[test]
fn nothing_that_an_auditor_has_makes_a_chunk_id() {
    let Audited { gap, audit, bundle } = audited();
    let seal = read_seal(&bundle);
    let stanzas = &seal.predicate().stanzas;
    let keys = open(&bundle.join("keys.age"), &gap.cluster.identity(), stanzas.keys).unwrap();
    let keys = Keys::parse(std::str::from_utf8(&keys).unwrap()).unwrap();
    let tent_key = keys.tent_key.expose_hex();
    let secret = keys.identity.expose_secret().to_string();
    let bytes = TentKey::from_hex(&tent_key).unwrap();
    let content = fs::read(gap.path("sample/config.json")).unwrap();
    let id = bytes.chunk_id(&content);

    let raw: Vec<u8> = (0..32).map(|n| u8::from_str_radix(&tent_key[2 * n..2 * n + 2], 16).unwrap()).collect();
    let sealed = fs::File::open(bundle.join("catalogue.age")).unwrap();
    let mut catalogue = Vec::new();
    table::open(BufReader::new(sealed), &audit.identity(), stanzas.catalogue)
        .unwrap()
        .read_to_end(&mut catalogue)
        .unwrap();
    assert!(contains(&catalogue, b"config.json"), "the catalogue is not what was looked through");
    crate::support::run(audit.command(["import"]).arg(&gap.stick)).expect(0);
    let mut all = vec![("catalogue".to_owned(), catalogue)];
    all.extend(snapshot(&audit.vault).into_iter().map(|(path, bytes)| (path.display().to_string(), bytes)));
    all.extend(walk(&bundle).into_iter().map(|path| (path.display().to_string(), fs::read(path).unwrap())));
    for (name, bytes) in all {
        for (what, part) in [
            ("the tent key", raw.as_slice()),
            ("the tent key in hex", tent_key.as_bytes()),
            ("the bundle's identity", secret.as_bytes()),
            ("a chunk id", id.as_bytes()),
            ("a chunk id in hex", id.to_string().as_bytes()),
        ] {
            assert!(!contains(&bytes, part), "{name} holds {what}");
        }
    }
    // Without the key it is not to be guessed from the content either.
    assert_ne!(id, TentKey::from_bytes([0; 32]).chunk_id(&content));
}

#[test]
fn a_stick_tells_an_outsider_no_names_and_no_digests() {
    let Audited { gap, bundle, .. } = audited();
    let mut secrets: Vec<String> = ["model", "aurora", "cluster-b", "audit", "safetensors", "config.json", "vocab"]
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    for file in walk(&gap.path("sample")) {
        let digest = FileDigest::of(&fs::read(file).unwrap());
        secrets.push(digest.to_string());
    }
    let names = files(&bundle);
    let public = |name: &&String| !name.ends_with(".age");
    assert!(names.iter().any(|name| name == "RECOVER.txt") && names.iter().any(|name| name.starts_with("SHA256SUMS")));
    for secret in &secrets {
        assert!(!names.iter().any(|name| name.contains(secret.as_str())), "a file's name holds {secret}");
        for name in names.iter().filter(public) {
            let text = fs::read_to_string(bundle.join(name)).unwrap();
            assert!(!text.contains(secret.as_str()), "{name} holds {secret}");
        }
        for name in names.iter().filter(|name| !public(name)) {
            assert!(!contains(&fs::read(bundle.join(name)).unwrap(), secret.as_bytes()), "{name} holds {secret}");
        }
    }
    // The exporting site and its person are called `lab`, and so begins a field.
    let seal = fs::read_to_string(bundle.join("seal.json")).unwrap();
    assert!(!seal.contains("\"lab\""));
}

#[test]
fn a_stick_does_not_tell_how_many_files_it_carries() {
    let sizes = |count: usize| {
        let gap = Gap::new();
        let source = gap.path("source");
        fs::create_dir(&source).unwrap();
        let all = noise(9, 60_000);
        for (number, part) in all.chunks(60_000 / count).enumerate() {
            fs::write(source.join(format!("{number:02}.bin")), part).unwrap();
        }
        let run = gap.export(&source, "model:v1", &["--pack-size", "64K"]).expect(0);
        let bundle = PathBuf::from(run.json()["path"].as_str().unwrap());
        let size = |name: String| {
            let bytes = fs::read(bundle.join(&name)).unwrap();
            // Age writers add grease of random length to headers.
            (if name.ends_with(".age") { split_header(&bytes).1.len() } else { 0 }, name)
        };
        files(&bundle).into_iter().filter(|name| !name.ends_with(".sig")).map(size).collect::<Vec<_>>()
    };
    assert_eq!(sizes(3), sizes(30));
}
