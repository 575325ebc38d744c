//! `gapvault export`

mod again;
mod next;
mod told;

use self::next::Next;
use super::key::KeyArg;
use super::threads;
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::{parse_note, parse_percent, parse_size, parse_span};
use crate::ui::Ui;
use gapvault_core::export::{Again, ExportOptions, ExportRequest, Media, NoChanger, Parity, again, find_made, prepare};
use gapvault_core::formats::catalogue::{Note, Provenance};
use gapvault_core::formats::custody::Exported;
use gapvault_core::formats::ids::BundleId;
use gapvault_core::formats::names::{ArtifactRef, TentName, VolumeName};
use gapvault_core::formats::policy::Remarkable;
use gapvault_core::list::exported_before;
use gapvault_core::vault::Access;
use std::path::PathBuf;
use std::time::Instant;

/// Write files to media as an encrypted, signed bundle.
///
/// One folder alone becomes the artifact's root; several paths stand in it under their own names. The source is only
/// read. Until the seal stands on a medium, at the very end, there is no bundle there.
///
/// A bundle that is too large for one medium goes to several: give --to for each that is in, or --volume-size and one
/// --to where they are put in one after the other. What breaks off (a pulled or a full medium, Ctrl-C, a reboot) goes on
/// when the same command is given again: packs that are whole are kept.
///
/// The seal names the key that signs it, --key: one of an exporter of the tent. A passphrase, a PIN or a touch is asked for
/// once, at the very end.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab export ./checkpoint --name llama-ft:step-4000 \\
    --tent aurora --to /media/usb --note run=1234
  gapvault --vault lab export model.gguf tokenizer.json --name tiny:v1 \\
    --tent aurora --to /media/usb --licence MIT
  gapvault --vault lab export ./checkpoint --name big:v1 --tent aurora \\
    --to /media/a --to /media/b --to /media/c --spare-volumes 1 --dry-run
  gapvault --vault lab export ./checkpoint --name big:v1 --tent aurora \\
    --to /media/usb --volume-size 32G --parity 5%
  gapvault --vault lab export ./checkpoint --name big:v1 --tent aurora \\
    --to /media/usb --key ~/.ssh/id_ed25519_sk
  gapvault --vault lab export --again BUNDLE --volume 2 --to /media/new
  gapvault --vault lab export --again BUNDLE --approvals --to /media/small")]
pub(crate) struct ExportArgs {
    /// Files and folders
    #[arg(required_unless_present = "again", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The artifact's name and version
    #[arg(long, required_unless_present = "again", value_name = "NAME:VERSION")]
    name: Option<ArtifactRef>,
    /// The tent that it belongs to
    #[arg(long, required_unless_present = "again")]
    tent: Option<TentName>,
    /// A medium's top folder; several for media that are in together
    #[arg(long, required = true, value_name = "MEDIUM")]
    to: Vec<PathBuf>,
    /// Media are put in one after the other, and each takes this much at most
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    volume_size: Option<u64>,
    /// A command that puts the next medium in, with its volume in GAPVAULT_VOLUME and its place in GAPVAULT_MEDIUM; asks
    /// on the terminal without one
    #[arg(long, value_name = "CMD", requires = "volume_size")]
    next_medium: Option<String>,
    /// Parity packs on each medium, so that this much of it may rot
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    parity: Option<u8>,
    /// Enough parity to lose this many of the media that are in together
    #[arg(long, value_name = "N", value_parser = one, conflicts_with_all = ["parity", "volume_size"])]
    spare_volumes: Option<u8>,
    /// Show the plan and write nothing but little files that try the media
    #[arg(long)]
    dry_run: bool,
    /// Give up an unfinished export of the same artifact and begin anew
    #[arg(long)]
    restart: bool,
    /// Write a volume of this bundle again, from the same source: its packs are fresh, and a new seal takes the place of
    /// the old one. Without --volume, give a volume that was written earlier the seal
    #[arg(long, value_name = "BUNDLE", conflicts_with_all = ["paths", "name", "tent", "volume_size", "parity", "spare_volumes", "dry_run", "restart", "notes", "licence", "parents", "follow_links", "pack_size", "overcommit", "post_quantum"])]
    again: Option<String>,
    /// Write nothing but the bundle's seal and the signatures over it, approvals that were given in this vault among them:
    /// importing reads them from any medium that is in
    #[arg(long, requires = "again", conflicts_with_all = ["volume", "next_medium", "valid_for", "no_read_back", "threads", "memory", "key"])]
    approvals: bool,
    /// The volume that is lost
    #[arg(long, value_name = "VOLUME", requires = "again")]
    volume: Option<VolumeName>,
    /// Don't ask before a new seal takes the place of one that was approved
    #[arg(long, requires = "volume")]
    yes: bool,
    /// Seal it to post-quantum recipients, where the tent does not ask for that: age 1.3 or later opens it
    #[arg(long)]
    post_quantum: bool,
    #[command(flatten)]
    key: KeyArg,
    /// A remark for the catalogue; may be given several times
    #[arg(long = "note", value_name = "KEY=VALUE", value_parser = parse_note)]
    notes: Vec<(String, String)>,
    /// The content's licence, as an SPDX expression
    #[arg(long, value_name = "SPDX")]
    licence: Option<String>,
    /// A bundle that this descends from; may be given several times
    #[arg(long = "parent", value_name = "BUNDLE")]
    parents: Vec<BundleId>,
    /// For how long the bundle may be imported [default: 30d, or less where the tent allows less]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    valid_for: Option<i64>,
    /// Export what symbolic links point to instead of the links
    #[arg(long)]
    follow_links: bool,
    /// Don't read everything again from the media: one that does not keep what it is given is then noticed at the
    /// import at the earliest
    #[arg(long)]
    no_read_back: bool,
    /// Start although the worst case (nothing gets smaller) does not fit on the media
    #[arg(long)]
    overcommit: bool,
    /// Worker threads [default: as many as the machine runs at once]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Bytes of content in a pack; about three packs are in memory at a time [default: 64M]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pack_size: Option<u64>,
    /// Bytes of memory for buffers; fewer threads work where it is short [default: about 300M for two threads]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory: Option<u64>,
}

pub(crate) fn run(args: ExportArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let mut vault = global.open(Access::Write)?;
    if let (Some(beginning), true) = (&args.again, args.approvals) {
        return again::approvals(&vault, beginning, &args.to, ui);
    }
    let begun = Instant::now();
    let options = args.options();
    let signer = args.key.signer(&vault, ui)?;
    if let Some(beginning) = &args.again {
        let [medium] = args.to.as_slice() else {
            return Err(Failure::usage("--again writes one medium", "give one --to"));
        };
        let bundle = find_made(&vault, beginning)?;
        let request = Again { bundle, volume: args.volume, medium: medium.clone(), options };
        again::confirm(&vault, &request, args.yes, ui)?;
        let outcome = again(&mut vault, &request, &*signer, ui.observer())?;
        return told::outcome(ui, &vault, &outcome, begun.elapsed());
    }
    let next = Next::new(args.next_medium.clone(), ui);
    let dry_run = args.dry_run;
    let request = args.request(options)?;
    let before = exported_before(&vault, &request.tent, &request.artifact);
    let prepared = prepare(&vault, &request, &*signer, ui.observer())?;
    if let Some(before) = before.filter(|_| prepared.plan().goes_on.is_none()) {
        let Exported { bundle, created, .. } = before;
        let artifact = &request.artifact;
        ui.note(&format!("warning: {artifact} of this tent was exported before, at {created}, as bundle {bundle}: whoever imports both has to say which is meant"));
    }
    for remark in vault.policy().remarks() {
        // Told before gigabytes are written that nobody takes in.
        if matches!(&remark.what, Remarkable::NeverApproved { tent, .. } if *tent == request.tent) {
            ui.note(&format!("warning: {remark}"));
        }
    }
    if dry_run {
        return told::plan(ui, prepared.plan());
    }
    ui.explain(&told::plan_in_short(prepared.plan()));
    if signer.asks() {
        ui.explain(&format!("key {} signs once, when all is written: be there then\n", signer.public().fingerprint()));
    }
    let outcome = match request.media {
        Media::Together(_) => prepared.run(&mut vault, &NoChanger, ui.observer())?,
        Media::Swapped { .. } => prepared.run(&mut vault, &next, ui.observer())?,
    };
    told::outcome(ui, &vault, &outcome, begun.elapsed())
}

impl ExportArgs {
    fn options(&self) -> ExportOptions {
        ExportOptions {
            threads: threads(self.threads),
            pack_size: self.pack_size.unwrap_or(ExportOptions::PACK_SIZE),
            memory: self.memory,
            follow_links: self.follow_links,
            read_back: !self.no_read_back,
            overcommit: self.overcommit,
            parity: match (self.parity, self.spare_volumes) {
                (_, Some(_)) => Parity::SpareVolume,
                (Some(percent), None) => Parity::Percent(percent),
                (None, None) => Parity::None,
            },
            restart: self.restart,
            post_quantum: self.post_quantum,
        }
    }

    fn request(self, options: ExportOptions) -> Result<ExportRequest, Failure> {
        let needed = || Failure::usage("a name and a tent are needed", "give --name NAME:VERSION and --tent TENT");
        let media = match (self.volume_size, self.to.as_slice()) {
            (None, _) => Media::Together(self.to),
            (Some(volume_size), [path]) => Media::Swapped { path: path.clone(), volume_size },
            (Some(_), _) => {
                let hint = "give one --to with --volume-size, or several --to without";
                return Err(Failure::usage("media that are swapped are put in at one place", hint));
            }
        };
        Ok(ExportRequest {
            artifact: self.name.ok_or_else(needed)?,
            paths: self.paths,
            tent: self.tent.ok_or_else(needed)?,
            media,
            provenance: Provenance {
                host: host(),
                tool: format!("gapvault {}", env!("CARGO_PKG_VERSION")),
                licence: self.licence,
                parents: self.parents,
                notes: self.notes.into_iter().map(|(key, value)| Note { key, value }).collect(),
            },
            valid_for: self.valid_for,
            options,
        })
    }
}

/// How many media may be lost: groups with a pack on each medium but one stand the loss of one.
fn one(text: &str) -> Result<u8, String> {
    if text == "1" { Ok(1) } else { Err("one medium can be spared, not more".to_owned()) }
}

/// This host's name, for the catalogue.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
