//! What `show` tells people.

use crate::commands::provenance;
use crate::text::{bytes, count, printable, short};
use gapvault_core::formats::catalogue::{File, Folder, Head, Link, Reader};
use gapvault_core::formats::custody::{Exported, Imported};
use gapvault_core::list::{Described, Entry, Listed, OnMedium, Public, Shown, ShownHeld};
use gapvault_core::vouched::Vouched;
use std::fmt::Write;

// Writing to a String can't fail, so the results below are not looked at.

/// An artifact of the vault.
pub(super) fn held(held: &ShownHeld) -> String {
    let ShownHeld { shown, head, listed, approved } = held;
    let mut out = String::new();
    write_artifact(&mut out, shown);
    write_readers(&mut out, head);
    match listed {
        Listed::Exported(exported) => write_exported(&mut out, exported),
        Listed::Imported(imported) => write_imported(&mut out, imported),
    }
    for person in approved {
        let _ = writeln!(out, "  approved by {person}");
    }
    out
}

/// A bundle on a medium.
pub(super) fn bundle(on_medium: &OnMedium) -> String {
    let mut out = String::new();
    write_bundle(&mut out, on_medium);
    out
}

fn write_bundle(out: &mut String, on_medium: &OnMedium) {
    let OnMedium { label, public, trust, catalogue } = on_medium;
    let _ = writeln!(out, "bundle {label}");
    if let Some(Public { bundle, seal, signers }) = public {
        let p = seal.predicate();
        let _ = writeln!(out, "  digest   {bundle}");
        let _ = writeln!(out, "  size     {} in {}", bytes(seal.total_size()), count(p.stream.packs(), "pack"));
        let _ = writeln!(out, "  sealed   with the suite {}", p.suite);
        let _ = writeln!(out, "  created  {}, expires {}, number {}", p.created, p.expires, p.number);
        let _ = writeln!(out, "  for      {} (named by tags alone)", count(p.destinations.len() as u64, "site"));
        for signer in signers {
            let _ = writeln!(out, "  signed   {} by key {}", signer.namespace, signer.key.fingerprint());
        }
    }
    match trust {
        Ok(trust) => {
            let _ = writeln!(out, "  trusted  signed by {}, for {}", trust.exporter, trust.addressed);
            let _ = writeln!(out, "  rule     {}", trust.rule);
            for approval in &trust.approved {
                let _ = writeln!(out, "  approved by {}", approval.person);
            }
            if trust.admitted {
                let _ = writeln!(out, "  this vault holds it already");
            }
            if let Some(anew) = &trust.anew {
                let _ = writeln!(out, "  would be refused now: {}", printable(&anew.reason));
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

/// A catalogue that another vault vouches for.
pub(super) fn vouched(vouched: &Vouched) -> String {
    let Vouched { bundle, predicate: p, by, exporter, untrusted, head, artifacts } = vouched;
    let mut out = format!("bundle {}\n  digest   {bundle}\n", p.label);
    let _ = writeln!(out, "  created  {}, expires {}, number {}", p.created, p.expires, p.number);
    let _ = writeln!(out, "  tent     {}, from site {}, exported by {exporter}", head.tent, head.site);
    let _ =
        writeln!(out, "  vouched  for by site {by}, which sealed this catalogue anew; the exporter did not sign it");
    if let Some(reason) = untrusted {
        let _ = writeln!(out, "  NOT TRUSTED NOW: {reason}");
    }
    for shown in artifacts {
        write_artifact(&mut out, shown);
    }
    write_readers(&mut out, head);
    out
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
    provenance::write(out, &artifact.provenance);
}

fn write_readers(out: &mut String, head: &Head) {
    for Reader { site, role, recipient, .. } in &head.readers {
        let _ = writeln!(out, "  {role:8} {site} ({})", short(recipient));
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
