//! `gapvault policy reset`

use crate::cli::Global;
use crate::failure::Failure;
use crate::text::printable;
use crate::ui::Ui;
use gapvault_core::policy::reset;
use gapvault_core::vault::Access;
use serde::Serialize;
use std::path::PathBuf;

/// Give up what is proposed: the working copy is the policy in force again.
///
/// What stood there goes to policy.replaced.toml in the vault, in the place of an earlier one. The signatures over it
/// go; copies of them count, with a copy of that text, until another epoch is in force.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab policy reset")]
pub(super) struct ResetArgs {}

#[derive(Serialize)]
struct Told {
    /// The epoch in force.
    epoch: u64,
    changed: bool,
    /// Where the text went that stood in the working copy.
    kept: Option<PathBuf>,
}

pub(super) fn run(_: &ResetArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let mut vault = global.open(Access::Write)?;
    let kept = reset(&mut vault)?;
    let epoch = vault.policy().epoch;
    let human = match &kept {
        Some(kept) => format!(
            "the working copy is policy epoch {epoch} again, which is in force\nwhat stood there is in {}\n\
             who signed it should know: with those signatures it can be put in force until another epoch is\n",
            printable(&kept.display().to_string())
        ),
        None => format!("nothing is proposed: the working copy is policy epoch {epoch}, which is in force\n"),
    };
    ui.result(&Told { epoch, changed: kept.is_some(), kept }, &human)
}
