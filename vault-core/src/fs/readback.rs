//! Reading again what was written: from the device, where that can be had, and not from the page cache.
//!
//! What was read counts as come from the device if
//!
//! - it was read past the page cache on a file system that is known to do that when it is asked to, or
//! - it was read after everything in between was told to forget it, and the device has read at least as much meanwhile.
//!
//! Where the device's reading is counted, the first is held against the count too. The count is of the whole device:
//! what others read from it at the same time is in it.

use super::device::Device;
use super::direct::{ALIGNMENT, Aligned, leave_direct};
use super::mounts::Mount;
use crate::error::FsError;
use gapvault_formats::ids::MediumDigest;
use rustix::fs::{Advice, Mode, OFlags, fadvise, fstat, fstatfs, open};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes read by one call.
const READ: usize = 4 << 20;

const BTRFS: u32 = 0x9123_683E;
const F2FS: u32 = 0xF2F5_2010;
/// File systems that are known to read from their device when they are asked to: ext2 to ext4, XFS, Btrfs, F2FS, FAT,
/// exFAT, NTFS. Others may have none, or, as FUSE was seen to, answer from memory all the same.
const ON_DEVICES: [u32; 7] = [0xEF53, 0x5846_5342, BTRFS, F2FS, 0x4D44, 0x2011_BAB0, 0x7366_746E];
/// Those of them that compress or have several devices, of which a mount names one: its count says nothing.
const UNCOUNTED: [u32; 2] = [BTRFS, F2FS];

/// Reads files again.
#[derive(Debug)]
pub(crate) struct ReadBack {
    buffer: Aligned,
    /// Those that were read from, by their device number.
    media: Vec<(u64, Arc<Medium>)>,
}

/// A file system that is read from.
#[derive(Debug)]
struct Medium {
    /// Whether it is one of [`ON_DEVICES`].
    known: bool,
    device: Option<Device>,
    window: Mutex<Window>,
}

/// What was read while at least one file was open. Only then does the device's count say something about it.
#[derive(Debug)]
struct Window {
    open: usize,
    /// The device's count when the first was opened.
    begun: Option<u64>,
    /// Bytes read that the device must have read too.
    expected: u64,
    /// Whether all of it was read past the page cache by a file system that is known to.
    direct: bool,
    /// What all windows before came to.
    from_device: bool,
}

/// A file that is read again. Any thread may do that, several at once too.
#[derive(Debug)]
pub(crate) struct BackFile {
    file: OwnedFd,
    path: PathBuf,
    length: u64,
    direct: AtomicBool,
    read: AtomicU64,
    medium: Arc<Medium>,
}

impl ReadBack {
    pub(crate) fn new() -> Self {
        Self { buffer: Aligned::with_capacity(READ), media: Vec::new() }
    }

    /// Whether all that was read so far came from the device, as far as can be known. What was read from files that
    /// are still open does not count yet.
    pub(crate) fn is_from_device(&self) -> bool {
        self.media.iter().all(|(_, medium)| medium.window().from_device)
    }

    /// The digest of a file that is durable.
    pub(crate) fn digest(&mut self, path: &Path) -> Result<MediumDigest, FsError> {
        let file = self.open(path)?;
        let (mut hasher, mut at) = (Sha256::new(), 0);
        while at < file.length() {
            let read = file.read_at(&mut self.buffer, at, READ)?;
            hasher.update(&self.buffer[..read]);
            at += read as u64;
            // It became shorter meanwhile.
            if read < READ {
                break;
            }
        }
        Ok(MediumDigest::from_bytes(hasher.finalize().into()))
    }

    /// Opens a file that is durable, past the page cache. What is held in memory of it is dropped all the same: some file
    /// systems take such a file and read it in another way, as when they encrypt.
    pub(crate) fn open(&mut self, path: &Path) -> Result<BackFile, FsError> {
        let failed = || FsError::at("can't read back", path);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let (file, direct) = match open(path, flags | OFlags::DIRECT, Mode::empty()) {
            Err(Errno::INVAL | Errno::NOTSUP) => (open(path, flags, Mode::empty()).map_err(failed())?, false),
            opened => (opened.map_err(failed())?, true),
        };
        let stat = fstat(&file).map_err(failed())?;
        let medium = self.medium(&file, path, stat.st_dev).map_err(failed())?;
        let length = u64::try_from(stat.st_size).unwrap_or(0);
        let (direct, read) = (AtomicBool::new(direct && medium.known), AtomicU64::new(0));
        let file = BackFile { file, path: path.to_owned(), length, direct, read, medium };
        file.medium.begin();
        file.forget().map_err(failed())?;
        Ok(file)
    }

    /// The file system that holds `file`.
    fn medium(&mut self, file: &OwnedFd, path: &Path, number: u64) -> rustix::io::Result<Arc<Medium>> {
        if let Some((_, medium)) = self.media.iter().find(|(other, _)| *other == number) {
            return Ok(medium.clone());
        }
        // Its type differs from one architecture to the other; all these numbers fit in 32 bits.
        let kind = fstatfs(file)?.f_type as u32;
        let device = Mount::of(file, path).filter(|_| !UNCOUNTED.contains(&kind)).and_then(|m| Device::of(&m));
        let window = Window { open: 0, begun: None, expected: 0, direct: true, from_device: true };
        let medium = Arc::new(Medium { known: ON_DEVICES.contains(&kind), device, window: Mutex::new(window) });
        self.media.push((number, medium.clone()));
        Ok(medium)
    }
}

impl BackFile {
    /// Its length when it was opened.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Reads `length` bytes at `at`, a multiple of [`ALIGNMENT`], into `buffer`, and gives how many it read: fewer only
    /// at the end of the file.
    pub(crate) fn read_at(&self, buffer: &mut Aligned, at: u64, length: usize) -> Result<usize, FsError> {
        let failed = || FsError::at("can't read back", &self.path);
        debug_assert!(at.is_multiple_of(ALIGNMENT as u64), "{at}");
        buffer.set_len(length.next_multiple_of(ALIGNMENT));
        let mut read = 0;
        while read < length && at + (read as u64) < self.length {
            // Blocks are read whole, after a short reading too.
            let from = read - read % ALIGNMENT;
            match rustix::io::pread(&self.file, &mut buffer[from..], at + from as u64) {
                Err(Errno::INTR) => {}
                // Not in such blocks: as when it could not be opened like this at all.
                Err(Errno::INVAL | Errno::NOTSUP) if leave_direct(&self.file).map_err(failed())? => {
                    self.direct.store(false, Ordering::Relaxed);
                    self.forget().map_err(failed())?;
                }
                now => match from + now.map_err(failed())? {
                    now if now <= read => break,
                    now => read = now.min(length),
                },
            }
        }
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        buffer.set_len(read);
        Ok(read)
    }

    /// Drops what is held of it in memory, and, where its file system has to be outwitted, what is held of its device.
    fn forget(&self) -> rustix::io::Result<()> {
        fadvise(&self.file, 0, None, Advice::DontNeed)?;
        if let Some(device) = self.medium.device.as_ref().filter(|_| !self.direct.load(Ordering::Relaxed)) {
            device.forget();
        }
        Ok(())
    }
}

impl Drop for BackFile {
    fn drop(&mut self) {
        self.medium.end(self.direct.load(Ordering::Relaxed), self.read.load(Ordering::Relaxed));
    }
}

impl Medium {
    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file is opened.
    fn begin(&self) {
        let mut window = self.window();
        if window.open == 0 {
            (window.begun, window.expected, window.direct) = (self.bytes_read(), 0, true);
        }
        window.open += 1;
    }

    /// A file is closed, of which so many bytes were read.
    fn end(&self, direct: bool, read: u64) {
        let mut window = self.window();
        // A file system may keep what does not fill a block elsewhere, as with the file's name.
        window.expected += if direct { read - read % ALIGNMENT as u64 } else { read };
        window.direct &= direct;
        window.open -= 1;
        if window.open == 0 {
            let counted = window.begun.zip(self.bytes_read()).map(|(begun, now)| now.saturating_sub(begun));
            window.close(counted);
        }
    }

    fn bytes_read(&self) -> Option<u64> {
        self.device.as_ref()?.bytes_read()
    }
}

impl Window {
    /// Nothing is open any more, and the device has read so many bytes meanwhile, if anybody counts.
    fn close(&mut self, counted: Option<u64>) {
        self.from_device &= counted.map_or(self.direct, |counted| counted >= self.expected);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn write(path: &Path, length: usize) -> Vec<u8> {
        let bytes: Vec<u8> = (0..length).map(|i| (i * 7 + i / 999) as u8).collect();
        std::fs::write(path, &bytes).unwrap();
        File::open(path).unwrap().sync_all().unwrap();
        bytes
    }

    #[test]
    fn a_digest_is_that_of_the_bytes_whatever_their_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut read_back = ReadBack::new();
        for length in [0, 1, ALIGNMENT - 1, ALIGNMENT, ALIGNMENT + 1, READ, READ + 1, 2 * READ + ALIGNMENT + 7] {
            let bytes = write(&path, length);
            assert_eq!(read_back.digest(&path).unwrap(), MediumDigest::of(&bytes), "{length}");
        }
    }

    #[test]
    fn what_can_t_be_read_directly_is_read_all_the_same() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = folder.path().join("file");
        let bytes = write(&path, READ + 9);
        let mut read_back = ReadBack::new();
        read_back.buffer.misalign();
        assert_eq!(read_back.digest(&path).unwrap(), MediumDigest::of(&bytes));
    }

    #[test]
    fn threads_read_any_part_of_any_file() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let mut read_back = ReadBack::new();
        let files = [0, 1, 2].map(|n| {
            let path = folder.path().join(n.to_string());
            let bytes = write(&path, 5 * ALIGNMENT + n);
            (read_back.open(&path).unwrap(), bytes)
        });
        std::thread::scope(|scope| {
            for (file, bytes) in &files {
                scope.spawn(move || {
                    assert_eq!(file.length(), bytes.len() as u64);
                    let mut buffer = Aligned::with_capacity(2 * ALIGNMENT);
                    for block in [4, 0, 3, 5, 6] {
                        let at = block * ALIGNMENT;
                        let expected = &bytes[at.min(bytes.len())..bytes.len().min(at + 2 * ALIGNMENT)];
                        let read = file.read_at(&mut buffer, at as u64, 2 * ALIGNMENT).unwrap();
                        assert!(read == expected.len() && *buffer == *expected, "{block}");
                        let read = file.read_at(&mut buffer, at as u64, 3).unwrap();
                        assert_eq!(*buffer, expected[..expected.len().min(3)]);
                        assert_eq!(read, buffer.len());
                    }
                });
            }
        });
    }

    #[test]
    fn the_count_decides_and_where_there_is_none_the_way_it_was_read() {
        for (direct, counted, from_device) in [
            (true, None, true),
            (false, None, false),
            (true, Some(4096), true),
            (false, Some(4096), true),
            (true, Some(4095), false),
            (false, Some(0), false),
        ] {
            let mut window = Window { open: 0, begun: Some(0), expected: 4096, direct, from_device: true };
            window.close(counted);
            assert_eq!(window.from_device, from_device, "{direct} {counted:?}");
            window.close(Some(u64::MAX));
            assert_eq!(window.from_device, from_device, "what was unproven once stays so");
        }
    }

    #[test]
    fn files_that_are_open_at_the_same_time_are_judged_together() {
        let window = Window { open: 0, begun: None, expected: 0, direct: true, from_device: true };
        let medium = Medium { known: true, device: None, window: Mutex::new(window) };
        medium.begin();
        medium.begin();
        medium.end(false, 5000);
        assert!(medium.window().from_device, "the other is still open");
        medium.end(true, 5000);
        assert!(!medium.window().from_device);
        assert_eq!(medium.window().expected, 5000 + 4096);
    }
}
