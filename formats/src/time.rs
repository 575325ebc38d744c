//! Times as they are written: UTC, whole seconds, `2026-11-21T08:00:00Z` and no other spelling.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// A point in time, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// Text that is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a time like 2026-11-21T08:00:00Z")]
pub struct TimeError;

impl Time {
    /// From seconds since 1970; `None` outside the years 1970 to 9998.
    #[must_use]
    pub fn from_unix(seconds: i64) -> Option<Self> {
        (0..=253_370_764_800).contains(&seconds).then_some(Self(seconds))
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn as_unix(self) -> i64 {
        self.0
    }

    /// This many seconds later; `None` past the last year.
    #[must_use]
    pub fn plus(self, seconds: i64) -> Option<Self> {
        Self::from_unix(self.0.checked_add(seconds)?)
    }

    /// Date without separators: `20261121`.
    #[must_use]
    pub fn compact_date(self) -> String {
        self.to_string().chars().take(10).filter(|c| *c != '-').collect()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = jiff::Timestamp::from_second(self.0).map_err(|_| fmt::Error)?;
        f.pad(&timestamp.to_string())
    }
}

impl std::str::FromStr for Time {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let timestamp: jiff::Timestamp = text.parse().map_err(|_| TimeError)?;
        Self::from_unix(timestamp.as_second()).filter(|t| t.to_string() == text).ok_or(TimeError)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        let t: Time = "2026-11-21T08:00:00Z".parse().unwrap();
        assert_eq!((t.to_string().as_str(), t.compact_date().as_str()), ("2026-11-21T08:00:00Z", "20261121"));
        for bad in ["2026-11-21T08:00:00+00:00", "2026-11-21 08:00:00Z", "2026-11-21T08:00:00.5Z", "", "now"] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
    }
}
