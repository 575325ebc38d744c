//! The vault's private keys.

use super::VaultError;
use crate::fs::write_new;
use gapvault_formats::agefile::{Identity, Suite};
use gapvault_formats::card::Card;
use gapvault_formats::sshsig::SigningKey;
use std::path::Path;
use zeroize::Zeroizing;

/// The files of the age identities. Not one file for both: an `age` that does not know the second kind takes neither.
const AGE_KEYS: [(&str, Suite); 2] = [("age.key", Suite::X25519), ("age-pq.key", Suite::PostQuantum)];

/// What opens bundles for this site, and what signs for it.
#[derive(Debug)]
pub(crate) struct Identities {
    pub(crate) age: Identity,
    pub(crate) age_pq: Identity,
    pub(crate) ssh: SigningKey,
}

impl Identities {
    /// Makes new keys and stores them in `folder`, for their owner alone.
    pub(super) fn create(folder: &Path) -> Result<Self, VaultError> {
        let [age, age_pq] = AGE_KEYS.map(|(_, suite)| Identity::generate_for(suite));
        let ssh = SigningKey::generate()?;
        for ((name, _), identity) in AGE_KEYS.iter().zip([&age, &age_pq]) {
            write_new(&folder.join(name), format!("{}\n", *identity.expose_secret()).as_bytes(), 0o600)?;
        }
        write_new(&folder.join("ssh.key"), ssh.expose_openssh()?.as_bytes(), 0o600)?;
        Ok(Self { age, age_pq, ssh })
    }

    /// Reads the keys in `folder`, which must be those of `card`.
    pub(super) fn load(folder: &Path, card: &Card) -> Result<Self, VaultError> {
        let age = |(name, suite)| {
            let path = folder.join(name);
            let identity = Identity::from_secret(read_secret(&path)?.trim_end()).ok();
            identity.filter(|age| age.recipient() == *card.recipient_for(suite)).ok_or(VaultError::Secret { path })
        };
        let [classic, post_quantum] = AGE_KEYS;
        let (age, age_pq) = (age(classic)?, age(post_quantum)?);
        let path = folder.join("ssh.key");
        let ssh = SigningKey::from_openssh(&read_secret(&path)?)
            .ok()
            .filter(|ssh| ssh.public().is_ok_and(|public| public == card.key))
            .ok_or(VaultError::Secret { path })?;
        Ok(Self { age, age_pq, ssh })
    }

    /// What opens bundles of `suite`.
    pub(crate) fn of(&self, suite: Suite) -> &Identity {
        match suite {
            Suite::X25519 => &self.age,
            Suite::PostQuantum => &self.age_pq,
        }
    }
}

/// The text of a small secret file of this vault.
pub(super) fn read_secret(path: &Path) -> Result<Zeroizing<String>, VaultError> {
    let bytes = Zeroizing::new(std::fs::read(path).map_err(VaultError::opening(path))?);
    let text = std::str::from_utf8(&bytes).map_err(|_| VaultError::Secret { path: path.to_owned() })?;
    Ok(Zeroizing::new(text.to_owned()))
}
