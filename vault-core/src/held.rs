//! Opening a bundle that the vault holds. The vault's own files are not trusted for being in the vault: age does not
//! authenticate who wrote them, so everything is held against the seal's digest in the log.

use crate::bundle::{
    Bundle, BundleError, Claims, Contents, ContentsError, JudgeError, SealReadError, Wanted, digest_of, load, open_keys,
};
use crate::error::{FsError, explain};
use crate::fs::Folder;
use crate::vault::{Held, Vault};
use gapvault_formats::ids::BundleId;
use gapvault_formats::keys::Keys;
use gapvault_formats::limits;
use gapvault_formats::names::ArtifactRef;
use gapvault_formats::seal::{BundleFile, SEAL_NAME, Seal};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Why an artifact of the vault can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum HeldError {
    /// A folder can't be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A file is missing or was altered.
    #[error(transparent)]
    Bundle(BundleError),
    /// The seal is not one.
    #[error(transparent)]
    Seal(#[from] SealReadError),
    /// Its descriptions don't open or are refused.
    #[error(transparent)]
    Contents(ContentsError),
    /// The vault's policies can't be read.
    #[error(transparent)]
    Judge(Box<JudgeError>),
    /// The bundle that the log names is not there.
    #[error("bundle {bundle} is in the log, but {} is missing", path.display())]
    Gone {
        /// Which bundle.
        bundle: BundleId,
        /// Where it should be.
        path: PathBuf,
    },
    /// The log knows no such artifact.
    #[error("this vault holds no artifact {artifact}")]
    NoArtifact {
        /// What was asked for.
        artifact: ArtifactRef,
    },
    /// The bundle that was named does not hold it.
    #[error("this vault holds no bundle {bundle} with {artifact} in it")]
    NotInBundle {
        /// What was asked for.
        artifact: ArtifactRef,
        /// Where.
        bundle: BundleId,
    },
    /// The log knows no such bundle.
    #[error("this vault holds no bundle {beginning}")]
    NoBundle {
        /// The beginning of its digest, as it was asked for.
        beginning: String,
    },
    /// Several bundles begin like this.
    #[error("several bundles of this vault begin with {beginning}")]
    SeveralBundles {
        /// The beginning of their digests, as it was asked for.
        beginning: String,
    },
    /// Several bundles hold an artifact of that name and version.
    #[error("{artifact} is in several bundles: {bundles}")]
    Ambiguous {
        /// What was asked for.
        artifact: ArtifactRef,
        /// Their digests.
        bundles: String,
    },
    /// The stored seal is not the one that was admitted.
    #[error("seal.json of bundle {expected} in the vault was altered: it has SHA-256 {actual}")]
    Altered {
        /// What the file has.
        actual: BundleId,
        /// What the log says.
        expected: BundleId,
    },
}

const ALTERED: Option<&str> = Some(
    "the vault's copy is damaged, or somebody changed it: import the bundle again into a new vault, and find out which of the two it was",
);

explain!(HeldError, pass: [Fs, Seal, Contents, Judge], {
    Self::Bundle(BundleError::Interrupted) => (Other, None),
    // What may come on another medium elsewhere is just not there in a vault.
    Self::Bundle(_) | Self::Gone { .. } | Self::Altered { .. } => (Damaged, ALTERED),
    Self::NoArtifact { .. } | Self::NotInBundle { .. } => (Other, Some("`gapvault list` shows what it holds")),
    Self::NoBundle { .. } => (Other, Some("`gapvault list` shows what it holds")),
    Self::SeveralBundles { .. } => (Usage, Some("give more digits")),
    Self::Ambiguous { .. } => (Usage, Some("name one of them with --bundle")),
});

impl From<BundleError> for HeldError {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::Fs(error) => Self::Fs(error),
            error => Self::Bundle(error),
        }
    }
}

impl From<ContentsError> for HeldError {
    fn from(error: ContentsError) -> Self {
        match error {
            ContentsError::Bundle(error) => error.into(),
            error => Self::Contents(error),
        }
    }
}

/// An opened bundle of the vault.
pub(crate) struct Opened {
    pub(crate) folder: Folder,
    pub(crate) seal: Seal,
    /// `None` where this vault may only read the catalogue.
    pub(crate) keys: Option<Keys>,
    pub(crate) contents: Contents,
}

/// The one bundle in the log that holds `artifact`: admitted ones before those made here.
pub(crate) fn find_held<'v>(
    vault: &'v Vault,
    artifact: &ArtifactRef,
    bundle: Option<&BundleId>,
) -> Result<Held<'v>, HeldError> {
    let holds = |held: &Held<'_>| {
        held.artifacts().iter().any(|m| m.artifact == *artifact) && bundle.is_none_or(|id| *id == held.bundle())
    };
    let (imported, exported): (Vec<_>, Vec<_>) =
        vault.held().filter(holds).partition(|held| matches!(held, Held::Imported(_)));
    let found = if imported.is_empty() { exported } else { imported };
    match found.as_slice() {
        [] => Err(match bundle {
            Some(bundle) => HeldError::NotInBundle { artifact: artifact.clone(), bundle: *bundle },
            None => HeldError::NoArtifact { artifact: artifact.clone() },
        }),
        [one] => Ok(*one),
        several => {
            let bundles: Vec<_> = several.iter().map(|held| held.bundle().to_string()).collect();
            Err(HeldError::Ambiguous { artifact: artifact.clone(), bundles: bundles.join(", ") })
        }
    }
}

/// The bundle of the log whose digest begins like this.
pub fn find_bundle(vault: &Vault, beginning: &str) -> Result<BundleId, HeldError> {
    let ids: BTreeSet<_> = vault.held().map(Held::bundle).filter(|id| id.to_string().starts_with(beginning)).collect();
    let beginning = crate::formats::names::shorten(beginning);
    match ids.first() {
        None => Err(HeldError::NoBundle { beginning }),
        Some(_) if ids.len() > 1 => Err(HeldError::SeveralBundles { beginning }),
        Some(one) => Ok(*one),
    }
}

/// The folder of a bundle of the log, if its seal is the one that the log names.
pub(crate) fn held_bundle(vault: &Vault, id: &BundleId) -> Result<Bundle, HeldError> {
    let (folder, seal) = open_seal(vault, id)?;
    Ok(Bundle { label: seal.predicate().label.clone(), folder, sealed: true })
}

fn open_seal(vault: &Vault, expected: &BundleId) -> Result<(Folder, Seal), HeldError> {
    let path = vault.bundle_path(expected);
    let folder = match Folder::open(&path) {
        Err(e) if e.source.kind() == ErrorKind::NotFound => return Err(HeldError::Gone { bundle: *expected, path }),
        folder => folder?,
    };
    let limit = limits::SEAL_BYTES;
    let bytes = folder.read(SEAL_NAME, limit).map_err(|e| BundleError::opening(&folder, SEAL_NAME, e))?;
    let bytes = bytes.unwrap_or_default();
    let actual = BundleId::of(&bytes);
    if actual != *expected {
        return Err(HeldError::Altered { actual, expected: *expected });
    }
    Ok((folder, Seal::parse(&bytes).map_err(SealReadError::Seal)?))
}

/// Opens a bundle of the log: its seal by the log's digest, its descriptions by the seal, their content by each other.
pub(crate) fn open(vault: &Vault, held: Held<'_>, wanted: Wanted<'_>) -> Result<Opened, HeldError> {
    let (folder, seal) = open_seal(vault, &held.bundle())?;
    expect_descriptions(&folder, &seal)?;
    let identity = vault.identities().of(seal.predicate().suite);
    let keys = open_keys(&folder, &seal, identity)?;
    let claims = match held {
        Held::Imported(imported) => Claims { tent: &imported.tent, exporter: &imported.exporter },
        Held::Exported(exported) => Claims { tent: &exported.tent, exporter: &exported.exporter },
    };
    let contents = load(&folder, &seal, identity, keys.as_ref(), claims, wanted)?;
    Ok(Opened { folder, seal, keys, contents })
}

/// Whether the files that describe a bundle are those of its seal.
pub(crate) fn expect_descriptions(folder: &Folder, seal: &Seal) -> Result<(), BundleError> {
    let mut files = [BundleFile::Catalogue, BundleFile::Keys, BundleFile::Index].iter();
    files.try_for_each(|file| expect_sealed(folder, seal, file))
}

fn expect_sealed(folder: &Folder, seal: &Seal, file: &BundleFile) -> Result<(), BundleError> {
    let path = || folder.path().to_owned();
    let missing = || BundleError::Missing { path: path(), file: file.to_string() };
    let subject = seal.subject(file).ok_or_else(missing)?;
    match digest_of(folder, subject)? {
        Some(actual) if actual == subject.sha256 => Ok(()),
        Some(actual) => Err(BundleError::Digest { path: path(), file: file.clone(), actual, expected: subject.sha256 }),
        None => match folder.file(&file.to_string()).ok().and_then(|f| f.metadata().ok()) {
            Some(m) => {
                Err(BundleError::Size { path: path(), file: file.clone(), actual: m.len(), expected: subject.size })
            }
            None => Err(missing()),
        },
    }
}
