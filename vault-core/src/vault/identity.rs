//! The vault's private keys.

use super::VaultError;
use super::keyring::{self, Keyring};
use crate::error::FsError;
use crate::fs::write_new;
use gapvault_formats::agefile::{Identity, Suite};
use gapvault_formats::card::Card;
use gapvault_formats::sshsig::SigningKey;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// The longest secret file besides the identities, in bytes.
const LONGEST: u64 = 64 << 10;

/// What opens bundles for this site, and what signs for it.
///
/// The key that signs is never protected: every entry of the log needs it.
#[derive(Debug)]
pub(crate) struct Identities {
    pub(super) age: Keyring,
    pub(super) age_pq: Keyring,
    pub(crate) ssh: SigningKey,
}

/// New keys, as `init` makes them.
pub(super) struct New {
    pub(super) age: Identity,
    pub(super) age_pq: Identity,
    pub(super) ssh: SigningKey,
}

impl New {
    /// Makes new keys and stores them in the vault in `root`, for their owner alone.
    pub(super) fn create(root: &Path) -> Result<Self, VaultError> {
        let [age, age_pq] = Suite::ALL.map(Identity::generate_for);
        for identity in [&age, &age_pq] {
            let text = keyring::to_text(std::slice::from_ref(identity));
            write_new(&keyring::path(root, identity.suite()), text.as_bytes(), 0o600)?;
        }
        let ssh = SigningKey::generate()?;
        write_new(&root.join("secrets/ssh.key"), ssh.expose_openssh()?.as_bytes(), 0o600)?;
        Ok(Self { age, age_pq, ssh })
    }
}

impl Identities {
    /// Reads the keys of the vault in `root`, which must be those of `card`. Without `age` only the key that signs must
    /// be there.
    pub(super) fn load(root: &Path, card: &Card, age: bool) -> Result<Self, VaultError> {
        let ring = |suite| if age { Keyring::load(root, suite, card) } else { Ok(Keyring::lost(root, suite)) };
        let (age, age_pq) = (ring(Suite::X25519)?, ring(Suite::PostQuantum)?);
        let path = root.join("secrets/ssh.key");
        let unlike = || VaultError::Secret { path: path.clone() };
        let bytes = read_file(&path, LONGEST)?.ok_or_else(unlike)?;
        let ssh = SigningKey::from_openssh(&read_secret(&bytes, &path)?)
            .ok()
            .filter(|ssh| ssh.public().is_ok_and(|public| public == card.key))
            .ok_or_else(unlike)?;
        Ok(Self { age, age_pq, ssh })
    }

    /// The file with those of a suite, and that with the others.
    pub(super) fn rings(&self, suite: Suite) -> (&Keyring, &Keyring) {
        match suite {
            Suite::X25519 => (&self.age, &self.age_pq),
            Suite::PostQuantum => (&self.age_pq, &self.age),
        }
    }

    pub(super) fn ring_mut(&mut self, suite: Suite) -> &mut Keyring {
        match suite {
            Suite::X25519 => &mut self.age,
            Suite::PostQuantum => &mut self.age_pq,
        }
    }
}

/// The bytes of a small secret file of this vault; `None` if it is longer than `limit`.
pub(super) fn read_file(path: &Path, limit: u64) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let file = std::fs::File::open(path).map_err(VaultError::opening(path))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(FsError::at("can't read", path))?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// The text of a small secret file of this vault.
pub(super) fn read_secret(bytes: &[u8], path: &Path) -> Result<Zeroizing<String>, VaultError> {
    let text = std::str::from_utf8(bytes).map_err(|_| VaultError::Secret { path: path.to_owned() })?;
    Ok(Zeroizing::new(text.to_owned()))
}
