//! Folders that are only there while somebody works in them.

use super::write::{create_folder, remove_tree};
use crate::error::FsError;
use gapvault_formats::ids::to_hex;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Random hex digits in the name.
const DIGITS: usize = 8;

/// A folder that nobody else writes to, locked for as long as this lives: an unlocked one has no writer any more.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    folder: File,
}

impl Scratch {
    /// Makes an empty folder in `parent` whose name begins with `prefix`, after removing those of that prefix that
    /// killed runs left there.
    pub(crate) fn create(parent: &Path, prefix: &str, mode: u32) -> Result<Self, FsError> {
        loop {
            let random =
                crate::random::bytes::<{ DIGITS / 2 }>().map_err(FsError::at("can't name a folder in", parent))?;
            let path = parent.join(format!("{prefix}{}", to_hex(&random)));
            create_folder(&path, mode)?;
            match Self::hold(path.clone(), parent, prefix) {
                Ok(Some(scratch)) => return Ok(scratch),
                Ok(None) => {}
                Err(error) => {
                    // The first error says more.
                    let _ = std::fs::remove_dir(&path);
                    return Err(error);
                }
            }
        }
    }

    /// Locks a folder that was just made; `None` if another run came between and took it for a leftover.
    fn hold(path: PathBuf, parent: &Path, prefix: &str) -> Result<Option<Self>, FsError> {
        let folder = match open(&path) {
            Err(Errno::NOENT) => return Ok(None),
            opened => opened.map_err(FsError::at("can't open folder", &path))?,
        };
        // Where folders can't be locked, nobody takes an unlocked one for a leftover either.
        let free = lock(&folder) != Err(Errno::WOULDBLOCK);
        let metadata = folder.metadata().map_err(FsError::at("can't look at", &path))?;
        if !free || metadata.nlink() == 0 {
            return Ok(None);
        }
        clear_leftovers(parent, prefix, metadata.uid())?;
        Ok(Some(Self { path, folder }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it and what was written to it.
    pub(crate) fn discard(self) -> Result<(), FsError> {
        remove_tree(&self.path)?;
        drop(self.folder);
        Ok(())
    }
}

/// Removes folders that this user made and nobody holds the lock of.
fn clear_leftovers(parent: &Path, prefix: &str, user: u32) -> Result<(), FsError> {
    let failed = || FsError::at("can't list", parent);
    for entry in std::fs::read_dir(parent).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let name = entry.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(prefix));
        if !digits.is_some_and(|d| d.len() == DIGITS && d.bytes().all(|c| c.is_ascii_hexdigit())) {
            continue;
        }
        // One that is gone meanwhile, or is no folder, is none of ours.
        let Ok(folder) = open(&entry.path()) else { continue };
        // In a folder that many may write to, others could have put it there.
        let own = folder.metadata().is_ok_and(|m| m.uid() == user);
        if own && lock(&folder).is_ok() {
            remove_tree(&entry.path())?;
        }
    }
    Ok(())
}

fn open(path: &Path) -> rustix::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map(File::from)
}

fn lock(folder: &File) -> rustix::io::Result<()> {
    rustix::fs::flock(folder, FlockOperation::NonBlockingLockExclusive)
}
