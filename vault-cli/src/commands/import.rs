//! `gapvault import`

use super::brought::{ToldMedium, ToldMended, mended_lines, note_lines, slow_line};
use super::medium::{Became, MediaArgs};
use super::recovery::unrecovered;
use super::rules::at_checkout;
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::{bytes, count, printable};
use crate::ui::Ui;
use gapvault_core::formats::custody::Imported;
use gapvault_core::formats::names::VolumeName;
use gapvault_core::formats::time::Time;
use gapvault_core::import::{Anew, ImportError, Outcome, RefusedBefore, import};
use gapvault_core::list::Untrusted;
use gapvault_core::vault::Access;
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// Bring the bundles on one medium or several into the vault.
///
/// Signatures are checked before anything else is read, room before anything is copied. Media are never written to, and
/// those that are in together are read at the same time. Of a bundle on several media any can come first, but for one
/// without a seal, and the others whenever they are there: what was copied whole waits in the vault (`gapvault
/// pending`), and the same command goes on with it. What is damaged is mended where the bundle has parity. A bundle that
/// the vault holds already is left alone.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault cluster import /media/usb
  gapvault --vault cluster import /media/usb1 /media/usb2")]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    media: MediaArgs,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Told {
    Imported {
        already: bool,
        imported: Box<Imported>,
        /// Of what was there already: what the policy in force says of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        judged_anew: Option<ToldAnew>,
        #[serde(skip_serializing_if = "Option::is_none")]
        refused_before: Option<ToldRefused>,
        mended: Vec<ToldMended>,
        media: Vec<ToldMedium>,
    },
    /// Packs are told from a first to one past the last, as by `pending --json`.
    Waiting {
        packs: u64,
        missing_packs: Vec<(u64, u64)>,
        missing_volumes: Vec<VolumeName>,
        damaged_packs: Vec<(u64, u64)>,
    },
    Spoiled {
        damaged_packs: Vec<(u64, u64)>,
    },
}

#[derive(Serialize)]
struct ToldAnew {
    epoch: u64,
    admits: bool,
    reason: Option<String>,
}

#[derive(Serialize)]
struct ToldRefused {
    time: Time,
    epoch: u64,
    reason: String,
}

pub(crate) fn run(args: &ImportArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let mut vault = global.open(Access::Write)?;
    args.media.each(ui, |set| {
        let unused: Vec<_> = set.stray_approvals().into_iter().map(unused).collect();
        let outcome = match import(&mut vault, set, ui.observer()) {
            Ok(outcome) => outcome,
            Err(error) => return came_to_nothing(error, unused),
        };
        let mut human = human(&outcome);
        if !outcome.already {
            human.push_str(&at_checkout(&vault, &outcome.imported.tent));
        }
        human.extend(unused.iter().map(|unused| format!("  note     {}\n", printable(unused))));
        let Outcome { imported, already, mended, media, anew, refused_before, .. } = outcome;
        let judged_anew = anew.map(|Anew { epoch, refusal }| ToldAnew {
            epoch,
            admits: refusal.is_none(),
            reason: refusal.map(|refusal| refusal.reason),
        });
        let refused_before =
            refused_before.map(|RefusedBefore { time, epoch, reason }| ToldRefused { time, epoch, reason });
        let mended = mended.into_iter().map(ToldMended::from).collect();
        let media = media.into_iter().map(ToldMedium::from).collect();
        let imported = Box::new(imported);
        Ok(Became::good(Told::Imported { already, imported, judged_anew, refused_before, mended, media }, human))
    })
}

/// Says of a folder with approvals and no seal that it was of no use.
fn unused(path: &Path) -> String {
    format!("{} has approvals and no seal.json beside them: they were not used", path.display())
}

/// What a program can read of an import that did not come to its end, beside its error.
fn came_to_nothing(error: ImportError, unused: Vec<String>) -> Result<Became<Told>, Failure> {
    let object = match &error {
        ImportError::Waiting(waiting) => Told::Waiting {
            packs: waiting.packs,
            missing_packs: waiting.missing.ranges().to_vec(),
            missing_volumes: waiting.volumes.clone(),
            damaged_packs: waiting.damaged.ranges().to_vec(),
        },
        ImportError::Spoiled(spoiled) => Told::Spoiled { damaged_packs: spoiled.packs.ranges().to_vec() },
        _ => return Err(failed(error, unused)),
    };
    Ok(Became { object, human: String::new(), failure: Some(failed(error, unused)) })
}

fn failed(error: ImportError, unused: Vec<String>) -> Failure {
    let mut failure = Failure::from(error);
    failure.details.extend(unused);
    failure
}

fn human(outcome: &Outcome) -> String {
    let Outcome { imported, already, mended, media, notes, anew, refused_before, unrecovered: suite } = outcome;
    if *already {
        let mut out = format!("bundle {} is in this vault already: nothing was done\n", imported.bundle);
        if let Some(Anew { epoch, refusal }) = anew {
            let by = imported.epoch;
            // Writing to a String can't fail.
            let _ = match refusal {
                None => writeln!(out, "  admitted by epoch {by}, judged anew by epoch {epoch}: still admitted"),
                Some(Untrusted { reason, .. }) => writeln!(
                    out,
                    "  admitted by epoch {by}, judged anew by epoch {epoch}: would be refused now: {}",
                    printable(reason)
                ),
            };
        }
        return out;
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
    for approval in &imported.approved {
        let _ = writeln!(out, "  approved by {}", approval.person);
    }
    if let Some(RefusedBefore { time, epoch, reason }) = refused_before {
        let _ = writeln!(out, "  note     it was refused at {time} under epoch {epoch}: {}", printable(reason));
    }
    out.push_str(&mended_lines(mended));
    if let Some(suite) = suite {
        let _ = writeln!(out, "  note     {}", unrecovered(*suite));
    }
    out.push_str(&note_lines(notes));
    out.push_str(&slow_line(media));
    if imported.tent_key.is_none() {
        let _ = writeln!(out, "  this site is an auditor of the tent: the catalogue was imported, not the content");
    }
    out
}
