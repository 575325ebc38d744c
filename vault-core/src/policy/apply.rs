//! Putting a policy in force.

use super::proposal::Unread;
use super::{ApplyError, Proposal, ProposalError, Standing};
use crate::vault::{InForce, Vault, VaultError};
use gapvault_formats::custody::Event;
use gapvault_formats::ids::PolicyDigest;
use gapvault_formats::names::PersonName;
use gapvault_formats::policy::Policy;
use gapvault_formats::policy::diff::diff;
use std::path::{Path, PathBuf};

/// What an application came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The epoch in force now.
    pub epoch: u64,
    /// Its digest.
    pub digest: PolicyDigest,
    /// Whose signatures counted; empty if it was in force already.
    pub signed: Vec<PersonName>,
    /// Whether anything changed.
    pub changed: bool,
    /// Where another text went that stood in the working copy.
    pub kept: Option<PathBuf>,
}

/// Puts `file`, or the vault's working copy, in force. What is refused is logged; what only lacks signatures is not.
///
/// The policy is read once: `agree` is shown the very bytes that come into force, and how far they are, unless they are
/// refused. Its error leaves everything as it was.
pub fn apply<E: From<ApplyError>>(
    vault: &mut Vault,
    file: Option<&Path>,
    agree: impl FnOnce(&Vault, &Proposal, &Standing) -> Result<(), E>,
) -> Result<Applied, E> {
    let (proposal, standing) = look(vault, file)?;
    agree(vault, &proposal, &standing)?;
    let signed = match standing {
        Standing::InForce => None,
        Standing::Ready(accepted) => Some(accepted.signed()),
        Standing::Unsigned(tallies) => {
            let (epoch, digest) = (proposal.policy.epoch, proposal.digest);
            return Err(ApplyError::Unsigned { epoch, digest, tallies }.into());
        }
    };
    Ok(put_in_force(vault, &proposal, signed, None).map_err(ApplyError::from)?)
}

/// The policy, and how far it is. A refusal is logged.
fn look(vault: &mut Vault, file: Option<&Path>) -> Result<(Proposal, Standing), ApplyError> {
    // Something else in the place of the working copy is told before anything is in force.
    vault.proposed()?;
    let unread = Unread::new(Some(vault), file)?;
    let digest = PolicyDigest::of(&unread.bytes);
    let epoch = Policy::parse(&unread.bytes).ok().map(|policy| policy.epoch);
    let judged = judged(vault, unread);
    if let Err(error) = &judged
        && is_refusal(error, file.is_some())
    {
        vault.record(Event::PolicyRefused { epoch, digest, reason: reason(error) })?;
    }
    judged
}

fn judged(vault: &Vault, unread: Unread) -> Result<(Proposal, Standing), ApplyError> {
    let proposal = unread.parse(Some(vault.policy_in_force()))?;
    let standing = proposal.standing(vault)?;
    // SPEC 10.3: where it is not needed, it is passed over: anybody could put one there to hold a policy up. In the working
    // copy such a signature is one over an earlier text; one that was brought should fit.
    if let Some(fault) = proposal.beside.faults.first().filter(|_| proposal.is_outside)
        && matches!(standing, Standing::Unsigned(_))
    {
        return Err(ApplyError::Signature { name: fault.name.clone(), why: fault.why.clone() });
    }
    Ok((proposal, standing))
}

/// Whether this is something that an auditor should hear of: a policy that can never come into force here, or, from
/// outside, one that is not what it should be. A slip of whoever edits the working copy is not.
fn is_refusal(error: &ApplyError, is_outside: bool) -> bool {
    match error {
        ApplyError::Proposal(ProposalError::Follows { .. }) => true,
        ApplyError::Proposal(ProposalError::Policy { .. }) | ApplyError::Signature { .. } => is_outside,
        _ => false,
    }
}

/// What the log says of it. The path is of this host, so it stays here.
fn reason(error: &ApplyError) -> String {
    let reason = match error {
        ApplyError::Proposal(ProposalError::Follows { fault, .. }) => fault.to_string(),
        ApplyError::Proposal(ProposalError::Policy { fault, .. }) => fault.to_string(),
        error => error.to_string(),
    };
    reason.chars().take(LONGEST).collect()
}

/// The longest reason, and the longest description of a change, in characters.
const LONGEST: usize = 2_000;

/// Puts a policy in force that was judged, and signed by `signed`; `None` if it is in force already. The log says what it
/// changes, unless the caller knows better.
pub(super) fn put_in_force(
    vault: &mut Vault,
    proposal: &Proposal,
    signed: Option<Vec<PersonName>>,
    change: Option<String>,
) -> Result<Applied, VaultError> {
    let (epoch, digest) = (proposal.policy.epoch, proposal.digest);
    let Some(signed) = signed else {
        return Ok(Applied { epoch, digest, signed: Vec::new(), changed: false, kept: None });
    };
    let change = change.unwrap_or_else(|| describe(vault.policy(), &proposal.policy));
    let policy = InForce { bytes: proposal.bytes.clone(), digest, policy: proposal.policy.clone() };
    let kept = vault.put_in_force(policy, &proposal.beside.good, change, signed.clone(), proposal.is_outside)?;
    Ok(Applied { epoch, digest, signed, changed: true, kept })
}

/// What changes, for the log.
fn describe(before: &Policy, after: &Policy) -> String {
    let changes: Vec<_> = diff(Some(before), after).iter().map(ToString::to_string).collect();
    let text = if changes.is_empty() { "nothing that a rule goes by".to_owned() } else { changes.join("; ") };
    if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST).chain(['…']).collect() }
}
