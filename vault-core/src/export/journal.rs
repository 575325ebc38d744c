//! The journal of an export, in the vault: what was settled, what the source was, and every pack that a medium keeps.
//!
//! With it an export that broke off goes on where it stopped, and a volume that was lost is made again. It stands in
//! `exports/<label>/journal` and is a sequence of records, each behind its length and a keyed BLAKE3 over the one before
//! and its bytes: only who has the tent's key can write one, and only where it stands. A record that is torn, or was
//! altered, ends it.

use super::pack::Row;
use super::source::{Entry, Source, Stamp};
use super::{ExportError, Parity, Proof, Spanning};
use crate::error::FsError;
use crate::fs::{create_folder, sync_folder};
use crate::vault::{Vault, VaultError};
use gapvault_formats::agefile::Suite;
use gapvault_formats::ids::{JournalKey, MediumDigest, Nonce, TentKeyPin};
use gapvault_formats::names::{ArtifactRef, Label, TentName};
use gapvault_formats::seal::{Group, Subject};
use gapvault_formats::sshsig::PublicKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// The longest record in bytes, and how many rows or entries go into one.
const RECORD: usize = 4 << 20;
const TOGETHER: usize = 4096;
/// Bytes before a record: its length and its authentication.
const HEAD: usize = 4 + TAG;
const TAG: usize = 16;

/// What an export settled before it wrote anything.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begin {
    pub(super) artifact: ArtifactRef,
    pub(super) tent: TentName,
    /// The exporter's key, which is named on every volume; `None` for the vault's own.
    pub(super) key: Option<PublicKey>,
    /// As they were named, made absolute.
    pub(super) paths: Vec<PathBuf>,
    pub(super) follow_links: bool,
    pub(super) pack_size: u64,
    /// Large files that are read in turn: the order of the chunks follows from it.
    pub(super) lanes: usize,
    pub(super) parity: Parity,
    pub(super) suite: Suite,
    pub(super) spanning: Spanning,
    /// Of its media, those at which a file system was mounted, as they were named.
    pub(super) mounted: Vec<PathBuf>,
    pub(super) number: u64,
    pub(super) label: Label,
    pub(super) nonce: Nonce,
    pub(super) tent_key: TentKeyPin,
    /// The bundle's identity, in an age file of the same suite for the vault itself.
    #[serde(with = "serde_bytes")]
    pub(super) identity: Vec<u8>,
}

/// A pack that stands on a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    pub(super) number: u64,
    pub(super) sha256: MediumDigest,
    pub(super) size: u64,
    /// Which volume, counted from 0.
    pub(super) volume: usize,
    /// Which parity group, where a group has its packs on different volumes.
    pub(super) group: Option<u64>,
}

/// A volume that lacks nothing any more but what describes the whole bundle: it was read back and may be elsewhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Finished {
    pub(super) volume: usize,
    pub(super) groups: Vec<Group>,
    /// Its parity packs and its list of digests.
    pub(super) files: Vec<FileRecord>,
    /// What reading it back has shown.
    pub(super) proof: Proof,
}

/// A subject of the seal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRecord {
    name: String,
    sha256: MediumDigest,
    size: u64,
}

impl FileRecord {
    pub(super) fn new(subject: &Subject) -> Self {
        Self { name: subject.file.to_string(), sha256: subject.sha256, size: subject.size }
    }

    /// `None` for a name that no bundle has.
    pub(super) fn subject(&self) -> Option<Subject> {
        Some(Subject { file: self.name.parse().ok()?, sha256: self.sha256, size: self.size })
    }
}

#[derive(Serialize, Deserialize)]
enum Record {
    Begin(Box<Begin>),
    Stamps(Vec<Stamp>),
    Walked,
    Rows(Vec<Row>),
    Pack(Kept),
    /// The export was gone on with after these packs; what is noted of later ones does not count.
    GoneOn {
        from: u64,
    },
    Finished(Finished),
}

/// Everything that a journal says.
#[derive(Debug)]
pub(super) struct State {
    pub(super) begin: Begin,
    pub(super) stamps: Vec<Stamp>,
    /// Each pack with the rows that begin in it. Of a pack that was written twice, the later one.
    pub(super) packs: BTreeMap<u64, (Kept, Vec<Row>)>,
    pub(super) finished: BTreeMap<usize, Finished>,
    /// Where it ends.
    pub(super) end: End,
}

/// Where a journal ends: what follows was torn or altered, or is rows whose pack was not noted any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct End {
    /// The tag of its last record.
    last: [u8; TAG],
    bytes: u64,
}

/// An open journal.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    key: JournalKey,
    /// The tag of the last record.
    last: [u8; TAG],
}

/// Where the journals of a vault are.
pub(super) fn folder(vault: &Vault) -> PathBuf {
    vault.root().join("exports")
}

fn path(vault: &Vault, label: &Label) -> PathBuf {
    folder(vault).join(label.as_str()).join("journal")
}

impl Journal {
    /// Begins the journal of an export.
    pub(super) fn create(vault: &Vault, key: JournalKey, begin: Begin, source: &Source) -> Result<Self, ExportError> {
        let path = path(vault, &begin.label);
        let folder = path.parent().unwrap_or(&path);
        create_folder(folder, 0o700)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(FsError::at("can't create", &path))?;
        let mut journal = Self { file, path: path.clone(), key, last: [0; TAG] };
        journal.append(&Record::Begin(Box::new(begin)))?;
        let mut stamps = source.entries.iter().map(Entry::stamp).peekable();
        while stamps.peek().is_some() {
            journal.append(&Record::Stamps(stamps.by_ref().take(TOGETHER).collect()))?;
        }
        journal.append(&Record::Walked)?;
        journal.sync()?;
        sync_folder(folder)?;
        sync_folder(&self::folder(vault))?;
        Ok(journal)
    }

    /// Opens the journal of `label`, to be gone on with. Behind its last record it is cut off.
    pub(super) fn go_on(vault: &Vault, key: JournalKey, label: &Label, end: End) -> Result<Self, ExportError> {
        let path = path(vault, label);
        let failed = || FsError::at("can't open", &path);
        let mut file = OpenOptions::new().write(true).open(&path).map_err(failed())?;
        file.set_len(end.bytes).map_err(failed())?;
        file.seek(std::io::SeekFrom::Start(end.bytes)).map_err(failed())?;
        Ok(Self { file, path, key, last: end.last })
    }

    /// Notes a pack that is durable on its medium, with the rows that begin in it.
    pub(super) fn pack(&mut self, kept: Kept, rows: Vec<Row>) -> Result<(), ExportError> {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            self.append(&Record::Rows(rows.by_ref().take(TOGETHER).collect()))?;
        }
        self.append(&Record::Pack(kept))
    }

    /// Notes that the export goes on with pack `from`.
    pub(super) fn gone_on(&mut self, from: u64) -> Result<(), ExportError> {
        self.append(&Record::GoneOn { from })
    }

    /// Notes a volume that lacks nothing of its own.
    pub(super) fn finished(&mut self, finished: Finished) -> Result<(), ExportError> {
        self.append(&Record::Finished(finished))?;
        self.sync()
    }

    /// Makes what was noted durable. A pack that is noted and lost with the power is written again; nothing is believed.
    pub(super) fn sync(&self) -> Result<(), ExportError> {
        Ok(self.file.sync_data().map_err(FsError::at("can't make durable", &self.path))?)
    }

    fn append(&mut self, record: &Record) -> Result<(), ExportError> {
        let failed = || FsError::at("can't write", &self.path);
        let mut bytes = vec![0; HEAD];
        ciborium::into_writer(record, &mut bytes).map_err(|e| failed()(std::io::Error::other(e)))?;
        let (head, body) = bytes.split_at_mut(HEAD);
        // `TOGETHER` keeps records far below.
        head[..4].copy_from_slice(&(body.len() as u32).to_le_bytes());
        let tag = self.key.tag(&self.last, body);
        head[4..].copy_from_slice(&tag);
        self.file.write_all(&bytes).map_err(failed())?;
        self.last = tag;
        Ok(())
    }
}

/// Reads the journal of `label`. `None` if there is none, or one that never came to its packs.
pub(super) fn read(vault: &Vault, key: &JournalKey, label: &Label) -> Result<Option<State>, ExportError> {
    let path = path(vault, label);
    let failed = || FsError::at("can't read", &path);
    let file = match File::open(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed())?,
    };
    let mut records = Records { input: BufReader::new(&file), key, last: [0; TAG], end: 0 };
    Ok(State::read(&mut records, label).map_err(failed())?)
}

struct Records<'a> {
    input: BufReader<&'a File>,
    key: &'a JournalKey,
    /// The tag of the record before.
    last: [u8; TAG],
    /// Bytes of whole records.
    end: u64,
}

impl Records<'_> {
    /// The next record; `None` at the end, and where something else begins.
    fn next(&mut self) -> std::io::Result<Option<Record>> {
        let mut head = [0; HEAD];
        let read = |result: std::io::Result<()>| match result {
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
            result => result.map(|()| true),
        };
        if !read(self.input.read_exact(&mut head))? {
            return Ok(None);
        }
        let (length, tag) = head.split_at(4);
        let length = u32::from_le_bytes(length.try_into().unwrap_or_default()) as usize;
        if length > RECORD {
            return Ok(None);
        }
        let mut body = vec![0; length];
        if !read(self.input.read_exact(&mut body))? || self.key.tag(&self.last, &body) != tag {
            return Ok(None);
        }
        let Ok(record) = ciborium::from_reader(body.as_slice()) else { return Ok(None) };
        self.last.copy_from_slice(tag);
        self.end += (HEAD + length) as u64;
        Ok(Some(record))
    }
}

impl State {
    fn read(records: &mut Records<'_>, label: &Label) -> std::io::Result<Option<Self>> {
        let Some(Record::Begin(begin)) = records.next()? else { return Ok(None) };
        if begin.label != *label {
            return Ok(None);
        }
        let mut state = Self {
            begin: *begin,
            stamps: Vec::new(),
            packs: BTreeMap::new(),
            finished: BTreeMap::new(),
            end: End::default(),
        };
        let (mut rows, mut walked) = (Vec::new(), false);
        while let Some(record) = records.next()? {
            match record {
                Record::Begin(_) => return Ok(None),
                Record::Stamps(stamps) => state.stamps.extend(stamps),
                Record::Walked => walked = true,
                Record::Rows(more) => rows.extend(more),
                Record::Pack(kept) => drop(state.packs.insert(kept.number, (kept, std::mem::take(&mut rows)))),
                Record::GoneOn { from } => drop(state.packs.split_off(&from)),
                Record::Finished(finished) => drop(state.finished.insert(finished.volume, finished)),
            }
            if rows.is_empty() {
                state.end = End { last: records.last, bytes: records.end };
            }
        }
        Ok(walked.then_some(state))
    }
}

/// Removes the journal of an export that came to nothing, or to a bundle that has expired.
pub(super) fn remove(vault: &Vault, label: &Label) -> Result<(), ExportError> {
    Ok(crate::fs::remove_tree(&folder(vault).join(label.as_str()))?)
}

/// The labels that have a journal.
pub(super) fn labels(vault: &Vault) -> Result<Vec<Label>, ExportError> {
    let folder = folder(vault);
    let failed = || FsError::at("can't list", &folder);
    let entries = match std::fs::read_dir(&folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed())?,
    };
    let mut labels = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed())?.file_name();
        labels.extend(name.to_str().and_then(|name| name.parse().ok()));
    }
    labels.sort_unstable();
    Ok(labels)
}

/// The keys that the journal of an export of `tent` may have, one for each key of the tent; the latest first.
pub(super) fn keys(vault: &Vault, tent: &TentName, label: &Label) -> Result<Vec<JournalKey>, VaultError> {
    Ok(vault.tent_keys(tent)?.iter().map(|key| key.journal_key(label)).collect())
}
