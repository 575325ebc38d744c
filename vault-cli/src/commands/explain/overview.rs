//! What `explain` tells people of the policy.

use crate::commands::approve::signs;
use crate::commands::rules::content;
use gapvault_core::explain::{KeyView, Overview, PersonView, SiteView, TentView};
use std::fmt::{Display, Write};

// Writing to a String can't fail, so the results below are not looked at.

pub(super) fn human(overview: &Overview) -> String {
    let Overview { site, epoch, root, tents, revoked, never } = overview;
    let mut out = format!("site {site}, policy epoch {epoch}\n");
    let roots = join(root.persons.iter().map(|person| &person.name));
    let _ = writeln!(out, "another policy takes {} of {roots}, {}", root.threshold, signs(root.signatures));
    write_keys(&mut out, &root.persons);
    write_never(&mut out, never);
    for key in revoked {
        let _ = writeln!(out, "revoked: {}", told_key(key));
    }
    if tents.is_empty() {
        let _ = writeln!(out, "no tents: nothing can come in or go out");
    }
    for tent in tents {
        write_tent(&mut out, tent, site);
    }
    out
}

fn write_tent(out: &mut String, tent: &TentView, site: &impl Display) {
    let _ = writeln!(out, "tent {}", tent.name);
    let exporters = join(tent.exporters.iter().map(|person| &person.name));
    let into = match tent.own_role {
        Some("auditor") => "the catalogue comes",
        _ => "a bundle comes",
    };
    let _ = writeln!(out, "  in       {into} into this vault ({site}) if one of these exported it: {exporters}");
    write_keys(out, &tent.exporters);
    let asked = join(tent.approvers.iter().map(|person| &person.name));
    let _ = match tent.approvals {
        0 => writeln!(out, "           nobody need approve it"),
        k => {
            let but = if tent.not_exporter { ", the exporter not among them" } else { "" };
            writeln!(out, "           and {k} of these approved it{but}: {asked}")
        }
    };
    write_keys(out, &tent.approvers);
    let _ = writeln!(out, "  signed   {}", signs(tent.signatures));
    let _ = match tent.valid_days {
        Some(days) => writeln!(out, "  valid    for at most {days} days"),
        None => writeln!(out, "  valid    for as long as its exporter said"),
    };
    let suite = if tent.post_quantum { "age-pq, and no other" } else { "any" };
    let _ = writeln!(out, "  suite    {suite}");
    let _ = writeln!(out, "  content  {}", content(&tent.content));
    let _ = match &tent.destinations {
        Some(sites) => {
            writeln!(out, "  for      members {} alone, and the exporter's own site; every auditor", join(sites))
        }
        None => writeln!(out, "  for      any site that reads"),
    };
    for (what, sites) in [("content", &tent.members), ("catalogue", &tent.auditors)] {
        for SiteView { name, card, persons } in sites {
            let _ = writeln!(out, "  reads    {name} ({what}; {}), card {card}", join(persons));
        }
    }
    let _ = match (tent.exports_here, &tent.barred_here) {
        (true, None) => writeln!(out, "  out      this vault's own person exports from it"),
        (true, Some(why)) => writeln!(
            out,
            "  out      this vault's own person is an exporter, but nothing of theirs could be admitted: {why}"
        ),
        (false, _) => writeln!(out, "  out      nothing goes out with this vault's own key"),
    };
    write_never(out, &tent.never);
}

fn write_keys(out: &mut String, persons: &[PersonView]) {
    for PersonView { name, keys, sites } in persons {
        let at = if sites.is_empty() { String::new() } else { format!(" at {}", join(sites)) };
        for key in keys {
            let _ = writeln!(out, "           {name}{at}: {}", told_key(key));
        }
    }
}

fn told_key(key: &KeyView) -> String {
    let KeyView { fingerprint, kind, security_key, revoked } = key;
    let security_key = if *security_key { ", a security key" } else { "" };
    let revoked = if *revoked { ", REVOKED" } else { "" };
    format!("key {fingerprint} ({kind}{security_key}{revoked})")
}

fn write_never(out: &mut String, never: &[String]) {
    for what in never {
        let _ = writeln!(out, "  never    {what}");
    }
}

fn join<T: Display>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| name.to_string()).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}
