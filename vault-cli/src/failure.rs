//! What a command failed with, and the exit code that says so.

use gapvault_core::error::{Explain, Kind};
use serde::Serialize;

/// A failure, ready to be told.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failure {
    #[serde(serialize_with = "kind_name")]
    pub(crate) kind: Kind,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// What it is about, one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) details: Vec<String>,
    /// Whether the object of `--json` has told it already.
    #[serde(skip)]
    pub(crate) told: bool,
}

impl Failure {
    /// The same, as the object of `--json` has told it.
    pub(crate) fn told(self) -> Self {
        Self { told: true, ..self }
    }

    /// The request itself makes no sense.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, message: message.into(), hint: Some(hint.into()), details: Vec::new(), told: false }
    }

    /// Reading or writing something of the program's own failed.
    pub(crate) fn io(action: &str, source: &std::io::Error) -> Self {
        let kind = if source.kind() == std::io::ErrorKind::StorageFull { Kind::Medium } else { Kind::Other };
        Self { kind, message: format!("{action}: {source}"), hint: None, details: Vec::new(), told: false }
    }

    /// The program's exit code for it.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Other => 1,
            Kind::Usage => 2,
            Kind::Damaged => 3,
            Kind::Refused => 4,
            Kind::Incomplete => 5,
            Kind::Medium => 6,
        }
    }
}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            kind: error.kind(),
            message: error.to_string(),
            hint: error.hint(),
            details: error.details(),
            told: false,
        }
    }
}

fn kind_name<S: serde::Serializer>(kind: &Kind, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(match kind {
        Kind::Other => "other",
        Kind::Usage => "usage",
        Kind::Damaged => "damaged",
        Kind::Refused => "refused",
        Kind::Incomplete => "incomplete",
        Kind::Medium => "medium",
    })
}
