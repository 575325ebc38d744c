//! `gapvault policy diff`

use crate::cli::Global;
use crate::failure::Failure;
use crate::text::printable;
use crate::ui::Ui;
use gapvault_core::formats::policy::Policy;
use gapvault_core::formats::policy::diff::{Change, diff};
use gapvault_core::policy::Proposal;
use gapvault_core::vault::Access;
use serde::Serialize;
use std::path::PathBuf;

/// Show what a policy changes from the one in force.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab policy diff
  gapvault --vault cluster policy diff /media/usb/policy.toml")]
pub(super) struct DiffArgs {
    /// A policy from outside [default: the vault's working copy]
    file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Differs {
    in_force: u64,
    epoch: u64,
    changes: Vec<Change>,
}

pub(super) fn run(args: &DiffArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let vault = global.open(Access::Read)?;
    let proposal = Proposal::read(Some(&vault), args.file.as_deref())?;
    let (before, after) = (vault.policy(), &proposal.policy);
    let changes = diff(Some(before), after);
    ui.result(&Differs { in_force: before.epoch, epoch: after.epoch, changes }, &human(before, "in force", after))
}

/// The changes, one a line, below a line that says of what: of a policy, and `whose` that is.
pub(super) fn human(before: &Policy, whose: &str, after: &Policy) -> String {
    let changes: String =
        diff(Some(before), after).iter().map(|c| format!("  {}\n", printable(&c.to_string()))).collect();
    let written = after.time.map(|time| format!(", written at {time}")).unwrap_or_default();
    let head = format!("changes from policy epoch {}, {whose}, to epoch {}{written}:\n", before.epoch, after.epoch);
    if changes.is_empty() { format!("{head}  none that a rule goes by\n") } else { head + &changes }
}
