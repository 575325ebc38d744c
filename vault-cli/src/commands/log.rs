//! `gapvault log`

use crate::cli::Global;
use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::formats::custody::{Entry, Event, Moved};
use gapvault_core::vault::Access;
use serde::Serialize;
use std::fmt::Write;

/// Print the custody log: what was exported, admitted and refused.
///
/// The log is checked from its first entry to its signed checkpoint whenever a vault is opened.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  gapvault --vault cluster log --json")]
pub(crate) struct LogArgs {}

#[derive(Serialize)]
struct Log<'a> {
    entries: &'a [Entry],
}

pub(crate) fn run(_: &LogArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let vault = global.open(Access::Read)?;
    let mut human = String::new();
    for entry in vault.log() {
        // Writing to a String can't fail.
        let _ = writeln!(human, "{:>6} {} {}", entry.seq, entry.time, line(&entry.event));
    }
    ui.result(&Log { entries: vault.log() }, &human)
}

fn line(event: &Event) -> String {
    match event {
        Event::Init { site, card } => format!("made for site {site}, card {card}"),
        Event::Policy { epoch, change, signed, .. } => {
            let signed: Vec<_> = signed.iter().map(ToString::to_string).collect();
            format!(
                "policy epoch {epoch} in force, signed by {}: {}",
                signed.join(", "),
                crate::text::printable(change)
            )
        }
        Event::PolicyRefused { digest, reason, .. } => {
            format!("refused policy {digest}: {}", crate::text::printable(reason))
        }
        Event::ClockBack { before } => format!("this host's clock went back: it said {before} before"),
        Event::Card { card } => format!("the vault has another card, {card}"),
        Event::Recovery { recipient: Some(recipient) } => {
            format!("what is held can be recovered with {}", crate::text::short(recipient))
        }
        Event::Recovery { recipient: None } => "what is held can't be recovered any more".to_owned(),
        Event::TentKey { tent, .. } => format!("key of tent {tent} made"),
        Event::ExportBegun(begun) => format!("export {} of tent {} begun as {}", begun.number, begun.tent, begun.label),
        Event::Exported(e) => {
            let sites: Vec<_> = e.destinations.iter().map(ToString::to_string).collect();
            let what = moved(&e.artifacts);
            format!("{} exported {what} of tent {} to {}, bundle {}", e.exporter, e.tent, sites.join(", "), e.bundle)
        }
        Event::Superseded { bundle, by } => format!("bundle {bundle} was superseded by {by}"),
        Event::ExportAbandoned { label, .. } => format!("export {label} came to nothing"),
        Event::Imported(i) => {
            let what = moved(&i.artifacts);
            let mut persons: Vec<_> = i.approved.iter().map(|approval| approval.person.to_string()).collect();
            persons.sort_unstable();
            let approved =
                if persons.is_empty() { String::new() } else { format!(", approved by {}", persons.join(", ")) };
            format!(
                "imported {what} of tent {} from {}{approved}, by {} (epoch {}), bundle {}",
                i.tent, i.exporter, i.rule, i.epoch, i.bundle
            )
        }
        Event::Approved { bundle, person, .. } => format!("{person} approved bundle {bundle}"),
        Event::Refused { bundle, reason, .. } => format!("refused bundle {bundle}: {}", crate::text::printable(reason)),
        Event::CheckedOut { bundle, artifact } => format!("checked out {artifact} of bundle {bundle}"),
    }
}

fn moved(artifacts: &[Moved]) -> String {
    artifacts.iter().map(|m| m.artifact.to_string()).collect::<Vec<_>>().join(", ")
}
