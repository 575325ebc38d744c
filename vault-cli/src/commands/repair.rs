//! `gapvault repair`

use super::brought::{ToldMedium, ToldMended, mended_lines, note_lines, slow_line};
use super::medium::{Became, MediaArgs};
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::{count, printable};
use crate::ui::Ui;
use gapvault_core::formats::ids::BundleId;
use gapvault_core::repair::{Outcome, repair};
use gapvault_core::vault::Access;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// Write a damaged bundle anew to other media, mended to the bit.
///
/// Everything is checked against the signed digests and read back. Needs no decryption key; the media that it is read
/// from are not written to. To one medium it writes all volumes; to as many as the bundle has volumes, one to each, in
/// order. Interrupted, run it again: what was written whole is kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault cluster repair /media/usb --to /media/new
  gapvault repair --integrity-only /media/usb1 /media/usb2 \\
    --to /media/new1 --to /media/new2")]
pub(crate) struct RepairArgs {
    #[command(flatten)]
    media: MediaArgs,
    /// A new medium's top folder; once, or once for each volume
    #[arg(long, value_name = "NEW", required = true)]
    to: Vec<PathBuf>,
    /// Check every byte, judge nobody
    #[arg(long)]
    integrity_only: bool,
}

#[derive(Serialize)]
struct Told {
    bundle: BundleId,
    paths: Vec<String>,
    mended: Vec<ToldMended>,
    read_back: &'static str,
    media: Vec<ToldMedium>,
}

pub(crate) fn run(args: &RepairArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    if global.vault.is_none() && !args.integrity_only {
        let message = "no vault is named, so there is no policy to judge by";
        return Err(Failure::usage(
            message,
            "name one with --vault DIR, or go by the bytes alone with --integrity-only",
        ));
    }
    let vault = if args.integrity_only { None } else { Some(global.open(Access::Read)?) };
    args.media.each(ui, |set| {
        let outcome = repair(vault.as_ref(), set, &args.to, ui.observer())?;
        let human = human(set.label().as_str(), &outcome);
        let Outcome { bundle, paths, mended, proven, media, .. } = outcome;
        let told = Told {
            bundle,
            paths: paths.iter().map(|path| path.display().to_string()).collect(),
            mended: mended.into_iter().map(ToldMended::from).collect(),
            read_back: if proven { "proven" } else { "unproven" },
            media: media.into_iter().map(ToldMedium::from).collect(),
        };
        Ok(Became::good(told, human))
    })
}

fn human(label: &str, outcome: &Outcome) -> String {
    let Outcome { bundle, paths, mended, proven, media, notes } = outcome;
    let files = count(mended.len() as u64, "file");
    let mut out = format!("bundle {label} is written anew, {files} of it mended\n  bundle   {bundle}\n");
    // Writing to a String can't fail.
    for path in paths {
        let _ = writeln!(out, "  written  to {}", printable(&path.display().to_string()));
    }
    out.push_str(&mended_lines(mended));
    out.push_str(&note_lines(notes));
    out.push_str(&slow_line(media));
    if !proven {
        let _ = writeln!(out, "  read back, but not proven: what came back may be from memory");
    }
    out
}
