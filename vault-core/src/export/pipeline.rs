//! The pipeline: one reader, workers, one writer to the medium, a fixed number of buffers between them.
//!
//! ```text
//! reader ──chunks──▶ workers: id, duplicate?, code ──▶ stream lane (offset, laid out in the pack that fills, in order)
//!                    │                           └──▶ file lanes (SHA-256, in order within a file)
//!                    └─ a pack that is full: sealed and hashed by whoever filled it ──────────────────▶ writer
//! ```
//!
//! Memory is the buffers (see [`Shape`]), the zstd contexts, and for the tables about 110 bytes a chunk, and of a
//! file its paths twice and 200 bytes.

use super::pack::{FullPack, PackStream, SealedPack};
use super::read::{Work, read_all};
use super::shape::Shape;
use super::source::Source;
use super::target::Target;
use super::work::{Shared, work};
use super::{ExportError, Plan};
use crate::bundle::ChunkRow;
use crate::fs::Aligned;
use crate::lane::Lane;
use crate::observe::Observer;
use crate::pool::{Buffers, Stop};
use gapvault_formats::ids::FileDigest;
use gapvault_formats::padding;
use gapvault_formats::seal::Subject;
use std::sync::Mutex;

/// What became of the source's content.
pub(super) struct Content {
    /// The stream's length without its padding, in bytes.
    pub(super) stream: u64,
    /// The chunk table, in stream order.
    pub(super) rows: Vec<ChunkRow>,
    /// For each file, in order, its digest and the rows of its chunks.
    pub(super) files: Vec<FileContent>,
    /// The packs on the medium.
    pub(super) packs: Vec<Subject>,
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

/// Reads, codes, seals and writes all content.
pub(super) fn run(
    plan: &Plan<'_>,
    source: &Source,
    target: &mut Target,
    observer: &dyn Observer,
) -> Result<Content, ExportError> {
    let pack_size = plan.request.options.pack_size;
    let Shape { places, packs, .. } = plan.shape;
    let stop = Stop::new(observer);
    let (plain, coded) = (Buffers::new(places, Vec::new), Buffers::new(places, Vec::new));
    // A stream is not longer than its packs, and a pack is at most 1 GiB.
    let longest = FullPack::longest(pack_size.min(padding::padded(source.bytes)));
    let packs = Buffers::new(packs, || Aligned::with_capacity(longest as usize));
    let (to_workers, works) = crossbeam_channel::bounded::<Work>(places);
    let (to_medium, sealed) = crossbeam_channel::unbounded::<SealedPack>();
    let stream = PackStream::new(plan.identity.recipient(), pack_size, &packs, &stop, to_medium.clone());
    let empty = FileContent { sha256: FileDigest::of(b""), chunks: Chunks::Many(Vec::new()) };
    let shared = Shared {
        plan,
        source,
        plain: &plain,
        coded: &coded,
        slots: Mutex::default(),
        stream: Lane::new(stream),
        to_medium,
        files: Mutex::new(vec![empty; source.totals().files as usize]),
        observer,
    };
    let (stream, files, packs) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut subjects = Vec::new();
            stop.run(|| write_packs(&sealed, target, &packs, &stop, &mut subjects));
            subjects
        });
        read_and_work(&shared, works, to_workers, &stop);
        let Shared { stream, files, to_medium, .. } = shared;
        let PackStream { content, rows, row_of_slot, .. } = stream.into_consumer();
        // The writer ends when nobody can send it anything more.
        drop(to_medium);
        let packs = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        ((content, rows, row_of_slot), files, packs)
    });
    stop.into_result(ExportError::Interrupted)?;
    let (stream, rows, row_of_slot) = stream;
    let mut files = files.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    for chunk in files.iter_mut().flat_map(|file| file.chunks.as_mut_slice()) {
        *chunk = row_of_slot[*chunk as usize];
    }
    Ok(Content { stream, rows, files, packs })
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

fn write_packs(
    sealed: &crossbeam_channel::Receiver<SealedPack>,
    target: &mut Target,
    buffers: &Buffers<Aligned>,
    stop: &Stop<'_, ExportError>,
    subjects: &mut Vec<Subject>,
) -> Result<(), ExportError> {
    while let Some(mut pack) = stop.receive(sealed) {
        subjects.push(target.pack(&mut pack)?);
        buffers.give_back(pack.file);
    }
    Ok(())
}
