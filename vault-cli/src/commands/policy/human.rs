//! A policy for people: who may do what, and what it takes.

use crate::text::{bytes, count, printable};
use gapvault_core::formats::content::Format;
use gapvault_core::formats::names::{PersonName, SiteName};
use gapvault_core::formats::policy::{ContentRules, Policy, Site, Tent};
use gapvault_core::formats::sshsig::Touch;
use std::collections::{HashMap, HashSet};
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
    out.push_str(&format!("\nsites\n{}", sites(policy)));
    if !policy.revocations.is_empty() {
        out.push_str("\nrevoked\n");
    }
    let owners: HashMap<_, _> =
        policy.persons.iter().flat_map(|person| person.keys.iter().map(|key| (key.point(), &person.name))).collect();
    for revocation in &policy.revocations {
        let of = owners.get(&revocation.key.point()).map(|name| format!(" of {name}")).unwrap_or_default();
        let reason = revocation.reason.as_deref().map(|r| format!(": {}", quoted(r))).unwrap_or_default();
        let _ = writeln!(out, "  key {}{of}{reason}", revocation.key.fingerprint());
        for seal in &revocation.except {
            let _ = writeln!(out, "    but for seal {seal}");
        }
    }
    out
}

/// Every site, with whose card it has and the key on that.
pub(super) fn sites(policy: &Policy) -> String {
    let mut out = String::new();
    for Site { name, card, card_person, card_key, .. } in &policy.sites {
        let _ = writeln!(out, "  {name}, card {card}\n    of {card_person}, key {}", card_key.fingerprint());
    }
    out
}

/// Everybody, with the keys that they sign with: whoever compares those sees one that was swapped.
pub(super) fn persons(policy: &Policy) -> String {
    let mut out = String::new();
    let revoked: HashSet<_> = policy.revocations.iter().map(|revocation| revocation.key.point()).collect();
    let mut sites: HashMap<&PersonName, Vec<&SiteName>> = HashMap::new();
    for (site, name) in policy.sites.iter().flat_map(|site| site.persons.iter().map(move |name| (&site.name, name))) {
        sites.entry(name).or_default().push(site);
    }
    for person in &policy.persons {
        let organisation = person.organisation.as_deref().map(|o| format!(" of {}", quoted(o))).unwrap_or_default();
        let works = sites.get(&person.name).map(|sites| format!(", works at {}", join(sites))).unwrap_or_default();
        let _ = writeln!(out, "  {}{organisation}, {}{works}", person.name, count(person.keys.len() as u64, "key"));
        for key in &person.keys {
            let text = key.to_string();
            let kind = text.split(' ').next().unwrap_or_default();
            let is_security_key = if key.is_security_key() { ", a security key" } else { "" };
            let is_revoked = if revoked.contains(&key.point()) { ", revoked" } else { "" };
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
    // At a site that only receives, the readers are those whom the exporter sealed a bundle to.
    let readers = if tent.members.is_empty() { "nobody that it names".to_owned() } else { people(&tent.members) };
    line("read content", &readers);
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

/// What somebody wrote, so that it can't pass for anything else on the line.
fn quoted(text: &str) -> String {
    format!("{:?}", printable(text))
}

/// Names with commas between.
pub(crate) fn join<T: Display>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}
