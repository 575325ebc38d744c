//! Who signs: a key in a file, or whatever `ssh-keygen` can sign with.
//!
//! A key without a passphrase signs here. For all others (with a passphrase, in ssh-agent, on a PIV card, in a security
//! key) `ssh-keygen` is run: it knows how to ask for a passphrase, a PIN or a touch, and has the drivers. What comes back
//! from it is held to the key, the namespace and the message before it is given out.

mod error;
mod file;
mod keygen;
mod open;

pub use error::SignError;
pub use open::{open_key, read_public_key};

use crate::vault::Vault;
use file::FileKey;
use gapvault_formats::sshsig::{Namespace, PublicKey};

/// A key that signs.
pub trait Signer: Send + Sync {
    /// Its public half.
    fn public(&self) -> &PublicKey;

    /// An armoured signature over `message` that was verified.
    fn sign(&self, namespace: Namespace, message: &[u8]) -> Result<String, SignError>;

    /// Whether a person may have to do something for a signature: give a passphrase, touch a key.
    fn asks(&self) -> bool {
        false
    }
}

/// The vault's own key.
pub fn own_key(vault: &Vault) -> Result<Box<dyn Signer>, SignError> {
    Ok(Box::new(FileKey::new(vault.identities().ssh.clone())?))
}
