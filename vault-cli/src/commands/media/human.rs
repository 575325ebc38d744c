//! What is told of a medium, for people.

use super::told::{Told, ToldCapacity, ToldProbe};
use crate::text::{bytes, printable};
use std::fmt::Write;

/// Everything about one medium.
pub(super) fn medium(told: &Told) -> String {
    let mut out = format!("{}\n", printable(&told.path));
    if let Some(probe) = &told.probe {
        describe(&mut out, probe);
    }
    if let Some(capacity) = &told.capacity {
        line(&mut out, "capacity", &proven(capacity));
        if let Some(left) = &capacity.left {
            line(&mut out, "LEFT", &printable(left));
        }
    }
    if let Some(error) = &told.error {
        line(&mut out, "FAILED", &printable(&error.message));
    }
    out
}

fn describe(out: &mut String, probe: &ToldProbe) {
    let source = probe.source.as_ref().map_or_else(String::new, |source| format!(", from {}", printable(source)));
    let mount_point = printable(&probe.mount_point);
    if probe.is_mount_point {
        line(out, "mounted", &format!("here{source}"));
    } else {
        line(out, "mounted", &format!("NOT HERE: this is a folder of what is mounted at {mount_point}{source}"));
    }
    let largest = probe.largest_file.map_or_else(
        || "the largest file is not known".to_owned(),
        |largest| format!("files up to {}", bytes(largest)),
    );
    line(out, "kind", &format!("{}, {largest}", printable(&probe.file_system)));
    if let Some(limit) = probe.process_limit {
        line(out, "limit", &format!("this process may write files up to {} (ulimit -f)", bytes(limit)));
    }
    line(out, "room", &format!("{} free of {}", bytes(probe.free), bytes(probe.total)));
    line(out, "writing", &writing(probe));
    for (name, answer) in [
        ("fsync", probe.fsync),
        ("fsync of folders", probe.folder_fsync),
        ("rename", probe.rename),
        ("rename to new", probe.rename_new),
        ("O_DIRECT", probe.direct),
        ("hard links", probe.hard_links),
        ("modes", probe.chmod),
    ] {
        line(out, name, &answer.to_string());
    }
    if let Some(rate) = probe.write_rate {
        line(out, "rate", &format!("takes {}/s", bytes(rate)));
    }
}

fn writing(probe: &ToldProbe) -> String {
    let obstacle = probe.obstacle.map(|code| std::io::Error::from_raw_os_error(code).to_string());
    match (probe.read_only, probe.writable, obstacle) {
        (true, ..) => "no: it is mounted read-only".to_owned(),
        (_, true, None) => "yes".to_owned(),
        (_, true, Some(error)) => format!("not now: {error}"),
        (_, false, None) => "no: this user may not write here".to_owned(),
        (_, false, Some(error)) => format!("no: {error}"),
    }
}

fn proven(capacity: &ToldCapacity) -> String {
    let ToldCapacity { written, intact, write_rate, read_rate, .. } = capacity;
    let rates = format!("written at {}/s, read at {}/s", bytes(*write_rate), bytes(*read_rate));
    let proof =
        if capacity.read_back == "proven" { "" } else { "; not proven: this file system may answer from memory" };
    format!("{} of {} came back as written; {rates}{proof}", bytes(*intact), bytes(*written))
}

fn line(out: &mut String, name: &str, text: &str) {
    // Writing to a String can't fail.
    let _ = writeln!(out, "  {name:16}  {text}");
}
