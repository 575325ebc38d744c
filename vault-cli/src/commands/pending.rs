//! `gapvault pending`

use crate::cli::Global;
use crate::failure::Failure;
use crate::text::{bytes, printable};
use crate::ui::Ui;
use gapvault_core::formats::ids::BundleId;
use gapvault_core::formats::names::{Label, PersonName, TentName, VolumeName};
use gapvault_core::pending::{PendingImport, PendingSeal, drop_pending, pending};
use gapvault_core::vault::Access;
use serde::Serialize;
use std::fmt::Write;

/// List what waits: imports of which some volumes are still to come.
///
/// What has come of them counts as nothing until all is there. Each is judged by the policy as it is now.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault cluster pending
  gapvault --vault cluster pending --drop 20261122-0123456789ab")]
pub(crate) struct PendingArgs {
    /// Remove what has come of this one: its label, or the first digits of its bundle
    #[arg(long, value_name = "BUNDLE|LABEL")]
    drop: Option<String>,
}

#[derive(Serialize)]
struct Told {
    imports: Vec<ToldImport>,
}

#[derive(Serialize)]
struct Dropped {
    dropped: ToldImport,
}

#[derive(Serialize)]
struct ToldImport {
    bundle: BundleId,
    held: u64,
    #[serde(flatten)]
    sealed: Option<ToldSeal>,
}

#[derive(Serialize)]
struct ToldSeal {
    label: Label,
    size: u64,
    packs: u64,
    /// From a first to one past the last.
    missing_packs: Vec<(u64, u64)>,
    missing_volumes: Vec<VolumeName>,
    trusted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    exporter: Option<PersonName>,
    tent: Option<TentName>,
}

impl From<PendingImport> for ToldImport {
    fn from(import: PendingImport) -> Self {
        let PendingImport { bundle, held, sealed } = import;
        let sealed = sealed.map(|sealed| {
            let PendingSeal { label, size, packs, missing, volumes, trust } = sealed;
            let (trusted, reason, exporter, tent) = match trust {
                Ok((exporter, tent)) => (true, None, Some(exporter), Some(tent)),
                Err(untrusted) => (false, Some(untrusted.reason), None, None),
            };
            let (missing_packs, missing_volumes) = (missing.ranges().to_vec(), volumes);
            ToldSeal { label, size, packs, missing_packs, missing_volumes, trusted, reason, exporter, tent }
        });
        Self { bundle, held, sealed }
    }
}

pub(crate) fn run(args: &PendingArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    if let Some(which) = &args.drop {
        let mut vault = global.open(Access::Write)?;
        let dropped = drop_pending(&mut vault, which)?;
        let human = format!("removed what had come of this import:\n{}", human(&dropped));
        return ui.result(&Dropped { dropped: dropped.into() }, &human);
    }
    let vault = global.open(Access::Read)?;
    let imports = pending(&vault)?;
    let mut text = String::new();
    if imports.is_empty() {
        text.push_str("nothing waits in this vault\n");
    } else {
        text.push_str("imports that wait for more:\n");
        imports.iter().for_each(|import| text.push_str(&human(import)));
    }
    ui.result(&Told { imports: imports.into_iter().map(ToldImport::from).collect() }, &text)
}

fn human(import: &PendingImport) -> String {
    let PendingImport { bundle, held, sealed } = import;
    let Some(PendingSeal { label, size, packs, missing, volumes, trust }) = sealed else {
        return format!("  bundle {bundle}\n    {} without a seal: bring its media again\n", bytes(*held));
    };
    let mut out = format!("  {label}\n    bundle   {bundle}\n");
    // Writing to a String can't fail.
    let _ = match trust {
        Ok((exporter, tent)) => writeln!(out, "    signed   by {exporter}, exporter of tent {tent}"),
        Err(untrusted) => writeln!(out, "    REFUSED  by the policy as it is now: {}", printable(&untrusted.reason)),
    };
    let here = packs - missing.count();
    let _ = writeln!(out, "    here     {here} of {packs} packs, {} of {}", bytes(*held), bytes(*size));
    if missing.is_empty() {
        let _ = writeln!(out, "    missing  no pack: bring the seal's medium again to end it");
    } else {
        let names: Vec<_> = volumes.iter().map(ToString::to_string).collect();
        let noun = if names.len() == 1 { "volume" } else { "volumes" };
        let _ = writeln!(out, "    missing  {noun} {}: packs {missing}", names.join(", "));
    }
    out
}
