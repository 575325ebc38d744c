//! `gapvault show`

use crate::cli::Global;
use crate::failure::Failure;
use crate::text::{bytes, count, printable};
use crate::ui::Ui;
use gapvault_core::bundle::find;
use gapvault_core::formats::catalogue::{File, Folder, Head, Link, Provenance, Reader};
use gapvault_core::formats::custody::{Exported, Imported};
use gapvault_core::formats::ids::{BundleId, KeyFingerprint};
use gapvault_core::formats::names::ArtifactRef;
use gapvault_core::formats::seal::Predicate;
use gapvault_core::list::{Described, Entry, Listed, OnMedium, Public, Shown, ShownHeld, describe, show};
use gapvault_core::vault::Access;
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// Show an artifact of the vault, or the bundles on a medium, in full.
///
/// Of an artifact: files, digests, provenance, who signed, which bundle, which policy rule admitted it. Of a medium:
/// the same as far as this vault's key goes; without a vault, what can be known without a key.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gapvault --vault cluster show llama-ft:step-4000\n  gapvault --vault audit show /media/usb\n  gapvault show /media/usb"
)]
pub(crate) struct ShowArgs {
    /// An artifact of the vault (NAME:VERSION), or a medium's top folder
    what: String,
    /// The bundle to take the artifact from, if several have it
    #[arg(long, value_name = "BUNDLE")]
    bundle: Option<BundleId>,
}

#[derive(Serialize)]
struct ToldHeld<'a> {
    #[serde(flatten)]
    artifact: ToldArtifact<'a>,
    readers: &'a [Reader],
    custody: ToldCustody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase", tag = "direction")]
enum ToldCustody<'a> {
    Exported(&'a Exported),
    Imported(&'a Imported),
}

#[derive(Serialize)]
struct ToldArtifact<'a> {
    artifact: &'a ArtifactRef,
    provenance: &'a Provenance,
    files: u64,
    bytes: u64,
    entries: Vec<ToldEntry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
enum ToldEntry<'a> {
    Folder(&'a Folder),
    File(&'a File),
    Link(&'a Link),
}

#[derive(Serialize)]
struct ToldMedium<'a> {
    bundles: Vec<ToldBundle<'a>>,
}

#[derive(Serialize)]
struct ToldBundle<'a> {
    label: &'a str,
    bundle: Option<BundleId>,
    public: Option<&'a Predicate>,
    size: u64,
    signers: Vec<KeyFingerprint>,
    trusted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    catalogue: Option<ToldCatalogue<'a>>,
}

#[derive(Serialize)]
struct ToldCatalogue<'a> {
    #[serde(flatten)]
    head: &'a Head,
    content_readable: bool,
    artifacts: Vec<ToldArtifact<'a>>,
}

pub(crate) fn run(args: &ShowArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    if Path::new(&args.what).is_dir() {
        return show_medium(Path::new(&args.what), global, ui);
    }
    let artifact = args.what.parse().map_err(|_| {
        let message = format!("{:?} is neither a folder nor NAME:VERSION", printable(&args.what));
        Failure::usage(message, "`gapvault list` shows what the vault holds")
    })?;
    let vault = global.open(Access::Read)?;
    let ShownHeld { shown, head, listed } = show(&vault, &artifact, args.bundle.as_ref())?;
    let mut human = String::new();
    write_artifact(&mut human, &shown);
    write_readers(&mut human, &head);
    let custody = match &listed {
        Listed::Exported(exported) => {
            write_exported(&mut human, exported);
            ToldCustody::Exported(exported)
        }
        Listed::Imported(imported) => {
            write_imported(&mut human, imported);
            ToldCustody::Imported(imported)
        }
    };
    ui.result(&ToldHeld { artifact: told(&shown), readers: &head.readers, custody }, &human)
}

fn show_medium(medium: &Path, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let vault = global.open_if_named()?;
    let mut human = String::new();
    let mut described = Vec::new();
    for bundle in find(medium)? {
        let bundle = describe(vault.as_ref(), &bundle)?;
        write_bundle(&mut human, &bundle);
        described.push(bundle);
    }
    let bundles = described.iter().map(told_bundle).collect();
    ui.result(&ToldMedium { bundles }, &human)
}

fn told(shown: &Shown) -> ToldArtifact<'_> {
    let entries = shown.entries.iter().map(|entry| match entry {
        Entry::Folder(folder) => ToldEntry::Folder(folder),
        Entry::File(file) => ToldEntry::File(file),
        Entry::Link(link) => ToldEntry::Link(link),
    });
    ToldArtifact {
        artifact: &shown.artifact.artifact,
        provenance: &shown.artifact.provenance,
        files: shown.moved.files,
        bytes: shown.moved.bytes,
        entries: entries.collect(),
    }
}

fn told_bundle(on_medium: &OnMedium) -> ToldBundle<'_> {
    let OnMedium { label, public, trust, catalogue } = on_medium;
    ToldBundle {
        label,
        bundle: public.as_ref().map(|p| p.bundle),
        public: public.as_ref().map(|p| p.seal.predicate()),
        size: public.as_ref().map_or(0, |p| p.seal.total_size()),
        signers: public.iter().flat_map(|p| &p.signers).map(|s| s.key.fingerprint()).collect(),
        trusted: trust.is_ok(),
        reason: trust.as_ref().err().map(|u| u.reason.as_str()),
        rule: trust.as_ref().ok().map(|t| t.rule.as_str()),
        catalogue: catalogue.as_ref().map(|Described { head, member, artifacts }| ToldCatalogue {
            head,
            content_readable: *member,
            artifacts: artifacts.iter().map(told).collect(),
        }),
    }
}

// Writing to a String can't fail, so the results below are not looked at.

fn write_bundle(out: &mut String, on_medium: &OnMedium) {
    let OnMedium { label, public, trust, catalogue } = on_medium;
    let _ = writeln!(out, "bundle {label}");
    if let Some(Public { bundle, seal, signers }) = public {
        let p = seal.predicate();
        let _ = writeln!(out, "  digest   {bundle}");
        let _ = writeln!(out, "  size     {} in {}", bytes(seal.total_size()), count(p.stream.packs(), "pack"));
        let _ = writeln!(out, "  created  {}, expires {}, number {}", p.created, p.expires, p.number);
        let _ = writeln!(out, "  for      {} (named by tags alone)", count(p.destinations.len() as u64, "site"));
        for signer in signers {
            let _ = writeln!(out, "  signed   {} by key {}", signer.namespace, signer.key.fingerprint());
        }
    }
    match trust {
        Ok(trust) => {
            let sites: Vec<_> = trust.addressed.sites.iter().map(ToString::to_string).collect();
            let _ = writeln!(out, "  trusted  signed by {}, for {}", trust.exporter, sites.join(", "));
            let _ = writeln!(out, "  rule     {}", trust.rule);
            if trust.admitted {
                let _ = writeln!(out, "  this vault holds it already");
            }
        }
        Err(untrusted) => {
            let _ = writeln!(out, "  NOT TRUSTED: {}", printable(&untrusted.reason));
            if let Some(hint) = &untrusted.hint {
                let _ = writeln!(out, "  hint: {hint}");
            }
        }
    }
    match catalogue {
        Some(Described { head, member, artifacts }) => {
            let _ = writeln!(out, "  tent     {}, from site {}, person {}", head.tent, head.site, head.person);
            for shown in artifacts {
                write_artifact(out, shown);
            }
            write_readers(out, head);
            if !member {
                let _ =
                    writeln!(out, "  this site is an auditor of the tent: it may read the catalogue, not the content");
            }
        }
        None if trust.is_ok() => {
            let _ = writeln!(out, "  its catalogue is sealed to others: names, files and digests can't be known here");
        }
        None => {}
    }
}

fn write_artifact(out: &mut String, shown: &Shown) {
    let Shown { artifact, moved, entries } = shown;
    let _ = writeln!(out, "{}  {}, {}", artifact.artifact, count(moved.files, "file"), bytes(moved.bytes));
    for entry in entries {
        let _ = match entry {
            Entry::Folder(Folder { path, mode }) => writeln!(out, "  {mode:03o} {:>14}  {:64}  {path}/", "", ""),
            Entry::File(File { path, mode, size, sha256 }) => {
                writeln!(out, "  {mode:03o} {size:>14}  {sha256}  {path}")
            }
            Entry::Link(Link { path, target }) => {
                writeln!(out, "      {:>14}  {:64}  {path} -> {}", "", "", printable(target))
            }
        };
    }
    let Provenance { host, tool, licence, parents, notes } = &artifact.provenance;
    let _ = writeln!(out, "  host     {}", printable(host));
    let _ = writeln!(out, "  tool     {}", printable(tool));
    if let Some(licence) = licence {
        let _ = writeln!(out, "  licence  {}", printable(licence));
    }
    for parent in parents {
        let _ = writeln!(out, "  parent   {parent}");
    }
    for note in notes {
        let _ = writeln!(out, "  note     {}={}", printable(&note.key), printable(&note.value));
    }
}

fn write_readers(out: &mut String, head: &Head) {
    for Reader { site, role, recipient, .. } in &head.readers {
        let _ = writeln!(out, "  {role:8} {site} ({recipient})");
    }
}

fn write_exported(out: &mut String, exported: &Exported) {
    let sites: Vec<_> = exported.destinations.iter().map(ToString::to_string).collect();
    let _ = writeln!(out, "  exported from tent {} to {}", exported.tent, sites.join(", "));
    let _ = writeln!(out, "  bundle   {}", exported.bundle);
    let _ = writeln!(out, "  created  {}, number {}", exported.created, exported.number);
}

fn write_imported(out: &mut String, imported: &Imported) {
    let _ = writeln!(
        out,
        "  signed   by {} (site {}), key {}",
        imported.exporter,
        imported.from,
        imported.key.fingerprint()
    );
    let _ = writeln!(out, "  bundle   {}", imported.bundle);
    let _ = writeln!(out, "  created  {}, number {}", imported.created, imported.number);
    let _ = writeln!(out, "  admitted by {} (policy epoch {})", imported.rule, imported.epoch);
    if imported.tent_key.is_none() {
        let _ = writeln!(out, "  this site is an auditor of the tent: it holds the catalogue, not the content");
    }
}
