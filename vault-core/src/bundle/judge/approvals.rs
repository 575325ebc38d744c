//! Counting approvals: distinct persons of those who may, never keys.

use super::super::seal::{Signer, Unfit};
use super::error::asked;
use super::{join, shows};
use crate::error::{Explain, Kind};
use gapvault_formats::custody::Approval;
use gapvault_formats::ids::BundleId;
use gapvault_formats::names::{PersonName, TentName};
use gapvault_formats::policy::{Policy, Tent};
use gapvault_formats::sshsig::{Namespace, PublicKey, Touch};
use std::fmt;

/// The most reasons that one message tells.
const TOLD: usize = 6;

/// What the approvals beside a seal come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many distinct persons it takes; 0 if the tent asks for none.
    pub needed: usize,
    /// Those that counted, one for each person.
    pub counted: Vec<Approval>,
    /// Those that did not, and why.
    pub uncounted: Vec<Uncounted>,
    /// Who could still approve, and would count.
    pub could: Vec<PersonName>,
}

/// An approval that counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncounted {
    /// The signature: the fingerprint of its key, or its file's name.
    pub signature: String,
    /// Whose key it is, if the policy knows it.
    pub person: Option<PersonName>,
    /// Why it does not count.
    pub why: Unmet,
}

/// Why an approval does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    /// Nobody's key.
    #[error("the policy gives this key to nobody")]
    Unknown,
    /// A key that counts no more.
    #[error("its key is revoked")]
    Revoked,
    /// A person without this role.
    #[error("not among those who may approve")]
    NotAnApprover,
    /// The exporter.
    #[error("the exporter's own approval does not count")]
    Exporter,
    /// A signature that shows less than the tent asks for.
    #[error("it shows {shows}, the tent asks for {}", asked(*needs))]
    Touch {
        /// What it shows.
        shows: &'static str,
        /// What it should.
        needs: Touch,
    },
    /// A second key of one person.
    #[error("the same person has approved with another key")]
    Twice,
    /// No signature over this seal.
    #[error("{0}")]
    Unfit(gapvault_formats::sshsig::SshError),
}

impl fmt::Display for Uncounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signature, person, why } = self;
        match person {
            Some(person) => write!(f, "{person} (key {signature}): {why}"),
            None if matches!(why, Unmet::Unfit(_)) => write!(f, "{signature}: {why}"),
            None => write!(f, "key {signature}: {why}"),
        }
    }
}

/// SPEC 13.12: what the approvals among `signers` come to in `tent`, for a bundle of this exporter.
pub(super) fn tally(
    policy: &Policy,
    tent: &Tent,
    (bundle, exporter): (&BundleId, &PersonName),
    signers: &[Signer],
    unfit: &[Unfit],
) -> Tally {
    let Some(rule) = &tent.approvals else { return Tally::default() };
    // A policy that asks for none by a number is refused; whatever got here, one person is the least.
    let mut tally = Tally { needed: rule.k.max(1) as usize, ..Tally::default() };
    for signer in signers.iter().filter(|signer| signer.namespace == Namespace::Approve) {
        let person = policy.person_of(&signer.key).map(|person| person.name.clone());
        let met = may_count(policy, tent, (bundle, exporter), person.as_ref(), signer).and_then(|person| {
            let twice = tally.counted.iter().any(|counted| counted.person == person);
            if twice { Err(Unmet::Twice) } else { Ok(person) }
        });
        match met {
            Ok(person) => tally.counted.push(Approval { person, key: signer.key.clone() }),
            Err(why) => {
                tally.uncounted.push(Uncounted { signature: signer.key.fingerprint().to_string(), person, why });
            }
        }
    }
    for Unfit { file, fault } in unfit.iter().filter(|unfit| unfit.file.ends_with(".approve.sig")) {
        let why = Unmet::Unfit(fault.clone());
        tally.uncounted.push(Uncounted { signature: file.clone(), person: None, why });
    }
    let could = rule.of.iter().filter(|person| {
        let has = tally.counted.iter().any(|counted| counted.person == **person);
        let barred = rule.not_exporter && *person == exporter;
        !has && !barred && has_key(policy, person, tent.signatures, Some(bundle))
    });
    tally.could = could.cloned().collect();
    tally
}

/// Whether an approval by this key of this person counts, whoever else has approved.
fn may_count(
    policy: &Policy,
    tent: &Tent,
    (bundle, exporter): (&BundleId, &PersonName),
    person: Option<&PersonName>,
    signer: &Signer,
) -> Result<PersonName, Unmet> {
    let person = may_approve(policy, tent, (bundle, exporter), person, &signer.key)?;
    if !tent.signatures.is_met_by(signer.shown) {
        return Err(Unmet::Touch { shows: shows(signer.shown), needs: tent.signatures });
    }
    Ok(person.clone())
}

/// Whether this key of this person may approve at all.
pub(crate) fn may_approve<'p>(
    policy: &Policy,
    tent: &Tent,
    (bundle, exporter): (&BundleId, &PersonName),
    person: Option<&'p PersonName>,
    key: &PublicKey,
) -> Result<&'p PersonName, Unmet> {
    if policy.is_revoked(key, Some(bundle)) {
        return Err(Unmet::Revoked);
    }
    let person = person.ok_or(Unmet::Unknown)?;
    let rule = tent.approvals.as_ref().ok_or(Unmet::NotAnApprover)?;
    if rule.not_exporter && person == exporter {
        return Err(Unmet::Exporter);
    }
    if !rule.of.contains(person) {
        return Err(Unmet::NotAnApprover);
    }
    Ok(person)
}

/// Whether a person has a key whose signatures can count: not revoked (but for `seal`), and of a kind that can show what is
/// asked for.
pub(crate) fn has_key(policy: &Policy, name: &PersonName, needs: Touch, seal: Option<&BundleId>) -> bool {
    let counts = |key: &PublicKey| !policy.is_revoked(key, seal) && (needs == Touch::Any || key.is_security_key());
    policy.person(name).is_some_and(|person| person.keys.iter().any(counts))
}

impl Tally {
    /// How many persons are missing.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.needed.saturating_sub(self.counted.len())
    }

    /// What it comes to, in words.
    pub(super) fn told(&self) -> String {
        match self.needed {
            0 => "the tent asks for no approvals".to_owned(),
            needed => {
                let (has, persons) = (self.counted.len(), join(&self.persons()));
                format!("approved by {has} ({persons}), {needed} needed")
            }
        }
    }

    pub(super) fn persons(&self) -> Vec<PersonName> {
        self.counted.iter().map(|counted| counted.person.clone()).collect()
    }
}

/// Too few approvals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// In which tent.
    pub tent: TentName,
    /// What there is.
    pub tally: Tally,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { needed, uncounted, could, .. } = &self.tally;
        let (tent, has) = (&self.tent, self.tally.persons());
        let persons = |n: usize| if n == 1 { "1 person".to_owned() } else { format!("{n} persons") };
        write!(
            f,
            "tent {tent} asks for approvals of {}, {}",
            persons(*needed),
            match has.len() {
                0 => "none has approved".to_owned(),
                n => format!(
                    "{} approved ({})",
                    if n == 1 { "1 has".to_owned() } else { format!("{n} have") },
                    join(&has)
                ),
            }
        )?;
        let missing = self.tally.missing();
        write!(f, ": {missing} missing; ")?;
        match could.len() {
            0 => f.write_str("nobody is left who could approve it")?,
            n if n < missing => write!(f, "only {} could still approve it", join(could))?,
            _ => write!(f, "{} could still approve it", join(could))?,
        }
        for uncounted in uncounted.iter().take(TOLD) {
            write!(f, "; not counted: {uncounted}")?;
        }
        match uncounted.len().saturating_sub(TOLD) {
            0 => Ok(()),
            more => write!(f, "; and {more} more that do not count"),
        }
    }
}

impl std::error::Error for Shortfall {}

impl Explain for Shortfall {
    fn kind(&self) -> Kind {
        Kind::Refused
    }
    fn hint(&self) -> Option<String> {
        Some(if self.tally.could.len() < self.tally.missing() {
            "no approvals can make it enough: have it exported again by somebody else, or have the policy changed"
                .to_owned()
        } else {
            "`gapvault approve MEDIUM` approves it, with the key of one of them; approvals may come on any medium"
                .to_owned()
        })
    }
}
