//! Which files a set should have, and what it means that some are not here.

use super::error::{ImportError, Spoiled, Unmended, Waiting};
use super::staging::Staging;
use crate::bundle::{BundleError, Chosen, Fault, Fetched, Judged, weight};
use crate::numbers::Numbers;
use gapvault_formats::seal::{BundleFile, Seal, Subject, Volume};
use std::collections::{BTreeMap, BTreeSet};

/// Whether nothing can be said of a bundle without this file.
pub(super) fn is_description(file: &BundleFile) -> bool {
    matches!(file, BundleFile::Catalogue | BundleFile::Index | BundleFile::Keys)
}

/// The packs of a bundle, in order.
pub(super) fn packs(seal: &Seal) -> Vec<&Subject> {
    seal.subjects().iter().filter(|s| matches!(s.file, BundleFile::Pack(_))).collect()
}

/// The files beside packs and parity that are to be had now: those of every volume, and of each volume that is in its own.
pub(super) fn small_files<'a>(chosen: &'a Chosen<'_, Judged>) -> Vec<&'a Subject> {
    let seal = &chosen.judged.seal;
    let is_in = |file: &BundleFile| match file {
        BundleFile::Pack(_) | BundleFile::Parity(_) => false,
        BundleFile::Sums(name) => seal.predicate().volumes.iter().any(|v| v.name == *name && volume_is_in(chosen, v)),
        _ => true,
    };
    seal.subjects().iter().filter(|s| is_in(&s.file)).collect()
}

/// Whether a volume is among the media: something that only it has is there.
pub(super) fn volume_is_in(chosen: &Chosen<'_, Judged>, volume: &Volume) -> bool {
    crate::bundle::volume_files(&chosen.judged.seal, volume)
        .any(|file| chosen.folders.iter().any(|folder| folder.has(&file)))
}

/// Expects that all packs are here, and nothing was found to be damaged that can't be mended.
pub(super) fn expect_all(
    staging: &Staging,
    chosen: &Chosen<'_, Judged>,
    fetched: Fetched,
    unmended: Vec<Unmended>,
    mut faults: Vec<Fault>,
) -> Result<(), ImportError> {
    let seal = &chosen.judged.seal;
    let missing: Vec<u64> =
        (0..seal.predicate().stream.packs()).filter(|n| !staging.has(&BundleFile::Pack(*n))).collect();
    if missing.is_empty() && faults.is_empty() {
        return Ok(());
    }
    let Fetched { faults: of_packs, died, .. } = fetched;
    if let (Some((folder, source)), false) = (died.into_iter().next(), missing.is_empty()) {
        return Err(ImportError::Died { medium: chosen.folders[folder].placed.path.clone(), source });
    }
    // Of several faulty copies the first is told.
    let mut damaged = BTreeMap::new();
    for fault in of_packs {
        if let BundleFile::Pack(number) = fault.file
            && !staging.has(&fault.file)
        {
            damaged.entry(number).or_insert(fault);
        }
    }
    let elsewhere: Vec<&Volume> =
        seal.predicate().volumes.iter().filter(|volume| !volume_is_in(chosen, volume)).collect();
    let is_elsewhere =
        |n: u64| elsewhere.iter().any(|v| v.packs.iter().any(|(first, end)| (*first..*end).contains(&n)));
    let lost: BTreeSet<u64> =
        missing.iter().copied().filter(|n| !damaged.contains_key(n) && !is_elsewhere(*n)).collect();
    if faults.is_empty() && damaged.keys().all(|n| may_be_mended(chosen, *n, &lost)) {
        let has_missing = |v: &&&Volume| missing.iter().any(|n| v.packs.iter().any(|(a, b)| (*a..*b).contains(n)));
        return Err(ImportError::Waiting(Box::new(Waiting {
            label: seal.predicate().label.clone(),
            packs: seal.predicate().stream.packs(),
            volumes: elsewhere.iter().filter(has_missing).map(|v| v.name.clone()).collect(),
            missing: missing.into_iter().collect(),
            lost: lost.into_iter().collect(),
            damaged: damaged.keys().copied().collect(),
            faults: damaged.into_values().collect(),
        })));
    }
    faults.extend(damaged.into_values());
    Err(spoiled(chosen, faults, unmended))
}

/// Whether a damaged pack may still be mended with what stands on volumes that were not brought now.
fn may_be_mended(chosen: &Chosen<'_, Judged>, number: u64, lost: &BTreeSet<u64>) -> bool {
    let seal = &chosen.judged.seal;
    let Some(parity) = &seal.predicate().parity else { return false };
    let Some((first, group)) = parity.numbered().find(|(_, group)| group.numbers().any(|n| n == number)) else {
        return false;
    };
    let away = |file: &BundleFile| {
        let holds = |volumes: &[Volume], n: u64| {
            volumes.iter().zip(&seal.predicate().volumes).any(|(held, volume)| {
                held.packs.iter().any(|(a, b)| (*a..*b).contains(&n)) && !volume_is_in(chosen, volume)
            })
        };
        match file {
            BundleFile::Pack(n) => holds(&seal.predicate().volumes, *n),
            BundleFile::Parity(n) => holds(&parity.volumes, *n),
            _ => false,
        }
    };
    let here = |file: &BundleFile| chosen.folders.iter().any(|folder| folder.has(file));
    let files: Vec<_> = crate::bundle::group_files(first, group).collect();
    let usable = files.iter().filter(|f| matches!(f, BundleFile::Parity(_)) && (here(f) || away(f))).count();
    let gone = group.numbers().filter(|n| lost.contains(n)).count();
    files.iter().any(away) && gone < usable
}

/// The error for files that are damaged beyond mending.
pub(super) fn spoiled(chosen: &Chosen<'_, Judged>, mut faults: Vec<Fault>, unmended: Vec<Unmended>) -> ImportError {
    faults.sort_by_key(|fault| weight(&fault.file));
    let packs = faults.iter().filter_map(|fault| match fault.file {
        BundleFile::Pack(number) => Some(number),
        _ => None,
    });
    let packs: Numbers = packs.collect();
    let label = chosen.judged.seal.predicate().label.clone();
    // One that only is missing says where it should be.
    debug_assert!(faults.iter().all(|fault| !matches!(fault.error, BundleError::Interrupted)));
    ImportError::Spoiled(Box::new(Spoiled { label, faults, packs, unmended }))
}
