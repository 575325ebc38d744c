//! Tent keys: made here, or pinned when a bundle brought one.

use super::identity::read_secret;
use super::{Vault, VaultError, random};
use crate::fs::{sync_folder, write_replacing};
use gapvault_formats::custody::{Entry, Event};
use gapvault_formats::ids::{TentKey, TentKeyPin};
use gapvault_formats::names::TentName;

impl Vault {
    /// The key of a tent of this vault; made, stored and pinned the first time.
    pub(crate) fn tent_key(&mut self, tent: &TentName) -> Result<TentKey, VaultError> {
        let folder = self.root.join("secrets/tents");
        let path = folder.join(format!("{tent}.key"));
        let pinned = self.log().iter().rev().find_map(|entry| match &entry.event {
            Event::TentKey { tent: of, pin } if of == tent => Some(*pin),
            _ => None,
        });
        let key = if pinned.is_some() || path.exists() {
            let text = read_secret(&path)?;
            TentKey::from_hex(text.trim_end()).map_err(|_| VaultError::Secret { path: path.clone() })?
        } else {
            let key = TentKey::from_bytes(random()?);
            write_replacing(&path, format!("{}\n", *key.expose_hex()).as_bytes(), 0o600)?;
            sync_folder(&folder)?;
            key
        };
        let pin = key.pin();
        match pinned {
            Some(pinned) if pinned == pin => {}
            // Killed between the two, the pin is made up for here.
            None if self.pinned_to(&pin).is_none() => self.record(Event::TentKey { tent: tent.clone(), pin })?,
            // Whoever chose another key could test this tent's bundles for known chunks.
            _ => return Err(VaultError::Secret { path }),
        }
        Ok(key)
    }

    /// The key of a tent of this vault; `None` if it has not made one, or made another than the one that was pinned.
    pub(crate) fn pinned_tent_key(&self, tent: &TentName) -> Result<Option<TentKey>, VaultError> {
        let path = self.root.join("secrets/tents").join(format!("{tent}.key"));
        if !path.exists() {
            return Ok(None);
        }
        let text = read_secret(&path)?;
        let key = TentKey::from_hex(text.trim_end()).map_err(|_| VaultError::Secret { path })?;
        let is_pinned =
            |entry: &Entry| matches!(&entry.event, Event::TentKey { tent: of, pin } if of == tent && *pin == key.pin());
        Ok(self.log().iter().any(is_pinned).then_some(key))
    }

    /// The tent that a tent key was pinned to, by this vault or by the first bundle that brought it.
    pub(crate) fn pinned_to(&self, pin: &TentKeyPin) -> Option<&TentName> {
        self.log().iter().find_map(|entry| match &entry.event {
            Event::TentKey { tent, pin: known } if known == pin => Some(tent),
            Event::Imported(imported) if imported.tent_key.as_ref() == Some(pin) => Some(&imported.tent),
            _ => None,
        })
    }
}
