//! How much room there is.

use crate::error::FsError;
use std::path::Path;

/// Bytes that the file system that holds `path` gives room in: a file takes a multiple of it.
pub(crate) fn block_bytes(path: &Path) -> Result<u64, FsError> {
    let stat = rustix::fs::statvfs(path).map_err(FsError::at("can't ask for the block size of", path))?;
    Ok(stat.f_frsize)
}

/// Bytes that this user can still write to the file system that holds `path`.
pub(crate) fn free_bytes(path: &Path) -> Result<u64, FsError> {
    let stat = rustix::fs::statvfs(path).map_err(FsError::at("can't ask for the free room of", path))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
