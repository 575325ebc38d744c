//! Wraps of bundles: keys and catalogue, sealed anew beside a bundle that the vault holds. A renewed or lost identity
//! makes nothing unreadable, and an auditor who comes later can read what was moved before.
//!
//! They stand in `wraps/<bundle id>/`, all of a bundle replaced at once. Like everything in the vault they are believed
//! for nothing: the vault has signed their digests, and what comes out is held against the seal and the log.

mod error;
mod read;
mod recipients;
mod write;

pub use error::WrapError;

pub(crate) use read::{Expected, Wrapped, find};
pub(crate) use recipients::Own;
pub(crate) use write::{Role, Source, Wrapping, carry_over, clear, wrap};

use crate::vault::Vault;
use gapvault_formats::ids::BundleId;
use std::path::PathBuf;

/// The folder with the wraps of all bundles.
fn shelf(vault: &Vault) -> PathBuf {
    vault.root().join("wraps")
}

fn path(vault: &Vault, bundle: &BundleId) -> PathBuf {
    shelf(vault).join(bundle.to_string())
}
