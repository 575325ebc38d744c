//! Makes the vectors. An invalid one is a good one with one thing changed, so that it can be refused for that alone.

mod age_header;
mod card;
mod catalogue;
mod chunk;
mod example;
mod index;
mod keys;
mod log;
mod parity;
mod person_card;
mod policy;
mod record;
mod seal;
mod security_key;
mod sshsig;
mod text;

pub(crate) use sshsig::base64;

use crate::kinds::sequence;
use crate::store::Files;
use serde::Serialize;

/// All vectors.
pub(crate) fn all() -> Files {
    let mut files = Files::new();
    let kinds = [
        seal::vectors(),
        catalogue::vectors(),
        index::vectors(),
        record::vectors(),
        chunk::vectors(),
        parity::vectors(),
        keys::vectors(),
        card::vectors(),
        person_card::vectors(),
        policy::vectors(),
        log::vectors(),
        log::checkpoints(),
        sshsig::vectors(),
        age_header::vectors(),
        text::paths(),
        text::links(),
        text::artifacts(),
        text::times(),
        text::public_keys(),
        text::derived(),
    ];
    for kind in kinds {
        for (path, bytes) in kind.files {
            let before = files.insert(path.clone(), bytes);
            assert!(before.is_none(), "{path} is made twice");
        }
    }
    files
}

/// The vectors of one kind.
struct Kind {
    name: &'static str,
    extension: &'static str,
    files: Vec<(String, Vec<u8>)>,
}

impl Kind {
    fn new(name: &'static str, extension: &'static str) -> Self {
        Self { name, extension, files: Vec::new() }
    }

    fn valid(&mut self, claim: &str, bytes: impl Into<Vec<u8>>) {
        self.add("valid", claim, bytes.into());
    }

    fn invalid(&mut self, claim: &str, bytes: impl Into<Vec<u8>>) {
        self.add("invalid", claim, bytes.into());
    }

    /// Invalid vectors that are `good` with one piece of it replaced: claim, piece, replacement.
    fn altered(&mut self, good: &str, changes: &[(&str, &str, &str)]) {
        for (claim, piece, replacement) in changes {
            self.invalid(claim, altered(good, piece, replacement));
        }
    }

    fn add(&mut self, root: &str, claim: &str, bytes: Vec<u8>) {
        self.files.push((format!("{root}/{}/{claim}.{}", self.name, self.extension), bytes));
    }
}

/// `good` with its only `piece` replaced.
fn altered(good: &str, piece: &str, replacement: &str) -> String {
    assert_eq!(good.matches(piece).count(), 1, "{piece:?} in {good}");
    good.replace(piece, replacement)
}

/// The bytes of `records` but for the one at `n`.
fn without<T: Clone + Serialize>(records: &[T], n: usize) -> Vec<u8> {
    sequence(&[&records[..n], &records[n + 1..]].concat())
}

/// The bytes of `records` with one more before the one at `n`.
fn with<T: Clone + Serialize>(records: &[T], n: usize, more: T) -> Vec<u8> {
    sequence(&[&records[..n], &[more], &records[n..]].concat())
}

/// The bytes of `records` with another in the place of the one at `n`.
fn replaced<T: Clone + Serialize>(records: &[T], n: usize, other: T) -> Vec<u8> {
    sequence(&[&records[..n], &[other], &records[n + 1..]].concat())
}
