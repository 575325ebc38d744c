//! Whether a new policy may take the place of the one in force: SPEC 10.4. Decides only; signatures are verified before.

use super::{Person, Policy};
use crate::ids::{KeyFingerprint, PolicyDigest};
use crate::names::PersonName;
use crate::sshsig::{KeyPoint, PublicKey, Shown, Touch};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A signature that was verified over the bytes of the new policy, in the namespace for policies.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'a> {
    /// The key that made it.
    pub key: &'a PublicKey,
    /// What it shows of whoever made it.
    pub shown: Shown,
}

/// Whose root is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// That of the policy in force.
    InForce,
    /// The new policy's own: asked of the first policy, and when the root changes.
    Own,
}

/// Why a signature did not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Uncounted {
    /// No person has the key.
    UnknownKey,
    /// The person is not of the root.
    NotRoot(PersonName),
    /// The key is revoked.
    Revoked(PersonName),
    /// The person counted already.
    CountedAlready(PersonName),
    /// The signature does not show what the root asks for; a security key must at least have been touched.
    NotShown(PersonName, Touch),
}

impl fmt::Display for Uncounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey => write!(f, "no person has this key"),
            Self::NotRoot(person) => write!(f, "{person} is not of the root"),
            Self::Revoked(person) => write!(f, "this key of {person} is revoked"),
            Self::CountedAlready(person) => write!(f, "{person} counted already"),
            Self::NotShown(person, Touch::Verification) => {
                write!(f, "it shows no fingerprint or PIN of {person}, and root asks for verification")
            }
            Self::NotShown(person, _) => write!(f, "it does not show that {person} touched a security key"),
        }
    }
}

/// How the signatures were counted for one root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Whose root.
    pub whose: Whose,
    /// How many distinct persons it takes.
    pub expected: u32,
    /// Who counted, in the order of the root.
    pub counted: Vec<PersonName>,
    /// Who of the root did not sign yet and could: with a fitting key that is not revoked.
    pub could: Vec<PersonName>,
    /// Which signatures did not count, and why.
    pub uncounted: Vec<(KeyFingerprint, Uncounted)>,
}

impl Tally {
    /// How many persons are missing.
    #[must_use]
    pub fn missing(&self) -> usize {
        (self.expected as usize).saturating_sub(self.counted.len())
    }
}

/// `2 of 3 persons of the root in force signed (ana, ben); chris, dora could`
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = match self.whose {
            Whose::InForce => "the root in force",
            Whose::Own => "its own root",
        };
        write!(f, "{} of {} persons of {root} signed", self.counted.len(), self.expected)?;
        if !self.counted.is_empty() {
            write!(f, " ({})", join(&self.counted))?;
        }
        if self.missing() > 0 && !self.could.is_empty() {
            write!(f, "; {} could", join(&self.could))?;
        }
        Ok(())
    }
}

/// The new policy may be put in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// How the root of the policy in force was counted; `None` for a first policy.
    pub in_force: Option<Tally>,
    /// How its own root was counted, if it was asked.
    pub own: Option<Tally>,
}

impl Accepted {
    /// Everybody who counted, each once, by name.
    #[must_use]
    pub fn signed(&self) -> Vec<PersonName> {
        let counted: BTreeSet<_> = self.in_force.iter().chain(&self.own).flat_map(|tally| &tally.counted).collect();
        counted.into_iter().cloned().collect()
    }
}

/// Why the new policy may not be put in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// It is the one in force, byte by byte.
    #[error("epoch {epoch} is in force already")]
    InForce {
        /// Which.
        epoch: u64,
    },
    /// An older one, or what claims to be.
    #[error("epoch {actual} is older than epoch {in_force}, which is in force")]
    Rollback {
        /// What the new policy says.
        actual: u64,
        /// The epoch in force.
        in_force: u64,
    },
    /// Two policies claim one epoch.
    #[error("there are two policies of epoch {epoch}: {actual}, and {in_force}, which is in force")]
    TwoOfOneEpoch {
        /// Which epoch.
        epoch: u64,
        /// The new policy.
        actual: PolicyDigest,
        /// The one in force.
        in_force: PolicyDigest,
    },
    /// One between was left out.
    #[error("epoch {actual} does not follow epoch {in_force}, which is in force")]
    Gap {
        /// What the new policy says.
        actual: u64,
        /// The epoch in force.
        in_force: u64,
    },
    /// A first policy has the first epoch.
    #[error("epoch {actual} can't be the first, that is epoch 1")]
    NotTheFirst {
        /// What the new policy says.
        actual: u64,
    },
    /// It was written for another vault, or after a policy that never came into force here.
    #[error("it follows another policy than the one in force here")]
    OtherPrevious {
        /// The policy that it follows.
        actual: Option<PolicyDigest>,
        /// The one in force.
        in_force: PolicyDigest,
    },
    /// Too few signatures count.
    #[error("{}", lacks(tallies))]
    Signatures {
        /// The roots that were asked; at least one lacks persons.
        tallies: Vec<Tally>,
    },
}

/// Judges whether `new`, which has the digest `digest`, may take the place of the policy in force, which is `None` in a
/// new vault.
pub fn judge(
    in_force: Option<(&Policy, PolicyDigest)>,
    new: &Policy,
    digest: PolicyDigest,
    signatures: &[Verified<'_>],
) -> Result<Accepted, RootError> {
    let (actual, old) = (new.epoch, in_force.map(|(policy, _)| policy));
    match in_force.map(|(policy, digest)| (policy.epoch, digest)) {
        None if actual != 1 => return Err(RootError::NotTheFirst { actual }),
        Some((epoch, known)) if actual == epoch && known == digest => return Err(RootError::InForce { epoch }),
        Some((epoch, known)) if actual == epoch => {
            return Err(RootError::TwoOfOneEpoch { epoch, actual: digest, in_force: known });
        }
        Some((in_force, _)) if actual < in_force => return Err(RootError::Rollback { actual, in_force }),
        Some((in_force, _)) if actual - in_force > 1 => return Err(RootError::Gap { actual, in_force }),
        // SPEC 10.4: the same root persons may sign for several vaults, and drafts that they think better of.
        Some((_, known)) if new.previous != Some(known) => {
            return Err(RootError::OtherPrevious { actual: new.previous, in_force: known });
        }
        _ => {}
    }
    let asks_own = old.is_none_or(|old| !is_same_root(old, new));
    let in_force = old.map(|old| tally(Whose::InForce, old, signatures));
    let own = asks_own.then(|| tally(Whose::Own, new, signatures));
    if in_force.iter().chain(&own).any(|tally| tally.missing() > 0) {
        return Err(RootError::Signatures { tallies: in_force.into_iter().chain(own).collect() });
    }
    Ok(Accepted { in_force, own })
}

/// Whether the same signatures count for the roots of both: same persons, threshold, requirement, and keys that are not
/// revoked.
#[must_use]
pub fn is_same_root(a: &Policy, b: &Policy) -> bool {
    (a.root.threshold, a.root.signatures) == (b.root.threshold, b.root.signatures)
        && Roots::of(a).keys() == Roots::of(b).keys()
}

/// Counts `signatures` for the root of `policy`, by its keys and its revocations. Persons are counted, never keys.
#[must_use]
pub fn tally(whose: Whose, policy: &Policy, signatures: &[Verified<'_>]) -> Tally {
    let (root, roots, mut signed, mut uncounted) = (&policy.root, Roots::of(policy), BTreeSet::new(), Vec::new());
    for signature in signatures {
        match roots.count(policy, *signature) {
            Ok(person) if signed.insert(person) => {}
            Ok(person) => uncounted.push((signature.key.fingerprint(), Uncounted::CountedAlready(person.clone()))),
            Err(why) => uncounted.push((signature.key.fingerprint(), why)),
        }
    }
    let (counted, others): (Vec<_>, Vec<_>) = root.persons.iter().partition(|name| signed.contains(name));
    let could = others.into_iter().filter(|name| roots.can_sign(name, root.signatures)).cloned().collect();
    Tally { whose, expected: root.threshold, counted: counted.into_iter().cloned().collect(), could, uncounted }
}

/// The root persons of a policy, and what is revoked there.
struct Roots<'p> {
    persons: BTreeMap<&'p PersonName, &'p Person>,
    revoked: BTreeSet<KeyPoint>,
}

impl<'p> Roots<'p> {
    fn of(policy: &'p Policy) -> Self {
        let names: BTreeSet<_> = policy.root.persons.iter().collect();
        let persons = policy.persons.iter().filter(|person| names.contains(&person.name));
        Self {
            persons: persons.map(|person| (&person.name, person)).collect(),
            revoked: policy.revocations.iter().map(|revocation| revocation.key.point()).collect(),
        }
    }

    /// The keys that count, each with its person.
    fn keys(&self) -> BTreeSet<(&'p PersonName, Option<KeyFingerprint>)> {
        let counting = self.persons.values().flat_map(|person| {
            let keys = person.keys.iter().filter(|key| !self.revoked.contains(&key.point()));
            keys.map(|key| (&person.name, Some(key.fingerprint())))
        });
        // A person all of whose keys are revoked is of the root nonetheless.
        counting.chain(self.persons.keys().map(|name| (*name, None))).collect()
    }

    fn can_sign(&self, name: &PersonName, touch: Touch) -> bool {
        let fits = |key: &PublicKey| touch.can_be_met_by(key) && !self.revoked.contains(&key.point());
        self.persons.get(name).is_some_and(|person| person.keys.iter().any(fits))
    }

    /// The root person whom a signature counts for.
    fn count(&self, policy: &'p Policy, signature: Verified<'_>) -> Result<&'p PersonName, Uncounted> {
        let Verified { key, shown } = signature;
        let name = &policy.person_of(key).ok_or(Uncounted::UnknownKey)?.name;
        if !self.persons.contains_key(name) {
            return Err(Uncounted::NotRoot(name.clone()));
        }
        if self.revoked.contains(&key.point()) {
            return Err(Uncounted::Revoked(name.clone()));
        }
        let touch = policy.root.signatures;
        if !touch.is_met_by_key(key, shown) {
            return Err(Uncounted::NotShown(name.clone(), touch));
        }
        Ok(name)
    }
}

fn lacks(tallies: &[Tally]) -> String {
    let lacks = tallies.iter().filter(|tally| tally.missing() > 0).map(|tally| {
        let why = |(key, why): &(KeyFingerprint, Uncounted)| {
            let key = key.to_string();
            format!("; the signature of key {}… does not count: {why}", key.get(..16).unwrap_or(&key))
        };
        format!("{tally}{}", tally.uncounted.iter().map(why).collect::<String>())
    });
    lacks.collect::<Vec<_>>().join("; ")
}

fn join(names: &[PersonName]) -> String {
    names.iter().map(PersonName::as_str).collect::<Vec<_>>().join(", ")
}
