//! What `explain` tells people of a bundle.

use crate::commands::rules::at_checkout;
use crate::text::printable;
use gapvault_core::explain::{Checked, Counts, Explained, ExplainedSignature};
use gapvault_core::vault::Vault;
use std::fmt::Write;

// Writing to a String can't fail, so the results below are not looked at.

pub(super) fn explained(vault: &Vault, explained: &Explained) -> String {
    let Explained { label, tent, bundle, epoch, checks, signatures, approvals, admitted, superseded, refusal } =
        explained;
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
    for Checked { rule: _, place, holds, reason, hint } in checks {
        let mark = if *holds { "yes" } else { "NO " };
        let _ = writeln!(out, "  {mark}      {place}: {}", printable(reason));
        if let Some(hint) = hint {
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
    if let Some(tally) = approvals.as_ref().filter(|tally| tally.missing() > 0) {
        let could: Vec<_> = tally.could.iter().map(ToString::to_string).collect();
        let could = if could.is_empty() { "nobody".to_owned() } else { could.join(", ") };
        let _ = writeln!(out, "  missing  {} of {} approvals; could approve: {could}", tally.missing(), tally.needed);
    }
    out
}

fn told(signature: &ExplainedSignature) -> String {
    let ExplainedSignature { key, file, person, shows, counts } = signature;
    let by = match (key, person) {
        (Some(key), Some(person)) => format!("{person}, key {key}"),
        (Some(key), None) => format!("key {key}, nobody's by this policy"),
        (None, _) => file.clone(),
    };
    let shows = shows.map_or_else(String::new, |shows| format!(", shows {shows}"));
    match counts {
        Counts::Exporter => format!("{by}{shows}: counts as the exporter's"),
        Counts::Approval => format!("{by}{shows}: counts as an approval"),
        Counts::Nothing(why) => format!("{by}{shows}: counts for nothing: {why}"),
    }
}
