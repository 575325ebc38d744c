//! `gapvault list`

use super::medium::{Became, MediumArgs};
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::{bytes, count};
use crate::ui::Ui;
use gapvault_core::formats::custody::{Exported, Imported};
use gapvault_core::formats::ids::BundleId;
use gapvault_core::formats::names::{ArtifactRef, PersonName};
use gapvault_core::list::{Listed, approved_by, describe, list};
use gapvault_core::vault::Access;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// The digits of a digest that are shown: as many as `approve --bundle` asks for.
const DIGITS: usize = 16;

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
    Exported {
        #[serde(flatten)]
        exported: Box<Exported>,
        /// As far as this vault's log knows.
        approved_by: Vec<PersonName>,
    },
    Imported(Box<Imported>),
}

#[derive(Serialize)]
struct Held {
    bundles: Vec<Row>,
}

#[derive(Serialize)]
struct MediumRow {
    /// The SHA-256 of `seal.json`, if there is one, whoever made it.
    bundle: Option<BundleId>,
    sealed: bool,
    trusted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    in_vault: bool,
    approved_by: Vec<PersonName>,
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
        let persons = approved_by(&vault, &listed);
        let approved = told_approved(&persons);
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
                "{:32} {:12} {:>12} {:>12}  {how}{approved}, bundle {:.DIGITS$}",
                moved.artifact,
                tent,
                count(moved.files, "file"),
                bytes(moved.bytes),
                bundle.to_string(),
            );
        }
        bundles.push(match listed {
            Listed::Exported(exported) => Row::Exported { exported, approved_by: persons },
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
        let (trusted, in_vault, approved_by, reason) = match described.trust {
            Ok(trust) => {
                (true, trust.admitted, trust.approved.into_iter().map(|approval| approval.person).collect(), None)
            }
            Err(untrusted) => (false, false, Vec::new(), Some(untrusted.reason)),
        };
        let row = MediumRow {
            bundle: bundle.seal_id(),
            sealed: described.public.is_some(),
            trusted,
            reason,
            in_vault,
            approved_by,
            size: described.public.map_or(0, |p| p.seal.total_size()),
            artifacts,
        };
        let what = match (&row.artifacts, &row.reason) {
            (Some(artifacts), _) => join(artifacts),
            (None, Some(reason)) => crate::text::printable(reason),
            (None, None) => "sealed to others: its content has no name here".to_owned(),
        };
        let held = if row.in_vault { " (in this vault)" } else { "" };
        let approved = told_approved(&row.approved_by);
        let digest = row.bundle.map_or_else(String::new, |id| format!(", bundle {:.DIGITS$}", id.to_string()));
        let human = format!("{:24} {:>12}  {what}{held}{approved}{digest}\n", bundle.label(), bytes(row.size));
        Ok(Became::good(row, human))
    })
}

/// Who approved, behind a comma.
fn told_approved(persons: &[PersonName]) -> String {
    if persons.is_empty() { String::new() } else { format!(", approved by {}", join(persons)) }
}

fn join(names: &[impl std::fmt::Display]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
