//! The custody log on disk.

use super::VaultError;
use crate::error::FsError;
use crate::fs::{sync_folder, write_new, write_replacing};
use gapvault_formats::custody::{Entry, Event, LogError, LogHead};
use gapvault_formats::limits;
use gapvault_formats::sshsig::{PublicKey, SigningKey};
use gapvault_formats::time::Time;
use rustix::fs::FlockOperation;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The log, checked and in memory: the entries that its signed checkpoint covers, and no more.
///
/// An entry is committed when the checkpoint that covers it stands in its place. What follows it in the file was never
/// committed, or was put there by somebody without the vault's key; it is not looked at, and the next entry overwrites it.
/// Several commands may append, each under the lock of the file: whoever does first reads what others have committed.
#[derive(Debug)]
pub(super) struct Log {
    folder: PathBuf,
    key: PublicKey,
    entries: Vec<Entry>,
    head: LogHead,
    /// Bytes of the committed entries.
    length: u64,
}

impl Log {
    /// An empty log in `folder`.
    pub(super) fn create(folder: &Path, key: &SigningKey) -> Result<Self, VaultError> {
        write_new(&folder.join("entries.jsonl"), b"", 0o600)?;
        write_new(&folder.join("checkpoint"), LogHead::EMPTY.to_checkpoint(key)?.as_bytes(), 0o600)?;
        sync_folder(folder)?;
        Ok(Self::empty(folder, key.public()?))
    }

    fn empty(folder: &Path, key: PublicKey) -> Self {
        Self { folder: folder.to_owned(), key, entries: Vec::new(), head: LogHead::EMPTY, length: 0 }
    }

    /// Reads the log up to its checkpoint, which must be signed with `key`.
    pub(super) fn open(folder: &Path, key: &PublicKey) -> Result<Self, VaultError> {
        let path = folder.join("entries.jsonl");
        let file = File::open(&path).map_err(VaultError::opening(&path))?;
        let mut log = Self::empty(folder, key.clone());
        log.catch_up(&file, &path)?;
        Ok(log)
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Reads the entries of `file` from where this log ends to the checkpoint.
    fn catch_up(&mut self, file: &File, path: &Path) -> Result<(), VaultError> {
        let checkpoint = self.checkpoint()?;
        let mut input = BufReader::new(file);
        input.seek(SeekFrom::Start(self.length)).map_err(FsError::at("can't read", path))?;
        let limit = limits::LOG_LINE_BYTES as u64 + 1;
        while self.head != checkpoint {
            let mut line = Vec::new();
            let read = input.by_ref().take(limit).read_until(b'\n', &mut line);
            read.map_err(FsError::at("can't read", path))?;
            // SPEC 11.3: a reader MUST refuse a log with fewer entries than its checkpoint says, or others.
            let torn = line.last() != Some(&b'\n') && (line.len() as u64) < limit;
            if torn || self.head.seq >= checkpoint.seq {
                return Err(LogError::CheckpointAhead { actual: self.head.seq, expected: checkpoint.seq }.into());
            }
            let (entry, head) = self.head.follow(&line)?;
            self.length += line.len() as u64;
            self.head = head;
            self.entries.push(entry);
        }
        Ok(())
    }

    fn checkpoint(&self) -> Result<LogHead, VaultError> {
        let path = self.folder.join("checkpoint");
        let mut checkpoint = Vec::new();
        let file = File::open(&path).map_err(VaultError::opening(&path))?;
        file.take(limits::SIGNATURE_BYTES).read_to_end(&mut checkpoint).map_err(FsError::at("can't read", &path))?;
        Ok(LogHead::from_checkpoint(&checkpoint, &self.key)?)
    }

    /// Appends an entry, durably, then commits it with the checkpoint. A clock that went back since the entry before is
    /// an entry of its own, before it.
    pub(super) fn append(&mut self, time: Time, event: Event, key: &SigningKey) -> Result<(), VaultError> {
        let path = self.folder.join("entries.jsonl");
        let file = OpenOptions::new().read(true).append(true).open(&path);
        let mut file = file.map_err(FsError::at("can't open", &path))?;
        // Held for the moment that it takes to append, so waiting for it is short.
        rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(FsError::at("can't lock", &path))?;
        self.catch_up(&file, &path)?;
        let back = self.entries.last().map(|last| last.time).filter(|before| time < *before);
        let events = back.map(|before| Event::ClockBack { before }).into_iter().chain([event]);
        let (mut lines, mut entries, mut head) = (Vec::new(), Vec::new(), self.head);
        for event in events {
            let (line, entry, next) = head.append(time, event)?;
            lines.extend(line);
            entries.push(entry);
            head = next;
        }
        let failed = || FsError::at("can't append to", &path);
        file.set_len(self.length).map_err(failed())?;
        file.write_all(&lines).and_then(|()| file.sync_all()).map_err(failed())?;
        write_replacing(&self.folder.join("checkpoint"), head.to_checkpoint(key)?.as_bytes(), 0o600)?;
        self.length += lines.len() as u64;
        self.head = head;
        self.entries.append(&mut entries);
        Ok(())
    }
}
