//! `gapvault policy sign`

use super::told::{Told, warned};
use super::{diff, human};
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::printable;
use crate::ui::Ui;
use gapvault_core::error::Kind;
use gapvault_core::formats::ids::{KeyFingerprint, PolicyDigest};
use gapvault_core::formats::names::PersonName;
use gapvault_core::policy::{Proposal, SignPolicyError, Standing};
use gapvault_core::vault::{Access, Vault};
use serde::Serialize;
use std::path::PathBuf;

/// Sign a policy, after it was shown what it changes.
///
/// Shows the changes from the policy in force and asks. Without a terminal it needs --digest, the digest that `gapvault
/// policy check` showed, or --yes. The signature goes beside the policy, as FILE.<key>.sig; `gapvault policy apply`
/// counts it there.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab policy sign
  gapvault --vault bob policy sign /media/usb/policy.toml")]
pub(super) struct SignArgs {
    /// A policy from outside [default: the vault's working copy]
    file: Option<PathBuf>,
    /// Sign without asking
    #[arg(long, conflicts_with = "digest")]
    yes: bool,
    /// Sign without asking if the policy has this digest (64 hex digits)
    #[arg(long, value_name = "HEX")]
    digest: Option<PolicyDigest>,
}

#[derive(Serialize)]
struct Signed {
    path: PathBuf,
    digest: PolicyDigest,
    epoch: u64,
    /// Where the signature is.
    signature: PathBuf,
    key: KeyFingerprint,
    /// Whose signature it is, where a root has that key.
    person: Option<PersonName>,
    #[serde(flatten)]
    told: Told,
}

pub(super) fn run(args: &SignArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let file = args.file.as_deref();
    let vault = global.open(Access::Read)?;
    let proposal = Proposal::read(Some(&vault), file)?;
    let key = vault.card().key.clone();
    let person = proposal.signer(Some(&vault), &key)?;
    if file.is_none() && proposal.standing(&vault)? == Standing::InForce {
        return Err(Failure::usage(
            "the working copy is the policy in force: there is nothing to sign",
            "change it with `gapvault trust`, `untrust`, `tent` or `revoke`, or edit it and raise its epoch by one",
        ));
    }
    show(&vault, &proposal, ui);
    agree(args, &proposal, ui)?;
    let armoured = vault.sign_policy(&proposal)?;
    // Somebody may have thought about it for long; the lock is taken only now.
    let vault = if file.is_none() { global.open(Access::Write)? } else { vault };
    let signature = proposal.attach(Some(&vault), &key, &armoured)?;
    let proposal = Proposal::read(Some(&vault), file)?;
    let told = match proposal.standing(&vault) {
        Ok(standing) => Told::of(&standing),
        // A policy of another vault: what is in force there is not known here.
        Err(_) => Told::of_own(&proposal.own_tally()),
    };
    let by = person.as_ref().map(|person| format!(" by {person}")).unwrap_or_default();
    let human = format!("signed policy epoch {}{by}: {}\n{}", proposal.policy.epoch, signature.display(), told.human());
    let Proposal { path, digest, policy, .. } = proposal;
    ui.result(&Signed { path, digest, epoch: policy.epoch, signature, key: key.fingerprint(), person, told }, &human)
}

/// Shows what is about to be signed.
fn show(vault: &Vault, proposal: &Proposal, ui: &Ui) {
    let text = if proposal.standing(vault).is_ok() {
        diff::human(vault.policy(), &proposal.policy)
    } else {
        let epoch = proposal.policy.epoch;
        format!(
            "policy epoch {epoch} does not follow the one in force in this vault; it says:\n\n{}",
            human::describe(&proposal.policy)
        )
    };
    ui.note(text.trim_end());
    for warning in warned(vault, proposal) {
        ui.note(&format!("warning: {}", printable(&warning)));
    }
    ui.note(&format!("digest {}", proposal.digest));
}

/// Whether it is to be signed.
fn agree(args: &SignArgs, proposal: &Proposal, ui: &Ui) -> Result<(), Failure> {
    if let Some(expected) = args.digest {
        let (path, actual) = (proposal.path.clone(), proposal.digest);
        return if actual == expected { Ok(()) } else { Err(SignPolicyError::Changed { path, actual, expected }.into()) };
    }
    if args.yes {
        return Ok(());
    }
    match ui.ask(&format!("Sign policy epoch {}?", proposal.policy.epoch)) {
        Some(true) => Ok(()),
        Some(false) => {
            let message = "not confirmed: nothing was signed".to_owned();
            Err(Failure { kind: Kind::Refused, message, hint: None, told: false })
        }
        None => Err(Failure::usage(
            "there is no terminal to ask on whether to sign this",
            "look at `gapvault policy diff`, then give the digest that it had with --digest HEX, or --yes",
        )),
    }
}
