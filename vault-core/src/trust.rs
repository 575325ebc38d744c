//! Changing whom a vault trusts.

use crate::error::{FsError, explain};
use crate::fs::open_named;
use crate::policy::{Changed, Outcome, change};
use crate::vault::{Vault, VaultError};
use gapvault_formats::card::CardError;
use gapvault_formats::ids::CardFingerprint;
use gapvault_formats::limits;
use gapvault_formats::names::{PersonName, SiteName, TentName};
use gapvault_formats::person_card::AnyCard;
use gapvault_formats::policy::edit::{Draft, EditError, Role};
use gapvault_formats::policy::{Grant, Person};
use gapvault_formats::sshsig::PublicKey;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Why trust is not given.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The vault refused or failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Not a card.
    #[error(transparent)]
    Card(#[from] CardError),
    /// A policy that would not hold: one key in two roles, one name for two keys.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The card is not the one that was compared.
    #[error("the card has fingerprint {actual}, expected {expected}")]
    Fingerprint {
        /// What the card has.
        actual: CardFingerprint,
        /// What was compared with its owner.
        expected: CardFingerprint,
    },
    /// A person's card where a site's is needed.
    #[error("the card is of {person} alone, and only a site can be {grant}")]
    NoSite {
        /// Whose card it is.
        person: PersonName,
        /// What only a site can be.
        grant: Grant,
    },
    /// There is nothing to take back.
    #[error("{name} is no {what}")]
    NotGranted {
        /// The site or person.
        name: String,
        /// What it has not been trusted with.
        what: String,
    },
    /// The tent is there already.
    #[error("the policy has a tent {tent} already")]
    TentExists {
        /// Which tent.
        tent: TentName,
    },
}

explain!(TrustError, pass: [Vault], {
    Self::Card(_) => (Damaged, Some("a card is the output of `gapvault card`, unchanged")),
    Self::Edit(EditError::OtherKey { .. } | EditError::OtherCard { .. }) => (Refused, Some("nothing was changed; if its owner has a new card, trust that with --renew")),
    Self::Edit(EditError::OtherOwner { .. }) => (Refused, Some("nothing was changed; a site's card stays that of one person, so that nobody signs in another's name by it")),
    Self::Edit(EditError::NoTent { .. }) => (Usage, Some("`gapvault tent list` shows the tents; `gapvault tent new` makes one")),
    Self::Edit(EditError::NoPerson { .. } | EditError::NoSite { .. }) => (Usage, Some("`gapvault policy show` names persons and sites; `gapvault trust CARD` makes one known")),
    Self::Edit(EditError::Policy(_)) => (Refused, Some("nothing was changed; `gapvault policy show` tells who may do what")),
    Self::Fingerprint { .. } => (Refused, Some("ask the card's owner for its fingerprint by another way than the card came")),
    Self::NoSite { .. } => (Usage, Some("give the card of the person's site; `trust CARD --site SITE` says where somebody works")),
    Self::NotGranted { .. } => (Usage, Some("`gapvault tent list` shows who may do what; exporters are named as persons")),
    Self::TentExists { .. } => (Usage, Some("nothing was changed; give sites roles in it with `gapvault trust CARD --tent TENT --role ROLE`")),
});

/// The bytes of a file that should be a card, as far as one is long. A fifo, which would be waited for, is none.
pub fn read_card_file(path: &Path) -> Result<Vec<u8>, FsError> {
    let failed = || FsError::at("can't read", path);
    let irregular = || std::io::Error::new(ErrorKind::InvalidInput, "not a regular file");
    let file = open_named(path).and_then(|file| file.ok_or_else(irregular)).map_err(failed())?;
    let mut bytes = Vec::new();
    file.take(limits::CARD_BYTES + 1).read_to_end(&mut bytes).map_err(failed())?;
    Ok(bytes)
}

/// What a card is trusted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A role in a tent, which is begun if need be.
    Tent(TentName, Grant),
    /// Its person's approval of bundles of a tent counts.
    Approver(TentName),
    /// Its person signs policies; how many of them it takes from now on, if that changes.
    Root(Option<u32>),
    /// Its person works at a site that is known.
    Works(SiteName),
    /// It is the new card of a site or person that is known. Keys that the person had stay theirs until revoked.
    Renew,
}

impl Trust {
    fn edit(&self, draft: &mut Draft, card: &AnyCard) -> Result<bool, EditError> {
        let person = card.person();
        match (self, card) {
            (Self::Tent(tent, grant), AnyCard::Site(card)) => draft.trust(card, tent, *grant),
            (Self::Tent(tent, _), AnyCard::Person(_)) => {
                let known = know(draft, card)?;
                let begun = draft.begin_tent(tent);
                Ok(draft.grant(tent, &Role::Exporter(person.clone()))? || known || begun)
            }
            (Self::Approver(tent), _) => {
                let known = know(draft, card)?;
                Ok(draft.grant(tent, &Role::Approver(person.clone()))? || known)
            }
            (Self::Root(threshold), _) => {
                let known = know(draft, card)?;
                let threshold = threshold.is_some_and(|threshold| draft.set_threshold(threshold));
                Ok(draft.root(person, true)? || known || threshold)
            }
            (Self::Works(site), _) => {
                let known = know_person(draft, person, keys(card))?;
                Ok(draft.works_at(person, site, true)? || known)
            }
            (Self::Renew, AnyCard::Site(card)) => draft.renew_site(card),
            (Self::Renew, AnyCard::Person(card)) => {
                let mut changed = false;
                for key in card.keys() {
                    changed |= draft.add_key(person, key)?;
                }
                Ok(changed)
            }
        }
    }

    /// For the log.
    fn words(&self, card: &AnyCard) -> String {
        let (person, fingerprint) = (card.person(), card.fingerprint());
        match (self, card) {
            (Self::Tent(tent, grant), AnyCard::Site(card)) => {
                format!("{} ({person}, card {fingerprint}) is {grant} of tent {tent}", card.site)
            }
            (Self::Tent(tent, grant), _) => format!("{person} (card {fingerprint}) is {grant} of tent {tent}"),
            (Self::Approver(tent), _) => format!("{person} (card {fingerprint}) is approver of tent {tent}"),
            (Self::Root(None), _) => format!("{person} (card {fingerprint}) is a root person"),
            (Self::Root(Some(k)), _) => format!("{person} (card {fingerprint}) is a root person, it takes {k} of them"),
            (Self::Works(at), _) => format!("{person} (card {fingerprint}) works at {at}"),
            (Self::Renew, AnyCard::Site(card)) => {
                format!("{} ({person}, key {}) has card {fingerprint} from now on", card.site, card.key.fingerprint())
            }
            (Self::Renew, AnyCard::Person(_)) => format!("{person} has the keys of card {fingerprint} too"),
        }
    }
}

/// What the card's person signs with.
fn keys(card: &AnyCard) -> &[PublicKey] {
    match card {
        AnyCard::Site(card) => std::slice::from_ref(&card.key),
        AnyCard::Person(card) => card.keys(),
    }
}

/// Makes whatever a card is of known.
fn know(draft: &mut Draft, card: &AnyCard) -> Result<bool, EditError> {
    match card {
        AnyCard::Site(card) => draft.know(card),
        AnyCard::Person(card) => know_person(draft, card.person(), card.keys()),
    }
}

/// Makes a person known. One who is known has to have all these keys.
fn know_person(draft: &mut Draft, name: &PersonName, keys: &[PublicKey]) -> Result<bool, EditError> {
    match draft.before().person(name) {
        Some(known) if keys.iter().all(|key| known.keys.contains(key)) => Ok(false),
        Some(_) => Err(EditError::OtherKey { person: name.clone() }),
        None => Ok(draft.add_person(&Person { name: name.clone(), organisation: None, keys: keys.to_vec() })),
    }
}

/// Makes this vault's own site a member and its person an exporter of a tent, which is begun if need be.
pub fn new_tent(vault: &mut Vault, tent: &TentName) -> Result<Changed, TrustError> {
    let own = vault.card().clone();
    let words = format!("{} is member, {} exporter of tent {tent}", own.site, own.person);
    // Whoever took roles from this site did not mean them to come back by the way.
    if vault.policy().tent(tent).is_some() {
        return Err(TrustError::TentExists { tent: tent.clone() });
    }
    let changed = change::<TrustError>(vault, Some(words), |draft| {
        let member = draft.trust(&own, tent, Grant::Member)?;
        Ok(draft.trust(&own, tent, Grant::Exporter)? || member)
    })?;
    // Otherwise the first export makes it.
    if changed.outcome == Outcome::Applied {
        drop(vault.tent_key(tent)?);
    }
    Ok(changed)
}

/// Trusts the card in `bytes`, whose fingerprint was compared.
pub fn trust(vault: &mut Vault, bytes: &[u8], expected: CardFingerprint, trust: &Trust) -> Result<Changed, TrustError> {
    let card = AnyCard::parse(bytes)?;
    let actual = card.fingerprint();
    if actual != expected {
        return Err(TrustError::Fingerprint { actual, expected });
    }
    if let (Trust::Tent(_, grant @ (Grant::Member | Grant::Auditor)), AnyCard::Person(_)) = (trust, &card) {
        return Err(TrustError::NoSite { person: card.person().clone(), grant: *grant });
    }
    change(vault, Some(trust.words(&card)), |draft| Ok(trust.edit(draft, &card)?))
}

/// What is taken from a site or person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untrust {
    /// A role in a tent.
    Tent(TentName, Grant),
    /// Its approval of bundles of a tent.
    Approver(TentName),
    /// Its signature of policies; how many root persons it takes from now on, if that changes.
    Root(Option<u32>),
    /// Its work at a site.
    Works(SiteName),
}

impl std::fmt::Display for Untrust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tent(tent, grant) => write!(f, "{grant} of tent {tent}"),
            Self::Approver(tent) => write!(f, "approver of tent {tent}"),
            Self::Root(_) => write!(f, "root person"),
            Self::Works(site) => write!(f, "person of site {site}"),
        }
    }
}

/// Takes trust from the site or person called `name`. What went out cannot be called back, and what was admitted stays.
pub fn untrust(vault: &mut Vault, name: &str, what: &Untrust) -> Result<Changed, TrustError> {
    let not_granted = || TrustError::NotGranted { name: name.to_owned(), what: what.to_string() };
    let (site, person) = (SiteName::new(name).ok(), PersonName::new(name).ok());
    let role = match what {
        Untrust::Tent(_, Grant::Member) => site.map(Role::Member),
        Untrust::Tent(_, Grant::Auditor) => site.map(Role::Auditor),
        Untrust::Tent(_, Grant::Exporter) => person.clone().map(Role::Exporter),
        Untrust::Approver(_) => person.clone().map(Role::Approver),
        Untrust::Root(_) | Untrust::Works(_) => None,
    };
    let changed = change::<TrustError>(vault, Some(format!("{name} is no longer {what}")), |draft| {
        match (what, &role, &person) {
            (Untrust::Tent(tent, _) | Untrust::Approver(tent), Some(role), _) => {
                Ok(draft.before().tent(tent).is_some() && draft.withdraw(tent, role)?)
            }
            (Untrust::Root(threshold), _, Some(person)) => {
                let is_root = draft.before().root.persons.contains(person);
                let taken = is_root && draft.root(person, false)?;
                if let Some(threshold) = threshold.filter(|_| taken) {
                    draft.set_threshold(threshold);
                }
                Ok(taken)
            }
            (Untrust::Works(site), _, Some(person)) => {
                let works = draft.before().site(site).is_some_and(|site| site.persons.contains(person));
                Ok(works && draft.works_at(person, site, false)?)
            }
            _ => Ok(false),
        }
    })?;
    if changed.outcome == Outcome::Nothing { Err(not_granted()) } else { Ok(changed) }
}
