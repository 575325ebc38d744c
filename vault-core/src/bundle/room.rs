//! Room is checked before anything is copied.

use crate::error::{FsError, explain};
use crate::fs::free_bytes;
use std::path::{Path, PathBuf};

/// Why there is no room.
#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    /// The file system could not be asked.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Too little.
    #[error("{} has room for {}, up to {} are needed", path.display(), size(*free), size(*needed))]
    TooSmall {
        /// Where.
        path: PathBuf,
        /// Bytes free.
        free: u64,
        /// Bytes needed.
        needed: u64,
    },
}

explain!(RoomError, pass: [Fs], {
    Self::TooSmall { .. } => (Medium, Some("free some room there, or use a larger medium or disk; nothing was written")),
});

/// Bytes, for people.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{}.{} MiB", bytes >> 20, (bytes >> 10) % 1024 * 10 / 1024),
    }
}

/// What file systems need beside the bytes, at least: folders, tables, a little slack.
const SLACK: u64 = 1 << 20;

/// Whether `bytes` fit on the file system of `path`.
pub(crate) fn check_room(path: &Path, bytes: u64) -> Result<(), RoomError> {
    let (free, needed) = (free_bytes(path)?, bytes.saturating_add(SLACK));
    if needed > free { Err(RoomError::TooSmall { path: path.to_owned(), free, needed }) } else { Ok(()) }
}
