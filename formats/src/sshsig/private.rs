//! Private keys that sign without help.

use super::{Namespace, PublicKey, SshError};
use ssh_key::{Algorithm, EcdsaCurve, HashAlg, LineEnding};
use std::fmt;
use zeroize::Zeroizing;

/// A private key that signs.
#[derive(Clone)]
pub struct SigningKey(ssh_key::PrivateKey);

impl SigningKey {
    /// A new ECDSA P-256 key (hosts in FIPS mode refuse Ed25519).
    pub fn generate() -> Result<Self, SshError> {
        let algorithm = Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 };
        ssh_key::PrivateKey::random(&mut ssh_key::rand_core::OsRng, algorithm)
            .map(Self)
            .map_err(|_| SshError::PrivateKey)
    }

    /// From the text of an OpenSSH private key file without a passphrase. The file of a security key has no private key
    /// in it, and is refused.
    pub fn from_openssh(text: &str) -> Result<Self, SshError> {
        let key = ssh_key::PrivateKey::from_openssh(text).map_err(|_| SshError::PrivateKey)?;
        if key.is_encrypted() {
            return Err(SshError::PrivateKey);
        }
        let key = Self(key);
        if key.public()?.is_security_key() { Err(SshError::PrivateKey) } else { Ok(key) }
    }

    /// The text of an OpenSSH private key file.
    pub fn expose_openssh(&self) -> Result<Zeroizing<String>, SshError> {
        self.0.to_openssh(LineEnding::LF).map_err(|_| SshError::PrivateKey)
    }

    /// The public half.
    pub fn public(&self) -> Result<PublicKey, SshError> {
        PublicKey::from_wire(&self.0.public_key().to_bytes().map_err(|_| SshError::PublicKey)?)
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
