//! A compartment and its rules.

use super::is_default;
use crate::content::Format;
use crate::names::{PersonName, SiteName, TentName};
use crate::sshsig::{PublicKey, Shown, Touch};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A compartment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tent {
    /// Its name.
    pub name: TentName,
    /// Sites that may read content.
    pub members: Vec<SiteName>,
    /// Sites that may read catalogues only.
    pub auditors: Vec<SiteName>,
    /// Persons whose bundles are accepted, and who may make them here.
    pub exporters: Vec<PersonName>,
    /// Members that content may go to; `None` for all of them. Auditors get every catalogue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destinations: Option<Vec<SiteName>>,
    /// Who must approve a bundle; `None` if nobody need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Approvals>,
    /// What the keys of exporters and approvers must show of them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub signatures: Touch,
    /// The longest time from a bundle's creation to its expiry, in days; `None` for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_days: Option<u32>,
    /// Whether bundles must be sealed with the post-quantum suite, and with no other.
    #[serde(default, skip_serializing_if = "is_default")]
    pub post_quantum: bool,
    /// What files may be.
    #[serde(default, skip_serializing_if = "is_default")]
    pub content: ContentRules,
}

/// Who must approve a bundle: `k` distinct persons of `of`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approvals {
    /// How many distinct persons, at least 1.
    pub k: u32,
    /// Of whom; each works at a member or auditor site of the tent.
    pub of: Vec<PersonName>,
    /// Whether the exporter's own approval counts for nothing.
    #[serde(default = "yes")]
    pub not_exporter: bool,
}

/// What files of a tent may be. They bind where content is read: at export and at checkout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentRules {
    /// Formats that files may have; `None` for any that is not forbidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<Format>>,
    /// Formats that no file may have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbidden: Vec<Format>,
    /// Whether files may carry pickles, which run code when they are loaded.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pickle: bool,
    /// The largest file, in bytes; `None` for any size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<u64>,
    /// The largest sum of all files of a bundle, in bytes; `None` for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle_bytes: Option<u64>,
}

impl Tent {
    /// One that nobody may do anything in.
    #[must_use]
    pub fn new(name: TentName) -> Self {
        Self {
            name,
            members: Vec::new(),
            auditors: Vec::new(),
            exporters: Vec::new(),
            destinations: None,
            approvals: None,
            signatures: Touch::Any,
            valid_days: None,
            post_quantum: false,
            content: ContentRules::default(),
        }
    }

    /// Whether bundles may be for a site: an auditor, or a member that content may go to.
    #[must_use]
    pub fn may_go_to(&self, site: &SiteName) -> bool {
        let may = |member: &SiteName| self.destinations.as_ref().is_none_or(|allowed| allowed.contains(member));
        self.auditors.contains(site) || (self.members.contains(site) && may(site))
    }
}

impl Touch {
    /// Whether signatures of `key` can show what is asked for.
    #[must_use]
    pub fn can_be_met_by(self, key: &PublicKey) -> bool {
        self == Self::Any || key.is_security_key()
    }

    /// Whether a signature of `key` that shows this is enough. One of a security key must at least show that it was
    /// touched, whatever is asked; one of a file shows nothing.
    #[must_use]
    pub fn is_met_by_key(self, key: &PublicKey, shown: Shown) -> bool {
        // SPEC 4.2: the flags count of security keys only.
        self.can_be_met_by(key) && self.is_met_by(shown) && (!key.is_security_key() || shown.presence)
    }
}

/// As it stands in a policy.
impl fmt::Display for Touch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Any => "any",
            Self::Presence => "presence",
            Self::Verification => "verification",
        })
    }
}

fn yes() -> bool {
    true
}
