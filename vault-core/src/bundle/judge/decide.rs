//! The decision itself: every rule in order, from what was read before. It does no I/O, so that whoever imports and
//! whoever explains can't come to different ends.

use super::addressed::{Addressed, allowed, for_us, tent_of};
use super::approvals::{Shortfall, Tally, tally};
use super::case::{Case, Purpose};
use super::error::JudgeError;
use super::{join, shows};
use crate::bundle::Signer;
use gapvault_formats::agefile::Suite;
use gapvault_formats::ids::BundleId;
use gapvault_formats::names::PersonName;
use gapvault_formats::policy::{Person, Policy, Tent};
use gapvault_formats::sshsig::{Namespace, PublicKey};

/// A seal created this long after the clock is refused, in seconds.
const FUTURE: i64 = 48 * 3600;
const DAY: i64 = 24 * 3600;

/// What is checked, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Somebody whom the policy knows sealed it, with a key that is not revoked.
    Signer,
    /// The exporter whom it names did.
    ExporterSignature,
    /// The policy gives the exporter's key to a person, and does not revoke it.
    ExporterKey,
    /// That person is an exporter of the tent that it is for.
    Exporter,
    /// It is for this site.
    Destination,
    /// All the sites that it is for may be.
    Destinations,
    /// The exporter's signature shows what the tent asks for.
    Signatures,
    /// It is sealed with a suite that the tent allows.
    Suite,
    /// Its number was not used by another bundle.
    Number,
    /// It is not valid for longer than bundles of the tent may be.
    ValidDays,
    /// It was not created in the future.
    Created,
    /// It has not expired.
    Expires,
    /// Enough persons approved it.
    Approvals,
}

/// One rule and what came of it.
#[derive(Debug)]
pub struct Check {
    /// The rule.
    pub rule: Rule,
    /// Where it stands: tent and field of the policy, or whatever else it goes by.
    pub place: String,
    /// Why it holds; or why the bundle is refused.
    pub verdict: Result<String, JudgeError>,
}

/// What the rules say of a bundle.
#[derive(Debug)]
pub struct Decision {
    /// Every rule that could be looked at, in order. Where one is missing at the end, it depends on one that refuses.
    pub checks: Vec<Check>,
    /// Whose bundle it is and for whom, if that is known.
    pub grounds: Option<Grounds>,
    /// What the log admitted of it already: the same seal, or another of the same bundle.
    pub admitted: Option<BundleId>,
}

/// Whose bundle it is, for whom, and who approved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grounds {
    /// The exporter.
    pub exporter: PersonName,
    /// The tent and the sites.
    pub addressed: Addressed,
    /// What the approvals come to.
    pub approvals: Tally,
    /// What in the policy admits it, in words.
    pub rule: String,
}

impl Decision {
    /// The first rule that refuses.
    #[must_use]
    pub fn refusal(&self) -> Option<&JudgeError> {
        self.checks.iter().find_map(|check| check.verdict.as_ref().err())
    }

    /// The same, out of it.
    pub(crate) fn into_refusal(self) -> Option<JudgeError> {
        self.checks.into_iter().find_map(|check| check.verdict.err())
    }
}

/// SPEC 4.4: before this holds, no byte of the seal is believed.
#[must_use]
pub fn known_signer(policy: &Policy, bundle: &BundleId, signers: &[Signer]) -> Check {
    let sealers = || signers.iter().filter(|signer| signer.namespace == Namespace::Seal).map(|signer| &signer.key);
    let known = sealers().filter_map(|key| Some((key, policy.person_of(key)?)));
    let counts = known.clone().find(|(key, _)| !policy.is_revoked(key, Some(bundle)));
    let verdict = match (counts, known.map(|(key, _)| key).next()) {
        (Some((key, person)), _) => Ok(format!("sealed by {}, with key {}", person.name, key.fingerprint())),
        (None, Some(key)) => Err(revoked(policy, key)),
        (None, None) => Err(match sealers().find(|key| policy.is_revoked(key, Some(bundle))) {
            Some(key) => revoked(policy, key),
            None if sealers().next().is_none() => JudgeError::NoSignature,
            None => {
                let found: Vec<_> = sealers().map(|key| key.fingerprint().to_string()).collect();
                JudgeError::UnknownSigner { found: found.join(", ") }
            }
        }),
    };
    Check { rule: Rule::Signer, place: "person: keys".to_owned(), verdict }
}

fn revoked(policy: &Policy, key: &PublicKey) -> JudgeError {
    let reason = policy.revocations_of(key).find_map(|revocation| revocation.reason.clone());
    let person = policy.person_of(key).map(|person| person.name.clone());
    JudgeError::Revoked { key: key.fingerprint(), person, reason }
}

/// Decides on a bundle.
#[must_use]
pub fn decide(case: &Case<'_>) -> Decision {
    let mut checks = vec![known_signer(case.policy, &case.bundle, case.signers)];
    let is_this = case.earlier.iter().find(|earlier| earlier.bundle == case.bundle);
    let mut decision = Decision { checks: Vec::new(), grounds: None, admitted: is_this.map(|e| e.bundle) };
    let exporter = exporter(case, &mut checks);
    if let Some((person, signer)) = exporter
        && let Some((tent, addressed)) = in_tent(case, person, &mut checks)
    {
        let approvals = tally(case.policy, tent, (&case.bundle, &person.name), case.signers, case.unfit);
        let by = Exporter { person, signer, tent };
        by.check(case, &addressed, &approvals, &mut checks);
        decision.admitted = decision.admitted.or_else(|| by.earlier(case).find(|e| e.same).map(|e| e.bundle));
        let rule = rule_text(tent, &approvals);
        decision.grounds = Some(Grounds { exporter: person.name.clone(), addressed, approvals, rule });
    }
    decision.checks = checks;
    decision
}

/// The person whom the seal names as its exporter, and the signature.
fn exporter<'c>(case: &Case<'c>, checks: &mut Vec<Check>) -> Option<(&'c Person, &'c Signer)> {
    let key = &case.seal.predicate().exporter;
    let signer = case.signers.iter().find(|s| s.key == *key && s.namespace == Namespace::Seal);
    // SPEC 4.4: a signature of anybody else makes no bundle, however well known.
    checks.push(Check {
        rule: Rule::ExporterSignature,
        place: "seal.json: exporter".to_owned(),
        verdict: match signer {
            Some(_) => Ok(format!("its exporter's key {} sealed it", key.fingerprint())),
            None => Err(JudgeError::NoExporterSignature { exporter: key.fingerprint().to_string() }),
        },
    });
    let signer = signer?;
    let person = case.policy.person_of(key);
    let verdict = match person {
        _ if case.policy.is_revoked(key, Some(&case.bundle)) => Err(revoked(case.policy, key)),
        Some(person) if case.policy.is_revoked(key, None) => {
            let excepted = case.policy.revocations_of(key).map(|revocation| revocation.except.len()).max();
            let others = match excepted.unwrap_or(0) {
                0 | 1 => String::new(),
                2 => " and 1 other".to_owned(),
                n => format!(" and {} others", n - 1),
            };
            Ok(format!("it is a key of {}, revoked but for this seal{others}", person.name))
        }
        Some(person) => Ok(format!("it is a key of {}", person.name)),
        None => Err(JudgeError::UnknownExporter { exporter: key.fingerprint().to_string() }),
    };
    let place = person.map_or_else(|| "person: keys".to_owned(), |person| format!("person {}: keys", person.name));
    checks.push(Check { rule: Rule::ExporterKey, place, verdict });
    Some((person?, signer))
}

/// The tent in which that person exported it.
fn in_tent<'c>(case: &Case<'c>, person: &Person, checks: &mut Vec<Check>) -> Option<(&'c Tent, Addressed)> {
    let found = tent_of(case, person);
    let (place, verdict, found) = match found {
        Ok((tent, addressed)) => {
            let told = format!("{} is an exporter of tent {}", person.name, tent.name);
            (format!("tent {}: exporters", tent.name), Ok(told), Some((tent, addressed)))
        }
        Err(JudgeError::NotAnExporter { person, tent, exporters }) => {
            let place = format!("tent {tent}: exporters");
            (place, Err(JudgeError::NotAnExporter { person, tent, exporters }), None)
        }
        Err(error) => ("tent: exporters".to_owned(), Err(error), None),
    };
    checks.push(Check { rule: Rule::Exporter, place, verdict });
    found
}

/// The exporter of a bundle in its tent.
#[derive(Clone, Copy)]
struct Exporter<'c> {
    person: &'c Person,
    signer: &'c Signer,
    tent: &'c Tent,
}

impl<'c> Exporter<'c> {
    /// Holds everything against the tent's rules and the log.
    fn check(self, case: &Case<'c>, addressed: &Addressed, approvals: &Tally, checks: &mut Vec<Check>) {
        let name = &self.tent.name;
        let of = |field: &str| format!("tent {name}: {field}");
        let mut add = |rule, place: String, verdict| checks.push(Check { rule, place, verdict });
        let place = match case.purpose {
            Purpose::Admit => format!("site {}: label_key", case.own),
            Purpose::Look => "site: label_key".to_owned(),
        };
        add(Rule::Destination, place, for_us(case, addressed));
        add(Rule::Destinations, of("destinations"), allowed(case, self.tent, self.person, addressed));
        add(Rule::Signatures, of("signatures"), self.signatures());
        add(Rule::Suite, of("post_quantum"), self.suite(case));
        add(Rule::Number, "log: numbers admitted".to_owned(), self.number(case));
        add(Rule::ValidDays, of("valid_days"), self.valid_days(case));
        add(Rule::Created, "clock".to_owned(), created(case));
        add(Rule::Expires, "clock, and times admitted before".to_owned(), expires(case));
        add(Rule::Approvals, of("approvals"), self.approvals(approvals));
    }

    fn signatures(self) -> Result<String, JudgeError> {
        let (needs, shown) = (self.tent.signatures, self.signer.shown);
        if needs.is_met_by(shown) {
            return Ok(match self.signer.key.is_security_key() {
                true => format!("the exporter's signature shows {}", shows(shown)),
                false => format!("signed with a plain key: it shows {}", shows(shown)),
            });
        }
        let (person, tent) = (self.person.name.clone(), self.tent.name.clone());
        Err(JudgeError::Touch { person, tent, shows: shows(shown), needs })
    }

    fn suite(self, case: &Case<'_>) -> Result<String, JudgeError> {
        let actual = case.seal.predicate().suite;
        // What the seal says is held against the stanzas when the files are looked at.
        if self.tent.post_quantum && actual != Suite::PostQuantum {
            return Err(JudgeError::Suite { actual, tent: self.tent.name.clone() });
        }
        Ok(format!("sealed with the suite {actual}"))
    }

    /// What the log admitted under this number.
    fn earlier(self, case: &Case<'c>) -> impl Iterator<Item = &'c super::case::Earlier> {
        let predicate = case.seal.predicate();
        let (number, key, tent) = (predicate.number, &predicate.exporter, &self.tent.name);
        case.earlier.iter().filter(move |e| e.number == number && e.key == *key && e.tent == *tent)
    }

    fn number(self, case: &Case<'c>) -> Result<String, JudgeError> {
        let number = case.seal.predicate().number;
        // SPEC 13.9: another seal of the bundle that was admitted is no second use of its number.
        match self.earlier(case).find(|e| e.bundle != case.bundle && !e.same) {
            Some(other) => {
                let (person, tent) = (self.person.name.clone(), self.tent.name.clone());
                Err(JudgeError::Replayed { number, person, tent, other: other.bundle })
            }
            None => Ok(format!("number {number} of {} in tent {}", self.person.name, self.tent.name)),
        }
    }

    fn valid_days(self, case: &Case<'_>) -> Result<String, JudgeError> {
        let (created, expires) = (case.seal.predicate().created, case.seal.predicate().expires);
        match self.tent.valid_days {
            None => Ok("the tent sets no limit".to_owned()),
            Some(days) if expires.as_unix() - created.as_unix() <= i64::from(days) * DAY => {
                Ok(format!("valid from {created} to {expires}, at most {days} days"))
            }
            Some(days) => Err(JudgeError::Validity { created, expires, tent: self.tent.name.clone(), days }),
        }
    }

    fn approvals(self, tally: &Tally) -> Result<String, JudgeError> {
        if tally.missing() == 0 {
            return Ok(tally.told());
        }
        let shortfall = Shortfall { tent: self.tent.name.clone(), tally: tally.clone() };
        Err(JudgeError::Approvals(Box::new(shortfall)))
    }
}

fn created(case: &Case<'_>) -> Result<String, JudgeError> {
    let (created, now) = (case.seal.predicate().created, case.times.clock);
    match now.plus(FUTURE) {
        Some(latest) if created > latest => Err(JudgeError::Future { created, now }),
        _ => Ok(format!("created at {created}")),
    }
}

// SPEC 13.3: the floor keeps a clock that was set back from reviving what has expired.
fn expires(case: &Case<'_>) -> Result<String, JudgeError> {
    let (expires, now) = (case.seal.predicate().expires, case.times.latest());
    if now >= expires { Err(JudgeError::Expired { expires, now }) } else { Ok(format!("it expires at {expires}")) }
}

/// What in the policy admits a bundle, for the log.
fn rule_text(tent: &Tent, approvals: &Tally) -> String {
    let exporters = format!("tent {}: exporters {}", tent.name, join(&tent.exporters));
    match &tent.approvals {
        Some(rule) => format!("{exporters}; approvals {} of {}", approvals.needed, join(&rule.of)),
        None => exporters,
    }
}
