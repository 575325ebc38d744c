//! A bundle's files: each against its size and digest in the seal, and nothing beside them.

use super::find::Bundle;
use super::seal::SealedBundle;
use crate::error::{FsError, explain};
use crate::fs::{Folder, OpenError};
use gapvault_formats::agefile::{AgeError, Header};
use gapvault_formats::ids::MediumDigest;
use gapvault_formats::limits;
use gapvault_formats::seal::{BundleFile, SEAL_NAME, Seal, Subject};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What is wrong with a bundle's files.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Reading failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A file that the seal names is not there.
    #[error("{file} of bundle {} is missing", path.display())]
    Missing {
        /// The bundle's folder.
        path: PathBuf,
        /// Which file.
        file: String,
    },
    /// A file that the seal names is on none of the media, and the one that should have it is not known.
    #[error("{file} is missing")]
    Lost {
        /// Which file.
        file: BundleFile,
    },
    /// A link, fifo, socket or device where a file should be.
    #[error("{file} of bundle {} is not a regular file: links are never followed", path.display())]
    Irregular {
        /// The bundle's folder.
        path: PathBuf,
        /// Which file.
        file: String,
    },
    /// A link or something else where a folder should be.
    #[error("{folder} of bundle {} is not a folder: links are never followed", path.display())]
    NotAFolder {
        /// The bundle's folder.
        path: PathBuf,
        /// Which folder in it.
        folder: String,
    },
    /// Something that the seal does not name.
    #[error("{name} in bundle {} is not named by its seal", path.display())]
    Extra {
        /// The bundle's folder.
        path: PathBuf,
        /// What was found.
        name: String,
    },
    /// More names than the seal has.
    #[error("{} holds more than the {most} files that its seal names", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// How many there are by the seal.
        most: usize,
    },
    /// A file that is too long to be read at all.
    #[error("{file} of bundle {} is over {limit} bytes", path.display())]
    TooLong {
        /// The bundle's folder.
        path: PathBuf,
        /// Which file.
        file: String,
        /// Its limit.
        limit: u64,
    },
    /// Another size than in the seal.
    #[error("{file} of bundle {} has {actual} bytes, the seal says {expected}", path.display())]
    Size {
        /// The bundle's folder.
        path: PathBuf,
        /// Which file.
        file: BundleFile,
        /// Bytes found; at least this many if it grew.
        actual: u64,
        /// Bytes in the seal.
        expected: u64,
    },
    /// Another digest than in the seal.
    #[error("{file} of bundle {} has SHA-256 {actual}, the seal says {expected}", path.display())]
    Digest {
        /// The bundle's folder.
        path: PathBuf,
        /// Which file.
        file: BundleFile,
        /// What was found.
        actual: MediumDigest,
        /// What the seal says.
        expected: MediumDigest,
    },
    /// An age header that the seal does not allow.
    #[error("{file} of bundle {} has {fault}", path.display())]
    Header {
        /// The bundle's folder.
        path: PathBuf,
        /// Which file.
        file: BundleFile,
        /// What is wrong with it.
        fault: AgeError,
    },
    /// A pack that holds another length of stream than the seal gives.
    #[error("{file} of bundle {} does not hold {expected} bytes of stream", path.display())]
    PackLength {
        /// The bundle's folder.
        path: PathBuf,
        /// Which pack.
        file: BundleFile,
        /// Bytes of stream by the seal.
        expected: u64,
    },
    /// The work was stopped.
    #[error("interrupted")]
    Interrupted,
}

const ALTERED: Option<&str> =
    Some("the medium is damaged or was altered: have the bundle exported again, and find out which of the two it was");

explain!(BundleError, pass: [Fs], {
    Self::Missing { file, .. } => (
        if file.starts_with("packs/") || file.starts_with("parity/") { Incomplete } else { Damaged },
        Some("bring the medium that it was written to, or have the bundle exported again")
    ),
    Self::Lost { file } => (
        if matches!(file, BundleFile::Pack(_) | BundleFile::Parity(_)) { Incomplete } else { Damaged },
        Some("bring the medium that it was written to, or have the bundle exported again")
    ),
    Self::Extra { name, .. } if name.ends_with(".part") => (Damaged, Some("an export or a copy that broke off left it: go on with that, or remove it")),
    Self::Extra { .. } | Self::TooMany { .. } => (Damaged, Some("a bundle's folder holds what its seal names and nothing else; find out who put it there")),
    Self::Header { .. } => (Damaged, Some("a recipient may have been added by somebody else; do not use this bundle")),
    Self::Interrupted => (Other, Some("nothing was changed; run it again, and what was copied whole is not copied again")),
    Self::Irregular { .. } | Self::NotAFolder { .. } | Self::TooLong { .. } | Self::Size { .. } | Self::Digest { .. } | Self::PackLength { .. } => (Damaged, ALTERED),
});

impl BundleError {
    /// Whether it says no more than that the bytes of one file are not to be had here: another medium may have them, or
    /// they may be mended. Anything else was put there by somebody.
    pub(crate) fn is_fault(&self) -> bool {
        matches!(self, Self::Fs(_) | Self::Missing { .. } | Self::Lost { .. } | Self::Size { .. } | Self::Digest { .. })
    }

    /// Where it is, of what is a fault.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Fs(error) => Some(&error.path),
            Self::Missing { path, .. } | Self::Size { path, .. } | Self::Digest { path, .. } => Some(path),
            _ => None,
        }
    }

    pub(crate) fn opening(folder: &Folder, name: &str, error: OpenError) -> Self {
        let (path, file) = (folder.path().to_owned(), name.to_owned());
        match error {
            OpenError::Missing => Self::Missing { path, file },
            OpenError::Irregular => Self::Irregular { path, file },
            OpenError::Fs(e) => Self::Fs(e),
        }
    }
}

/// The whole content of a small file of a bundle.
pub(super) fn read_small(folder: &Folder, name: &str, limit: u64) -> Result<Vec<u8>, BundleError> {
    let read = folder.read(name, limit).map_err(|e| BundleError::opening(folder, name, e))?;
    read.ok_or_else(|| BundleError::TooLong { path: folder.path().to_owned(), file: name.to_owned(), limit })
}

/// Every name that may stand in a folder of the bundle: the seal, its signatures, and what the seal names.
pub(crate) fn all_names(seal: &Seal, sealed: &SealedBundle) -> BTreeSet<String> {
    let subjects = seal.subjects().iter().map(|s| s.file.to_string());
    subjects.chain([SEAL_NAME.to_owned()]).chain(sealed.signatures.keys().cloned()).collect()
}

/// Looks through a bundle's folder on one medium: nothing is there but some of `names`. Gives those that are.
pub(crate) fn check_listing(bundle: &Bundle, names: &BTreeSet<String>) -> Result<BTreeSet<String>, BundleError> {
    let mut found = BTreeSet::new();
    list(&bundle.folder, bundle.path(), "", names, &mut found)?;
    match found.iter().find(|name| !names.contains(*name)) {
        Some(extra) => Err(BundleError::Extra { path: bundle.path().to_owned(), name: extra.clone() }),
        None => Ok(found),
    }
}

/// Collects the names below `folder` of the bundle at `path`, going only into folders that some expected name lies in.
fn list(
    folder: &Folder,
    path: &Path,
    prefix: &str,
    names: &BTreeSet<String>,
    found: &mut BTreeSet<String>,
) -> Result<(), BundleError> {
    let Some(entries) = folder.entries(names.len())? else {
        return Err(BundleError::TooMany { path: folder.path().to_owned(), most: names.len() });
    };
    for (name, is_folder) in entries {
        let full = format!("{prefix}{name}");
        let below = format!("{full}/");
        let expected_below = names.range(below.clone()..).next().is_some_and(|n| n.starts_with(&below));
        if !expected_below {
            found.insert(full);
            continue;
        }
        let inner = match folder.folder(&name) {
            Ok(inner) if is_folder => inner,
            Err(OpenError::Fs(e)) => return Err(e.into()),
            _ => return Err(BundleError::NotAFolder { path: path.to_owned(), folder: full }),
        };
        list(&inner, path, &below, names, found)?;
    }
    Ok(())
}

/// Checks the age header of a file against the seal, and of a pack how much stream it holds. Needs no key.
pub(crate) fn check_header(path: &Path, seal: &Seal, subject: &Subject, begin: impl Read) -> Result<(), BundleError> {
    let Some(expected) = seal.stanzas(&subject.file) else { return Ok(()) };
    let fault = |fault| match fault {
        AgeError::Io(e) => FsError::at("can't read", &path.join(subject.file.to_string()))(e).into(),
        fault => BundleError::Header { path: path.to_owned(), file: subject.file.clone(), fault },
    };
    let header = Header::read(begin).map_err(fault)?;
    header.expect(seal.predicate().suite, expected).map_err(fault)?;
    if let BundleFile::Pack(number) = subject.file {
        let expected = seal.predicate().stream.pack_length(number);
        if header.plaintext_length(subject.size) != Some(expected) {
            return Err(BundleError::PackLength { path: path.to_owned(), file: subject.file.clone(), expected });
        }
    }
    Ok(())
}

pub(super) fn expect_digest(path: &Path, subject: &Subject, actual: [u8; 32]) -> Result<(), BundleError> {
    let (actual, expected) = (MediumDigest::from_bytes(actual), subject.sha256);
    if actual == expected {
        return Ok(());
    }
    Err(BundleError::Digest { path: path.to_owned(), file: subject.file.clone(), actual, expected })
}

/// The digest of a file that is there, if it has the size in the seal; `None` if it is missing or has another.
pub(crate) fn digest_of(folder: &Folder, subject: &Subject) -> Result<Option<MediumDigest>, BundleError> {
    let name = subject.file.to_string();
    let mut file = match folder.file(&name) {
        Ok(file) => file.take(subject.size + 1),
        Err(OpenError::Missing) => return Ok(None),
        Err(e) => return Err(BundleError::opening(folder, &name, e)),
    };
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut length = 0;
    loop {
        match file.read(&mut buffer).map_err(FsError::at("can't read", &folder.path().join(&name)))? {
            0 => break,
            n => {
                hasher.update(&buffer[..n]);
                length += n as u64;
            }
        }
    }
    Ok((length == subject.size).then(|| MediumDigest::from_bytes(hasher.finalize().into())))
}

/// The bytes of a small sealed file, checked against the seal.
pub(super) fn read_sealed(folder: &Folder, seal: &Seal, file: &BundleFile) -> Result<Vec<u8>, BundleError> {
    let name = file.to_string();
    let missing = || BundleError::Missing { path: folder.path().to_owned(), file: name.clone() };
    let subject = seal.subject(file).ok_or_else(missing)?;
    let bytes = read_small(folder, &name, subject.size.min(limits::KEYS_BYTES))?;
    expect_digest(folder.path(), subject, Sha256::digest(&bytes).into())?;
    check_header(folder.path(), seal, subject, bytes.as_slice())?;
    Ok(bytes)
}
