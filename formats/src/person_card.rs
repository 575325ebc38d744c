//! A person's card: the public keys that somebody signs with, of whatever site. It is carried and compared as a site's card
//! is.

use crate::card::{Card, CardError};
use crate::ids::CardFingerprint;
use crate::names::PersonName;
use crate::sshsig::PublicKey;
use crate::{FORMAT, limits, names};
use serde::Deserialize;

/// How a person's card begins, and no other.
const TITLE: &str = "# A gapvault card: public keys of one person.";

/// The keys of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonCard {
    person: PersonName,
    keys: Vec<PublicKey>,
}

/// A card of either kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyCard {
    /// Of a site.
    Site(Box<Card>),
    /// Of a person.
    Person(PersonCard),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    format: u32,
    person: PersonName,
    keys: Vec<PublicKey>,
}

impl PersonCard {
    /// A card of `person` with these keys, at least one and none twice.
    pub fn new(person: PersonName, keys: Vec<PublicKey>) -> Result<Self, CardError> {
        if !(1..=limits::CARD_KEYS).contains(&keys.len()) {
            return Err(CardError::Keys { actual: keys.len() });
        }
        let twice =
            keys.iter().enumerate().find(|(at, key)| keys[..*at].iter().any(|other| other.point() == key.point()));
        match twice {
            Some((_, key)) => Err(CardError::KeyTwice { key: key.fingerprint() }),
            None => Ok(Self { person, keys }),
        }
    }

    /// Whose card it is.
    #[must_use]
    pub fn person(&self) -> &PersonName {
        &self.person
    }

    /// What they sign with.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The card file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { person, keys } = self;
        let keys: String = keys.iter().map(|key| format!("    \"{key}\",\n")).collect();
        format!(
            "{TITLE} Compare `sha256sum` of this file with its owner\n\
             # by another way than the one it came.\n\
             format = {FORMAT}\nperson = \"{person}\"\nkeys = [\n{keys}]\n"
        )
    }

    /// From the bytes of a card file.
    pub fn parse(bytes: &[u8]) -> Result<Self, CardError> {
        if bytes.len() as u64 > limits::CARD_BYTES {
            return Err(CardError::NotACard);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| CardError::NotACard)?;
        let malformed = |fault: &str| CardError::Malformed { fault: names::shorten(fault) };
        let Fields { format, person, keys } = toml::from_str(text).map_err(|e| malformed(e.message()))?;
        if format != FORMAT {
            return Err(CardError::Format { actual: format });
        }
        let card = Self::new(person, keys)?;
        // SPEC 9: one card, one fingerprint.
        if card.to_text() == text { Ok(card) } else { Err(CardError::NotCanonical) }
    }

    /// What is compared out of band: the SHA-256 of the card file.
    #[must_use]
    pub fn fingerprint(&self) -> CardFingerprint {
        CardFingerprint::of(self.to_text().as_bytes())
    }
}

impl AnyCard {
    /// From the bytes of a card file of either kind.
    pub fn parse(bytes: &[u8]) -> Result<Self, CardError> {
        if bytes.starts_with(TITLE.as_bytes()) {
            PersonCard::parse(bytes).map(Self::Person)
        } else {
            Card::parse(bytes).map(|card| Self::Site(Box::new(card)))
        }
    }

    /// The card file.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Site(card) => card.to_text(),
            Self::Person(card) => card.to_text(),
        }
    }

    /// Who signs by it.
    #[must_use]
    pub fn person(&self) -> &PersonName {
        match self {
            Self::Site(card) => &card.person,
            Self::Person(card) => &card.person,
        }
    }

    /// What is compared out of band: the SHA-256 of the card file.
    #[must_use]
    pub fn fingerprint(&self) -> CardFingerprint {
        CardFingerprint::of(self.to_text().as_bytes())
    }
}
