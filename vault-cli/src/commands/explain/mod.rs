//! `gapvault explain`

mod human;
mod overview;
mod told;

use super::approve::{Named, named};
use super::medium::{Became, MediaArgs};
use crate::cli::Global;
use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::explain::{Explained, explain_held, explain_set, overview as of_policy};
use gapvault_core::vault::{Access, Vault};
use serde::Serialize;
use std::path::PathBuf;

/// Say who could bring what in and out by the policy, or why it admits a bundle or not.
///
/// Without an argument: for each tent who exports, who must approve, who reads, what else is asked for, and what can
/// never come together. With one: every rule in the order in which it is checked, where it stands, what each signature
/// counts for, what is missing and who could give it. Nothing of a bundle but its seal and signatures is read. As far as
/// the policy goes, the exit code is that of an import: 4 if it would not admit the bundle, 0 if it was admitted before,
/// whatever the policy says now. Whether this vault's keys open it, `verify` and `import` see.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault cluster explain
  gapvault --vault cluster explain /media/usb
  gapvault --vault lab explain 3f2a91c0d4e5")]
pub(crate) struct ExplainArgs {
    /// The media's top folders, one bundle's folders on them, or the first digits of a bundle that this vault made or holds
    #[arg(value_name = "MEDIUM|BUNDLE")]
    subjects: Vec<PathBuf>,
    /// Only the bundle in the folders of this label
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
}

/// The seals of one label, of which there is nearly always one.
#[derive(Serialize)]
struct Seals {
    seals: Vec<told::Told>,
}

/// The same of a bundle in the vault, with what refuses it.
#[derive(Serialize)]
struct Held<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Failure>,
    #[serde(flatten)]
    seals: &'a Seals,
}

pub(crate) fn run(args: &ExplainArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let vault = global.open(Access::Read)?;
    let held = match args.subjects.as_slice() {
        [] => {
            let overview = of_policy(&vault);
            return ui.result(&overview, &overview::human(&overview));
        }
        [one] => named(&vault, one)?,
        _ => Named::Medium,
    };
    if let Named::Bundle(id) = held {
        let explained = explain_held(&vault, &id)?;
        let became = became(&vault, vec![explained]);
        let held = Held { error: became.failure.as_ref(), seals: &became.object };
        ui.result(&held, &became.human)?;
        return became.failure.map_or(Ok(()), |failure| Err(failure.told()));
    }
    let media = MediaArgs { media: args.subjects.clone(), label: args.label.clone() };
    media.each(ui, |set| {
        if !set.is_sealed() {
            let label = set.label();
            return Err(Failure {
                kind: gapvault_core::error::Kind::Incomplete,
                message: format!("bundle {label} has no seal on this medium: there is nothing to judge"),
                hint: Some("its export broke off, or another volume of it carries the seal".to_owned()),
                details: Vec::new(),
                told: false,
            });
        }
        Ok(became(&vault, explain_set(&vault, set)?))
    })
}

fn became(vault: &Vault, explained: Vec<Explained>) -> Became<Seals> {
    let human = explained.iter().map(|explained| human::explained(vault, explained)).collect();
    let seals = explained.iter().map(told::Told::from).collect();
    let refused = explained.into_iter().filter(|explained| !explained.stays_in());
    let refusal = refused.into_iter().find_map(|explained| explained.refusal);
    Became { object: Seals { seals }, human, failure: refusal.map(Failure::from) }
}
