//! What `explain` tells people of a bundle.

use crate::commands::rules::at_checkout;
use crate::text::printable;
use gapvault_core::bundle::Rule;
use gapvault_core::explain::{Checked, Counts, Explained, ExplainedSignature};
use gapvault_core::vault::Vault;
use std::fmt::Write;

// Writing to a String can't fail, so the results below are not looked at.

pub(super) fn explained(vault: &Vault, explained: &Explained) -> String {
    let Explained { label, tent, bundle, epoch, checks, signatures, admitted, superseded, refusal, .. } = explained;
    let verdict = match (refusal, admitted) {
        (None, None) => format!("the policy (epoch {epoch}) would admit it"),
        (None, Some(by)) => format!("admitted by epoch {by}, judged anew by epoch {epoch}: still admitted"),
        (Some(_), None) => format!("the policy (epoch {epoch}) would not admit it"),
        (Some(_), Some(by)) => format!("admitted by epoch {by}, judged anew by epoch {epoch}: it would be refused now"),
    };
    let mut out = format!("bundle {label}: {verdict}\n  digest   {bundle}\n");
    if let Some(by) = superseded {
        let _ = writeln!(
            out,
            "  earlier  this vault sealed it anew: bundle {by} took its place, and is the one to approve"
        );
    }
    // What ends the command is told once more at its end, with its hint.
    let mut is_told = refusal.is_some() && !explained.stays_in();
    for Checked { rule, place, holds, reason, hint } in checks {
        let mark = if *holds { "yes" } else { "NO " };
        let _ = writeln!(out, "  {mark}      {}: {}", what(*rule, place), printable(reason));
        if let Some(hint) = hint
            && !std::mem::take(&mut is_told)
        {
            let _ = writeln!(out, "           hint: {hint}");
        }
    }
    if checks.len() == 1 {
        let _ = writeln!(out, "           nothing else of it was looked at");
    }
    if let Some(tent) = tent {
        out.push_str(&at_checkout(vault, tent));
    }
    for signature in signatures {
        let _ = writeln!(out, "  signed   {}", printable(&told(signature)));
    }
    out
}

/// What is checked, in words of whoever reads the policy. Fields of a tent have them already.
fn what(rule: Rule, place: &str) -> &str {
    match rule {
        Rule::Signer => "who signed it",
        Rule::ExporterSignature => "exporter's signature",
        Rule::ExporterKey => "exporter's key",
        Rule::Exporter => "exporter",
        Rule::Destination => "this site",
        Rule::Number => "number",
        Rule::Created | Rule::Expires => "time",
        Rule::Destinations | Rule::Signatures | Rule::Suite | Rule::ValidDays | Rule::Approvals => place,
    }
}

fn told(signature: &ExplainedSignature) -> String {
    let ExplainedSignature { key, file, person, shows, security_key, counts } = signature;
    let by = match (key, person) {
        (Some(key), Some(person)) => format!("{person}, key {key}"),
        (Some(key), None) => format!("key {key}, nobody's by this policy"),
        (None, _) => file.clone(),
    };
    let shows = match (shows, security_key) {
        (Some(shows), true) => format!("; shows {shows}"),
        (Some(shows), false) => format!("; a plain key: it shows {shows}"),
        (None, _) => String::new(),
    };
    match counts {
        Counts::Exporter => format!("{by}{shows}; counts as the exporter's"),
        Counts::Approval => format!("{by}{shows}; counts as an approval"),
        Counts::Nothing(why) => format!("{by}{shows}; counts for nothing: {why}"),
    }
}
