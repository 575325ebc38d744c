//! Why a policy is not read, signed or applied.

use crate::error::explain;
use crate::vault::{FaultKind, VaultError};
use gapvault_formats::ids::{KeyFingerprint, PolicyDigest};
use gapvault_formats::limits;
use gapvault_formats::policy::root::{RootError, Tally};
use gapvault_formats::policy::{Fault, Place, PolicyError};
use gapvault_formats::sshsig::SshError;
use std::path::PathBuf;

/// Why a policy is none that could be signed.
#[derive(Debug, thiserror::Error)]
pub enum ProposalError {
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Neither a file nor a vault.
    #[error("neither a policy file nor a vault is named")]
    NoVault,
    /// Not a file.
    #[error("{} is no regular file", path.display())]
    Irregular {
        /// Where.
        path: PathBuf,
    },
    /// Longer than any policy.
    #[error("{} is over {} bytes: not a policy file", path.display(), limits::POLICY_BYTES)]
    TooLong {
        /// Where.
        path: PathBuf,
    },
    /// More files than any policy has signatures.
    #[error("there are over {} signature files beside {}", limits::SIGNATURES, path.display())]
    Signatures {
        /// The policy.
        path: PathBuf,
    },
    /// The rules refuse it.
    #[error("{}: {fault}", path.display())]
    Policy {
        /// Where.
        path: PathBuf,
        /// Which rule, in which line.
        fault: PolicyError,
        /// The policy that it is to follow, where that is known.
        before: Option<Box<PolicyDigest>>,
    },
    /// It does not follow the policy in force.
    #[error("{}: {place}: {fault}", path.display())]
    Follows {
        /// Where.
        path: PathBuf,
        /// In which line.
        place: Place,
        /// What does not fit.
        fault: Box<RootError>,
        /// The epoch that would follow, and the policy that it would name.
        next: Box<(u64, PolicyDigest)>,
    },
}

explain!(ProposalError, pass: [Vault], {
    Self::NoVault => (Usage, Some("name a policy file, or a vault with --vault DIR or in the environment variable GAPVAULT_DIR")),
    Self::Irregular { .. } => (Refused, Some("copy it to a file of its own; links are not followed")),
    Self::TooLong { .. } => (Refused, Some("a policy is a TOML file as `gapvault policy show --toml` prints it")),
    Self::Signatures { .. } => (Refused, Some("remove those that are not of its root persons")),
    Self::Follows { next, .. } => (Refused, Some(&format!("one that follows the policy in force has the lines: epoch = {}, previous = \"{}\"", next.0, next.1))),
    Self::Policy { fault, before: Some(previous), .. } if fault.fault() == Some(&Fault::NoPrevious) => (Refused, Some(&format!("write under its epoch: previous = \"{previous}\""))),
    Self::Policy { .. } => (Refused, Some("mend it there; `gapvault policy check` looks again")),
});

/// Why a policy is not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignPolicyError {
    /// The policy can't be.
    #[error(transparent)]
    Proposal(#[from] ProposalError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The key is nobody's who signs policies.
    #[error(
        "key {key} is of no root person, neither of the policy in force nor of this one: its signature would count for nothing"
    )]
    NoRoot {
        /// Which key.
        key: KeyFingerprint,
    },
    /// The key is revoked by the policy.
    #[error("key {key} is revoked by this policy: its signature would count for nothing")]
    Revoked {
        /// Which key.
        key: KeyFingerprint,
    },
    /// It is another than the one that was shown.
    #[error("{} was changed meanwhile: it has digest {actual}, shown was {expected}", path.display())]
    Changed {
        /// Where.
        path: PathBuf,
        /// What it has now.
        actual: PolicyDigest,
        /// What was shown.
        expected: PolicyDigest,
    },
    /// What the key made is no signature over the policy.
    #[error("the key made no signature over the policy: {0}")]
    Signature(SshError),
}

explain!(SignPolicyError, pass: [Proposal, Vault], {
    Self::NoRoot { .. } | Self::Revoked { .. } => (Refused, Some("sign with another key; `gapvault policy check` says whose signatures are missing")),
    Self::Changed { .. } => (Refused, Some("look at it again with `gapvault policy diff`; nothing was signed")),
    Self::Signature(_) => (Other, None),
});

/// Why a policy is not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The policy can't be.
    #[error(transparent)]
    Proposal(#[from] ProposalError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A file from outside brought something that is not the signature it should be.
    #[error("{name} beside the policy is refused: {why}")]
    Signature {
        /// The file's name.
        name: String,
        /// What is wrong with it.
        why: FaultKind,
    },
    /// Not enough persons have signed it yet.
    #[error("the policy is not signed by enough persons yet: {}", lacking(tallies))]
    Unsigned {
        /// The policy's epoch.
        epoch: u64,
        /// Its digest.
        digest: PolicyDigest,
        /// The roots that were asked.
        tallies: Vec<Tally>,
    },
}

explain!(ApplyError, pass: [Proposal, Vault], {
    Self::Signature { .. } => (Refused, Some("the file may have been changed after it was signed; bring it anew, or remove what is no signature over it")),
    Self::Unsigned { .. } => (Refused, Some("they sign it with `gapvault policy sign`; the signatures stand beside it")),
});

/// What lacks persons.
fn lacking(tallies: &[Tally]) -> String {
    let lacking = tallies.iter().filter(|tally| tally.missing() > 0);
    lacking.map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
