//! A volume that was written.

use super::Proof;
use gapvault_formats::names::VolumeName;
use gapvault_formats::seal::{BundleFile, Group, Subject};
use std::path::PathBuf;
use std::time::Duration;

/// A volume with everything of its own.
#[derive(Clone, Debug)]
pub(super) struct VolumeDone {
    pub(super) name: VolumeName,
    pub(super) packs: Vec<u64>,
    pub(super) groups: Vec<Group>,
    /// Its parity packs; and its list of digests, if that is written already.
    pub(super) files: Vec<Subject>,
    pub(super) medium: PathBuf,
    pub(super) path: PathBuf,
    pub(super) proof: Proof,
    /// Bytes of packs and parity that this run wrote to it, and how long its writer was busy with that.
    pub(super) written: u64,
    pub(super) busy: Duration,
}

impl VolumeDone {
    /// The numbers of its parity packs.
    pub(super) fn parity(&self) -> Vec<u64> {
        let number = |subject: &Subject| match subject.file {
            BundleFile::Parity(number) => Some(number),
            _ => None,
        };
        self.files.iter().filter_map(number).collect()
    }

    /// Whether one of its packs or parity packs is this file.
    pub(super) fn holds(&self, file: &BundleFile) -> bool {
        match file {
            BundleFile::Pack(number) => self.packs.binary_search(number).is_ok(),
            file => self.files.iter().any(|own| own.file == *file),
        }
    }

    /// Whether its list of digests is written.
    pub(super) fn has_list(&self) -> bool {
        self.files.iter().any(|own| matches!(own.file, BundleFile::Sums(_)))
    }
}
