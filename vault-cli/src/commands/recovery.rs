//! `gapvault recovery`

use crate::ask::new_passphrase;
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::{count, short};
use crate::ui::Ui;
use gapvault_core::error::Kind;
use gapvault_core::formats::agefile::{Recipient, Suite};
use gapvault_core::keys::{new_recovery, replaced_recovery, set_recovery};
use gapvault_core::vault::Access;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// Make and name a recovery identity, which opens what a vault holds when its own is lost.
///
/// The identity is kept elsewhere, offline: in a safe, on paper. The vault knows its recipient alone. There are two
/// kinds, for bundles of the suites age-x25519 and age-pq; a bundle of the one is never sealed to a recipient of the other.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault recovery new --out recovery.key
  gapvault recovery new --out recovery-pq.key --post-quantum --passphrase
  gapvault --vault cluster recovery set age1… age1pq1…
  gapvault --vault cluster rekey --wraps")]
pub(crate) struct RecoveryArgs {
    #[command(subcommand)]
    command: RecoveryCommand,
}

#[derive(Debug, clap::Subcommand)]
enum RecoveryCommand {
    /// Make an identity, in a file that `age -i` takes
    #[command(after_help = "Example:\n  gapvault recovery new --out recovery.key --passphrase")]
    New {
        /// The file, which does not exist yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Make one for bundles of the suite age-pq
        #[arg(long)]
        post_quantum: bool,
        /// Protect the file by a passphrase, which is asked for
        #[arg(long)]
        passphrase: bool,
        /// The same, with the passphrase in the first line of a file
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Seal what this vault holds from now on to these recipients too; `none` for no recovery
    #[command(after_help = "Examples:
  gapvault --vault cluster recovery set age1… age1pq1…
  gapvault --vault cluster recovery set none")]
    Set {
        /// One of each kind, or `none`
        #[arg(required = true, value_name = "RECIPIENT")]
        recipients: Vec<String>,
        /// Replace or remove a recipient without asking
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Serialize)]
struct Made {
    out: PathBuf,
    suite: Suite,
    recipient: Recipient,
}

#[derive(Serialize)]
struct Told {
    recovery: Vec<Recipient>,
    /// Those that were recovery recipients before and are none now.
    replaced: Vec<Recipient>,
}

pub(crate) fn run(args: RecoveryArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    match args.command {
        RecoveryCommand::New { out, post_quantum, passphrase, new_passphrase_file } => {
            let asked = passphrase || new_passphrase_file.is_some();
            let passphrase = asked.then(|| new_passphrase(new_passphrase_file.as_deref())).transpose()?;
            let suite = if post_quantum { Suite::PostQuantum } else { Suite::X25519 };
            let recipient = new_recovery(&out, suite, passphrase)?;
            let human = format!("{recipient}\n");
            ui.result(&Made { out, suite, recipient }, &human)?;
            ui.note("note: keep the file offline; `gapvault recovery set RECIPIENT` names its recipient to a vault");
            Ok(())
        }
        RecoveryCommand::Set { recipients, yes } => {
            let recipients = match recipients.as_slice() {
                [none] if none == "none" => Vec::new(),
                all => all.iter().map(|text| parse(text)).collect::<Result<_, _>>()?,
            };
            let mut vault = global.open(Access::Write)?;
            let replaced = replaced_recovery(&vault, &recipients);
            for recipient in &replaced {
                let recipient = short(recipient);
                ui.note(&format!("{recipient} opens what this vault holds, and would no longer open what comes later"));
            }
            if !replaced.is_empty() && !yes {
                confirm(ui)?;
            }
            set_recovery(&mut vault, &recipients)?;
            let (recovery, held) = (vault.recovery(), gapvault_core::list::list(&vault).len());
            let mut human = String::new();
            for recipient in &recovery {
                // Writing to a String can't fail.
                let _ =
                    writeln!(human, "bundles of the suite {} open with {} too", recipient.suite(), short(recipient));
            }
            for suite in Suite::ALL.into_iter().filter(|suite| !recovery.iter().any(|r| r.suite() == *suite)) {
                let _ = writeln!(human, "bundles of the suite {suite} can't be recovered");
            }
            ui.result(&Told { recovery, replaced }, &human)?;
            if held > 0 {
                let held = count(held as u64, "bundle");
                ui.note(&format!("note: `gapvault rekey --wraps` does the same for the {held} here already"));
            }
            Ok(())
        }
    }
}

/// That a recovery identity of another kind opens nothing of a suite.
pub(super) fn unrecovered(suite: Suite) -> String {
    let kind = if suite == Suite::PostQuantum { " --post-quantum" } else { "" };
    format!(
        "bundles of the suite {suite} can't be recovered, the recovery recipient is of the other: `gapvault recovery new{kind} --out FILE` makes an identity for them"
    )
}

/// Asks before somebody's recovery identity opens nothing any more.
fn confirm(ui: &Ui) -> Result<(), Failure> {
    match ui.ask("Replace it?") {
        Some(true) => Ok(()),
        Some(false) => Err(Failure {
            kind: Kind::Refused,
            message: "not confirmed: nothing was changed".to_owned(),
            hint: Some("keep the identity that there is".to_owned()),
            details: Vec::new(),
            told: false,
        }),
        None => Err(Failure::usage(
            "this takes a recovery recipient away, and there is no terminal to ask on",
            "run it on a terminal, or with --yes",
        )),
    }
}

fn parse(text: &str) -> Result<Recipient, Failure> {
    let hint = "give the recipient that `gapvault recovery new` or `age-keygen` printed, `age1…` or `age1pq1…`";
    text.parse().map_err(|e| Failure::usage(format!("{e}"), hint))
}
