//! The hidden sibling of a destination that a checkout is written to, and what killed checkouts left of theirs.

use super::CheckoutError;
use crate::error::FsError;
use crate::fs::{create_folder, remove_tree};
use crate::vault::random;
use gapvault_formats::ids::to_hex;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Random hex digits in a sibling's name.
const DIGITS: usize = 8;
/// Characters of the destination's name in it: with all of it the name could become too long.
const CHARACTERS: usize = 50;

/// A folder that nobody else writes to, locked for as long as this lives: an unlocked one has no writer any more.
pub(super) struct Staging {
    path: PathBuf,
    folder: File,
}

impl Staging {
    /// Makes an empty folder beside the destination `name` in `parent`, after removing those that killed checkouts to
    /// that name left there.
    pub(super) fn create(parent: &Path, name: &str) -> Result<Self, CheckoutError> {
        let prefix = format!(".{}.gapvault-", name.chars().take(CHARACTERS).collect::<String>());
        loop {
            let path = parent.join(format!("{prefix}{}", &to_hex(&random()?)[..DIGITS]));
            create_folder(&path, 0o777)?;
            let folder = match open(&path) {
                Err(Errno::NOENT) => continue,
                opened => opened.map_err(FsError::at("can't open folder", &path))?,
            };
            // Where folders can't be locked, nobody takes an unlocked one for a leftover either.
            let free = lock(&folder) != Err(Errno::WOULDBLOCK);
            let metadata = folder.metadata().map_err(FsError::at("can't look at", &path))?;
            // Another checkout to this name may have come between and taken it for a leftover.
            if free && metadata.nlink() > 0 {
                clear_leftovers(parent, &prefix, metadata.uid())?;
                return Ok(Self { path, folder });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it and what was written to it.
    pub(super) fn discard(self) -> Result<(), FsError> {
        remove_tree(&self.path)?;
        drop(self.folder);
        Ok(())
    }
}

/// Removes siblings that this user made and nobody holds the lock of.
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
