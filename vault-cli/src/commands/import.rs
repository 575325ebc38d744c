//! `gapvault import`

use super::medium::MediumArgs;
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::{bytes, count};
use crate::ui::Ui;
use gapvault_core::formats::custody::Imported;
use gapvault_core::import::{Outcome, import};
use gapvault_core::vault::Access;
use serde::Serialize;
use std::fmt::Write;

/// Bring the bundles on a medium into the vault.
///
/// Signatures are checked before anything else is read, room before anything is copied. The medium is never written to.
/// A bundle that the vault holds already is left alone. Interrupted, run it again: what was copied whole is kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  gapvault --vault cluster import /media/usb")]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    medium: MediumArgs,
}

#[derive(Serialize)]
struct Told {
    already: bool,
    imported: Imported,
}

pub(crate) fn run(args: &ImportArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let mut vault = global.open(Access::Write)?;
    args.medium.each(ui, |bundle| {
        let Outcome { imported, already } = import(&mut vault, bundle, ui.observer())?;
        let told = Told { already, imported };
        let human = human(&told);
        Ok((told, human))
    })
}

fn human(told: &Told) -> String {
    let Told { already, imported } = told;
    if *already {
        return format!("bundle {} is in this vault already: nothing was done\n", imported.bundle);
    }
    let mut out = String::new();
    for moved in &imported.artifacts {
        // Writing to a String can't fail.
        let _ = writeln!(
            out,
            "imported {} ({}, {}) of tent {}",
            moved.artifact,
            count(moved.files, "file"),
            bytes(moved.bytes),
            imported.tent
        );
    }
    let _ = writeln!(out, "  bundle   {}", imported.bundle);
    let _ = writeln!(out, "  signed   by {} (site {})", imported.exporter, imported.from);
    let _ = writeln!(out, "  rule     {} (policy epoch {})", imported.rule, imported.epoch);
    if imported.tent_key.is_none() {
        let _ = writeln!(out, "  this site is an auditor of the tent: the catalogue was imported, not the content");
    }
    out
}
