//! What a policy would take from the very vault that it is for.

use crate::clock::Clock;
use crate::vault::Vault;
use gapvault_formats::names::{PersonName, SiteName, TentName};
use gapvault_formats::policy::Policy;
use gapvault_formats::time::Time;

/// Something that this vault can do under the policy in force, and not under another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// The vault's site is gone.
    #[error("it does not know this vault's own site {site}: nothing is exported or imported here any more")]
    OwnSite {
        /// The vault's site.
        site: SiteName,
    },
    /// The vault's site has another card.
    #[error("it knows site {site} by another card than this vault's: what is sealed for it this vault can't open")]
    OwnCard {
        /// The vault's site.
        site: SiteName,
    },
    /// The vault's key is nobody's.
    #[error("this vault's own key is nobody's in it: what this vault signs counts for nothing")]
    OwnKey,
    /// The vault's key belongs to somebody else.
    #[error("it gives this vault's own key to {actual}, the vault's card says {expected}")]
    OwnPerson {
        /// Who has the key in the policy.
        actual: PersonName,
        /// Who has it by the card.
        expected: PersonName,
    },
    /// The vault's key is revoked.
    #[error("it revokes this vault's own key: what this vault signs counts for nothing")]
    OwnKeyRevoked,
    /// The vault's person may sign no further policy.
    #[error("{person} of this vault is no root person any more: others sign its next policy")]
    NoRoot {
        /// The vault's person.
        person: PersonName,
    },
    /// The vault's site reads content of a tent no more.
    #[error("this vault's site {site} is no member of tent {tent} any more")]
    NoMember {
        /// The vault's site.
        site: SiteName,
        /// The tent.
        tent: TentName,
    },
    /// The vault's site reads catalogues of a tent no more.
    #[error("this vault's site {site} is no auditor of tent {tent} any more")]
    NoAuditor {
        /// The vault's site.
        site: SiteName,
        /// The tent.
        tent: TentName,
    },
    /// The vault's person exports no more from a tent.
    #[error("{person} of this vault is no exporter of tent {tent} any more")]
    NoExporter {
        /// The vault's person.
        person: PersonName,
        /// The tent.
        tent: TentName,
    },
    /// It is written in the future.
    #[error("it was written at {time}, this host's clock says {now}: what expires before then is refused from now on")]
    Ahead {
        /// The policy's time.
        time: Time,
        /// The clock's.
        now: Time,
    },
}

/// What putting `policy` in force takes from `vault`.
#[must_use]
pub fn warnings(vault: &Vault, policy: &Policy) -> Vec<Warning> {
    let (card, before) = (vault.card(), vault.policy());
    let (site, person) = (&card.site, &card.person);
    let mut warnings = Vec::new();
    match policy.site(site) {
        None => warnings.push(Warning::OwnSite { site: site.clone() }),
        Some(known) if known.card != card.fingerprint() => warnings.push(Warning::OwnCard { site: site.clone() }),
        Some(_) => {}
    }
    match policy.person_of(&card.key) {
        None => warnings.push(Warning::OwnKey),
        Some(known) if known.name != *person => {
            warnings.push(Warning::OwnPerson { actual: known.name.clone(), expected: person.clone() });
        }
        Some(_) => {}
    }
    if policy.is_revoked(&card.key, None) {
        warnings.push(Warning::OwnKeyRevoked);
    }
    if before.root.persons.contains(person) && !policy.root.persons.contains(person) {
        warnings.push(Warning::NoRoot { person: person.clone() });
    }
    for tent in &before.tents {
        let (after, name) = (policy.tent(&tent.name), || tent.name.clone());
        if tent.members.contains(site) && !after.is_some_and(|tent| tent.members.contains(site)) {
            warnings.push(Warning::NoMember { site: site.clone(), tent: name() });
        }
        if tent.auditors.contains(site) && !after.is_some_and(|tent| tent.auditors.contains(site)) {
            warnings.push(Warning::NoAuditor { site: site.clone(), tent: name() });
        }
        if tent.exporters.contains(person) && !after.is_some_and(|tent| tent.exporters.contains(person)) {
            warnings.push(Warning::NoExporter { person: person.clone(), tent: name() });
        }
    }
    warnings.extend(ahead(policy, vault.clock()));
    warnings
}

/// What putting `policy` in force takes from any vault with this clock.
#[must_use]
pub fn ahead(policy: &Policy, clock: Clock) -> Option<Warning> {
    let now = clock.now();
    policy.time.filter(|time| *time > now).map(|time| Warning::Ahead { time, now })
}
