//! Writing an artifact's files: workers decode batches, and whoever is free writes and hashes them in order.

use super::packs::{Source, StreamReader};
use super::plan::{Batch, Piece, batches};
use super::{CheckoutError, CheckoutOptions, files};
use crate::bundle::{ChunkRow, Entry, FileEntry};
use crate::error::FsError;
use crate::lane::Lane;
use crate::observe::{Event, Observer};
use crate::pool::{Buffers, Stop};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt};
use gapvault_formats::coding::Coder;
use gapvault_formats::ids::FileDigest;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes everything in `entries` to the empty folder `root`, durably.
pub(super) fn restore(
    root: &Path,
    entries: &[Entry],
    chunks: &[ChunkRow],
    source: &Source<'_>,
    options: CheckoutOptions,
    observer: &dyn Observer,
) -> Result<(), CheckoutError> {
    let tree = Tree::open(root)?;
    tree.make_folders(entries)?;
    let files: Vec<&FileEntry> = files(entries).collect();
    write_files(&tree, &files, entries, chunks, source, options, observer)?;
    tree.make_links(entries)?;
    // After everything else, so that read-only folders can be filled.
    tree.set_folder_modes(entries)?;
    Ok(tree.sync()?)
}

fn write_files(
    tree: &Tree,
    files: &[&FileEntry],
    entries: &[Entry],
    chunks: &[ChunkRow],
    source: &Source<'_>,
    options: CheckoutOptions,
    observer: &dyn Observer,
) -> Result<(), CheckoutError> {
    let stop = Stop::new(observer);
    let threads = options.threads.max(1);
    let buffers = Buffers::new(2 * threads + 1);
    let lane = Lane::new(Writer { tree, files, current: None });
    let (to_work, work) = crossbeam_channel::bounded::<(Batch, Vec<u8>)>(threads);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let work = work.clone();
            let (stop, buffers, lane) = (&stop, &buffers, &lane);
            scope.spawn(move || {
                if let Err(error) = decode_batches(&work, chunks, source, stop, buffers, lane, observer) {
                    stop.fail(error);
                }
            });
        }
        for batch in batches(entries, chunks) {
            // Given out in the order of the batches, so that the one whose turn it is always has its buffer.
            let Some(buffer) = buffers.take(&stop) else { break };
            if !stop.send(&to_work, (batch, buffer)) {
                break;
            }
        }
        drop(to_work);
    });
    stop.into_result(CheckoutError::Interrupted)
}

type WriteLane<'a> = Lane<(Batch, Vec<u8>), Writer<'a>>;

fn decode_batches(
    work: &crossbeam_channel::Receiver<(Batch, Vec<u8>)>,
    chunks: &[ChunkRow],
    source: &Source<'_>,
    stop: &Stop<'_, CheckoutError>,
    buffers: &Buffers,
    lane: &WriteLane<'_>,
    observer: &dyn Observer,
) -> Result<(), CheckoutError> {
    let mut coder = Coder::new().map_err(FsError::at("can't set up decoding for", source.folder.path()))?;
    let mut stream = StreamReader::new(*source);
    let (mut coded, mut plain) = (Vec::new(), Vec::new());
    while let Some((batch, mut decoded)) = stop.receive(work) {
        for chunk in batch.pieces.iter().filter_map(|piece| piece.chunk) {
            let chunk = &chunks[chunk];
            let (pack, bundle) = (chunk.offset / source.seal.predicate().stream.pack, source.bundle);
            stream.read(chunk, &mut coded)?;
            coder.decode(chunk.coding, &coded, chunk.length, &mut plain).map_err(|fault| CheckoutError::Decode {
                pack,
                bundle,
                id: chunk.id,
                fault,
            })?;
            let actual = source.keys.tent_key.chunk_id(&plain);
            if actual != chunk.id {
                return Err(CheckoutError::Chunk { pack, bundle, actual, expected: chunk.id });
            }
            decoded.extend_from_slice(&plain);
        }
        lane.submit(batch.number, (batch, decoded), |writer, (batch, decoded)| {
            let bytes = decoded.len() as u64;
            writer.write(&batch.pieces, chunks, &decoded)?;
            buffers.give_back(decoded);
            observer.event(Event::Advance { bytes });
            Ok::<_, CheckoutError>(())
        })?;
    }
    Ok(())
}

/// Writes decoded pieces into files, one file after the other.
struct Writer<'a> {
    tree: &'a Tree,
    files: &'a [&'a FileEntry],
    current: Option<(cap_std::fs::File, Sha256)>,
}

impl Writer<'_> {
    fn write(&mut self, pieces: &[Piece], chunks: &[ChunkRow], decoded: &[u8]) -> Result<(), CheckoutError> {
        let mut rest = decoded;
        for piece in pieces {
            let entry = &self.files[piece.file].file;
            let (bytes, after) = rest.split_at(piece.chunk.map_or(0, |chunk| chunks[chunk].length as usize));
            rest = after;
            let (mut file, mut hasher) = match self.current.take() {
                Some(current) => current,
                None => (self.tree.create_file(entry.path.as_str(), entry.mode)?, Sha256::new()),
            };
            hasher.update(bytes);
            file.write_all(bytes).map_err(FsError::at("can't write", &self.tree.path(entry.path.as_str())))?;
            if !piece.last {
                self.current = Some((file, hasher));
                continue;
            }
            let (actual, expected) = (FileDigest::from_bytes(hasher.finalize().into()), entry.sha256);
            if actual != expected {
                return Err(CheckoutError::File { path: entry.path.clone(), actual, expected });
            }
        }
        Ok(())
    }
}

/// A folder that nothing is written outside of.
struct Tree {
    dir: Dir,
    root: PathBuf,
}

impl Tree {
    fn open(root: &Path) -> Result<Self, FsError> {
        let dir = Dir::open_ambient_dir(root, ambient_authority()).map_err(FsError::at("can't open folder", root))?;
        Ok(Self { dir, root: root.to_owned() })
    }

    /// For messages only.
    fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    fn make_folders(&self, entries: &[Entry]) -> Result<(), FsError> {
        for entry in entries {
            let Entry::Folder(folder) = entry else { continue };
            let mut builder = DirBuilder::new();
            builder.mode(folder.mode | 0o700);
            let path = folder.path.as_str();
            self.dir.create_dir_with(path, &builder).map_err(FsError::at("can't create folder", &self.path(path)))?;
        }
        Ok(())
    }

    fn create_file(&self, path: &str, mode: u32) -> Result<cap_std::fs::File, FsError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(mode);
        self.dir.open_with(path, &options).map_err(FsError::at("can't create", &self.path(path)))
    }

    fn make_links(&self, entries: &[Entry]) -> Result<(), FsError> {
        for entry in entries {
            let Entry::Link(link) = entry else { continue };
            let path = link.path.as_str();
            self.dir
                .symlink_contents(&link.target, path)
                .map_err(FsError::at("can't create link", &self.path(path)))?;
        }
        Ok(())
    }

    /// Makes everything durable with one call; on Linux it reports write errors of the whole file system.
    fn sync(&self) -> Result<(), FsError> {
        // The handle that paths are looked up from can't be synced itself.
        let root = std::fs::File::open(&self.root).map_err(FsError::at("can't open folder", &self.root))?;
        rustix::fs::syncfs(&root).map_err(FsError::at("can't make durable", &self.root))
    }

    fn set_folder_modes(&self, entries: &[Entry]) -> Result<(), FsError> {
        for entry in entries.iter().rev() {
            let Entry::Folder(folder) = entry else { continue };
            let path = folder.path.as_str();
            let full = self.path(path);
            let failed = || FsError::at("can't set the mode of", &full);
            // What this process's umask left of the mode when the folder was made.
            let made = self.dir.metadata(path).map_err(failed())?.permissions().mode();
            if made & 0o777 != made & folder.mode {
                self.dir.set_permissions(path, Permissions::from_mode(made & folder.mode)).map_err(failed())?;
            }
        }
        Ok(())
    }
}
