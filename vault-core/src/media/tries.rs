//! Trying things on little files.

use super::Answer;
use crate::fs::{ALIGNMENT, Aligned};
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RenameFlags, chmod, fsync, linkat, open, rename, renameat_with, stat, unlink,
};
use rustix::io::{Errno, pread, pwrite, write};
use std::os::fd::OwnedFd;
use std::path::Path;

/// What little files came to.
#[derive(Debug)]
pub(super) struct Tries {
    pub(super) fsync: Answer,
    pub(super) folder_fsync: Answer,
    pub(super) rename: Answer,
    pub(super) rename_new: Answer,
    pub(super) direct: Answer,
    pub(super) hard_links: Answer,
    pub(super) chmod: Answer,
}

impl Default for Tries {
    fn default() -> Self {
        let untried = Answer::Untried;
        Self {
            fsync: untried,
            folder_fsync: untried,
            rename: untried,
            rename_new: untried,
            direct: untried,
            hard_links: untried,
            chmod: untried,
        }
    }
}

/// Tries everything in the empty folder `place`; also gives why not even a byte could be written, if so.
pub(super) fn all(place: &Path) -> (Tries, Option<i32>) {
    let (one, two) = (place.join("one"), place.join("two"));
    let mut tries = Tries::default();
    let file = match create(&one).and_then(|file| write(&file, b"one").map(|_| file)) {
        Ok(file) => file,
        Err(error) => return (tries, Some(error.raw_os_error())),
    };
    tries.fsync = Answer::of(fsync(&file));
    if let Err(error) = create(&two) {
        return (tries, Some(error.raw_os_error()));
    }
    // Never over a file that is there; and it has to keep its promise.
    let onto = |from: &Path, to: &Path| renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE);
    tries.rename_new = match onto(&one, &two) {
        Err(Errno::EXIST) => Answer::of(onto(&one, &place.join("new"))),
        Err(error) => Answer::No(error.raw_os_error()),
        Ok(()) => Answer::Ignored,
    };
    if tries.rename_new.is_yes() {
        tries.rename_new = Answer::of(onto(&place.join("new"), &one));
    }
    tries.hard_links = Answer::of(linkat(CWD, &two, CWD, place.join("link"), AtFlags::empty()));
    tries.rename = Answer::of(rename(&one, &two));
    let modes = [0o640, 0o444].map(|mode| change_mode(&two, mode));
    tries.chmod = modes.into_iter().find(|answer| !answer.is_yes()).unwrap_or(Answer::Yes);
    tries.folder_fsync = Answer::of(sync_folder(place));
    tries.direct = direct(&place.join("direct"));
    (tries, None)
}

fn create(path: &Path) -> rustix::io::Result<OwnedFd> {
    open(path, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC, Mode::from(0o600))
}

fn change_mode(path: &Path, mode: u32) -> Answer {
    match chmod(path, Mode::from(mode)).and_then(|()| stat(path)) {
        Ok(now) if now.st_mode & 0o777 == mode => Answer::Yes,
        Ok(_) => Answer::Ignored,
        Err(error) => Answer::No(error.raw_os_error()),
    }
}

fn sync_folder(path: &Path) -> rustix::io::Result<()> {
    fsync(open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Writes and reads one block past the page cache.
fn direct(path: &Path) -> Answer {
    let block = || -> rustix::io::Result<bool> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = open(path, flags | OFlags::DIRECT, Mode::from(0o600))?;
        let mut buffer = Aligned::with_capacity(ALIGNMENT);
        buffer.set_len(ALIGNMENT);
        buffer.fill(7);
        let written = pwrite(&file, &buffer, 0)?;
        buffer.fill(0);
        let read = pread(&file, &mut buffer[..], 0)?;
        Ok(written == ALIGNMENT && read == ALIGNMENT && buffer.iter().all(|byte| *byte == 7))
    };
    let answer = block();
    // Whatever of it there is is removed with its folder at the latest.
    let _ = unlink(path);
    match answer {
        Ok(true) => Answer::Yes,
        Ok(false) => Answer::Ignored,
        Err(error) => Answer::No(error.raw_os_error()),
    }
}
