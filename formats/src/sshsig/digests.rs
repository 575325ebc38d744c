//! What a signature signs of a message: a digest of it.

use super::Namespace;
use sha2::{Digest, Sha256, Sha512};
use ssh_key::HashAlg;

/// The digests of a message by each hash that a signature may name, so that a long one is read once, however many
/// signatures somebody puts beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    sha256: [u8; 32],
    sha512: [u8; 64],
}

impl Digests {
    /// Those of `message`.
    #[must_use]
    pub fn of(message: &[u8]) -> Self {
        Self { sha256: Sha256::digest(message).into(), sha512: Sha512::digest(message).into() }
    }

    /// The SHA-256 of the message.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// What a key signs for `namespace`. Source: PROTOCOL.sshsig, "Signed Data".
    pub(super) fn signed_data(&self, namespace: Namespace, hash: HashAlg) -> Vec<u8> {
        let (name, digest) = match hash {
            HashAlg::Sha256 => ("sha256", &self.sha256[..]),
            _ => ("sha512", &self.sha512[..]),
        };
        let mut data = b"SSHSIG".to_vec();
        for field in [namespace.as_str().as_bytes(), b"", name.as_bytes(), digest] {
            // None is over 64 bytes.
            data.extend((field.len() as u32).to_be_bytes());
            data.extend(field);
        }
        data
    }
}
