//! The seal: the signed public statement over every byte of a bundle.
//!
//! It is an in-toto Statement v1 and tells an outsider sizes, counts, keys, times and numbers, nothing else. It is signed
//! and identified as stored bytes: nobody parses it before its signature has been verified over those bytes, and nobody
//! writes it again from what was parsed.

mod parity;
mod rules;

pub use parity::{Group, Parity, Stride};

use crate::agefile::Suite;
use crate::ids::{BundleId, DestinationTag, MediumDigest, Nonce};
use crate::names::{Label, VolumeName};
use crate::sshsig::PublicKey;
use crate::time::Time;
use crate::{limits, names};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of the seal in a bundle's folder.
pub const SEAL_NAME: &str = "seal.json";

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "gapvault:seal:v1";

/// A file of a bundle, by the role that its name gives it. Nothing else can be named by a seal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BundleFile {
    /// `RECOVER.txt`
    Recover,
    /// `SHA256SUMS.<volume>`
    Sums(VolumeName),
    /// `catalogue.age`
    Catalogue,
    /// `index.age`
    Index,
    /// `keys.age`
    Keys,
    /// `packs/NNNN/NNNNNN.age`, counted from 0.
    Pack(u64),
    /// `parity/NNNN/NNNNNN.rs`, counted from 0.
    Parity(u64),
}

impl BundleFile {
    /// The largest size in bytes that a seal may give it.
    #[must_use]
    pub fn size_limit(&self) -> u64 {
        match self {
            Self::Recover => limits::RECOVER_BYTES,
            Self::Sums(_) => limits::SUMS_BYTES,
            Self::Catalogue | Self::Index => limits::SEALED_TABLE_BYTES,
            Self::Keys => limits::KEYS_BYTES,
            Self::Pack(_) | Self::Parity(_) => limits::PACK_BYTES,
        }
    }
}

impl fmt::Display for BundleFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recover => f.write_str("RECOVER.txt"),
            Self::Sums(volume) => write!(f, "SHA256SUMS.{volume}"),
            Self::Catalogue => f.write_str("catalogue.age"),
            Self::Index => f.write_str("index.age"),
            Self::Keys => f.write_str("keys.age"),
            Self::Pack(n) => write!(f, "packs/{:04}/{n:06}.age", n / 1000),
            Self::Parity(n) => write!(f, "parity/{:04}/{n:06}.rs", n / 1000),
        }
    }
}

impl std::str::FromStr for BundleFile {
    type Err = SealError;
    fn from_str(text: &str) -> Result<Self, SealError> {
        let unknown = || SealError::FileName { name: names::shorten(text) };
        let file = match text {
            "RECOVER.txt" => Self::Recover,
            "catalogue.age" => Self::Catalogue,
            "index.age" => Self::Index,
            "keys.age" => Self::Keys,
            _ => match text.strip_prefix("SHA256SUMS.") {
                Some(volume) => Self::Sums(volume.parse().map_err(|_| unknown())?),
                None => {
                    let (name, numbered): (_, fn(u64) -> Self) = match text.strip_suffix(".age") {
                        Some(name) => (name, Self::Pack),
                        None => (text.strip_suffix(".rs").ok_or_else(unknown)?, Self::Parity),
                    };
                    let digits = name.rsplit('/').next();
                    let number = digits.filter(|d| d.len() == 6 && d.bytes().all(|c| c.is_ascii_digit()));
                    numbered(number.and_then(|d| d.parse().ok()).ok_or_else(unknown)?)
                }
            },
        };
        if file.to_string() == text { Ok(file) } else { Err(unknown()) }
    }
}

/// A file of the bundle and what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Which file.
    pub file: BundleFile,
    /// The SHA-256 of its bytes.
    pub sha256: MediumDigest,
    /// Its size in bytes.
    pub size: u64,
}

/// How many recipients each sealed file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stanzas {
    /// Auditors and the bundle's own identity.
    pub catalogue: u64,
    /// Members.
    pub keys: u64,
    /// The bundle's own identity: 1.
    pub index: u64,
    /// The bundle's own identity: 1.
    pub pack: u64,
}

/// The stream's padded length and how it is cut into packs, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamLayout {
    /// All of it, padding included.
    pub length: u64,
    /// In each pack; the last may hold less.
    pub pack: u64,
}

impl StreamLayout {
    /// How many packs there are.
    #[must_use]
    pub fn packs(&self) -> u64 {
        self.length.div_ceil(self.pack)
    }
    /// How many bytes of the stream pack `number` holds.
    #[must_use]
    pub fn pack_length(&self, number: u64) -> u64 {
        self.length.saturating_sub(number.saturating_mul(self.pack)).min(self.pack)
    }
}

/// What stands on one medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Its name.
    pub name: VolumeName,
    /// The packs on it: ranges from a first to one past the last.
    pub packs: Vec<(u64, u64)>,
}

/// What the seal says of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    /// [`crate::FORMAT`].
    pub format: u32,
    /// The bundle's folder.
    pub label: Label,
    /// Random, so that tags can't be linked.
    pub nonce: Nonce,
    /// The key whose signature makes this a bundle.
    pub exporter: PublicKey,
    /// When it was sealed.
    pub created: Time,
    /// After when it is refused.
    pub expires: Time,
    /// Unique to the exporting vault and tent; counts up.
    pub number: u64,
    /// For each site that it is for, a tag that this site recognises.
    pub destinations: Vec<DestinationTag>,
    /// How files are sealed.
    pub suite: Suite,
    /// How many recipients they have.
    pub stanzas: Stanzas,
    /// The stream.
    pub stream: StreamLayout,
    /// The media.
    pub volumes: Vec<Volume>,
    /// What it can be mended with.
    pub parity: Option<Parity>,
    /// Reserved for the bundles it builds on: empty.
    pub builds_on: Vec<BundleId>,
    /// The seal that this one takes the place of: the same content, some of it in fresh packs.
    pub supersedes: Option<BundleId>,
}

/// A seal whose contents fit each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    subjects: Vec<Subject>,
    predicate: Predicate,
}

/// Why a seal is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not the JSON of a seal: a wrong type, an unknown or missing field, trailing bytes.
    #[error("seal.json is not of the format: {fault}")]
    Malformed {
        /// What the parser said.
        fault: String,
    },
    /// The fields fit, but the bytes are not those that a writer gives them.
    #[error("seal.json is not in its canonical layout")]
    NotCanonical,
    /// Another format version, statement or predicate type.
    #[error("seal.json: {field} is {actual:?}, this program reads {expected:?}")]
    Version {
        /// Where.
        field: &'static str,
        /// What it says.
        actual: String,
        /// What it should say.
        expected: String,
    },
    /// A file name that no bundle has.
    #[error("seal.json names a file {name:?}, which no bundle has")]
    FileName {
        /// The name, shortened.
        name: String,
    },
    /// Contents that don't fit each other or a limit.
    #[error("seal.json: {0}")]
    Rule(&'static str),
    /// A size over what this kind of file may have.
    #[error("seal.json: {file} has {size} bytes, the limit is {limit}")]
    Size {
        /// Which file.
        file: BundleFile,
        /// What the seal gives.
        size: u64,
        /// What it may give.
        limit: u64,
    },
    /// A file that the rest of the seal calls for is missing from its subjects, or one too many.
    #[error("seal.json: its subjects are not the files of this bundle: {file}")]
    Subjects {
        /// The first that differs.
        file: String,
    },
}

impl Seal {
    /// A new seal, held to the same rules as one that was read. `subjects` come in any order.
    pub fn new(mut subjects: Vec<Subject>, predicate: Predicate) -> Result<Self, SealError> {
        subjects.sort_by_cached_key(|s| s.file.to_string());
        let seal = Self { subjects, predicate };
        rules::check(&seal)?;
        Ok(seal)
    }

    /// The files of the bundle, by name.
    #[must_use]
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// What the seal says of them.
    #[must_use]
    pub fn predicate(&self) -> &Predicate {
        &self.predicate
    }

    /// What `file` must be; every seal has a catalogue, keys, an index and its packs.
    #[must_use]
    pub fn subject(&self, file: &BundleFile) -> Option<&Subject> {
        // SPEC 4.1: by their names the packs stand behind all else but the parity packs, both in the order of their numbers.
        let p = &self.predicate;
        let packs = 4 + p.volumes.len() as u64;
        let at = match file {
            BundleFile::Pack(number) => packs.checked_add(*number)?,
            BundleFile::Parity(number) => (packs + p.stream.packs()).checked_add(*number)?,
            other => self.subjects.iter().take(packs as usize).position(|s| s.file == *other)? as u64,
        };
        self.subjects.get(usize::try_from(at).ok()?).filter(|s| s.file == *file)
    }

    /// The bytes of all files together.
    #[must_use]
    pub fn total_size(&self) -> u64 {
        self.subjects.iter().fold(0, |sum, s| sum.saturating_add(s.size))
    }

    /// How many recipients the age header of `file` must have; `None` for what is not an age file.
    #[must_use]
    pub fn stanzas(&self, file: &BundleFile) -> Option<u64> {
        let stanzas = &self.predicate.stanzas;
        match file {
            BundleFile::Recover | BundleFile::Sums(_) | BundleFile::Parity(_) => None,
            BundleFile::Catalogue => Some(stanzas.catalogue),
            BundleFile::Index => Some(stanzas.index),
            BundleFile::Keys => Some(stanzas.keys),
            BundleFile::Pack(_) => Some(stanzas.pack),
        }
    }
}

mod read {
    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Statement {
        #[serde(rename = "_type")]
        statement_type: String,
        subject: Vec<Resource>,
        #[serde(rename = "predicateType")]
        predicate_type: String,
        predicate: Predicate,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Resource {
        name: String,
        digest: Digest,
        annotations: Annotations,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Digest {
        sha256: MediumDigest,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Annotations {
        size: u64,
    }

    impl Seal {
        /// Parses bytes whose signature has been verified.
        pub fn parse(bytes: &[u8]) -> Result<Self, SealError> {
            let malformed = |e: serde_json::Error| SealError::Malformed { fault: names::shorten(&e.to_string()) };
            let statement: Statement = serde_json::from_slice(bytes).map_err(malformed)?;
            for (field, actual, expected) in [
                ("_type", &statement.statement_type, STATEMENT_TYPE),
                ("predicateType", &statement.predicate_type, PREDICATE_TYPE),
            ] {
                if actual != expected {
                    let actual = names::shorten(actual);
                    return Err(SealError::Version { field, actual, expected: expected.to_owned() });
                }
            }
            let mut subjects = Vec::with_capacity(statement.subject.len());
            for r in statement.subject {
                let file = r.name.parse()?;
                subjects.push(Subject { file, sha256: r.digest.sha256, size: r.annotations.size });
            }
            let seal = Self { subjects, predicate: statement.predicate };
            rules::check(&seal)?;
            // SPEC 3.1: JSON parsers differ on repeated and missing fields; here each seal has one text.
            if seal.to_bytes()? == bytes { Ok(seal) } else { Err(SealError::NotCanonical) }
        }
    }
}

mod write {
    use super::*;
    use std::fmt::Write;

    impl Seal {
        /// The bytes to sign and store: one subject a line, so that stock tools can look one up.
        pub fn to_bytes(&self) -> Result<Vec<u8>, SealError> {
            let predicate =
                serde_json::to_string(&self.predicate).map_err(|e| SealError::Malformed { fault: e.to_string() })?;
            let mut out = format!("{{\"_type\":\"{STATEMENT_TYPE}\",\"subject\":[\n");
            for (i, Subject { file, sha256, size }) in self.subjects.iter().enumerate() {
                let comma = if i + 1 == self.subjects.len() { "" } else { "," };
                // Writing to a String can't fail; the names need no escapes.
                let _ = writeln!(
                    out,
                    "{{\"name\":\"{file}\",\"digest\":{{\"sha256\":\"{sha256}\"}},\"annotations\":{{\"size\":{size}}}}}{comma}"
                );
            }
            let _ = writeln!(out, "],\"predicateType\":\"{PREDICATE_TYPE}\",\n\"predicate\":{predicate}}}");
            Ok(out.into_bytes())
        }
    }
}
