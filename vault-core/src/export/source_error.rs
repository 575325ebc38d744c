//! What in a source can't be exported.

use crate::error::{FsError, explain};
use gapvault_formats::limits;
use gapvault_formats::relpath::PathError;
use gapvault_formats::tree::TreeError;
use std::path::PathBuf;

/// What in the source can't be exported.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It can't be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A socket, fifo or device.
    #[error("{} is a {kind}: only files, folders and links can be exported", path.display())]
    Special {
        /// Where.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A link out of the artifact.
    #[error("link {} points to {target}: {fault}", path.display())]
    Link {
        /// Where.
        path: PathBuf,
        /// Its target.
        target: String,
        /// Why it is refused.
        fault: PathError,
    },
    /// A link to nothing, or to itself, that should be followed.
    #[error("link {} leads nowhere", path.display())]
    Dangling {
        /// Where.
        path: PathBuf,
    },
    /// A link to a folder that it stands in, that should be followed.
    #[error("link {} leads back to a folder that it stands in", path.display())]
    Loop {
        /// Where.
        path: PathBuf,
    },
    /// A name that can't cross.
    #[error("{}: {fault}", path.display())]
    Name {
        /// Where.
        path: PathBuf,
        /// Why it is refused.
        fault: PathError,
    },
    /// A name that is not UTF-8.
    #[error("{} has a name that is not UTF-8", path.display())]
    NotUtf8 {
        /// Where.
        path: PathBuf,
    },
    /// Two names that some file systems take for one.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Two paths with one name.
    #[error("{} and another of the given paths have one name", path.display())]
    Twice {
        /// The later one.
        path: PathBuf,
    },
    /// A vault, with its secret keys.
    #[error("{} is a vault: its keys must not travel", path.display())]
    Vault {
        /// Where.
        path: PathBuf,
    },
    /// The medium that is exported to.
    #[error("{} is the medium that it is exported to", path.display())]
    Medium {
        /// Where.
        path: PathBuf,
    },
    /// Setuid, setgid or sticky bits on a file.
    #[error("{} has mode {mode:o}: setuid, setgid and sticky files can't be exported", path.display())]
    Mode {
        /// Where.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is not what it was when the export began.
    #[error("{} changed while it was exported", path.display())]
    Changed {
        /// Where.
        path: PathBuf,
    },
    /// A file that was not there when the export began.
    #[error("file {file} of the source was not there when the export began")]
    New {
        /// Its number, in the order of the catalogue.
        file: usize,
    },
    /// Too many entries.
    #[error("over {} files, folders and links", limits::ENTRIES)]
    TooMany,
}

explain!(SourceError, pass: [Fs], {
    Self::Link { .. } => (Usage, Some("--follow-links exports what links point to instead")),
    Self::Changed { .. } | Self::New { .. } => (Other, Some("export again when nobody writes to it any more")),
    Self::Name { .. } | Self::NotUtf8 { .. } | Self::Twice { .. } => (Usage, Some("rename it, or export a folder of its own")),
    Self::Vault { .. } | Self::Medium { .. } => (Usage, Some("name what should be exported, and nothing around it")),
    Self::Mode { .. } => (Usage, Some("chmod it to plain permissions")),
    Self::Tree(_) => (Usage, Some("some file systems hold them for one and would lose a file: rename one of them")),
    Self::Special { .. } => (Usage, Some("move it out of the folder, or export the other files by their paths")),
    Self::Dangling { .. } | Self::Loop { .. } => (Usage, Some("remove it; without --follow-links, a link inside the artifact is exported as it is")),
    Self::TooMany => (Usage, None),
});
