//! Tent keys: made here, or pinned when a bundle brought one.
//!
//! The first key of a tent stands in `<tent>.key`, each later one in `<tent>.<pin>.key`. None is ever removed: a volume
//! of a bundle that was made with an older one can still be made again.

use super::identity::{read_file, read_secret};
use super::{Vault, VaultError, random};
use crate::fs::{sync_folder, write_replacing};
use gapvault_formats::custody::Event;
use gapvault_formats::ids::{TentKey, TentKeyPin};
use gapvault_formats::names::TentName;
use std::path::{Path, PathBuf};

/// The longest key file in bytes; it has 65.
const LONGEST: u64 = 1024;

impl Vault {
    /// The key of a tent of this vault that is in use; made, stored and pinned the first time.
    pub(crate) fn tent_key(&mut self, tent: &TentName) -> Result<TentKey, VaultError> {
        if let Some(pin) = self.pins(tent).next() {
            return self.load_tent_key(tent, &pin);
        }
        // A key that stands there already was never logged: either nothing was sealed with it, or somebody put it there to
        // know it, and to test this tent's bundles for known chunks.
        let key = TentKey::from_bytes(random()?);
        self.store_tent_key(&self.tent_keys_folder().join(format!("{tent}.key")), &key)?;
        self.record(Event::TentKey { tent: tent.clone(), pin: key.pin() })?;
        Ok(key)
    }

    /// Makes a new key for a tent that has one. The log's entry puts it in use; a file that was never logged is replaced
    /// by nothing and in nobody's way.
    pub(crate) fn renew_tent_key(&mut self, tent: &TentName) -> Result<TentKeyPin, VaultError> {
        let key = TentKey::from_bytes(random()?);
        let pin = key.pin();
        self.store_tent_key(&self.renewed_path(tent, &pin), &key)?;
        self.record(Event::TentKey { tent: tent.clone(), pin })?;
        Ok(pin)
    }

    /// Every key of a tent that this vault made and still has, the one in use first.
    pub(crate) fn tent_keys(&self, tent: &TentName) -> Result<Vec<TentKey>, VaultError> {
        let pins: Vec<_> = self.pins(tent).collect();
        let keys = pins.iter().map(|pin| match self.load_tent_key(tent, pin) {
            Ok(key) => Ok(Some(key)),
            // Whoever needs just that one finds that it is gone.
            Err(VaultError::Missing { .. } | VaultError::Secret { .. }) => Ok(None),
            Err(error) => Err(error),
        });
        keys.filter_map(Result::transpose).collect()
    }

    /// The tent that a tent key was pinned to, by this vault or by the first bundle that brought it.
    pub(crate) fn pinned_to(&self, pin: &TentKeyPin) -> Option<&TentName> {
        self.log().iter().find_map(|entry| match &entry.event {
            Event::TentKey { tent, pin: known } if known == pin => Some(tent),
            Event::Imported(imported) if imported.tent_key.as_ref() == Some(pin) => Some(&imported.tent),
            _ => None,
        })
    }

    /// The pins of the keys that this vault made for a tent, the one in use first.
    pub(crate) fn pins<'v>(&'v self, tent: &TentName) -> impl Iterator<Item = TentKeyPin> + use<'v> {
        let tent = tent.clone();
        self.log().iter().rev().filter_map(move |entry| match &entry.event {
            Event::TentKey { tent: of, pin } if *of == tent => Some(*pin),
            _ => None,
        })
    }

    /// The key of a tent of this vault that has this pin.
    pub(crate) fn load_tent_key(&self, tent: &TentName, pin: &TentKeyPin) -> Result<TentKey, VaultError> {
        let renewed = self.renewed_path(tent, pin);
        let first = self.tent_keys_folder().join(format!("{tent}.key"));
        let path = if renewed.exists() { renewed } else { first };
        let key = read_key(&path)?;
        if key.pin() == *pin { Ok(key) } else { Err(VaultError::Secret { path }) }
    }

    fn store_tent_key(&self, path: &Path, key: &TentKey) -> Result<(), VaultError> {
        write_replacing(path, format!("{}\n", *key.expose_hex()).as_bytes(), 0o600)?;
        Ok(sync_folder(&self.tent_keys_folder())?)
    }

    fn tent_keys_folder(&self) -> PathBuf {
        self.root.join("secrets/tents")
    }

    /// No tent's first key has such a name: it would be too long for a tent's.
    fn renewed_path(&self, tent: &TentName, pin: &TentKeyPin) -> PathBuf {
        self.tent_keys_folder().join(format!("{tent}.{pin}.key"))
    }
}

fn read_key(path: &Path) -> Result<TentKey, VaultError> {
    let unlike = || VaultError::Secret { path: path.to_owned() };
    let bytes = read_file(path, LONGEST)?.ok_or_else(unlike)?;
    let text = read_secret(&bytes, path)?;
    TentKey::from_hex(text.trim_end()).map_err(|_| unlike())
}
