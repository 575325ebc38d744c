//! The command line: what there is, in the order in which people need it.

use crate::ask::Person;
use crate::commands::{
    approve::ApproveArgs, card::CardArgs, checkout::CheckoutArgs, completions::CompletionsArgs, explain::ExplainArgs,
    export::ExportArgs, import::ImportArgs, init::InitArgs, keys::KeysArgs, list::ListArgs, log::LogArgs,
    media::MediaArgs, pending::PendingArgs, policy::PolicyArgs, recovery::RecoveryArgs, rekey::RekeyArgs,
    repair::RepairArgs, revoke::RevokeArgs, show::ShowArgs, tent::TentArgs, trust::TrustArgs, untrust::UntrustArgs,
    verify::VerifyArgs,
};
use crate::failure::Failure;
use crate::progress::ProgressMode;
use clap::{Args, Parser, Subcommand};
use gapvault_core::clock::Clock;
use gapvault_core::vault::{Access, Vault};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const AFTER_HELP: &str = "\
Across the gap:
  gapvault init lab --site lab                  on the connected side
  gapvault init cluster --site cluster-b        on the offline side
  gapvault --vault lab card > lab.card          carry both cards across,
  gapvault --vault cluster card > cluster.card  and compare their fingerprints
  gapvault --vault lab tent new aurora
  gapvault --vault lab trust cluster.card --tent aurora --role member
  gapvault --vault cluster trust lab.card --tent aurora --role exporter
  gapvault --vault lab export ./checkpoint --name llama-ft:step-4000 \\
    --tent aurora --to /media/usb
  gapvault --vault cluster import /media/usb
  gapvault --vault cluster checkout llama-ft:step-4000 ./models/llama-ft

Exit codes:
  0  done
  1  other failure
  2  usage
  3  damaged or altered data
  4  refused by policy or trust
  5  incomplete: a volume is missing, or a medium that was waited for
  6  medium or file system full, gone or read-only";

/// Moves model weights and datasets across an air gap as encrypted, signed bundles.
#[derive(Debug, Parser)]
#[command(name = "gapvault", version, after_help = AFTER_HELP, max_term_width = 120, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The vault to work with
    #[arg(long, global = true, value_name = "DIR", env = "GAPVAULT_DIR")]
    pub(crate) vault: Option<PathBuf>,
    /// Print one JSON object on stdout instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// A file with the passphrase of the vault's identities in its first line; asked for otherwise
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// How to show progress on stderr
    #[arg(long, global = true, value_name = "HOW", default_value = "auto")]
    pub(crate) progress: ProgressMode,
}

impl Global {
    /// Opens the vault that the command line or the environment names.
    pub(crate) fn open(&self, access: Access) -> Result<Vault, Failure> {
        Ok(Vault::open(self.root()?, access, Clock::SYSTEM)?.asking(self.person()))
    }

    /// Where the vault is that the command line or the environment names.
    pub(crate) fn root(&self) -> Result<&Path, Failure> {
        self.vault.as_deref().ok_or_else(|| {
            Failure::usage("no vault is named", "name one with --vault DIR or in the environment variable GAPVAULT_DIR")
        })
    }

    /// Whoever is asked when the vault's identities are needed.
    pub(crate) fn person(&self) -> Arc<Person> {
        Arc::new(Person { passphrase_file: self.passphrase_file.clone() })
    }

    /// Opens the vault if one is named.
    pub(crate) fn open_if_named(&self) -> Result<Option<Vault>, Failure> {
        self.vault.as_ref().map(|_| self.open(Access::Read)).transpose()
    }
}

/// What to do. What help says of a command stands at its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(InitArgs),
    Card(CardArgs),
    Tent(TentArgs),
    Trust(TrustArgs),
    Untrust(UntrustArgs),
    Revoke(RevokeArgs),
    Policy(PolicyArgs),
    Media(MediaArgs),
    Export(Box<ExportArgs>),
    Approve(ApproveArgs),
    Explain(ExplainArgs),
    Verify(VerifyArgs),
    Import(ImportArgs),
    Pending(PendingArgs),
    Repair(RepairArgs),
    List(ListArgs),
    Show(ShowArgs),
    Checkout(CheckoutArgs),
    Log(LogArgs),
    Keys(KeysArgs),
    Recovery(RecoveryArgs),
    Rekey(RekeyArgs),
    Completions(CompletionsArgs),
}
