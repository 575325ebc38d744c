//! What must hold inside a policy.

use super::{Policy, PolicyError};
use crate::FORMAT;
use std::collections::HashSet;
use std::fmt::Display;
use std::hash::Hash;

/// Checks everything in a policy that its types don't.
pub(super) fn check(policy: &Policy) -> Result<(), PolicyError> {
    if policy.format != FORMAT {
        return refuse(format!("format {}, this program reads {FORMAT}", policy.format));
    }
    if policy.epoch == 0 {
        return refuse("epochs count from 1".to_owned());
    }
    // SPEC 10.2: names and keys stand for one thing each.
    once("two persons are named", policy.persons.iter().map(|p| &p.name))?;
    once("two sites are named", policy.sites.iter().map(|s| &s.name))?;
    once("two tents are named", policy.tents.iter().map(|t| &t.name))?;
    once("two sites have the recipient", policy.sites.iter().map(|s| &s.recipient))?;
    once(
        "two persons have the key",
        policy.persons.iter().flat_map(|p| &p.keys).map(crate::sshsig::PublicKey::fingerprint),
    )?;
    // A card that copies another's label key would make the tags of two sites one.
    for (i, site) in policy.sites.iter().enumerate() {
        if let Some(other) = policy.sites[..i].iter().find(|s| s.recipient_pq == site.recipient_pq) {
            return refuse(format!("sites {} and {} have one post-quantum recipient", other.name, site.name));
        }
        if let Some(other) = policy.sites[..i].iter().find(|s| s.label_key == site.label_key) {
            return refuse(format!("sites {} and {} have one label key", other.name, site.name));
        }
    }
    if let Some(person) = policy.persons.iter().find(|p| p.keys.is_empty()) {
        return refuse(format!("person {} has no key", person.name));
    }
    check_root(policy)?;
    policy.tents.iter().try_for_each(|tent| {
        let at = format!("tent {}", tent.name);
        once(&format!("{at} has twice the member"), tent.members.iter())?;
        once(&format!("{at} has twice the auditor"), tent.auditors.iter())?;
        once(&format!("{at} has twice the exporter"), tent.exporters.iter())?;
        if let Some(site) = tent.members.iter().find(|m| tent.auditors.contains(m)) {
            return refuse(format!("{at}: {site} is both member and auditor"));
        }
        if let Some(site) = tent.members.iter().chain(&tent.auditors).find(|s| policy.site(s).is_none()) {
            return refuse(format!("{at} names a site {site} that the policy does not know"));
        }
        match tent.exporters.iter().find(|e| !policy.persons.iter().any(|p| p.name == **e)) {
            Some(person) => refuse(format!("{at} names a person {person} that the policy does not know")),
            None => Ok(()),
        }
    })
}

fn check_root(policy: &Policy) -> Result<(), PolicyError> {
    let root = &policy.root;
    once("root has twice the person", root.persons.iter())?;
    if root.threshold == 0 || root.threshold as usize > root.persons.len() {
        return refuse(format!("root needs {} of {} persons", root.threshold, root.persons.len()));
    }
    // SPEC 10.1: one signature stands beside a policy, so a threshold above it could only be disregarded.
    if root.threshold > 1 {
        return refuse(format!("root needs {} persons, this format has room for the signature of 1", root.threshold));
    }
    match root.persons.iter().find(|name| !policy.persons.iter().any(|p| p.name == **name)) {
        Some(person) => refuse(format!("root names a person {person} that the policy does not know")),
        None => Ok(()),
    }
}

fn once<T: Hash + Eq + Display>(fault: &str, items: impl Iterator<Item = T>) -> Result<(), PolicyError> {
    let mut seen = HashSet::new();
    for item in items {
        if let Some(item) = seen.replace(item) {
            return refuse(format!("{fault} {item}"));
        }
    }
    Ok(())
}

fn refuse(fault: String) -> Result<(), PolicyError> {
    Err(PolicyError::Rule(fault))
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use crate::agefile::{Identity, Suite};
    use crate::sshsig::SigningKey;

    fn card(name: &str) -> Card {
        Card {
            site: name.parse().unwrap(),
            person: name.parse().unwrap(),
            key: SigningKey::generate().unwrap().public().unwrap(),
            recipient: Identity::generate().recipient(),
            label_key: LabelKey::from_bytes([name.len() as u8; 32]),
            recipient_pq: Identity::generate_for(Suite::PostQuantum).recipient(),
        }
    }

    #[test]
    fn grants_add_up_and_contradictions_are_refused() {
        let (own, far, tent) = (card("lab"), card("cluster"), "aurora".parse().unwrap());
        let mut policy = Policy::first(&own);
        assert!(policy.grant(&far, &tent, Grant::Member));
        assert!(!policy.grant(&far, &tent, Grant::Member), "a second time changes nothing");
        let text = policy.to_text().unwrap();
        assert_eq!(Policy::parse(text.as_bytes()).unwrap(), policy);

        let mut both = policy.clone();
        both.grant(&far, &tent, Grant::Auditor);
        assert_eq!(
            both.to_text().unwrap_err().to_string(),
            "the policy is refused: tent aurora: cluster is both member and auditor"
        );
        let mut swapped = policy.clone();
        swapped.grant(&card("cluster"), &tent, Grant::Member);
        assert!(swapped.to_text().unwrap_err().to_string().contains("two persons are named cluster"));
    }

    #[test]
    fn what_was_granted_can_be_withdrawn() {
        let (own, far, tent) = (card("lab"), card("cluster"), "aurora".parse().unwrap());
        let mut policy = Policy::first(&own);
        policy.grant(&far, &tent, Grant::Member);
        policy.grant(&far, &tent, Grant::Exporter);
        assert!(!policy.withdraw("cluster", &tent, Grant::Auditor));
        assert!(policy.withdraw("cluster", &tent, Grant::Member));
        assert!(!policy.withdraw("cluster", &tent, Grant::Member), "a second time changes nothing");
        assert_eq!(policy.tents[0].exporters.len(), 1);
        assert!(policy.withdraw("cluster", &tent, Grant::Exporter));
        assert_eq!(policy.tents, [], "an empty tent goes");
        assert!(policy.to_text().is_ok());
    }

    #[test]
    fn unknown_fields_and_empty_roots_are_refused() {
        let text = Policy::first(&card("lab")).to_text().unwrap();
        for (bad, fault) in [
            (text.replace("threshold = 1", "threshold = 0"), "root needs 0 of 1"),
            (text.replace("threshold = 1", "threshold = 2"), "root needs 2 of 1"),
            (format!("surprise = 1\n{text}"), "unknown field"),
            (text.replace("persons = [\"lab\"]", "persons = [\"eve\"]"), "person eve that the policy does not know"),
        ] {
            let error = Policy::parse(bad.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(fault), "{error}");
        }
    }
}
