//! `gapvault tent`

use crate::cli::Global;
use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::formats::names::TentName;
use gapvault_core::formats::policy::Tent;
use gapvault_core::trust::new_tent;
use gapvault_core::vault::Access;
use serde::Serialize;
use std::fmt::Write;

/// Make and list tents, the compartments that content belongs to.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab tent new aurora
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
    /// List the tents of this vault's policy and who may do what in them
    List,
}

#[derive(Serialize)]
struct Tents<'a> {
    epoch: u64,
    tents: &'a [Tent],
}

pub(crate) fn run(args: &TentArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    match &args.command {
        TentCommand::New { name } => {
            let mut vault = global.open(Access::Write)?;
            new_tent(&mut vault, name)?;
            let policy = vault.policy();
            let tents = Tents { epoch: policy.epoch, tents: policy.tent(name).map_or(&[], std::slice::from_ref) };
            let human = format!("made tent {name}: this site is a member of it and exports from it\n");
            ui.result(&tents, &human)
        }
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
