//! The X25519 keys that files are sealed to.

use super::AgeError;
use std::fmt;
use zeroize::Zeroizing;

/// A public key that files are sealed to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Recipient(pub(super) age::x25519::Recipient);

impl Recipient {
    /// What files that are sealed to it are of.
    #[must_use]
    pub fn suite(&self) -> super::Suite {
        super::Suite::X25519
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
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
        let key: age::x25519::Recipient = text.parse().map_err(|_| AgeError::Key("recipient"))?;
        // SPEC 6.1: a point of low order is nobody's key.
        let good = key.to_string() == text && !crate::low_order::is_low_order(text);
        if good { Ok(Self(key)) } else { Err(AgeError::Key("recipient")) }
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

/// A private key that opens what is sealed to its recipient.
#[derive(Clone)]
pub struct Identity(pub(super) age::x25519::Identity);

impl Identity {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(age::x25519::Identity::generate())
    }

    /// From its `AGE-SECRET-KEY-1…` line.
    pub fn from_secret(text: &str) -> Result<Self, AgeError> {
        text.parse().map(Self).map_err(|_| AgeError::Key("identity"))
    }

    /// Its `AGE-SECRET-KEY-1…` line.
    #[must_use]
    pub fn expose_secret(&self) -> Zeroizing<String> {
        use age::secrecy::ExposeSecret;
        self.0.to_string().expose_secret().to_owned().into()
    }

    /// Its public half.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(secret)")
    }
}
