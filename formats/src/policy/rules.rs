//! What must hold inside a policy, beside what its tents keep to.

use super::fault::{Fault, List, Named};
use super::place::Spot;
use super::tent_rules;
use super::{Person, Policy, Revocation, Site};
use crate::names::{PersonName, SiteName};
use crate::relpath::is_hidden;
use crate::sshsig::{PublicKey, Touch};
use crate::{FORMAT, limits};
use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;

/// A rule that is broken, and where.
pub(super) type Broken = (Spot, Fault);
pub(super) type Check = Result<(), Broken>;

/// Checks everything in a policy that its types don't.
pub(super) fn check(policy: &Policy) -> Check {
    if policy.format != FORMAT {
        return Err((Spot::top("format"), Fault::Format { actual: policy.format }));
    }
    if policy.epoch == 0 {
        return Err((Spot::top("epoch"), Fault::Epoch));
    }
    match (policy.epoch, policy.previous) {
        (1, Some(_)) => return Err((Spot::top("previous"), Fault::FirstFollows)),
        (2.., None) => return Err((Spot::top("epoch"), Fault::NoPrevious)),
        _ => {}
    }
    if policy.reset_clock && policy.time.is_none() {
        return Err((Spot::top("reset_clock"), Fault::ResetWithoutTime));
    }
    for (kind, table, actual, limit) in [
        (Named::Person, "person", policy.persons.len(), limits::POLICY_PERSONS),
        (Named::Site, "site", policy.sites.len(), limits::POLICY_SITES),
        (Named::Tent, "tent", policy.tents.len(), limits::POLICY_TENTS),
    ] {
        if actual > limit {
            return Err((Spot::top(table).item(limit), Fault::TooMany { kind, limit }));
        }
    }
    // SPEC 10.2: names and keys stand for one thing each.
    names_once(Named::Person, "person", policy.persons.iter().map(|p| p.name.as_str()))?;
    names_once(Named::Site, "site", policy.sites.iter().map(|s| s.name.as_str()))?;
    names_once(Named::Tent, "tent", policy.tents.iter().map(|t| t.name.as_str()))?;
    check_persons(policy)?;
    let known = Known::of(policy);
    check_sites(policy, &known)?;
    check_revocations(policy)?;
    check_root(policy, &known)?;
    policy
        .tents
        .iter()
        .enumerate()
        .try_for_each(|(i, tent)| tent_rules::check(tent, &Spot::top("tent").item(i), &known))
}

/// What a policy has, by name.
pub(super) struct Known<'p> {
    pub(super) persons: HashMap<&'p PersonName, &'p Person>,
    pub(super) sites: HashMap<&'p SiteName, &'p Site>,
}

impl<'p> Known<'p> {
    pub(super) fn of(policy: &'p Policy) -> Self {
        Self {
            persons: policy.persons.iter().map(|person| (&person.name, person)).collect(),
            sites: policy.sites.iter().map(|site| (&site.name, site)).collect(),
        }
    }

    /// Refuses a list that has a person twice or one that the policy has not.
    pub(super) fn check_persons(&self, list: &List, spot: &Spot, names: &[PersonName]) -> Check {
        self::once(list, spot, names)?;
        first(spot, names, |name| !self.persons.contains_key(name), |name| unknown(list, Named::Person, name))
    }

    /// Refuses a list that has a site twice or one that the policy has not.
    pub(super) fn check_sites(&self, list: &List, spot: &Spot, names: &[SiteName]) -> Check {
        self::once(list, spot, names)?;
        first(spot, names, |name| !self.sites.contains_key(name), |name| unknown(list, Named::Site, name))
    }

    /// How many of `names` have a key that can show what `touch` asks for and that `counts`.
    pub(super) fn able(&self, names: &[PersonName], touch: Touch, counts: impl Fn(&PublicKey) -> bool) -> usize {
        let can = |person: &&Person| person.keys.iter().any(|key| touch.can_be_met_by(key) && counts(key));
        names.iter().filter_map(|name| self.persons.get(name).copied()).filter(can).count()
    }
}

fn check_persons(policy: &Policy) -> Check {
    let mut owners = HashMap::new();
    for (i, person) in policy.persons.iter().enumerate() {
        let spot = Spot::top("person").item(i);
        if let Some(text) = &person.organisation {
            check_text(text, "organisation", limits::ORGANISATION_BYTES, &spot)?;
        }
        let spot = spot.field("keys");
        if person.keys.is_empty() {
            return Err((spot, Fault::NoKey { person: person.name.clone() }));
        }
        // SPEC 10.2: the forms of one private key are one key.
        for (j, (point, key)) in person.keys.iter().map(|key| (key.point(), key.fingerprint())).enumerate() {
            match owners.insert(point, &person.name) {
                None => {}
                Some(first) if *first == person.name => {
                    return Err((spot.item(j), Fault::KeyTwice { person: person.name.clone(), key }));
                }
                Some(first) => {
                    let (first, second) = (first.clone(), person.name.clone());
                    return Err((spot.item(j), Fault::TwoOfOneKey { first, second, key }));
                }
            }
        }
    }
    Ok(())
}

fn check_sites(policy: &Policy, known: &Known<'_>) -> Check {
    let (mut recipients, mut label_keys) = (HashMap::new(), HashMap::new());
    for (i, site) in policy.sites.iter().enumerate() {
        let spot = Spot::top("site").item(i);
        if let Some(first) = recipients.insert(site.recipient.to_string(), &site.name) {
            let (first, second) = (first.clone(), site.name.clone());
            return Err((spot.field("recipient"), Fault::TwoOfOneRecipient { first, second }));
        }
        if let Some(first) = recipients.insert(site.recipient_pq.to_string(), &site.name) {
            let (first, second) = (first.clone(), site.name.clone());
            return Err((spot.field("recipient_pq"), Fault::TwoOfOneRecipient { first, second }));
        }
        // A card that copies another's label key would make the tags of two sites one.
        if let Some(first) = label_keys.insert(site.label_key.expose_hex().to_string(), &site.name) {
            let (first, second) = (first.clone(), site.name.clone());
            return Err((spot.field("label_key"), Fault::TwoOfOneLabelKey { first, second }));
        }
        // SPEC 10.2: a signer compares the fingerprint alone, so it has to stand for everything else.
        let (actual, expected) = (Box::new(site.as_card().fingerprint()), Box::new(site.card));
        if actual != expected {
            return Err((spot.field("card"), Fault::OtherCard { site: site.name.clone(), actual, expected }));
        }
        known.check_persons(&List::Workers(site.name.clone()), &spot.field("persons"), &site.persons)?;
    }
    Ok(())
}

fn check_revocations(policy: &Policy) -> Check {
    let mut revoked = HashSet::new();
    for (i, Revocation { key, reason, except }) in policy.revocations.iter().enumerate() {
        let (spot, key) = (Spot::top("revocation").item(i), key.fingerprint());
        if !revoked.insert(key) {
            return Err((spot.field("key"), Fault::RevokedTwice { key }));
        }
        if let Some(text) = reason {
            check_text(text, "reason", limits::TEXT_BYTES, &spot)?;
        }
        once(&List::Excepted(key), &spot.field("except"), except)?;
    }
    Ok(())
}

fn check_root(policy: &Policy, known: &Known<'_>) -> Check {
    let (root, spot) = (&policy.root, Spot::top("root"));
    known.check_persons(&List::Root, &spot.field("persons"), &root.persons)?;
    check_count(List::Root, &spot.field("threshold"), root.threshold, root.persons.len())?;
    // SPEC 10.2: a policy that can never be changed again is refused.
    check_touch(known, List::Root, &spot.field("signatures"), &root.persons, root.signatures, root.threshold)?;
    let revoked: HashSet<_> = policy.revocations.iter().map(|revocation| revocation.key.point()).collect();
    let actual = known.able(&root.persons, root.signatures, |key| !revoked.contains(&key.point()));
    if actual < root.threshold as usize {
        return Err((spot.field("threshold"), Fault::RootRevoked { expected: root.threshold, actual }));
    }
    Ok(())
}

/// Refuses a number of persons that is none, or more than there are.
pub(super) fn check_count(list: List, spot: &Spot, expected: u32, actual: usize) -> Check {
    if expected == 0 || expected as usize > actual {
        return Err((spot.clone(), Fault::Count { list, expected, actual }));
    }
    Ok(())
}

/// Refuses to ask more of keys than those of `expected` of `names` can ever show.
pub(super) fn check_touch(
    known: &Known<'_>,
    list: List,
    spot: &Spot,
    names: &[PersonName],
    touch: Touch,
    expected: u32,
) -> Check {
    let actual = known.able(names, touch, |_| true);
    if actual < expected as usize {
        return Err((spot.clone(), Fault::Unfitting { list, touch, expected, actual }));
    }
    Ok(())
}

/// Refuses the first of `items` that is there a second time.
pub(super) fn once<T: Hash + Eq + Display>(list: &List, spot: &Spot, items: &[T]) -> Check {
    let mut seen = HashSet::new();
    first(spot, items, |item| !seen.insert(*item), |item| Fault::Twice { list: list.clone(), name: item.to_string() })
}

/// Refuses the first of `items` that `is_bad`.
pub(super) fn first<'a, T>(
    spot: &Spot,
    items: &'a [T],
    mut is_bad: impl FnMut(&&'a T) -> bool,
    fault: impl FnOnce(&'a T) -> Fault,
) -> Check {
    let bad = items.iter().enumerate().find(|(_, item)| is_bad(item));
    bad.map_or(Ok(()), |(i, item)| Err((spot.item(i), fault(item))))
}

fn unknown(list: &List, kind: Named, name: &impl Display) -> Fault {
    Fault::Unknown { list: list.clone(), kind, name: name.to_string() }
}

fn names_once<'a>(kind: Named, tables: &'static str, names: impl Iterator<Item = &'a str>) -> Check {
    let mut seen = HashSet::new();
    for (i, name) in names.enumerate() {
        if !seen.insert(name) {
            let fault = Fault::TwoOfOneName { kind, name: name.to_owned() };
            return Err((Spot::top(tables).item(i).field("name"), fault));
        }
    }
    Ok(())
}

fn check_text(text: &str, field: &'static str, limit: usize, table: &Spot) -> Check {
    let is_bad = text.is_empty() || text.len() > limit || text.chars().any(|c| c.is_control() || is_hidden(c));
    if is_bad { Err((table.field(field), Fault::Text { field, limit })) } else { Ok(()) }
}
