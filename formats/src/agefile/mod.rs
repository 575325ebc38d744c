//! Plain age v1 files: headers by the age crate, which sees none before it was counted; payloads by blocks.
//!
//! [`SealWriter`] and [`OpenReader`] are a file from front to back; [`BlockSealer`] and [`BlockOpener`] are its blocks
//! alone, for whoever wants them sealed or opened side by side.
//!
//! Source of the format: C2SP `age.md`.

mod file_key;
mod header;
mod keys;
mod payload;
mod stream;

pub use header::Header;
pub use keys::{Identity, Recipient};
pub use payload::{BLOCK, BlockOpener, BlockSealer, TAG};
pub use stream::{OpenReader, SealWriter};

use crate::limits;
use std::io;

/// Who a bundle's files are sealed to, and how. One suite per bundle, never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Suite {
    /// X25519 recipients.
    #[serde(rename = "age-x25519")]
    X25519,
}

/// Why an age file or key is refused.
#[derive(Debug, thiserror::Error)]
pub enum AgeError {
    /// Not `age1…` or `AGE-SECRET-KEY-1…`.
    #[error("not an age X25519 {0}")]
    Key(&'static str),
    /// No age header, or one over the limit.
    #[error("no well-formed age header within {} bytes", limits::AGE_HEADER_BYTES)]
    Header,
    /// Stanzas of another suite, or more grease than one.
    #[error("an age header with a stanza of type {0:?}, which this suite does not have")]
    Stanza(String),
    /// Another number of stanzas than the seal gives: a recipient was added or removed.
    #[error("an age header with {actual} recipients, the seal gives {expected}")]
    StanzaCount {
        /// Counted in the header.
        actual: u64,
        /// Given by the seal.
        expected: u64,
    },
    /// None of the stanzas opens with this identity.
    #[error("not sealed to this key")]
    NotARecipient,
    /// Nobody to seal to.
    #[error("no recipients")]
    NoRecipients,
    /// The header's authentication failed.
    #[error("damaged or forged: {0}")]
    Broken(String),
    /// A block that does not open where it stands, or of a length that it can't have.
    #[error("damaged, cut off or forged: block {number} of its payload")]
    Block {
        /// Counted from 0.
        number: u64,
    },
    /// No payload, or none where a block should begin.
    #[error("an age file that breaks off")]
    CutOff,
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Read, Write};

    pub(super) fn sealed(recipients: &[Recipient], plain: &[u8]) -> Vec<u8> {
        let mut w = SealWriter::new(Vec::new(), recipients).unwrap();
        w.write_all(plain).unwrap();
        w.finish().unwrap()
    }

    #[test]
    fn recipients_are_counted_and_only_they_open() {
        let (a, b, c) = (Identity::generate(), Identity::generate(), Identity::generate());
        let file = sealed(&[a.recipient(), b.recipient()], b"weights");
        let header = Header::read(file.as_slice()).unwrap();
        assert_eq!((header.recipients, header.plaintext_length(file.len() as u64)), (2, Some(7)));
        let mut plain = Vec::new();
        OpenReader::new(Cursor::new(&file), &a, 2).unwrap().read_to_end(&mut plain).unwrap();
        assert_eq!(plain, b"weights");
        assert!(matches!(
            OpenReader::new(Cursor::new(&file), &a, 1),
            Err(AgeError::StanzaCount { actual: 2, expected: 1 })
        ));
        assert!(matches!(OpenReader::new(Cursor::new(&file), &c, 2), Err(AgeError::NotARecipient)));
    }
}
