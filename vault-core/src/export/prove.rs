//! Reading packs back once all of them are written, and making their parity from what is really on the media.
//!
//! Every byte comes from the device if that can be had, in one sequential stream a medium, and is held against the digest
//! that the pack was written with. Only now, because a medium that is smaller than it says gives back what it was just
//! given, and has lost something else for it.

use super::target::Target;
use super::{ExportError, Interruption};
use crate::fs::{Aligned, BackFile, DirectFile, Durable};
use crate::lane::lock;
use crate::observe::{Event, Observer};
use crossbeam_channel::bounded;
use gapvault_formats::ids::MediumDigest;
use gapvault_formats::parity::{Encoder, Geometry, STRIPE, Table, stripe_sum};
use gapvault_formats::seal::{BundleFile, Subject};
use sha2::{Digest, Sha256};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Mutex;

/// Bytes of a block that is read and hashed.
const BLOCK: usize = 4 << 20;
/// Bytes of all shards of a group that are read together: two such are in memory.
const BATCH: usize = 32 << 20;

/// What became of a pack that was written in an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// It is as it was written.
    Whole,
    /// It is not there, or something else is.
    Lost,
}

/// A medium's target and its number among the media.
pub(super) type Numbered<'a> = (usize, &'a Mutex<Target>);

/// Reads packs of one medium back and compares them.
pub(super) fn read_back(
    (medium, target): Numbered<'_>,
    packs: &[Subject],
    threads: usize,
    observer: &dyn Observer,
) -> Result<(), ExportError> {
    if !lock(target).reads_back() {
        return Ok(());
    }
    // As many packs are hashed at a time as there are threads; one is read.
    let hashers = threads.clamp(1, 4);
    let blocks = 8 * hashers;
    let (give_back, free) = bounded::<Aligned>(blocks);
    for _ in 0..blocks {
        // The channel holds exactly that many.
        let _ = give_back.send(Aligned::with_capacity(BLOCK));
    }
    let (to_hashers, inputs): (Vec<_>, Vec<_>) =
        (0..hashers).map(|_| bounded::<(usize, Aligned, bool)>(blocks)).unzip();
    std::thread::scope(|scope| {
        let hashing: Vec<_> = inputs
            .into_iter()
            .map(|input| {
                let give_back = give_back.clone();
                scope.spawn(move || {
                    let mut hasher = Sha256::new();
                    for (pack, block, last) in input {
                        hasher.update(&*block);
                        // The reader may be done and gone.
                        let _ = give_back.send(block);
                        if last {
                            let digest = MediumDigest::from_bytes(hasher.finalize_reset().into());
                            expect(target, &packs[pack], digest)?;
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        drop(give_back);
        let read = || -> Result<(), ExportError> {
            for (number, pack) in packs.iter().enumerate() {
                let file = lock(target).back(&pack.file)?;
                let mut at = 0;
                while at < pack.size {
                    observer.interruption()?;
                    let Ok(mut block) = free.recv() else { return Ok(()) };
                    let wanted = usize::try_from(pack.size - at).unwrap_or(BLOCK).min(BLOCK);
                    let length = read_at(target, &file, &mut block, at, wanted)?;
                    at += length as u64;
                    // A file that is shorter than it was ends here, and has another digest.
                    let last = at >= pack.size || length < wanted;
                    observer.event(Event::Advance { bytes: length as u64, medium: Some(medium) });
                    if to_hashers[number % hashers].send((number, block, last)).is_err() {
                        return Ok(());
                    }
                    if last {
                        break;
                    }
                }
            }
            Ok(())
        };
        let read = read();
        drop((to_hashers, free));
        let hashed = hashing.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        // A wrong digest says more than that nobody hashed any more.
        hashed.fold(Ok(()), Result::and).and(read)
    })
}

fn read_at(
    target: &Mutex<Target>,
    file: &BackFile,
    block: &mut Aligned,
    at: u64,
    length: usize,
) -> Result<usize, ExportError> {
    let read = file.read_at(block, at, length);
    read.map_err(|source| ExportError::medium(lock(target).medium(), source))
}

fn expect(target: &Mutex<Target>, pack: &Subject, actual: MediumDigest) -> Result<(), ExportError> {
    let expected = pack.sha256;
    if actual == expected {
        return Ok(());
    }
    let path = lock(target).path().join(pack.file.to_string());
    Err(ExportError::ReadBack { path, actual, expected })
}

/// A shard of a group that is read back: which medium it is on.
pub(super) struct Shard {
    pub(super) subject: Subject,
    pub(super) medium: usize,
}

/// Reads the packs of a group back, and writes its parity packs from what came back: the first has the number `first`,
/// and all of them go to the medium `to`.
pub(super) fn read_back_group(
    targets: &[&Mutex<Target>],
    shards: &[Shard],
    (first, parity, to): (u64, usize, usize),
    threads: usize,
    observer: &dyn Observer,
) -> Result<Vec<Subject>, ExportError> {
    let longest = shards.iter().map(|shard| shard.subject.size).max().unwrap_or(0);
    let geometry = Geometry::new(shards.len(), parity, longest)?;
    let batch = (BATCH / shards.len() / STRIPE * STRIPE).clamp(STRIPE, 1 << 20);
    let mut group = Group::open(targets, shards, geometry)?;
    let mut files = Vec::new();
    for number in first..first + parity as u64 {
        files.push(ParityFile::begin(targets[to], number, batch, geometry)?);
    }
    let mut encoder = Encoder::new(geometry);
    // One batch is read while the one before is hashed and coded.
    let (give_back, free) = bounded::<Vec<Aligned>>(2);
    for _ in 0..2 {
        let _ = give_back.send(shards.iter().map(|_| Aligned::with_capacity(batch)).collect());
    }
    let (to_code, read) = bounded::<(u64, Vec<Aligned>)>(1);
    std::thread::scope(|scope| {
        let Group { files: inputs, hashers, table } = &mut group;
        let inputs = &*inputs;
        let reader = scope.spawn(move || {
            let mut at = 0;
            while at < geometry.shard() {
                observer.interruption()?;
                let Ok(mut buffers) = free.recv() else { break };
                let length = usize::try_from(geometry.shard() - at).unwrap_or(batch).min(batch);
                read_batch(targets, shards, inputs, &mut buffers, (at, length), observer)?;
                if to_code.send((at, buffers)).is_err() {
                    break;
                }
                at += length as u64;
            }
            Ok::<_, ExportError>(())
        });
        let mut code = || -> Result<(), ExportError> {
            for (at, buffers) in read.iter() {
                hash_batch(shards, &buffers, hashers, table, at, threads);
                let length = buffers.first().map_or(0, |buffer| buffer.len());
                // A stripe of every shard fits into a cache where more would not.
                for begin in (0..length).step_by(STRIPE) {
                    let end = length.min(begin + STRIPE);
                    buffers.iter().try_for_each(|buffer| encoder.add(&buffer[begin..end]))?;
                    let stripe = ((at + begin as u64) / STRIPE as u64) as usize;
                    for (index, (file, piece)) in files.iter_mut().zip(encoder.finish()?.iter()).enumerate() {
                        table.add(geometry.data() + index, stripe, piece);
                        file.buffer.extend_from_slice(piece);
                    }
                }
                // The last part waits for the table.
                if at + (length as u64) < geometry.shard() {
                    files.iter_mut().try_for_each(|file| file.write(targets[to]))?;
                }
                // The reader may be done and gone.
                let _ = give_back.send(buffers);
            }
            Ok(())
        };
        let coded = code();
        drop((read, give_back));
        let read = reader.join().unwrap_or_else(|panic| resume_unwind(panic));
        read.and(coded)
    })?;
    let Group { hashers, table, .. } = group;
    for (shard, hasher) in shards.iter().zip(hashers) {
        let digest = MediumDigest::from_bytes(hasher.finalize().into());
        expect(targets[shard.medium], &shard.subject, digest)?;
    }
    files.into_iter().map(|file| file.finish(targets[to], table.as_bytes())).collect()
}

/// The packs of a group while they are read.
struct Group {
    files: Vec<BackFile>,
    hashers: Vec<Sha256>,
    table: Table,
}

impl Group {
    fn open(targets: &[&Mutex<Target>], shards: &[Shard], geometry: Geometry) -> Result<Self, ExportError> {
        let mut files = Vec::with_capacity(shards.len());
        for shard in shards {
            files.push(lock(targets[shard.medium]).back(&shard.subject.file)?);
        }
        Ok(Self { files, hashers: vec![Sha256::new(); shards.len()], table: Table::new(geometry) })
    }
}

/// Reads the same part of all shards, with zeros behind those that are shorter: each medium by a thread of its own.
fn read_batch(
    targets: &[&Mutex<Target>],
    shards: &[Shard],
    files: &[BackFile],
    buffers: &mut [Aligned],
    (at, length): (u64, usize),
    observer: &dyn Observer,
) -> Result<(), ExportError> {
    let mut of_medium: Vec<Vec<(usize, &mut Aligned)>> = targets.iter().map(|_| Vec::new()).collect();
    for (index, buffer) in buffers.iter_mut().enumerate() {
        of_medium[shards[index].medium].push((index, buffer));
    }
    let read = |medium: usize, work: Vec<(usize, &mut Aligned)>| -> Result<(), ExportError> {
        for (index, buffer) in work {
            let subject = &shards[index].subject;
            let wanted = usize::try_from(subject.size.saturating_sub(at)).unwrap_or(length).min(length);
            let mut got = 0;
            if wanted > 0 {
                got = read_at(targets[medium], &files[index], buffer, at, wanted)?;
                observer.event(Event::Advance { bytes: got as u64, medium: Some(medium) });
            }
            buffer.set_len(length);
            buffer[got..].fill(0);
        }
        Ok(())
    };
    let mut works: Vec<_> = of_medium.into_iter().enumerate().filter(|(_, work)| !work.is_empty()).collect();
    if works.len() == 1 {
        let (medium, work) = works.remove(0);
        return read(medium, work);
    }
    std::thread::scope(|scope| {
        let read = &read;
        let threads: Vec<_> = works.into_iter().map(|(medium, work)| scope.spawn(move || read(medium, work))).collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        results.fold(Ok(()), Result::and)
    })
}

/// Hashes the same part of all shards, and sums their stripes, on several threads.
fn hash_batch(
    shards: &[Shard],
    buffers: &[Aligned],
    hashers: &mut [Sha256],
    table: &mut Table,
    at: u64,
    threads: usize,
) {
    let each = shards.len().div_ceil(threads.max(1));
    let first = (at / STRIPE as u64) as usize;
    std::thread::scope(|scope| {
        let parts = hashers.chunks_mut(each).zip(buffers.chunks(each)).zip(shards.chunks(each));
        let works: Vec<_> = parts
            .map(|((hashers, buffers), shards)| {
                scope.spawn(move || {
                    let mut sums = Vec::new();
                    for ((hasher, buffer), shard) in hashers.iter_mut().zip(buffers).zip(shards) {
                        // The zeros behind a shorter pack belong to the shard and not to the pack.
                        let own = usize::try_from(shard.subject.size.saturating_sub(at)).unwrap_or(usize::MAX);
                        hasher.update(&buffer[..own.min(buffer.len())]);
                        sums.extend(buffer.chunks(STRIPE).map(stripe_sum));
                    }
                    sums
                })
            })
            .collect();
        let stripes = buffers.first().map_or(0, |buffer| buffer.len().div_ceil(STRIPE));
        let sums = works.into_iter().flat_map(|work| work.join().unwrap_or_else(|panic| resume_unwind(panic)));
        for (number, sum) in sums.enumerate() {
            table.set(number / stripes, first + number % stripes, sum);
        }
    });
}

/// A parity pack that is being written.
struct ParityFile {
    file: BundleFile,
    path: PathBuf,
    out: DirectFile<Durable>,
    hasher: Sha256,
    buffer: Aligned,
    size: u64,
}

impl ParityFile {
    fn begin(target: &Mutex<Target>, number: u64, batch: usize, geometry: Geometry) -> Result<Self, ExportError> {
        let file = BundleFile::Parity(number);
        let (path, out) = lock(target).begin(&file)?;
        // The table goes out with the last part of the shard: only the last write may end between blocks.
        let buffer = Aligned::with_capacity(batch + geometry.table_size() as usize);
        Ok(Self { file, path, out: DirectFile::new(out), hasher: Sha256::new(), buffer, size: 0 })
    }

    /// Writes what was put into its buffer.
    fn write(&mut self, target: &Mutex<Target>) -> Result<(), ExportError> {
        self.hasher.update(&*self.buffer);
        self.size += self.buffer.len() as u64;
        let written = self.out.append(&mut self.buffer);
        written.map_err(|e| lock(target).failed("can't write", &self.path)(e))?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self, target: &Mutex<Target>, table: &[u8]) -> Result<Subject, ExportError> {
        self.buffer.extend_from_slice(table);
        self.write(target)?;
        let Self { file, path, out, hasher, size, .. } = self;
        let mut target = lock(target);
        let out = out.finish().map_err(target.failed("can't write", &path))?;
        let sha256 = MediumDigest::from_bytes(hasher.finalize().into());
        target.commit(out, &path, sha256)?;
        Ok(Subject { file, sha256, size })
    }
}
