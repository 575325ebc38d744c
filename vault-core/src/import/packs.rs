//! Which files a set should have, and what it means that some are not here.

use super::error::{ImportError, Spoiled, Waiting};
use super::staging::Staging;
use crate::bundle::{Chosen, Fault, Fetched, Judged, Store, Unmended, Whereabouts, weight};
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
    let volumes = &seal.predicate().volumes;
    let away = Away {
        whereabouts: Whereabouts::new(seal),
        volumes: volumes.iter().map(|volume| !volume_is_in(chosen, volume)).collect(),
    };
    let absent: BTreeSet<usize> = missing.iter().filter_map(|n| away.volume_of(&BundleFile::Pack(*n))).collect();
    let is_lost = |n: &u64| !damaged.contains_key(n) && away.volume_of(&BundleFile::Pack(*n)).is_none();
    let lost: BTreeSet<u64> = missing.iter().copied().filter(is_lost).collect();
    if faults.is_empty() && (damaged.is_empty() || may_be_mended(chosen, &damaged, &lost, &away)) {
        return Err(ImportError::Waiting(Box::new(Waiting {
            label: seal.predicate().label.clone(),
            packs: seal.predicate().stream.packs(),
            spans_media: parity_spans_media(seal, &missing),
            volumes: absent.into_iter().map(|volume| volumes[volume].name.clone()).collect(),
            missing: missing.into_iter().collect(),
            lost: lost.into_iter().collect(),
            damaged: damaged.keys().copied().collect(),
            faults: damaged.into_values().collect(),
        })));
    }
    faults.extend(damaged.into_values());
    Err(spoiled(chosen, faults, unmended))
}

/// What stands on volumes that were not brought.
struct Away {
    whereabouts: Whereabouts,
    /// By number, whether a volume was not.
    volumes: Vec<bool>,
}

impl Away {
    /// The volume that a file stands on, if that was not brought.
    fn volume_of(&self, file: &BundleFile) -> Option<usize> {
        self.whereabouts.volume_of(file).filter(|volume| self.volumes[*volume])
    }
}

/// Whether some missing pack has parity on another volume than its own.
fn parity_spans_media(seal: &Seal, missing: &[u64]) -> bool {
    let Some(parity) = &seal.predicate().parity else { return false };
    let whereabouts = Whereabouts::new(seal);
    parity.numbered().any(|(first, group)| {
        let lost = group.numbers().filter(|n| missing.binary_search(n).is_ok());
        let volumes: BTreeSet<_> = lost.map(|n| whereabouts.volume_of(&BundleFile::Pack(n))).collect();
        let mut parity = (first..first + group.parity).map(|n| whereabouts.volume_of(&BundleFile::Parity(n)));
        !volumes.is_empty() && parity.any(|volume| volumes.iter().any(|lost| *lost != volume))
    })
}

/// Whether all damaged packs may still be mended with what stands on volumes that were not brought now.
fn may_be_mended(
    chosen: &Chosen<'_, Judged>,
    damaged: &BTreeMap<u64, Fault>,
    lost: &BTreeSet<u64>,
    away: &Away,
) -> bool {
    let Some(parity) = &chosen.judged.seal.predicate().parity else { return false };
    let here = |file: &BundleFile| chosen.folders.iter().any(|folder| folder.has(file));
    parity.numbered().filter(|(_, group)| group.numbers().any(|n| damaged.contains_key(&n))).all(|(first, group)| {
        let mut parity = (first..first + group.parity).map(BundleFile::Parity);
        let usable = parity.clone().filter(|file| here(file) || away.volume_of(file).is_some()).count();
        let gone = group.numbers().filter(|n| lost.contains(n)).count();
        let some_is_away = parity.any(|file| away.volume_of(&file).is_some())
            || group.numbers().any(|n| away.volume_of(&BundleFile::Pack(n)).is_some());
        some_is_away && gone < usable
    })
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
    ImportError::Spoiled(Box::new(Spoiled { label, faults, packs, unmended }))
}
