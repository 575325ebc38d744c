//! Opening a bundle that the vault holds. The vault's own files are not trusted for being in the vault: age does not
//! authenticate who wrote them, so everything is held against the seal's digest in the log.

use crate::bundle::{
    Bundle, BundleError, Claims, Contents, ContentsError, JudgeError, SealReadError, Wanted, catalogue_of, digest_of,
    load, open_keys, opens_index,
};
use crate::error::{FsError, explain};
use crate::export::newest;
use crate::fs::Folder;
use crate::vault::{Held, Vault, VaultError};
use crate::wraps::{self, WrapError, Wrapped};
use gapvault_formats::agefile::{AgeError, Identity};
use gapvault_formats::custody::Event;
use gapvault_formats::ids::{BundleId, TentKeyPin};
use gapvault_formats::keys::Keys;
use gapvault_formats::limits;
use gapvault_formats::names::ArtifactRef;
use gapvault_formats::seal::{BundleFile, SEAL_NAME, Seal};
use gapvault_formats::wraps::KEYS_NAME;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Why an artifact of the vault can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum HeldError {
    /// A folder can't be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// What was sealed anew of it can't be used.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// The vault's identities are not opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
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
    /// The bundle was sealed anew here, so that its old seal counts no more.
    #[error("bundle {bundle} was sealed anew by this vault: bundle {by} took its place")]
    Superseded {
        /// The old seal.
        bundle: BundleId,
        /// The one that counts.
        by: BundleId,
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
        /// Their digests, and of each when and by whom it was sealed.
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

explain!(HeldError, pass: [Fs, Vault, Wrap, Seal, Contents, Judge], {
    Self::Bundle(BundleError::Interrupted) => (Other, None),
    // What may come on another medium elsewhere is just not there in a vault.
    Self::Bundle(_) | Self::Gone { .. } | Self::Altered { .. } => (Damaged, ALTERED),
    Self::NoArtifact { .. } | Self::NotInBundle { .. } => (Other, Some("`gapvault list` shows what it holds")),
    Self::NoBundle { .. } => (Other, Some("`gapvault list` shows what it holds")),
    Self::Superseded { .. } => (Refused, Some("name the later one")),
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
            let bundles: Vec<_> = several.iter().map(told).collect();
            Err(HeldError::Ambiguous { artifact: artifact.clone(), bundles: bundles.join(", ") })
        }
    }
}

fn told(held: &Held<'_>) -> String {
    let (created, exporter) = match held {
        Held::Imported(imported) => (imported.created, &imported.exporter),
        Held::Exported(exported) => (exported.created, &exported.exporter),
    };
    format!("{} (sealed {created} by {exporter})", held.bundle())
}

/// The bundle of the log whose digest begins like this.
pub fn find_bundle(vault: &Vault, beginning: &str) -> Result<BundleId, HeldError> {
    let ids: BTreeSet<_> = vault.held().map(Held::bundle).filter(|id| id.to_string().starts_with(beginning)).collect();
    let superseded = vault.log().iter().find_map(|entry| match entry.event {
        Event::Superseded { bundle, .. } if bundle.to_string().starts_with(beginning) => Some(bundle),
        _ => None,
    });
    let beginning = crate::formats::names::shorten(beginning);
    match ids.first() {
        None => Err(match superseded {
            Some(bundle) => HeldError::Superseded { bundle, by: newest(vault, bundle) },
            None => HeldError::NoBundle { beginning },
        }),
        Some(_) if ids.len() > 1 => Err(HeldError::SeveralBundles { beginning }),
        Some(one) => Ok(*one),
    }
}

/// The folder of a bundle of the log, if its seal is the one that the log names.
pub(crate) fn held_bundle(vault: &Vault, id: &BundleId) -> Result<Bundle, HeldError> {
    let (folder, seal) = open_seal(vault, id)?;
    Ok(Bundle { label: seal.predicate().label.clone(), folder, sealed: true })
}

/// A bundle of the log whose seal is the log's and whose descriptions are the seal's.
pub(crate) struct Sealed {
    pub(crate) folder: Folder,
    pub(crate) seal: Seal,
}

/// The keys of a bundle that the vault holds.
pub(crate) struct FoundKeys {
    pub(crate) keys: Keys,
    /// The wrap that they come from; `None` if the bundle's own were sealed to this vault.
    pub(crate) wrap: Option<PathBuf>,
}

impl FoundKeys {
    /// Whether they open the bundle's index. (Those of the bundle itself are the exporter's word.)
    pub(crate) fn check(&self, folder: &Folder, seal: &Seal) -> Result<(), HeldError> {
        let Some(path) = &self.wrap else { return Ok(()) };
        opens_index(folder, seal, &self.keys.identity)
            .map_err(|fault| WrapError::Contents { path: path.clone(), fault: Box::new(fault) }.into())
    }
}

/// Opens a bundle of the log: its seal by the log's digest, its descriptions by the seal, their content by each other.
pub(crate) fn open(vault: &Vault, held: Held<'_>, wanted: Wanted<'_>) -> Result<Opened, HeldError> {
    let claims = match held {
        Held::Imported(imported) => Claims { tent: &imported.tent, exporter: &imported.exporter },
        Held::Exported(exported) => Claims { tent: &exported.tent, exporter: &exported.exporter },
    };
    open_of(vault, held, claims, wanted)
}

/// The same, for whoever has another source than the log for whose bundle it is.
pub(crate) fn open_of(
    vault: &Vault,
    held: Held<'_>,
    claims: Claims<'_>,
    wanted: Wanted<'_>,
) -> Result<Opened, HeldError> {
    let Sealed { folder, seal } = sealed(vault, held)?;
    let identities = vault.age_identities(seal.predicate().suite)?;
    let found = keys(vault, held, &folder, &seal, identities)?;
    let (wrap, keys) = found.map_or((None, None), |found| (found.wrap, Some(found.keys)));
    let contents = match (load(&folder, &seal, identities, keys.as_ref(), claims, wanted), wrap) {
        // An auditor whose identity was renewed.
        (Err(error @ ContentsError::Age { fault: AgeError::NotARecipient, .. }), _) if keys.is_none() => {
            match wraps::find(vault, &held.bundle())?.filter(Wrapped::has_catalogue) {
                Some(wrapped) => wrapped.catalogue(identities, |input| {
                    let (head, artifacts) = catalogue_of(input, &seal, wanted, claims)?;
                    Ok(Contents { head, artifacts, chunks: Vec::new() })
                })?,
                None => return Err(error.into()),
            }
        }
        // Whoever made that wrap had keys of another bundle.
        (Err(fault @ ContentsError::OtherIdentity { .. }), Some(path)) => {
            return Err(WrapError::Contents { path, fault: Box::new(fault) }.into());
        }
        (loaded, _) => loaded?,
    };
    Ok(Opened { folder, seal, keys, contents })
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

/// The files of a bundle of the log, as far as they describe it: those that were admitted or made.
pub(crate) fn sealed(vault: &Vault, held: Held<'_>) -> Result<Sealed, HeldError> {
    let (folder, seal) = open_seal(vault, &held.bundle())?;
    expect_descriptions(&folder, &seal)?;
    Ok(Sealed { folder, seal })
}

/// The keys of a bundle of the log: its own, or those that the vault wrapped; `None` if this site is no member.
pub(crate) fn keys(
    vault: &Vault,
    held: Held<'_>,
    folder: &Folder,
    seal: &Seal,
    identities: &[Identity],
) -> Result<Option<FoundKeys>, HeldError> {
    if let Some(keys) = open_keys(folder, seal, identities)? {
        return Ok(Some(FoundKeys { keys, wrap: None }));
    }
    if matches!(held, Held::Imported(imported) if imported.tent_key.is_none()) {
        return Ok(None);
    }
    let Some(wrapped) = wraps::find(vault, &held.bundle())? else { return Ok(None) };
    let is_pinned = |pin: &TentKeyPin| match held {
        Held::Imported(imported) => imported.tent_key.as_ref() == Some(pin),
        Held::Exported(exported) => vault.pins(&exported.tent).any(|pinned| pinned == *pin),
    };
    let tent = match held {
        Held::Imported(imported) => &imported.tent,
        Held::Exported(exported) => &exported.tent,
    };
    let keys = wrapped.keys(identities, wraps::Expected { seal, tent, pin: &is_pinned })?;
    Ok(keys.map(|keys| FoundKeys { keys, wrap: Some(wrapped.path(KEYS_NAME)) }))
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
