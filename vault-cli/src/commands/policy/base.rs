//! With which policy another is compared: the one in force in a vault, or an older file.

use crate::failure::Failure;
use crate::text::printable;
use gapvault_core::formats::ids::PolicyDigest;
use gapvault_core::formats::policy::Policy;
use gapvault_core::policy::{Proposal, ProposalError, Standing};
use gapvault_core::vault::Vault;
use std::path::{Path, PathBuf};

/// `--base`
#[derive(Debug, clap::Args)]
pub(super) struct BaseArg {
    /// The policy before it, to compare FILE with where no vault has that in force
    #[arg(long, value_name = "POLICY", requires = "file")]
    base: Option<PathBuf>,
}

/// The policy that another is to follow.
pub(super) struct Base {
    pub(super) policy: Policy,
    digest: PolicyDigest,
    /// Where it is from.
    pub(super) whose: String,
}

impl BaseArg {
    /// The file that was named or, if none was, the policy in force in `vault`; `None` if there is no vault either.
    pub(super) fn base(&self, vault: Option<&Vault>) -> Result<Option<Base>, Failure> {
        if let Some(path) = &self.base {
            let Proposal { policy, digest, .. } = Proposal::read(None, Some(path))?;
            return Ok(Some(Base {
                policy,
                digest,
                whose: format!("that of {}", printable(&path.display().to_string())),
            }));
        }
        let Some(vault) = vault else { return Ok(None) };
        let (policy, digest) = vault.policy_in_force();
        Ok(Some(Base { policy: policy.clone(), digest, whose: "in force".to_owned() }))
    }

    /// Whether a file was named.
    pub(super) fn is_named(&self) -> bool {
        self.base.is_some()
    }
}

impl Base {
    /// How far `proposal` is. One that does not follow this policy is refused.
    pub(super) fn standing(&self, proposal: &Proposal) -> Result<Standing, ProposalError> {
        proposal.standing_after((&self.policy, self.digest))
    }
}

/// Reads the policy that is looked at, with the signatures of root persons of the one before it.
pub(super) fn read(base: Option<&Base>, vault: Option<&Vault>, file: Option<&Path>) -> Result<Proposal, ProposalError> {
    match (base, file) {
        (Some(base), Some(file)) => Proposal::read_after((&base.policy, base.digest), file),
        _ => Proposal::read(vault, file),
    }
}

/// What is said where there is nothing to compare with.
pub(super) const NOT_COMPARED: &str = "not compared with any policy in force, since no vault is named: what it changes is \
    not known here, a key that was swapped neither; --base POLICY compares it with the one before it";
