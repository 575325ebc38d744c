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

/// Chunks on their way to a worker.
pub(super) struct Work {
    /// Counted over all of them.
    pub(super) number: u64,
    pub(super) plain: Vec<u8>,
    /// Where their coded form goes. Given out here, in order, so that the work whose turn it is always has its own.
    pub(super) coded: Vec<u8>,
    pub(super) what: What,
}

/// What the bytes of a piece of work are.
pub(super) enum What {
    /// A chunk of a file.
    Chunk {
        task: Arc<FileTask>,
        /// Which chunk of its file.
        part: u64,
        /// Whether it is the last of its file.
        last: bool,
    },
    /// Small files, one after the other, each of them one chunk: the number of each among all files, and its length.
    Files(Vec<(usize, usize)>),
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

/// Files up to this many bytes are one chunk, whatever is in them, and go to a worker together: handing each to another
/// thread would take longer than coding it.
const SMALL: u64 = gapvault_formats::cut::SHORTEST as u64;
/// Bytes of small files that go together, at least, if there are so many; and files, at most.
const TOGETHER: usize = 1 << 20;
const FILES: usize = 1024;

/// Reads all files of `source` and sends their chunks off. Empty files send none.
pub(super) fn read_all(
    source: &Source,
    buffers: (&Buffers<Vec<u8>>, &Buffers<Vec<u8>>),
    stop: &Stop<'_, ExportError>,
    to_workers: &crossbeam_channel::Sender<Work>,
) -> Result<(), ExportError> {
    let mut reader = Reader { buffers, stop, to_workers, ahead: Ahead::default(), number: 0 };
    // `None` from any of them: everybody stops.
    let _ = reader.read_files(source)?;
    Ok(())
}

struct Reader<'a> {
    buffers: (&'a Buffers<Vec<u8>>, &'a Buffers<Vec<u8>>),
    stop: &'a Stop<'a, ExportError>,
    to_workers: &'a crossbeam_channel::Sender<Work>,
    ahead: Ahead,
    number: u64,
}

/// `None`: everybody stops.
type Going<T> = Result<Option<T>, ExportError>;

impl Reader<'_> {
    fn read_files(&mut self, source: &Source) -> Going<()> {
        let mut together: Option<Small> = None;
        for (index, file) in source.files().enumerate().filter(|(_, file)| file.state.size > 0) {
            if self.stop.is_stopped() {
                return Ok(None);
            }
            if file.state.size > SMALL {
                if self.send_small(together.take()).is_none() || self.read_large(index, file)?.is_none() {
                    return Ok(None);
                }
                continue;
            }
            let Some(mut small) = together.take().or_else(|| self.take()) else { return Ok(None) };
            small.read(index, file)?;
            if small.plain.len() < TOGETHER && small.files.len() < FILES {
                together = Some(small);
            } else if self.send_small(Some(small)).is_none() {
                return Ok(None);
            }
        }
        Ok(self.send_small(together))
    }

    /// Buffers for a piece of work.
    fn take(&self) -> Option<Small> {
        let (mut plain, coded) = (self.buffers.0.take(self.stop)?, self.buffers.1.take(self.stop)?);
        plain.clear();
        Some(Small { plain, coded, files: Vec::new() })
    }

    fn send(&mut self, plain: Vec<u8>, coded: Vec<u8>, what: What) -> Option<()> {
        let work = Work { number: self.number, plain, coded, what };
        self.number += 1;
        self.stop.send(self.to_workers, work).then_some(())
    }

    fn send_small(&mut self, small: Option<Small>) -> Option<()> {
        let Some(Small { plain, coded, files }) = small else { return Some(()) };
        self.send(plain, coded, What::Files(files))
    }

    fn read_large(&mut self, index: usize, source: &FileSource) -> Going<()> {
        let failed = || FsError::at("can't read", &source.path);
        let mut file = open(source)?;
        let cutter = match safetensors_plan(&file, source.state.size).map_err(failed())? {
            Some(boundaries) => Cutter::at(boundaries),
            None => Cutter::Content,
        };
        file.rewind().map_err(failed())?;
        let going_on = self.cut(index, source, &file, cutter)?;
        expect_unchanged(source, &file)?;
        Ok(going_on)
    }

    fn cut(&mut self, index: usize, source: &FileSource, file: &File, mut cutter: Cutter) -> Going<()> {
        let task = Arc::new(FileTask { index, lane: Lane::new(FileState::default()) });
        let (mut left, mut part) = (source.state.size, 0);
        self.ahead.clear();
        while left > 0 {
            let Some(Small { mut plain, coded, .. }) = self.take() else { return Ok(None) };
            let read = match cutter.settled_length(left) {
                Some(length) => file.take(length as u64).read_to_end(&mut plain).map(|read| read == length),
                None => self.ahead.cut(file, left, &mut cutter, &mut plain),
            };
            if !read.map_err(FsError::at("can't read", &source.path))? {
                return Err(SourceError::Changed { path: source.path.clone() }.into());
            }
            left -= plain.len() as u64;
            if self.send(plain, coded, What::Chunk { task: task.clone(), part, last: left == 0 }).is_none() {
                return Ok(None);
            }
            part += 1;
        }
        Ok(Some(()))
    }
}

/// Small files that are read together.
struct Small {
    plain: Vec<u8>,
    coded: Vec<u8>,
    files: Vec<(usize, usize)>,
}

impl Small {
    fn read(&mut self, index: usize, source: &FileSource) -> Result<(), ExportError> {
        let file = open(source)?;
        let read = (&file).take(source.state.size).read_to_end(&mut self.plain);
        let length = read.map_err(FsError::at("can't read", &source.path))?;
        expect_unchanged(source, &file)?;
        if length as u64 != source.state.size {
            return Err(SourceError::Changed { path: source.path.clone() }.into());
        }
        self.files.push((index, length));
        Ok(())
    }
}

/// Opens a file that is as it was when it was looked at.
fn open(source: &FileSource) -> Result<File, ExportError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(&source.path, flags, Mode::empty()).map_err(std::io::Error::from);
    let file = File::from(opened.map_err(FsError::at("can't read", &source.path))?);
    expect_unchanged(source, &file)?;
    Ok(file)
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
