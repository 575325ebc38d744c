//! The one reader: files in order, each cut into chunks that workers take.

use super::source::{Source, SourceFile};
use super::{ExportError, SourceError};
use crate::error::FsError;
use crate::lane::Lane;
use crate::pool::{Buffers, Stop};
use gapvault_formats::cut::{Cutter, LONGEST, safetensors_plan};
use rustix::fs::{Mode, OFlags};
use sha2::Sha256;
use std::collections::VecDeque;
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
        /// Where in it, in bytes.
        at: u64,
        /// Whether it is the last of its file.
        last: bool,
    },
    /// Small files, one after the other, each of them one chunk: the number of each among all files, and its length.
    Files(Vec<(usize, usize)>),
    /// None: there is nothing more.
    End,
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

/// Reads all files of `source` and sends their chunks off, then that this is all. Empty files send none.
///
/// A file is hashed by one thread at a time, so chunks of `lanes` large files are sent in turn.
pub(super) fn read_all(
    source: &Source,
    lanes: usize,
    buffers: (&Buffers<Vec<u8>>, &Buffers<Vec<u8>>),
    stop: &Stop<'_, ExportError>,
    to_workers: &crossbeam_channel::Sender<Work>,
) -> Result<(), ExportError> {
    Reader { buffers, stop, to_workers, spare: Vec::new(), number: 0 }.read_files(source, lanes)
}

struct Reader<'a> {
    buffers: (&'a Buffers<Vec<u8>>, &'a Buffers<Vec<u8>>),
    stop: &'a Stop<'a, ExportError>,
    to_workers: &'a crossbeam_channel::Sender<Work>,
    /// Memory of files that were read.
    spare: Vec<Ahead>,
    number: u64,
}

impl Reader<'_> {
    fn read_files(&mut self, source: &Source, lanes: usize) -> Result<(), ExportError> {
        let mut files = source.files().enumerate().filter(|(_, file)| file.state.size > 0).fuse();
        let mut small: Option<Small> = None;
        let mut large: VecDeque<Large> = VecDeque::new();
        loop {
            while large.len() < lanes
                && let Some((index, file)) = files.next()
            {
                if file.state.size > SMALL {
                    large.push_back(Large::open(index, file, self.spare.pop().unwrap_or_default())?);
                    continue;
                }
                let mut together = match small.take() {
                    Some(together) => together,
                    None => Small { place: self.take()?, files: Vec::new() },
                };
                together.read(index, &file)?;
                if together.place.plain.len() < TOGETHER && together.files.len() < FILES {
                    small = Some(together);
                } else {
                    self.send(together.place, What::Files(together.files))?;
                }
            }
            let Some(mut file) = large.pop_front() else { break };
            let mut place = self.take()?;
            let what = file.read(&mut place.plain)?;
            self.send(place, what)?;
            if file.left > 0 {
                large.push_back(file);
            } else {
                self.spare.push(file.ahead);
            }
        }
        if let Some(Small { place, files }) = small {
            self.send(place, What::Files(files))?;
        }
        self.send(Place::default(), What::End)
    }

    /// Buffers for a piece of work; an error when everybody stops, which they have a better one for.
    fn take(&self) -> Result<Place, ExportError> {
        let buffers = self.buffers.0.take(self.stop).zip(self.buffers.1.take(self.stop));
        let (mut plain, coded) = buffers.ok_or(ExportError::Interrupted)?;
        plain.clear();
        Ok(Place { plain, coded })
    }

    fn send(&mut self, Place { plain, coded }: Place, what: What) -> Result<(), ExportError> {
        let work = Work { number: self.number, plain, coded, what };
        self.number += 1;
        if self.stop.send(self.to_workers, work) { Ok(()) } else { Err(ExportError::Interrupted) }
    }
}

/// A file that is read chunk by chunk.
struct Large {
    source: SourceFile,
    file: File,
    cutter: Cutter,
    ahead: Ahead,
    /// Bytes that no chunk has yet.
    left: u64,
    /// Chunks so far.
    part: u64,
    task: Arc<FileTask>,
}

impl Large {
    fn open(index: usize, source: SourceFile, mut ahead: Ahead) -> Result<Self, ExportError> {
        let failed = || FsError::at("can't read", &source.path);
        let mut file = open(&source)?;
        let cutter = match safetensors_plan(&file, source.state.size).map_err(failed())? {
            Some(boundaries) => Cutter::at(boundaries),
            None => Cutter::Content,
        };
        file.rewind().map_err(failed())?;
        ahead.clear();
        let task = Arc::new(FileTask { index, lane: Lane::new(FileState::default()) });
        let left = source.state.size;
        Ok(Self { source, file, cutter, ahead, left, part: 0, task })
    }

    /// Reads the next chunk into `plain`; after the last the file must still be as it was.
    fn read(&mut self, plain: &mut Vec<u8>) -> Result<What, ExportError> {
        let read = match self.cutter.settled_length(self.left) {
            Some(length) => {
                plain.reserve(length);
                (&self.file).take(length as u64).read_to_end(plain).map(|read| read == length)
            }
            None => self.ahead.cut(&self.file, self.left, &mut self.cutter, plain),
        };
        if !read.map_err(FsError::at("can't read", &self.source.path))? {
            return Err(SourceError::Changed { path: self.source.path.clone() }.into());
        }
        let at = self.source.state.size - self.left;
        self.left -= plain.len() as u64;
        self.part += 1;
        let last = self.left == 0;
        if last {
            expect_unchanged(&self.source, &self.file)?;
        }
        Ok(What::Chunk { task: self.task.clone(), part: self.part - 1, at, last })
    }
}

/// The buffers of a piece of work.
#[derive(Default)]
struct Place {
    plain: Vec<u8>,
    coded: Vec<u8>,
}

/// Small files that are read together.
struct Small {
    place: Place,
    files: Vec<(usize, usize)>,
}

impl Small {
    fn read(&mut self, index: usize, source: &SourceFile) -> Result<(), ExportError> {
        let file = open(source)?;
        let read = (&file).take(source.state.size).read_to_end(&mut self.place.plain);
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
pub(super) fn open(source: &SourceFile) -> Result<File, ExportError> {
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

pub(super) fn expect_unchanged(source: &SourceFile, file: &File) -> Result<(), ExportError> {
    let unchanged = source.state.is_that_of(file).map_err(FsError::at("can't look at", &source.path))?;
    if unchanged { Ok(()) } else { Err(SourceError::Changed { path: source.path.clone() }.into()) }
}
