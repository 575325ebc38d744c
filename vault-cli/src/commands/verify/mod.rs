//! `gapvault verify`

mod told;

use super::brought::{note_lines, slow_line};
use super::medium::{Became, MediaArgs};
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::{bytes, count, printable};
use crate::ui::Ui;
use gapvault_core::vault::Access;
use gapvault_core::verify::{GroupReport, Report, Verified, VerifyError, verify};
use std::fmt::Write;
use told::{Told, ToldSigner, told};

/// Check the signatures of the bundles on one medium or several, then every byte.
///
/// Needs no decryption key and writes nothing. Of a bundle with parity it says what is damaged, whether that can be
/// mended from what is there, and how much more could be. On a host without a vault, --integrity-only checks every byte
/// and names the signers; whether to trust them is then not judged.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault cluster verify /media/usb
  gapvault --vault cluster verify /media/usb1 /media/usb2
  gapvault verify --integrity-only /media/usb")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    media: MediaArgs,
    /// Check every byte, name the signers, judge nobody
    #[arg(long)]
    integrity_only: bool,
}

pub(crate) fn run(args: &VerifyArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    if global.vault.is_none() && !args.integrity_only {
        let message = "no vault is named, so there is no policy to judge by";
        return Err(Failure::usage(
            message,
            "name one with --vault DIR, or check the bytes alone with --integrity-only",
        ));
    }
    let vault = if args.integrity_only { None } else { Some(global.open(Access::Read)?) };
    args.media.each(ui, |set| {
        let became = |verified: &Verified, failure| {
            let told = told(verified);
            let human = human(set.label().as_str(), &told, verified);
            Became { object: told, human, failure }
        };
        match verify(vault.as_ref(), set, ui.observer()) {
            Ok(verified) => Ok(became(&verified, None)),
            Err(error) => match &error {
                VerifyError::Damaged(verified) | VerifyError::Incomplete(verified) => {
                    let verified_became = became(verified, None);
                    Ok(Became { failure: Some(error.into()), ..verified_became })
                }
                _ => Err(error.into()),
            },
        }
    })
}

fn human(label: &str, told: &Told, verified: &Verified) -> String {
    let report = &verified.report;
    let is_whole = !report.is_damaged() && !report.is_incomplete();
    let state = match (report.is_damaged(), report.mendable) {
        _ if is_whole => "whole",
        (true, true) => "damaged, and can be mended",
        (true, false) => "damaged",
        _ => "incomplete",
    };
    let (files, size) = (count(told.files, "file"), bytes(told.size));
    let mut out = format!("bundle {label} is {state}: {files}, {size}\n  bundle   {}\n", told.bundle);
    // Writing to a String can't fail.
    if let Some(trust) = &told.trust {
        let _ = writeln!(out, "  signed   by {}, exporter of tent {}", trust.exporter, trust.tent);
        let _ = writeln!(out, "  for      {}", trust.addressed);
        let _ = writeln!(out, "  rule     {}", trust.rule);
        if trust.in_vault {
            let _ = writeln!(out, "  this vault holds it already");
        }
    } else {
        for ToldSigner { key, namespace } in &told.signers {
            let _ = writeln!(out, "  signed   {namespace} by key {key}");
        }
        if told.signers.is_empty() {
            let _ = writeln!(out, "  signed   by nobody");
        }
        let _ = writeln!(out, "  TRUST WAS NOT JUDGED: anybody can make a bundle that is whole");
    }
    let _ = writeln!(out, "  created  {}, expires {}", told.created, told.expires);
    if report.volumes.len() > 1 || !is_whole {
        volumes(&mut out, report);
    }
    if let Some(spare) = report.spare {
        let groups = if report.group_count == 1 {
            "its group".to_owned()
        } else {
            format!("each of {} groups", report.group_count)
        };
        let _ = writeln!(out, "  parity   {groups} could lose {}", count(spare as u64, "more pack"));
    }
    out.push_str(&note_lines(&verified.notes));
    out.push_str(&slow_line(&verified.media));
    out
}

/// What is there, volume by volume, and what is wrong with it.
fn volumes(out: &mut String, report: &Report) {
    for volume in &report.volumes {
        let paths: Vec<_> = volume.paths.iter().map(|path| printable(&path.display().to_string())).collect();
        let state = match (paths.is_empty(), volume.bad) {
            (true, _) => "missing".to_owned(),
            (false, 0) => format!("whole, in {}", paths.join(", ")),
            (false, bad) => format!("{} damaged or missing, in {}", count(bad, "file"), paths.join(", ")),
        };
        let _ = writeln!(out, "  volume   {}: {state}", volume.name);
    }
    for fault in &report.faults {
        let _ = writeln!(out, "  damaged  {}", printable(&fault.error.to_string()));
    }
    for group in &report.groups {
        let GroupReport { packs, parity_packs, lacks, parity } = group;
        let what = match (packs.is_empty(), parity_packs.is_empty()) {
            (false, true) => format!("packs {packs}"),
            (true, _) => format!("parity packs {parity_packs}"),
            (false, false) => format!("packs {packs} and parity packs {parity_packs}"),
        };
        let can = if group.is_mendable() { "can" } else { "can't" };
        let _ = writeln!(
            out,
            "  group    {what} {can} be mended: the worst stripe lacks {} of the {parity} that it may",
            count(*lacks as u64, "shard")
        );
    }
}
