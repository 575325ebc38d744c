//! The changes of a policy as short lines.

use super::Approvals;
use super::diff::{Change, KeyChange, PersonChange, RootChange, SiteChange, TentChange, Turn};
use std::fmt::{self, Display, Formatter};

/// `tent aurora: approvals 1 of ana, ben -> 2 of ana, ben, chris`
impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock => write!(f, "clock: times believed before count no more"),
            Self::Root { change } => write!(f, "root: {change}"),
            Self::Person { name, change } => write!(f, "person {name}: {change}"),
            Self::Site { name, change } => write!(f, "site {name}: {change}"),
            Self::Tent { name, change } => write!(f, "tent {name}: {change}"),
            Self::Key { key, person: Some(person), change } => write!(f, "person {person}: key {key} {change}"),
            Self::Key { key, person: None, change } => write!(f, "key {key}: {change}"),
        }
    }
}

impl Display for RootChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joins(person) => write!(f, "{person} joins"),
            Self::Leaves(person) => write!(f, "{person} leaves"),
            Self::Threshold(turn) => write!(f, "threshold {turn}"),
            Self::Signatures(turn) => write!(f, "signatures {turn}"),
        }
    }
}

impl Display for PersonChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added => write!(f, "added"),
            Self::Removed => write!(f, "removed"),
            Self::KeyAdded(key) => write!(f, "key {key} added"),
            Self::KeyRemoved(key) => write!(f, "key {key} removed"),
            Self::Organisation(turn) => write!(f, "organisation {}", quoted(turn)),
        }
    }
}

impl Display for SiteChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { card, person, key } => write!(f, "added, card {card} of {person}, key {key}"),
            Self::Removed => write!(f, "removed"),
            Self::Joins(person) => write!(f, "{person} works there"),
            Self::Leaves(person) => write!(f, "{person} works there no more"),
            Self::Card(turn) => write!(f, "card {turn}"),
            Self::CardPerson(turn) => write!(f, "card of {turn}"),
            Self::CardKey(turn) => write!(f, "card's key {turn}"),
            Self::Recipient(turn) => write!(f, "recipient {turn}"),
            Self::RecipientPq(turn) => write!(f, "post-quantum recipient {turn}"),
            Self::LabelKey => write!(f, "another label key"),
        }
    }
}

impl Display for TentChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begun => write!(f, "begun"),
            Self::Ended => write!(f, "ended"),
            Self::Given(grant, name) => write!(f, "{name} is now {grant}"),
            Self::Taken(grant, name) => write!(f, "{name} is no longer {grant}"),
            Self::Destinations(turn) => write!(f, "destinations {}", names(turn, "all members")),
            Self::Approvals(turn) => write!(f, "approvals {}", words(turn, approvals)),
            Self::Signatures(turn) => write!(f, "signatures {turn}"),
            Self::ValidDays(turn) => write!(f, "valid for {}", words(turn, |days| limit(days.as_ref(), "days"))),
            Self::PostQuantum(turn) => write!(f, "post-quantum {}", words(turn, |is| required(*is))),
            Self::Allowed(turn) => write!(f, "allowed formats {}", names(turn, "all that are not forbidden")),
            Self::Forbidden(turn) => write!(f, "forbidden formats {}", words(turn, |names| list(names))),
            Self::Pickle(turn) => write!(f, "pickles {}", words(turn, |may| allowed(*may))),
            Self::FileBytes(turn) => write!(f, "largest file {}", words(turn, |n| limit(n.as_ref(), "bytes"))),
            Self::BundleBytes(turn) => write!(f, "largest bundle {}", words(turn, |n| limit(n.as_ref(), "bytes"))),
        }
    }
}

/// Stands behind "key …".
impl Display for KeyChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revoked { reason: Some(reason) } => write!(f, "revoked, reason {reason:?}"),
            Self::Revoked { reason: None } => write!(f, "revoked"),
            Self::Restored => write!(f, "counts again"),
            Self::Excepted(seal) => write!(f, "still counts for seal {seal}"),
            Self::NotExcepted(seal) => write!(f, "counts no more for seal {seal}"),
            Self::Reason(turn) => write!(f, "revoked, reason {}", quoted(turn)),
        }
    }
}

impl<T: Display> Display for Turn<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.before, self.after)
    }
}

impl Display for Approvals {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.k, list(&self.of))?;
        if !self.not_exporter {
            write!(f, ", the exporter included")?;
        }
        Ok(())
    }
}

fn words<T>(turn: &Turn<T>, word: impl Fn(&T) -> String) -> Turn<String> {
    Turn { before: word(&turn.before), after: word(&turn.after) }
}

fn quoted(turn: &Turn<Option<String>>) -> Turn<String> {
    words(turn, |text| text.as_ref().map_or_else(|| "none".to_owned(), |text| format!("{text:?}")))
}

fn names<T: Display>(turn: &Turn<Option<Vec<T>>>, all: &str) -> Turn<String> {
    words(turn, |names| names.as_ref().map_or_else(|| all.to_owned(), |names| list(names)))
}

fn list(names: &[impl Display]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn approvals(approvals: &Option<Approvals>) -> String {
    approvals.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
}

fn limit(limit: Option<&impl Display>, unit: &str) -> String {
    limit.map_or_else(|| "any".to_owned(), |limit| format!("{limit} {unit}"))
}

fn required(is: bool) -> String {
    if is { "required" } else { "not required" }.to_owned()
}

fn allowed(may: bool) -> String {
    if may { "allowed" } else { "denied" }.to_owned()
}
