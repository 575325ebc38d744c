//! OpenSSH keys and detached signatures, as `ssh-keygen -Y sign` writes them.
//!
//! Sources of the formats: PROTOCOL.sshsig, PROTOCOL.u2f and PROTOCOL.key of OpenSSH. Readers of them differ on odd
//! armour and odd fields, so only the form that `ssh-keygen` writes is accepted here, in `armour.rs` and `wire.rs`; the
//! ssh-key crate does what needs a curve. The bytes that were read are kept: that crate writes signatures of security
//! keys with other bytes.

mod armour;
mod digests;
mod keys;
mod namespace;
mod private;
mod signature;
mod touch;
mod wire;

pub use digests::Digests;
pub use keys::{KeyPoint, PublicKey};
pub use namespace::Namespace;
pub use private::SigningKey;
pub use signature::Signature;
pub use touch::{Shown, Touch};

/// Why a key or signature is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshError {
    /// Not one OpenSSH public key line without a comment.
    #[error(
        "not an OpenSSH public key of type ecdsa-sha2-nistp256 or ssh-ed25519, or of a security key of these (sk-)"
    )]
    PublicKey,
    /// Not an unencrypted OpenSSH private key of a supported type.
    #[error("not an OpenSSH private key of a supported type")]
    PrivateKey,
    /// Not an armoured SSH signature in canonical form.
    #[error("not an armoured SSH signature in the form that ssh-keygen writes")]
    Armour,
    /// Made in another way than the key's type says.
    #[error("a signature of type {actual:?}, its key is of type {expected}")]
    Type {
        /// The signature's type.
        actual: String,
        /// The key's type.
        expected: &'static str,
    },
    /// Made for something else.
    #[error("signed for {actual:?}, expected {expected}")]
    Namespace {
        /// What it was made for.
        actual: String,
        /// What it should be for.
        expected: Namespace,
    },
    /// Made with another key than the one in question.
    #[error("signed with another key")]
    OtherKey,
    /// A security key signed without being touched: whoever has a session on its host could have had it sign.
    #[error("the security key was not touched for this signature")]
    NoPresence,
    /// The bytes are not those that were signed.
    #[error("the signature does not fit the signed bytes")]
    Invalid,
}

#[cfg(test)]
mod tests;
