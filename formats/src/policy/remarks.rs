//! What a policy may say and yet is likely a mistake.

use super::place::{Place, Places, Spot};
use super::{Named, Policy, Tent};
use crate::ids::KeyFingerprint;
use crate::names::{PersonName, SiteName, TentName};
use crate::sshsig::PublicKey;
use serde::Serialize;
use std::collections::HashSet;
use std::fmt;

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
    /// A tent without members: nobody could read content.
    NoMember {
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
            Self::NoMember { tent } => write!(f, "tent {tent}: it has no member, so nobody may read content"),
            Self::Unused { kind, name } => write!(f, "{kind} {name}: no rule names it"),
            Self::RevokedKey { person, key } => write!(f, "person {person}: key {key} is revoked and still listed"),
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
    let revoked: HashSet<_> = policy.revocations.iter().map(|revocation| revocation.key.fingerprint()).collect();
    for (i, person) in policy.persons.iter().enumerate() {
        for (j, key) in person.keys.iter().map(PublicKey::fingerprint).enumerate().filter(|(_, k)| revoked.contains(k))
        {
            let spot = Spot::top("person").item(i).field("keys").item(j);
            all.push((spot, Remarkable::RevokedKey { person: person.name.clone(), key }));
        }
    }
    unused(policy, &mut all);
    for (i, tent) in policy.tents.iter().enumerate() {
        of_tent(policy, tent, &Spot::top("tent").item(i), &revoked, &mut all);
    }
    all
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

fn of_tent(
    policy: &Policy,
    tent: &Tent,
    spot: &Spot,
    revoked: &HashSet<KeyFingerprint>,
    all: &mut Vec<(Spot, Remarkable)>,
) {
    let name = || tent.name.clone();
    if tent.exporters.is_empty() {
        all.push((spot.field("exporters"), Remarkable::NoExporter { tent: name() }));
    }
    if tent.members.is_empty() {
        all.push((spot.field("members"), Remarkable::NoMember { tent: name() }));
    }
    let counts = |key: &PublicKey| tent.signatures.can_be_met_by(key) && !revoked.contains(&key.fingerprint());
    let can: HashSet<_> =
        policy.persons.iter().filter(|person| person.keys.iter().any(counts)).map(|person| &person.name).collect();
    for (j, exporter) in tent.exporters.iter().enumerate() {
        let at = spot.field("exporters").item(j);
        if !can.contains(exporter) {
            all.push((at.clone(), Remarkable::CantSign { tent: name(), exporter: exporter.clone() }));
        }
        if let Some(approvals) = &tent.approvals {
            let counts =
                |person: &&PersonName| can.contains(person) && (!approvals.not_exporter || *person != exporter);
            let (expected, actual) = (approvals.k, approvals.of.iter().filter(counts).count());
            if actual < expected as usize {
                let exporter = exporter.clone();
                all.push((at, Remarkable::NeverApproved { tent: name(), exporter, expected, actual }));
            }
        }
    }
    if let (Some(file_bytes), Some(bundle_bytes)) = (tent.content.file_bytes, tent.content.bundle_bytes)
        && file_bytes > bundle_bytes
    {
        let what = Remarkable::CeilingOverBundle { tent: name(), file_bytes, bundle_bytes };
        all.push((spot.field("content").field("file_bytes"), what));
    }
}
