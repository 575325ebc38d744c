//! OpenSSH keys and detached signatures, as `ssh-keygen -Y sign` writes them.
//!
//! Source of the signature format: PROTOCOL.sshsig of OpenSSH. Readers of it differ on odd armour, so only the canonical
//! form is accepted here: LF line ends, 70 characters a line, nothing before or after.

use crate::ids::KeyFingerprint;
use crate::limits;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use ssh_key::{Algorithm, EcdsaCurve, HashAlg, LineEnding, SshSig};
use std::fmt;
use zeroize::Zeroizing;

/// What a signature is for. A signature of one namespace never counts in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// The exporter's signature over `seal.json`.
    Seal,
    /// An approver's signature over `seal.json`.
    Approve,
    /// The far side's signature over a receipt.
    Receipt,
    /// A root person's signature over a policy.
    Policy,
    /// A vault's signature over the head of its log.
    Checkpoint,
    /// A vault's signature over the list of a bundle's wraps.
    Wrap,
}

impl Namespace {
    /// As it stands in the signature.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seal => "seal@gapvault",
            Self::Approve => "approve@gapvault",
            Self::Receipt => "receipt@gapvault",
            Self::Policy => "policy@gapvault",
            Self::Checkpoint => "checkpoint@gapvault",
            Self::Wrap => "wrap@gapvault",
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a signature must show of whoever made it. Only security keys (FIDO2) show anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Touch {
    /// Nothing; a security key must have been touched nonetheless.
    #[default]
    Any,
    /// A security key was touched.
    Presence,
    /// A security key knew the person: by fingerprint or PIN.
    Verification,
}

/// What a signature shows of whoever made it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// A security key was touched.
    pub presence: bool,
    /// A security key knew the person.
    pub verification: bool,
}

impl Touch {
    /// Whether what was shown is enough.
    #[must_use]
    pub fn is_met_by(self, shown: Shown) -> bool {
        match self {
            Self::Any => true,
            Self::Presence => shown.presence,
            Self::Verification => shown.presence && shown.verification,
        }
    }
}

/// Why a key or signature is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshError {
    /// Not one OpenSSH public key line without a comment.
    #[error("not an OpenSSH public key of type ecdsa-sha2-nistp256 or ssh-ed25519")]
    PublicKey,
    /// Not an unencrypted OpenSSH private key of a supported type.
    #[error("not an OpenSSH private key of a supported type")]
    PrivateKey,
    /// Not an armoured SSH signature in canonical form.
    #[error("not an armoured SSH signature in the form that ssh-keygen writes")]
    Armour,
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
    /// The bytes are not those that were signed.
    #[error("the signature does not fit the signed bytes")]
    Invalid,
}

/// An OpenSSH public key of a type that gapvault accepts.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(ssh_key::PublicKey);

impl PublicKey {
    fn accept(mut key: ssh_key::PublicKey) -> Result<Self, SshError> {
        match key.algorithm() {
            // SPEC 4.3: with a key of low order anybody can make signatures that fit.
            Algorithm::Ed25519 if key.key_data().ed25519().is_none_or(is_weak) => Err(SshError::PublicKey),
            Algorithm::Ed25519 | Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 } => {
                key.set_comment("");
                Ok(Self(key))
            }
            _ => Err(SshError::PublicKey),
        }
    }

    /// The SHA-256 of its wire encoding, as hex the `<key>` of a signature's file name.
    #[must_use]
    pub fn fingerprint(&self) -> KeyFingerprint {
        // Encoding a key of an accepted type into memory can't fail.
        KeyFingerprint::of(&self.0.to_bytes().unwrap_or_default())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_openssh().map_err(|_| fmt::Error)?)
    }
}
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}
impl std::str::FromStr for PublicKey {
    type Err = SshError;
    fn from_str(text: &str) -> Result<Self, SshError> {
        let key = ssh_key::PublicKey::from_openssh(text).map_err(|_| SshError::PublicKey)?;
        let key = Self::accept(key)?;
        // SPEC 4.3: type and base64 with one space between, nothing else.
        if key.to_string() == text { Ok(key) } else { Err(SshError::PublicKey) }
    }
}
impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

fn is_weak(key: &ssh_key::public::Ed25519PublicKey) -> bool {
    ed25519_dalek::VerifyingKey::from_bytes(&key.0).map_or(true, |key| key.is_weak())
}

/// A private key that signs.
pub struct SigningKey(ssh_key::PrivateKey);

impl SigningKey {
    /// A new ECDSA P-256 key (hosts in FIPS mode refuse Ed25519).
    pub fn generate() -> Result<Self, SshError> {
        let algorithm = Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 };
        ssh_key::PrivateKey::random(&mut ssh_key::rand_core::OsRng, algorithm)
            .map(Self)
            .map_err(|_| SshError::PrivateKey)
    }

    /// From the text of an OpenSSH private key file without a passphrase.
    pub fn from_openssh(text: &str) -> Result<Self, SshError> {
        let key = ssh_key::PrivateKey::from_openssh(text).map_err(|_| SshError::PrivateKey)?;
        if key.is_encrypted() {
            return Err(SshError::PrivateKey);
        }
        PublicKey::accept(key.public_key().clone())?;
        Ok(Self(key))
    }

    /// The text of an OpenSSH private key file.
    pub fn expose_openssh(&self) -> Result<Zeroizing<String>, SshError> {
        self.0.to_openssh(LineEnding::LF).map_err(|_| SshError::PrivateKey)
    }

    /// The public half.
    pub fn public(&self) -> Result<PublicKey, SshError> {
        PublicKey::accept(self.0.public_key().clone())
    }

    /// An armoured detached signature over `message`.
    pub fn sign(&self, namespace: Namespace, message: &[u8]) -> Result<String, SshError> {
        self.0
            .sign(namespace.as_str(), HashAlg::Sha512, message)
            .and_then(|signature| signature.to_pem(LineEnding::LF))
            .map_err(|_| SshError::PrivateKey)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(secret)")
    }
}

/// A detached signature. Never an identifier: ECDSA signatures are malleable.
#[derive(Clone, Debug)]
pub struct Signature {
    key: PublicKey,
    parsed: SshSig,
}

impl Signature {
    /// From the bytes of a `.sig` file, canonical armour only.
    pub fn parse(armoured: &[u8]) -> Result<Self, SshError> {
        if armoured.len() as u64 > limits::SIGNATURE_BYTES {
            return Err(SshError::Armour);
        }
        let text = std::str::from_utf8(armoured).map_err(|_| SshError::Armour)?;
        let parsed = SshSig::from_pem(text).map_err(|_| SshError::Armour)?;
        // SPEC 4.2: what would be written otherwise MUST be refused.
        let canonical = parsed.to_pem(LineEnding::LF).map_err(|_| SshError::Armour)?;
        if canonical != text || !parsed.reserved().is_empty() || parsed.version() != SshSig::VERSION {
            return Err(SshError::Armour);
        }
        let key = PublicKey::accept(ssh_key::PublicKey::from(parsed.public_key().clone()))?;
        Ok(Self { key, parsed })
    }

    /// The key that it says it was made with.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What it says it was made for.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.parsed.namespace()
    }

    /// What it shows of whoever made it, once it is verified.
    #[must_use]
    pub fn shown(&self) -> Shown {
        Shown::default()
    }

    /// Whether `key` made this over `message` for `namespace`.
    pub fn verify(&self, key: &PublicKey, namespace: Namespace, message: &[u8]) -> Result<(), SshError> {
        if self.namespace() != namespace.as_str() {
            let actual = crate::names::shorten(self.namespace());
            return Err(SshError::Namespace { actual, expected: namespace });
        }
        if self.key != *key {
            return Err(SshError::OtherKey);
        }
        key.0.verify(namespace.as_str(), message, &self.parsed).map_err(|_| SshError::Invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_counts_for_its_key_namespace_and_bytes_only() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let armoured = key.sign(Namespace::Seal, b"bytes").unwrap();
        let signature = Signature::parse(armoured.as_bytes()).unwrap();
        let public = key.public().unwrap();
        assert_eq!(signature.verify(&public, Namespace::Seal, b"bytes"), Ok(()));
        assert_eq!(signature.verify(&public, Namespace::Seal, b"byteS"), Err(SshError::Invalid));
        assert_eq!(signature.verify(&other.public().unwrap(), Namespace::Seal, b"bytes"), Err(SshError::OtherKey));
        assert!(matches!(signature.verify(&public, Namespace::Approve, b"bytes"), Err(SshError::Namespace { .. })));
    }

    #[test]
    fn a_key_that_anybody_can_sign_with_is_none() {
        // The identity point, of which no private key exists.
        let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert!(ssh_key::PublicKey::from_openssh(line).is_ok());
        assert_eq!(line.parse::<PublicKey>(), Err(SshError::PublicKey));
    }

    #[test]
    fn only_canonical_armour() {
        let armoured = SigningKey::generate().unwrap().sign(Namespace::Seal, b"bytes").unwrap();
        for bad in [
            armoured.replace('\n', "\r\n"),
            format!("hello\n{armoured}"),
            format!("{armoured}\n"),
            armoured.trim_end().to_owned(),
            armoured.replacen("\n", "\n\n", 2),
        ] {
            assert_eq!(Signature::parse(bad.as_bytes()).err(), Some(SshError::Armour), "{bad}");
        }
    }

    #[test]
    fn keys_come_back_from_their_text() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_openssh(&key.expose_openssh().unwrap()).unwrap();
        assert_eq!(key.public().unwrap(), again.public().unwrap());
        let line = key.public().unwrap().to_string();
        assert_eq!(line.parse::<PublicKey>().unwrap(), key.public().unwrap());
        assert!(format!("{line} comment").parse::<PublicKey>().is_err());
    }
}
