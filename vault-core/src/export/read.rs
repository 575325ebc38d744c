//! The one reader: files in order, each cut into chunks that workers take.

use super::source::{FileSource, Source};
use super::{ExportError, SourceError};
use crate::error::FsError;
use crate::lane::Lane;
use crate::pool::{Buffers, Stop};
use gapvault_formats::cut::{Cutter, LONGEST, safetensors_plan};
use rustix::fs::{Mode, OFlags};
use sha2::Sha256;
use std::fs::File;
use std::io::{Read, Seek};
use std::sync::Arc;

/// A chunk on its way to a worker.
pub(super) struct Work {
    /// Counted over all files.
    pub(super) number: u64,
    /// Which chunk of its file.
    pub(super) part: u64,
    pub(super) task: Arc<FileTask>,
    pub(super) plain: Vec<u8>,
    /// Where its coded form goes. Given out here, in order, so that the chunk whose turn it is always has one.
    pub(super) coded: Vec<u8>,
    /// Whether it is the last of its file.
    pub(super) last: bool,
}

/// A file that is being hashed, chunk by chunk in order.
pub(super) struct FileTask {
    pub(super) index: usize,
    pub(super) lane: Lane<FilePart, FileState>,
}

/// A chunk for the file's hash, and its slot in the chunk table.
pub(super) struct FilePart {
    pub(super) plain: Vec<u8>,
    pub(super) slot: u32,
    pub(super) last: bool,
}

/// What is known of a file so far.
#[derive(Default)]
pub(super) struct FileState {
    pub(super) hasher: Sha256,
    pub(super) slots: Vec<u32>,
}

/// Reads all files of `source` and sends their chunks off. Empty files send none.
pub(super) fn read_all(
    source: &Source,
    buffers: (&Buffers<Vec<u8>>, &Buffers<Vec<u8>>),
    stop: &Stop<'_, ExportError>,
    to_workers: &crossbeam_channel::Sender<Work>,
) -> Result<(), ExportError> {
    let mut reader = Reader { buffers, stop, to_workers, ahead: Ahead::default(), number: 0 };
    for (index, file) in source.files().enumerate() {
        if stop.is_stopped() || !reader.read_file(index, file)? {
            break;
        }
    }
    Ok(())
}

struct Reader<'a> {
    buffers: (&'a Buffers<Vec<u8>>, &'a Buffers<Vec<u8>>),
    stop: &'a Stop<'a, ExportError>,
    to_workers: &'a crossbeam_channel::Sender<Work>,
    ahead: Ahead,
    number: u64,
}

impl Reader<'_> {
    /// `false` when everybody stops.
    fn read_file(&mut self, index: usize, source: &FileSource) -> Result<bool, ExportError> {
        let failed = || FsError::at("can't read", &source.path);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::fs::open(&source.path, flags, Mode::empty());
        let mut file = File::from(opened.map_err(std::io::Error::from).map_err(failed())?);
        expect_unchanged(source, &file)?;
        let size = source.state.size;
        let cutter = match safetensors_plan(&file, size).map_err(failed())? {
            Some(boundaries) => Cutter::at(boundaries),
            None => Cutter::Content,
        };
        file.rewind().map_err(failed())?;
        let going_on = size == 0 || self.cut(index, source, &file, cutter)?;
        expect_unchanged(source, &file)?;
        Ok(going_on)
    }

    fn cut(&mut self, index: usize, source: &FileSource, file: &File, mut cutter: Cutter) -> Result<bool, ExportError> {
        let task = Arc::new(FileTask { index, lane: Lane::new(FileState::default()) });
        let (mut left, mut part) = (source.state.size, 0);
        self.ahead.clear();
        while left > 0 {
            let (Some(mut plain), Some(coded)) = (self.buffers.0.take(self.stop), self.buffers.1.take(self.stop))
            else {
                return Ok(false);
            };
            plain.clear();
            let read = match cutter.settled_length(left) {
                Some(length) => file.take(length as u64).read_to_end(&mut plain).map(|read| read == length),
                None => self.ahead.cut(file, left, &mut cutter, &mut plain),
            };
            if !read.map_err(FsError::at("can't read", &source.path))? {
                return Err(SourceError::Changed { path: source.path.clone() }.into());
            }
            left -= plain.len() as u64;
            let work = Work { number: self.number, part, task: task.clone(), plain, coded, last: left == 0 };
            if !self.stop.send(self.to_workers, work) {
                return Ok(false);
            }
            self.number += 1;
            part += 1;
        }
        Ok(true)
    }
}

/// Bytes of a file that were read and not yet cut off: a cut that depends on the content has to see it first.
#[derive(Default)]
struct Ahead {
    bytes: Vec<u8>,
    begin: usize,
}

impl Ahead {
    fn clear(&mut self) {
        self.bytes.clear();
        self.begin = 0;
    }

    /// Moves the next chunk of a file with `left` bytes to go into `plain`; `false` if the file ends before.
    fn cut(&mut self, mut file: &File, left: u64, cutter: &mut Cutter, plain: &mut Vec<u8>) -> std::io::Result<bool> {
        let wanted = usize::try_from(left).unwrap_or(LONGEST).min(LONGEST);
        if self.bytes.len() - self.begin < wanted {
            self.bytes.drain(..self.begin);
            self.begin = 0;
            // Never behind the file's end, which for a small file would be one more call for nothing.
            let room = usize::try_from(left).unwrap_or(usize::MAX).min(2 * LONGEST) - self.bytes.len();
            (&mut file).take(room as u64).read_to_end(&mut self.bytes)?;
        }
        let ahead = &self.bytes[self.begin..];
        if ahead.len() < wanted {
            return Ok(false);
        }
        let length = cutter.next_length(&ahead[..wanted]);
        plain.extend_from_slice(&ahead[..length]);
        self.begin += length;
        Ok(true)
    }
}

fn expect_unchanged(source: &FileSource, file: &File) -> Result<(), ExportError> {
    let unchanged = source.state.is_that_of(file).map_err(FsError::at("can't look at", &source.path))?;
    if unchanged { Ok(()) } else { Err(SourceError::Changed { path: source.path.clone() }.into()) }
}
