//! What is told of a medium, as `--json` has it.

use crate::failure::Failure;
use gapvault_core::media::{Answer, BadByte, Capacity, LargestFile, Probe, Stopped};
use serde::{Serialize, Serializer};
use std::path::Path;

#[derive(Serialize)]
pub(super) struct AllTold {
    pub(super) media: Vec<Told>,
}

#[derive(Serialize)]
pub(super) struct Told {
    pub(super) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Failure>,
    #[serde(flatten)]
    pub(super) probe: Option<ToldProbe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) capacity: Option<ToldCapacity>,
}

#[derive(Serialize)]
pub(super) struct ToldProbe {
    pub(super) mount_point: String,
    pub(super) is_mount_point: bool,
    pub(super) source: Option<String>,
    pub(super) file_system: String,
    pub(super) free: u64,
    pub(super) total: u64,
    /// `null` where it is not known.
    pub(super) largest_file: Option<u64>,
    /// `null` where nothing limits it.
    pub(super) process_limit: Option<u64>,
    pub(super) read_only: bool,
    pub(super) writable: bool,
    #[serde(serialize_with = "error_text")]
    pub(super) obstacle: Option<i32>,
    #[serde(serialize_with = "answer")]
    pub(super) fsync: Answer,
    #[serde(serialize_with = "answer")]
    pub(super) folder_fsync: Answer,
    #[serde(serialize_with = "answer")]
    pub(super) rename: Answer,
    #[serde(serialize_with = "answer")]
    pub(super) rename_new: Answer,
    #[serde(serialize_with = "answer")]
    pub(super) direct: Answer,
    #[serde(serialize_with = "answer")]
    pub(super) hard_links: Answer,
    #[serde(serialize_with = "answer")]
    pub(super) chmod: Answer,
    /// Bytes a second; `null` where it was not measured.
    pub(super) write_rate: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct ToldCapacity {
    pub(super) honest: bool,
    pub(super) written: u64,
    pub(super) intact: u64,
    pub(super) first_bad: Option<ToldBad>,
    pub(super) stopped: Option<ToldBad>,
    pub(super) read_back: &'static str,
    pub(super) write_rate: u64,
    pub(super) read_rate: u64,
    /// What could not be removed again.
    pub(super) left: Option<String>,
}

#[derive(Serialize)]
pub(super) struct ToldBad {
    pub(super) at: u64,
    #[serde(serialize_with = "error_text")]
    pub(super) error: Option<i32>,
}

impl Told {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_string_lossy().into_owned(), error: None, probe: None, capacity: None }
    }

    /// The same with what went wrong.
    pub(super) fn failed(self, failure: Failure) -> (Self, Option<Failure>) {
        (Self { error: Some(failure.clone()), ..self }, Some(failure))
    }
}

impl From<Probe> for ToldProbe {
    fn from(probe: Probe) -> Self {
        let largest_file = match probe.largest_file {
            LargestFile::Bytes(bytes) => Some(bytes),
            LargestFile::Room => Some(probe.total),
            LargestFile::Unknown => None,
        };
        Self {
            mount_point: probe.mount_point.to_string_lossy().into_owned(),
            is_mount_point: probe.is_mount_point,
            source: probe.source,
            file_system: probe.file_system.to_string(),
            free: probe.free,
            total: probe.total,
            largest_file,
            process_limit: probe.process_limit,
            read_only: probe.read_only,
            writable: probe.writable,
            obstacle: probe.obstacle,
            fsync: probe.fsync,
            folder_fsync: probe.folder_fsync,
            rename: probe.rename,
            rename_new: probe.rename_new,
            direct: probe.direct,
            hard_links: probe.hard_links,
            chmod: probe.chmod,
            write_rate: probe.write_rate,
        }
    }
}

impl From<Capacity> for ToldCapacity {
    fn from(capacity: Capacity) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = |seconds: f64| (capacity.written as f64 / seconds.max(1e-9)) as u64;
        Self {
            honest: capacity.is_honest(),
            written: capacity.written,
            intact: capacity.intact,
            first_bad: capacity.first_bad.map(|BadByte { at, error }| ToldBad { at, error }),
            stopped: capacity.stopped.map(|Stopped { at, error }| ToldBad { at, error: Some(error) }),
            read_back: if capacity.from_device { "proven" } else { "unproven" },
            write_rate: rate(capacity.seconds.0),
            read_rate: rate(capacity.seconds.1),
            left: capacity.left.map(|error| error.to_string()),
        }
    }
}

/// `null` for what was not tried.
fn answer<S: Serializer>(answer: &Answer, s: S) -> Result<S::Ok, S::Error> {
    match answer {
        Answer::Yes => s.serialize_bool(true),
        Answer::No(_) | Answer::Ignored => s.serialize_bool(false),
        Answer::Untried => s.serialize_none(),
    }
}

/// What the system calls an error.
fn error_text<S: Serializer>(code: &Option<i32>, s: S) -> Result<S::Ok, S::Error> {
    code.map(|code| std::io::Error::from_raw_os_error(code).to_string()).serialize(s)
}
