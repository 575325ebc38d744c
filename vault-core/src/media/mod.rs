//! Media as they are: what one can do, found out by trying it on little files, and whether it keeps what it is given.

mod capacity;
mod kind;
mod pattern;
mod place;
mod rate;
mod tries;

pub use capacity::{BadByte, Capacity, CapacityError, Stopped, probe_capacity};
pub use kind::{FileSystem, LargestFile};

use crate::error::{FsError, explain};
use crate::fs::Mount;
use place::Place;
use rustix::fs::{Access, Mode, OFlags, StatVfsMountFlags, access, fstatvfs, open};
use rustix::process::{Resource, getrlimit};
use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use tries::Tries;

/// Why a medium can't be probed. That something does not work there is none: it is an answer.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It is no folder.
    #[error("{} is not a folder", path.display())]
    NoFolder {
        /// What was named.
        path: PathBuf,
    },
    /// It can't be looked at.
    #[error(transparent)]
    Fs(#[from] FsError),
}

explain!(ProbeError, pass: [Fs], {
    Self::NoFolder { .. } => (Medium, Some("mount the medium, or name its top folder")),
});

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What can be known at once.
    Quick,
    /// Also how fast it is written to, which takes a second or two.
    Measured,
}

/// Whether something works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It does.
    Yes,
    /// It does not; the system's own number for why.
    No(i32),
    /// The system says that it does, and nothing of it is to be seen.
    Ignored,
    /// It was not tried: nothing could be written there.
    Untried,
}

impl Answer {
    /// Whether it works.
    #[must_use]
    pub fn is_yes(self) -> bool {
        self == Self::Yes
    }

    fn of<T>(tried: rustix::io::Result<T>) -> Self {
        tried.map_or_else(|error| Self::No(error.raw_os_error()), |_| Self::Yes)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes => f.write_str("yes"),
            Self::No(code) => write!(f, "no: {}", std::io::Error::from_raw_os_error(*code)),
            Self::Ignored => f.write_str("no: it is ignored"),
            Self::Untried => f.write_str("not tried"),
        }
    }
}

/// What a medium is and can do. Its names are as whoever mounted it chose them: make them visible before printing them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What was named.
    pub path: PathBuf,
    /// Where the file system that holds it is mounted.
    pub mount_point: PathBuf,
    /// Whether that is the path itself. If not, a medium that should be there may not be mounted.
    pub is_mount_point: bool,
    /// What is mounted there, mostly a device; `None` if it has no name.
    pub source: Option<String>,
    /// What kind of file system it is.
    pub file_system: FileSystem,
    /// Bytes that this user can still write there.
    pub free: u64,
    /// Bytes of the whole file system.
    pub total: u64,
    /// The largest file that it can hold, by its kind. None was ever grown to see.
    pub largest_file: LargestFile,
    /// Bytes of the largest file that this process may write anywhere; `None` if nothing limits that.
    pub process_limit: Option<u64>,
    /// Whether it is mounted for reading alone.
    pub read_only: bool,
    /// Whether this user may write there. A medium that is full can be one that he may write to.
    pub writable: bool,
    /// Why the little files could not be written, the system's own number; `None` if they could or nobody tried.
    pub obstacle: Option<i32>,
    /// Whether a file can be made durable.
    pub fsync: Answer,
    /// Whether the names in a folder can be.
    pub folder_fsync: Answer,
    /// Whether a file can replace another by a rename.
    pub rename: Answer,
    /// Whether a file can be renamed so that it never replaces another.
    pub rename_new: Answer,
    /// Whether it can be read and written past the page cache.
    pub direct: Answer,
    /// Whether a file can have two names.
    pub hard_links: Answer,
    /// Whether a file's mode can be changed.
    pub chmod: Answer,
    /// Bytes a second that it takes, everything durable; `None` if it was not measured.
    pub write_rate: Option<u64>,
}

/// Looks at the file system that holds the folder `path`.
///
/// Little files are written to a hidden folder there, which is removed again; where it is read-only or this user may not
/// write, nothing is tried.
pub fn probe(path: &Path, depth: Depth) -> Result<Probe, ProbeError> {
    let folder = open_folder(path)?;
    let canonical = path.canonicalize().map_err(FsError::at("can't look at", path))?;
    let mount = Mount::of(&folder, path);
    let stat = fstatvfs(&folder).map_err(FsError::at("can't look at", path))?;
    let file_system =
        mount.as_ref().map_or_else(|| FileSystem::Other("unknown".to_owned()), |m| FileSystem::named(&m.kind));
    let mount_point = match &mount {
        Some(mount) => mount.point.clone(),
        None => top_of(&canonical),
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let read_only = stat.f_flag.contains(StatVfsMountFlags::RDONLY);
    let permitted = !read_only && access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok();

    let (mut tries, mut obstacle, mut write_rate) = (Tries::default(), None, None);
    if permitted {
        match Place::create(path) {
            Ok(place) => {
                (tries, obstacle) = tries::all(place.path());
                if depth == Depth::Measured && obstacle.is_none() {
                    write_rate = rate::measure(place.path(), free);
                }
            }
            Err(error) => obstacle = error.source.raw_os_error(),
        }
    }
    Ok(Probe {
        path: path.to_owned(),
        is_mount_point: mount_point == canonical,
        mount_point,
        source: mount.and_then(|m| m.source).map(|source| source.to_string_lossy().into_owned()),
        largest_file: file_system.largest_file(stat.f_frsize),
        file_system,
        free,
        total: stat.f_blocks.saturating_mul(stat.f_frsize),
        process_limit: getrlimit(Resource::Fsize).current,
        read_only,
        writable: permitted && !obstacle.is_some_and(forbids),
        obstacle,
        fsync: tries.fsync,
        folder_fsync: tries.folder_fsync,
        rename: tries.rename,
        rename_new: tries.rename_new,
        direct: tries.direct,
        hard_links: tries.hard_links,
        chmod: tries.chmod,
        write_rate,
    })
}

/// Opens a folder that a person named.
fn open_folder(path: &Path) -> Result<OwnedFd, ProbeError> {
    use rustix::io::Errno;
    match open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Err(Errno::NOENT | Errno::NOTDIR) => Err(ProbeError::NoFolder { path: path.to_owned() }),
        opened => Ok(opened.map_err(FsError::at("can't open folder", path))?),
    }
}

/// Whether an error means that this user can't write there at all. Want of room does not.
fn forbids(code: i32) -> bool {
    use rustix::io::Errno;
    ![Errno::NOSPC, Errno::DQUOT, Errno::FBIG].iter().any(|e| e.raw_os_error() == code)
}

/// The outermost folder on the way to `path` that is on the same device.
fn top_of(path: &Path) -> PathBuf {
    let device = |path: &Path| rustix::fs::stat(path).map(|stat| stat.st_dev).ok();
    let own = device(path);
    path.ancestors().take_while(|folder| device(folder) == own).last().unwrap_or(path).to_owned()
}
