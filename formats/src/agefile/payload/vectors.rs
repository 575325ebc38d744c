//! Age's published test vectors, through the reader and, backwards, through the sealer.
//!
//! They are not part of the project: `scripts/age-vectors` fetches them and runs this.

use super::super::{OpenReader, SealWriter, file_key};
use super::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::Path;

/// Vectors that age opens and this format does not, and the type of the stanza that it refuses.
///
/// SPEC 4.5: a header has stanzas of the bundle's suite and at most one of a type that ends in `-grease`. Any other may
/// hide a recipient, or open to whoever breaks the weaker suite.
const REFUSED: [(&str, &str); 6] = [
    ("hybrid_and_x25519", "mlkem768x25519"),
    ("hybrid_grease", "grease"),
    ("stanza_empty_body", "empty"),
    ("stanza_empty_last_line", "stanza"),
    ("stanza_valid_characters", "!\"#$%&'"),
    ("x25519_grease", "grease"),
];

struct Vector {
    expect: String,
    /// SHA-256 of what a reader gives out before it ends or fails, in hex.
    payload: Option<String>,
    identities: Vec<String>,
    passphrase: bool,
    armored: bool,
    file: Vec<u8>,
}

impl Vector {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
        let (expect, file) = (String::new(), bytes[end + 2..].to_vec());
        let mut vector =
            Self { expect, payload: None, identities: Vec::new(), passphrase: false, armored: false, file };
        for line in std::str::from_utf8(&bytes[..end]).unwrap().lines() {
            match line.split_once(": ").unwrap() {
                ("expect", value) => vector.expect = value.to_owned(),
                ("payload", value) => vector.payload = Some(value.to_owned()),
                ("identity", value) => vector.identities.push(value.to_owned()),
                ("passphrase", _) => vector.passphrase = true,
                ("armored", _) => vector.armored = true,
                ("file key" | "comment", _) => {}
                (other, _) => panic!("{}: what is {other:?}?", path.display()),
            }
        }
        vector
    }

    /// Why it says nothing about this format.
    fn foreign(&self) -> Option<&'static str> {
        if self.armored { Some("armour") } else { self.passphrase.then_some("passphrase (scrypt)") }
    }
}

#[test]
#[ignore = "needs age's published vectors: scripts/age-vectors fetches them"]
fn age_vectors_are_opened_sealed_and_refused_as_published() {
    let folder = std::env::var_os("AGE_VECTORS").expect("AGE_VECTORS names the folder that the vectors are in");
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 100, "{} vectors are not the published ones", paths.len());
    let (mut passed, mut skipped) = (BTreeMap::<_, u32>::new(), BTreeMap::<_, u32>::new());
    for path in &paths {
        let (name, vector) = (path.file_name().unwrap().to_str().unwrap(), Vector::read(path));
        if let Some(reason) = vector.foreign() {
            // What it tells of age does not matter here; that it is nothing for this reader does.
            assert!(reader(&vector.file, &Identity::generate()).is_err(), "{name}");
            *skipped.entry(reason).or_default() += 1;
            continue;
        }
        let how = judge(name, &vector);
        println!("{name}: {how}");
        *passed.entry(format!("{}: {}", vector.expect, how.split(':').next().unwrap())).or_default() += 1;
    }
    for (case, count) in &passed {
        println!("PASSED {count:3}  {case}");
    }
    for (reason, count) in &skipped {
        println!("SKIPPED {count:2}  {reason}; each is refused");
    }
    println!("{} vectors, {} run", paths.len(), passed.values().sum::<u32>());
    for expect in ["success", "header failure", "HMAC failure", "no match", "payload failure"] {
        assert!(passed.keys().any(|case| case.starts_with(expect)), "no vector of the kind {expect:?}");
    }
}

fn reader<'a>(file: &'a [u8], identity: &Identity) -> Result<OpenReader<Cursor<&'a [u8]>>, AgeError> {
    // No seal says how many: what the header itself has.
    let recipients = Header::read(file).map_or(1, |header| header.recipients);
    OpenReader::new(Cursor::new(file), identity, recipients)
}

/// Panics if the vector is not kept; else says how it was.
fn judge(name: &str, vector: &Vector) -> String {
    let identity = vector.identities.first().map_or_else(Identity::generate, |key| Identity::from_secret(key).unwrap());
    let mut opened = match (vector.expect.as_str(), reader(&vector.file, &identity)) {
        ("success", Err(AgeError::Stanza(kind))) => {
            assert!(REFUSED.contains(&(name, &kind)), "{name}: refused for its stanza {kind:?}");
            return format!("refused on purpose: a stanza of type {kind:?}");
        }
        ("no match", Err(AgeError::NotARecipient)) | ("HMAC failure", Err(AgeError::Broken(_))) => {
            return "refused".to_owned();
        }
        ("header failure" | "no match", Err(error)) => return format!("refused: {error}"),
        ("success" | "payload failure", Ok(opened)) => opened,
        (_, outcome) => panic!("{name} expects {}: {outcome:?}", vector.expect),
    };
    let mut plain = Vec::new();
    let ending = opened.read_to_end(&mut plain);
    let digest = |bytes: &[u8]| crate::ids::to_hex(&Sha256::digest(bytes));
    let as_published = vector.payload.as_ref() == Some(&digest(&plain));
    if vector.expect == "success" {
        assert!(REFUSED.iter().all(|(refused, _)| *refused != name), "{name} is not refused any more");
        assert!(ending.is_ok() && as_published, "{name}: {ending:?}");
        sealed_again(name, &vector.file, &identity, &plain);
        return "opened, and sealed to the same bytes".to_owned();
    }
    let fault = ending.expect_err(name);
    // Age's own reader gives out a full last block before it finds that something stands behind it; this one looks
    // first. What it gives out is then the beginning of what is published.
    let released = by_the_age_crate(&vector.file, &identity);
    assert_eq!(vector.payload, Some(digest(&released)), "{name}");
    assert!(released.starts_with(&plain), "{name}");
    if as_published { format!("refused after the same bytes: {fault}") } else { format!("refused sooner: {fault}") }
}

/// The other direction: under the vector's key and nonce, the plaintext is sealed to the vector's very bytes.
fn sealed_again(name: &str, file: &[u8], identity: &Identity, plain: &[u8]) {
    let (_, head) = Header::read_head(file).unwrap();
    let sealer = |head: &[u8]| BlockSealer { head: head.to_vec(), key: file_key::open(head, identity).unwrap() };
    let mut writer = SealWriter::with(Vec::new(), sealer(&head)).unwrap();
    writer.write_all(plain).unwrap();
    assert!(writer.finish().unwrap() == file, "{name}: sealed to other bytes");
}

fn by_the_age_crate(file: &[u8], identity: &Identity) -> Vec<u8> {
    let decryptor = age::Decryptor::new_buffered(file).unwrap();
    let mut released = Vec::new();
    let mut reader = decryptor.decrypt(std::iter::once(&identity.0 as &dyn age::Identity)).unwrap();
    reader.read_to_end(&mut released).expect_err("age refuses it too");
    released
}
