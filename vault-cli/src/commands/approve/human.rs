//! What `approve` tells people.

use super::Files;
use super::told::{Listing, Told};
use crate::commands::provenance;
use crate::text::{bytes, count, printable};
use gapvault_core::approve::{Approved, KnownReader, Proposal};
use gapvault_core::formats::policy::Approvals;
use gapvault_core::formats::sshsig::Touch;
use std::fmt::Write;

// Writing to a String can't fail, so the results below are not looked at.

/// Everything that somebody should know before they sign.
pub(super) fn proposal(proposal: &Proposal, files: Files) -> String {
    let Proposal { bundle, label, exporter, from, addressed, created, expires, .. } = proposal;
    let mut out = format!("bundle {label}\n  digest   {bundle}\n");
    let _ = writeln!(out, "  tent     {}, exported by {exporter} at site {from}", addressed.tent);
    let _ = writeln!(out, "  for      {addressed}");
    let _ = writeln!(out, "  created  {created}, expires {expires}");
    for shown in &proposal.artifacts {
        let (files_in, size) = (count(shown.moved.files, "file"), bytes(shown.moved.bytes));
        let _ = writeln!(out, "  artifact {}: {files_in}, {size}", printable(&shown.artifact.artifact.to_string()));
        let Listing { files, more_files, links, more_links } = Listing::of(shown, files);
        for file in files {
            let _ = writeln!(out, "    {:>12}  {}", bytes(file.size), printable(file.path.as_str()));
        }
        for link in links {
            let (path, target) = (printable(link.path.as_str()), printable(&link.target));
            let _ = writeln!(out, "    {:>12}  {path} -> {target}", "link");
        }
        for (more, what) in [(more_files, "file"), (more_links, "link")] {
            if more > 0 {
                let _ = writeln!(out, "    {:>12}  {} beside these (--files all shows them)", "", count(more, what));
            }
        }
        provenance::write(&mut out, &shown.artifact.provenance);
    }
    for KnownReader { reader, known } in &proposal.readers {
        let what = if reader.role.to_string() == "member" { "content" } else { "catalogue" };
        let unknown = if *known { "" } else { "  NOT A READER OF THIS TENT BY THIS POLICY" };
        let _ = writeln!(out, "  reads    {} ({what}), card {}{unknown}", reader.site, reader.card);
    }
    let _ = writeln!(out, "  rule     {}", rule(&proposal.rule, proposal.signatures));
    for approval in &proposal.tally.counted {
        let _ = writeln!(out, "  approved by {}", approval.person);
    }
    for uncounted in &proposal.tally.uncounted {
        let _ = writeln!(out, "  not counted: {uncounted}");
    }
    out
}

/// The tent's rule in words.
fn rule(rule: &Approvals, signatures: Touch) -> String {
    let of: Vec<_> = rule.of.iter().map(ToString::to_string).collect();
    let exporter = if rule.not_exporter { ", not the exporter" } else { "" };
    format!("{} of {}{exporter}; {}", rule.k, of.join(", "), signs(signatures))
}

/// What signatures must show, in words.
pub(in crate::commands) fn signs(signatures: Touch) -> &'static str {
    match signatures {
        Touch::Any => "signed with any key of theirs",
        Touch::Presence => "signed with a security key that was touched",
        Touch::Verification => "signed with a security key that verified them (fingerprint or PIN)",
    }
}

/// What came of it.
pub(super) fn approved(told: &Told, approved: &Approved) -> String {
    let Approved { bundle, person, written, tally } = approved;
    let mut out = match told.already {
        true => format!("{person} has approved bundle {bundle} before: nothing was signed\n"),
        false => format!("{person} approved bundle {bundle}\n"),
    };
    for path in written {
        let _ = writeln!(out, "  written  {}", printable(&path.display().to_string()));
    }
    let could: Vec<_> = tally.could.iter().map(ToString::to_string).collect();
    let _ = match tally.missing() {
        0 => writeln!(out, "  approved by {}, {} needed: that is enough", tally.counted.len(), tally.needed),
        missing => {
            let (has, needed) = (tally.counted.len(), tally.needed);
            writeln!(out, "  {has} of {needed} approvals: {missing} missing, {} could give it", could.join(", "))
        }
    };
    out
}
