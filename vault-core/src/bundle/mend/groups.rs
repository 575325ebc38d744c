//! Mending a bundle group by group, into wherever its files are brought together.

use super::encode::encode;
use super::{Damage, Mended, RestoreError, Shards, Sink, Unmended, diagnose, files, restore};
use crate::bundle::choose::Listed;
use crate::bundle::deliver::weight;
use crate::bundle::fetch::{Fetched, Nowhere, fetch};
use crate::bundle::files::BundleError;
use crate::error::FsError;
use crate::fs::{Durable, Folder};
use crate::numbers::Numbers;
use crate::observe::{Event, Observer, Phase};
use gapvault_formats::ids::MediumDigest;
use gapvault_formats::seal::{BundleFile, Group, Seal, Subject};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;

/// How many files are put together at once: each is an open file.
const AT_ONCE: usize = 64;

/// Where a bundle's files are brought together.
pub(crate) trait Store<E> {
    /// Whether it has a file, whole.
    fn has(&self, file: &BundleFile) -> bool;
    /// Whether it should.
    fn wants(&self, file: &BundleFile) -> bool;
    /// The folder in which a file stands or will.
    fn folder(&self, file: &BundleFile) -> &Folder;
    /// A file in the making.
    fn create(&self, subject: &Subject) -> Result<Durable, FsError>;
    /// Gives a file that was made and has its digest its name.
    fn commit(&self, subject: &Subject, file: Durable) -> Result<(), E>;
    /// From now on it has this file.
    fn add(&mut self, subject: &Subject);
}

/// What mending came to.
#[derive(Default)]
pub(crate) struct Attempt {
    pub(crate) mended: Vec<Mended>,
    /// Groups for which there was parity, but not enough.
    pub(crate) unmended: Vec<Unmended>,
}

/// Why something is not put together.
enum MendError<E> {
    /// What it should be made of is not what it seemed.
    Medium(String),
    /// The store failed, or somebody wants to stop.
    Store(E),
}

impl<E: From<BundleError>> From<RestoreError> for MendError<E> {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::Interrupted => Self::Store(BundleError::Interrupted.into()),
            error => Self::Medium(error.to_string()),
        }
    }
}

/// The media that the rest comes from.
struct Media<'m> {
    folders: &'m [Listed<'m>],
    /// What came of reading the packs from them, and then the parity packs.
    packs: &'m Fetched,
    parity: Fetched,
}

/// Mends every group that lacks files of the store and for which enough is there now.
pub(crate) fn mend<E: From<BundleError> + From<FsError> + Send>(
    store: &mut impl Store<E>,
    seal: &Seal,
    folders: &[Listed<'_>],
    fetched: &Fetched,
    observer: &dyn Observer,
) -> Result<Attempt, E> {
    let mut attempt = Attempt::default();
    let Some(parity) = &seal.predicate().parity else { return Ok(attempt) };
    let at_hand = |file: &BundleFile| {
        store.has(file) || folders.iter().enumerate().any(|(n, folder)| !fetched.is_dead(n) && folder.has(file))
    };
    // What can't be enough is left alone: most of it may be on media that come later.
    let mut possible: Vec<(u64, &Group)> = Vec::new();
    for (first, group) in parity.numbered() {
        if files(first, group).all(|file| store.has(&file) || !store.wants(&file)) {
            continue;
        }
        let lacks = group.numbers().filter(|n| !at_hand(&BundleFile::Pack(*n))).count();
        let has = (first..first + group.parity).filter(|n| at_hand(&BundleFile::Parity(*n))).count();
        let lost = group.numbers().any(|n| !store.has(&BundleFile::Pack(n)));
        if lacks <= has && (has > 0 || !lost) {
            possible.push((first, group));
        } else if has > 0 {
            let mut packs: Vec<_> = group.numbers().filter(|n| !store.has(&BundleFile::Pack(*n))).collect();
            packs.sort_unstable();
            let parity = usize::try_from(group.parity).unwrap_or(usize::MAX);
            let packs = packs.into_iter().collect();
            attempt.unmended.push(Unmended { packs, lacks: lacks + (parity - has), parity, failed: None });
        }
    }
    let numbers = possible.iter().flat_map(|(first, group)| *first..*first + group.parity);
    let not_here = numbers.map(BundleFile::Parity).filter(|file| !store.has(file) && !store.wants(file));
    let wanted: Vec<&Subject> = not_here.filter_map(|file| seal.subject(&file)).collect();
    let mut shelves: Vec<_> = folders.iter().map(|_| Nowhere).collect();
    let parity = fetch::<E, _>(Phase::Mend, folders, &wanted, seal, observer, &mut shelves)?;
    let media = Media { folders, packs: fetched, parity };
    for (first, group) in possible {
        if mend_packs(store, seal, &media, first, group, observer, &mut attempt)? {
            mend_parity(store, seal, &media, first, group, observer, &mut attempt)?;
        }
    }
    attempt.mended.sort_by_key(|mended| weight(&mended.file));
    Ok(attempt)
}

/// Does `work` with a group: where each of its files is whole, in the store or on a medium, and where else parts are.
fn with_shards<E: From<FsError>, T>(
    store: &impl Store<E>,
    seal: &Seal,
    media: &Media<'_>,
    first: u64,
    group: &Group,
    work: impl FnOnce(&Shards<'_>) -> Result<T, E>,
) -> Result<Option<T>, E> {
    let count = media.folders.len();
    let folder = |n: usize| &media.folders[n].placed.bundle.folder;
    let place = |file: &BundleFile| {
        let on_medium = || media.parity.folder_of(file, count).map(folder);
        match store.has(file).then(|| store.folder(file)).or_else(on_medium) {
            Some(whole) => (Some(whole), Vec::new()),
            None => {
                let alive =
                    |n: &usize| !media.packs.is_dead(*n) && !media.parity.is_dead(*n) && media.folders[*n].has(file);
                (None, (0..count).filter(alive).map(folder).collect())
            }
        }
    };
    Shards::new(seal, first, group, place).map(|shards| work(&shards)).transpose()
}

/// The shards among `range` that the store should have and has not.
fn lacking<E>(store: &impl Store<E>, shards: &[BundleFile], range: std::ops::Range<usize>) -> Vec<usize> {
    range.filter(|shard| store.wants(&shards[*shard]) && !store.has(&shards[*shard])).collect()
}

/// Puts together the packs of a group; `false` if they can't be.
fn mend_packs<E: From<BundleError> + From<FsError>>(
    store: &mut impl Store<E>,
    seal: &Seal,
    media: &Media<'_>,
    first: u64,
    group: &Group,
    observer: &dyn Observer,
    attempt: &mut Attempt,
) -> Result<bool, E> {
    let names: Vec<BundleFile> = files(first, group).collect();
    let wanted = lacking(store, &names, 0..names.len() - usize::try_from(group.parity).unwrap_or(0));
    if wanted.is_empty() {
        return Ok(true);
    }
    let numbers = || {
        let mut numbers: Vec<_> = wanted.iter().filter_map(|shard| group.numbers().nth(*shard)).collect();
        numbers.sort_unstable();
        numbers.into_iter().collect()
    };
    let mut made = Vec::new();
    let done = with_shards(store, seal, media, first, group, |shards| {
        let diagnosis = diagnose(shards, observer).ok_or(BundleError::Interrupted)?;
        let unmended = |failed| {
            let (lacks, parity) = (diagnosis.worst, diagnosis.parity);
            Some(Unmended { packs: numbers(), lacks, parity, failed })
        };
        if !diagnosis.is_mendable() {
            return Ok(unmended(None));
        }
        for some in wanted.chunks(AT_ONCE) {
            let make = |write: &mut Sink<'_, MendError<E>>| restore(shards, &diagnosis, some, observer, write);
            match put_together(store, shards, some, observer, make) {
                Ok(()) => made.extend(some.iter().map(|shard| (*shard, diagnosis.damage[*shard]))),
                // What was read before is no less good; this group just can't be mended.
                Err(MendError::Medium(reason)) => return Ok(unmended(Some(reason))),
                Err(MendError::Store(error)) => return Err(error),
            }
        }
        Ok(None)
    })?;
    note(store, seal, &names, made, attempt);
    match done {
        Some(None) => Ok(true),
        Some(Some(unmended)) => {
            attempt.unmended.push(unmended);
            Ok(false)
        }
        None => Ok(false),
    }
}

/// Makes the parity packs of a group anew, of which the store has all packs.
fn mend_parity<E: From<BundleError> + From<FsError>>(
    store: &mut impl Store<E>,
    seal: &Seal,
    media: &Media<'_>,
    first: u64,
    group: &Group,
    observer: &dyn Observer,
    attempt: &mut Attempt,
) -> Result<(), E> {
    let names: Vec<BundleFile> = files(first, group).collect();
    let data = names.len() - usize::try_from(group.parity).unwrap_or(0);
    let wanted = lacking(store, &names, data..names.len());
    if wanted.is_empty() {
        return Ok(());
    }
    let mut made = Vec::new();
    let failed = with_shards(store, seal, media, first, group, |shards| {
        let diagnosis = diagnose(shards, observer).ok_or(BundleError::Interrupted)?;
        for some in wanted.chunks(AT_ONCE) {
            let make = |write: &mut Sink<'_, MendError<E>>| encode(shards, some, observer, write);
            match put_together(store, shards, some, observer, make) {
                Ok(()) => made.extend(some.iter().map(|shard| (*shard, diagnosis.damage[*shard]))),
                Err(MendError::Medium(reason)) => return Ok(Some(reason)),
                Err(MendError::Store(error)) => return Err(error),
            }
        }
        Ok(None)
    })?;
    note(store, seal, &names, made, attempt);
    if let Some(Some(reason)) = failed {
        let (packs, parity) = (Numbers::default(), names.len() - data);
        attempt.unmended.push(Unmended { packs, lacks: wanted.len(), parity, failed: Some(reason) });
    }
    Ok(())
}

fn note<E>(
    store: &mut impl Store<E>,
    seal: &Seal,
    names: &[BundleFile],
    made: Vec<(usize, Damage)>,
    attempt: &mut Attempt,
) {
    for (shard, damage) in made {
        if let Some(subject) = seal.subject(&names[shard]) {
            store.add(subject);
            attempt.mended.push(Mended { file: subject.file.clone(), size: subject.size, damage });
        }
    }
}

/// Has files made, and expects them to have their digests.
fn put_together<E: From<BundleError> + From<FsError>>(
    store: &impl Store<E>,
    shards: &Shards<'_>,
    wanted: &[usize],
    observer: &dyn Observer,
    make: impl FnOnce(&mut Sink<'_, MendError<E>>) -> Result<(), MendError<E>>,
) -> Result<(), MendError<E>> {
    let mut outputs: BTreeMap<usize, (Durable, Sha256)> = BTreeMap::new();
    for shard in wanted {
        let file = store.create(shards.all[*shard].subject).map_err(|e| MendError::Store(e.into()))?;
        outputs.insert(*shard, (file, Sha256::new()));
    }
    let total = wanted.iter().map(|shard| shards.all[*shard].subject.size).sum();
    observer.event(Event::Begin { phase: Phase::Mend, total, medium: None });
    let made = make(&mut |shard, bytes| {
        if let Some((file, hasher)) = outputs.get_mut(&shard) {
            let path = || std::path::PathBuf::from(shards.all[shard].subject.file.to_string());
            let written = file.write_all(bytes).map_err(|e| FsError::at("can't write", &path())(e));
            written.map_err(|e| MendError::Store(e.into()))?;
            hasher.update(bytes);
            observer.event(Event::Advance { bytes: bytes.len() as u64, medium: None });
        }
        Ok(())
    });
    observer.event(Event::End { medium: None });
    made?;
    for (shard, (file, hasher)) in outputs {
        let subject = shards.all[shard].subject;
        // SPEC 13.10: it counts by the digest that the seal gives it, not by how it was made.
        let (actual, expected) = (MediumDigest::from_bytes(hasher.finalize().into()), subject.sha256);
        if actual != expected {
            let reason = "the parity packs are not of these packs";
            let file = &subject.file;
            return Err(MendError::Medium(format!(
                "{file} came out with SHA-256 {actual}, the seal says {expected}: {reason}"
            )));
        }
        store.commit(subject, file).map_err(MendError::Store)?;
    }
    Ok(())
}
