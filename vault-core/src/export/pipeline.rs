//! The pipeline: one reader, workers, a writer for each medium, a fixed number of buffers between them.
//!
//! ```text
//! reader ──chunks──▶ workers: id, duplicate?, code ──▶ stream lane (offset, laid out in the pack that fills, in order)
//!                    │                           └──▶ file lanes (SHA-256, in order within a file)
//!                    └─ a pack that is full: sealed and hashed by whoever filled it ────────────────▶ writers
//! ```
//!
//! Memory is the buffers (see [`Shape`]), the zstd contexts, and for the tables about 110 bytes a chunk, and of a
//! file its paths twice and 200 bytes.

use super::pack::{FullPack, PackStream, Row};
use super::read::{Work, read_all};
use super::regenerate::{Lost, Remake};
use super::shape::Shape;
use super::source::Source;
use super::volumes::Volumes;
use super::work::{Shared, work};
use super::{ExportError, Plan, SourceError};
use crate::bundle::ChunkRow;
use crate::fs::Aligned;
use crate::lane::Lane;
use crate::observe::Observer;
use crate::pool::{Buffers, Stop};
use gapvault_formats::ids::FileDigest;
use gapvault_formats::padding;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

/// What became of the source's content.
pub(super) struct Content {
    /// The stream's length without its padding, in bytes.
    pub(super) stream: u64,
    /// The chunk table, in stream order.
    pub(super) rows: Vec<ChunkRow>,
    /// For each file, in order, its digest and the rows of its chunks.
    pub(super) files: Vec<FileContent>,
}

/// What became of one file.
#[derive(Clone, Debug)]
pub(super) struct FileContent {
    pub(super) sha256: FileDigest,
    pub(super) chunks: Chunks,
}

/// The chunks of a file: most files have one.
#[derive(Clone, Debug)]
pub(super) enum Chunks {
    One(u32),
    Many(Vec<u32>),
}

impl Chunks {
    pub(super) fn as_slice(&self) -> &[u32] {
        match self {
            Self::One(chunk) => std::slice::from_ref(chunk),
            Self::Many(chunks) => chunks,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [u32] {
        match self {
            Self::One(chunk) => std::slice::from_mut(chunk),
            Self::Many(chunks) => chunks,
        }
    }
}

impl Content {
    /// How many chunks all files have together, duplicates included.
    pub(super) fn references(&self) -> u64 {
        self.files.iter().map(|f| f.chunks.as_slice().len() as u64).sum()
    }
}

/// What an earlier run has laid out.
#[derive(Clone, Copy)]
pub(super) struct Before<'a> {
    pub(super) rows: &'a [Row],
    pub(super) packs: u64,
    /// Packs that are not there any more.
    pub(super) lost: &'a [Lost],
}

/// Reads, codes, seals and writes all content; of what was laid out `before`, only what was lost.
pub(super) fn run(
    plan: &Plan<'_>,
    source: &Source,
    volumes: &Volumes<'_>,
    before: Before<'_>,
    observer: &dyn Observer,
) -> Result<Content, ExportError> {
    let Shape { threads, places, packs, .. } = plan.shape;
    let stop = Stop::new(observer);
    let (plain, coded) = (Buffers::new(places, Vec::new), Buffers::new(places, Vec::new));
    // A stream is not longer than its packs, and a pack is at most 1 GiB.
    let longest = FullPack::longest(plan.pack_size.min(padding::padded(source.bytes)));
    let packs = Buffers::new(packs, || Aligned::with_capacity(longest as usize));
    let (to_workers, works) = crossbeam_channel::bounded::<Work>(places);
    let empty = FileContent { sha256: FileDigest::of(b""), chunks: Chunks::Many(Vec::new()) };
    let mut stream = PackStream::new(plan.identity.recipient(), plan.pack_size, &packs, &stop, &volumes.shares);
    let slots = (0..).zip(before.rows).map(|(slot, row)| (row.chunk.id, slot)).collect();
    let files = Mutex::new(vec![empty; source.totals().files as usize]);
    let (stream, files) = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..volumes.media())
            .map(|medium| {
                let (packs, stop) = (&packs, &stop);
                scope.spawn(move || stop.run(|| volumes.write(medium, packs, stop)))
            })
            .collect();
        stop.run(|| {
            let remake = plan.remake(source, before);
            remake_lost(&remake, threads, &packs, volumes, &stop)?;
            stream.go_on(before.packs, before.rows.iter().map(|row| row.chunk).collect(), &remake.tail()?)
        });
        let shared = Shared {
            plan,
            source,
            plain: &plain,
            coded: &coded,
            slots: Mutex::new(slots),
            stream: Lane::new(stream),
            to_media: &volumes.shares,
            files,
            observer,
        };
        read_and_work(&shared, works, to_workers, &stop);
        // The writers end when nothing more can come.
        volumes.shares.close();
        for writer in writers {
            writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        let Shared { stream, files, .. } = shared;
        let PackStream { content, rows, row_of_slot, .. } = stream.into_consumer();
        ((content, rows, row_of_slot), files)
    });
    stop.into_result(ExportError::Interrupted)?;
    let (stream, rows, row_of_slot) = stream;
    let mut files = files.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    for chunk in files.iter_mut().flat_map(|file| file.chunks.as_mut_slice()) {
        *chunk = row_of_slot[*chunk as usize];
    }
    expect_all_used(source, before.rows, &files)?;
    Ok(Content { stream, rows, files })
}

/// Makes packs that were lost again.
pub(super) fn remake_lost(
    remake: &Remake<'_>,
    threads: usize,
    packs: &Buffers<Aligned>,
    volumes: &Volumes<'_>,
    stop: &Stop<'_, ExportError>,
) -> Result<(), ExportError> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(remake.lost.len()) {
            scope.spawn(|| stop.run(|| remake.run(&next, packs, &volumes.shares, stop)));
        }
    });
    // Whoever stopped knows why.
    if stop.is_stopped() { Err(ExportError::Interrupted) } else { Ok(()) }
}

/// Whether the source still has every chunk that an earlier run has read of it.
fn expect_all_used(source: &Source, before: &[Row], files: &[FileContent]) -> Result<(), ExportError> {
    let mut used = vec![false; before.len()];
    for chunk in files.iter().flat_map(|file| file.chunks.as_slice()) {
        if let Some(used) = used.get_mut(*chunk as usize) {
            *used = true;
        }
    }
    match before.iter().zip(used).find(|(_, used)| !used) {
        None => Ok(()),
        Some((row, _)) => {
            let path = source.files().nth(row.origin.file as usize).map(|file| file.path).unwrap_or_default();
            Err(SourceError::Changed { path }.into())
        }
    }
}

/// Runs the reader and the workers to their end.
fn read_and_work(
    shared: &Shared<'_>,
    works: crossbeam_channel::Receiver<Work>,
    to_workers: crossbeam_channel::Sender<Work>,
    stop: &Stop<'_, ExportError>,
) {
    let Shape { threads, lanes, .. } = shared.plan.shape;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let works = works.clone();
            scope.spawn(move || stop.run(|| work(&works, shared, stop)));
        }
        stop.run(|| read_all(shared.source, lanes, (shared.plain, shared.coded), stop, &to_workers));
        // Closed, the channel lets the workers end.
        drop(to_workers);
    });
}
