//! Bundles in a vault: staged, then renamed, then committed by the log.
//!
//! A bundle folder that the log does not name does not exist: it is taken back when the vault is next opened for writing,
//! an import to where imports wait, an export to staging, and finished or removed by the next one.

use super::{Vault, VaultError};
use crate::error::FsError;
use crate::fs::{Folder, create_folder, remove_tree, rename_new, sync_folder};
use gapvault_formats::custody::{Event, Exported, Imported};
use gapvault_formats::ids::BundleId;
use gapvault_formats::limits;
use gapvault_formats::names::Label;
use gapvault_formats::seal::{SEAL_NAME, Seal};
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
    /// The folder that it stands in, if that goes when it is empty.
    shelf: Option<PathBuf>,
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
        sync_folder(&self.bundles)?;
        self.clear_shelf();
        Ok(())
    }

    /// Removes it.
    pub(crate) fn discard(self) -> Result<(), FsError> {
        remove_tree(&self.staging)?;
        self.clear_shelf();
        Ok(())
    }

    fn clear_shelf(&self) {
        if let Some(shelf) = &self.shelf {
            // Only an empty folder can be removed in this way.
            let _ = std::fs::remove_dir(shelf);
        }
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

    /// The seals that others took the place of.
    fn superseded(&self) -> impl Iterator<Item = BundleId> {
        self.log().iter().filter_map(|entry| match entry.event {
            Event::Superseded { bundle, .. } => Some(bundle),
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
        remove_unless_folder(&staging)?;
        create_folder(&staging, 0o700)?;
        Ok(Incoming { staging, bundles, shelf: None })
    }

    /// The imports that wait for more, by the digests of their seals.
    pub(crate) fn pending(&self) -> Result<Vec<BundleId>, FsError> {
        let shelf = self.shelf();
        let names = if shelf.is_dir() { names(&shelf)? } else { Vec::new() };
        let mut waiting: Vec<BundleId> = names.iter().filter_map(|name| name.parse().ok()).collect();
        waiting.sort_unstable();
        Ok(waiting)
    }

    /// Where the files of an import wait.
    pub(crate) fn pending_path(&self, bundle: &BundleId) -> PathBuf {
        self.shelf().join(bundle.to_string())
    }

    /// The folder in which an import waits, and whether it is a new one. What waits under an earlier seal of the bundle
    /// is taken over.
    pub(crate) fn pend(&self, bundle: &BundleId, earlier: &[BundleId]) -> Result<(Incoming, bool), FsError> {
        let (staging, shelf) = (self.pending_path(bundle), self.shelf());
        // A link in their place would lead out of the vault.
        for path in earlier.iter().map(|earlier| self.pending_path(earlier)).chain([staging.clone(), shelf.clone()]) {
            remove_unless_folder(&path)?;
        }
        for earlier in earlier.iter().map(|earlier| self.pending_path(earlier)).filter(|path| path.is_dir()) {
            if staging.is_dir() {
                remove_tree(&earlier)?;
            } else {
                rename_new(&earlier, &staging)?;
            }
        }
        let is_new = !staging.is_dir();
        create_folder(&staging, 0o700)?;
        Ok((Incoming { staging, bundles: self.bundles(), shelf: Some(shelf) }, is_new))
    }

    /// Takes bundle folders that were renamed but never committed back: to staging what was made here, and what came in
    /// to where imports wait.
    pub(super) fn clear_leftovers(&self) -> Result<(), VaultError> {
        let committed: HashSet<_> = self.held().map(|held| held.bundle().to_string()).collect();
        let superseded: HashSet<_> = self.superseded().map(|bundle| bundle.to_string()).collect();
        let bundles = self.bundles();
        for name in names(&bundles)?.into_iter().filter(|n| n.parse::<BundleId>().is_ok() && !committed.contains(n)) {
            let placed = bundles.join(&name);
            if superseded.contains(&name) {
                remove_tree(&placed)?;
                continue;
            }
            let staging = if self.made(&placed) {
                bundles.join(format!("{STAGING}{name}"))
            } else {
                create_folder(&self.shelf(), 0o700)?;
                self.shelf().join(&name)
            };
            remove_tree(&staging)?;
            rename_new(&placed, &staging)?;
        }
        crate::wraps::clear(self, &committed)?;
        Ok(clear_parts(&["", "secrets", "secrets/tents"].map(|folder| self.root.join(folder)))?)
    }

    /// Whether a bundle folder is one that an export of this vault left, by its seal's label; one without a seal is no
    /// import's.
    fn made(&self, folder: &Path) -> bool {
        let seal = Folder::open(folder).ok().and_then(|f| f.read(SEAL_NAME, limits::SEAL_BYTES).ok().flatten());
        let seal = seal.and_then(|bytes| Seal::parse(&bytes).ok());
        let begun = |label: &Label| {
            self.log().iter().any(|entry| matches!(&entry.event, Event::ExportBegun(begun) if begun.label == *label))
        };
        seal.is_none_or(|seal| begun(&seal.predicate().label))
    }

    fn shelf(&self) -> PathBuf {
        self.root.join("pending")
    }

    fn bundles(&self) -> PathBuf {
        self.root.join("bundles")
    }
}

/// Removes files that a command was writing when it ended.
fn clear_parts(folders: &[PathBuf]) -> Result<(), FsError> {
    for folder in folders {
        for name in names(folder)?.into_iter().filter(|name| name.ends_with(".part")) {
            let path = folder.join(name);
            std::fs::remove_file(&path).map_err(FsError::at("can't remove", &path))?;
        }
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<String>, FsError> {
    let failed = || FsError::at("can't list", folder);
    let entries = std::fs::read_dir(folder).map_err(failed())?;
    entries.map(|entry| Ok(entry.map_err(failed())?.file_name().to_string_lossy().into_owned())).collect()
}

/// Removes what stands where a folder should be and is none, be it a link to one.
fn remove_unless_folder(path: &Path) -> Result<(), FsError> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_dir() => std::fs::remove_file(path).map_err(FsError::at("can't remove", path)),
        _ => Ok(()),
    }
}
