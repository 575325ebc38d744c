//! `gapvault policy apply`

use super::diff;
use super::told::{Missing, counted, warned};
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::printable;
use crate::ui::Ui;
use gapvault_core::error::Kind;
use gapvault_core::formats::ids::PolicyDigest;
use gapvault_core::formats::names::PersonName;
use gapvault_core::policy::{Applied, ApplyError, Proposal, Standing, apply};
use gapvault_core::vault::{Access, Vault};
use serde::Serialize;
use std::path::PathBuf;

/// Put a policy in force that enough persons have signed.
///
/// Takes FILE with the signatures beside it, or the vault's working copy. Its epoch must be the one in force plus 1. It
/// takes as many root persons as the policy in force asks for, and where the root changes as many as the new one asks
/// for too. What can never come into force here is written to the custody log; what only lacks
/// signatures is not. Afterwards the working copy is the policy in force; another
/// text that stood there goes to policy.replaced.toml.
///
/// Where it takes something from this vault, it asks first. Without a terminal it then needs --yes.
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
    let mut warnings = Vec::new();
    let agree = |vault: &Vault, proposal: &Proposal, standing: &Standing| {
        if matches!(standing, Standing::Ready(_)) {
            // Whoever signed saw it; whoever applies it, which may be another day, should too.
            ui.note(diff::human(vault.policy(), "in force", &proposal.policy).trim_end());
        }
        warnings = warned(vault, proposal);
        agree(&warnings, standing, args, ui).map_err(Stopped::Here)
    };
    let told = match apply(&mut vault, args.file.as_deref(), agree) {
        Ok(Applied { epoch, digest, signed, changed, kept }) => {
            Told { epoch, digest, applied: true, changed, signed, missing: Vec::new(), warnings, kept, error: None }
        }
        Err(Stopped::There(ApplyError::Unsigned { epoch, digest, tallies })) => {
            let (signed, missing) = (counted(&tallies), Missing::of(&tallies));
            let error = Some(ApplyError::Unsigned { epoch, digest, tallies }.into());
            Told { epoch, digest, applied: false, changed: false, signed, missing, warnings, kept: None, error }
        }
        Err(Stopped::There(error)) => return Err(error.into()),
        Err(Stopped::Here(failure)) => return Err(failure),
    };
    if let Some(failure) = told.error.clone() {
        ui.result(&told, "")?;
        return Err(failure.told());
    }
    let mut human = format!("policy epoch {} is in force{}\n", told.epoch, if told.changed { "" } else { " already" });
    if let Some(kept) = &told.kept {
        human.push_str(&format!("what stood in the working copy is in {}\n", printable(&kept.display().to_string())));
    }
    ui.result(&told, &human)
}

/// Where an application ended.
enum Stopped {
    Here(Failure),
    There(ApplyError),
}

impl From<ApplyError> for Stopped {
    fn from(error: ApplyError) -> Self {
        Self::There(error)
    }
}

/// Says what the policy takes from this vault, and asks whether that is meant if it can be put in force.
fn agree(warnings: &[String], standing: &Standing, args: &ApplyArgs, ui: &Ui) -> Result<(), Failure> {
    if *standing == Standing::InForce {
        return Ok(());
    }
    warnings.iter().for_each(|warning| ui.note(&format!("warning: {}", printable(warning))));
    if warnings.is_empty() || args.yes || !matches!(standing, Standing::Ready(_)) {
        return Ok(());
    }
    match ui.ask("Put it in force nevertheless?") {
        Some(true) => Ok(()),
        Some(false) => {
            let message = "not confirmed: nothing was changed".to_owned();
            Err(Failure { kind: Kind::Refused, message, hint: None, details: Vec::new(), told: false })
        }
        None => Err(Failure::usage(
            "there is no terminal to ask on whether to put this in force",
            "read the warnings; if what they say is meant, give --yes",
        )),
    }
}
