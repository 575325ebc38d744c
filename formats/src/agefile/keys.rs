//! The keys that files are sealed to, of either suite.

use super::{AgeError, Suite, hybrid};
use age::secrecy::ExposeSecret;
use age_core::format::{FileKey, Stanza};
use std::collections::HashSet;
use std::fmt;
use zeroize::Zeroizing;

/// A public key that files are sealed to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Recipient(pub(super) Public);

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Public {
    X25519(age::x25519::Recipient),
    Hybrid(hybrid::Recipient),
}

impl Recipient {
    /// What files that are sealed to it are of.
    #[must_use]
    pub fn suite(&self) -> Suite {
        match self.0 {
            Public::X25519(_) => Suite::X25519,
            Public::Hybrid(_) => Suite::PostQuantum,
        }
    }

    /// From its text, `age1…` or `age1pq1…` by what `suite` has.
    ///
    /// # Errors
    /// [`AgeError::Key`], also for one of the other suite.
    pub fn of_suite(suite: Suite, text: &str) -> Result<Self, AgeError> {
        // SPEC 6.1: a point of low order is nobody's key.
        let key = match suite {
            Suite::X25519 => text.parse().ok().filter(|_| !crate::low_order::is_recipient(text)).map(Public::X25519),
            Suite::PostQuantum => hybrid::Recipient::parse(text).map(Public::Hybrid),
        };
        // One text for each key.
        key.map(Self).filter(|key| key.to_string() == text).ok_or(AgeError::Key { suite, what: "recipient" })
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Public::X25519(key) => f.pad(&key.to_string()),
            Public::Hybrid(key) => f.pad(&key.to_text()),
        }
    }
}
impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}
impl std::str::FromStr for Recipient {
    type Err = AgeError;
    fn from_str(text: &str) -> Result<Self, AgeError> {
        let suite = if text.starts_with("age1pq1") { Suite::PostQuantum } else { Suite::X25519 };
        Self::of_suite(suite, text)
    }
}
impl serde::Serialize for Recipient {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> serde::Deserialize<'de> for Recipient {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// For a field that has a recipient of the suite `age-x25519`.
pub(crate) fn x25519<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Recipient, D::Error> {
    of_suite(Suite::X25519, d)
}

/// For a field that has a recipient of the suite `age-pq`.
pub(crate) fn post_quantum<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Recipient, D::Error> {
    of_suite(Suite::PostQuantum, d)
}

fn of_suite<'de, D: serde::Deserializer<'de>>(suite: Suite, d: D) -> Result<Recipient, D::Error> {
    let text: String = serde::Deserialize::deserialize(d)?;
    Recipient::of_suite(suite, &text).map_err(serde::de::Error::custom)
}

/// A private key that opens what is sealed to its recipient.
#[derive(Clone)]
pub struct Identity(pub(super) Private);

#[derive(Clone)]
pub(super) enum Private {
    X25519(age::x25519::Identity),
    Hybrid(hybrid::Identity),
}

impl Identity {
    /// A new one of the suite `age-x25519`.
    #[must_use]
    pub fn generate() -> Self {
        Self::generate_for(Suite::X25519)
    }

    /// A new one of `suite`.
    #[must_use]
    pub fn generate_for(suite: Suite) -> Self {
        Self(match suite {
            Suite::X25519 => Private::X25519(age::x25519::Identity::generate()),
            Suite::PostQuantum => Private::Hybrid(hybrid::Identity::generate()),
        })
    }

    /// From its `AGE-SECRET-KEY-1…` or `AGE-SECRET-KEY-PQ-1…` line.
    pub fn from_secret(text: &str) -> Result<Self, AgeError> {
        let suite = if text.starts_with("AGE-SECRET-KEY-PQ-1") { Suite::PostQuantum } else { Suite::X25519 };
        let key = match suite {
            Suite::X25519 => text.parse().ok().map(Private::X25519),
            Suite::PostQuantum => hybrid::Identity::parse(text).map(Private::Hybrid),
        };
        key.map(Self).ok_or(AgeError::Key { suite, what: "identity" })
    }

    /// Its `AGE-SECRET-KEY-1…` or `AGE-SECRET-KEY-PQ-1…` line.
    #[must_use]
    pub fn expose_secret(&self) -> Zeroizing<String> {
        match &self.0 {
            Private::X25519(key) => key.to_string().expose_secret().to_owned().into(),
            Private::Hybrid(key) => key.expose_text(),
        }
    }

    /// Its public half.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        Recipient(match &self.0 {
            Private::X25519(key) => Public::X25519(key.to_public()),
            Private::Hybrid(key) => Public::Hybrid(key.recipient()),
        })
    }

    /// What the files that it opens are of.
    #[must_use]
    pub fn suite(&self) -> Suite {
        match self.0 {
            Private::X25519(_) => Suite::X25519,
            Private::Hybrid(_) => Suite::PostQuantum,
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(secret)")
    }
}

impl age::Recipient for Public {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        match self {
            Self::X25519(key) => key.wrap_file_key(file_key),
            Self::Hybrid(key) => key.wrap_file_key(file_key),
        }
    }
}

impl age::Identity for Private {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        match self {
            Self::X25519(key) => key.unwrap_stanza(stanza),
            Self::Hybrid(key) => key.unwrap_stanza(stanza),
        }
    }
}
