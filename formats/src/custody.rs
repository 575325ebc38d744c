//! The custody log: what a vault did and what it admitted. Its entries, once a
//! checkpoint covers them, are the commit points.
//!
//! One JSON object a line, each naming the SHA-256 of the line before, so that an edited or removed entry is noticed. A
//! checkpoint beside it, signed by the vault, says how far the log has come: removed last entries are noticed, and what
//! somebody without the vault's key adds behind it does not count.

use crate::agefile::Recipient;
use crate::ids::{BundleId, CardFingerprint, EntryHash, PolicyDigest, TentKeyPin};
use crate::limits;
use crate::names::{ArtifactRef, Label, PersonName, SiteName, TentName};
use crate::sshsig::{Namespace, PublicKey, Signature, SigningKey, SshError};
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Counted from 1 without gaps.
    pub seq: u64,
    /// The hash of the line before; zeros for the first.
    pub prev: EntryHash,
    /// When it was written, by this host's clock.
    pub time: Time,
    /// What happened.
    pub event: Event,
}

impl Entry {
    /// Its line, newline included.
    fn to_line(&self) -> Result<Vec<u8>, LogError> {
        let malformed = |e: serde_json::Error| LogError::Malformed { seq: self.seq, fault: e.to_string() };
        let mut line = serde_json::to_vec(self).map_err(malformed)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// The vault was made.
    Init {
        /// Its site.
        site: SiteName,
        /// Its own card.
        card: CardFingerprint,
    },
    /// A policy was applied.
    Policy {
        /// Its epoch.
        epoch: u64,
        /// Its bytes.
        digest: PolicyDigest,
        /// What is new in it, for people.
        change: String,
        /// The root persons whose signatures counted.
        signed: Vec<PersonName>,
    },
    /// A policy was refused.
    PolicyRefused {
        /// Its epoch, if it could be read.
        epoch: Option<u64>,
        /// Its bytes.
        digest: PolicyDigest,
        /// What was checked, against which rule.
        reason: String,
    },
    /// The host's clock says an earlier time than the entry before.
    ClockBack {
        /// The time of the entry before.
        before: Time,
    },
    /// The vault has another card: its age identities were renewed.
    Card {
        /// The fingerprint of the new one.
        card: CardFingerprint,
    },
    /// What this vault holds can be opened with this recipient's identity too, which is kept elsewhere, offline.
    Recovery {
        /// The recipient; `None` if there is none any more.
        recipient: Option<Recipient>,
    },
    /// A tent key was pinned to its tent. Of several the last is in use.
    TentKey {
        /// The tent.
        tent: TentName,
        /// The pin of its key.
        pin: TentKeyPin,
    },
    /// A number was taken for an export.
    ExportBegun(ExportBegun),
    /// A bundle was sealed.
    Exported(Box<Exported>),
    /// An export that had begun came to nothing.
    ExportAbandoned {
        /// Its label.
        label: Label,
        /// Its seal, if there was one already.
        bundle: Option<BundleId>,
    },
    /// A bundle that was sealed here was sealed anew, with fresh packs for some that were lost.
    Superseded {
        /// The seal that no longer counts here.
        bundle: BundleId,
        /// The seal that took its place.
        by: BundleId,
    },
    /// A bundle was admitted.
    Imported(Box<Imported>),
    /// A bundle was refused.
    Refused {
        /// Its seal.
        bundle: BundleId,
        /// What was checked, against which rule.
        reason: String,
        /// The epoch of the policy that refused it.
        epoch: u64,
    },
    /// Somebody approved a bundle here.
    Approved {
        /// Its seal.
        bundle: BundleId,
        /// Who.
        person: PersonName,
        /// With which key.
        key: PublicKey,
    },
    /// Everything of an artifact decoded and was verified.
    CheckedOut {
        /// The bundle.
        bundle: BundleId,
        /// The artifact.
        artifact: ArtifactRef,
    },
}

/// A number was taken for an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportBegun {
    /// The tent.
    pub tent: TentName,
    /// The number.
    pub number: u64,
    /// The folder on the medium.
    pub label: Label,
}

/// A bundle was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exported {
    /// Its seal.
    pub bundle: BundleId,
    /// Its folder on the medium.
    pub label: Label,
    /// Its tent.
    pub tent: TentName,
    /// Its number.
    pub number: u64,
    /// When it was sealed.
    pub created: Time,
    /// After when it is refused.
    pub expires: Time,
    /// Who sealed it.
    pub exporter: PersonName,
    /// With which key.
    pub key: PublicKey,
    /// The sites it is for.
    pub destinations: Vec<SiteName>,
    /// What is in it.
    pub artifacts: Vec<Moved>,
    /// Bytes on the medium.
    pub size: u64,
}

/// A bundle was admitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// Its seal.
    pub bundle: BundleId,
    /// Its folder on the medium.
    pub label: Label,
    /// Its tent.
    pub tent: TentName,
    /// Its number.
    pub number: u64,
    /// When it was sealed.
    pub created: Time,
    /// After when it is refused.
    pub expires: Time,
    /// The person whose signature counted.
    pub exporter: PersonName,
    /// The key it was made with.
    pub key: PublicKey,
    /// The site that the catalogue says it comes from.
    pub from: SiteName,
    /// Who approved it, of those who counted.
    pub approved: Vec<Approval>,
    /// The epoch of the policy that admitted it.
    pub epoch: u64,
    /// The rule in that policy.
    pub rule: String,
    /// What is in it.
    pub artifacts: Vec<Moved>,
    /// Bytes in the vault.
    pub size: u64,
    /// The pin of its tent key; `None` at an auditor, who has the catalogue only.
    pub tent_key: Option<TentKeyPin>,
}

/// An approval that counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who.
    pub person: PersonName,
    /// With which key.
    pub key: PublicKey,
}

/// An artifact that moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// Its name and version.
    pub artifact: ArtifactRef,
    /// Regular files in it.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// Why a log is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// A line that is not an entry.
    #[error("log entry {seq} is not of the format: {fault}")]
    Malformed {
        /// Which line.
        seq: u64,
        /// What the parser said.
        fault: String,
    },
    /// The fields fit, but the line is not the one that a vault writes for them.
    #[error("log entry {seq} is not in its canonical encoding")]
    NotCanonical {
        /// Which line.
        seq: u64,
    },
    /// A line that does not follow the one before it.
    #[error("log entry {seq} does not follow the entry before it: an entry was edited or removed")]
    Chain {
        /// Which line.
        seq: u64,
    },
    /// The checkpoint is not what the vault writes.
    #[error("the log's checkpoint is not of the format")]
    CheckpointForm,
    /// The checkpoint is not signed by the vault.
    #[error("the log's checkpoint: {0}")]
    CheckpointSignature(SshError),
    /// Entries that the checkpoint covers are gone or others.
    #[error("the log ends at entry {actual}, its checkpoint covers {expected}: entries were removed or replaced")]
    CheckpointAhead {
        /// Entries in the log.
        actual: u64,
        /// Entries that there were.
        expected: u64,
    },
}

/// Where a log has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogHead {
    /// How many entries.
    pub seq: u64,
    /// The hash of the last one's line.
    pub hash: EntryHash,
}

impl LogHead {
    /// An empty log.
    pub const EMPTY: Self = Self { seq: 0, hash: EntryHash::from_bytes([0; 32]) };

    /// The line (newline included) of the next entry, and the head after it.
    pub fn append(self, time: Time, event: Event) -> Result<(Vec<u8>, Entry, Self), LogError> {
        let entry = Entry { seq: self.seq + 1, prev: self.hash, time, event };
        let line = entry.to_line()?;
        if line.len() > limits::LOG_LINE_BYTES {
            return Err(LogError::Malformed { seq: entry.seq, fault: "over its limit".to_owned() });
        }
        let head = Self { seq: entry.seq, hash: EntryHash::of(&line) };
        Ok((line, entry, head))
    }

    /// Checks that `line` (newline included) is the next entry.
    pub fn follow(self, line: &[u8]) -> Result<(Entry, Self), LogError> {
        let seq = self.seq + 1;
        if line.len() > limits::LOG_LINE_BYTES {
            return Err(LogError::Malformed { seq, fault: "over its limit".to_owned() });
        }
        let entry: Entry = serde_json::from_slice(line)
            .map_err(|e| LogError::Malformed { seq, fault: crate::names::shorten(&e.to_string()) })?;
        if entry.seq != seq || entry.prev != self.hash {
            return Err(LogError::Chain { seq });
        }
        // SPEC 3.1: one entry, one line.
        if entry.to_line()? != line {
            return Err(LogError::NotCanonical { seq });
        }
        Ok((entry, Self { seq, hash: EntryHash::of(line) }))
    }

    fn statement(self) -> String {
        format!("gapvault checkpoint 1\n{} {}\n", self.seq, self.hash)
    }

    /// The checkpoint file: what it says, then the vault's signature over just that.
    pub fn to_checkpoint(self, key: &SigningKey) -> Result<String, SshError> {
        let statement = self.statement();
        let signature = key.sign(Namespace::Checkpoint, statement.as_bytes())?;
        Ok(statement + &signature)
    }

    /// From the bytes of a checkpoint file, signed with `key`.
    pub fn from_checkpoint(bytes: &[u8], key: &PublicKey) -> Result<Self, LogError> {
        let text = std::str::from_utf8(bytes).map_err(|_| LogError::CheckpointForm)?;
        let at = text.find("-----").ok_or(LogError::CheckpointForm)?;
        let (statement, signature) = text.split_at(at);
        Signature::parse(signature.as_bytes())
            .and_then(|s| s.verify(key, Namespace::Checkpoint, statement.as_bytes()))
            .map_err(LogError::CheckpointSignature)?;
        let line = statement.lines().nth(1).and_then(|l| l.split_once(' ')).ok_or(LogError::CheckpointForm)?;
        let (seq, hash) = line;
        let head = Self {
            seq: seq.parse().map_err(|_| LogError::CheckpointForm)?,
            hash: hash.parse().map_err(|_| LogError::CheckpointForm)?,
        };
        if head.statement() == statement { Ok(head) } else { Err(LogError::CheckpointForm) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Vec<Vec<u8>> {
        let mut head = LogHead::EMPTY;
        (0..3)
            .map(|n| {
                let event = Event::Policy {
                    epoch: n,
                    digest: PolicyDigest::of(b"p"),
                    change: "a change".to_owned(),
                    signed: Vec::new(),
                };
                let (line, _, next) = head.append(Time::from_unix(1_000_000).unwrap(), event).unwrap();
                head = next;
                line
            })
            .collect()
    }

    fn follow(lines: &[Vec<u8>]) -> Result<LogHead, LogError> {
        lines.iter().try_fold(LogHead::EMPTY, |head, line| head.follow(line).map(|(_, head)| head))
    }

    #[test]
    fn an_edited_or_removed_entry_breaks_the_chain() {
        let lines = log();
        assert_eq!(follow(&lines).unwrap().seq, 3);
        assert_eq!(follow(&[lines[0].clone(), lines[2].clone()]), Err(LogError::Chain { seq: 2 }));
        let mut edited = lines.clone();
        edited[1] = String::from_utf8(edited[1].clone()).unwrap().replace("\"epoch\":1", "\"epoch\":9").into_bytes();
        assert_eq!(follow(&edited), Err(LogError::Chain { seq: 3 }));
    }

    #[test]
    fn a_checkpoint_is_the_vaults_own() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let head = follow(&log()).unwrap();
        let text = head.to_checkpoint(&key).unwrap();
        assert_eq!(LogHead::from_checkpoint(text.as_bytes(), &key.public().unwrap()), Ok(head));
        assert!(LogHead::from_checkpoint(text.as_bytes(), &other.public().unwrap()).is_err());
        assert!(LogHead::from_checkpoint(text.replace("\n3 ", "\n2 ").as_bytes(), &key.public().unwrap()).is_err());
    }
}
