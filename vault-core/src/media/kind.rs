//! Kinds of file systems, and how large a file each of them can hold.

use std::fmt;

/// What kind a file system is, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// ext2, ext3 or ext4; which of them.
    Ext(u8),
    /// XFS
    Xfs,
    /// Btrfs
    Btrfs,
    /// F2FS
    F2fs,
    /// FAT, with long names or not
    Fat,
    /// exFAT, by the kernel's own driver
    ExFat,
    /// NTFS, by one of the kernel's own drivers
    Ntfs,
    /// Memory
    Tmpfs,
    /// A driver outside of the kernel, by the name under which it is mounted: `fuseblk`, `fuse.exfat`. Which file system
    /// it drives is not known.
    Fuse(String),
    /// Any other, by its name
    Other(String),
}

/// The largest file that a file system can hold. This is what its kind is documented to hold, whatever room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LargestFile {
    /// So many bytes.
    Bytes(u64),
    /// As much as there is room for.
    Room,
    /// Not known.
    Unknown,
}

const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
/// What the kernel's file offsets reach, whatever a file system's own could.
const OFFSETS: u64 = i64::MAX as u64;

impl FileSystem {
    /// By the name that the kernel mounts it under.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "ext2" => Self::Ext(2),
            "ext3" => Self::Ext(3),
            "ext4" => Self::Ext(4),
            "xfs" => Self::Xfs,
            "btrfs" => Self::Btrfs,
            "f2fs" => Self::F2fs,
            "vfat" | "msdos" => Self::Fat,
            "exfat" => Self::ExFat,
            "ntfs" | "ntfs3" => Self::Ntfs,
            "tmpfs" => Self::Tmpfs,
            name if name == "fuse"
                || name == "fuseblk"
                || name.starts_with("fuse.")
                || name.starts_with("fuseblk.") =>
            {
                Self::Fuse(name.to_owned())
            }
            name => Self::Other(name.to_owned()),
        }
    }

    /// Its limit with blocks of `block` bytes.
    pub(super) fn largest_file(&self, block: u64) -> LargestFile {
        LargestFile::Bytes(match self {
            Self::Fat => 4 * GIB - 1,
            // Three levels of tables of block numbers, of four bytes each; beyond that the count of sectors ends it.
            Self::Ext(..4) => (block / 4).saturating_pow(3).saturating_mul(block).min(2 * TIB),
            // 32 bits number the blocks of a file.
            Self::Ext(_) => block.saturating_mul(1 << 32).min(16 * TIB),
            // Tables of 923 and 1018 block numbers: 4 TiB and a little less.
            Self::F2fs => 1_057_053_439 * 4096,
            Self::Xfs | Self::Btrfs | Self::ExFat => OFFSETS,
            Self::Ntfs => 16 * TIB,
            Self::Tmpfs => return LargestFile::Room,
            Self::Fuse(_) | Self::Other(_) => return LargestFile::Unknown,
        })
    }
}

impl LargestFile {
    /// Whether a file of so many bytes is within the limit; `None` if that is not known.
    #[must_use]
    pub fn holds(self, bytes: u64) -> Option<bool> {
        match self {
            Self::Bytes(limit) => Some(bytes <= limit),
            Self::Room => Some(true),
            Self::Unknown => None,
        }
    }
}

impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ext(version) => write!(f, "ext{version}"),
            Self::Xfs => f.write_str("xfs"),
            Self::Btrfs => f.write_str("btrfs"),
            Self::F2fs => f.write_str("f2fs"),
            Self::Fat => f.write_str("fat"),
            Self::ExFat => f.write_str("exfat"),
            Self::Ntfs => f.write_str("ntfs"),
            Self::Tmpfs => f.write_str("tmpfs"),
            Self::Fuse(name) | Self::Other(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_kind() {
        let largest = |name, block| FileSystem::named(name).largest_file(block);
        assert_eq!(largest("vfat", 32 << 10), LargestFile::Bytes(u64::from(u32::MAX)));
        assert_eq!(largest("ext2", 1024), LargestFile::Bytes(16 * GIB));
        assert_eq!(largest("ext3", 4096), LargestFile::Bytes(2 * TIB));
        assert_eq!(largest("ext4", 4096), LargestFile::Bytes(16 * TIB));
        assert_eq!(largest("ext4", 1024), LargestFile::Bytes(4 * TIB));
        assert_eq!(largest("fuseblk", 4096), LargestFile::Unknown);
        assert_eq!(largest("tmpfs", 4096), LargestFile::Room);
        assert_eq!(LargestFile::Bytes(9).holds(10), Some(false));
        assert_eq!(LargestFile::Unknown.holds(10), None);
    }

    #[test]
    fn what_is_behind_a_driver_outside_of_the_kernel_is_not_guessed() {
        for name in ["fuse", "fuseblk", "fuse.exfat", "fuseblk.ntfs"] {
            assert_eq!(FileSystem::named(name), FileSystem::Fuse(name.to_owned()));
            assert_eq!(FileSystem::named(name).to_string(), name);
        }
        assert_eq!(FileSystem::named("fusectl"), FileSystem::Other("fusectl".to_owned()));
        for name in ["ext2", "ext4", "xfs", "btrfs", "f2fs", "tmpfs", "ntfs", "exfat", "9p"] {
            assert_eq!(FileSystem::named(name).to_string(), name);
        }
    }
}
