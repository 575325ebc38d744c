//! A card: a site's public keys, carried across once and compared by fingerprint out of band.
//!
//! The fingerprint covers the whole file. (A fingerprint of the SSH key alone would let a courier swap the age recipient
//! and receive the weights.)

use crate::agefile::{self, Recipient, Suite};
use crate::ids::{CardFingerprint, KeyFingerprint, LabelKey};
use crate::names::{PersonName, SiteName};
use crate::sshsig::PublicKey;
use crate::{FORMAT, limits, names};
use serde::Deserialize;

/// The public side of a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The site.
    pub site: SiteName,
    /// Who signs there.
    pub person: PersonName,
    /// The key that signs.
    pub key: PublicKey,
    /// What bundles of the suite `age-x25519` are sealed to.
    pub recipient: Recipient,
    /// What destination tags are keyed with.
    pub label_key: LabelKey,
    /// What bundles of the suite `age-pq` are sealed to.
    pub recipient_pq: Recipient,
}

/// Why a card is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// Over [`limits::CARD_BYTES`] or not UTF-8.
    #[error("not a gapvault card")]
    NotACard,
    /// Not the fields of a card.
    #[error("not a gapvault card: {fault}")]
    Malformed {
        /// What the parser said.
        fault: String,
    },
    /// Another version.
    #[error("a card of format {actual}, this program reads {FORMAT}")]
    Format {
        /// What it says.
        actual: u32,
    },
    /// A person's card with no key, or over [`limits::CARD_KEYS`].
    #[error("a person's card with {actual} keys: it has 1 to {}", limits::CARD_KEYS)]
    Keys {
        /// How many.
        actual: usize,
    },
    /// A person's card with a key twice.
    #[error("key {key} stands twice on the card")]
    KeyTwice {
        /// Which.
        key: KeyFingerprint,
    },
    /// The fields fit, but the bytes are not those that gapvault writes for them.
    #[error("a card that was edited: the bytes are not as gapvault writes them")]
    NotCanonical,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    format: u32,
    site: SiteName,
    person: PersonName,
    key: PublicKey,
    #[serde(deserialize_with = "agefile::x25519")]
    recipient: Recipient,
    label_key: String,
    #[serde(deserialize_with = "agefile::post_quantum")]
    recipient_pq: Recipient,
}

impl Card {
    /// The card file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { site, person, key, recipient, label_key, recipient_pq } = self;
        format!(
            "# A gapvault card: public keys of one site. Compare `sha256sum` of this file with its owner\n\
             # by another way than the one it came.\n\
             format = {FORMAT}\nsite = \"{site}\"\nperson = \"{person}\"\nkey = \"{key}\"\n\
             recipient = \"{recipient}\"\nlabel_key = \"{}\"\nrecipient_pq = \"{recipient_pq}\"\n",
            *label_key.expose_hex()
        )
    }

    /// From the bytes of a card file.
    pub fn parse(bytes: &[u8]) -> Result<Self, CardError> {
        if bytes.len() as u64 > limits::CARD_BYTES {
            return Err(CardError::NotACard);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| CardError::NotACard)?;
        let malformed = |fault: String| CardError::Malformed { fault: names::shorten(&fault) };
        let fields: Fields = toml::from_str(text).map_err(|e| malformed(e.message().to_owned()))?;
        if fields.format != FORMAT {
            return Err(CardError::Format { actual: fields.format });
        }
        let Fields { site, person, key, recipient, label_key, recipient_pq, .. } = fields;
        let label_key = LabelKey::from_hex(&label_key).map_err(|e| malformed(e.to_string()))?;
        let card = Self { site, person, key, recipient, label_key, recipient_pq };
        // SPEC 9: one card, one fingerprint.
        if card.to_text() == text { Ok(card) } else { Err(CardError::NotCanonical) }
    }

    /// What bundles of `suite` are sealed to.
    #[must_use]
    pub fn recipient_for(&self, suite: Suite) -> &Recipient {
        match suite {
            Suite::X25519 => &self.recipient,
            Suite::PostQuantum => &self.recipient_pq,
        }
    }

    /// What is compared out of band: the SHA-256 of the card file.
    #[must_use]
    pub fn fingerprint(&self) -> CardFingerprint {
        CardFingerprint::of(self.to_text().as_bytes())
    }
}
