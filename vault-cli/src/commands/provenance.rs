//! Where an artifact comes from, as its exporter says, for people.

use crate::text::printable;
use gapvault_core::formats::catalogue::Provenance;
use std::fmt::Write;

/// A line for each thing that is known.
pub(super) fn write(out: &mut String, provenance: &Provenance) {
    let Provenance { host, tool, licence, parents, notes } = provenance;
    let mut line = |what: &str, text: &str| {
        // Writing to a String can't fail.
        let _ = writeln!(out, "  {what:<9}{}", printable(text));
    };
    line("host", host);
    line("tool", tool);
    if let Some(licence) = licence {
        line("licence", licence);
    }
    for parent in parents {
        line("parent", &parent.to_string());
    }
    for note in notes {
        line("note", &format!("{}={}", note.key, note.value));
    }
}
