//! The custody log on disk.

use super::{Access, VaultError};
use crate::error::FsError;
use crate::fs::{sync_folder, write_new, write_replacing};
use gapvault_formats::custody::{Entry, Event, LogError, LogHead};
use gapvault_formats::limits;
use gapvault_formats::sshsig::{PublicKey, SigningKey};
use gapvault_formats::time::Time;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// The log, checked and in memory.
#[derive(Debug)]
pub(super) struct Log {
    folder: PathBuf,
    entries: Vec<Entry>,
    head: LogHead,
    /// Bytes of whole entries.
    length: u64,
}

impl Log {
    /// An empty log in `folder`.
    pub(super) fn create(folder: &Path) -> Result<Self, VaultError> {
        write_new(&folder.join("entries.jsonl"), b"", 0o600)?;
        Ok(Self { folder: folder.to_owned(), entries: Vec::new(), head: LogHead::EMPTY, length: 0 })
    }

    /// Reads the log, entry by entry, and holds it against its checkpoint, which must be signed with `key`.
    pub(super) fn open(folder: &Path, key: &PublicKey, access: Access) -> Result<Self, VaultError> {
        // The checkpoint first: it never runs ahead of the entries, not even while another command appends.
        let path = folder.join("checkpoint");
        let mut checkpoint = Vec::new();
        let file = File::open(&path).map_err(FsError::at("can't open", &path))?;
        file.take(limits::SIGNATURE_BYTES).read_to_end(&mut checkpoint).map_err(FsError::at("can't read", &path))?;
        let checkpoint = LogHead::from_checkpoint(&checkpoint, key)?;

        let path = folder.join("entries.jsonl");
        let file = File::open(&path).map_err(FsError::at("can't open", &path))?;
        let total = file.metadata().map_err(FsError::at("can't look at", &path))?.len();
        let mut log = Self { folder: folder.to_owned(), entries: Vec::new(), head: LogHead::EMPTY, length: 0 };
        let mut input = BufReader::new(file);
        let mut covered = checkpoint == LogHead::EMPTY;
        loop {
            let mut line = Vec::new();
            let limit = limits::LOG_LINE_BYTES as u64 + 1;
            let read = input.by_ref().take(limit).read_until(b'\n', &mut line);
            if read.map_err(FsError::at("can't read", &path))? == 0 {
                break;
            }
            // SPEC 11.3: a last line without its newline was never committed.
            if line.last() != Some(&b'\n') && (line.len() as u64) < limit {
                break;
            }
            let (entry, head) = log.head.follow(&line)?;
            log.length += line.len() as u64;
            covered |= head == checkpoint;
            log.head = head;
            log.entries.push(entry);
        }
        if !covered {
            let (actual, expected) = (log.head.seq, checkpoint.seq);
            return Err(LogError::CheckpointAhead { actual, expected }.into());
        }
        if access == Access::Write && log.length < total {
            let file = OpenOptions::new().write(true).open(&path).map_err(FsError::at("can't open", &path))?;
            file.set_len(log.length).and_then(|()| file.sync_all()).map_err(FsError::at("can't mend", &path))?;
        }
        Ok(log)
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Appends an entry, durably, then moves the checkpoint.
    pub(super) fn append(&mut self, time: Time, event: Event, key: &SigningKey) -> Result<(), VaultError> {
        let (line, entry, head) = self.head.append(time, event)?;
        let path = self.folder.join("entries.jsonl");
        let mut file = OpenOptions::new().append(true).open(&path).map_err(FsError::at("can't open", &path))?;
        if let Err(e) = file.write_all(&line).and_then(|()| file.sync_all()) {
            // A torn line is no entry; cutting it off now spares the next command from doing so.
            let _ = file.set_len(self.length);
            return Err(FsError::at("can't append to", &path)(e).into());
        }
        if self.length == 0 {
            sync_folder(&self.folder)?;
        }
        self.length += line.len() as u64;
        self.head = head;
        self.entries.push(entry);
        write_replacing(&self.folder.join("checkpoint"), head.to_checkpoint(key)?.as_bytes(), 0o600)?;
        Ok(())
    }
}
