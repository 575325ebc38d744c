//! Changes of a policy's text that leave people's comments, order and spacing as they are.
//!
//! Each operation says whether it changed anything. What the rules of a policy forbid is refused when the draft is
//! finished, with line and column in the changed text.

mod lists;
mod tables;
mod tent;

use super::{Person, Policy, PolicyError, Revocation, Site, write};
use crate::card::Card;
use crate::ids::{BundleId, CardFingerprint, PolicyDigest};
use crate::names::{PersonName, SiteName, TentName};
use crate::sshsig::{PublicKey, Touch};
use crate::time::Time;
use tables::Tables;
use toml_edit::DocumentMut;

/// Why a change can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text is no policy, or would be none.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// There is no such tent.
    #[error("the policy has no tent {tent}")]
    NoTent {
        /// Which.
        tent: TentName,
    },
    /// There is no such person.
    #[error("the policy has no person {person}")]
    NoPerson {
        /// Who.
        person: PersonName,
    },
    /// There is no such site.
    #[error("the policy has no site {site}")]
    NoSite {
        /// Which.
        site: SiteName,
    },
    /// A person of this name has other keys.
    #[error("the policy knows a person {person} with other keys")]
    OtherKey {
        /// Who.
        person: PersonName,
    },
    /// A site of this name has another card.
    #[error("site {site} has card {actual}, the policy knows it with card {expected}")]
    OtherCard {
        /// Which.
        site: SiteName,
        /// The card given.
        actual: CardFingerprint,
        /// The card that the policy has.
        expected: CardFingerprint,
    },
    /// A card of another person than the site's card before.
    #[error("the new card of site {site} is {actual}'s, the one before was {expected}'s")]
    OtherOwner {
        /// Which site.
        site: SiteName,
        /// Whose card it is.
        actual: PersonName,
        /// Whose the card before was.
        expected: String,
    },
}

/// A role in a tent, and whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A site that reads content.
    Member(SiteName),
    /// A site that reads catalogues.
    Auditor(SiteName),
    /// A person whose bundles are accepted.
    Exporter(PersonName),
    /// A person whose approval counts.
    Approver(PersonName),
}

/// A policy that is being changed.
#[derive(Clone, Debug)]
pub struct Draft {
    document: DocumentMut,
    policy: Policy,
}

impl Draft {
    /// From the text of a policy.
    pub fn open(text: &str) -> Result<Self, PolicyError> {
        let policy = Policy::parse(text.as_bytes())?;
        let document = text.parse().map_err(|e: toml_edit::TomlError| {
            let place = super::Place::of_offset(text, e.span().map_or(0, |span| span.start));
            PolicyError::Malformed { place, fault: e.message().to_owned() }
        })?;
        Ok(Self { document, policy })
    }

    /// The text as it is now, which the rules may refuse.
    #[must_use]
    pub fn text(&self) -> String {
        self.document.to_string()
    }

    /// The policy before the changes.
    #[must_use]
    pub fn before(&self) -> &Policy {
        &self.policy
    }

    /// Gives it its epoch, the policy that it follows and its time, and the text if it keeps the rules. The clock is reset
    /// if `reset_clock`, not because the policy before did it.
    pub fn finish(
        mut self,
        epoch: u64,
        previous: PolicyDigest,
        time: Time,
        reset_clock: bool,
    ) -> Result<(String, Policy), PolicyError> {
        let whole = self.document.as_table_mut();
        tables::set(whole, "epoch", i64::try_from(epoch).unwrap_or(i64::MAX));
        tables::set_behind(whole, "epoch", "previous", previous.to_string());
        tables::set(whole, "time", time.to_string());
        if reset_clock {
            tables::set(whole, "reset_clock", true);
        } else {
            whole.remove("reset_clock");
        }
        let text = self.text();
        let policy = Policy::parse(text.as_bytes())?;
        Ok((text, policy))
    }

    fn tables(&mut self) -> Tables<'_> {
        Tables(&mut self.document)
    }

    /// Makes the card's person and site known.
    pub fn know(&mut self, card: &Card) -> Result<bool, EditError> {
        let key = card.key.to_string();
        let mut changed = false;
        match self.tables().find("person", card.person.as_str()) {
            Some(person) if lists::has(person, "keys", &key) => {}
            Some(_) => return Err(EditError::OtherKey { person: card.person.clone() }),
            None => {
                let keys = vec![card.key.clone()];
                changed |= self.add_person(&Person { name: card.person.clone(), organisation: None, keys });
            }
        }
        let actual = card.fingerprint();
        match self.tables().find("site", card.site.as_str()).map(|site| tables::text(site, "card")) {
            Some(known) if known == actual.to_string() => {}
            Some(known) => {
                let expected = known.parse().unwrap_or(actual);
                return Err(EditError::OtherCard { site: card.site.clone(), actual, expected });
            }
            None => {
                let site = Site::of_card(card);
                self.tables().push("site", |is_first| write::site(&site, is_first));
                changed = true;
            }
        }
        Ok(changed)
    }

    /// Adds a person; `false` if there is one of this name, who stays as they are.
    pub fn add_person(&mut self, person: &Person) -> bool {
        let is_new = self.tables().find("person", person.name.as_str()).is_none();
        if is_new {
            self.tables().push("person", |is_first| write::person(person, is_first));
        }
        is_new
    }

    /// Gives a person one more key.
    pub fn add_key(&mut self, person: &PersonName, key: &PublicKey) -> Result<bool, EditError> {
        let mut tables = self.tables();
        let found = tables.find("person", person.as_str());
        let found = found.ok_or_else(|| EditError::NoPerson { person: person.clone() })?;
        Ok(lists::add(found, "keys", &key.to_string()))
    }

    /// Says whether a person works at a site.
    pub fn works_at(&mut self, person: &PersonName, site: &SiteName, does: bool) -> Result<bool, EditError> {
        self.need_person(person)?;
        let mut tables = self.tables();
        let found = tables.find("site", site.as_str()).ok_or_else(|| EditError::NoSite { site: site.clone() })?;
        Ok(lists::put(found, "persons", person.as_str(), does))
    }

    /// Gives a site that is known what is on its new card: bundles for it are sealed to that from now on, and the card's
    /// person signs with its key too.
    ///
    /// The person must be the one of the card before. Otherwise whoever makes cards for a site could put anybody's name on
    /// one, and sign in that name.
    pub fn renew_site(&mut self, card: &Card) -> Result<bool, EditError> {
        let mut tables = self.tables();
        let site = tables.find("site", card.site.as_str());
        let site = site.ok_or_else(|| EditError::NoSite { site: card.site.clone() })?;
        let expected = tables::text(site, "card_person").to_owned();
        if expected != card.person.as_str() {
            return Err(EditError::OtherOwner { site: card.site.clone(), actual: card.person.clone(), expected });
        }
        let mut changed = tables::set(site, "card", card.fingerprint().to_string());
        changed |= tables::set(site, "card_key", card.key.to_string());
        changed |= tables::set(site, "label_key", card.label_key.expose_hex().as_str());
        changed |= tables::set(site, "recipient", card.recipient.to_string());
        changed |= tables::set(site, "recipient_pq", card.recipient_pq.to_string());
        Ok(self.add_key(&card.person, &card.key)? || changed)
    }

    /// Says whether a person is of the root.
    pub fn root(&mut self, person: &PersonName, is: bool) -> Result<bool, EditError> {
        self.need_person(person)?;
        Ok(lists::put(self.tables().root(), "persons", person.as_str(), is))
    }

    /// Says how many persons of the root it takes.
    pub fn set_threshold(&mut self, threshold: u32) -> bool {
        tables::set(self.tables().root(), "threshold", i64::from(threshold))
    }

    /// Says what the keys of root persons must show.
    pub fn set_root_signatures(&mut self, touch: Touch) -> bool {
        tables::set_unless(self.tables().root(), "signatures", touch.to_string(), touch == Touch::Any)
    }

    /// Revokes a key, but for its signatures over the seals `except`, which are added to those that were excepted.
    pub fn revoke(&mut self, key: &PublicKey, reason: Option<&str>, except: &[BundleId]) -> bool {
        if let Some(revocation) = self.tables().find_by("revocation", "key", &key.to_string()) {
            let mut changed = false;
            for seal in except {
                changed |= lists::add(revocation, "except", &seal.to_string());
            }
            if let Some(reason) = reason {
                changed |= tables::set(revocation, "reason", reason);
            }
            return changed;
        }
        let (reason, except) = (reason.map(str::to_owned), except.to_vec());
        let revocation = Revocation { key: key.clone(), reason, except };
        self.tables().push("revocation", |is_first| write::revocation(&revocation, is_first));
        true
    }

    fn need_person(&mut self, person: &PersonName) -> Result<(), EditError> {
        let found = self.tables().find("person", person.as_str()).is_some();
        if found { Ok(()) } else { Err(EditError::NoPerson { person: person.clone() }) }
    }

    fn need_site(&mut self, site: &SiteName) -> Result<(), EditError> {
        let found = self.tables().find("site", site.as_str()).is_some();
        if found { Ok(()) } else { Err(EditError::NoSite { site: site.clone() }) }
    }
}
