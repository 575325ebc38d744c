//! `gapvault list`

use super::medium::{Became, MediumArgs};
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::{bytes, count};
use crate::ui::Ui;
use gapvault_core::formats::custody::{Exported, Imported};
use gapvault_core::formats::names::ArtifactRef;
use gapvault_core::list::{Listed, describe, list};
use gapvault_core::vault::Access;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// List what the vault holds or a medium carries.
///
/// A medium's bundles are listed without importing them; without a key it says what can be known without one.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gapvault --vault cluster list\n  gapvault --vault cluster list /media/usb\n  gapvault list /media/usb"
)]
pub(crate) struct ListArgs {
    /// A medium's top folder
    medium: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase", tag = "direction")]
enum Row {
    Exported(Box<Exported>),
    Imported(Box<Imported>),
}

#[derive(Serialize)]
struct Held {
    bundles: Vec<Row>,
}

#[derive(Serialize)]
struct MediumRow {
    sealed: bool,
    trusted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    in_vault: bool,
    size: u64,
    /// `null` where this vault may not read the catalogue.
    artifacts: Option<Vec<ArtifactRef>>,
}

pub(crate) fn run(args: &ListArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    match &args.medium {
        None => list_vault(global, ui),
        Some(medium) => list_medium(&MediumArgs { medium: medium.clone(), label: None }, global, ui),
    }
}

fn list_vault(global: &Global, ui: &Ui) -> Result<(), Failure> {
    let vault = global.open(Access::Read)?;
    let mut human = String::new();
    let mut bundles = Vec::new();
    for listed in list(&vault) {
        let (how, tent, artifacts, bundle) = match &listed {
            Listed::Exported(e) => {
                (format!("exported {} to {}", e.created, join(&e.destinations)), &e.tent, &e.artifacts, e.bundle)
            }
            Listed::Imported(i) if i.tent_key.is_none() => {
                (format!("catalogue, sealed {} by {}", i.created, i.exporter), &i.tent, &i.artifacts, i.bundle)
            }
            Listed::Imported(i) => {
                (format!("imported, sealed {} by {}", i.created, i.exporter), &i.tent, &i.artifacts, i.bundle)
            }
        };
        for moved in artifacts {
            // Writing to a String can't fail.
            let _ = writeln!(
                human,
                "{:32} {:12} {:>12} {:>12}  {how}, bundle {:.12}",
                moved.artifact,
                tent,
                count(moved.files, "file"),
                bytes(moved.bytes),
                bundle.to_string(),
            );
        }
        bundles.push(match listed {
            Listed::Exported(e) => Row::Exported(e),
            Listed::Imported(i) => Row::Imported(i),
        });
    }
    if bundles.is_empty() {
        human.push_str("this vault holds nothing\n");
    }
    ui.result(&Held { bundles }, &human)
}

fn list_medium(medium: &MediumArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let vault = global.open_if_named()?;
    medium.each(ui, |bundle| {
        let described = describe(vault.as_ref(), bundle)?;
        let artifacts = described.catalogue.map(|c| c.artifacts.into_iter().map(|a| a.artifact.artifact).collect());
        let (trusted, in_vault, reason) = match described.trust {
            Ok(trust) => (true, trust.admitted, None),
            Err(untrusted) => (false, false, Some(untrusted.reason)),
        };
        let row = MediumRow {
            sealed: described.public.is_some(),
            trusted,
            reason,
            in_vault,
            size: described.public.map_or(0, |p| p.seal.total_size()),
            artifacts,
        };
        let what = match (&row.artifacts, &row.reason) {
            (Some(artifacts), _) => join(artifacts),
            (None, Some(reason)) => crate::text::printable(reason),
            (None, None) => "sealed to others: its content has no name here".to_owned(),
        };
        let held = if row.in_vault { " (in this vault)" } else { "" };
        let human = format!("{:24} {:>12}  {what}{held}\n", bundle.label(), bytes(row.size));
        Ok(Became::good(row, human))
    })
}

fn join(names: &[impl std::fmt::Display]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
