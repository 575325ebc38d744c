//! Large files: hashed part by part in order, then written past the page cache by one writer.

use super::CheckoutError;
use super::tree::Tree;
use crate::error::FsError;
use crate::fs::{ALIGNMENT, Aligned, DirectFile};
use crate::lane::{Lane, lock};
use crate::observe::{Event, Observer};
use crate::pool::{Buffers, Stop};
use gapvault_formats::catalogue;
use gapvault_formats::ids::FileDigest;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// A part's bytes, with room before them for what the part before left of a block: so every part but the last is
/// written as whole blocks from where it was decoded to.
pub(super) struct Buffer {
    bytes: Aligned,
    /// Bytes of room.
    room: usize,
}

impl Buffer {
    /// For a part that begins at `offset` of its file.
    pub(super) fn begin(mut bytes: Aligned, offset: u64) -> Self {
        let room = (offset % ALIGNMENT as u64) as usize;
        bytes.set_len(room);
        Self { bytes, room }
    }

    /// The next `length` bytes, to be filled.
    pub(super) fn grow(&mut self, length: usize) -> &mut [u8] {
        let begin = self.bytes.len();
        self.bytes.set_len(begin + length);
        &mut self.bytes[begin..]
    }
}

/// A large file that is being written.
pub(super) struct FileTask<'a> {
    entry: &'a catalogue::File,
    path: PathBuf,
    lane: Lane<(Buffer, bool), State>,
    out: Mutex<Option<DirectFile<File>>>,
}

/// What is known of a file so far.
struct State {
    hasher: Sha256,
    /// What did not fill a block.
    rest: Vec<u8>,
}

/// Whole blocks on their way to the disk; and with a file's last, what is left of a block.
pub(super) struct Written<'a> {
    task: Arc<FileTask<'a>>,
    bytes: Aligned,
    last: bool,
}

impl<'a> FileTask<'a> {
    pub(super) fn create(tree: &Tree, entry: &'a catalogue::File) -> Result<Self, FsError> {
        let path = entry.path.as_str();
        let out = Mutex::new(Some(DirectFile::new(tree.create_file(path, entry.mode)?)));
        let lane = Lane::new(State { hasher: Sha256::new(), rest: Vec::new() });
        Ok(Self { entry, path: tree.path(path), lane, out })
    }

    /// Hands in a part; those whose turn it is are hashed and sent to the writer.
    pub(super) fn hash_and_send(
        self: &Arc<Self>,
        number: u64,
        part: Buffer,
        last: bool,
        stop: &Stop<'_, CheckoutError>,
        to_writer: &crossbeam_channel::Sender<Written<'a>>,
    ) -> Result<(), CheckoutError> {
        self.lane.submit(number, (part, last), |state, (Buffer { mut bytes, room }, last)| {
            state.hasher.update(&bytes[room..]);
            bytes[..room].copy_from_slice(&state.rest);
            state.rest.clear();
            if last {
                let actual = FileDigest::from_bytes(state.hasher.finalize_reset().into());
                let expected = self.entry.sha256;
                if actual != expected {
                    return Err(CheckoutError::File { path: self.entry.path.clone(), actual, expected });
                }
            } else {
                let whole = bytes.len() - bytes.len() % ALIGNMENT;
                state.rest.extend_from_slice(&bytes[whole..]);
                bytes.set_len(whole);
            }
            stop.send(to_writer, Written { task: self.clone(), bytes, last });
            Ok(())
        })
    }
}

/// Writes what comes, one after the other.
pub(super) fn write_parts(
    written: &crossbeam_channel::Receiver<Written<'_>>,
    buffers: &Buffers<Aligned>,
    stop: &Stop<'_, CheckoutError>,
    observer: &dyn Observer,
) -> Result<(), CheckoutError> {
    while let Some(Written { task, mut bytes, last }) = stop.receive(written) {
        let failed = || FsError::at("can't write", &task.path);
        let mut out = lock(&task.out);
        if let Some(file) = out.as_mut() {
            file.append(&mut bytes).map_err(failed())?;
        }
        if last && let Some(file) = out.take() {
            file.finish().map_err(failed())?;
        }
        observer.event(Event::Advance { bytes: bytes.len() as u64, medium: None });
        buffers.give_back(bytes);
    }
    Ok(())
}
