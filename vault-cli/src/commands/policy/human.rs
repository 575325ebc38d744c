//! A policy for people: who may do what, and what it takes.

use crate::text::{bytes, count, printable};
use gapvault_core::formats::content::Format;
use gapvault_core::formats::names::{PersonName, SiteName};
use gapvault_core::formats::policy::{ContentRules, Policy, Tent};
use gapvault_core::formats::sshsig::Touch;
use std::fmt::{Display, Write};

/// The whole policy, to be read in a minute. The caller has said which it is.
pub(super) fn describe(policy: &Policy) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = writeln!(
        out,
        "root: a new policy takes the signature of {}{}",
        of(policy.root.threshold, &policy.root.persons),
        shown(policy.root.signatures)
    );
    if let Some(time) = policy.time {
        let reset = if policy.reset_clock { "; times believed before count no more" } else { "" };
        let _ = writeln!(out, "written at {time}: no clock is believed that says an earlier time{reset}");
    }
    for tent in &policy.tents {
        out.push_str(&of_tent(tent));
    }
    if policy.tents.is_empty() {
        out.push_str("\nno tents: nothing can be exported or imported\n");
    }
    out.push_str(&format!("\npersons\n{}", persons(policy)));
    out.push_str("\nsites\n");
    for site in &policy.sites {
        let _ = writeln!(out, "  {}, card {}", site.name, site.card);
    }
    if !policy.revocations.is_empty() {
        out.push_str("\nrevoked\n");
    }
    for revocation in &policy.revocations {
        let of = policy.person_of(&revocation.key).map(|p| format!(" of {}", p.name)).unwrap_or_default();
        let reason = revocation.reason.as_deref().map(|r| format!(": {}", printable(r))).unwrap_or_default();
        let except = match revocation.except.len() {
            0 => String::new(),
            some => format!("; but not for {}", count(some as u64, "seal")),
        };
        let _ = writeln!(out, "  key {}{of}{reason}{except}", revocation.key.fingerprint());
    }
    out
}

/// Everybody, with the keys that they sign with: whoever compares those sees one that was swapped.
pub(super) fn persons(policy: &Policy) -> String {
    let mut out = String::new();
    for person in &policy.persons {
        let organisation = person.organisation.as_deref().map(|o| format!(" of {}", printable(o))).unwrap_or_default();
        let works: Vec<_> = policy.sites.iter().filter(|site| site.persons.contains(&person.name)).collect();
        let works = if works.is_empty() {
            String::new()
        } else {
            format!(", works at {}", join(works.iter().map(|s| &s.name)))
        };
        let _ = writeln!(out, "  {}{organisation}, {}{works}", person.name, count(person.keys.len() as u64, "key"));
        for key in &person.keys {
            let text = key.to_string();
            let kind = text.split(' ').next().unwrap_or_default();
            let is_security_key = if key.is_security_key() { ", a security key" } else { "" };
            let is_revoked = if policy.is_revoked(key, None) { ", revoked" } else { "" };
            let _ = writeln!(out, "    key {}, {kind}{is_security_key}{is_revoked}", key.fingerprint());
        }
    }
    out
}

fn of_tent(tent: &Tent) -> String {
    let mut out = format!("\ntent {}\n", tent.name);
    let mut line = |what: &str, text: &str| {
        let _ = writeln!(out, "  {what:<18}{text}");
    };
    line("read content", &people(&tent.members));
    line("read catalogues", &people(&tent.auditors));
    line("export", &people(&tent.exporters));
    if let Some(destinations) = &tent.destinations {
        line("content goes to", &people::<SiteName>(destinations));
    }
    let takes = match &tent.approvals {
        None => "the exporter's signature".to_owned(),
        Some(approvals) => {
            let but = if approvals.not_exporter { ", the exporter's own not counted" } else { "" };
            format!("the exporter's signature, and approval by {}{but}", of(approvals.k, &approvals.of))
        }
    };
    line("a bundle takes", &format!("{takes}{}", shown(tent.signatures)));
    if let Some(days) = tent.valid_days {
        line("it is valid", &format!("at most {}", count(days.into(), "day")));
    }
    if tent.post_quantum {
        line("it is sealed", "with post-quantum keys only");
    }
    line("files may be", &content(&tent.content));
    out
}

fn names(formats: &[Format]) -> String {
    formats.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ")
}

fn content(rules: &ContentRules) -> String {
    let mut text = match &rules.allowed {
        Some(allowed) => format!("only {}", names(allowed)),
        None => "of any format".to_owned(),
    };
    if !rules.forbidden.is_empty() {
        let _ = write!(text, ", not {}", names(&rules.forbidden));
    }
    text.push_str(if rules.pickle { ", with pickles (which run code)" } else { ", without pickles" });
    if let Some(limit) = rules.file_bytes {
        let _ = write!(text, ", each at most {}", bytes(limit));
    }
    if let Some(limit) = rules.bundle_bytes {
        let _ = write!(text, ", together at most {}", bytes(limit));
    }
    text
}

/// `alice`, or `2 of alice, bob, carol`.
fn of(k: u32, persons: &[PersonName]) -> String {
    match persons {
        [one] => one.to_string(),
        _ => format!("{k} of {}", people(persons)),
    }
}

/// What keys must show.
fn shown(touch: Touch) -> &'static str {
    match touch {
        Touch::Any => "",
        Touch::Presence => ", with security keys that were touched",
        Touch::Verification => ", with security keys that knew their owner (fingerprint or PIN)",
    }
}

fn people<T: Display>(names: &[T]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { join(names) }
}

/// Names with commas between.
pub(crate) fn join<T: Display>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}
