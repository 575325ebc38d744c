//! What opens the bundle, and who keeps it: its members on the medium, the vault itself and its auditors beside its copy.

use super::describe::Described;
use super::{ExportError, Plan};
use crate::fs::Folder;
use crate::vault::Vault;
use crate::wraps::{self, Own, Source, Wrapping};
use gapvault_formats::catalogue::Role;
use gapvault_formats::keys::Keys;
use gapvault_formats::seal::Seal;
use std::path::Path;

impl Plan<'_> {
    /// What its members need to open it.
    pub(super) fn keys(&self) -> Keys {
        Keys {
            nonce: self.nonce,
            tent: self.request.tent.clone(),
            tent_key: self.tent_key.clone(),
            identity: self.identity.clone(),
        }
    }

    /// Seals that anew for this vault, as far as it may read the bundle, and the catalogue for its auditors.
    pub(super) fn wrap(&self, vault: &Vault, described: &Described, staged: &Path) -> Result<(), ExportError> {
        let (keys, site) = (self.keys(), &vault.card().site);
        let role = match self.readers.iter().find(|reader| reader.site == *site).map(|reader| reader.role) {
            Some(Role::Member) => wraps::Role::Member(&keys),
            Some(Role::Auditor) => wraps::Role::Auditor,
            None => wraps::Role::Neither,
        };
        let wrapping = Wrapping {
            bundle: &described.id,
            tent: &self.request.tent,
            seal: &Seal::parse(&described.seal)?,
            role,
            catalogue: Source::Sealed(&Folder::open(staged)?, std::slice::from_ref(&self.identity)),
        };
        Ok(wraps::wrap(vault, &Own::of(vault), wrapping)?)
    }
}
