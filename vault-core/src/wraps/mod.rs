//! Wraps of bundles: keys and catalogue, sealed anew beside a bundle that the vault holds. A renewed or lost identity
//! makes nothing unreadable, and an auditor who comes later can read what was moved before.
//!
//! They stand in `wraps/<bundle id>/`, all of a bundle replaced at once. Like everything in the vault they are believed
//! for nothing: the vault has signed their digests, and what comes out is held against the seal and the log.

mod error;
mod read;
mod recipients;
pub mod vouched;
mod write;

pub use error::WrapError;

pub(crate) use read::{Expected, Wrapped, find};
pub(crate) use recipients::Own;
pub(crate) use write::{Role, Source, Wrapping, carry_over, clear, wrap};

use crate::error::FsError;
use crate::fs::remove_tree;
use crate::vault::Vault;
use gapvault_formats::ids::BundleId;
use gapvault_formats::names::TentName;
use gapvault_formats::wraps::CATALOGUE_NAME;
use std::path::PathBuf;

/// Removes the wraps of a bundle that is held no more.
pub(crate) fn remove(vault: &Vault, bundle: &BundleId) -> Result<(), FsError> {
    remove_tree(&path(vault, bundle))
}

/// The folder with a catalogue that other sites of a tent open, its auditors; `None` if there is none.
pub(crate) fn for_auditors(vault: &Vault, bundle: &BundleId, tent: &TentName) -> Option<PathBuf> {
    let auditors = vault.policy().tent(tent).map_or(&[][..], |tent| &tent.auditors);
    let folder = path(vault, bundle);
    let is_for_others = auditors.iter().any(|site| *site != vault.card().site);
    (is_for_others && folder.join(CATALOGUE_NAME).is_file()).then_some(folder)
}

/// The folder with the wraps of all bundles.
fn shelf(vault: &Vault) -> PathBuf {
    vault.root().join("wraps")
}

fn path(vault: &Vault, bundle: &BundleId) -> PathBuf {
    shelf(vault).join(bundle.to_string())
}
