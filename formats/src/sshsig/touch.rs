//! What a signature shows of the person behind it, and what it must show.

use serde::{Deserialize, Serialize};

/// What a signature must show of whoever made it. Only security keys (FIDO2) show anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Touch {
    /// Nothing; a security key must have been touched nonetheless.
    #[default]
    Any,
    /// A security key was touched.
    Presence,
    /// A security key knew the person: by fingerprint or PIN.
    Verification,
}

/// What a signature shows of whoever made it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// A security key was touched.
    pub presence: bool,
    /// A security key knew the person.
    pub verification: bool,
}

impl Shown {
    /// From the flags that a security key signed. Source: PROTOCOL.u2f, and WebAuthn's authenticator data.
    pub(super) fn from_flags(flags: u8) -> Self {
        Self { presence: flags & 1 != 0, verification: flags & 4 != 0 }
    }
}

impl Touch {
    /// Whether what was shown is enough.
    #[must_use]
    pub fn is_met_by(self, shown: Shown) -> bool {
        match self {
            Self::Any => true,
            Self::Presence => shown.presence,
            Self::Verification => shown.presence && shown.verification,
        }
    }
}
