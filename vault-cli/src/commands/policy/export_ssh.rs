//! `gapvault policy export-ssh`

use crate::cli::Global;
use crate::failure::Failure;
use crate::text::count;
use crate::ui::Ui;
use gapvault_core::policy::export_ssh;
use gapvault_core::vault::Access;
use serde::Serialize;
use std::path::PathBuf;

/// Write the policy's keys for stock OpenSSH.
///
/// DIR/allowed_signers has a line for each key: its person, and what that person's signatures are good for by the roles
/// in the policy in force: seal@gapvault for exporters, approve@gapvault for approvers, policy@gapvault for root
/// persons; and one for each site, whose vault signs what it seals anew for auditors (wrap@gapvault). DIR/revoked_keys has the keys that count no more. `ssh-keygen -Y verify` reads both.
///
/// OpenSSH has no words for the rest: in which tent, how many persons it takes, what a security key must show, and which
/// seals of a revoked key still count.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  gapvault --vault cluster policy export-ssh ./keys

Then, beside a seal:
  ssh-keygen -Y verify -f keys/allowed_signers -r keys/revoked_keys \\
    -I alice -n seal@gapvault -s seal.json.<key>.sig < seal.json")]
pub(super) struct ExportSshArgs {
    /// The folder to write to; made if need be
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

#[derive(Serialize)]
struct Exported {
    epoch: u64,
    allowed_signers: PathBuf,
    revoked_keys: PathBuf,
    allowed: usize,
    revoked: usize,
}

pub(super) fn run(args: &ExportSshArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let vault = global.open(Access::Read)?;
    let epoch = vault.policy().epoch;
    let done = export_ssh(vault.policy(), &args.dir)?;
    let human = format!(
        "wrote {} of policy epoch {epoch} to {}\nwrote {} to {}\n",
        count(done.allowed as u64, "key"),
        done.allowed_signers.display(),
        count(done.revoked as u64, "revoked key"),
        done.revoked_keys.display(),
    );
    let (allowed_signers, revoked_keys) = (done.allowed_signers, done.revoked_keys);
    let (allowed, revoked) = (done.allowed, done.revoked);
    ui.result(&Exported { epoch, allowed_signers, revoked_keys, allowed, revoked }, &human)
}
