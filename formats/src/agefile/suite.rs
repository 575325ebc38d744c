//! The suites: what files are sealed to.

use super::AgeError;
use crate::{limits, low_order};
use base64ct::{Base64Unpadded, Encoding};
use std::fmt;

/// Who a bundle's files are sealed to, and how. One suite per bundle, never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Suite {
    /// X25519 recipients.
    #[serde(rename = "age-x25519")]
    X25519,
    /// Hybrid recipients, ML-KEM-768 with X25519: closed as long as one of the two is.
    #[serde(rename = "age-pq")]
    PostQuantum,
}

/// What a stanza's body holds, in bytes: the file key and a tag.
const BODY: usize = 32;

impl Suite {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::X25519, Self::PostQuantum];

    /// Its name in a seal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X25519 => "age-x25519",
            Self::PostQuantum => "age-pq",
        }
    }

    /// The most recipients that a file of this suite has: as many as its header has room for.
    #[must_use]
    pub fn most_recipients(self) -> u64 {
        match self {
            Self::X25519 => limits::STANZAS,
            Self::PostQuantum => limits::STANZAS_PQ,
        }
    }

    /// The type of its stanzas.
    pub(super) fn stanza(self) -> &'static str {
        match self {
            Self::X25519 => "X25519",
            Self::PostQuantum => "mlkem768x25519",
        }
    }

    /// How many bytes a stanza's argument stands for. The last 32 of them are an X25519 point.
    fn share(self) -> usize {
        match self {
            Self::X25519 => 32,
            Self::PostQuantum => 1088 + 32,
        }
    }

    /// What a stanza's arguments stand for, if they are those of this suite's stanzas.
    pub(super) fn read_share<'a>(self, mut arguments: impl Iterator<Item = &'a str>) -> Option<Vec<u8>> {
        let (argument, None) = (arguments.next()?, arguments.next()) else { return None };
        let share = canonical(argument, self.share())?;
        // Nothing secret comes of such a point.
        (!low_order::is_low_order(share.last_chunk()?)).then_some(share)
    }

    /// Whether a stanza is well-formed, from its arguments and the lines of its body.
    pub(super) fn check<'a>(self, arguments: impl Iterator<Item = &'a str>, body: &[String]) -> Result<(), AgeError> {
        let share = self.read_share(arguments);
        // A body ends with the first line that is not full, so one of this length is one line.
        let body = if let [line] = body { canonical(line, BODY) } else { None };
        share.and(body).map(drop).ok_or(AgeError::Malformed(self))
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What base64 stands for, if it is the one spelling of that many bytes.
fn canonical(text: &str, bytes: usize) -> Option<Vec<u8>> {
    let fits = text.len() == (4 * bytes).div_ceil(3);
    fits.then(|| Base64Unpadded::decode_vec(text).ok()).flatten()
}
