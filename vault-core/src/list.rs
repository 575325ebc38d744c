//! What a vault holds and a medium carries.

use crate::bundle::{
    ArtifactContents, Bundle, BundleError, Claims, ContentsError, Entry as ContentsEntry, JudgeError, Judged, Purpose,
    SealReadError, Signer, Wanted, judge, load, open_keys, unjudged,
};
use crate::error::{Explain, explain};
use crate::held::{self, HeldError};
use crate::vault::{Held, Vault, VaultError};
use crate::verify::Trust;
use gapvault_formats::agefile::AgeError;
use gapvault_formats::catalogue::{Artifact, Head};
use gapvault_formats::catalogue::{File, Folder, Link};
use gapvault_formats::custody::{Event, Exported, Imported, Moved};
use gapvault_formats::ids::BundleId;
use gapvault_formats::names::{ArtifactRef, PersonName, TentName};
use gapvault_formats::seal::Seal;

/// A bundle that the log names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Made here.
    Exported(Box<Exported>),
    /// Admitted here.
    Imported(Box<Imported>),
}

/// Every bundle that the vault's log names, oldest first.
#[must_use]
pub fn list(vault: &Vault) -> Vec<Listed> {
    vault
        .held()
        .map(|held| match held {
            Held::Exported(e) => Listed::Exported(Box::new(e.clone())),
            Held::Imported(i) => Listed::Imported(Box::new(i.clone())),
        })
        .collect()
}

/// The latest bundle of this vault's making that has an artifact of that name and version in that tent.
#[must_use]
pub fn exported_before(vault: &Vault, tent: &TentName, artifact: &ArtifactRef) -> Option<Exported> {
    let has_it = |exported: &Exported| exported.artifacts.iter().any(|moved| moved.artifact == *artifact);
    let exported = vault.held().filter_map(|held| match held {
        Held::Exported(exported) => Some(exported),
        Held::Imported(_) => None,
    });
    exported.filter(|exported| exported.tent == *tent && has_it(exported)).last().cloned()
}

/// Who approved a bundle, each once: by the entry that admitted it, or as far as this vault's log has seen them do it.
#[must_use]
pub fn approved_by(vault: &Vault, listed: &Listed) -> Vec<PersonName> {
    let mut persons: Vec<PersonName> = match listed {
        Listed::Imported(imported) => imported.approved.iter().map(|approval| approval.person.clone()).collect(),
        Listed::Exported(exported) => {
            let of_it = vault.log().iter().filter_map(|entry| match &entry.event {
                Event::Approved { bundle, person, .. } if *bundle == exported.bundle => Some(person.clone()),
                _ => None,
            });
            of_it.collect()
        }
    };
    persons.sort_unstable();
    persons.dedup();
    persons
}

/// Something in an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A folder.
    Folder(Folder),
    /// A regular file.
    File(File),
    /// A symbolic link.
    Link(Link),
}

/// An artifact in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its name and provenance.
    pub artifact: Artifact,
    /// How much it is.
    pub moved: Moved,
    /// What is in it, in tree order.
    pub entries: Vec<Entry>,
}

/// An artifact of the vault in full, and how it came in or went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownHeld {
    /// The artifact.
    pub shown: Shown,
    /// Who and for whom, by the catalogue.
    pub head: Head,
    /// What the log says of its bundle.
    pub listed: Listed,
    /// Who approved it, as [`approved_by`] has it.
    pub approved: Vec<PersonName>,
}

/// Shows an artifact of the vault.
pub fn show(vault: &Vault, artifact: &ArtifactRef, bundle: Option<&BundleId>) -> Result<ShownHeld, HeldError> {
    let held = held::find_held(vault, artifact, bundle)?;
    let opened = held::open(vault, held, Wanted::Artifact(artifact))?;
    let found = opened.contents.artifacts.into_iter().find(|a| a.artifact.artifact == *artifact);
    let found = found.ok_or_else(|| HeldError::NoArtifact { artifact: artifact.clone() })?;
    let listed = match held {
        Held::Exported(e) => Listed::Exported(Box::new(e.clone())),
        Held::Imported(i) => Listed::Imported(Box::new(i.clone())),
    };
    let approved = approved_by(vault, &listed);
    Ok(ShownHeld { shown: shown(found), head: opened.contents.head, listed, approved })
}

/// An artifact as a catalogue has it.
pub(crate) fn shown(contents: ArtifactContents) -> Shown {
    let ArtifactContents { artifact, moved, entries: of, .. } = contents;
    Shown { artifact, moved, entries: entries(of) }
}

fn entries(entries: Vec<ContentsEntry>) -> Vec<Entry> {
    entries
        .into_iter()
        .map(|entry| match entry {
            ContentsEntry::Folder(folder) => Entry::Folder(folder),
            ContentsEntry::File(file) => Entry::File(file.file),
            ContentsEntry::Link(link) => Entry::Link(link),
        })
        .collect()
}

/// What can be known of a bundle on a medium.
#[derive(Clone, Debug)]
pub struct OnMedium {
    /// The folder it is in.
    pub label: String,
    /// What its seal says; `None` if it has none yet, or one that does not fit its signatures.
    pub public: Option<Public>,
    /// What the policy says; why not, if it does not.
    pub trust: Result<Trust, Untrusted>,
    /// What its catalogue says, if it is trusted and sealed to this vault.
    pub catalogue: Option<Described>,
}

/// What anybody can read of a bundle.
#[derive(Clone, Debug)]
pub struct Public {
    /// The seal's digest.
    pub bundle: BundleId,
    /// The seal.
    pub seal: Seal,
    /// The keys whose signatures fit it.
    pub signers: Vec<Signer>,
}

/// Why a bundle on a medium is not trusted, for showing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untrusted {
    /// What was checked.
    pub reason: String,
    /// What a person can do.
    pub hint: Option<String>,
}

impl From<&JudgeError> for Untrusted {
    fn from(error: &JudgeError) -> Self {
        Self { reason: error.to_string(), hint: error.hint() }
    }
}

/// What a reader of a catalogue can say of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Who and for whom.
    pub head: Head,
    /// Whether this vault may also read the content.
    pub member: bool,
    /// Everything in it.
    pub artifacts: Vec<Shown>,
}

/// Why a bundle on a medium can't be described, though it is trusted.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// A file is missing or damaged.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The seal is damaged.
    #[error(transparent)]
    Seal(#[from] SealReadError),
    /// Its descriptions are refused.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// The vault's identities are not opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

explain!(DescribeError, pass: [Bundle, Seal, Contents, Vault], {});

/// Says of a bundle on a medium what can be known: without a vault what is public, with one what its policy says, and
/// where the vault may read the catalogue, what is in it. Nothing but the seal is read before the policy admits it.
pub fn describe(vault: Option<&Vault>, bundle: &Bundle) -> Result<OnMedium, DescribeError> {
    let label = bundle.label().to_string();
    let untrusted = |reason: &str| Untrusted { reason: reason.to_owned(), hint: None };
    if !bundle.is_sealed() {
        let trust = Err(untrusted("it has no seal: its export goes on, broke off, or another volume carries it"));
        return Ok(OnMedium { label, public: None, trust, catalogue: None });
    }
    let Some(vault) = vault else {
        let (sealed, seal) = unjudged(bundle, &[])?;
        let public = Some(Public { bundle: sealed.id, seal, signers: sealed.signers });
        return Ok(OnMedium { label, public, trust: Err(untrusted("trust was not judged")), catalogue: None });
    };
    match judge(vault, bundle, &[], Purpose::Look) {
        Ok(judged) => {
            let catalogue = read_catalogue(vault, bundle, &judged)?;
            let (trust, (sealed, seal)) = Trust::of(judged);
            let public = Some(Public { bundle: sealed.id, seal, signers: sealed.signers });
            Ok(OnMedium { label, public, trust: Ok(trust), catalogue })
        }
        Err(JudgeError::Seal(error)) => Err(error.into()),
        Err(error) => {
            let (sealed, seal) = unjudged(bundle, &[])?;
            let trust = Err(Untrusted::from(&error));
            let public = Some(Public { bundle: sealed.id, seal, signers: sealed.signers });
            Ok(OnMedium { label, public, trust, catalogue: None })
        }
    }
}

fn read_catalogue(vault: &Vault, bundle: &Bundle, judged: &Judged) -> Result<Option<Described>, DescribeError> {
    held::expect_descriptions(&bundle.folder, &judged.seal)?;
    let identities = vault.age_identities(judged.seal.predicate().suite)?;
    let keys = open_keys(&bundle.folder, &judged.seal, identities)?;
    let claims = Claims { tent: &judged.addressed.tent, exporter: &judged.exporter };
    match load(&bundle.folder, &judged.seal, identities, keys.as_ref(), claims, Wanted::Entries) {
        Ok(contents) => {
            let artifacts = contents.artifacts.into_iter().map(shown).collect();
            Ok(Some(Described { head: contents.head, member: keys.is_some(), artifacts }))
        }
        Err(ContentsError::Age { fault: AgeError::NotARecipient, .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
