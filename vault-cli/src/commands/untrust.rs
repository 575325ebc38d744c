//! `gapvault untrust`

use super::trust::Role;
use crate::cli::Global;
use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::formats::names::TentName;
use gapvault_core::trust::untrust;
use gapvault_core::vault::Access;
use serde::Serialize;

/// Take a role in a tent back from a site or person.
///
/// From then on nothing is sealed for the site, and no bundle of the person is admitted. What went out before can't be
/// called back, and what was admitted stays. A tent in which nobody has a role any more goes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  gapvault --vault lab untrust cluster-b --tent aurora --role member")]
pub(crate) struct UntrustArgs {
    /// The site or, for the role exporter, the person
    name: String,
    /// The tent
    #[arg(long)]
    tent: TentName,
    /// The role
    #[arg(long)]
    role: Role,
}

#[derive(Serialize)]
struct Untrusted<'a> {
    name: &'a str,
    tent: &'a TentName,
    role: String,
    epoch: u64,
}

pub(crate) fn run(args: &UntrustArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let UntrustArgs { name, tent, role } = args;
    let grant = role.grant();
    let mut vault = global.open(Access::Write)?;
    untrust(&mut vault, name, tent, grant)?;
    let epoch = vault.policy().epoch;
    let human = format!("{name} is no longer {grant} of tent {tent}\n");
    if matches!(role, Role::Member) {
        ui.note(&format!("note: {name} knows the key of tent {tent}; `gapvault rekey --tent {tent}` makes a new one for what is exported from now on"));
    }
    ui.result(&Untrusted { name, tent, role: grant.to_string(), epoch }, &human)
}
