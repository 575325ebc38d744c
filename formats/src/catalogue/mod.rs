//! The catalogue: what moved, from whom, for whom. For members and auditors.
//!
//! Records in this order: one `head`; per artifact one `artifact` and its entries (`folder`, `file`, `link`) in tree
//! order; one `end`. The head gives the totals, so that a reader can refuse a lie before it has read far.

mod rules;

use self::rules::Rules;
use crate::FORMAT;
use crate::agefile::{Recipient, Suite};
use crate::ids::{BundleId, CardFingerprint, FileDigest, Nonce};
use crate::limits;
use crate::names::{ArtifactRef, PersonName, SiteName, TentName};
use crate::records::{RecordError, RecordReader, RecordWriter};
use crate::relpath::{PathError, RelPath};
use crate::tree::TreeError;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Write};

/// How many there are of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Artifacts.
    pub artifacts: u64,
    /// Regular files.
    pub files: u64,
    /// Folders, the artifacts' roots not counted.
    pub folders: u64,
    /// Symbolic links.
    pub links: u64,
    /// Bytes in the files.
    pub bytes: u64,
}

impl Totals {
    /// Files, folders and links together.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.files.saturating_add(self.folders).saturating_add(self.links)
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { artifacts, files, folders, links, bytes } = *self;
        let counts = [(artifacts, "artifact"), (files, "file"), (folders, "folder"), (links, "link"), (bytes, "byte")];
        for (i, (count, noun)) in counts.into_iter().enumerate() {
            let (comma, plural) = (if i == 0 { "" } else { ", " }, if count == 1 { "" } else { "s" });
            write!(f, "{comma}{count} {noun}{plural}")?;
        }
        Ok(())
    }
}

/// What a recipient may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Member,
    /// The catalogue only.
    Auditor,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Member => "member",
            Self::Auditor => "auditor",
        })
    }
}

/// Somebody for whom a file of the bundle is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reader {
    /// The site.
    pub site: SiteName,
    /// What it may read.
    pub role: Role,
    /// What is sealed for it.
    pub recipient: Recipient,
    /// The card that the exporter took it from.
    pub card: CardFingerprint,
}

/// The first record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// [`FORMAT`].
    pub format: u32,
    /// The seal's nonce: ties the catalogue to its bundle.
    pub nonce: Nonce,
    /// The tent.
    pub tent: TentName,
    /// The exporting site.
    pub site: SiteName,
    /// The exporting person.
    pub person: PersonName,
    /// Everybody who can open any part of the bundle.
    pub readers: Vec<Reader>,
    /// What follows.
    pub totals: Totals,
}

impl Head {
    /// Whether all readers have a recipient of `suite`.
    pub fn expect_suite(&self, suite: Suite) -> Result<(), CatalogueError> {
        match self.readers.iter().find(|reader| reader.recipient.suite() != suite) {
            None => Ok(()),
            Some(Reader { site, recipient, .. }) => {
                Err(CatalogueError::Suite { site: site.clone(), actual: recipient.suite(), expected: suite })
            }
        }
    }
}

/// A remark on an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// What it is about.
    pub key: String,
    /// What is said.
    pub value: String,
}

/// Where an artifact comes from, as the exporter tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The host it was exported on.
    pub host: String,
    /// The program and its version.
    pub tool: String,
    /// The licence, as an SPDX expression if there is one.
    pub licence: Option<String>,
    /// The bundles it descends from.
    pub parents: Vec<BundleId>,
    /// Anything else.
    pub notes: Vec<Note>,
}

/// Begins an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Its name and version.
    pub artifact: ArtifactRef,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// A folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// Where it stands.
    pub path: RelPath,
    /// Permission bits, at most 0o777.
    pub mode: u32,
}

/// A regular file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Where it stands.
    pub path: RelPath,
    /// Permission bits, at most 0o777.
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: FileDigest,
}

/// A symbolic link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Where it stands.
    pub path: RelPath,
    /// Where it points: see [`crate::relpath::LinkTarget`].
    pub target: String,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Record {
    /// The first.
    Head(Head),
    /// Begins an artifact.
    Artifact(Artifact),
    /// An entry of the artifact before.
    Folder(Folder),
    /// An entry of the artifact before.
    File(File),
    /// An entry of the artifact before.
    Link(Link),
    /// The last: what was there, so that a lost record is noticed.
    End(Totals),
}

/// Why a catalogue is refused.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A record can't be read.
    #[error("catalogue: {0}")]
    Record(#[from] RecordError),
    /// A record stands where it can't, or something is missing or left over.
    #[error("catalogue: {0}")]
    Sequence(&'static str),
    /// Another format version.
    #[error("catalogue: format {actual}, this program reads {FORMAT}")]
    Format {
        /// What it says.
        actual: u32,
    },
    /// More than a limit allows.
    #[error("catalogue: {what} {actual}, the limit is {limit}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        actual: u64,
        /// How much there may be.
        limit: u64,
    },
    /// The same recipient twice: the second would stand in for one that is hidden.
    #[error("catalogue: two readers have the recipient {recipient}")]
    Reader {
        /// Which recipient, shortened.
        recipient: String,
    },
    /// Recipients of both suites, or of another than the seal's.
    #[error("catalogue: reader {site} has a recipient of the suite {actual}, expected was {expected}")]
    Suite {
        /// Which site.
        site: SiteName,
        /// What its recipient is of.
        actual: Suite,
        /// What it should be of.
        expected: Suite,
    },
    /// Two artifacts that a person could not tell apart.
    #[error("catalogue: two artifacts are named {artifact}")]
    Artifact {
        /// Their name and version.
        artifact: ArtifactRef,
    },
    /// An entry in a wrong place.
    #[error("catalogue: {0}")]
    Tree(#[from] TreeError),
    /// A link target that is refused.
    #[error("catalogue: link {at}: {fault}")]
    Link {
        /// The link.
        at: RelPath,
        /// What is wrong with its target.
        fault: PathError,
    },
    /// Setuid, setgid, sticky or unknown bits.
    #[error("catalogue: {at} has mode {mode:o}, only permission bits are allowed")]
    Mode {
        /// The entry.
        at: RelPath,
        /// Its mode.
        mode: u32,
    },
    /// Text with control characters.
    #[error("catalogue: {what} has a control character or is over {} bytes", limits::TEXT_BYTES)]
    Text {
        /// Which text.
        what: &'static str,
    },
    /// The totals at the head, those at the end, or what was counted differ.
    #[error("catalogue: {place} totals are {said}, found {found}")]
    Totals {
        /// Where they stand.
        place: &'static str,
        /// What they say.
        said: Totals,
        /// What was counted.
        found: Totals,
    },
    /// Writing failed.
    #[error("catalogue: {0}")]
    Write(io::Error),
}

/// Writes a catalogue, refusing what a reader would refuse.
#[derive(Debug)]
pub struct CatalogueWriter<W> {
    out: RecordWriter<W>,
    rules: Rules,
}

impl<W: Write> CatalogueWriter<W> {
    /// Writes the head to `out`.
    pub fn new(out: W, head: Head) -> Result<Self, CatalogueError> {
        let rules = Rules::new(&head)?;
        let mut out = RecordWriter::new(out);
        out.write(&Record::Head(head)).map_err(CatalogueError::Write)?;
        Ok(Self { out, rules })
    }

    /// Writes an artifact or an entry.
    pub fn write(&mut self, record: &Record) -> Result<(), CatalogueError> {
        self.rules.check(record)?;
        self.out.write(record).map_err(CatalogueError::Write)
    }

    /// Writes the end and gives the writer back.
    pub fn finish(mut self) -> Result<W, CatalogueError> {
        let end = Record::End(self.rules.found);
        self.write(&end)?;
        Ok(self.out.into_inner())
    }
}

/// Reads a catalogue, record by record, by the rules.
#[derive(Debug)]
pub struct CatalogueReader<R> {
    records: RecordReader<R>,
    head: Head,
    rules: Rules,
    ended: bool,
}

impl<R: BufRead> CatalogueReader<R> {
    /// Reads the head.
    pub fn new(input: R) -> Result<Self, CatalogueError> {
        let mut records = RecordReader::new(input);
        match records.next_record()? {
            Some(Record::Head(head)) => {
                let rules = Rules::new(&head)?;
                Ok(Self { records, head, rules, ended: false })
            }
            _ => Err(CatalogueError::Sequence("does not begin with a head")),
        }
    }

    /// The head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The next artifact or entry; `None` after the end record, which must be the last.
    pub fn next_record(&mut self) -> Result<Option<Record>, CatalogueError> {
        if self.ended {
            return Ok(None);
        }
        let record =
            self.records.next_record()?.ok_or(CatalogueError::Sequence("breaks off without its end record"))?;
        self.rules.check(&record)?;
        if !matches!(record, Record::End(_)) {
            return Ok(Some(record));
        }
        self.ended = true;
        match self.records.next_record::<Record>()? {
            None => Ok(None),
            Some(_) => Err(CatalogueError::Sequence("goes on after its end record")),
        }
    }
}
