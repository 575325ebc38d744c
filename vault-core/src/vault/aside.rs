//! Identities that a recovery set aside: whoever lost a passphrase may find it again. No command opens anything with them;
//! they go when the identities of earlier cards are forgotten.

use super::keyring::{self, Keyring, LONGEST};
use super::{Vault, VaultError, identity};
use crate::error::FsError;
use crate::fs::sync_folder;
use crate::unlock::Protection;
use gapvault_formats::agefile::{Identity, Suite};
use gapvault_formats::ids::CardFingerprint;
use std::path::PathBuf;

/// A file of identities that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is.
    pub path: PathBuf,
    /// How many identities are in it; `None` where nobody can say.
    pub identities: Option<usize>,
    /// Whether nobody can say because a passphrase or plugin protects it. Otherwise it is damaged.
    pub protected: bool,
}

impl Vault {
    /// The identities, those of the card among them, if they are there and nothing has to be asked for to open them.
    pub(crate) fn plain_identities(&self) -> Option<Vec<Identity>> {
        // Only what is not protected is known once it is loaded.
        let plain = |suite| Some(Keyring::load(&self.root, suite, &self.card).ok()?.known()?.to_vec());
        Some(Suite::ALL.into_iter().map(plain).collect::<Option<Vec<_>>>()?.concat())
    }

    /// Sets aside what there is of the identities, under the fingerprint of the card that they are of. What an earlier
    /// attempt left in their place is worth nothing.
    pub(crate) fn set_identities_aside(&self) -> Result<(), VaultError> {
        for suite in Suite::ALL {
            let (path, aside) = (keyring::path(&self.root, suite), self.aside(suite, &self.card.fingerprint()));
            if path.symlink_metadata().is_ok() && aside.symlink_metadata().is_err() {
                std::fs::rename(&path, &aside).map_err(FsError::at("can't rename", &path))?;
            }
        }
        Ok(())
    }

    /// The files of earlier cards that were set aside.
    #[must_use]
    pub fn set_aside(&self) -> Vec<SetAside> {
        let cards = self.earlier_cards();
        let paths = cards.iter().flat_map(|card| Suite::ALL.map(|suite| self.aside(suite, card)));
        paths.filter(|path| path.symlink_metadata().is_ok_and(|metadata| metadata.is_file())).map(look).collect()
    }

    /// Removes files that were set aside, durably.
    pub(crate) fn remove_set_aside(&self, files: &[SetAside]) -> Result<(), VaultError> {
        for SetAside { path, .. } in files {
            std::fs::remove_file(path).map_err(FsError::at("can't remove", path))?;
        }
        Ok(sync_folder(&self.root.join("secrets"))?)
    }

    /// Where a file of a suite goes that is of this card.
    fn aside(&self, suite: Suite, card: &CardFingerprint) -> PathBuf {
        let mut path = keyring::path(&self.root, suite).into_os_string();
        path.push(format!(".{card}"));
        path.into()
    }
}

/// Looks into a file without asking anybody for what opens it.
fn look(path: PathBuf) -> SetAside {
    let bytes = identity::read_file(&path, LONGEST).ok().flatten();
    let protected = bytes.as_ref().is_some_and(|bytes| Protection::of(bytes) != Protection::Plain);
    let text = bytes.filter(|_| !protected).and_then(|bytes| identity::read_secret(&bytes, &path).ok());
    let identities = text.and_then(|text| keyring::parse(&text)).map(|all| all.len());
    SetAside { path, identities, protected }
}
