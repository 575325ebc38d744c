//! The policy: whom a vault trusts with what. One TOML file, signed as bytes; what it does not name is denied.

pub mod diff;
mod diff_text;
pub mod edit;
mod fault;
mod grant;
mod place;
mod remarks;
pub mod root;
mod rules;
mod shape;
mod tent;
mod tent_rules;
mod write;

pub use fault::{Fault, List, Named, PolicyError};
pub use grant::Grant;
pub use place::Place;
pub use remarks::{Remark, Remarkable};
pub use tent::{Approvals, ContentRules, Tent};

use crate::agefile::{self, Recipient, Suite};
use crate::card::Card;
use crate::ids::{BundleId, CardFingerprint, LabelKey, PolicyDigest};
use crate::names::{PersonName, SiteName, TentName};
use crate::sshsig::{PublicKey, Touch};
use crate::time::Time;
use crate::{limits, names};
use place::Places;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The whole policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// [`crate::FORMAT`].
    pub format: u32,
    /// Counts up by one with every change.
    pub epoch: u64,
    /// The policy that this one follows, and no other; `None` in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PolicyDigest>,
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
    /// The card that the keys were taken from: its fingerprint, which people compared.
    pub card: CardFingerprint,
    /// The person on that card.
    pub card_person: PersonName,
    /// The key on that card.
    pub card_key: PublicKey,
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
    /// The card that its keys are from, as they say.
    #[must_use]
    pub fn as_card(&self) -> Card {
        let Self { name, persons: _, card: _, card_person, card_key, recipient, label_key, recipient_pq } =
            self.clone();
        Card { site: name, person: card_person, key: card_key, recipient, label_key, recipient_pq }
    }

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

impl Revocation {
    /// Whether it takes `key` out of force: the key itself, or another form of it.
    #[must_use]
    pub fn revokes(&self, key: &PublicKey) -> bool {
        self.key.point() == key.point()
    }
}

impl Policy {
    /// From the bytes of a policy file whose signature has been verified, or of a draft.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        if bytes.len() as u64 > limits::POLICY_BYTES {
            return Err(PolicyError::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|e| {
            let good = String::from_utf8_lossy(&bytes[..e.valid_up_to()]);
            PolicyError::NotText { place: Place::of_offset(&good, good.len()) }
        })?;
        shape::check(text)?;
        let policy: Self = toml::from_str(text).map_err(|e| {
            let place = Place::of_offset(text, e.span().map_or(0, |span| span.start));
            PolicyError::Malformed { place, fault: e.message().chars().take(600).collect() }
        })?;
        rules::check(&policy).map_err(|(spot, fault)| match Places::of(text) {
            Some(places) => PolicyError::At { place: places.find(&spot), fault },
            None => PolicyError::Rule(fault),
        })?;
        Ok(policy)
    }

    /// The text to sign and store, after the same checks as for one that is read.
    pub fn to_text(&self) -> Result<String, PolicyError> {
        rules::check(self).map_err(|(_, fault)| PolicyError::Rule(fault))?;
        Ok(write::text(self))
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

    /// The person of this name.
    #[must_use]
    pub fn person(&self, name: &PersonName) -> Option<&Person> {
        self.persons.iter().find(|p| p.name == *name)
    }

    /// Who works at `site`, in the site's order.
    pub fn persons_at(&self, site: &SiteName) -> impl Iterator<Item = &Person> {
        let names = self.site(site).map_or(&[][..], |site| &site.persons);
        names.iter().filter_map(|name| self.person(name))
    }

    /// Who works at a member site of `tent`, and so may read its content.
    #[must_use]
    pub fn members_of(&self, tent: &Tent) -> Vec<&Person> {
        self.persons_at_any(&tent.members)
    }

    /// Who works at an auditor site of `tent`, and so may read its catalogues.
    #[must_use]
    pub fn auditors_of(&self, tent: &Tent) -> Vec<&Person> {
        self.persons_at_any(&tent.auditors)
    }

    /// Each person once, in the order of the policy.
    fn persons_at_any(&self, sites: &[SiteName]) -> Vec<&Person> {
        let there: HashSet<_> =
            sites.iter().filter_map(|site| self.site(site)).flat_map(|site| &site.persons).collect();
        self.persons.iter().filter(|person| there.contains(&person.name)).collect()
    }

    /// The sites that bundles of `tent` may be for: its destinations or, if it names none, its members; and its auditors.
    #[must_use]
    pub fn sites_for(&self, tent: &Tent) -> Vec<&Site> {
        let names = tent.members.iter().chain(&tent.auditors).filter(|name| tent.may_go_to(name));
        names.filter_map(|name| self.site(name)).collect()
    }

    /// The person who signs with `key`.
    #[must_use]
    pub fn person_of(&self, key: &PublicKey) -> Option<&Person> {
        self.persons.iter().find(|p| p.keys.contains(key))
    }

    /// Everything that takes `key` out of force.
    pub fn revocations_of(&self, key: &PublicKey) -> impl Iterator<Item = &Revocation> {
        self.revocations.iter().filter(move |revocation| revocation.revokes(key))
    }

    /// Whether signatures of `key` count no more; those over `seal` may still.
    #[must_use]
    pub fn is_revoked(&self, key: &PublicKey, seal: Option<&BundleId>) -> bool {
        let excepted = |revocation: &Revocation| seal.is_some_and(|seal| revocation.except.contains(seal));
        self.revocations_of(key).any(|revocation| !excepted(revocation))
    }
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
