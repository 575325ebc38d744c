//! The workers: each chunk gets its id and its slot, is coded if it is new, and goes to the lanes.

use super::pack::{FullPack, Origin, PackStream};
use super::pipeline::{Chunks, FileContent};
use super::read::{FilePart, FileState, FileTask, What, Work};
use super::shares::Shares;
use super::source::Source;
use super::{ExportError, Plan};
use crate::bundle::ChunkRow;
use crate::lane::{Lane, lock};
use crate::observe::{Event, Observer};
use crate::pool::{Buffers, Stop};
use gapvault_formats::coding::{Coder, Coding};
use gapvault_formats::ids::{ChunkId, FileDigest};
use sha2::Digest;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Mutex;

/// What the workers share.
pub(super) struct Shared<'a> {
    pub(super) plan: &'a Plan<'a>,
    pub(super) source: &'a Source,
    pub(super) plain: &'a Buffers<Vec<u8>>,
    pub(super) coded: &'a Buffers<Vec<u8>>,
    /// Every chunk id seen so far, in the order in which workers came upon them.
    pub(super) slots: Mutex<HashMap<ChunkId, u32>>,
    pub(super) stream: Lane<Coded, PackStream<'a>>,
    pub(super) to_media: &'a Shares,
    pub(super) files: Mutex<Vec<FileContent>>,
    pub(super) observer: &'a dyn Observer,
}

/// A chunk that the stream does not have yet.
pub(super) struct NewChunk {
    slot: u32,
    row: ChunkRow,
    origin: Origin,
}

/// What goes to the stream.
pub(super) enum Coded {
    /// Chunks, one after the other.
    Chunks(Vec<NewChunk>, Vec<u8>),
    /// Nothing more.
    End,
}

/// Does what comes until there is nothing more.
pub(super) fn work(
    works: &crossbeam_channel::Receiver<Work>,
    shared: &Shared<'_>,
    stop: &Stop<'_, ExportError>,
) -> Result<(), ExportError> {
    let coder = Coder::new().map_err(|source| ExportError::Coding { path: "zstd".into(), source })?;
    let mut worker = Worker { shared, coder, small: Vec::new(), full: Vec::new() };
    while let Some(Work { number, plain, coded, what }) = stop.receive(works) {
        let bytes = plain.len() as u64;
        match what {
            What::Chunk { task, part, at, last } => worker.chunk(number, plain, coded, &task, (part, at, last))?,
            What::Files(files) => worker.files(number, plain, coded, &files)?,
            What::End => worker.append(number, Coded::End)?,
        }
        for pack in worker.full.drain(..) {
            shared.to_media.push(pack.seal()?);
        }
        shared.observer.event(Event::Advance { bytes, medium: None });
    }
    Ok(())
}

struct Worker<'a, 's> {
    shared: &'s Shared<'a>,
    coder: Coder,
    /// A small file, coded.
    small: Vec<u8>,
    /// Packs that this worker filled and has to seal.
    full: Vec<FullPack>,
}

impl Worker<'_, '_> {
    /// A chunk of a file, which is hashed in the file's lane.
    fn chunk(
        &mut self,
        number: u64,
        plain: Vec<u8>,
        mut coded: Vec<u8>,
        task: &FileTask,
        (part, at, last): (u64, u64, bool),
    ) -> Result<(), ExportError> {
        let (slot, new) = self.code(&plain, &mut coded, (task.index, at))?;
        self.append(number, Coded::Chunks(new.into_iter().collect(), coded))?;
        task.lane.submit(part, FilePart { plain, slot, last }, |state, part| {
            state.hasher.update(&part.plain);
            state.slots.push(part.slot);
            self.shared.plain.give_back(part.plain);
            if part.last {
                let FileState { hasher, slots } = std::mem::take(state);
                let sha256 = FileDigest::from_bytes(hasher.finalize().into());
                lock(&self.shared.files)[task.index] = FileContent { sha256, chunks: Chunks::Many(slots) };
            }
            Ok(())
        })
    }

    /// Whole files, each of them a chunk.
    fn files(
        &mut self,
        number: u64,
        plain: Vec<u8>,
        mut coded: Vec<u8>,
        files: &[(usize, usize)],
    ) -> Result<(), ExportError> {
        let mut small = std::mem::take(&mut self.small);
        let (mut contents, mut all_new) = (Vec::with_capacity(files.len()), Vec::new());
        coded.clear();
        let mut rest = plain.as_slice();
        for (index, length) in files {
            let (bytes, after) = rest.split_at(*length);
            rest = after;
            let (slot, new) = self.code(bytes, &mut small, (*index, 0))?;
            if let Some(new) = new {
                coded.extend_from_slice(&small);
                all_new.push(new);
            }
            contents.push((*index, FileContent { sha256: FileDigest::of(bytes), chunks: Chunks::One(slot) }));
        }
        self.small = small;
        self.shared.plain.give_back(plain);
        self.append(number, Coded::Chunks(all_new, coded))?;
        let mut known = lock(&self.shared.files);
        for (index, content) in contents {
            known[index] = content;
        }
        Ok(())
    }

    /// The slot of a chunk; if it is the first of its kind, it is coded into `coded` (cleared first).
    fn code(
        &mut self,
        plain: &[u8],
        coded: &mut Vec<u8>,
        (file, at): (usize, u64),
    ) -> Result<(u32, Option<NewChunk>), ExportError> {
        let id = self.shared.plan.tent_key.chunk_id(plain);
        let (slot, is_new) = self.shared.slot(id);
        if !is_new {
            return Ok((slot, None));
        }
        let coding = self.coder.encode(plain, coded).map_err(|source| {
            let path = self.shared.source.files().nth(file).map(|f| f.path).unwrap_or_default();
            ExportError::Coding { path, source }
        })?;
        let row = row(id, coding, coded.len(), plain.len());
        // The format has fewer files than that.
        Ok((slot, Some(NewChunk { slot, row, origin: Origin { file: file as u32, at } })))
    }

    /// Hands coded chunks, or that there are no more, to the stream.
    fn append(&mut self, number: u64, coded: Coded) -> Result<(), ExportError> {
        let full = &mut self.full;
        self.shared.stream.submit(number, coded, |stream, coded| {
            let (chunks, coded) = match coded {
                Coded::Chunks(chunks, coded) => (chunks, coded),
                Coded::End => return stream.finish(full),
            };
            let mut rest = coded.as_slice();
            for NewChunk { slot, row, origin } in chunks {
                let (bytes, after) = rest.split_at(row.stored as usize);
                rest = after;
                stream.append(slot, (row, origin), bytes, full)?;
            }
            self.shared.coded.give_back(coded);
            Ok(())
        })
    }
}

/// The row of a chunk whose place in the stream is not settled yet.
fn row(id: ChunkId, coding: Coding, stored: usize, length: usize) -> ChunkRow {
    // The cutter keeps chunks below 4 GiB by far.
    ChunkRow { id, offset: 0, stored: stored as u32, length: length as u32, coding }
}

impl Shared<'_> {
    /// The slot of a chunk, and whether it is the first of its kind.
    fn slot(&self, id: ChunkId) -> (u32, bool) {
        let mut slots = lock(&self.slots);
        // The format has fewer chunks than that.
        let next = slots.len() as u32;
        match slots.entry(id) {
            Entry::Occupied(known) => (*known.get(), false),
            Entry::Vacant(new) => (*new.insert(next), true),
        }
    }
}
