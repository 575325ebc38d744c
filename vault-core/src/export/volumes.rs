//! The media of an export: each has a writer of its own; a volume that is full is finished, and where media are swapped
//! the next one is asked for.

use super::done::VolumeDone;
use super::groups::{deal, strides};
use super::journal::{FileRecord, Finished, Journal, Kept};
use super::pack::Row;
use super::prove::{Numbered, Shard, read_back, read_back_group};
use super::regenerate::Lost;
use super::shares::{Next, Shares};
use super::slots::{Changer, Terms, another};
use super::target::{Target, bundle_path};
use super::{ExportError, Interruption, Parity, Spanning};
use crate::fs::Aligned;
use crate::lane::lock;
use crate::observe::{Event, Observer, Phase};
use crate::pool::{Buffers, Stop};
use gapvault_formats::names::VolumeName;
use gapvault_formats::seal::{BundleFile, Group, Subject};
use gapvault_formats::{recover, sums};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How a medium kept up.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    written: u64,
    busy: Duration,
}

/// The media of an export while they are written.
pub(super) struct Volumes<'a> {
    pub(super) terms: &'a Terms,
    targets: Vec<Mutex<Target>>,
    pub(super) shares: Shares,
    journal: Mutex<Journal>,
    kept: Mutex<BTreeMap<u64, Kept>>,
    /// Volumes that were taken out.
    finished: Mutex<Vec<Finished>>,
    done: Mutex<Vec<VolumeDone>>,
    paces: Vec<Mutex<Pace>>,
    /// The number of the first parity pack.
    first_parity: u64,
    changer: &'a dyn Changer,
    observer: &'a dyn Observer,
}

/// How often the journal is made durable.
const DURABLE: Duration = Duration::from_secs(1);

impl<'a> Volumes<'a> {
    /// Media in their order, with the packs that are there already, the volumes that were finished before, and the packs
    /// that are to be made again.
    pub(super) fn new(
        terms: &'a Terms,
        targets: Vec<Target>,
        journal: Journal,
        (kept, finished, lost): (BTreeMap<u64, Kept>, Vec<Finished>, &[Lost]),
        (changer, observer): (&'a dyn Changer, &'a dyn Observer),
    ) -> Result<Self, ExportError> {
        let current = finished.len();
        let mut rooms = Vec::new();
        for (number, target) in targets.iter().enumerate() {
            let own = kept.values().filter(|kept| kept.volume == current + number);
            let own: Vec<_> = own.map(|kept| terms.sizes.on_medium(kept.size)).collect();
            let taken = own.iter().sum();
            // The parity of what is there is still to be written.
            let parity = match terms.sizes.parity {
                Parity::SpareVolume => own.len() as u64 * terms.sizes.parity_pack(),
                _ => terms.sizes.parity(own.len() as u64),
            };
            let sharers = targets.iter().filter(|other| other.device() == target.device()).count() as u64;
            rooms.push(terms.room(target.medium(), taken, sharers)?.saturating_sub(parity));
        }
        // Packs that are made again come back to their groups.
        let groups = kept.values().map(|kept| kept.group).chain(lost.iter().map(|lost| lost.group)).flatten();
        let groups = groups.max().map_or(0, |group| group + 1);
        let shares = Shares::new(terms.sizes, &rooms, groups);
        for (index, target) in targets.iter().enumerate() {
            observer.event(Event::Medium { index, path: target.medium() });
        }
        Ok(Self {
            terms,
            first_parity: 0,
            paces: targets.iter().map(|_| Mutex::default()).collect(),
            targets: targets.into_iter().map(Mutex::new).collect(),
            shares,
            journal: Mutex::new(journal),
            kept: Mutex::new(kept),
            finished: Mutex::new(finished),
            done: Mutex::default(),
            changer,
            observer,
        })
    }

    /// Has parity packs counted from `first` on.
    pub(super) fn with_parity_from(self, first: u64) -> Self {
        Self { first_parity: first, ..self }
    }

    /// How many media are written at the same time.
    pub(super) fn media(&self) -> usize {
        self.targets.len()
    }

    /// How many packs are on the media, those that were taken out among them.
    pub(super) fn kept(&self) -> usize {
        lock(&self.kept).len()
    }

    /// Writes to one medium what comes for it, until nothing more comes.
    pub(super) fn write(
        &self,
        medium: usize,
        buffers: &Buffers<Aligned>,
        stop: &Stop<'_, ExportError>,
    ) -> Result<(), ExportError> {
        let mut durable = Instant::now();
        let begin = || {
            let (total, medium) = (self.terms.likely, Some(medium));
            self.observer.event(Event::Begin { phase: Phase::Write, total, medium });
        };
        begin();
        loop {
            match self.shares.next(medium, stop) {
                Next::End => break,
                Next::Full => match self.terms.spanning {
                    Spanning::Together => return Err(ExportError::Full),
                    Spanning::Swapped { .. } => {
                        self.observer.event(Event::End { medium: Some(medium) });
                        self.change(medium)?;
                        begin();
                    }
                },
                Next::Pack(mut pack, group) => {
                    let begun = Instant::now();
                    let subject = lock(&self.targets[medium]).pack(&mut pack)?;
                    self.note(&subject, (medium, group), pack.number, std::mem::take(&mut pack.rows))?;
                    buffers.give_back(pack.file);
                    let mut pace = lock(&self.paces[medium]);
                    pace.written += subject.size;
                    pace.busy += begun.elapsed();
                    self.observer.event(Event::Advance { bytes: subject.size, medium: Some(medium) });
                    if durable.elapsed() >= DURABLE {
                        lock(&self.journal).sync()?;
                        durable = Instant::now();
                    }
                }
            }
        }
        self.observer.event(Event::End { medium: Some(medium) });
        Ok(())
    }

    fn note(
        &self,
        subject: &Subject,
        (medium, group): (usize, Option<u64>),
        number: u64,
        rows: Vec<Row>,
    ) -> Result<(), ExportError> {
        let volume = lock(&self.finished).len() + medium;
        let kept = Kept { number, sha256: subject.sha256, size: subject.size, volume, group };
        lock(&self.kept).insert(number, kept);
        lock(&self.journal).pack(kept, rows)
    }

    /// Takes the volume that is in out, and the next one in.
    fn change(&self, medium: usize) -> Result<(), ExportError> {
        let packs = self.packs_of(lock(&self.finished).len());
        if packs.is_empty() {
            return Err(ExportError::VolumeTooSmall { volume_size: self.terms.sizes.volume(1) + self.terms.reserve });
        }
        self.finish_swapped(medium, true)?;
        let path = lock(&self.targets[medium]).medium().to_owned();
        let wanted = volume_name(lock(&self.finished).len())?;
        let next = another(self.terms, &wanted, &path, self.changer, self.observer)?;
        self.shares.replace(medium, self.terms.room(&path, 0, 1)?);
        *lock(&self.targets[medium]) = next;
        Ok(())
    }

    /// The packs of a volume, in order.
    fn packs_of(&self, volume: usize) -> Vec<Kept> {
        lock(&self.kept).values().filter(|kept| kept.volume == volume).copied().collect()
    }

    /// Reads back the volume that is in, makes its parity, and lists its files if it is taken out now.
    fn finish_swapped(&self, medium: usize, out: bool) -> Result<(), ExportError> {
        let volume = lock(&self.finished).len();
        let packs = self.packs_of(volume);
        let groups = deal(&packs, self.terms.sizes);
        let first = lock(&self.done).iter().flat_map(|done| &done.groups).map(|group| group.parity).sum();
        self.begin_read_back(medium, &packs);
        let mut files = self.finish_own(medium, &packs, &groups, first)?;
        self.observer.event(Event::End { medium: Some(medium) });
        let name = volume_name(volume)?;
        if out {
            let mut target = lock(&self.targets[medium]);
            let text = recover::text(&self.terms.label, &self.terms.exporter, self.terms.suite);
            let recover = target.file(BundleFile::Recover, text.as_bytes())?;
            let mut listed: Vec<_> = packs.iter().map(subject).chain(files.clone()).chain([recover]).collect();
            listed.sort_by_cached_key(|s| s.file.to_string());
            files.push(target.file(BundleFile::Sums(name), sums::text(&listed).as_bytes())?);
            target.sync()?;
            let records = files.iter().map(FileRecord::new).collect();
            let (groups_noted, proof) = (groups.clone(), target.proof());
            let finished = Finished { volume, groups: groups_noted, files: records, proof };
            lock(&self.journal).finished(finished.clone())?;
            self.push_done(medium, volume, &target, &packs, groups, files)?;
            drop(target);
            lock(&self.finished).push(finished);
        } else {
            self.push_done(medium, volume, &lock(&self.targets[medium]), &packs, groups, files)?;
        }
        Ok(())
    }

    /// Reads packs of one medium back and writes the parity packs of their groups, from number `first` on.
    fn finish_own(
        &self,
        medium: usize,
        packs: &[Kept],
        groups: &[Group],
        mut first: u64,
    ) -> Result<Vec<Subject>, ExportError> {
        let target: Numbered<'_> = (medium, &self.targets[medium]);
        if groups.is_empty() {
            let subjects: Vec<_> = packs.iter().map(subject).collect();
            read_back(target, &subjects, self.terms.threads, self.observer)?;
            return Ok(Vec::new());
        }
        let targets: Vec<_> = self.targets.iter().collect();
        let by_number: BTreeMap<_, _> = packs.iter().map(|kept| (kept.number, kept)).collect();
        let mut made = Vec::new();
        for group in groups {
            let shards: Vec<_> = group.numbers().map(|n| Shard { subject: subject(by_number[&n]), medium }).collect();
            let parity = (first, group.parity as usize, medium);
            made.extend(read_back_group(&targets, &shards, parity, self.terms.threads, self.observer)?);
            first += group.parity;
        }
        Ok(made)
    }

    fn begin_read_back(&self, medium: usize, packs: &[Kept]) {
        // Parity is made from what is read, whether that was asked for or not.
        let reads = self.terms.read_back || self.terms.sizes.parity != Parity::None;
        let total = if reads { packs.iter().map(|kept| kept.size).sum() } else { 0 };
        self.observer.event(Event::Begin { phase: Phase::ReadBack, total, medium: Some(medium) });
    }

    /// Reads back everything that is in and makes its parity.
    pub(super) fn finish(&self) -> Result<(), ExportError> {
        lock(&self.journal).sync()?;
        self.observer.interruption()?;
        match (self.terms.spanning, self.terms.sizes.parity) {
            (Spanning::Swapped { .. }, _) => self.finish_swapped(0, false),
            (Spanning::Together, Parity::SpareVolume) => self.finish_across(),
            (Spanning::Together, _) => self.finish_together(),
        }
    }

    fn finish_together(&self) -> Result<(), ExportError> {
        let mut first = self.first_parity;
        let mut works = Vec::new();
        for medium in 0..self.targets.len() {
            let packs = self.packs_of(medium);
            let groups = deal(&packs, self.terms.sizes);
            let parity: u64 = groups.iter().map(|group| group.parity).sum();
            works.push((medium, packs, groups, first));
            first += parity;
        }
        std::thread::scope(|scope| {
            let threads: Vec<_> = works
                .iter()
                .map(|(medium, packs, groups, first)| {
                    scope.spawn(move || {
                        self.begin_read_back(*medium, packs);
                        let made = self.finish_own(*medium, packs, groups, *first);
                        self.observer.event(Event::End { medium: Some(*medium) });
                        made
                    })
                })
                .collect();
            let made: Vec<_> =
                threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect();
            for (made, (medium, packs, groups, _)) in made.into_iter().zip(&works) {
                let target = lock(&self.targets[*medium]);
                self.push_done(*medium, *medium, &target, packs, groups.clone(), made?)?;
            }
            Ok(())
        })
    }

    /// Groups over several media: their packs are read at the same time.
    fn finish_across(&self) -> Result<(), ExportError> {
        let all = lock(&self.kept).clone();
        let mut groups: BTreeMap<Option<u64>, Vec<Kept>> = BTreeMap::new();
        for kept in all.values() {
            groups.entry(kept.group).or_default().push(*kept);
        }
        let targets: Vec<_> = self.targets.iter().collect();
        let mut of_medium: Vec<(Vec<Group>, Vec<Subject>)> = targets.iter().map(|_| Default::default()).collect();
        for medium in 0..targets.len() {
            self.begin_read_back(medium, &self.packs_of(medium));
        }
        let mut rooms = Vec::new();
        for target in &targets {
            let target = lock(target);
            rooms.push(i128::from(self.terms.room(target.medium(), 0, 1)?));
        }
        let mut ordered: Vec<Vec<(Vec<Kept>, usize)>> = targets.iter().map(|_| Vec::new()).collect();
        let mut groups: Vec<_> = groups.into_values().collect();
        // The more packs a group has, the fewer media are left for its parity: those choose first.
        groups.sort_by_key(|packs| std::cmp::Reverse(packs.len()));
        for packs in groups {
            let taken: BTreeSet<_> = packs.iter().map(|kept| kept.volume).collect();
            let free = (0..targets.len()).filter(|medium| !taken.contains(medium));
            // The one with the most room of those that have no pack of this group: a small medium may be full.
            let to = free.max_by_key(|medium| (rooms[*medium], std::cmp::Reverse(*medium)));
            let to = to.filter(|_| taken.len() == packs.len()).ok_or(ExportError::NotSpare)?;
            rooms[to] -= i128::from(self.terms.sizes.parity_pack());
            ordered[to].push((packs, to));
        }
        for (first, (packs, to)) in (0..).zip(ordered.into_iter().flatten()) {
            let numbers: Vec<_> = packs.iter().map(|kept| kept.number).collect();
            let shards: Vec<_> =
                packs.iter().map(|kept| Shard { subject: subject(kept), medium: kept.volume }).collect();
            let made = read_back_group(&targets, &shards, (first, 1, to), self.terms.threads, self.observer)?;
            of_medium[to].0.push(Group { packs: strides(&numbers), parity: 1 });
            of_medium[to].1.extend(made);
        }
        for (medium, (groups, made)) in of_medium.into_iter().enumerate() {
            self.observer.event(Event::End { medium: Some(medium) });
            let packs = self.packs_of(medium);
            self.push_done(medium, medium, &lock(&self.targets[medium]), &packs, groups, made)?;
        }
        Ok(())
    }

    fn push_done(
        &self,
        medium: usize,
        volume: usize,
        target: &Target,
        packs: &[Kept],
        groups: Vec<Group>,
        files: Vec<Subject>,
    ) -> Result<(), ExportError> {
        let Pace { written, busy } = std::mem::take(&mut *lock(&self.paces[medium]));
        lock(&self.done).push(VolumeDone {
            name: volume_name(volume)?,
            packs: packs.iter().map(|kept| kept.number).collect(),
            groups,
            files,
            medium: target.medium().to_owned(),
            path: target.path().to_owned(),
            proof: target.proof(),
            written,
            busy,
        });
        Ok(())
    }

    /// An error on its way, after what was written until then is noted for good.
    pub(super) fn noted(&self, error: ExportError) -> ExportError {
        // What matters is the first error; what is not noted is written again.
        let _ = lock(&self.journal).sync();
        error
    }

    /// Everything that was written: the targets that are in, all volumes, the packs and the journal.
    pub(super) fn into_parts(self) -> (Vec<Target>, Vec<VolumeDone>, Vec<Subject>, Journal) {
        let into = |mutex: Mutex<Target>| mutex.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let packs = lock(&self.kept).values().map(subject).collect();
        let done = std::mem::take(&mut *lock(&self.done));
        let journal = self.journal.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        (self.targets.into_iter().map(into).collect(), done, packs, journal)
    }

    /// Tells of a volume that an earlier run finished.
    pub(super) fn was_done(&self, finished: &Finished, path: &Path) -> Result<(), ExportError> {
        lock(&self.done).push(VolumeDone {
            name: volume_name(finished.volume)?,
            packs: self.packs_of(finished.volume).iter().map(|kept| kept.number).collect(),
            groups: finished.groups.clone(),
            files: finished.files.iter().filter_map(FileRecord::subject).collect(),
            medium: path.to_owned(),
            path: bundle_path(path, &self.terms.label),
            proof: finished.proof,
            written: 0,
            busy: Duration::ZERO,
        });
        Ok(())
    }
}

/// The name of volume `index`, counted from 0.
pub(super) fn volume_name(index: usize) -> Result<VolumeName, ExportError> {
    Ok((index + 1).to_string().parse()?)
}

pub(super) fn subject(kept: &Kept) -> Subject {
    Subject { file: BundleFile::Pack(kept.number), sha256: kept.sha256, size: kept.size }
}
