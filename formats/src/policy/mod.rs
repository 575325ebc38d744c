//! The policy: whom a vault trusts with what. One TOML file, signed as bytes; what it does not name is denied.

mod rules;
mod tent;

pub use tent::{Approvals, ContentRules, Tent};

use crate::agefile::{self, Recipient, Suite};
use crate::card::Card;
use crate::ids::{BundleId, CardFingerprint, LabelKey};
use crate::names::{PersonName, SiteName, TentName};
use crate::sshsig::{PublicKey, Touch};
use crate::time::Time;
use crate::{limits, names};
use serde::{Deserialize, Serialize};

/// The whole policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// [`crate::FORMAT`].
    pub format: u32,
    /// Counts up by one with every change.
    pub epoch: u64,
    /// When it was written. From then on no clock is believed that says an earlier time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Whether times that were believed before this epoch count no more: for a clock that once was wrong.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reset_clock: bool,
    /// Who may change the policy.
    pub root: Root,
    /// People and the keys they sign with.
    #[serde(default, rename = "person", skip_serializing_if = "Vec::is_empty")]
    pub persons: Vec<Person>,
    /// Sites and the keys that bundles for them are sealed to.
    #[serde(default, rename = "site", skip_serializing_if = "Vec::is_empty")]
    pub sites: Vec<Site>,
    /// Compartments.
    #[serde(default, rename = "tent", skip_serializing_if = "Vec::is_empty")]
    pub tents: Vec<Tent>,
    /// Keys that count no more.
    #[serde(default, rename = "revocation", skip_serializing_if = "Vec::is_empty")]
    pub revocations: Vec<Revocation>,
}

/// Who signs policies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// How many of them it takes.
    pub threshold: u32,
    /// Who they are.
    pub persons: Vec<PersonName>,
    /// What their keys must show of them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub signatures: Touch,
}

/// Somebody who signs. People are counted, never keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The name that rules use.
    pub name: PersonName,
    /// Where the person belongs, for readers of the policy; no rule goes by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// The keys, at least one.
    pub keys: Vec<PublicKey>,
}

/// Somewhere that bundles go to or come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The name that rules use.
    pub name: SiteName,
    /// Who works there: of a tent's member site they are members, of its auditor site auditors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub persons: Vec<PersonName>,
    /// The card that the keys were taken from.
    pub card: CardFingerprint,
    /// What is sealed for it in bundles of the suite `age-x25519`.
    #[serde(deserialize_with = "agefile::x25519")]
    pub recipient: Recipient,
    /// What its tags are keyed with.
    #[serde(with = "label_key")]
    pub label_key: LabelKey,
    /// What is sealed for it in bundles of the suite `age-pq`.
    #[serde(deserialize_with = "agefile::post_quantum")]
    pub recipient_pq: Recipient,
}

impl Site {
    /// What is sealed for it in bundles of `suite`.
    #[must_use]
    pub fn recipient_for(&self, suite: Suite) -> &Recipient {
        match suite {
            Suite::X25519 => &self.recipient,
            Suite::PostQuantum => &self.recipient_pq,
        }
    }
}

/// A key that counts no more, whatever it signed and whenever that was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// The key. It may still stand among a person's, so that what is excepted has an author.
    pub key: PublicKey,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Seals that its signatures still count for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<BundleId>,
}

/// Why a policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Over [`limits::POLICY_BYTES`] or not UTF-8.
    #[error("not a policy file")]
    NotAPolicy,
    /// Not the fields of a policy; the parser's text names line and column.
    #[error("the policy is not of the format: {fault}")]
    Malformed {
        /// What the parser said.
        fault: String,
    },
    /// Contents that don't fit each other.
    #[error("the policy is refused: {0}")]
    Rule(String),
}

/// What a card is trusted with, in one tent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The site reads content.
    Member,
    /// The site reads catalogues.
    Auditor,
    /// The person's bundles are accepted.
    Exporter,
}

impl std::fmt::Display for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Member => "member",
            Self::Auditor => "auditor",
            Self::Exporter => "exporter",
        })
    }
}

impl Policy {
    /// The first policy of a vault: its own site and person are known, nothing is allowed.
    #[must_use]
    pub fn first(own: &Card) -> Self {
        let mut policy = Self {
            format: crate::FORMAT,
            epoch: 1,
            time: None,
            reset_clock: false,
            root: Root { threshold: 1, persons: vec![own.person.clone()], signatures: Touch::Any },
            persons: Vec::new(),
            sites: Vec::new(),
            tents: Vec::new(),
            revocations: Vec::new(),
        };
        policy.know(own);
        policy
    }

    /// From the bytes of a policy file whose signature has been verified.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        if bytes.len() as u64 > limits::POLICY_BYTES {
            return Err(PolicyError::NotAPolicy);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| PolicyError::NotAPolicy)?;
        let policy: Self = toml::from_str(text)
            .map_err(|e| PolicyError::Malformed { fault: e.to_string().chars().take(600).collect() })?;
        rules::check(&policy)?;
        Ok(policy)
    }

    /// The text to sign and store, after the same checks as for one that is read.
    pub fn to_text(&self) -> Result<String, PolicyError> {
        rules::check(self)?;
        toml::to_string(self).map_err(|e| PolicyError::Malformed { fault: e.to_string() })
    }

    /// The tent of this name.
    #[must_use]
    pub fn tent(&self, name: &TentName) -> Option<&Tent> {
        self.tents.iter().find(|t| t.name == *name)
    }

    /// The site of this name.
    #[must_use]
    pub fn site(&self, name: &SiteName) -> Option<&Site> {
        self.sites.iter().find(|s| s.name == *name)
    }

    /// The person who signs with `key`.
    #[must_use]
    pub fn person_of(&self, key: &PublicKey) -> Option<&Person> {
        self.persons.iter().find(|p| p.keys.contains(key))
    }

    /// Whether signatures of `key` count no more; those over `seal` may still.
    #[must_use]
    pub fn is_revoked(&self, key: &PublicKey, seal: Option<&BundleId>) -> bool {
        let excepted = |revocation: &Revocation| seal.is_some_and(|seal| revocation.except.contains(seal));
        self.revocations.iter().any(|revocation| revocation.key == *key && !excepted(revocation))
    }

    /// Begins a tent that nobody may do anything in; `false` if there was one of this name.
    pub fn begin_tent(&mut self, name: &TentName) -> bool {
        let new = self.tent(name).is_none();
        if new {
            self.tents.push(Tent::new(name.clone()));
        }
        new
    }

    /// Trusts `card` with `grant` in `tent`, which is begun if need be; `false` if that stood there already.
    ///
    /// A card that contradicts a known one (same name, other keys) is refused by [`Policy::to_text`].
    pub fn grant(&mut self, card: &Card, tent: &TentName, grant: Grant) -> bool {
        self.begin_tent(tent);
        let known = self.know(card);
        let Some(tent) = self.tents.iter_mut().find(|t| t.name == *tent) else { return false };
        let granted = match grant {
            Grant::Member => add(&mut tent.members, &card.site),
            Grant::Auditor => add(&mut tent.auditors, &card.site),
            Grant::Exporter => add(&mut tent.exporters, &card.person),
        };
        known || granted
    }

    /// Takes `grant` in `tent` from the site or, for exporters, the person called `name`; `false` if it was not given.
    ///
    /// A tent that nobody has a role in any more goes; sites and persons stay known, as past bundles name them.
    pub fn withdraw(&mut self, name: &str, tent: &TentName, grant: Grant) -> bool {
        let Some(at) = self.tents.iter().position(|t| t.name == *tent) else { return false };
        let found = &mut self.tents[at];
        let withdrawn = match grant {
            Grant::Member => remove(&mut found.members, |site| site.as_str() == name),
            Grant::Auditor => remove(&mut found.auditors, |site| site.as_str() == name),
            Grant::Exporter => remove(&mut found.exporters, |person| person.as_str() == name),
        };
        if found.members.is_empty() && found.auditors.is_empty() && found.exporters.is_empty() {
            self.tents.remove(at);
        }
        withdrawn
    }

    fn know(&mut self, card: &Card) -> bool {
        let site = Site {
            name: card.site.clone(),
            persons: vec![card.person.clone()],
            card: card.fingerprint(),
            recipient: card.recipient.clone(),
            label_key: card.label_key.clone(),
            recipient_pq: card.recipient_pq.clone(),
        };
        let person = Person { name: card.person.clone(), organisation: None, keys: vec![card.key.clone()] };
        // Persons may come to have several keys, so theirs is known when it is one of them.
        let person_is_new = !self.persons.iter().any(|p| p.name == card.person && p.keys.contains(&card.key));
        if person_is_new {
            self.persons.push(person);
        }
        // More persons may have come to work there since.
        let same = |known: &Site| (&known.name, &known.card) == (&site.name, &site.card);
        let site_is_new = !self.sites.iter().any(same);
        if site_is_new {
            self.sites.push(site);
        }
        site_is_new || person_is_new
    }
}

/// Adds what is not there; says whether it did.
fn add<T: Clone + PartialEq>(list: &mut Vec<T>, item: &T) -> bool {
    let new = !list.contains(item);
    if new {
        list.push(item.clone());
    }
    new
}

/// Removes what `is` picks; says whether there was any.
fn remove<T>(list: &mut Vec<T>, is: impl Fn(&T) -> bool) -> bool {
    let before = list.len();
    list.retain(|item| !is(item));
    list.len() < before
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

mod label_key {
    use super::{LabelKey, names};
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(key: &LabelKey, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&key.expose_hex())
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<LabelKey, D::Error> {
        let text = String::deserialize(d)?;
        LabelKey::from_hex(&text).map_err(|e| de::Error::custom(format!("{e}, found {:?}", names::shorten(&text))))
    }
}
