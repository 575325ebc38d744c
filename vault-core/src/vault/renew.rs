//! Changing the vault's age identities and how they are kept.

use super::keyring::{Keyring, NewRing};
use super::{Vault, VaultError};
use crate::unlock::{Lock, PluginConfig, Protection, UnlockError, read_config, write_config};
use gapvault_formats::agefile::{Identity, Recipient, Suite};

impl Vault {
    /// How the identities are kept; `None` if they are lost. Where a command ended between the two files, the weaker.
    #[must_use]
    pub fn protection(&self) -> Option<Protection> {
        let [age, age_pq] = [&self.identities.age, &self.identities.age_pq].map(|ring| ring.protection());
        Some(age?.min(age_pq?))
    }

    /// The plugin that this vault's configuration names.
    pub fn plugin(&self) -> Result<Option<PluginConfig>, VaultError> {
        Ok(read_config(&self.root).map_err(UnlockError::from)?.into_iter().next())
    }

    /// How many identities the vault keeps that are not of its card any more; `None` where that can't be said without
    /// opening them.
    #[must_use]
    pub fn older_identities(&self) -> Option<usize> {
        let (age, age_pq) = (self.identities.age.known()?, self.identities.age_pq.known()?);
        Some(age.iter().chain(age_pq).filter(|identity| !self.is_current(identity)).count())
    }

    /// Whether an identity is of the vault's card.
    pub(crate) fn is_current(&self, identity: &Identity) -> bool {
        identity.recipient() == *self.card.recipient_for(identity.suite())
    }

    /// The recipients on the vault's card.
    pub(crate) fn current(&self) -> Vec<Recipient> {
        Suite::ALL.map(|suite| self.card.recipient_for(suite).clone()).to_vec()
    }

    /// Every identity, of both suites. Opens both files.
    pub(crate) fn all_identities(&self) -> Result<Vec<Identity>, VaultError> {
        let [age, age_pq] = Suite::ALL;
        Ok([self.age_identities(age)?, self.age_identities(age_pq)?].concat())
    }

    /// Keeps these identities, of each suite the newest first, as those before were kept.
    pub(crate) fn keep_identities(&mut self, identities: &[Identity]) -> Result<(), VaultError> {
        let new = self.seal_identities(identities, |ring| ring.lock())?;
        self.put_identities(new)
    }

    /// Keeps the identities in another way. A new file is durable before the old one goes, and its plaintext never stands
    /// beside it.
    pub(crate) fn keep_identities_by(&mut self, lock: Option<&Lock>) -> Result<(), VaultError> {
        let identities = self.all_identities()?;
        let new = self.seal_identities(&identities, |_| lock)?;
        let before = Suite::ALL.into_iter().find_map(|suite| match self.identities.rings(suite).0.lock() {
            Some(Lock::Plugin(before)) => Some(before.clone()),
            _ => None,
        });
        let plugin = match lock {
            Some(Lock::Plugin(plugin)) => Some(plugin),
            _ => None,
        };
        // Named before it is needed, and as long as it is: killed at any point, the configuration says how to open them.
        if let Some(plugin) = plugin {
            write_config(&self.root, Some(plugin), before.as_ref()).map_err(UnlockError::from)?;
        }
        self.put_identities(new)?;
        Ok(write_config(&self.root, plugin, None).map_err(UnlockError::from)?)
    }

    /// Both files in the making; whatever fails, fails before one is changed.
    fn seal_identities<'l>(
        &'l self,
        identities: &[Identity],
        lock: impl Fn(&'l Keyring) -> Option<&'l Lock>,
    ) -> Result<Vec<(Suite, NewRing)>, VaultError> {
        let seal = |suite| {
            let (ring, _) = self.identities.rings(suite);
            Ok((suite, ring.seal(of_suite(identities, suite), lock(ring), &*self.ask)?))
        };
        Suite::ALL.into_iter().map(seal).collect()
    }

    fn put_identities(&mut self, new: Vec<(Suite, NewRing)>) -> Result<(), VaultError> {
        new.into_iter().try_for_each(|(suite, new)| self.identities.ring_mut(suite).put(new))
    }
}

fn of_suite(identities: &[Identity], suite: Suite) -> Vec<Identity> {
    identities.iter().filter(|identity| identity.suite() == suite).cloned().collect()
}
