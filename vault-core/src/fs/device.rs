//! The block device under a file system: what it has read, and that it must be read again.

use super::mounts::Mount;
use rustix::fs::{Advice, FileType, Mode, OFlags, fadvise, fsync, major, minor, open, stat};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// What the kernel counts in, whatever the device's own sectors are.
const SECTOR: u64 = 512;

/// A block device that a mount names as its source.
#[derive(Debug)]
pub(super) struct Device {
    /// Where the kernel tells about it.
    told: PathBuf,
    /// Open for reading, where this user may.
    file: Option<OwnedFd>,
}

impl Device {
    /// The device under a mount, if it has one that this process can see.
    pub(super) fn of(mount: &Mount) -> Option<Self> {
        let source = PathBuf::from(mount.source.as_ref()?);
        let found = stat(&source).ok().filter(|_| source.is_absolute())?;
        if FileType::from_raw_mode(found.st_mode) != FileType::BlockDevice {
            return None;
        }
        let told = PathBuf::from(format!("/sys/dev/block/{}:{}", major(found.st_rdev), minor(found.st_rdev)));
        let file = open(&source, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).ok();
        Some(Self { told, file })
    }

    /// Bytes that were ever read from it; `None` where nobody counts.
    pub(super) fn bytes_read(&self) -> Option<u64> {
        // Of a partition, the switch stands with its disk.
        for switch in ["queue/iostats", "../queue/iostats"] {
            if std::fs::read_to_string(self.told.join(switch)).is_ok_and(|on| on.trim() == "0") {
                return None;
            }
        }
        let counts = std::fs::read_to_string(self.told.join("stat")).ok()?;
        // Reads, reads merged, sectors read, …
        let sectors: u64 = counts.split_ascii_whitespace().nth(2)?.parse().ok()?;
        // What is mounted was read from: a device that says otherwise does not count.
        (sectors > 0).then(|| sectors.saturating_mul(SECTOR))
    }

    /// Drops what is held of it in memory. Drivers outside of the kernel read through that, whatever their callers ask
    /// for. Where it is not permitted, the count of what was read shows it.
    pub(super) fn forget(&self) {
        if let Some(file) = &self.file {
            // Only what is written can be dropped.
            let _ = fsync(file).and_then(|()| fadvise(file, 0, None, Advice::DontNeed));
        }
    }
}
