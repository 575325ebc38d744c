//! `gapvault policy sign`

use super::base::{self, Base, BaseArg, NOT_COMPARED};
use super::told::{Told, warned, warned_elsewhere};
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
use gapvault_core::policy::{Proposal, ProposalError, SignPolicyError, Standing};
use gapvault_core::vault::Access;
use serde::Serialize;
use std::path::PathBuf;

/// Sign a policy, after it was shown what it changes.
///
/// Shows the changes from the policy in force, and everybody's keys, and asks. A policy that does not follow the one in
/// force is not signed. Where no vault has the policy before it in force, --base names the file of that. Without a terminal it needs --digest, the digest that `gapvault
/// policy check` showed, or --yes. The signature goes beside the policy, as FILE.KEY.sig; `gapvault policy apply`
/// counts it there.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab policy sign
  gapvault --vault lab policy sign --key ~/.ssh/id_ed25519_sk
  gapvault --vault bob policy sign /media/usb/policy.toml
  gapvault policy sign policy.toml --base policy-3.toml --key ~/.ssh/id_ecdsa")]
pub(super) struct SignArgs {
    /// A policy from outside [default: the vault's working copy]
    file: Option<PathBuf>,
    #[command(flatten)]
    base: BaseArg,
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
    let base = args.base.base(vault.as_ref())?;
    let proposal = base::read(base.as_ref(), vault.as_ref(), file)?;
    let signer = args.key.signer_if(vault.as_ref(), ui)?;
    let key = signer.public().clone();
    let person = proposal.signer(base.as_ref().map(|base| &base.policy), &key)?;
    // What can't be applied where it is compared is not signed.
    let standing = base.as_ref().map(|base| base.standing(&proposal)).transpose().map_err(|e| unrelated(args, e))?;
    if standing == Some(Standing::InForce) {
        return Err(Failure::usage(
            "this is the policy in force: there is nothing to sign",
            "change it with `gapvault trust`, `untrust`, `tent` or `revoke`, or edit it and raise its epoch by one",
        ));
    }
    show(base.as_ref(), &proposal, ui);
    // A base that was named is of another vault, which this one may know nothing of.
    let warnings = match vault.as_ref().filter(|_| !args.base.is_named()) {
        Some(vault) => warned(vault, &proposal),
        None => warned_elsewhere(&proposal),
    };
    warnings.iter().for_each(|warning| ui.note(&format!("warning: {}", printable(warning))));
    ui.note(&format!("digest {}", proposal.digest));
    agree(args, &proposal, ui)?;
    let armoured = signer.sign(Namespace::Policy, &proposal.bytes)?;
    drop(signer);
    // Somebody may have thought about it for long; the lock is taken only now.
    let vault = if file.is_none() { Some(global.open(Access::Write)?) } else { vault };
    let signature = proposal.attach(vault.as_ref(), &key, &armoured)?;
    let proposal = base::read(base.as_ref(), vault.as_ref(), file)?;
    let told = match &base {
        Some(base) => Told::of(&base.standing(&proposal)?),
        None => Told::of_own(&proposal.own_tally()),
    };
    let by = person.as_ref().map(|person| format!(" by {person}")).unwrap_or_default();
    let human = format!(
        "signed policy epoch {}{by}: {}\n{}",
        proposal.policy.epoch,
        printable(&signature.display().to_string()),
        told.human()
    );
    let Proposal { path, digest, policy, .. } = proposal;
    ui.result(&Signed { path, digest, epoch: policy.epoch, signature, key: key.fingerprint(), person, told }, &human)
}

/// Shows what is about to be signed.
fn show(base: Option<&Base>, proposal: &Proposal, ui: &Ui) {
    let policy = &proposal.policy;
    let text = match base {
        Some(Base { policy: before, whose, .. }) => {
            let (changes, persons, sites) =
                (diff::human(before, whose, policy), human::persons(policy), human::sites(policy));
            format!("{changes}\npersons\n{persons}\nsites\n{sites}")
        }
        None => {
            format!("policy epoch {} says:\n\n{}\n{NOT_COMPARED}", policy.epoch, human::describe(policy))
        }
    };
    ui.note(text.trim_end());
}

/// A policy may be of another vault than the one whose key signs.
fn unrelated(args: &SignArgs, error: ProposalError) -> Failure {
    let is_other = matches!(error, ProposalError::Follows { .. }) && args.file.is_some() && !args.base.is_named();
    let mut failure = Failure::from(error);
    if is_other {
        failure.hint = Some(
            "nothing was signed; if it is of another vault, name the policy in force there with --base POLICY"
                .to_owned(),
        );
    }
    failure
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
