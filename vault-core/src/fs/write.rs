//! Writing: to a temporary name, fsync, rename, fsync of the folder.

use crate::error::FsError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file that stands under its `*.part` name until it is complete and durable.
///
/// Dropped before [`Durable::commit`], it is removed.
#[derive(Debug)]
pub(crate) struct Durable {
    file: File,
    part: PathBuf,
    path: PathBuf,
}

impl Durable {
    /// Begins `path`; what an earlier run left under its `*.part` name is replaced.
    pub(crate) fn create(path: &Path, mode: u32) -> Result<Self, FsError> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        Self::create_as(PathBuf::from(part), path, mode)
    }

    /// Begins `path` under another name, which must be on the same file system.
    fn create_as(part: PathBuf, path: &Path, mode: u32) -> Result<Self, FsError> {
        match fs::remove_file(&part) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(FsError::at("can't replace", &part)(e)),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&part);
        let file = file.map_err(FsError::at("can't create", &part))?;
        Ok(Self { file, part, path: path.to_owned() })
    }

    /// Makes it durable under its name; the folder is synced by the caller, once for many files.
    pub(crate) fn commit(self) -> Result<(), FsError> {
        self.commit_if(|_| Ok(()))
    }

    /// The same, if the durable file stands `check`, which is given the name it has until then.
    pub(crate) fn commit_if<E: From<FsError>>(mut self, check: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
        self.file.sync_all().map_err(FsError::at("can't make durable", &self.part))?;
        check(&self.part)?;
        let renamed = fs::rename(&self.part, &self.path).map_err(FsError::at("can't rename into place", &self.path));
        self.part = PathBuf::new();
        Ok(renamed?)
    }
}

impl Write for Durable {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.file.write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Durable {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Durable {
    fn drop(&mut self) {
        if !self.part.as_os_str().is_empty() {
            // It may be gone with its medium; there is nobody to tell.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// Writes a file and its name durably, replacing what stood there.
pub(crate) fn write_replacing(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FsError> {
    let mut file = Durable::create(path, mode)?;
    file.write_all(bytes).map_err(FsError::at("can't write", path))?;
    file.commit()?;
    sync_folder(path.parent().unwrap_or(path))
}

/// The same by way of another name: what is left of it when this is killed stands there.
pub(crate) fn write_by_way_of(part: PathBuf, path: &Path, bytes: &[u8], mode: u32) -> Result<(), FsError> {
    let mut file = Durable::create_as(part, path, mode)?;
    file.write_all(bytes).map_err(FsError::at("can't write", path))?;
    file.commit()?;
    sync_folder(path.parent().unwrap_or(path))
}

/// Writes a new file durably; the folder is synced by the caller.
pub(crate) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FsError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = file.map_err(FsError::at("can't create", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(FsError::at("can't write", path))
}

/// Makes a folder for its owner alone (`mode` 0o700) or for all; it is no error if it is there.
pub(crate) fn create_folder(path: &Path, mode: u32) -> Result<(), FsError> {
    fs::DirBuilder::new().recursive(true).mode(mode).create(path).map_err(FsError::at("can't create folder", path))
}

/// Makes the names in a folder durable, where the file system can.
pub(crate) fn sync_folder(path: &Path) -> Result<(), FsError> {
    let folder = File::open(path).map_err(FsError::at("can't open folder", path))?;
    match folder.sync_all() {
        // Some drivers can't sync folders and say so; there is nothing better to do there.
        Err(e) if matches!(e.raw_os_error(), Some(code) if not_supported(code)) => Ok(()),
        done => done.map_err(FsError::at("can't make durable", path)),
    }
}

/// Renames `from` to `to`, which must not exist.
pub(crate) fn rename_new(from: &Path, to: &Path) -> Result<(), FsError> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(e) if not_supported(e.raw_os_error()) => {
            // A file system without RENAME_NOREPLACE: check first.
            if fs::symlink_metadata(to).is_ok() {
                return Err(FsError::at("can't rename to", to)(io::Error::from(io::ErrorKind::AlreadyExists)));
            }
            fs::rename(from, to).map_err(FsError::at("can't rename to", to))
        }
        done => done.map_err(FsError::at("can't rename to", to)),
    }
}

/// Lets two names change places at once; `false` where the file system can't.
pub(crate) fn swap(one: &Path, other: &Path) -> Result<bool, FsError> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Err(e) if not_supported(e.raw_os_error()) => Ok(false),
        done => done.map(|()| true).map_err(FsError::at("can't rename to", other)),
    }
}

/// Removes a folder and what is in it; it is no error if it is gone. Read-only folders in it are opened first.
pub(crate) fn remove_tree(path: &Path) -> Result<(), FsError> {
    use std::os::unix::fs::PermissionsExt;
    // Not even the path itself is followed if somebody made it a link.
    for entry in walkdir::WalkDir::new(path).follow_root_links(false).into_iter().filter_map(Result::ok) {
        if entry.file_type().is_dir() {
            // Removing reports what still can't be removed.
            let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700));
        }
    }
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(FsError::at("can't remove", path)(e)),
        _ => Ok(()),
    }
}

fn not_supported(code: i32) -> bool {
    use rustix::io::Errno;
    [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP].iter().any(|e| e.raw_os_error() == code)
}
