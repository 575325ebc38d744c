//! `gapvault checkout`

use super::threads;
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::{bytes, count, printable};
use crate::ui::Ui;
use gapvault_core::checkout::{CheckedOut, CheckoutOptions, checkout};
use gapvault_core::formats::ids::BundleId;
use gapvault_core::formats::names::ArtifactRef;
use gapvault_core::vault::Access;
use gapvault_core::{RevokedExporter, find_bundle, revoked_exporter};
use serde::Serialize;
use std::path::PathBuf;

/// Write an artifact's files to a new folder, everything verified.
///
/// Every chunk and every file is verified and durable before the folder appears under its name; what exists is never
/// overwritten.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  gapvault --vault cluster checkout llama-ft:step-4000 ./models/llama-ft")]
pub(crate) struct CheckoutArgs {
    /// The artifact's name and version
    #[arg(value_name = "NAME:VERSION")]
    name: ArtifactRef,
    /// A folder that does not exist yet
    destination: PathBuf,
    /// The bundle to take it from, if several have it; the first digits of its digest do
    #[arg(long, value_name = "BUNDLE")]
    bundle: Option<String>,
    /// Worker threads [default: as many as the machine runs at once]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

#[derive(Serialize)]
struct Told {
    artifact: ArtifactRef,
    destination: PathBuf,
    bundle: BundleId,
    files: u64,
    bytes: u64,
    /// If the policy has revoked its exporter's key since.
    #[serde(skip_serializing_if = "Option::is_none")]
    exporter_revoked: Option<RevokedExporter>,
}

pub(crate) fn run(args: &CheckoutArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let mut vault = global.open(Access::Read)?;
    let CheckoutArgs { name, destination, bundle, threads: asked } = args;
    let bundle = bundle.as_ref().map(|beginning| find_bundle(&vault, beginning)).transpose()?;
    let options = CheckoutOptions { threads: threads(*asked) };
    let checked_out = checkout(&mut vault, name, bundle.as_ref(), destination, options, ui.observer())?;
    let CheckedOut { bundle, files, bytes: size } = checked_out;
    let mut human = format!(
        "checked out {name} to {}: {}, {}, all verified\n",
        destination.display(),
        count(files, "file"),
        bytes(size)
    );
    let exporter_revoked = revoked_exporter(&vault, &bundle);
    if let Some(RevokedExporter { person, key, reason }) = &exporter_revoked {
        let reason = reason.as_ref().map_or_else(String::new, |reason| format!(" ({})", printable(reason)));
        human.push_str(&format!(
            "  note     the key {key} of its exporter {person} was revoked since it came in{reason}\n"
        ));
    }
    let (artifact, destination) = (name.clone(), destination.clone());
    ui.result(&Told { artifact, destination, bundle, files, bytes: size, exporter_revoked }, &human)
}
