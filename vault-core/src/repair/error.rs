//! Why a bundle is not written anew.

use crate::bundle::{BundleError, Fault, JudgeError, RoomError, SealReadError, SetError, Unmended, tell_unmended};
use crate::error::{FsError, explain};
use gapvault_formats::ids::MediumDigest;
use gapvault_formats::names::Label;
use std::fmt::Write;
use std::path::PathBuf;

/// Why a bundle is not written anew. What was written whole is kept for the next attempt.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The policy does not admit it; nothing but its seal was read.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// Its seal or a signature is damaged.
    #[error(transparent)]
    Seal(#[from] SealReadError),
    /// The media come to no bundle.
    #[error(transparent)]
    Set(#[from] SetError),
    /// A file that nobody but its exporter or a meddler can have made so.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The new medium is too small.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// Writing failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Neither one medium nor one for each volume.
    #[error("{given} media to write to, the bundle has {volumes} volumes")]
    Media {
        /// How many were given.
        given: usize,
        /// How many volumes there are.
        volumes: usize,
    },
    /// Not a place to write to.
    #[error("{} is not a folder", path.display())]
    NoMedium {
        /// Where.
        path: PathBuf,
    },
    /// Something stands there that is not an unfinished repair of this bundle.
    #[error("{} exists, and is no repair of this bundle that broke off", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// A medium that is read is to be written to.
    #[error("{} is one of the media that are repaired", path.display())]
    Source {
        /// Where.
        path: PathBuf,
    },
    /// A medium does not answer any more.
    #[error("medium {} died while it was read: {source}", medium.display())]
    Died {
        /// Which, as it was given.
        medium: PathBuf,
        /// What the system said.
        source: FsError,
    },
    /// The new medium does not keep what is written to it.
    #[error("{} came back from the medium with SHA-256 {actual}, it was written with {expected}", path.display())]
    ReadBack {
        /// Which file.
        path: PathBuf,
        /// What came back.
        actual: MediumDigest,
        /// What was written.
        expected: MediumDigest,
    },
    /// Some of it is not to be had.
    #[error("bundle {label} can't be written anew{}", told(faults, unmended))]
    Lost {
        /// Its label.
        label: Label,
        /// The files, and why.
        faults: Vec<Fault>,
        /// Why they could not be mended, where there was parity to try.
        unmended: Vec<Unmended>,
    },
}

explain!(RepairError, pass: [Judge, Seal, Set, Bundle, Room, Fs], {
    Self::Media { .. } => (Usage, Some("name one new medium, or as many as the bundle has volumes, each with --to")),
    Self::NoMedium { .. } => (Medium, Some("mount the medium, or name its top folder")),
    Self::Exists { .. } | Self::Source { .. } => (Usage, Some("name a medium that does not hold this bundle")),
    Self::Died { .. } => (Medium, Some("connect it again, or bring a copy of it, and run the same command: what was copied whole is kept")),
    Self::ReadBack { .. } => (Medium, Some("this medium does not keep what is written to it: use another")),
    Self::Lost { .. } => (Damaged, Some("bring all media that have any of it together; for what is lost beyond that, have the lab run `gapvault export --again BUNDLE --volume N` for the volume concerned")),
});

fn told(faults: &[Fault], unmended: &[Unmended]) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    if let Some(first) = faults.first() {
        let _ = write!(out, ": {}", first.error);
    }
    if faults.len() > 1 {
        let _ = write!(out, "; {} files are damaged or missing", faults.len());
    }
    out + &tell_unmended(unmended)
}
