//! Keys that sign in this process.

use super::{SignError, Signer};
use gapvault_formats::sshsig::{Namespace, PublicKey, SigningKey};

/// A key from a file without a passphrase.
#[derive(Debug)]
pub(super) struct FileKey {
    key: SigningKey,
    public: PublicKey,
}

impl FileKey {
    pub(super) fn new(key: SigningKey) -> Result<Self, SignError> {
        let public = key.public().map_err(SignError::Own)?;
        Ok(Self { key, public })
    }
}

impl Signer for FileKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, namespace: Namespace, message: &[u8]) -> Result<String, SignError> {
        self.key.sign(namespace, message).map_err(SignError::Own)
    }
}
