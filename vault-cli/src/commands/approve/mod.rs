//! `gapvault approve`

mod human;
mod told;

pub(super) use human::signs;

use super::key::KeyArg;
use crate::cli::Global;
use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::approve::{ApproveError, ApproveOptions, Proposal, Subject, approve, propose};
use gapvault_core::bundle::{Bundle, find};
use gapvault_core::error::Kind;
use gapvault_core::find_bundle;
use gapvault_core::vault::{Access, Vault};
use std::path::{Path, PathBuf};

/// The least digits that pick a bundle.
const DIGITS: usize = 16;
/// The digits of a whole digest. Fewer show nothing: whoever exports can make two seals that begin alike.
const ALL_DIGITS: usize = 64;

/// Approve a bundle: look at what it is, then sign its seal.
///
/// Shows from the catalogue what would go where, who could read it, and who has approved it already. The signature is
/// written beside the seal, on the medium and in this vault's own copy if it has one; `gapvault export --again BUNDLE
/// --approvals --to MEDIUM` brings those in the vault to another medium. Without a terminal, --bundle with the whole
/// digest says that it was compared with whoever asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault cluster approve /media/usb
  gapvault --vault cluster approve /media/usb --key ~/.ssh/id_ecdsa_sk
  gapvault --vault lab approve 3f2a91c0d4e5 --bundle \"$DIGEST\"")]
pub(crate) struct ApproveArgs {
    /// The medium's top folder, one bundle's folder on it, or the first digits of a bundle that this vault made or holds
    #[arg(value_name = "MEDIUM|BUNDLE")]
    subject: PathBuf,
    /// Only the bundle in the folder of this label
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    #[command(flatten)]
    key: KeyArg,
    /// The bundle's digest, 64 digits: approve this one, and do not ask. With its first digits, 16 at least, ask
    #[arg(long, value_name = "HEX", value_parser = digits)]
    bundle: Option<String>,
    /// Approve it though somebody can open it who is no such reader of the tent by the policy
    #[arg(long)]
    unknown_readers: bool,
    /// Which files to show
    #[arg(long, value_name = "WHICH", default_value = "largest")]
    files: Files,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Files {
    /// The largest of each artifact
    Largest,
    /// All
    All,
}

pub(crate) fn run(args: &ApproveArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    if global.vault.is_none() {
        return Err(Failure::usage(
            "no vault is named",
            "an approver works through the vault of a member or auditor site of the tent: name it with --vault DIR or in the environment variable GAPVAULT_DIR",
        ));
    }
    let mut vault = global.open(Access::Write)?;
    let signer = args.key.signer(&vault, ui)?;
    let proposal = match named(&vault, &args.subject)? {
        Named::Bundle(id) => propose(&vault, Subject::Held(id), signer.public())?,
        Named::Medium => propose(&vault, Subject::Medium(&the_one(args)?), signer.public())?,
    };
    let text = human::proposal(&proposal, args.files);
    let options = ApproveOptions { unknown_readers: args.unknown_readers };
    if !options.unknown_readers
        && let Err(error) = proposal.expect_known_readers()
    {
        ui.explain(&text);
        return Err(error.into());
    }
    match &args.bundle {
        Some(expected) if !proposal.bundle.to_string().starts_with(expected) => {
            return Err(ApproveError::OtherBundle { actual: proposal.bundle, expected: expected.clone() }.into());
        }
        Some(whole) if whole.len() == ALL_DIGITS => ui.explain(&text),
        _ if proposal.already => ui.explain(&text),
        _ => confirm(&proposal, &text, ui)?,
    }
    let told = told::Told::of(&proposal, args.files);
    if signer.asks() && !proposal.already {
        ui.note("waiting for the key: give its passphrase or PIN, or touch it, if it asks");
    }
    let approved = approve(&mut vault, proposal, &*signer, options)?;
    let human = human::approved(&told, &approved);
    ui.result(&told.with(approved), &human)
}

fn confirm(proposal: &Proposal, text: &str, ui: &Ui) -> Result<(), Failure> {
    if ui.can_ask() {
        ui.note(text.trim_end());
    }
    match ui.ask(&format!("Approve it as {}?", proposal.person)) {
        Some(true) => Ok(()),
        Some(false) => {
            let message = "not approved: nothing was signed".to_owned();
            Err(Failure { kind: Kind::Refused, message, hint: None, details: Vec::new(), told: false })
        }
        None => Err(Failure::usage(
            "there is no terminal to ask on",
            "give all 64 digits of the bundle's digest with --bundle HEX, as whoever asked for the approval told you",
        )),
    }
}

/// What an argument that is a medium or a bundle names.
pub(super) enum Named {
    Medium,
    Bundle(gapvault_core::formats::ids::BundleId),
}

/// A path that is there is a medium; otherwise digits are those of a bundle.
pub(super) fn named(vault: &Vault, subject: &Path) -> Result<Named, Failure> {
    let is_hex = |text: &&str| text.len() >= 4 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match subject.to_str().filter(is_hex) {
        Some(beginning) if !subject.exists() => Ok(Named::Bundle(find_bundle(vault, beginning)?)),
        _ => Ok(Named::Medium),
    }
}

/// The one bundle that is meant.
fn the_one(args: &ApproveArgs) -> Result<Bundle, Failure> {
    let is_meant = |bundle: &Bundle| {
        let named = args.label.as_ref().is_none_or(|label| bundle.label().as_str() == label);
        let begins = |digits: &String| bundle.seal_id().is_some_and(|id| id.to_string().starts_with(digits));
        bundle.is_sealed() && named && (args.label.is_some() || args.bundle.as_ref().is_none_or(begins))
    };
    let medium = args.subject.display();
    let mut all = find(&args.subject)?;
    if args.label.is_none() && all.len() == 1 {
        // Alone it is the one that is meant; that its digest is another is told as such.
        return Ok(all.remove(0));
    }
    all.retain(is_meant);
    match all.len() {
        1 => Ok(all.remove(0)),
        0 => Err(Failure::usage(
            format!("{medium} has no such bundle with a seal"),
            "`gapvault list MEDIUM` shows what is there",
        )),
        n => Err(Failure::usage(
            format!("{medium} has {n} bundles: they are approved one by one"),
            "name one with --label; `gapvault list MEDIUM` shows the labels",
        )),
    }
}

/// Digits as people write them down: in any case, in groups.
fn digits(text: &str) -> Result<String, String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, ':' | '-')).collect();
    let digits = digits.to_ascii_lowercase();
    let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hex && (DIGITS..=ALL_DIGITS).contains(&digits.len()) {
        Ok(digits)
    } else {
        Err(format!("expected {DIGITS} to {ALL_DIGITS} hex digits"))
    }
}
