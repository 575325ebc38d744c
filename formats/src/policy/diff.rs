//! What changes from one policy to another, for people.

use super::{Approvals, ContentRules, Grant, Person, Policy, Revocation, Root, Site, Tent};
use crate::content::Format;
use crate::ids::{BundleId, CardFingerprint, KeyFingerprint};
use crate::names::{PersonName, SiteName, TentName, shorten};
use crate::sshsig::{PublicKey, Touch};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One thing that is otherwise in the new policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "of", rename_all = "lowercase")]
pub enum Change {
    /// Times believed before count no more.
    Clock,
    /// Of the root.
    Root {
        /// What.
        change: RootChange,
    },
    /// Of a person.
    Person {
        /// Whose.
        name: PersonName,
        /// What.
        change: PersonChange,
    },
    /// Of a site.
    Site {
        /// Which.
        name: SiteName,
        /// What.
        change: SiteChange,
    },
    /// Of a tent.
    Tent {
        /// Which.
        name: TentName,
        /// What.
        change: TentChange,
    },
    /// Of a key's revocation.
    Key {
        /// Which key.
        key: KeyFingerprint,
        /// Whose, if the new policy knows.
        person: Option<PersonName>,
        /// What.
        change: KeyChange,
    },
}

/// What was, and what is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turn<T> {
    /// What was.
    pub before: T,
    /// What is to be.
    pub after: T,
}

/// What changes of the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootChange {
    /// Who joins it.
    Joins(PersonName),
    /// Who leaves it.
    Leaves(PersonName),
    /// How many it takes.
    Threshold(Turn<u32>),
    /// What its signatures must show.
    Signatures(Turn<Touch>),
}

/// What changes of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersonChange {
    /// The person is new; what they have follows.
    Added,
    /// The person is gone.
    Removed,
    /// A key is new.
    KeyAdded(KeyFingerprint),
    /// A key is gone.
    KeyRemoved(KeyFingerprint),
    /// The organisation is another.
    Organisation(Turn<Option<String>>),
}

/// What changes of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SiteChange {
    /// The site is new; who works there follows.
    Added {
        /// Its card.
        card: CardFingerprint,
        /// Whose card that is.
        person: PersonName,
        /// The key on it, which vouches for what the site seals anew.
        key: KeyFingerprint,
    },
    /// The site is gone.
    Removed,
    /// Somebody begins to work there.
    Joins(PersonName),
    /// Somebody works there no more.
    Leaves(PersonName),
    /// The card is another.
    Card(Turn<CardFingerprint>),
    /// The card is another person's.
    CardPerson(Turn<PersonName>),
    /// The key on the card is another.
    CardKey(Turn<KeyFingerprint>),
    /// The recipient is another.
    Recipient(Turn<String>),
    /// The recipient of the suite `age-pq` is another; both are shortened.
    RecipientPq(Turn<String>),
    /// The label key is another.
    LabelKey,
}

/// What changes of a tent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TentChange {
    /// The tent is new; what holds in it follows.
    Begun,
    /// The tent is gone.
    Ended,
    /// Somebody gets a role.
    Given(Grant, String),
    /// Somebody loses a role.
    Taken(Grant, String),
    /// Content may go to other sites; `None` for all members.
    Destinations(Turn<Option<Vec<SiteName>>>),
    /// Others must approve.
    Approvals(Turn<Option<Approvals>>),
    /// Keys must show something else.
    Signatures(Turn<Touch>),
    /// Bundles are valid for another time, in days.
    ValidDays(Turn<Option<u32>>),
    /// Whether bundles must be sealed post-quantum.
    PostQuantum(Turn<bool>),
    /// Other formats are allowed; `None` for all that are not forbidden.
    Allowed(Turn<Option<Vec<Format>>>),
    /// Other formats are forbidden.
    Forbidden(Turn<Vec<Format>>),
    /// Whether files may carry pickles.
    Pickle(Turn<bool>),
    /// The largest file is another, in bytes.
    FileBytes(Turn<Option<u64>>),
    /// The largest bundle is another, in bytes.
    BundleBytes(Turn<Option<u64>>),
}

/// What changes of a key's revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyChange {
    /// It counts no more; what is excepted follows.
    Revoked {
        /// Why.
        reason: Option<String>,
    },
    /// It counts again.
    Restored,
    /// A seal is excepted.
    Excepted(BundleId),
    /// A seal is excepted no more.
    NotExcepted(BundleId),
    /// The reason is another.
    Reason(Turn<Option<String>>),
}

/// What changes from `old` to `new`, in the order of a policy file; `None` for what was before the first policy.
///
/// Empty exactly if both say the same, whatever their epochs, times and the order of their names, and `new` does not
/// reset the clock.
#[must_use]
pub fn diff(old: Option<&Policy>, new: &Policy) -> Vec<Change> {
    // Named one by one, here and below, so that no field that is added goes unsaid.
    let Policy { format: _, epoch: _, previous: _, time: _, reset_clock, root: _, persons, sites, tents, revocations } =
        new;
    let mut all = Vec::new();
    if *reset_clock {
        all.push(Change::Clock);
    }
    root(old, new, &mut all);
    let name = |person: &Person| person.name.clone();
    for (key, [before, after]) in pairs(old.map_or(&[], |old| &old.persons), persons, name) {
        let changes = person(before, after);
        all.extend(changes.into_iter().map(|change| Change::Person { name: key.clone(), change }));
    }
    let name = |site: &Site| site.name.clone();
    for (key, [before, after]) in pairs(old.map_or(&[], |old| &old.sites), sites, name) {
        let changes = site(before, after);
        all.extend(changes.into_iter().map(|change| Change::Site { name: key.clone(), change }));
    }
    let name = |tent: &Tent| tent.name.clone();
    for (key, [before, after]) in pairs(old.map_or(&[], |old| &old.tents), tents, name) {
        let changes = tent(before, after);
        all.extend(changes.into_iter().map(|change| Change::Tent { name: key.clone(), change }));
    }
    let name = |revocation: &Revocation| revocation.key.fingerprint();
    // Whoever has a form of the key, by the new policy where that says so.
    let persons = old.map_or(&[][..], |old| &old.persons).iter().chain(&new.persons);
    let owners: HashMap<_, _> =
        persons.flat_map(|person| person.keys.iter().map(move |key| (key.point(), &person.name))).collect();
    for (key, [before, after]) in pairs(old.map_or(&[], |old| &old.revocations), revocations, name) {
        let person = before.or(after).and_then(|revocation| owners.get(&revocation.key.point()));
        let changes = revocation(before, after).into_iter();
        all.extend(changes.map(|change| Change::Key { key, person: person.copied().cloned(), change }));
    }
    all
}

/// The changes in one text, as the log has it: the first twenty, and how many more there are.
#[must_use]
pub fn summary(changes: &[Change]) -> String {
    const MOST: usize = 20;
    let mut parts: Vec<_> = changes.iter().take(MOST).map(ToString::to_string).collect();
    match changes.len() {
        0 => parts.push("nothing but the epoch".to_owned()),
        all if all > MOST => parts.push(format!("and {} more", all - MOST)),
        _ => {}
    }
    parts.join("; ")
}

/// What has one name in both, in the order of the new one, then what only the old one has.
fn pairs<'a, T, K: Ord + Clone>(old: &'a [T], new: &'a [T], name: impl Fn(&T) -> K) -> Vec<(K, [Option<&'a T>; 2])> {
    let mut left: BTreeMap<K, &T> = old.iter().map(|item| (name(item), item)).collect();
    let mut pairs: Vec<_> = new.iter().map(|item| (name(item), [left.remove(&name(item)), Some(item)])).collect();
    pairs.extend(old.iter().filter(|item| left.contains_key(&name(item))).map(|item| (name(item), [Some(item), None])));
    pairs
}

/// What only `new` has and what only `old` has, each in its order.
fn lists<'a, T: Ord>(old: &'a [T], new: &'a [T]) -> [Vec<&'a T>; 2] {
    let only = |list: &'a [T], other: &'a [T]| {
        let other: BTreeSet<_> = other.iter().collect();
        list.iter().filter(|item| !other.contains(item)).collect()
    };
    [only(new, old), only(old, new)]
}

fn is_same_set<T: Ord>(a: &[T], b: &[T]) -> bool {
    lists(a, b).iter().all(Vec::is_empty)
}

fn is_same_choice<T: Ord>(a: Option<&Vec<T>>, b: Option<&Vec<T>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => is_same_set(a, b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

fn turn<T: PartialEq + Clone>(before: &T, after: &T) -> Option<Turn<T>> {
    (before != after).then(|| Turn { before: before.clone(), after: after.clone() })
}

fn root(old: Option<&Policy>, new: &Policy, all: &mut Vec<Change>) {
    let Root { threshold, persons, signatures } = &new.root;
    let [joins, leaves] = lists(old.map_or(&[][..], |old| &old.root.persons), persons);
    let mut changes: Vec<_> = joins.into_iter().cloned().map(RootChange::Joins).collect();
    changes.extend(leaves.into_iter().cloned().map(RootChange::Leaves));
    changes.extend(turn(&old.map_or(0, |old| old.root.threshold), threshold).map(RootChange::Threshold));
    let before = old.map_or(Touch::Any, |old| old.root.signatures);
    changes.extend(turn(&before, signatures).map(RootChange::Signatures));
    all.extend(changes.into_iter().map(|change| Change::Root { change }));
}

fn person(before: Option<&Person>, after: Option<&Person>) -> Vec<PersonChange> {
    let Some(after) = after else { return vec![PersonChange::Removed] };
    let Person { name: _, organisation, keys: _ } = after;
    let mut changes = Vec::new();
    if before.is_none() {
        changes.push(PersonChange::Added);
    }
    let organisation = turn(&before.and_then(|before| before.organisation.clone()), organisation);
    changes.extend(organisation.map(PersonChange::Organisation));
    let keys = |person: &Person| person.keys.iter().map(PublicKey::fingerprint).collect::<Vec<_>>();
    let (old, new) = (before.map(keys).unwrap_or_default(), keys(after));
    let [added, removed] = lists(&old, &new);
    changes.extend(added.into_iter().copied().map(PersonChange::KeyAdded));
    changes.extend(removed.into_iter().copied().map(PersonChange::KeyRemoved));
    changes
}

fn site(before: Option<&Site>, after: Option<&Site>) -> Vec<SiteChange> {
    let Some(after) = after else { return vec![SiteChange::Removed] };
    let Site { name: _, persons, card, card_person, card_key, recipient, label_key, recipient_pq } = after;
    let mut changes = Vec::new();
    match before {
        None => {
            let (person, key) = (card_person.clone(), card_key.fingerprint());
            changes.push(SiteChange::Added { card: *card, person, key });
        }
        Some(before) => {
            changes.extend(turn(&before.card, card).map(SiteChange::Card));
            changes.extend(turn(&before.card_person, card_person).map(SiteChange::CardPerson));
            let keys = [&before.card_key, card_key].map(PublicKey::fingerprint);
            changes.extend(turn(&keys[0], &keys[1]).map(SiteChange::CardKey));
            let recipient = turn(&before.recipient.to_string(), &recipient.to_string());
            changes.extend(recipient.map(SiteChange::Recipient));
            if before.recipient_pq != *recipient_pq {
                let [before, after] = [&before.recipient_pq, recipient_pq].map(|key| shorten(&key.to_string()));
                changes.push(SiteChange::RecipientPq(Turn { before, after }));
            }
            if before.label_key != *label_key {
                changes.push(SiteChange::LabelKey);
            }
        }
    }
    let [joins, leaves] = lists(before.map_or(&[][..], |before| &before.persons), persons);
    changes.extend(joins.into_iter().cloned().map(SiteChange::Joins));
    changes.extend(leaves.into_iter().cloned().map(SiteChange::Leaves));
    changes
}

fn tent(before: Option<&Tent>, after: Option<&Tent>) -> Vec<TentChange> {
    let Some(after) = after else { return vec![TentChange::Ended] };
    let nothing = Tent::new(after.name.clone());
    let mut changes = Vec::new();
    if before.is_none() {
        changes.push(TentChange::Begun);
    }
    let before = before.unwrap_or(&nothing);
    let Tent {
        name: _,
        members,
        auditors,
        exporters,
        destinations,
        approvals,
        signatures,
        valid_days,
        post_quantum,
        content: rules,
    } = after;
    roles(Grant::Member, lists(&before.members, members), &mut changes);
    roles(Grant::Auditor, lists(&before.auditors, auditors), &mut changes);
    roles(Grant::Exporter, lists(&before.exporters, exporters), &mut changes);
    if !is_same_choice(before.destinations.as_ref(), destinations.as_ref()) {
        changes.extend(turn(&before.destinations, destinations).map(TentChange::Destinations));
    }
    if !is_same_approvals(before.approvals.as_ref(), approvals.as_ref()) {
        changes.extend(turn(&before.approvals, approvals).map(TentChange::Approvals));
    }
    changes.extend(turn(&before.signatures, signatures).map(TentChange::Signatures));
    changes.extend(turn(&before.valid_days, valid_days).map(TentChange::ValidDays));
    changes.extend(turn(&before.post_quantum, post_quantum).map(TentChange::PostQuantum));
    content(&before.content, rules, &mut changes);
    changes
}

fn roles<T: ToString>(grant: Grant, [given, taken]: [Vec<&T>; 2], changes: &mut Vec<TentChange>) {
    changes.extend(given.into_iter().map(|name| TentChange::Given(grant, name.to_string())));
    changes.extend(taken.into_iter().map(|name| TentChange::Taken(grant, name.to_string())));
}

fn is_same_approvals(a: Option<&Approvals>, b: Option<&Approvals>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a.k, a.not_exporter) == (b.k, b.not_exporter) && is_same_set(&a.of, &b.of),
        (a, b) => a.is_none() && b.is_none(),
    }
}

fn content(before: &ContentRules, after: &ContentRules, changes: &mut Vec<TentChange>) {
    let ContentRules { allowed, forbidden, pickle, file_bytes, bundle_bytes } = after;
    if !is_same_choice(before.allowed.as_ref(), allowed.as_ref()) {
        changes.extend(turn(&before.allowed, allowed).map(TentChange::Allowed));
    }
    if !is_same_set(&before.forbidden, forbidden) {
        changes.extend(turn(&before.forbidden, forbidden).map(TentChange::Forbidden));
    }
    changes.extend(turn(&before.pickle, pickle).map(TentChange::Pickle));
    changes.extend(turn(&before.file_bytes, file_bytes).map(TentChange::FileBytes));
    changes.extend(turn(&before.bundle_bytes, bundle_bytes).map(TentChange::BundleBytes));
}

fn revocation(before: Option<&Revocation>, after: Option<&Revocation>) -> Vec<KeyChange> {
    let Some(after) = after else { return vec![KeyChange::Restored] };
    let Revocation { key: _, reason, except } = after;
    let mut changes = Vec::new();
    match before {
        None => changes.push(KeyChange::Revoked { reason: reason.clone() }),
        Some(before) => changes.extend(turn(&before.reason, reason).map(KeyChange::Reason)),
    }
    let [excepted, not] = lists(before.map_or(&[][..], |before| &before.except), except);
    changes.extend(excepted.into_iter().copied().map(KeyChange::Excepted));
    changes.extend(not.into_iter().copied().map(KeyChange::NotExcepted));
    changes
}
