//! `gapvault pending`

use crate::cli::Global;
use crate::failure::Failure;
use crate::text::{bytes, count, printable};
use crate::ui::Ui;
use gapvault_core::export::{UnfinishedExport, drop_unfinished, unfinished};
use gapvault_core::formats::ids::BundleId;
use gapvault_core::formats::names::{ArtifactRef, Label, PersonName, TentName, VolumeName};
use gapvault_core::pending::{PendingImport, PendingSeal, drop_pending, pending};
use gapvault_core::tell_volumes;
use gapvault_core::vault::Access;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// List what waits: imports of which some volumes are still to come, and exports that broke off.
///
/// What has come of an import counts as nothing until all is there; each is judged by the policy as it is now. An export
/// goes on when the command that began it is given again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault cluster pending
  gapvault --vault cluster pending --drop 20261122-0123456789ab
  gapvault --vault lab pending --drop 20261122-fedcba987654 --on /media/usb")]
pub(crate) struct PendingArgs {
    /// Give this one up and remove what there is of it: its label, or the first digits of an import's bundle
    #[arg(long, value_name = "BUNDLE|LABEL")]
    drop: Option<String>,
    /// A medium that an export that is given up went to; may be given several times
    #[arg(long, value_name = "MEDIUM", requires = "drop")]
    on: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Told {
    imports: Vec<ToldImport>,
    exports: Vec<ToldExport>,
}

#[derive(Serialize)]
struct ToldExport {
    label: Label,
    artifact: ArtifactRef,
    tent: TentName,
    paths: Vec<PathBuf>,
    packs: u64,
    bytes: u64,
    volumes_finished: usize,
    begun: String,
}

#[derive(Serialize)]
struct GivenUp {
    label: Label,
    dropped: Option<ToldExport>,
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
        let export = unfinished(&vault)?.into_iter().find(|export| export.label.as_str() == which);
        // One that was given up may still stand on a medium.
        if let Ok(label) = which.parse()
            && (export.is_some() || !args.on.is_empty())
            && drop_unfinished(&mut vault, &label, &args.on)?
        {
            let mut human = format!("gave export {label} up\n");
            human.extend(export.iter().map(human_export));
            if args.on.is_empty() {
                human.push_str("  its packs are still on its media: the same with --on MEDIUM removes them\n");
            }
            return ui.result(&GivenUp { label, dropped: export.map(ToldExport::from) }, &human);
        }
        let dropped = drop_pending(&mut vault, which)?;
        let human = format!("removed what had come of this import:\n{}", human(&dropped));
        return ui.result(&Dropped { dropped: dropped.into() }, &human);
    }
    let vault = global.open(Access::Read)?;
    let (imports, exports) = (pending(&vault)?, unfinished(&vault)?);
    let mut text = String::new();
    if imports.is_empty() && exports.is_empty() {
        text.push_str("nothing waits in this vault\n");
    }
    if !imports.is_empty() {
        text.push_str("imports that wait for more:\n");
        imports.iter().for_each(|import| text.push_str(&human(import)));
    }
    if !exports.is_empty() {
        text.push_str("exports that go on when the same command is given again:\n");
        exports.iter().for_each(|export| text.push_str(&human_export(export)));
    }
    let exports = exports.into_iter().map(ToldExport::from).collect();
    ui.result(&Told { imports: imports.into_iter().map(ToldImport::from).collect(), exports }, &text)
}

impl From<UnfinishedExport> for ToldExport {
    fn from(export: UnfinishedExport) -> Self {
        let UnfinishedExport { label, artifact, tent, paths, packs, bytes, volumes, begun } = export;
        Self { label, artifact, tent, paths, packs, bytes, volumes_finished: volumes, begun }
    }
}

fn human_export(export: &UnfinishedExport) -> String {
    let UnfinishedExport { label, artifact, tent, packs, bytes: size, volumes, begun, .. } = export;
    let mut out = format!("  {label}\n    of       {artifact}, tent {tent}\n");
    let _ = writeln!(out, "    begun    export {}", printable(begun));
    // Writing to a String can't fail.
    let _ = writeln!(out, "    written  {}, {}", count(*packs, "pack"), bytes(*size));
    if *volumes > 0 {
        let _ = writeln!(out, "    out      {}, finished", count(*volumes as u64, "volume"));
    }
    out
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
        let _ = writeln!(out, "    missing  {}: packs {missing}", tell_volumes(volumes));
    }
    out
}
