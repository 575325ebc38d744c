//! `gapvault show`

mod human;
mod told;

use super::medium::{Became, MediumArgs, each};
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::printable;
use crate::ui::Ui;
use gapvault_core::find_bundle;
use gapvault_core::list::{describe, show};
use gapvault_core::vault::Access;
use gapvault_core::vouched;
use std::path::{Path, PathBuf};

/// Show an artifact of the vault, or the bundles on a medium, in full.
///
/// Of an artifact: files, digests, provenance, who signed, which bundle, which policy rule admitted it. Of a medium:
/// the same as far as this vault's key goes; without a vault, what can be known without a key. Of a folder that
/// `gapvault rekey --wraps --to DIR` made for auditors who came later: the catalogues in it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gapvault --vault cluster show llama-ft:step-4000\n  gapvault --vault audit show /media/usb\n  gapvault show /media/usb"
)]
pub(crate) struct ShowArgs {
    /// An artifact of the vault (NAME:VERSION), a medium's top folder, or a folder with catalogues for auditors
    what: String,
    /// The bundle to take the artifact from, if several have it; the first digits of its digest do
    #[arg(long, value_name = "BUNDLE")]
    bundle: Option<String>,
    /// Of a medium, only the bundle in the folder of this label
    #[arg(long, value_name = "LABEL", conflicts_with = "bundle")]
    label: Option<String>,
}

pub(crate) fn run(args: &ShowArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let ShowArgs { what, bundle, label } = args;
    let is_medium = Path::new(what).is_dir();
    if is_medium && bundle.is_some() {
        return Err(Failure::usage(
            "--bundle chooses among the vault's bundles",
            "of a medium, choose with --label LABEL",
        ));
    }
    let catalogues = if is_medium { vouched::find(Path::new(what))? } else { Vec::new() };
    if !catalogues.is_empty() && label.is_some() {
        return Err(Failure::usage("--label chooses among a medium's bundles", "name the folder of one catalogue"));
    }
    if !catalogues.is_empty() {
        return show_vouched(&catalogues, global, ui);
    }
    if is_medium {
        let medium = MediumArgs { medium: what.into(), label: label.clone() };
        let vault = global.open_if_named()?;
        return medium.each(ui, |bundle| {
            let described = describe(vault.as_ref(), bundle)?;
            let text = human::bundle(&described);
            Ok(Became::good(told::Bundle::from(described), text))
        });
    }
    let artifact = what.parse().map_err(|_| {
        let message = format!("{:?} is neither a folder nor NAME:VERSION", printable(what));
        Failure::usage(message, "`gapvault list` shows what the vault holds")
    })?;
    if label.is_some() {
        return Err(Failure::usage(
            "--label chooses among a medium's bundles",
            "of the vault, choose with --bundle BUNDLE",
        ));
    }
    let vault = global.open(Access::Read)?;
    let bundle = bundle.as_ref().map(|beginning| find_bundle(&vault, beginning)).transpose()?;
    let held = show(&vault, &artifact, bundle.as_ref())?;
    let text = human::held(&held);
    ui.result(&told::Held::from(held), &text)
}

/// Catalogues that another vault vouches for.
fn show_vouched(folders: &[PathBuf], global: &Global, ui: &Ui) -> Result<(), Failure> {
    let vault = global.open(Access::Read)?;
    let name = |folder: &PathBuf| folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    each(ui, folders, name, |folder| {
        let vouched = vouched::read(&vault, folder)?;
        let text = human::vouched(&vouched);
        Ok(Became::good(told::Vouched::from(vouched), text))
    })
}
