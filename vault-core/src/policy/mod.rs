//! Policies on their way into force: read, held to the rules and to the policy in force, signed, applied.

mod apply;
mod change;
mod error;
mod export_ssh;
mod proposal;
mod reset;
mod revoke;
mod sign;
mod tent;
mod warnings;

pub use apply::{Applied, apply};
pub(crate) use change::change;
pub use change::{Changed, Outcome, Unsigned};
pub use error::{ApplyError, ProposalError, SignPolicyError};
pub use export_ssh::{ExportSshError, ExportedSsh, export_ssh};
pub use proposal::{Proposal, Standing};
pub use reset::{ResetError, reset};
pub use revoke::{RevokeError, Revoked, revoke};
pub use tent::{TentRules, set_tent};
pub use warnings::{Warning, ahead, warnings};
