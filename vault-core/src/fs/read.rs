//! Reading a folder that somebody else may have prepared.

use crate::error::FsError;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, statat};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// A folder held open: names are looked up in it, one component at a time, and links are never followed.
#[derive(Debug)]
pub(crate) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

/// Why a name in a folder can't be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// There is no such name.
    #[error("missing")]
    Missing,
    /// There is something of that name that is not a regular file (or not a folder).
    #[error("not a regular file or folder")]
    Irregular,
    /// It could not be looked at.
    #[error(transparent)]
    Fs(FsError),
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
// NONBLOCK: opening a fifo must not wait for its other end.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

impl Folder {
    /// Opens `path`, which a person named: links on the way are followed.
    pub(crate) fn open(path: &Path) -> Result<Self, FsError> {
        let fd = rustix::fs::open(path, FOLDER, Mode::empty()).map_err(FsError::at("can't open folder", path))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// Where it is, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What tells it from every other folder.
    pub(crate) fn id(&self) -> Result<(u64, u64), FsError> {
        let stat = rustix::fs::fstat(&self.fd).map_err(FsError::at("can't look at", &self.path))?;
        Ok((stat.st_dev, stat.st_ino))
    }

    /// Whether the medium that it is on still answers.
    pub(crate) fn answers(&self) -> bool {
        rustix::fs::fstatvfs(&self.fd).is_ok() && Self::open(&self.path).is_ok()
    }

    /// Opens a folder in this one.
    pub(crate) fn folder(&self, name: &str) -> Result<Self, OpenError> {
        let path = self.path.join(name);
        match openat(&self.fd, name, FOLDER.union(OFlags::NOFOLLOW), Mode::empty()) {
            Ok(fd) => Ok(Self { fd, path }),
            Err(e) => Err(refuse(e, "can't open folder", &path)),
        }
    }

    /// Opens a regular file in this folder or, by a name with slashes, in one below it.
    pub(crate) fn file(&self, name: &str) -> Result<File, OpenError> {
        if let Some((folder, rest)) = name.split_once('/') {
            return self.folder(folder)?.file(rest);
        }
        let path = self.path.join(name);
        let file = File::from(openat(&self.fd, name, FILE, Mode::empty()).map_err(|e| refuse(e, "can't open", &path))?);
        let metadata = file.metadata().map_err(|e| OpenError::Fs(FsError::at("can't look at", &path)(e)))?;
        if metadata.is_file() { Ok(file) } else { Err(OpenError::Irregular) }
    }

    /// The content of a regular file of at most `limit` bytes; `None` if it is longer.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, OpenError> {
        let mut bytes = Vec::new();
        let read = self.file(name)?.take(limit + 1).read_to_end(&mut bytes);
        read.map_err(|e| OpenError::Fs(FsError::at("can't read", &self.path.join(name))(e)))?;
        Ok((bytes.len() as u64 <= limit).then_some(bytes))
    }

    /// What stands in this folder, in order of names: each name and whether it is a folder; `None` if that is more than
    /// `limit`.
    pub(crate) fn entries(&self, limit: usize) -> Result<Option<Vec<(String, bool)>>, FsError> {
        self.entries_where(limit, |_| true)
    }

    /// The same of the names that are `wanted`: others are passed over, however many they are.
    pub(crate) fn entries_where(
        &self,
        limit: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Option<Vec<(String, bool)>>, FsError> {
        let failed = || FsError::at("can't list", &self.path);
        let dir = rustix::fs::Dir::read_from(&self.fd).map_err(failed())?;
        let mut entries = Vec::new();
        for entry in dir {
            let entry = entry.map_err(failed())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == "." || name == ".." || !wanted(&name) {
                continue;
            }
            if entries.len() == limit {
                return Ok(None);
            }
            let kind = match entry.file_type() {
                FileType::Unknown => statat(&self.fd, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |s| FileType::from_raw_mode(s.st_mode)),
                known => known,
            };
            entries.push((name, kind == FileType::Directory));
        }
        entries.sort_unstable();
        Ok(Some(entries))
    }
}

fn refuse(e: rustix::io::Errno, action: &'static str, path: &Path) -> OpenError {
    use rustix::io::Errno;
    match e {
        Errno::NOENT => OpenError::Missing,
        // LOOP: a link; NOTDIR: not a folder, or a link to one; NXIO: a socket.
        Errno::LOOP | Errno::NOTDIR | Errno::NXIO => OpenError::Irregular,
        e => OpenError::Fs(FsError::at(action, path)(e)),
    }
}

/// Opens a file that a person named; `None` if it is no regular one. (A fifo would be waited for.)
pub(crate) fn open_named(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    Ok(file.metadata()?.is_file().then_some(file))
}
