//! Writing a bundle anew to other media: whole again, to the bit, by the digests of its seal.

mod error;
mod target;

pub use error::RepairError;

use crate::bundle::{
    Chosen, Copies, Damage, Fault, Homes, Mended, Note, Pace, Purpose, Sealed, Set, Store, announce, choose, fetch,
    judge, mend, regenerate_sums, unjudged, weight,
};
use crate::observe::{Observer, Phase};
use crate::pending::waiting;
use crate::vault::Vault;
use gapvault_formats::ids::BundleId;
use gapvault_formats::seal::{BundleFile, Subject};
use std::path::PathBuf;
use target::Targets;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The bundle's seal, which is the same.
    pub bundle: BundleId,
    /// Where it stands now, in the order of the new media.
    pub paths: Vec<PathBuf>,
    /// What was damaged or missing and was put together again.
    pub mended: Vec<Mended>,
    /// Whether reading it again showed what the devices hold, and not what is held in memory.
    pub proven: bool,
    /// What was read from each medium.
    pub media: Vec<Pace>,
    /// What was found beside.
    pub notes: Vec<Note>,
}

/// Writes a bundle anew to the media `to`: all of it to one, or each of its volumes, in order, to one of its own. It is
/// judged by the policy of `vault`, or by none. The media that it is read from are not written to. Run again after it
/// broke off, it keeps what it wrote whole.
pub fn repair(
    vault: Option<&Vault>,
    set: &Set,
    to: &[PathBuf],
    observer: &dyn Observer,
) -> Result<Outcome, RepairError> {
    match vault {
        Some(vault) => {
            let judge =
                |bundle: &_, copies: Copies<'_>| Ok::<_, RepairError>(judge(vault, bundle, copies, Purpose::Look)?);
            rewrite(&choose(set, &waiting(vault, set.label()), judge)?, to, observer)
        }
        None => {
            let unjudged = |bundle: &_, copies: Copies<'_>| Ok::<_, RepairError>(unjudged(bundle, copies)?);
            rewrite(&choose(set, &[], unjudged)?, to, observer)
        }
    }
}

fn rewrite<J: Sealed>(chosen: &Chosen<'_, J>, to: &[PathBuf], observer: &dyn Observer) -> Result<Outcome, RepairError> {
    let (seal, sealed) = (chosen.judged.seal(), chosen.judged.sealed());
    let folders = &chosen.folders;
    let sources: Vec<_> = folders.iter().map(|listed| listed.placed).collect();
    announce(folders, observer);
    let mut targets = Targets::begin(to, seal, &sources, observer)?;
    targets.check_room(seal)?;

    let wanted: Vec<&Subject> = seal.subjects().iter().filter(|s| !targets.has(&s.file)).collect();
    let mut shelves: Vec<_> = folders.iter().map(|_| targets.shelf()).collect();
    let fetched = fetch::<RepairError, _>(Phase::Repair, folders, &wanted, seal, observer, &mut shelves)?;
    drop(shelves);
    wanted.iter().filter(|s| fetched.has(&s.file)).for_each(|subject| targets.came(&subject.file));

    let attempt = mend(&mut targets, seal, folders, &fetched, observer)?;
    let mut mended = attempt.mended;
    for subject in wanted.iter().filter(|s| !fetched.has(&s.file)) {
        if let Some(text) = regenerate_sums(seal, &subject.file) {
            targets.put(subject, text.as_bytes())?;
            let damage = Damage::default();
            mended.push(Mended { file: subject.file.clone(), size: subject.size, damage });
        }
    }
    let lost: Vec<_> = wanted.into_iter().filter(|s| !targets.has(&s.file)).collect();
    let media = fetched.paces.clone();
    if !lost.is_empty() {
        if let Some((folder, source)) = fetched.died.into_iter().next() {
            return Err(RepairError::Died { medium: folders[folder].placed.path.clone(), source });
        }
        let mut faults = fetched.faults;
        let homes = Homes::new(seal, folders);
        let mut faults: Vec<_> = lost.into_iter().map(|subject| fault(&mut faults, &subject.file, &homes)).collect();
        faults.sort_by_key(|fault| weight(&fault.file));
        let label = seal.predicate().label.clone();
        return Err(RepairError::Lost { label, faults, unmended: attempt.unmended });
    }
    targets.spread(seal)?;
    targets.seal(sealed)?;
    let (bundle, proven, notes) = (sealed.id(), targets.is_proven(), chosen.notes.clone());
    Ok(Outcome { bundle, paths: targets.into_paths(), mended, proven, media, notes })
}

/// What was found to be wrong with a file, or that it is missing.
fn fault(faults: &mut Vec<Fault>, file: &BundleFile, homes: &Homes<'_>) -> Fault {
    match faults.iter().position(|fault| fault.file == *file) {
        Some(at) => faults.swap_remove(at),
        None => Fault { file: file.clone(), error: homes.missing(file) },
    }
}
