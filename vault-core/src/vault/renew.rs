//! Changing the vault's age identities and how they are kept.

use super::{Vault, VaultError};
use crate::unlock::{Lock, PluginConfig, Protection, UnlockError, read_config, write_config};
use gapvault_formats::agefile::{Identity, Recipient};

impl Vault {
    /// How the identities are kept; `None` if they are lost.
    #[must_use]
    pub fn protection(&self) -> Option<Protection> {
        self.identities.age.protection()
    }

    /// The plugin that this vault's configuration names.
    pub fn plugin(&self) -> Result<Option<PluginConfig>, VaultError> {
        Ok(read_config(&self.root).map_err(UnlockError::from)?.into_iter().next())
    }

    /// How many identities the vault keeps that are not of its card any more; `None` where that can't be said without
    /// opening them.
    #[must_use]
    pub fn older_identities(&self) -> Option<usize> {
        let known = self.identities.age.known()?;
        Some(known.iter().filter(|identity| !self.is_current(identity)).count())
    }

    /// Whether an identity is of the vault's card.
    pub(crate) fn is_current(&self, identity: &Identity) -> bool {
        self.current().contains(&identity.recipient())
    }

    /// The recipients on the vault's card.
    pub(crate) fn current(&self) -> Vec<Recipient> {
        vec![self.card.recipient.clone()]
    }

    /// Keeps these identities, the newest first, as those before were kept.
    pub(crate) fn keep_identities(&mut self, identities: Vec<Identity>) -> Result<(), VaultError> {
        let lock = self.identities.age.lock().cloned();
        self.identities.age.replace(identities, lock.as_ref(), &*self.ask)
    }

    /// Keeps the identities in another way. The new file is durable before the old one goes, and its plaintext never
    /// stands beside it.
    pub(crate) fn keep_identities_by(&mut self, lock: Option<&Lock>) -> Result<(), VaultError> {
        let identities = self.age_identities()?.to_vec();
        let before = match self.identities.age.lock() {
            Some(Lock::Plugin(before)) => Some(before.clone()),
            _ => None,
        };
        let plugin = match lock {
            Some(Lock::Plugin(plugin)) => Some(plugin),
            _ => None,
        };
        // Named before it is needed, and as long as it is: killed at any point, the configuration says how to open them.
        if let Some(plugin) = plugin {
            write_config(&self.root, Some(plugin), before.as_ref()).map_err(UnlockError::from)?;
        }
        self.identities.age.replace(identities, lock, &*self.ask)?;
        Ok(write_config(&self.root, plugin, None).map_err(UnlockError::from)?)
    }
}
