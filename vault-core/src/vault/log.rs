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

/// The log, checked and in memory.
///
/// Several commands may append to it, each under the lock of the file: whoever appends first reads what others have
/// appended since.
#[derive(Debug)]
pub(super) struct Log {
    folder: PathBuf,
    entries: Vec<Entry>,
    head: LogHead,
    /// How far the checkpoint was when the log was opened, or this wrote it.
    checkpoint: LogHead,
    /// Bytes of whole entries.
    length: u64,
}

impl Log {
    /// An empty log in `folder`.
    pub(super) fn create(folder: &Path) -> Result<Self, VaultError> {
        write_new(&folder.join("entries.jsonl"), b"", 0o600)?;
        Ok(Self::empty(folder))
    }

    fn empty(folder: &Path) -> Self {
        let (head, checkpoint) = (LogHead::EMPTY, LogHead::EMPTY);
        Self { folder: folder.to_owned(), entries: Vec::new(), head, checkpoint, length: 0 }
    }

    /// Reads the log, entry by entry, and holds it against its checkpoint, which must be signed with `key`.
    pub(super) fn open(folder: &Path, key: &PublicKey) -> Result<Self, VaultError> {
        // The checkpoint first: it never runs ahead of the entries, not even while another command appends.
        let path = folder.join("checkpoint");
        let mut checkpoint = Vec::new();
        let file = File::open(&path).map_err(VaultError::opening(&path))?;
        file.take(limits::SIGNATURE_BYTES).read_to_end(&mut checkpoint).map_err(FsError::at("can't read", &path))?;
        let checkpoint = LogHead::from_checkpoint(&checkpoint, key)?;

        let path = folder.join("entries.jsonl");
        let file = File::open(&path).map_err(VaultError::opening(&path))?;
        let mut log = Self { checkpoint, ..Self::empty(folder) };
        if log.follow(&file, &path, Some(checkpoint))? {
            return Ok(log);
        }
        let (actual, expected) = (log.head.seq, checkpoint.seq);
        Err(LogError::CheckpointAhead { actual, expected }.into())
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Reads the entries from where this log ends to the end of `file`; says whether `checkpoint` was among the heads.
    fn follow(&mut self, file: &File, path: &Path, checkpoint: Option<LogHead>) -> Result<bool, VaultError> {
        let mut input = BufReader::new(file);
        input.seek(SeekFrom::Start(self.length)).map_err(FsError::at("can't read", path))?;
        let mut covered = checkpoint == Some(self.head);
        loop {
            let mut line = Vec::new();
            let limit = limits::LOG_LINE_BYTES as u64 + 1;
            let read = input.by_ref().take(limit).read_until(b'\n', &mut line);
            if read.map_err(FsError::at("can't read", path))? == 0 {
                return Ok(covered);
            }
            // SPEC 11.3: a last line without its newline was never committed.
            if line.last() != Some(&b'\n') && (line.len() as u64) < limit {
                return Ok(covered);
            }
            let (entry, head) = self.head.follow(&line)?;
            self.length += line.len() as u64;
            covered |= checkpoint == Some(head);
            self.head = head;
            self.entries.push(entry);
        }
    }

    /// Moves the checkpoint to the last entry, if a command was killed after it wrote that: an entry that no checkpoint
    /// covers could be removed unnoticed.
    pub(super) fn catch_up(&mut self, key: &SigningKey) -> Result<(), VaultError> {
        if self.checkpoint == self.head {
            return Ok(());
        }
        let (_file, _) = self.lock()?;
        self.write_checkpoint(key)
    }

    /// Locks the log and reads what others have appended. Held for the moment that it takes to append, so waiting for it
    /// is short.
    fn lock(&mut self) -> Result<(File, PathBuf), VaultError> {
        let path = self.folder.join("entries.jsonl");
        let file = OpenOptions::new().read(true).append(true).open(&path).map_err(FsError::at("can't open", &path))?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(FsError::at("can't lock", &path))?;
        self.follow(&file, &path, None)?;
        Ok((file, path))
    }

    fn write_checkpoint(&mut self, key: &SigningKey) -> Result<(), VaultError> {
        write_replacing(&self.folder.join("checkpoint"), self.head.to_checkpoint(key)?.as_bytes(), 0o600)?;
        self.checkpoint = self.head;
        Ok(())
    }

    /// Appends an entry, durably, then moves the checkpoint.
    pub(super) fn append(&mut self, time: Time, event: Event, key: &SigningKey) -> Result<(), VaultError> {
        let (mut file, path) = self.lock()?;
        let (line, entry, head) = self.head.append(time, event)?;
        let failed = || FsError::at("can't append to", &path);
        // What a killed command left of a line is no entry.
        file.set_len(self.length).map_err(failed())?;
        if let Err(e) = file.write_all(&line).and_then(|()| file.sync_all()) {
            // The next one to append would do the same.
            let _ = file.set_len(self.length);
            return Err(failed()(e).into());
        }
        if self.length == 0 {
            sync_folder(&self.folder)?;
        }
        self.length += line.len() as u64;
        self.head = head;
        self.entries.push(entry);
        self.write_checkpoint(key)
    }
}
