//! Importing a bundle: judged, staged file by file where imports wait, renamed, committed by the log.

mod describe;
mod error;
mod packs;
mod staging;

pub use error::{ImportError, Spoiled, Waiting};

use crate::bundle::{
    Chosen, Copies, Judged, Mended, Note, Pace, Purpose, Set, announce, check_room, choose, judge, mend, open_keys,
    regenerate_sums,
};
use crate::error::{Explain, FsError, Kind};
use crate::fs::Folder;
use crate::keys::lacks_recovery;
use crate::list::Untrusted;
use crate::observe::{Observer, Phase};
use crate::pending::waiting;
use crate::vault::Vault;
use crate::wraps::{self, Own, Role, Source, Wrapping};
use gapvault_formats::agefile::Suite;
use gapvault_formats::custody::{self, Imported};
use gapvault_formats::ids::BundleId;
use gapvault_formats::time::Time;
use staging::Staging;

/// What an import came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the log says of the bundle; if another seal of it was admitted before, of that one.
    pub imported: Imported,
    /// Whether the vault held it already, so that nothing was done.
    pub already: bool,
    /// What was damaged or missing and was put together again.
    pub mended: Vec<Mended>,
    /// What was read from each medium.
    pub media: Vec<Pace>,
    /// What was found beside.
    pub notes: Vec<Note>,
    /// What the policy now in force says of a bundle that was there already.
    pub anew: Option<Anew>,
    /// That it was refused before it was admitted.
    pub refused_before: Option<RefusedBefore>,
    /// The suite of a new bundle, if no recovery identity opens it though there is one of another suite.
    pub unrecovered: Option<Suite>,
}

/// A bundle that was admitted, judged once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anew {
    /// The epoch that judges.
    pub epoch: u64,
    /// Why it would be refused now; `None` if it would be admitted again.
    pub refusal: Option<Untrusted>,
}

/// The last refusal of a bundle, by the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedBefore {
    /// When.
    pub time: Time,
    /// The epoch of the policy that refused it.
    pub epoch: u64,
    /// Why.
    pub reason: String,
}

/// Imports a bundle into `vault` from the media that are in, or says that it is there.
///
/// What the log admitted stays admitted: brought again, it is judged anew by the policy in force, and nothing more.
/// What does not suffice for a bundle waits in the vault, every file checked, until other media bring the rest; it counts
/// as nothing until then. When this is killed or a medium dies, files that were copied whole wait in the same way. A
/// bundle that is refused leaves nothing but a log entry.
pub fn import(vault: &mut Vault, set: &Set, observer: &dyn Observer) -> Result<Outcome, ImportError> {
    let waiting = waiting(vault, set.label());
    let judge = |bundle: &_, copies: Copies<'_>| Ok::<_, ImportError>(judge(vault, bundle, copies, Purpose::Admit)?);
    let chosen = match choose(set, &waiting, judge) {
        Ok(chosen) => chosen,
        Err(error) => match (held_as(vault, set), &error) {
            (Some(imported), ImportError::Judge(refusal)) if refusal.kind() == Kind::Refused => {
                return Ok(Outcome::already(vault, imported, Vec::new(), Some(Untrusted::from(refusal))));
            }
            _ => return Err(refuse(vault, any_seal(set), error)?),
        },
    };
    let Judged { sealed, admitted, anew, .. } = &chosen.judged;
    let (id, notes) = (sealed.id, chosen.notes.clone());
    if let Some(imported) = admitted.and_then(|admitted| imported(vault, &admitted)) {
        return Ok(Outcome::already(vault, imported, notes, anew.as_ref().map(Untrusted::from)));
    }
    // One that another seal took the place of is still this vault's own.
    if vault.log().iter().any(|entry| matches!(&entry.event, custody::Event::Exported(made) if made.bundle == id)) {
        return Err(ImportError::OwnBundle { bundle: id });
    }
    // Needed to look into it: whoever can't open anything copies nothing.
    vault.age_identities(chosen.judged.seal.predicate().suite)?;
    let (incoming, is_new) = vault.pend(&id, &chosen.earlier)?;
    match stage(vault, &chosen, &incoming, observer) {
        Ok(Staged { imported, mended, media, died }) => {
            let notes = [notes, died].concat();
            incoming.place(&id)?;
            vault.record(custody::Event::Imported(Box::new(imported.clone())))?;
            let refused_before = refused_before(vault, &id);
            let suite = chosen.judged.seal.predicate().suite;
            let unrecovered = lacks_recovery(vault, suite).then_some(suite);
            Ok(Outcome { imported, already: false, mended, media, notes, anew: None, refused_before, unrecovered })
        }
        Err(error) => {
            // What waited before is good, whatever came now.
            if is_new && (error.is_refusal() || matches!(error, ImportError::Room(_))) {
                incoming.discard()?;
            }
            Err(refuse(vault, Some(id), error)?)
        }
    }
}

impl Outcome {
    /// What is there already.
    fn already(vault: &Vault, imported: Imported, notes: Vec<Note>, refusal: Option<Untrusted>) -> Self {
        let anew = Some(Anew { epoch: vault.policy().epoch, refusal });
        let (mended, media, refused_before) = (Vec::new(), Vec::new(), None);
        Self { imported, already: true, mended, media, notes, anew, refused_before, unrecovered: None }
    }
}

/// What the log admitted, if that is all that the media have of this label.
fn held_as(vault: &Vault, set: &Set) -> Option<Imported> {
    let mut sealed = set.folders.iter().map(|placed| &placed.bundle).filter(|bundle| bundle.is_sealed());
    let first = sealed.next()?.seal_id()?;
    if sealed.all(|bundle| bundle.seal_id() == Some(first)) { imported(vault, &first) } else { None }
}

fn refused_before(vault: &Vault, id: &BundleId) -> Option<RefusedBefore> {
    vault.log().iter().rev().find_map(|entry| match &entry.event {
        custody::Event::Refused { bundle, reason, epoch } if bundle == id => {
            Some(RefusedBefore { time: entry.time, epoch: *epoch, reason: reason.clone() })
        }
        _ => None,
    })
}

fn imported(vault: &Vault, id: &BundleId) -> Option<Imported> {
    vault.log().iter().find_map(|entry| match &entry.event {
        custody::Event::Imported(imported) if imported.bundle == *id => Some((**imported).clone()),
        _ => None,
    })
}

/// Logs a refusal and gives its error back; an error that is none is just given back.
fn refuse(vault: &mut Vault, bundle: Option<BundleId>, error: ImportError) -> Result<ImportError, ImportError> {
    if let (Some(bundle), true) = (bundle, error.is_refusal()) {
        let epoch = vault.policy().epoch;
        let reason = crate::error::visible(&error.to_string()).chars().take(1000).collect();
        vault.record(custody::Event::Refused { bundle, reason, epoch })?;
    }
    Ok(error)
}

/// The digest of a seal that could not be judged, for the log.
fn any_seal(set: &Set) -> Option<BundleId> {
    set.folders.iter().find_map(|placed| placed.bundle.seal_id())
}

/// Seals what is needed to open the bundle anew for this vault and its auditors. It counts with the log's entry.
fn wrap(vault: &Vault, judged: &Judged, staged: &Folder) -> Result<(), ImportError> {
    let identities = vault.age_identities(judged.seal.predicate().suite)?;
    let keys = open_keys(staged, &judged.seal, identities)?;
    let own = keys.as_ref().map_or(identities, |keys| std::slice::from_ref(&keys.identity));
    let wrapping = Wrapping {
        bundle: &judged.sealed.id,
        tent: &judged.addressed.tent,
        seal: &judged.seal,
        role: keys.as_ref().map_or(Role::Auditor, Role::Member),
        catalogue: Source::Sealed(staged, own),
    };
    Ok(wraps::wrap(vault, &Own::of(vault), wrapping)?)
}

/// A bundle of which all is staged.
struct Staged {
    imported: Imported,
    mended: Vec<Mended>,
    media: Vec<Pace>,
    died: Vec<Note>,
}

fn stage(
    vault: &Vault,
    chosen: &Chosen<'_, Judged>,
    incoming: &crate::vault::Incoming,
    observer: &dyn Observer,
) -> Result<Staged, ImportError> {
    let judged = &chosen.judged;
    announce(&chosen.folders, observer);
    let mut staging = Staging::begin(incoming.path(), judged, observer)?;

    // What describes the bundle comes first: a bundle that will be refused is refused before its weights are copied.
    let small = packs::small_files(chosen);
    check_room(vault.root(), staging.lacks(&small))?;
    staging.write_seal(&judged.sealed)?;
    let described = staging.take(Phase::Describe, &chosen.folders, &small, &judged.seal, observer)?;
    let mut spoiled = staging.expect_descriptions(chosen, &small, described)?;
    let mut imported = describe::describe(vault, judged, &Folder::open(incoming.path())?)?;
    let (mut mended, mut media, mut died) = (Vec::new(), Vec::new(), Vec::new());
    if judged.seal.predicate().parity.is_some() {
        let mut left = Vec::new();
        for fault in spoiled {
            let text = judged.seal.subject(&fault.file).zip(regenerate_sums(&judged.seal, &fault.file));
            match text {
                Some((subject, text)) => mended.push(staging.put(subject, &text)?),
                None => left.push(fault),
            }
        }
        spoiled = left;
    }
    if imported.tent_key.is_some() {
        let all = packs::packs(&judged.seal);
        check_room(vault.root(), staging.lacks(&all))?;
        let fetched = staging.take(Phase::Import, &chosen.folders, &all, &judged.seal, observer)?;
        let attempt = mend(&mut staging, &judged.seal, &chosen.folders, &fetched, observer)?;
        (mended, media) = ([attempt.mended, mended].concat(), fetched.paces.clone());
        let note = |(folder, error): &(usize, FsError)| Note::Died {
            path: chosen.folders[*folder].placed.path.clone(),
            reason: error.to_string(),
        };
        died = fetched.died.iter().map(note).collect();
        packs::expect_all(&staging, chosen, fetched, attempt.unmended, spoiled)?;
    } else if !spoiled.is_empty() {
        return Err(packs::spoiled(chosen, spoiled, Vec::new()));
    }
    staging.sync()?;
    wrap(vault, judged, &Folder::open(incoming.path())?)?;
    imported.size = staging.size();
    Ok(Staged { imported, mended, media, died })
}
