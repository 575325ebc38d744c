//! Writing an artifact's files: workers decode; small files they write whole, parts of large ones go to the one writer.
//!
//! ```text
//! batches ──▶ workers: decrypt, decode, chunk ids ──▶ small files: SHA-256, write
//!                                                └──▶ parts: file lanes (SHA-256, in order) ──▶ writer
//! ```

use super::packs::{Packs, Source, StreamReader};
use super::part::{Buffer, FileTask, Written, write_parts};
use super::plan::{Batch, PART, Part, batches, chunks_of};
use super::tree::Tree;
use super::{CheckoutError, CheckoutOptions, content, files};
use crate::bundle::{ChunkRow, Entry, FileEntry};
use crate::error::FsError;
use crate::fs::{ALIGNMENT, Aligned};
use crate::observe::{Event, Observer};
use crate::pool::{Buffers, Stop};
use gapvault_formats::coding::Coder;
use gapvault_formats::ids::FileDigest;
use gapvault_formats::policy::Tent;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Writes everything in `entries` to the empty folder `root`, durably, if the rules of `tent` take its content.
pub(super) fn restore(
    root: &Path,
    (entries, tent): (&[Entry], &Tent),
    chunks: &[ChunkRow],
    source: &Source<'_>,
    options: CheckoutOptions,
    observer: &dyn Observer,
) -> Result<(), CheckoutError> {
    let tree = Tree::open(root)?;
    tree.make_folders(entries)?;
    write_files(&tree, entries, chunks, source, options, observer)?;
    observer.event(Event::End { medium: None });
    content::check(tent, &tree, entries, options.threads, observer)?;
    tree.make_links(entries)?;
    // After everything else, so that read-only folders can be filled.
    tree.set_folder_modes(entries)?;
    Ok(tree.sync()?)
}

/// A batch, and for a part what it is written with.
enum Work<'a> {
    Files(Range<usize>),
    /// The buffers are given out in the order of the parts, so that the one whose turn it is always has its own.
    Part(Part, Arc<FileTask<'a>>, Aligned),
}

/// What the workers share.
struct Shared<'a> {
    tree: &'a Tree,
    files: Vec<&'a FileEntry>,
    chunks: &'a [ChunkRow],
    packs: &'a Packs<'a>,
    stop: &'a Stop<'a, CheckoutError>,
    observer: &'a dyn Observer,
}

fn write_files(
    tree: &Tree,
    entries: &[Entry],
    chunks: &[ChunkRow],
    source: &Source<'_>,
    options: CheckoutOptions,
    observer: &dyn Observer,
) -> Result<(), CheckoutError> {
    let stop = Stop::new(observer);
    let packs = Packs::new(*source);
    let shared = Shared { tree, files: files(entries).collect(), chunks, packs: &packs, stop: &stop, observer };
    let threads = options.threads.max(1);
    // One thread hashes as fast as two of them do everything.
    run(&shared, batches(entries, chunks, threads.div_ceil(2)), threads);
    stop.into_result(CheckoutError::Interrupted)
}

/// Runs everybody to their end.
fn run(shared: &Shared<'_>, batches: impl Iterator<Item = Batch>, threads: usize) {
    let stop = shared.stop;
    // What the parts before it left of a block goes before a part.
    let buffers = Buffers::new(2 * threads + 2, || Aligned::with_capacity(ALIGNMENT + PART));
    let (to_workers, work) = crossbeam_channel::bounded::<Work<'_>>(threads);
    let (to_writer, written) = crossbeam_channel::unbounded::<Written<'_>>();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (work, to_writer) = (work.clone(), to_writer.clone());
            scope.spawn(move || stop.run(|| Worker::new(shared)?.run(&work, &to_writer)));
        }
        // The writer ends when no worker can send it anything more.
        drop(to_writer);
        scope.spawn(|| stop.run(|| write_parts(&written, &buffers, stop, shared.observer)));
        stop.run(|| give_out(shared, batches, &buffers, &to_workers));
        drop(to_workers);
    });
}

/// Sends the batches off, each part with its file, which is created for the first of them.
fn give_out<'a>(
    shared: &Shared<'a>,
    batches: impl Iterator<Item = Batch>,
    buffers: &Buffers<Aligned>,
    to_workers: &crossbeam_channel::Sender<Work<'a>>,
) -> Result<(), CheckoutError> {
    let mut begun: BTreeMap<usize, Arc<FileTask<'a>>> = BTreeMap::new();
    for batch in batches {
        let work = match batch {
            Batch::Files(range) => Work::Files(range),
            Batch::Part(part) => {
                let task = match begun.remove(&part.file) {
                    Some(task) => task,
                    None => Arc::new(FileTask::create(shared.tree, &shared.files[part.file].file)?),
                };
                if !part.last {
                    begun.insert(part.file, task.clone());
                }
                let Some(buffer) = buffers.take(shared.stop) else { break };
                Work::Part(part, task, buffer)
            }
        };
        if !shared.stop.send(to_workers, work) {
            break;
        }
    }
    Ok(())
}

struct Worker<'a, 's> {
    shared: &'s Shared<'a>,
    coder: Coder,
    stream: StreamReader<'a>,
    coded: Vec<u8>,
    plain: Vec<u8>,
}

impl<'a, 's> Worker<'a, 's> {
    fn new(shared: &'s Shared<'a>) -> Result<Self, CheckoutError> {
        let coder =
            Coder::new().map_err(FsError::at("can't set up decoding for", shared.packs.source.folder.path()))?;
        let stream = StreamReader::new(shared.packs);
        Ok(Self { shared, coder, stream, coded: Vec::new(), plain: Vec::new() })
    }

    fn run(
        &mut self,
        work: &crossbeam_channel::Receiver<Work<'a>>,
        to_writer: &crossbeam_channel::Sender<Written<'a>>,
    ) -> Result<(), CheckoutError> {
        while let Some(work) = self.shared.stop.receive(work) {
            match work {
                Work::Files(range) => {
                    for file in range {
                        self.file(self.shared.files[file])?;
                    }
                }
                Work::Part(part, task, buffer) => {
                    let mut buffer = Buffer::begin(buffer, part.offset);
                    for chunk in part.chunks {
                        let row = &self.shared.chunks[chunk];
                        self.decode(row, buffer.grow(row.length as usize))?;
                    }
                    task.hash_and_send(part.number, buffer, part.last, self.shared.stop, to_writer)?;
                }
            }
        }
        Ok(())
    }

    /// Writes a small file.
    fn file(&mut self, entry: &FileEntry) -> Result<(), CheckoutError> {
        let mut plain = std::mem::take(&mut self.plain);
        plain.clear();
        for chunk in chunks_of(entry) {
            let row = &self.shared.chunks[chunk];
            let begin = plain.len();
            plain.resize(begin + row.length as usize, 0);
            self.decode(row, &mut plain[begin..])?;
        }
        let file = &entry.file;
        let (actual, expected) = (FileDigest::from_bytes(Sha256::digest(&plain).into()), file.sha256);
        if actual != expected {
            return Err(CheckoutError::File { path: file.path.clone(), actual, expected });
        }
        let path = file.path.as_str();
        let mut out = self.shared.tree.create_file(path, file.mode)?;
        out.write_all(&plain).map_err(FsError::at("can't write", &self.shared.tree.path(path)))?;
        self.shared.observer.event(Event::Advance { bytes: plain.len() as u64, medium: None });
        self.plain = plain;
        Ok(())
    }

    /// Fills `plain` with a chunk's bytes, which are those that its id stands for.
    fn decode(&mut self, chunk: &ChunkRow, plain: &mut [u8]) -> Result<(), CheckoutError> {
        let source = &self.shared.packs.source;
        let (pack, bundle) = (chunk.offset / source.seal.predicate().stream.pack, source.bundle);
        self.stream.read(chunk, &mut self.coded)?;
        self.coder.decode(chunk.coding, &self.coded, plain).map_err(|fault| CheckoutError::Decode {
            pack,
            bundle,
            id: chunk.id,
            fault,
        })?;
        let actual = source.keys.tent_key.chunk_id(plain);
        if actual != chunk.id {
            return Err(CheckoutError::Chunk { pack, bundle, actual, expected: chunk.id });
        }
        Ok(())
    }
}
