//! What all volumes of an export have in common, and the places where their media are put in.

use super::shares::Sizes;
use super::target::{Target, bundle_path, is_mount_point};
use super::{ExportError, Interruption, Spanning};
use crate::fs::free_bytes;
use crate::observe::Observer;
use gapvault_formats::agefile::Suite;
use gapvault_formats::ids::KeyFingerprint;
use gapvault_formats::names::{Label, VolumeName};
use std::path::{Path, PathBuf};

/// Changes media that are swapped one after the other.
pub trait Changer: Sync {
    /// Has the medium of volume `wanted` put in, so that it is found at `path`. `problem` says what is wrong with the one
    /// that is there; `None` the first time. `false` if nobody can do it.
    fn change(&self, wanted: &VolumeName, path: &Path, problem: Option<&str>) -> bool;
}

/// Nobody is there to change media.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoChanger;

impl Changer for NoChanger {
    fn change(&self, _: &VolumeName, _: &Path, _: Option<&str>) -> bool {
        false
    }
}

/// What all volumes of an export have in common.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) label: Label,
    pub(super) exporter: KeyFingerprint,
    pub(super) suite: Suite,
    pub(super) spanning: Spanning,
    pub(super) sizes: Sizes,
    /// Bytes that each volume must keep for what describes the bundle.
    pub(super) reserve: u64,
    pub(super) read_back: bool,
    pub(super) threads: usize,
    /// Bytes that likely go to each medium.
    pub(super) likely: u64,
    /// Media at which a file system was mounted when the export began.
    pub(super) mounted: Vec<PathBuf>,
}

impl Terms {
    /// Begins the bundle's folder on a medium, unless all that is there is the folder that it was mounted at.
    pub(super) fn target(&self, medium: &Path) -> Result<Target, ExportError> {
        if self.mounted.iter().any(|mounted| mounted == medium) && !is_mount_point(medium) {
            return Err(ExportError::Pulled { medium: medium.to_owned() });
        }
        Target::create(medium, &self.label, self.read_back)
    }

    /// Bytes that packs and parity may take on a medium that has `taken` bytes of them already, if `sharers` media are on
    /// its file system.
    pub(super) fn room(&self, medium: &Path, taken: u64, sharers: u64) -> Result<u64, ExportError> {
        let free = free_bytes(medium).map_err(|source| ExportError::medium(medium, source))? / sharers.max(1);
        let room = match self.spanning {
            Spanning::Together => free,
            Spanning::Swapped { volume_size } => free.min(volume_size.saturating_sub(taken)),
        };
        Ok(room.saturating_sub(self.reserve))
    }
}

/// Has the medium of volume `wanted` put in at `path`, and begins the bundle's folder there.
pub(super) fn another(
    terms: &Terms,
    wanted: &VolumeName,
    path: &Path,
    changer: &dyn Changer,
    observer: &dyn Observer,
) -> Result<Target, ExportError> {
    let mut problem: Option<String> = None;
    loop {
        observer.interruption()?;
        if !changer.change(wanted, path, problem.as_deref()) {
            return Err(ExportError::NoChange { wanted: wanted.clone(), path: path.to_owned() });
        }
        problem = Some(match bundle_path(path, &terms.label).symlink_metadata() {
            Ok(_) => "another volume of this bundle is in".to_owned(),
            Err(_) => match terms.room(path, 0, 1) {
                Ok(room) if terms.sizes.volume(1) > room => "it has no room for a pack".to_owned(),
                Err(error) => error.to_string(),
                Ok(_) => match terms.target(path) {
                    Ok(target) => return Ok(target),
                    Err(error) => error.to_string(),
                },
            },
        });
    }
}
