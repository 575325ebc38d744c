//! What `verify` tells people.

use super::told::{Told, ToldSigner};
use crate::commands::brought::{TOLD, note_lines, slow_line};
use crate::text::{bytes, count, printable};
use gapvault_core::bundle::BundleError;
use gapvault_core::tell_volumes;
use gapvault_core::verify::{GroupReport, Report, Verified};
use std::fmt::Write;

pub(super) fn human(label: &str, told: &Told, verified: &Verified) -> String {
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
        for approval in &trust.approved {
            let _ = writeln!(out, "  approved by {}", approval.person);
        }
        if trust.in_vault {
            let _ = writeln!(out, "  this vault holds it already");
        }
        if let Some(reason) = &trust.would_be_refused {
            let _ = writeln!(out, "  would be refused now: {}", printable(reason));
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
        let _ = writeln!(out, "  parity   {}", spare_packs(report, spare));
    }
    out.push_str(&note_lines(&verified.notes));
    out.push_str(&slow_line(&verified.media));
    out
}

/// What more could be lost.
fn spare_packs(report: &Report, spare: usize) -> String {
    let unmendable = report.groups.iter().filter(|group| !group.is_mendable()).count();
    match (report.group_count, spare) {
        (1, 0) if unmendable > 0 => "its group has lost more than it can mend".to_owned(),
        (all, 0) if unmendable > 0 => format!("{unmendable} of {all} groups have lost more than they can mend"),
        (1, 0) => "nothing more may be lost".to_owned(),
        (all, 0) => format!("nothing more may be lost: of {all} groups, at least one has no pack to spare"),
        (1, spare) => format!("its group could lose {}", count(spare as u64, "more pack")),
        (all, spare) => format!("each of {all} groups could lose {}", count(spare as u64, "more pack")),
    }
}

/// What is there, volume by volume, and what is wrong with it.
fn volumes(out: &mut String, report: &Report) {
    // Writing to a String can't fail.
    for volume in report.volumes.iter().filter(|volume| !volume.paths.is_empty()) {
        let paths: Vec<_> = volume.paths.iter().map(|path| printable(&path.display().to_string())).collect();
        let state = match volume.bad {
            0 => format!("whole, in {}", paths.join(", ")),
            bad => format!("{} damaged or missing, in {}", count(bad, "file"), paths.join(", ")),
        };
        let _ = writeln!(out, "  volume   {}: {state}", volume.name);
    }
    let missing = report.missing_volumes();
    if !missing.is_empty() {
        let _ = writeln!(out, "  missing  {}", tell_volumes(&missing));
    }
    for fault in report.faults.iter().take(TOLD) {
        let _ = writeln!(out, "  damaged  {}", printable(&told(&fault.error)));
    }
    if let more @ 1.. = report.faults.len().saturating_sub(TOLD) {
        let _ = writeln!(out, "  damaged  {} beside these (--json names all)", count(more as u64, "file"));
    }
    groups(out, &report.groups);
}

/// What is wrong with a file; the run's last line has the digests of the first, `--json` those of all.
fn told(error: &BundleError) -> String {
    match error {
        BundleError::Digest { path, file, .. } => {
            format!("{file} of bundle {} has other bytes than the seal says", path.display())
        }
        error => error.to_string(),
    }
}

/// What can't be mended, then what can.
fn groups(out: &mut String, groups: &[GroupReport]) {
    let (mendable, lost): (Vec<_>, Vec<_>) = groups.iter().partition(|group| group.is_mendable());
    for group in lost.iter().chain(&mendable).take(TOLD) {
        let GroupReport { packs, parity_packs, lacks, parity } = group;
        let what = match (packs.is_empty(), parity_packs.is_empty()) {
            (false, true) => packs.named(),
            (true, _) => format!("parity {}", parity_packs.named()),
            (false, false) => format!("{} and parity {}", packs.named(), parity_packs.named()),
        };
        let can = if group.is_mendable() { "can" } else { "can't" };
        let lacks = count(*lacks as u64, "shard");
        let _ =
            writeln!(out, "  group    {what} {can} be mended: the worst stripe lacks {lacks}, it may lack {parity}");
    }
    if groups.len() > 1 {
        let rest = if groups.len() > TOLD { " (--json names all)" } else { "" };
        let (mendable, all) = (mendable.len(), groups.len());
        let _ = writeln!(out, "  groups   {mendable} of {all} that lack something can be mended{rest}");
    }
}
