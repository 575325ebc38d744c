//! Importing a bundle: judged, staged file by file, renamed, committed by the log.

use crate::bundle::{
    Arrival, Bundle, BundleError, Claims, ContentsError, JudgeError, Judged, Purpose, RoomError, Wanted, check_listing,
    check_room, deliver, digest_of, judge, load, open_keys,
};
use crate::error::{Explain, FsError, Kind, explain};
use crate::fs::{Aligned, DirectFile, Durable, Folder, create_folder, sync_folder, write_replacing};
use crate::observe::{Event, Observer, Phase};
use crate::vault::{Incoming, Vault, VaultError};
use gapvault_formats::catalogue::Role;
use gapvault_formats::custody::{self, Imported};
use gapvault_formats::ids::BundleId;
use gapvault_formats::names::TentName;
use gapvault_formats::seal::{BundleFile, SEAL_NAME, Subject};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Why a bundle is not imported. The vault is as it was, but for a log entry on a refusal.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The policy does not admit it; nothing but its seal was read.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// A file is missing, damaged or one too many.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Its descriptions are refused.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// There is no room for it in the vault.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// Writing to the vault failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// No seal yet.
    #[error("bundle {label} has no seal on this medium: nothing was copied")]
    Unsealed {
        /// Its label.
        label: String,
    },
    /// Another tent's key.
    #[error("its tent key is pinned to tent {pinned}, the bundle is of tent {tent}")]
    TentKeyPinned {
        /// The tent that it was pinned to.
        pinned: TentName,
        /// The tent of this bundle.
        tent: TentName,
    },
    /// Made here: the vault holds its catalogue, and the seal is the same.
    #[error("this vault exported bundle {bundle} itself")]
    OwnBundle {
        /// Its seal.
        bundle: BundleId,
    },
    /// A catalogue that keeps a recipient quiet.
    #[error("catalogue.age does not list this vault's key as {role}, though the bundle is sealed to it as such")]
    NotListed {
        /// What it can read.
        role: Role,
    },
    /// Neither member nor auditor.
    #[error("neither keys.age nor catalogue.age is sealed to this vault's key")]
    NotAReader,
}

explain!(ImportError, pass: [Vault, Judge, Bundle, Contents, Room, Fs], {
    Self::Unsealed { .. } => (Incomplete, Some("its export broke off, or another volume of it carries the seal: bring that one first")),
    Self::TentKeyPinned { .. } => (Refused, Some("one tent's content must not come in under another's name: ask the exporter")),
    Self::OwnBundle { .. } => (Usage, Some("import it at another site; the source it was exported from is still where it was")),
    Self::NotListed { .. } => (Damaged, Some("its exporter signed something that no gapvault writes: do not use it, and ask the exporter")),
    Self::NotAReader => (Refused, Some("have it exported again after the lab ran `gapvault trust CARD` with this site's card")),
});

/// What an import came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the log says of the bundle.
    pub imported: Imported,
    /// Whether the vault held it already, so that nothing was done.
    pub already: bool,
}

/// Imports a bundle into `vault`, or says that it is there.
///
/// When this fails or is killed, the vault holds what it held before; files that were staged whole are used by the next
/// attempt. A refusal is logged.
pub fn import(vault: &mut Vault, bundle: &Bundle, observer: &dyn Observer) -> Result<Outcome, ImportError> {
    if !bundle.is_sealed() {
        return Err(ImportError::Unsealed { label: bundle.label().to_string() });
    }
    let judged = match judge(vault, bundle, Purpose::Admit) {
        Ok(judged) => judged,
        Err(error) => return Err(refuse(vault, seal_digest(bundle), error.into())?),
    };
    let id = judged.sealed.id;
    if judged.admitted
        && let Some(imported) = admitted(vault, &id)
    {
        return Ok(Outcome { imported, already: true });
    }
    if vault.held().any(|held| held.bundle() == id) {
        return Err(ImportError::OwnBundle { bundle: id });
    }
    let incoming = vault.stage(&id.to_string())?;
    match stage(vault, bundle, &judged, &incoming, observer) {
        Ok(imported) => {
            incoming.place(&id)?;
            vault.record(custody::Event::Imported(Box::new(imported.clone())))?;
            Ok(Outcome { imported, already: false })
        }
        Err(error) if matches!(error.kind(), Kind::Refused | Kind::Damaged) => {
            incoming.discard()?;
            Err(refuse(vault, Some(id), error)?)
        }
        Err(error @ ImportError::Room(_)) => {
            incoming.discard()?;
            Err(error)
        }
        // Not the bundle's fault: what is staged whole need not be copied again.
        Err(error) => {
            incoming.leave();
            Err(error)
        }
    }
}

fn admitted(vault: &Vault, id: &BundleId) -> Option<Imported> {
    vault.log().iter().find_map(|entry| match &entry.event {
        custody::Event::Imported(imported) if imported.bundle == *id => Some((**imported).clone()),
        _ => None,
    })
}

/// Logs a refusal and gives its error back; an error that is none is just given back.
fn refuse(vault: &mut Vault, bundle: Option<BundleId>, error: ImportError) -> Result<ImportError, ImportError> {
    if let (Some(bundle), Kind::Refused | Kind::Damaged) = (bundle, error.kind()) {
        let reason = crate::error::visible(&error.to_string()).chars().take(1000).collect();
        vault.record(custody::Event::Refused { bundle, reason })?;
    }
    Ok(error)
}

/// The digest of a seal that could not be judged, for the log.
fn seal_digest(bundle: &Bundle) -> Option<BundleId> {
    let bytes = bundle.folder.read(SEAL_NAME, gapvault_formats::limits::SEAL_BYTES).ok()??;
    Some(BundleId::of(&bytes))
}

fn stage(
    vault: &Vault,
    bundle: &Bundle,
    judged: &Judged,
    incoming: &Incoming,
    observer: &dyn Observer,
) -> Result<Imported, ImportError> {
    check_listing(bundle, &judged.seal, &judged.sealed)?;
    let staging = Staging::begin(incoming.path())?;
    staging.keep_only(judged)?;
    let (packs, small): (Vec<_>, Vec<_>) =
        judged.seal.subjects().iter().partition(|s| matches!(s.file, BundleFile::Pack(_)));
    let needed = |subjects: &[&Subject]| subjects.iter().map(|s| s.size).sum::<u64>();
    check_room(vault.root(), needed(&small).saturating_sub(staging.size()))?;

    let mut staging = staging;
    // What describes the bundle comes first: a bundle that will be refused is refused before its weights are copied.
    let mut size = staging.take(Phase::Describe, bundle, judged, &small, observer)?;
    let mut imported = describe(vault, judged, &Folder::open(incoming.path())?)?;
    if imported.tent_key.is_some() {
        check_room(vault.root(), needed(&packs))?;
        size += staging.take(Phase::Import, bundle, judged, &packs, observer)?;
    }

    for (name, armoured) in &judged.sealed.signatures {
        write_replacing(&incoming.path().join(name), armoured, 0o600)?;
    }
    write_replacing(&incoming.path().join(SEAL_NAME), &judged.sealed.bytes, 0o600)?;
    staging.sync()?;
    imported.size = size;
    Ok(imported)
}

/// Reads the staged descriptions as far as this vault's key goes, and checks everything in them.
fn describe(vault: &Vault, judged: &Judged, staged: &Folder) -> Result<Imported, ImportError> {
    let identity = &vault.identities().age;
    let keys = open_keys(staged, &judged.seal, identity)?;
    let claims = Claims { tent: &judged.addressed.tent, exporter: &judged.exporter };
    let contents = match load(staged, &judged.seal, identity, keys.as_ref(), claims, Wanted::Summaries) {
        Err(ContentsError::Age { fault: gapvault_formats::agefile::AgeError::NotARecipient, .. }) => {
            return Err(ImportError::NotAReader);
        }
        loaded => loaded?,
    };
    let role = if keys.is_some() { Role::Member } else { Role::Auditor };
    // SPEC 13.5: what this vault can open, the catalogue must say that it can.
    if !contents.head.readers.iter().any(|r| r.role == role && r.recipient == vault.card().recipient) {
        return Err(ImportError::NotListed { role });
    }
    let pin = keys.map(|keys| keys.tent_key.pin());
    // SPEC 13.6: a tent key stands for one tent.
    if let Some(pinned) = pin.and_then(|pin| vault.pinned_to(&pin)).filter(|t| **t != judged.addressed.tent) {
        let (pinned, tent) = (pinned.clone(), judged.addressed.tent.clone());
        return Err(ImportError::TentKeyPinned { pinned, tent });
    }
    let predicate = judged.seal.predicate();
    Ok(Imported {
        bundle: judged.sealed.id,
        label: predicate.label.clone(),
        tent: judged.addressed.tent.clone(),
        number: predicate.number,
        created: predicate.created,
        expires: predicate.expires,
        exporter: judged.exporter.clone(),
        key: judged.key().clone(),
        from: contents.head.site,
        epoch: judged.epoch,
        rule: judged.rule.clone(),
        artifacts: contents.artifacts.into_iter().map(|a| a.moved).collect(),
        size: 0,
        tent_key: pin,
    })
}

/// A bundle's files arriving in the vault's staging folder.
struct Staging {
    path: PathBuf,
    folder: Folder,
    current: Option<DirectFile<Durable>>,
}

impl Staging {
    fn begin(path: &Path) -> Result<Self, FsError> {
        Ok(Self { path: path.to_owned(), folder: Folder::open(path)?, current: None })
    }

    /// Removes what an earlier attempt left that is not a whole file of this bundle.
    fn keep_only(&self, judged: &Judged) -> Result<(), ImportError> {
        let wanted: BTreeSet<PathBuf> =
            judged.seal.subjects().iter().map(|s| self.path.join(s.file.to_string())).collect();
        for entry in walkdir::WalkDir::new(&self.path).into_iter().filter_map(Result::ok) {
            if !entry.file_type().is_dir() && !wanted.contains(entry.path()) {
                std::fs::remove_file(entry.path()).map_err(FsError::at("can't remove", entry.path()))?;
            }
        }
        Ok(())
    }

    /// Bytes that are there.
    fn size(&self) -> u64 {
        let files = walkdir::WalkDir::new(&self.path).into_iter().filter_map(Result::ok);
        files.filter_map(|f| f.metadata().ok()).filter(std::fs::Metadata::is_file).map(|m| m.len()).sum()
    }

    /// Takes the given files from the medium, but for those that are there already, whole and with the right digest.
    /// Gives their size.
    fn take(
        &mut self,
        phase: Phase,
        bundle: &Bundle,
        judged: &Judged,
        subjects: &[&Subject],
        observer: &dyn Observer,
    ) -> Result<u64, ImportError> {
        let total = subjects.iter().map(|s| s.size).sum();
        observer.event(Event::Begin { phase, total, medium: None });
        let mut missing = Vec::new();
        for subject in subjects {
            // Checked, not assumed: the machine may have gone down while this was written.
            if digest_of(&self.folder, subject)? == Some(subject.sha256) {
                observer.event(Event::Advance { bytes: subject.size, medium: None });
            } else {
                missing.push(*subject);
            }
        }
        deliver(&bundle.folder, &judged.seal, &missing, observer, self)?;
        observer.event(Event::End { medium: None });
        Ok(total)
    }

    fn sync(&self) -> Result<(), FsError> {
        for entry in walkdir::WalkDir::new(&self.path).into_iter().filter_map(Result::ok) {
            if entry.file_type().is_dir() {
                sync_folder(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Arrival<ImportError> for Staging {
    fn block(&mut self, subject: &Subject, block: &mut Aligned) -> Result<(), ImportError> {
        let path = self.path.join(subject.file.to_string());
        let file = match &mut self.current {
            Some(file) => file,
            none => {
                create_folder(path.parent().unwrap_or(&self.path), 0o700)?;
                none.insert(DirectFile::new(Durable::create(&path, 0o600)?))
            }
        };
        Ok(file.append(block).map_err(FsError::at("can't write", &path))?)
    }

    fn complete(&mut self, subject: &Subject) -> Result<(), ImportError> {
        let Some(file) = self.current.take() else { return Ok(()) };
        let path = self.path.join(subject.file.to_string());
        Ok(file.finish().map_err(FsError::at("can't write", &path))?.commit()?)
    }
}
