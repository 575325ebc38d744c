//! Why wraps are not written, or not believed.

use crate::bundle::ContentsError;
use crate::error::{FsError, explain};
use gapvault_formats::agefile::{AgeError, Suite};
use gapvault_formats::ids::MediumDigest;
use gapvault_formats::keys::KeysError;
use gapvault_formats::sshsig::SshError;
use gapvault_formats::wraps::WrapsError;
use std::path::PathBuf;

/// Why wraps are not written, or not believed.
#[derive(Debug, thiserror::Error)]
pub enum WrapError {
    /// Reading or writing failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The list of them is not this vault's.
    #[error("{}: {fault}", path.display())]
    List {
        /// Their folder.
        path: PathBuf,
        /// What is wrong with it.
        fault: WrapsError,
    },
    /// A wrap that is listed is not there, or is no regular file.
    #[error("{} is missing or no regular file", path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// A wrap is not the file that was listed.
    #[error("{} has SHA-256 {actual}, the list of wraps says {expected}", path.display())]
    Digest {
        /// Which file.
        path: PathBuf,
        /// What it has.
        actual: MediumDigest,
        /// What the list says.
        expected: MediumDigest,
    },
    /// A wrap does not open.
    #[error("{}: {fault}", path.display())]
    Age {
        /// Which file.
        path: PathBuf,
        /// Why.
        fault: AgeError,
    },
    /// What it holds are no keys.
    #[error("{}: {fault}", path.display())]
    Keys {
        /// Which file.
        path: PathBuf,
        /// What is wrong with them.
        fault: KeysError,
    },
    /// What it holds is not this bundle's.
    #[error("{}: its {field} is {actual}, expected was {expected}", path.display())]
    Mismatch {
        /// Which file.
        path: PathBuf,
        /// What.
        field: &'static str,
        /// What it says.
        actual: String,
        /// What seal or log say.
        expected: String,
    },
    /// What it holds is no catalogue of this bundle, or its keys open nothing of it.
    #[error("{}: {fault}", path.display())]
    Contents {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Box<ContentsError>,
    },
    /// More than a header has room for.
    #[error("{actual} would have to open the catalogue of a bundle of the suite {suite}, and there is room for {most}")]
    TooMany {
        /// How many.
        actual: u64,
        /// The most.
        most: u64,
        /// The bundle's suite.
        suite: Suite,
    },
    /// What is wrapped can't be read.
    #[error(transparent)]
    Source(Box<ContentsError>),
    /// The list of wraps could not be signed.
    #[error("can't sign the list of wraps: {0}")]
    Sign(SshError),
}

explain!(WrapError, pass: [Fs, Source], {
    Self::Age { fault: AgeError::NotARecipient, .. } =>
        (Refused, Some("it is sealed to other keys than this vault's; if its identity was lost, `gapvault rekey --identity --recover FILE`")),
    Self::Sign(_) => (Other, None),
    Self::TooMany { .. } => (Refused, Some("have fewer auditors in the tent")),
    Self::List { .. } | Self::Missing { .. } | Self::Digest { .. } | Self::Age { .. } | Self::Keys { .. }
    | Self::Mismatch { .. } | Self::Contents { .. } =>
        (Damaged, Some("the vault's wraps are damaged, or somebody changed them: restore that folder from a backup of the vault, and find out which of the two it was")),
});
