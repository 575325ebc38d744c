//! What `explain --json` tells of a bundle.

use gapvault_core::bundle::{Tally, Uncounted};
use gapvault_core::explain::{Checked, Explained, ExplainedSignature};
use gapvault_core::formats::custody::Approval;
use gapvault_core::formats::ids::BundleId;
use gapvault_core::formats::names::{Label, PersonName};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Told {
    label: Label,
    bundle: BundleId,
    epoch: u64,
    /// Whether the policy in force would admit it.
    admits: bool,
    /// The epoch that admitted it, if it is in this vault already.
    admitted_by_epoch: Option<u64>,
    /// The seal that took its place in the vault that made it.
    superseded_by: Option<BundleId>,
    checks: Vec<Checked>,
    signatures: Vec<ExplainedSignature>,
    approvals: Option<ToldApprovals>,
}

#[derive(Serialize)]
struct ToldApprovals {
    needed: usize,
    counted: Vec<Approval>,
    missing: usize,
    could_approve: Vec<PersonName>,
    not_counted: Vec<ToldUncounted>,
}

#[derive(Serialize)]
struct ToldUncounted {
    signature: String,
    person: Option<PersonName>,
    why: String,
}

impl From<&Explained> for Told {
    fn from(explained: &Explained) -> Self {
        Self {
            label: explained.label.clone(),
            bundle: explained.bundle,
            epoch: explained.epoch,
            admits: explained.refusal.is_none(),
            admitted_by_epoch: explained.admitted,
            superseded_by: explained.superseded,
            checks: explained.checks.clone(),
            signatures: explained.signatures.clone(),
            approvals: explained.approvals.as_ref().map(ToldApprovals::from),
        }
    }
}

impl From<&Tally> for ToldApprovals {
    fn from(tally: &Tally) -> Self {
        let told = |uncounted: &Uncounted| ToldUncounted {
            signature: uncounted.signature.clone(),
            person: uncounted.person.clone(),
            why: uncounted.why.to_string(),
        };
        Self {
            needed: tally.needed,
            counted: tally.counted.clone(),
            missing: tally.missing(),
            could_approve: tally.could.clone(),
            not_counted: tally.uncounted.iter().map(told).collect(),
        }
    }
}
