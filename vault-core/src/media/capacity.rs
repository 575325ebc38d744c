//! Whether a medium is as large as it says: its free room is filled, and everything is read back only then. A medium
//! that lies wraps around, or drops what is written beyond its end; either shows only when all of it is written.

use super::pattern::Pattern;
use super::place::Place;
use super::{ProbeError, open_folder};
use crate::error::{FsError, explain};
use crate::fs::{ALIGNMENT, Aligned, DirectFile, ReadBack, free_bytes, sync_folder};
use crate::observe::{Event, Observer, Phase};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Bytes of a file at most: every file system takes such files.
const FILE: u64 = 1 << 30;
/// Bytes left free, for the tables of the file system.
const SLACK: u64 = 1 << 20;
/// Bytes written or read at once.
const BLOCK: usize = 4 << 20;

/// Why a medium's capacity is not known. What was written is removed again, where the medium still lets it.
#[derive(Debug, thiserror::Error)]
pub enum CapacityError {
    /// It can't be looked at, or is no folder.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// It can't be worked with.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The system gives no random bytes.
    #[error("can't get random bytes: {0}")]
    Random(Errno),
    /// There is no room to fill.
    #[error("{} has no free room that could be proven", path.display())]
    Full {
        /// Which medium.
        path: PathBuf,
    },
    /// The work was stopped.
    #[error("interrupted: the capacity is not known")]
    Interrupted,
}

explain!(CapacityError, pass: [Probe, Fs], {
    Self::Random(_) => (Other, None),
    Self::Full { .. } => (Medium, Some("free some room: what is in use is not looked at")),
    Self::Interrupted => (Other, Some("what was written was removed; run it again: it begins anew")),
});

/// What a medium's free room turned out to be.
#[derive(Debug)]
pub struct Capacity {
    /// Bytes that it took.
    pub written: u64,
    /// Bytes of those that came back as they were written, in whole blocks of 4 KiB.
    pub intact: u64,
    /// The first that did not.
    pub first_bad: Option<BadByte>,
    /// Why it took no more while it said that there was room; `None` if it was filled.
    pub stopped: Option<Stopped>,
    /// Whether all that was read came from the device, as far as can be known.
    pub from_device: bool,
    /// What could not be removed again.
    pub left: Option<FsError>,
    /// Seconds that writing took, and reading.
    pub seconds: (f64, f64),
}

/// Where something else came back than was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadByte {
    /// Bytes that had been written before it.
    pub at: u64,
    /// The system's number for why it could not be read at all; `None` if it was read and is another.
    pub error: Option<i32>,
}

/// A write that failed although there should have been room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Bytes that had been written before it.
    pub at: u64,
    /// The system's number for it.
    pub error: i32,
}

impl Capacity {
    /// Whether it keeps all that it is given, as far as the free room went.
    #[must_use]
    pub fn is_honest(&self) -> bool {
        self.first_bad.is_none() && self.stopped.is_none()
    }
}

/// Fills the free room of the medium at `path` with files in a hidden folder, makes them durable, reads everything back
/// and removes them. Takes as long as writing and reading the whole free room takes.
pub fn probe_capacity(path: &Path, observer: &dyn Observer) -> Result<Capacity, CapacityError> {
    open_folder(path)?;
    let place = Place::create(path)?;
    // By then what a killed run left is gone.
    let room = free_bytes(path)?.saturating_sub(SLACK);
    let mut filling = Filling::new(place.path())?;
    let begun = std::time::Instant::now();
    observer.event(Event::Begin { phase: Phase::Fill, total: room, medium: None });
    let stopped = filling.fill(path, room, observer)?;
    observer.event(Event::End { medium: None });
    let writing = begun.elapsed().as_secs_f64();
    if filling.written == 0 && stopped.is_none() {
        return Err(CapacityError::Full { path: path.to_owned() });
    }
    observer.event(Event::Begin { phase: Phase::ReadBack, total: filling.written, medium: None });
    let (intact, first_bad, from_device) = filling.check(observer)?;
    observer.event(Event::End { medium: None });
    let seconds = (writing, begun.elapsed().as_secs_f64() - writing);
    Ok(Capacity {
        written: filling.written,
        intact,
        first_bad,
        stopped,
        from_device,
        left: place.remove().err(),
        seconds,
    })
}

/// The files that fill the room: one stream of bytes, cut into files.
struct Filling<'a> {
    place: &'a Path,
    pattern: Pattern,
    buffer: Aligned,
    expected: Vec<u8>,
    /// Bytes of a file.
    file: u64,
    written: u64,
}

impl<'a> Filling<'a> {
    fn new(place: &'a Path) -> Result<Self, CapacityError> {
        let limit = getrlimit(Resource::Fsize).current.unwrap_or(FILE);
        // Whole blocks, so that every file but the last is written past the page cache to its end.
        let file = (limit.min(FILE) / ALIGNMENT as u64).max(1) * ALIGNMENT as u64;
        let pattern = Pattern::random().map_err(CapacityError::Random)?;
        Ok(Self { place, pattern, buffer: Aligned::with_capacity(BLOCK), expected: vec![0; BLOCK], file, written: 0 })
    }

    fn path(&self, number: u64) -> PathBuf {
        self.place.join(format!("{number:06}"))
    }

    /// Writes until the `room` is used up; gives the error that it ended with before.
    fn fill(&mut self, medium: &Path, room: u64, observer: &dyn Observer) -> Result<Option<Stopped>, CapacityError> {
        loop {
            let before = self.written;
            match self.fill_file(medium, observer) {
                Err(CapacityError::Fs(error)) => match error.source.raw_os_error() {
                    // A file system can't tell to the byte what fits; one that is far off has another reason.
                    Some(code) if code == Errno::NOSPC.raw_os_error() && free_bytes(medium)? <= room / 4 => break,
                    Some(code) if code == Errno::DQUOT.raw_os_error() => break,
                    Some(error) => return Ok(Some(Stopped { at: self.written, error })),
                    None => return Err(error.into()),
                },
                filled => filled?,
            }
            if self.written - before < self.file {
                break;
            }
        }
        Ok(None)
    }

    /// Writes one file more, as far as there is room. What was written of it is made durable in any case.
    fn fill_file(&mut self, medium: &Path, observer: &dyn Observer) -> Result<(), CapacityError> {
        let path = self.path(self.written / self.file);
        let file = File::create_new(&path).map_err(FsError::at("can't create", &path))?;
        let written = self.write(&file, &path, medium, observer);
        let durable = file.sync_all().map_err(FsError::at("can't make durable", &path));
        written?;
        durable?;
        Ok(sync_folder(self.place)?)
    }

    fn write(&mut self, file: &File, path: &Path, medium: &Path, observer: &dyn Observer) -> Result<(), CapacityError> {
        let mut out = DirectFile::new(file);
        let end = self.written + self.file;
        while self.written < end {
            if observer.cancelled() {
                return Err(CapacityError::Interrupted);
            }
            let room = free_bytes(medium)?.saturating_sub(SLACK) / ALIGNMENT as u64 * ALIGNMENT as u64;
            let piece = room.min(end - self.written).min(BLOCK as u64) as usize;
            if piece == 0 {
                break;
            }
            self.buffer.set_len(piece);
            self.pattern.fill(self.written, &mut self.buffer);
            out.append(&mut self.buffer).map_err(FsError::at("can't write", path))?;
            self.written += piece as u64;
            observer.event(Event::Advance { bytes: piece as u64, medium: None });
        }
        Ok(())
    }

    /// Reads everything; gives how much is intact, the first that is not, and whether the device was read.
    fn check(&mut self, observer: &dyn Observer) -> Result<(u64, Option<BadByte>, bool), CapacityError> {
        let mut read_back = ReadBack::new();
        let mut seen = Seen::default();
        for number in 0..self.written.div_ceil(self.file) {
            let (begin, path) = (number * self.file, self.path(number));
            let end = self.written.min(begin + self.file);
            let file = match read_back.open(&path) {
                Ok(file) => Some(file),
                Err(error) => {
                    seen.unreadable(begin, error)?;
                    None
                }
            };
            let mut at = begin;
            while at < end {
                if observer.cancelled() {
                    return Err(CapacityError::Interrupted);
                }
                let piece = (end - at).min(BLOCK as u64) as usize;
                match file.as_ref().map(|file| file.read_at(&mut self.buffer, at - begin, piece)) {
                    None => {}
                    Some(Err(error)) => seen.unreadable(at, error)?,
                    Some(Ok(_)) => {
                        let expected = &mut self.expected[..piece];
                        self.pattern.fill(at, expected);
                        seen.compare(at, expected, &self.buffer);
                    }
                }
                at += piece as u64;
                observer.event(Event::Advance { bytes: piece as u64, medium: None });
            }
        }
        Ok((seen.intact, seen.first_bad, read_back.is_from_device()))
    }
}

#[derive(Debug, Default)]
struct Seen {
    intact: u64,
    first_bad: Option<BadByte>,
}

impl Seen {
    /// What was written at `at`, and what came back, which may be shorter.
    fn compare(&mut self, at: u64, expected: &[u8], actual: &[u8]) {
        for (block, expected) in expected.chunks(ALIGNMENT).enumerate() {
            let begin = block * ALIGNMENT;
            let actual = actual.get(begin..).unwrap_or_default();
            let actual = &actual[..actual.len().min(expected.len())];
            if actual == expected {
                self.intact += expected.len() as u64;
            } else if self.first_bad.is_none() {
                let same = actual.iter().zip(expected).take_while(|(a, b)| a == b).count();
                self.first_bad = Some(BadByte { at: at + (begin + same) as u64, error: None });
            }
        }
    }

    /// What was written at `at` can't be read; an error if the reason is not the medium's.
    fn unreadable(&mut self, at: u64, error: FsError) -> Result<(), FsError> {
        match error.source.raw_os_error() {
            Some(code) if !error.is_gone() => {
                self.first_bad.get_or_insert(BadByte { at, error: Some(code) });
                Ok(())
            }
            _ => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Silent;
    use std::os::unix::fs::FileExt;

    /// Three files of 4 MiB and a rest, as they are written to any medium.
    fn filled(place: &Path) -> Filling<'_> {
        let mut filling = Filling::new(place).unwrap();
        filling.file = BLOCK as u64;
        for _ in 0..3 {
            filling.fill_file(place, &Silent).unwrap();
        }
        assert_eq!(filling.written, 3 * BLOCK as u64);
        filling
    }

    fn change(filling: &Filling<'_>, number: u64, change: impl FnOnce(&File)) {
        let file = File::options().read(true).write(true).open(filling.path(number)).unwrap();
        change(&file);
        file.sync_all().unwrap();
    }

    #[test]
    fn what_an_honest_medium_keeps_is_intact() {
        let place = tempfile::tempdir().unwrap();
        let mut filling = filled(place.path());
        let (intact, first_bad, _) = filling.check(&Silent).unwrap();
        assert_eq!((intact, first_bad), (filling.written, None));
    }

    #[test]
    fn a_medium_that_wraps_around_is_caught() {
        let place = tempfile::tempdir().unwrap();
        let mut filling = filled(place.path());
        // What was written last stands where the first was.
        let last = std::fs::read(filling.path(2)).unwrap();
        change(&filling, 0, |file| file.write_all_at(&last[..BLOCK / 2], BLOCK as u64 / 2).unwrap());
        let (intact, first_bad, _) = filling.check(&Silent).unwrap();
        assert_eq!(intact, filling.written - BLOCK as u64 / 2);
        let bad = first_bad.unwrap();
        // One byte in 256 is right by chance.
        assert!(bad.error.is_none() && (0..9).contains(&(bad.at - BLOCK as u64 / 2)), "{bad:?}");
    }

    #[test]
    fn a_medium_that_drops_what_it_is_given_is_caught() {
        let place = tempfile::tempdir().unwrap();
        let mut filling = filled(place.path());
        let (block, at) = (ALIGNMENT as u64, BLOCK as u64 + 3 * ALIGNMENT as u64);
        change(&filling, 1, |file| file.write_all_at(&[0; ALIGNMENT], 3 * block).unwrap());
        change(&filling, 2, |file| file.set_len(block).unwrap());
        let (intact, first_bad, _) = filling.check(&Silent).unwrap();
        assert_eq!(intact, filling.written - block - (BLOCK as u64 - block));
        assert!((0..9).contains(&(first_bad.unwrap().at - at)), "{first_bad:?}");

        std::fs::remove_file(filling.path(0)).unwrap();
        let (_, first_bad, _) = filling.check(&Silent).unwrap();
        assert_eq!(first_bad, Some(BadByte { at: 0, error: Some(Errno::NOENT.raw_os_error()) }));
    }
}
