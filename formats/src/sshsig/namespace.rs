//! What a signature is for.

use std::fmt;

/// What a signature is for. A signature of one namespace never counts in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// The exporter's signature over `seal.json`.
    Seal,
    /// An approver's signature over `seal.json`.
    Approve,
    /// The far side's signature over a receipt.
    Receipt,
    /// A root person's signature over a policy.
    Policy,
    /// A vault's signature over the head of its log.
    Checkpoint,
    /// A vault's signature over the list of a bundle's wraps.
    Wrap,
}

impl Namespace {
    /// As it stands in the signature.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seal => "seal@gapvault",
            Self::Approve => "approve@gapvault",
            Self::Receipt => "receipt@gapvault",
            Self::Policy => "policy@gapvault",
            Self::Checkpoint => "checkpoint@gapvault",
            Self::Wrap => "wrap@gapvault",
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
