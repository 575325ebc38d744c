//! What a policy may say and yet is likely a mistake.

use super::place::{Place, Places, Spot};
use super::{Named, Policy, Tent};
use crate::content::Format;
use crate::ids::KeyFingerprint;
use crate::names::{PersonName, SiteName, TentName};
use crate::sshsig::{KeyPoint, PublicKey, Touch};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// From more days on a validity is remarkable.
const LONGEST_DAYS: u32 = 3_650;

/// A remark, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// Where in the text, if there is one.
    pub place: Option<Place>,
    /// What is remarkable.
    pub what: Remarkable,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{place}: {}", self.what),
            None => write!(f, "{}", self.what),
        }
    }
}

/// What is allowed but hardly meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remarkable {
    /// Too few others can approve what this exporter sends.
    NeverApproved {
        /// In which tent.
        tent: TentName,
        /// Whose bundles.
        exporter: PersonName,
        /// How many approvals it takes.
        expected: u32,
        /// How many persons can give one.
        actual: usize,
    },
    /// Someone who is to export has no key that counts there.
    CantSign {
        /// In which tent.
        tent: TentName,
        /// Who.
        exporter: PersonName,
    },
    /// A tent without exporters: nothing goes out, nothing comes in.
    NoExporter {
        /// Which tent.
        tent: TentName,
    },
    /// A tent with neither members nor auditors: no bundle can be for anybody.
    NoReader {
        /// Which tent.
        tent: TentName,
    },
    /// No rule names it.
    Unused {
        /// What kind.
        kind: Named,
        /// Its name.
        name: String,
    },
    /// A revoked key still stands among a person's.
    RevokedKey {
        /// Whose.
        person: PersonName,
        /// Which.
        key: KeyFingerprint,
    },
    /// It takes every root person, and some of them have one key only: who loses that locks the policy.
    RootWithoutSpare {
        /// How many root persons there are, and it takes.
        expected: u32,
        /// Who has no other key.
        persons: Vec<PersonName>,
    },
    /// A format that is allowed, but not what files of it carry.
    PicklesNotTaken {
        /// Which tent.
        tent: TentName,
        /// Which format.
        format: Format,
    },
    /// Pickles are taken, but no format is allowed that is made of them.
    PicklesNotAllowed {
        /// Which tent.
        tent: TentName,
    },
    /// Bundles may be valid for longer than anybody keeps watch over their keys.
    LongValidity {
        /// Which tent.
        tent: TentName,
        /// For how long, in days.
        days: u32,
    },
    /// A file may be larger than all files of a bundle together.
    CeilingOverBundle {
        /// Which tent.
        tent: TentName,
        /// The largest file, in bytes.
        file_bytes: u64,
        /// The largest bundle, in bytes.
        bundle_bytes: u64,
    },
}

impl Remarkable {
    /// Whether it only tells what no rule makes use of, as is so while a policy is put together.
    #[must_use]
    pub fn is_minor(&self) -> bool {
        matches!(self, Self::Unused { .. } | Self::NoReader { .. } | Self::RevokedKey { .. })
    }
}

impl fmt::Display for Remarkable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverApproved { tent, exporter, expected, actual } => write!(
                f,
                "tent {tent}: bundles of {exporter} take {expected} approvals, but only {actual} can approve them"
            ),
            Self::CantSign { tent, exporter } => {
                write!(f, "tent {tent}: exporter {exporter} has no key that counts there")
            }
            Self::NoExporter { tent } => write!(f, "tent {tent}: nobody may export, so nothing goes out or comes in"),
            Self::NoReader { tent } => {
                write!(f, "tent {tent}: it names neither member nor auditor, so nothing can be exported from it here")
            }
            Self::Unused { kind, name } => write!(f, "{kind} {name}: no rule names it"),
            Self::RevokedKey { person, key } => write!(f, "person {person}: key {key} is revoked and still listed"),
            Self::RootWithoutSpare { expected, persons } => {
                let persons: Vec<_> = persons.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "root: it takes all {expected} of its persons who can sign, and {} with one key only: if that is lost, nobody can change the policy",
                    persons.join(", ")
                )
            }
            Self::PicklesNotTaken { tent, format } => write!(
                f,
                "tent {tent}: {format} is allowed, but files of it carry pickles, which are not taken without `pickle = true`"
            ),
            Self::PicklesNotAllowed { tent } => {
                write!(f, "tent {tent}: `pickle` is true, but neither pickle nor torch is among the formats allowed")
            }
            Self::LongValidity { tent, days } => {
                write!(f, "tent {tent}: bundles may be valid for {days} days, which is over ten years")
            }
            Self::CeilingOverBundle { tent, file_bytes, bundle_bytes } => write!(
                f,
                "tent {tent}: a file may have {file_bytes} bytes, but all files of a bundle only {bundle_bytes}"
            ),
        }
    }
}

impl Policy {
    /// What is allowed but likely a mistake, without places.
    #[must_use]
    pub fn remarks(&self) -> Vec<Remark> {
        remarkable(self).into_iter().map(|(_, what)| Remark { place: None, what }).collect()
    }

    /// The same in the order of `text`, which is this policy's.
    #[must_use]
    pub fn remarks_in(&self, text: &str) -> Vec<Remark> {
        let places = Places::of(text);
        let place = |spot: &Spot| places.as_ref().map(|places| places.find(spot));
        let remarks = remarkable(self).into_iter().map(|(spot, what)| Remark { place: place(&spot), what });
        let mut remarks: Vec<_> = remarks.collect();
        remarks.sort_by_key(|remark| remark.place);
        remarks
    }
}

fn remarkable(policy: &Policy) -> Vec<(Spot, Remarkable)> {
    let mut all = Vec::new();
    let revoked: HashSet<_> = policy.revocations.iter().map(|revocation| revocation.key.point()).collect();
    for (i, person) in policy.persons.iter().enumerate() {
        for (j, key) in person.keys.iter().enumerate().filter(|(_, key)| revoked.contains(&key.point())) {
            let (spot, key) = (Spot::top("person").item(i).field("keys").item(j), key.fingerprint());
            all.push((spot, Remarkable::RevokedKey { person: person.name.clone(), key }));
        }
    }
    all.extend(root(policy, &revoked).map(|what| (Spot::top("root").field("threshold"), what)));
    unused(policy, &mut all);
    let able = Able::of(policy, &revoked);
    for (i, tent) in policy.tents.iter().enumerate() {
        of_tent(tent, &Spot::top("tent").item(i), &able, &mut all);
    }
    all
}

fn root(policy: &Policy, revoked: &HashSet<KeyPoint>) -> Option<Remarkable> {
    let root = &policy.root;
    let persons: HashMap<_, _> = policy.persons.iter().map(|person| (&person.name, person)).collect();
    let counts = |key: &&PublicKey| root.signatures.can_be_met_by(key) && !revoked.contains(&key.point());
    let count = |name: &PersonName| persons.get(name).map_or(0, |person| person.keys.iter().filter(counts).count());
    let able: Vec<_> = root.persons.iter().map(|name| (name, count(name))).filter(|(_, count)| *count > 0).collect();
    let last: Vec<_> = able.iter().filter(|(_, count)| *count == 1).map(|(name, _)| (*name).clone()).collect();
    let takes_all = root.threshold as usize == able.len();
    (takes_all && !last.is_empty()).then_some(Remarkable::RootWithoutSpare { expected: root.threshold, persons: last })
}

fn unused(policy: &Policy, all: &mut Vec<(Spot, Remarkable)>) {
    let (mut persons, mut sites) = (HashSet::<&PersonName>::new(), HashSet::<&SiteName>::new());
    persons.extend(policy.root.persons.iter().chain(policy.sites.iter().flat_map(|site| &site.persons)));
    for tent in &policy.tents {
        persons.extend(&tent.exporters);
        sites.extend(tent.members.iter().chain(&tent.auditors));
    }
    let unused = |kind, name: &str| Remarkable::Unused { kind, name: name.to_owned() };
    let idle = policy.persons.iter().enumerate().filter(|(_, person)| !persons.contains(&person.name));
    all.extend(idle.map(|(i, p)| (Spot::top("person").item(i).field("name"), unused(Named::Person, p.name.as_str()))));
    let idle = policy.sites.iter().enumerate().filter(|(_, site)| !sites.contains(&site.name));
    all.extend(idle.map(|(i, s)| (Spot::top("site").item(i).field("name"), unused(Named::Site, s.name.as_str()))));
}

/// Who has a key that counts, by what it must show.
struct Able<'p> {
    any: HashSet<&'p PersonName>,
    with_security_key: HashSet<&'p PersonName>,
}

impl<'p> Able<'p> {
    fn of(policy: &'p Policy, revoked: &HashSet<KeyPoint>) -> Self {
        let able = |touch: Touch| {
            let counts = |key: &PublicKey| touch.can_be_met_by(key) && !revoked.contains(&key.point());
            policy.persons.iter().filter(|person| person.keys.iter().any(counts)).map(|person| &person.name).collect()
        };
        Self { any: able(Touch::Any), with_security_key: able(Touch::Presence) }
    }

    fn has(&self, touch: Touch, person: &PersonName) -> bool {
        if touch == Touch::Any { self.any.contains(person) } else { self.with_security_key.contains(person) }
    }
}

fn of_tent(tent: &Tent, spot: &Spot, able: &Able<'_>, all: &mut Vec<(Spot, Remarkable)>) {
    let name = || tent.name.clone();
    if tent.exporters.is_empty() {
        all.push((spot.field("exporters"), Remarkable::NoExporter { tent: name() }));
    }
    if tent.members.is_empty() && tent.auditors.is_empty() {
        all.push((spot.field("members"), Remarkable::NoReader { tent: name() }));
    }
    let approvers = tent.approvals.iter().flat_map(|approvals| &approvals.of);
    let approvers: HashSet<_> = approvers.filter(|person| able.has(tent.signatures, person)).collect();
    for (j, exporter) in tent.exporters.iter().enumerate() {
        let at = spot.field("exporters").item(j);
        if !able.has(tent.signatures, exporter) {
            all.push((at.clone(), Remarkable::CantSign { tent: name(), exporter: exporter.clone() }));
        }
        if let Some(approvals) = &tent.approvals {
            let own = usize::from(approvals.not_exporter && approvers.contains(exporter));
            let (expected, actual) = (approvals.k, approvers.len() - own);
            if actual < expected as usize {
                let exporter = exporter.clone();
                all.push((at, Remarkable::NeverApproved { tent: name(), exporter, expected, actual }));
            }
        }
    }
    let content = spot.field("content");
    if let Some(allowed) = &tent.content.allowed {
        let pickled = |format: &Format| matches!(format, Format::Pickle | Format::Torch);
        let at = content.field("allowed");
        match allowed.iter().position(pickled) {
            Some(j) if !tent.content.pickle => {
                all.push((at.item(j), Remarkable::PicklesNotTaken { tent: name(), format: allowed[j] }));
            }
            None if tent.content.pickle => all.push((at, Remarkable::PicklesNotAllowed { tent: name() })),
            _ => {}
        }
    }
    if let Some(days) = tent.valid_days.filter(|days| *days > LONGEST_DAYS) {
        all.push((spot.field("valid_days"), Remarkable::LongValidity { tent: name(), days }));
    }
    if let (Some(file_bytes), Some(bundle_bytes)) = (tent.content.file_bytes, tent.content.bundle_bytes)
        && file_bytes > bundle_bytes
    {
        let what = Remarkable::CeilingOverBundle { tent: name(), file_bytes, bundle_bytes };
        all.push((content.field("file_bytes"), what));
    }
}
