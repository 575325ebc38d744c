//! `gapvault export`

use super::threads;
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::{bytes, count, parse_note, parse_size, parse_span};
use crate::ui::Ui;
use gapvault_core::export::{ExportOptions, ExportRequest, Outcome, Proof, export};
use gapvault_core::formats::catalogue::{Note, Provenance};
use gapvault_core::formats::custody::Exported;
use gapvault_core::formats::ids::BundleId;
use gapvault_core::formats::names::{ArtifactRef, TentName};
use gapvault_core::vault::Access;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// Write files to a medium as an encrypted, signed bundle.
///
/// One folder alone becomes the artifact's root; several paths stand in it under their own names. The source is only
/// read. Until the seal stands on the medium, at the very end, there is no bundle there.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab export ./checkpoint --name llama-ft:step-4000 \\
    --tent aurora --to /media/usb --note run=1234
  gapvault --vault lab export model.gguf tokenizer.json --name tiny:v1 \\
    --tent aurora --to /media/usb --licence MIT")]
pub(crate) struct ExportArgs {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The artifact's name and version
    #[arg(long, value_name = "NAME:VERSION")]
    name: ArtifactRef,
    /// The tent that it belongs to
    #[arg(long)]
    tent: TentName,
    /// The medium's top folder
    #[arg(long, value_name = "MEDIUM")]
    to: PathBuf,
    /// A remark for the catalogue; may be given several times
    #[arg(long = "note", value_name = "KEY=VALUE", value_parser = parse_note)]
    notes: Vec<(String, String)>,
    /// The content's licence, as an SPDX expression
    #[arg(long, value_name = "SPDX")]
    licence: Option<String>,
    /// A bundle that this descends from; may be given several times
    #[arg(long = "parent", value_name = "BUNDLE")]
    parents: Vec<BundleId>,
    /// For how long the bundle may be imported
    #[arg(long, value_name = "SPAN", default_value = "30d", value_parser = parse_span)]
    valid_for: i64,
    /// Export what symbolic links point to instead of the links
    #[arg(long)]
    follow_links: bool,
    /// Don't read everything again from the medium: one that does not keep what it is given is then noticed at the
    /// import at the earliest
    #[arg(long)]
    no_read_back: bool,
    /// Start although the worst case (nothing gets smaller) does not fit on the medium
    #[arg(long)]
    overcommit: bool,
    /// Worker threads [default: as many as the machine runs at once]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Bytes of content in a pack; about three packs are in memory at a time
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = parse_size)]
    pack_size: u64,
    /// Bytes of memory for buffers; fewer threads work where it is short [default: about 300M for two threads]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory: Option<u64>,
}

#[derive(Serialize)]
struct Told<'a> {
    path: PathBuf,
    #[serde(flatten)]
    exported: &'a Exported,
    read_back: &'static str,
    plain_bytes: u64,
    coded_bytes: u64,
    padding_bytes: u64,
    packs: u64,
    chunks: u64,
    unique_chunks: u64,
    seconds: f64,
}

pub(crate) fn run(args: ExportArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let mut vault = global.open(Access::Write)?;
    let notes = args.notes.into_iter().map(|(key, value)| Note { key, value }).collect();
    let request = ExportRequest {
        artifact: args.name,
        paths: args.paths,
        tent: args.tent,
        medium: args.to,
        provenance: Provenance {
            host: host(),
            tool: format!("gapvault {}", env!("CARGO_PKG_VERSION")),
            licence: args.licence,
            parents: args.parents,
            notes,
        },
        valid_for: args.valid_for,
        options: ExportOptions {
            threads: threads(args.threads),
            pack_size: args.pack_size,
            memory: args.memory,
            follow_links: args.follow_links,
            read_back: !args.no_read_back,
            overcommit: args.overcommit,
        },
    };
    let begun = Instant::now();
    let outcome = export(&mut vault, &request, ui.observer())?;
    let seconds = begun.elapsed().as_secs_f64();
    let plain_bytes = outcome.exported.artifacts.iter().map(|a| a.bytes).sum();
    let human = human(&outcome, plain_bytes, seconds);
    let Outcome { exported, path, proof, packs, coded, padding, chunks, unique_chunks } = outcome;
    let (exported, coded_bytes, padding_bytes) = (&exported, coded, padding);
    let read_back = match proof {
        Proof::Proven => "proven",
        Proof::Unproven => "unproven",
        Proof::Skipped => "skipped",
    };
    let told = Told {
        path,
        exported,
        read_back,
        plain_bytes,
        coded_bytes,
        padding_bytes,
        packs,
        chunks,
        unique_chunks,
        seconds,
    };
    ui.result(&told, &human)
}

fn human(outcome: &Outcome, plain: u64, seconds: f64) -> String {
    let Outcome { exported, path, proof, packs, padding, .. } = outcome;
    let destinations: Vec<_> = exported.destinations.iter().map(ToString::to_string).collect();
    let moved: Vec<_> =
        exported.artifacts.iter().map(|a| format!("{} ({})", a.artifact, count(a.files, "file"))).collect();
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = (plain as f64 / seconds.max(1e-9)) as u64;
    let proof = match proof {
        Proof::Proven => "every byte came back from the medium as it was written",
        Proof::Unproven => "as it was written, but not proven: this file system may answer from memory",
        Proof::Skipped => "skipped: whether the medium keeps what it was given is not known",
    };
    format!(
        "exported {} from tent {} to {}\n  bundle   {}\n  folder   {}\n  number   {}, to be imported before {}\n  \
         size     {} in {}, {} of it padding, from {} plain; {seconds:.1} s, {}/s\n  read back {proof}\n",
        moved.join(", "),
        exported.tent,
        destinations.join(", "),
        exported.bundle,
        path.display(),
        exported.number,
        exported.expires,
        bytes(exported.size),
        count(*packs, "pack"),
        bytes(*padding),
        bytes(plain),
        bytes(rate),
    )
}

/// This host's name, for the catalogue.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
