//! `gapvault policy check`

use super::base::{self, BaseArg, NOT_COMPARED};
use super::diff;
use super::told::{Ignored, Told, ignored, warned, warned_elsewhere};
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::printable;
use crate::ui::Ui;
use gapvault_core::formats::ids::PolicyDigest;
use gapvault_core::vault::Access;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// Check a policy, and say who has still to sign it.
///
/// Holds FILE, or the vault's working copy, to every rule and to the policy in force: epoch, root persons, signatures
/// beside it. A defect is told with its line and column, and the exit code is 4. Nothing is changed or logged.
/// Without a vault only the file itself is checked, or how it follows the policy that --base names.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab policy check
  gapvault --vault cluster policy check /media/usb/policy.toml
  gapvault policy check policy.toml")]
pub(super) struct CheckArgs {
    /// A policy from outside, its signatures beside it [default: the vault's working copy]
    file: Option<PathBuf>,
    #[command(flatten)]
    base: BaseArg,
}

#[derive(Serialize)]
struct Checked {
    path: PathBuf,
    digest: PolicyDigest,
    epoch: u64,
    #[serde(flatten)]
    told: Told,
    ignored: Vec<Ignored>,
    remarks: Vec<String>,
    warnings: Vec<String>,
}

pub(super) fn run(args: &CheckArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let vault = if args.file.is_some() { global.open_if_named()? } else { Some(global.open(Access::Read)?) };
    let base = args.base.base(vault.as_ref())?;
    let proposal = base::read(base.as_ref(), vault.as_ref(), args.file.as_deref())?;
    let told = match &base {
        Some(base) => Told::of(&base.standing(&proposal)?),
        None => Told::of_own(&proposal.own_tally()),
    };
    let text = String::from_utf8_lossy(&proposal.bytes);
    let checked = Checked {
        path: proposal.path.clone(),
        digest: proposal.digest,
        epoch: proposal.policy.epoch,
        told,
        ignored: ignored(&proposal),
        remarks: proposal.policy.remarks_in(&text).iter().map(ToString::to_string).collect(),
        warnings: match vault.filter(|_| !args.base.is_named()) {
            Some(vault) => warned(&vault, &proposal),
            None => warned_elsewhere(&proposal),
        },
    };
    let compared = match &base {
        Some(base) if args.base.is_named() => diff::human(&base.policy, &base.whose, &proposal.policy),
        Some(_) => String::new(),
        None => format!("{NOT_COMPARED}\n"),
    };
    ui.result(&checked, &format!("{}{compared}", human(&checked)))
}

fn human(checked: &Checked) -> String {
    let Checked { path, digest, epoch, told, ignored, remarks, warnings } = checked;
    let mut out = format!(
        "{}: a good policy of epoch {epoch}, digest {digest}\n{}",
        printable(&path.display().to_string()),
        told.human()
    );
    // Writing to a String can't fail.
    for Ignored { file, reason } in ignored {
        let _ = writeln!(out, "ignored: {}: {reason}", printable(file));
    }
    for remark in remarks {
        let _ = writeln!(out, "remark: {}", printable(remark));
    }
    for warning in warnings {
        let _ = writeln!(out, "warning: {warning}");
    }
    out
}
