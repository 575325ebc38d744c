//! `gapvault policy apply`

use super::told::{Missing, counted, warned};
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::printable;
use crate::ui::Ui;
use gapvault_core::error::Kind;
use gapvault_core::formats::ids::PolicyDigest;
use gapvault_core::formats::names::PersonName;
use gapvault_core::policy::{Applied, ApplyError, Proposal, apply};
use gapvault_core::vault::{Access, Vault};
use serde::Serialize;
use std::path::PathBuf;

/// Put a policy in force that enough persons have signed.
///
/// Takes FILE with the signatures beside it, or the vault's working copy. Its epoch must be the one in force plus 1. It
/// takes as many root persons as the policy in force asks for, and where the root changes as many as the new one asks
/// for too. What is refused is written to the custody log. Afterwards the working copy is the policy in force; another
/// text that stood there goes to policy.replaced.toml.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab policy apply
  gapvault --vault cluster policy apply /media/usb/policy.toml")]
pub(super) struct ApplyArgs {
    /// A policy from outside, its signatures beside it [default: the vault's working copy]
    file: Option<PathBuf>,
    /// Don't ask, whatever it takes from this vault
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Told {
    epoch: u64,
    digest: PolicyDigest,
    applied: bool,
    changed: bool,
    signed: Vec<PersonName>,
    missing: Vec<Missing>,
    warnings: Vec<String>,
    /// Where another text went that stood in the working copy.
    kept: Option<PathBuf>,
    error: Option<Failure>,
}

pub(super) fn run(args: &ApplyArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let mut vault = global.open(Access::Write)?;
    let file = args.file.as_deref();
    let warnings = match Proposal::read(Some(&vault), file) {
        Ok(proposal) => warn(&vault, &proposal, args, ui)?,
        // Refused below, and logged there.
        Err(_) => Vec::new(),
    };
    let told = match apply(&mut vault, file) {
        Ok(Applied { epoch, digest, signed, changed, kept }) => {
            Told { epoch, digest, applied: true, changed, signed, missing: Vec::new(), warnings, kept, error: None }
        }
        Err(ApplyError::Unsigned { epoch, digest, tallies }) => {
            let (signed, missing) = (counted(&tallies), Missing::of(&tallies));
            let error = Some(ApplyError::Unsigned { epoch, digest, tallies }.into());
            Told { epoch, digest, applied: false, changed: false, signed, missing, warnings, kept: None, error }
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(failure) = told.error.clone() {
        ui.result(&told, "")?;
        return Err(failure.told());
    }
    let mut human = format!("policy epoch {} is in force{}\n", told.epoch, if told.changed { "" } else { " already" });
    if let Some(kept) = &told.kept {
        human.push_str(&format!("what stood in the working copy is in {}\n", kept.display()));
    }
    ui.result(&told, &human)
}

/// Says what is likely a mistake in the policy, and what it takes from this vault, and asks whether that is meant where somebody can be asked.
fn warn(vault: &Vault, proposal: &Proposal, args: &ApplyArgs, ui: &Ui) -> Result<Vec<String>, Failure> {
    let remarks = proposal.policy.remarks_in(&String::from_utf8_lossy(&proposal.bytes));
    remarks.iter().for_each(|remark| ui.note(&format!("remark: {}", printable(&remark.to_string()))));
    let warnings = warned(vault, proposal);
    warnings.iter().for_each(|warning| ui.note(&format!("warning: {}", printable(warning))));
    if !warnings.is_empty() && !args.yes && ui.ask("Put it in force nevertheless?") == Some(false) {
        let message = "not confirmed: nothing was changed".to_owned();
        return Err(Failure { kind: Kind::Refused, message, hint: None, details: Vec::new(), told: false });
    }
    Ok(warnings)
}
