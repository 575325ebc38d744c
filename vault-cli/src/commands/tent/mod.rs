//! `gapvault tent`

mod set;

use super::change::Change;
use crate::cli::Global;
use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::formats::names::TentName;
use gapvault_core::formats::policy::Tent;
use gapvault_core::trust::new_tent;
use gapvault_core::vault::Access;
use serde::Serialize;
use std::fmt::Write;

/// Make and list tents, the compartments that content belongs to, and set their rules.
///
/// A change goes into the vault's working copy of the policy. If this vault's own key is enough, it is signed and in
/// force at once; otherwise this says who has still to sign.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab tent new aurora
  gapvault --vault lab tent set aurora --approvals 1 --of bob
  gapvault --vault lab tent list")]
pub(crate) struct TentArgs {
    #[command(subcommand)]
    command: TentCommand,
}

#[derive(Debug, clap::Subcommand)]
enum TentCommand {
    /// Make a tent that this site is a member of and exports from
    New {
        /// The tent's name
        name: TentName,
    },
    Set(Box<set::SetArgs>),
    /// List the tents of this vault's policy and who may do what in them
    List,
}

#[derive(Serialize)]
struct Tents<'a> {
    epoch: u64,
    tents: &'a [Tent],
}

#[derive(Serialize)]
struct Made<'a> {
    /// The tent, if it is in force.
    tents: &'a [Tent],
    #[serde(flatten)]
    change: Change,
}

pub(crate) fn run(args: &TentArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    match &args.command {
        TentCommand::New { name } => {
            let mut vault = global.open(Access::Write)?;
            let change = Change::of(&new_tent(&mut vault, name)?);
            let still = change.still();
            let made = if change.applied { "made" } else { "to be made:" };
            let human = format!("{made} tent {name}: this site is a member of it and exports from it\n{still}");
            let tents = vault.policy().tent(name).map_or(&[][..], std::slice::from_ref);
            ui.result(&Made { tents, change }, &human)
        }
        TentCommand::Set(args) => set::run(args, global, ui),
        TentCommand::List => {
            let vault = global.open(Access::Read)?;
            let policy = vault.policy();
            let mut human = String::new();
            for Tent { name, members, auditors, exporters, .. } in &policy.tents {
                // Writing to a String can't fail.
                let _ = writeln!(human, "{name}");
                let _ = writeln!(human, "  members (read content)      {}", join(members));
                let _ = writeln!(human, "  auditors (read catalogues)  {}", join(auditors));
                let _ = writeln!(human, "  exporters                   {}", join(exporters));
            }
            if policy.tents.is_empty() {
                human.push_str("no tents: nothing can be exported or imported\n");
            }
            ui.result(&Tents { epoch: policy.epoch, tents: &policy.tents }, &human)
        }
    }
}

fn join(names: &[impl std::fmt::Display]) -> String {
    if names.is_empty() {
        return "nobody".to_owned();
    }
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
