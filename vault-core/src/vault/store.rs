//! Bundles in a vault: staged, then renamed, then committed by the log.
//!
//! A bundle folder that the log does not name does not exist: it is taken back to staging when the vault is next opened
//! for writing, and finished or removed by the next import or export.

use super::{Vault, VaultError};
use crate::error::FsError;
use crate::fs::{create_folder, remove_tree, rename_new, sync_folder};
use gapvault_formats::custody::{Event, Exported, Imported};
use gapvault_formats::ids::BundleId;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A bundle that the log says this vault made or admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held<'a> {
    /// Made here: everything but its packs is kept.
    Exported(&'a Exported),
    /// Admitted here.
    Imported(&'a Imported),
}

impl<'a> Held<'a> {
    /// Its seal's digest.
    pub(crate) fn bundle(self) -> BundleId {
        match self {
            Self::Exported(e) => e.bundle,
            Self::Imported(i) => i.bundle,
        }
    }

    /// What is in it.
    pub(crate) fn artifacts(self) -> &'a [gapvault_formats::custody::Moved] {
        match self {
            Self::Exported(e) => &e.artifacts,
            Self::Imported(i) => &i.artifacts,
        }
    }
}

/// A bundle folder in the making.
#[derive(Debug)]
pub(crate) struct Incoming {
    staging: PathBuf,
    bundles: PathBuf,
}

impl Incoming {
    /// Where its files are put.
    pub(crate) fn path(&self) -> &Path {
        &self.staging
    }

    /// Renames it to its final name; the log entry that follows commits it.
    pub(crate) fn place(self, bundle: &BundleId) -> Result<(), FsError> {
        sync_folder(&self.staging)?;
        rename_new(&self.staging, &self.bundles.join(bundle.to_string()))?;
        sync_folder(&self.bundles)
    }

    /// Leaves it to the next attempt, if anything is in it.
    pub(crate) fn leave(self) {
        // Only an empty folder can be removed in this way.
        let _ = std::fs::remove_dir(&self.staging);
    }

    /// Removes it.
    pub(crate) fn discard(self) -> Result<(), FsError> {
        remove_tree(&self.staging)
    }
}

const STAGING: &str = ".staging-";

impl Vault {
    /// Every bundle that the log names, in the log's order, but for exports that came to nothing after all and seals
    /// that others took the place of.
    pub(crate) fn held(&self) -> impl Iterator<Item = Held<'_>> {
        let gone: HashSet<BundleId> = self
            .log()
            .iter()
            .filter_map(|entry| match entry.event {
                Event::ExportAbandoned { bundle, .. } => bundle,
                Event::Superseded { bundle, .. } => Some(bundle),
                _ => None,
            })
            .collect();
        self.log().iter().filter_map(move |entry| match &entry.event {
            Event::Exported(exported) if !gone.contains(&exported.bundle) => Some(Held::Exported(exported)),
            Event::Imported(imported) => Some(Held::Imported(imported)),
            _ => None,
        })
    }

    /// Where a bundle's files are, once the log names it.
    pub(crate) fn bundle_path(&self, bundle: &BundleId) -> PathBuf {
        self.bundles().join(bundle.to_string())
    }

    /// A staging folder called `name`. One that an interrupted command left under that name is gone on with; others are
    /// removed.
    pub(crate) fn stage(&self, name: &str) -> Result<Incoming, FsError> {
        let (bundles, wanted) = (self.bundles(), format!("{STAGING}{name}"));
        for other in names(&bundles)?.into_iter().filter(|n| n.starts_with(STAGING) && *n != wanted) {
            remove_tree(&bundles.join(other))?;
        }
        let staging = bundles.join(wanted);
        create_folder(&staging, 0o700)?;
        Ok(Incoming { staging, bundles })
    }

    /// Takes bundle folders that were renamed but never committed back to staging.
    pub(super) fn clear_leftovers(&self) -> Result<(), VaultError> {
        let committed: HashSet<_> = self.held().map(|held| held.bundle().to_string()).collect();
        let bundles = self.bundles();
        for name in names(&bundles)?.into_iter().filter(|n| n.parse::<BundleId>().is_ok() && !committed.contains(n)) {
            let staging = bundles.join(format!("{STAGING}{name}"));
            remove_tree(&staging)?;
            rename_new(&bundles.join(&name), &staging)?;
        }
        Ok(())
    }

    fn bundles(&self) -> PathBuf {
        self.root.join("bundles")
    }
}

fn names(folder: &Path) -> Result<Vec<String>, FsError> {
    let failed = || FsError::at("can't list", folder);
    let entries = std::fs::read_dir(folder).map_err(failed())?;
    entries.map(|entry| Ok(entry.map_err(failed())?.file_name().to_string_lossy().into_owned())).collect()
}
