//! Reading again what was written: from the device, where that can be had, and not from the page cache.

use super::direct::{ALIGNMENT, Aligned, leave_direct};
use crate::error::FsError;
use gapvault_formats::ids::MediumDigest;
use rustix::fs::{Advice, Mode, OFlags, fadvise, fstatfs, open};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Bytes read by one call.
const READ: usize = 4 << 20;

/// File systems that are known to read from their device when they are asked to: ext2 to ext4, XFS, Btrfs, F2FS, FAT,
/// exFAT, NTFS. Others may have none, or, as FUSE was seen to, answer from memory all the same.
const ON_DEVICES: [u32; 7] = [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x4D44, 0x2011_BAB0, 0x7366_746E];

/// Reads files again.
#[derive(Debug)]
pub(crate) struct ReadBack {
    buffer: Aligned,
    from_device: bool,
}

impl ReadBack {
    pub(crate) fn new() -> Self {
        Self { buffer: Aligned::with_capacity(READ), from_device: true }
    }

    /// Whether all that was read so far came from the device, as far as can be known.
    pub(crate) fn is_from_device(&self) -> bool {
        self.from_device
    }

    /// The digest of a file that is durable.
    pub(crate) fn digest(&mut self, path: &Path) -> Result<MediumDigest, FsError> {
        let failed = || FsError::at("can't read back", path);
        let file = self.open(path).map_err(failed())?;
        // Its type differs from one architecture to the other; all these numbers fit in 32 bits.
        let kind = fstatfs(&file).map_err(failed())?.f_type as u32;
        self.from_device &= ON_DEVICES.contains(&kind);
        let length = rustix::fs::fstat(&file).map_err(failed())?.st_size as u64;
        let (mut hasher, mut at) = (Sha256::new(), 0);
        while at < length {
            let wanted = usize::try_from(length - at).unwrap_or(READ).min(READ);
            self.buffer.set_len(wanted.next_multiple_of(ALIGNMENT));
            let read = match rustix::io::pread(&file, &mut self.buffer[..], at) {
                Err(Errno::INTR) => continue,
                // Not in such blocks: as when it could not be opened like this at all.
                Err(Errno::INVAL | Errno::NOTSUP) if leave_direct(&file).map_err(failed())? => {
                    self.from_device = false;
                    fadvise(&file, 0, None, Advice::DontNeed).map_err(failed())?;
                    continue;
                }
                read => read.map_err(failed())?.min(wanted),
            };
            if read == 0 {
                break;
            }
            hasher.update(&self.buffer[..read]);
            at += read as u64;
        }
        Ok(MediumDigest::from_bytes(hasher.finalize().into()))
    }

    /// Opens a file past the page cache; where that is refused, its pages are dropped from the cache instead.
    fn open(&mut self, path: &Path) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match open(path, flags | OFlags::DIRECT, Mode::empty()) {
            Err(Errno::INVAL | Errno::NOTSUP) => {
                self.from_device = false;
                let file = open(path, flags, Mode::empty())?;
                fadvise(&file, 0, None, Advice::DontNeed)?;
                Ok(file)
            }
            opened => opened,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_digest_is_that_of_the_bytes_whatever_their_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut read_back = ReadBack::new();
        for length in [0, 1, ALIGNMENT - 1, ALIGNMENT, ALIGNMENT + 1, READ, READ + 1, 2 * READ + ALIGNMENT + 7] {
            let bytes: Vec<u8> = (0..length).map(|i| (i * 7 + i / 999) as u8).collect();
            std::fs::write(&path, &bytes).unwrap();
            File::open(&path).unwrap().sync_all().unwrap();
            assert_eq!(read_back.digest(&path).unwrap(), MediumDigest::of(&bytes), "{length}");
        }
    }

    #[test]
    fn what_can_t_be_read_directly_is_read_all_the_same_and_proves_nothing() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = folder.path().join("file");
        let bytes = vec![7; READ + 9];
        std::fs::write(&path, &bytes).unwrap();
        let mut read_back = ReadBack::new();
        read_back.buffer.misalign();
        assert_eq!(read_back.digest(&path).unwrap(), MediumDigest::of(&bytes));
        // A file system that reads to any address is none of those that are known to read from their device.
        assert!(!read_back.is_from_device());
    }
}
