//! `gapvault policy sign`

use super::told::{Told, warned};
use super::{diff, human};
use crate::cli::Global;
use crate::commands::key::KeyArg;
use crate::failure::Failure;
use crate::text::printable;
use crate::ui::Ui;
use gapvault_core::error::Kind;
use gapvault_core::formats::ids::{KeyFingerprint, PolicyDigest};
use gapvault_core::formats::names::PersonName;
use gapvault_core::formats::sshsig::Namespace;
use gapvault_core::policy::{Proposal, SignPolicyError, Standing};
use gapvault_core::vault::{Access, Vault};
use serde::Serialize;
use std::path::PathBuf;

/// Sign a policy, after it was shown what it changes.
///
/// Shows the changes from the policy in force and asks. Without a terminal it needs --digest, the digest that `gapvault
/// policy check` showed, or --yes. The signature goes beside the policy, as FILE.KEY.sig; `gapvault policy apply`
/// counts it there.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab policy sign
  gapvault --vault lab policy sign --key ~/.ssh/id_ed25519_sk
  gapvault --vault bob policy sign /media/usb/policy.toml
  gapvault policy sign policy.toml --key ~/.ssh/id_ecdsa")]
pub(super) struct SignArgs {
    /// A policy from outside [default: the vault's working copy]
    file: Option<PathBuf>,
    #[command(flatten)]
    key: KeyArg,
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
    let vault = if file.is_some() { global.open_if_named()? } else { Some(global.open(Access::Read)?) };
    let proposal = Proposal::read(vault.as_ref(), file)?;
    let signer = args.key.signer_if(vault.as_ref(), ui)?;
    let key = signer.public().clone();
    let person = proposal.signer(vault.as_ref(), &key)?;
    let standing = vault.as_ref().map(|vault| proposal.standing(vault)).transpose();
    // A file may be meant for another vault; the working copy is for this one, and what can't be applied here is not signed.
    let standing = if file.is_some() { standing.unwrap_or_default() } else { standing? };
    if standing == Some(Standing::InForce) {
        return Err(Failure::usage(
            "this is the policy in force: there is nothing to sign",
            "change it with `gapvault trust`, `untrust`, `tent` or `revoke`, or edit it and raise its epoch by one",
        ));
    }
    show(vault.as_ref(), &proposal, ui);
    agree(args, &proposal, ui)?;
    let armoured = signer.sign(Namespace::Policy, &proposal.bytes)?;
    drop(signer);
    // Somebody may have thought about it for long; the lock is taken only now.
    let vault = if file.is_none() { Some(global.open(Access::Write)?) } else { vault };
    let signature = proposal.attach(vault.as_ref(), &key, &armoured)?;
    let proposal = Proposal::read(vault.as_ref(), file)?;
    let told = match vault.map(|vault| proposal.standing(&vault)) {
        Some(Ok(standing)) => Told::of(&standing),
        // A policy of another vault: what is in force there is not known here.
        Some(Err(_)) | None => Told::of_own(&proposal.own_tally()),
    };
    let by = person.as_ref().map(|person| format!(" by {person}")).unwrap_or_default();
    let human = format!("signed policy epoch {}{by}: {}\n{}", proposal.policy.epoch, signature.display(), told.human());
    let Proposal { path, digest, policy, .. } = proposal;
    ui.result(&Signed { path, digest, epoch: policy.epoch, signature, key: key.fingerprint(), person, told }, &human)
}

/// Shows what is about to be signed.
fn show(vault: Option<&Vault>, proposal: &Proposal, ui: &Ui) {
    let epoch = proposal.policy.epoch;
    let text = match vault {
        Some(vault) if proposal.standing(vault).is_ok() => diff::human(vault.policy(), &proposal.policy),
        Some(_) => format!("policy epoch {epoch} does not follow the one in force in this vault; it says:\n"),
        None => format!("policy epoch {epoch} says:\n"),
    };
    ui.note(text.trim_end());
    match vault {
        Some(vault) if proposal.standing(vault).is_ok() => {
            warned(vault, proposal).iter().for_each(|warning| ui.note(&format!("warning: {}", printable(warning))));
        }
        _ => ui.note(&format!("\n{}", human::describe(&proposal.policy))),
    }
    ui.note(&format!("digest {}", proposal.digest));
}

/// Whether it is to be signed.
fn agree(args: &SignArgs, proposal: &Proposal, ui: &Ui) -> Result<(), Failure> {
    if let Some(expected) = args.digest {
        let (path, actual) = (proposal.path.clone(), proposal.digest);
        return if actual == expected {
            Ok(())
        } else {
            Err(SignPolicyError::Changed { path, actual, expected }.into())
        };
    }
    if args.yes {
        return Ok(());
    }
    match ui.ask(&format!("Sign policy epoch {}?", proposal.policy.epoch)) {
        Some(true) => Ok(()),
        Some(false) => {
            let message = "not confirmed: nothing was signed".to_owned();
            Err(Failure { kind: Kind::Refused, message, hint: None, details: Vec::new(), told: false })
        }
        None => Err(Failure::usage(
            "there is no terminal to ask on whether to sign this",
            "look at `gapvault policy diff`, then give the digest that it had with --digest HEX, or --yes",
        )),
    }
}
