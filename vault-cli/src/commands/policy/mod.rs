//! `gapvault policy`

mod apply;
mod base;
mod check;
mod diff;
mod export_ssh;
pub(crate) mod human;
mod reset;
mod show;
mod sign;
pub(crate) mod told;

use crate::cli::Global;
use crate::failure::Failure;
use crate::ui::Ui;

/// Look at the policy, sign it, put it in force.
///
/// The policy says whom this vault trusts with what; what it does not name is denied. Each change of it is a new epoch,
/// signed by root persons, as many as the policy in force asks for. `trust`, `untrust`, `tent` and `revoke` write such
/// changes into the working copy, policy.toml in the vault, and put them in force if this vault's own key is enough.
/// People may edit that file too: raise its epoch by one, let `previous` be the digest of the policy in force, then check,
/// sign and apply it. `policy check` says what both should be.
///
/// Signatures stand beside a policy, one file for each key: FILE.KEY.sig. Whoever has to sign elsewhere takes the file
/// along and brings the signature back.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab policy show
  gapvault --vault lab policy check
  gapvault --vault lab policy diff
  gapvault --vault lab policy sign
  gapvault --vault lab policy apply")]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, clap::Subcommand)]
enum PolicyCommand {
    Show(show::ShowPolicyArgs),
    Check(check::CheckArgs),
    Diff(diff::DiffArgs),
    Sign(sign::SignArgs),
    Apply(apply::ApplyArgs),
    Reset(reset::ResetArgs),
    ExportSsh(export_ssh::ExportSshArgs),
}

pub(crate) fn run(args: &PolicyArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    match &args.command {
        PolicyCommand::Show(args) => show::run(args, global, ui),
        PolicyCommand::Check(args) => check::run(args, global, ui),
        PolicyCommand::Diff(args) => diff::run(args, global, ui),
        PolicyCommand::Sign(args) => sign::run(args, global, ui),
        PolicyCommand::Apply(args) => apply::run(args, global, ui),
        PolicyCommand::Reset(args) => reset::run(args, global, ui),
        PolicyCommand::ExportSsh(args) => export_ssh::run(args, global, ui),
    }
}
