//! The vault's private keys.

use super::VaultError;
use crate::fs::write_new;
use gapvault_formats::agefile::Identity;
use gapvault_formats::card::Card;
use gapvault_formats::sshsig::SigningKey;
use std::path::Path;
use zeroize::Zeroizing;

/// What opens bundles for this site, and what signs for it.
#[derive(Debug)]
pub(crate) struct Identities {
    pub(crate) age: Identity,
    pub(crate) ssh: SigningKey,
}

impl Identities {
    /// Makes new keys and stores them in `folder`, for their owner alone.
    pub(super) fn create(folder: &Path) -> Result<Self, VaultError> {
        let (age, ssh) = (Identity::generate(), SigningKey::generate()?);
        write_new(&folder.join("age.key"), format!("{}\n", *age.expose_secret()).as_bytes(), 0o600)?;
        write_new(&folder.join("ssh.key"), ssh.expose_openssh()?.as_bytes(), 0o600)?;
        Ok(Self { age, ssh })
    }

    /// Reads the keys in `folder`, which must be those of `card`.
    pub(super) fn load(folder: &Path, card: &Card) -> Result<Self, VaultError> {
        let path = folder.join("age.key");
        let age = Identity::from_secret(read_secret(&path)?.trim_end())
            .ok()
            .filter(|age| age.recipient() == card.recipient)
            .ok_or(VaultError::Secret { path })?;
        let path = folder.join("ssh.key");
        let ssh = SigningKey::from_openssh(&read_secret(&path)?)
            .ok()
            .filter(|ssh| ssh.public().is_ok_and(|public| public == card.key))
            .ok_or(VaultError::Secret { path })?;
        Ok(Self { age, ssh })
    }
}

/// The text of a small secret file of this vault.
pub(super) fn read_secret(path: &Path) -> Result<Zeroizing<String>, VaultError> {
    let bytes = Zeroizing::new(std::fs::read(path).map_err(VaultError::opening(path))?);
    let text = std::str::from_utf8(&bytes).map_err(|_| VaultError::Secret { path: path.to_owned() })?;
    Ok(Zeroizing::new(text.to_owned()))
}
