//! Plain age v1 files: headers by the age crate, which sees none before it was counted; payloads by blocks.
//!
//! [`SealWriter`] and [`OpenReader`] are a file from front to back; [`BlockSealer`] and [`BlockOpener`] are its blocks
//! alone, for whoever wants them sealed or opened side by side.
//!
//! Source of the format: C2SP `age.md`.

mod file_key;
mod header;
mod hybrid;
mod keys;
mod payload;
mod stream;
mod suite;

pub use header::Header;
pub use keys::{Identity, Recipient};
pub use payload::{BLOCK, BlockOpener, BlockSealer, TAG};
pub use stream::{OpenReader, SealWriter};
pub use suite::Suite;

pub(crate) use keys::{post_quantum, x25519};

use crate::limits;
use std::io;

/// Why an age file or key is refused.
#[derive(Debug, thiserror::Error)]
pub enum AgeError {
    /// Not the text of a key of this suite.
    #[error("not an age {what} of the suite {suite}")]
    Key {
        /// Which suite.
        suite: Suite,
        /// A recipient or an identity.
        what: &'static str,
    },
    /// No age header, or one over the limit.
    #[error("no well-formed age header within {} bytes", limits::AGE_HEADER_BYTES)]
    Header,
    /// Stanzas of no suite or of two, or more grease than one.
    #[error("an age header with a stanza of type {0:?}, which this suite does not have")]
    Stanza(String),
    /// A stanza with another form than the suite's have.
    #[error("an age header with a malformed stanza of the suite {0}")]
    Malformed(Suite),
    /// A header of the other suite.
    #[error("an age header of the suite {actual}, expected was {expected}")]
    Suite {
        /// What the stanzas are of.
        actual: Suite,
        /// What the seal says, or the key is of.
        expected: Suite,
    },
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
    /// Sealed to nobody.
    #[error("no recipients")]
    NoRecipients,
    /// Recipients of both suites: whoever breaks the weaker one would read what is for the other.
    #[error("recipients of two suites can't share a file")]
    Mixed,
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
