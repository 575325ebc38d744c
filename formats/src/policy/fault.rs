//! Why a policy is refused.

use super::Place;
use crate::content::Format;
use crate::ids::{CardFingerprint, KeyFingerprint};
use crate::names::{PersonName, SiteName, TentName};
use crate::sshsig::Touch;
use crate::{FORMAT, limits};
use std::fmt;

/// Why a policy is refused, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Over [`limits::POLICY_BYTES`].
    #[error("not a policy file: it is over {} bytes", limits::POLICY_BYTES)]
    TooLong,
    /// Not UTF-8.
    #[error("not a policy file: {place} is not UTF-8")]
    NotText {
        /// Where the first byte is that is not.
        place: Place,
    },
    /// Not TOML, or not the fields of a policy.
    #[error("the policy is not of the format at {place}: {fault}")]
    Malformed {
        /// Where.
        place: Place,
        /// What the parser said.
        fault: String,
    },
    /// A rule is broken.
    #[error("the policy is refused at {place}: {fault}")]
    At {
        /// Where.
        place: Place,
        /// Which rule, and how.
        fault: Fault,
    },
    /// A rule is broken in a policy that has no text yet.
    #[error("the policy is refused: {0}")]
    Rule(Fault),
}

impl PolicyError {
    /// Where in the text, if there is one.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::NotText { place } | Self::Malformed { place, .. } | Self::At { place, .. } => Some(*place),
            Self::TooLong | Self::Rule(_) => None,
        }
    }

    /// The rule that is broken, if it is one.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::At { fault, .. } | Self::Rule(fault) => Some(fault),
            _ => None,
        }
    }
}

/// What has a name in a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Named {
    /// A person.
    Person,
    /// A site.
    Site,
    /// A tent.
    Tent,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Person => "person",
            Self::Site => "site",
            Self::Tent => "tent",
        })
    }
}

/// A list of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum List {
    /// `root.persons`
    Root,
    /// A site's `persons`.
    Workers(SiteName),
    /// A tent's `members`.
    Members(TentName),
    /// A tent's `auditors`.
    Auditors(TentName),
    /// A tent's `exporters`.
    Exporters(TentName),
    /// A tent's `destinations`.
    Destinations(TentName),
    /// A tent's `approvals.of`.
    Approvers(TentName),
    /// A tent's `content.allowed`.
    Allowed(TentName),
    /// A tent's `content.forbidden`.
    Forbidden(TentName),
    /// A revocation's `except`.
    Excepted(KeyFingerprint),
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => write!(f, "root persons"),
            Self::Workers(site) => write!(f, "persons of site {site}"),
            Self::Members(tent) => write!(f, "members of tent {tent}"),
            Self::Auditors(tent) => write!(f, "auditors of tent {tent}"),
            Self::Exporters(tent) => write!(f, "exporters of tent {tent}"),
            Self::Destinations(tent) => write!(f, "destinations of tent {tent}"),
            Self::Approvers(tent) => write!(f, "approvers of tent {tent}"),
            Self::Allowed(tent) => write!(f, "allowed formats of tent {tent}"),
            Self::Forbidden(tent) => write!(f, "forbidden formats of tent {tent}"),
            Self::Excepted(key) => write!(f, "seals excepted from the revocation of key {key}"),
        }
    }
}

/// A rule of SPEC 10.2 that a policy breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Another version.
    #[error("format {actual}, this program reads {FORMAT}")]
    Format {
        /// What it says.
        actual: u32,
    },
    /// No epoch has this number.
    #[error("epochs count from 1")]
    Epoch,
    /// There is none before the first.
    #[error("epoch 1 follows no policy: it has no `previous`")]
    FirstFollows,
    /// It could be put in force wherever its epoch fits.
    #[error("`previous` is missing: the digest of the policy that this one follows")]
    NoPrevious,
    /// Nothing would be believed any more.
    #[error("`reset_clock` needs a `time` to go on from")]
    ResetWithoutTime,
    /// More than a reader compares with each other.
    #[error("over {limit} {kind}s")]
    TooMany {
        /// What there is too much of.
        kind: Named,
        /// The most that there may be.
        limit: usize,
    },
    /// A name stands for two things.
    #[error("two {kind}s are named {name}")]
    TwoOfOneName {
        /// What kind of things.
        kind: Named,
        /// Their name.
        name: String,
    },
    /// One private key stands for two persons.
    #[error("persons {first} and {second} have one private key, that of key {key}")]
    TwoOfOneKey {
        /// Who has it first.
        first: PersonName,
        /// Who has it too.
        second: PersonName,
        /// The key.
        key: KeyFingerprint,
    },
    /// One private key stands twice for a person.
    #[error("person {person} has one private key twice, that of key {key}")]
    KeyTwice {
        /// Who.
        person: PersonName,
        /// The key.
        key: KeyFingerprint,
    },
    /// What is sealed for one of two sites, the other opens.
    #[error("two sites have one recipient: {first} and {second}")]
    TwoOfOneRecipient {
        /// Which has it first.
        first: SiteName,
        /// Which has it too.
        second: SiteName,
    },
    /// The tags of two sites would be one.
    #[error("two sites have one label key: {first} and {second}")]
    TwoOfOneLabelKey {
        /// Which has it first.
        first: SiteName,
        /// Which has it too.
        second: SiteName,
    },
    /// Keys under the fingerprint of another card than theirs: nobody compared them.
    #[error("site {site}: its name, keys and recipients are those of card {actual}, not {expected}")]
    OtherCard {
        /// Which site.
        site: SiteName,
        /// The fingerprint of a card with them.
        actual: Box<CardFingerprint>,
        /// What the policy says.
        expected: Box<CardFingerprint>,
    },
    /// Nobody can sign as this person.
    #[error("person {person} has no key")]
    NoKey {
        /// Who.
        person: PersonName,
    },
    /// A list has one thing twice.
    #[error("{list}: {name} stands there twice")]
    Twice {
        /// Which list.
        list: List,
        /// What.
        name: String,
    },
    /// A list names what there is not.
    #[error("{list}: the policy has no {kind} {name}")]
    Unknown {
        /// Which list.
        list: List,
        /// What it names things of.
        kind: Named,
        /// What it names.
        name: String,
    },
    /// A list that is there must have something in it.
    #[error("{list}: the list is empty")]
    Empty {
        /// Which list.
        list: List,
    },
    /// So many persons there are not, or none is needed.
    #[error("{list}: it takes {expected} of them, there are {actual}")]
    Count {
        /// Whose.
        list: List,
        /// How many it takes.
        expected: u32,
        /// How many there are.
        actual: usize,
    },
    /// Too few have a key that can show what is asked for.
    #[error("{list}: it takes {expected} with a security key that shows {touch}, there are {actual}")]
    Unfitting {
        /// Whose keys.
        list: List,
        /// What they must show.
        touch: Touch,
        /// How many persons it takes.
        expected: u32,
        /// How many have such a key.
        actual: usize,
    },
    /// Nobody could change this policy any more.
    #[error("root persons: it takes {expected} of them, {actual} have a fitting key that is not revoked")]
    RootRevoked {
        /// How many it takes.
        expected: u32,
        /// How many can sign.
        actual: usize,
    },
    /// Auditors must not read content.
    #[error("tent {tent}: {site} is both member and auditor")]
    MemberAndAuditor {
        /// In which tent.
        tent: TentName,
        /// Which site.
        site: SiteName,
    },
    /// A person would read content in one place and audit in the other.
    #[error("tent {tent}: {person} works at {member}, which is member, and at {auditor}, which is auditor")]
    WorksOnBothSides {
        /// In which tent.
        tent: TentName,
        /// Who.
        person: PersonName,
        /// Where they read content.
        member: SiteName,
        /// Where they audit.
        auditor: SiteName,
    },
    /// An approver who sees nothing of what is approved.
    #[error("tent {tent}: approver {person} works at no member or auditor site of it")]
    ApproverElsewhere {
        /// In which tent.
        tent: TentName,
        /// Who.
        person: PersonName,
    },
    /// A destination that could open nothing.
    #[error("tent {tent}: destination {site} is not a member (auditors get every catalogue without)")]
    DestinationElsewhere {
        /// In which tent.
        tent: TentName,
        /// Which site.
        site: SiteName,
    },
    /// A limit of nothing.
    #[error("tent {tent}: `{field}` is 0")]
    Zero {
        /// In which tent.
        tent: TentName,
        /// Which field.
        field: &'static str,
    },
    /// A format that would be both.
    #[error("tent {tent}: format {format} is both allowed and forbidden")]
    AllowedAndForbidden {
        /// In which tent.
        tent: TentName,
        /// Which format.
        format: Format,
    },
    /// A key is revoked twice, perhaps with other exceptions.
    #[error("key {key} is revoked twice")]
    RevokedTwice {
        /// Which key.
        key: KeyFingerprint,
    },
    /// A text for people that is too long, or that plays tricks on whoever reads it.
    #[error("`{field}` is empty, has a control or hidden character, or is over {limit} bytes")]
    Text {
        /// Which field.
        field: &'static str,
        /// The longest that it may be, in bytes.
        limit: usize,
    },
}
