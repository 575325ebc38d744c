//! Mending what of a bundle's packs did not come, from those that did and the parity packs on the media.

use super::error::{ImportError, Unmended};
use super::staging::Staging;
use crate::bundle::{
    BundleError, Chosen, Diagnosis, Fetched, Judged, Mended, Nowhere, RestoreError, Shards, diagnose, fetch,
    group_files, restore,
};
use crate::error::FsError;
use crate::fs::{Durable, Folder};
use crate::observe::{Event, Observer, Phase};
use gapvault_formats::ids::MediumDigest;
use gapvault_formats::seal::{BundleFile, Group, Subject};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;

/// How many packs are put together at once: each is an open file.
const AT_ONCE: usize = 64;

/// What mending came to.
#[derive(Default)]
pub(super) struct Attempt {
    pub(super) mended: Vec<Mended>,
    /// Groups for which there was parity, but not enough.
    pub(super) unmended: Vec<Unmended>,
}

/// Mends every group that lacks packs and for which enough is there now.
pub(super) fn mend(
    staging: &mut Staging,
    chosen: &Chosen<'_, Judged>,
    fetched: &Fetched,
    observer: &dyn Observer,
) -> Result<Attempt, ImportError> {
    let seal = &chosen.judged.seal;
    let mut attempt = Attempt::default();
    let Some(parity) = &seal.predicate().parity else { return Ok(attempt) };
    let folders = &chosen.folders;
    let at_hand = |file: &BundleFile| {
        folders.iter().enumerate().filter(|(n, folder)| !fetched.is_dead(*n) && folder.has(file)).count()
    };
    // What can't be enough is left alone: most of it may be on media that come later.
    let mut possible: Vec<(u64, &Group)> = Vec::new();
    for (first, group) in parity.numbered() {
        let lacking = group.numbers().map(BundleFile::Pack).filter(|file| !staging.has(file));
        let gone = lacking.map(|file| at_hand(&file)).collect::<Vec<_>>();
        let parity = (first..first + group.parity).filter(|n| at_hand(&BundleFile::Parity(*n)) > 0).count();
        if gone.is_empty() {
            continue;
        }
        let lacks = gone.iter().filter(|copies| **copies == 0).count();
        if parity > 0 && lacks <= parity {
            possible.push((first, group));
        } else if parity > 0 {
            let packs = group.numbers().filter(|n| !staging.has(&BundleFile::Pack(*n))).collect();
            let lacks = lacks + usize::try_from(group.parity).unwrap_or(usize::MAX) - parity;
            attempt.unmended.push(Unmended { packs, lacks, parity: group.parity as usize, failed: None });
        }
    }
    let files = possible.iter().flat_map(|(first, group)| *first..*first + group.parity).map(BundleFile::Parity);
    let wanted: Vec<&Subject> = files.filter_map(|file| seal.subject(&file)).collect();
    let mut shelves: Vec<_> = folders.iter().map(|_| Nowhere).collect();
    let read: Fetched = fetch::<ImportError, _>(Phase::Mend, folders, &wanted, seal, observer, &mut shelves)?;
    for (first, group) in possible {
        mend_group(staging, chosen, (fetched, &read), first, group, observer, &mut attempt)?;
    }
    Ok(attempt)
}

fn mend_group(
    staging: &mut Staging,
    chosen: &Chosen<'_, Judged>,
    (fetched, parity): (&Fetched, &Fetched),
    first: u64,
    group: &Group,
    observer: &dyn Observer,
    attempt: &mut Attempt,
) -> Result<(), ImportError> {
    let seal = &chosen.judged.seal;
    let all: Vec<BundleFile> = group_files(first, group).collect();
    let lacking = |file: &BundleFile| matches!(file, BundleFile::Pack(_)) && !staging.has(file);
    let wanted: Vec<usize> = (0..all.len()).filter(|shard| lacking(&all[*shard])).collect();
    let staged = Folder::open(staging.folder.path())?;
    let place = |file: &BundleFile| {
        let folder = |n: usize| &chosen.folders[n].placed.bundle.folder;
        let whole = match file {
            BundleFile::Pack(_) => staging.has(file).then_some(&staged),
            _ => parity.folder_of(file, chosen.folders.len()).map(folder),
        };
        if whole.is_some() {
            return (whole, Vec::new());
        }
        let alive = |n: &usize| !fetched.is_dead(*n) && !parity.is_dead(*n) && chosen.folders[*n].has(file);
        (None, (0..chosen.folders.len()).filter(alive).map(folder).collect())
    };
    let Some(shards) = Shards::new(seal, first, group, place) else { return Ok(()) };
    let diagnosis = diagnose(&shards, observer).ok_or(BundleError::Interrupted)?;
    let numbers = |wanted: &[usize]| {
        let mut numbers: Vec<_> = wanted.iter().filter_map(|shard| group.numbers().nth(*shard)).collect();
        numbers.sort_unstable();
        numbers.into_iter().collect()
    };
    let unmended = |failed| {
        let (lacks, parity) = (diagnosis.worst, diagnosis.parity);
        Unmended { packs: numbers(&wanted), lacks, parity, failed }
    };
    if !diagnosis.is_mendable() {
        attempt.unmended.push(unmended(None));
        return Ok(());
    }
    let total = wanted.iter().map(|shard| shards.all[*shard].subject.size).sum();
    observer.event(Event::Begin { phase: Phase::Mend, total, medium: None });
    for some in wanted.chunks(AT_ONCE) {
        match put_together(staging, &shards, &diagnosis, some, observer) {
            Ok(mended) => attempt.mended.extend(mended),
            // What was read before is no less good; this group just can't be mended.
            Err(MendError::Medium(reason)) => {
                attempt.unmended.push(unmended(Some(reason)));
                break;
            }
            Err(MendError::Import(error)) => return Err(error),
        }
    }
    observer.event(Event::End { medium: None });
    Ok(())
}

/// Why a group is not put together.
enum MendError {
    /// What it should be made of is not what it seemed.
    Medium(String),
    /// The vault failed, or somebody wants to stop.
    Import(ImportError),
}

impl From<RestoreError> for MendError {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::Interrupted => Self::Import(BundleError::Interrupted.into()),
            error => Self::Medium(error.to_string()),
        }
    }
}

impl From<FsError> for MendError {
    fn from(error: FsError) -> Self {
        Self::Import(error.into())
    }
}

fn put_together(
    staging: &mut Staging,
    shards: &Shards<'_>,
    diagnosis: &Diagnosis,
    wanted: &[usize],
    observer: &dyn Observer,
) -> Result<Vec<Mended>, MendError> {
    let mut outputs: BTreeMap<usize, (Durable, Sha256)> = BTreeMap::new();
    for shard in wanted {
        outputs.insert(*shard, (staging.create(shards.all[*shard].subject)?, Sha256::new()));
    }
    restore(shards, diagnosis, wanted, observer, |shard, bytes| -> Result<(), MendError> {
        if let Some((file, hasher)) = outputs.get_mut(&shard) {
            let path = || staging.folder.path().join(shards.all[shard].subject.file.to_string());
            file.write_all(bytes).map_err(|e| FsError::at("can't write", &path())(e))?;
            hasher.update(bytes);
            observer.event(Event::Advance { bytes: bytes.len() as u64, medium: None });
        }
        Ok(())
    })?;
    let mut mended = Vec::new();
    for (shard, (file, hasher)) in outputs {
        let subject = shards.all[shard].subject;
        // SPEC 13.10: it counts by the digest that the seal gives it, not by how it was made.
        let actual = MediumDigest::from_bytes(hasher.finalize().into());
        if actual != subject.sha256 {
            let expected = subject.sha256;
            return Err(MendError::Medium(format!(
                "{} came out with SHA-256 {actual}, the seal says {expected}: the parity packs are not of these packs",
                subject.file
            )));
        }
        staging.complete(subject, file)?;
        let damage = diagnosis.damage[shard];
        mended.push(Mended { file: subject.file.clone(), size: subject.size, damage });
    }
    Ok(mended)
}
