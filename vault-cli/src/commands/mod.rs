//! One file a command: its arguments, and `run`.

pub(crate) mod approve;
pub(crate) mod card;
pub(crate) mod checkout;
pub(crate) mod completions;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod media;
pub(crate) mod pending;
pub(crate) mod policy;
mod provenance;
pub(crate) mod recovery;
pub(crate) mod rekey;
pub(crate) mod repair;
pub(crate) mod revoke;
pub(crate) mod show;
pub(crate) mod tent;
pub(crate) mod trust;
pub(crate) mod untrust;
pub(crate) mod verify;

mod brought;
mod change;
pub(crate) mod key;
mod medium;
mod rules;

use crate::cli::{Cli, Command};
use crate::failure::Failure;
use crate::ui::Ui;

/// Runs the command that was asked for.
pub(crate) fn run(cli: Cli, ui: &Ui) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    match command {
        Command::Init(args) => init::run(args, ui),
        Command::Card(args) => card::run(&args, &global, ui),
        Command::Tent(args) => tent::run(&args, &global, ui),
        Command::Trust(args) => trust::run(&args, &global, ui),
        Command::Untrust(args) => untrust::run(&args, &global, ui),
        Command::Policy(args) => policy::run(&args, &global, ui),
        Command::Revoke(args) => revoke::run(&args, &global, ui),
        Command::Media(args) => media::run(&args, ui),
        Command::Export(args) => export::run(*args, &global, ui),
        Command::Approve(args) => approve::run(&args, &global, ui),
        Command::Explain(args) => explain::run(&args, &global, ui),
        Command::Verify(args) => verify::run(&args, &global, ui),
        Command::Import(args) => import::run(&args, &global, ui),
        Command::Pending(args) => pending::run(&args, &global, ui),
        Command::Repair(args) => repair::run(&args, &global, ui),
        Command::List(args) => list::run(&args, &global, ui),
        Command::Show(args) => show::run(&args, &global, ui),
        Command::Checkout(args) => checkout::run(&args, &global, ui),
        Command::Log(args) => log::run(&args, &global, ui),
        Command::Keys(args) => keys::run(args, &global, ui),
        Command::Recovery(args) => recovery::run(args, &global, ui),
        Command::Rekey(args) => rekey::run(args, &global, ui),
        Command::Completions(args) => completions::run(&args, ui),
    }
}

/// As many threads as the machine runs at once.
fn threads(asked: Option<u16>) -> usize {
    asked.map_or_else(|| std::thread::available_parallelism().map_or(2, std::num::NonZero::get), usize::from)
}
