//! Approvals, where a bundle is written again: brought along, or lost with the seal that they are of.

use crate::failure::Failure;
use crate::text::{count, printable};
use crate::ui::Ui;
use gapvault_core::approve::{Brought, GivenApproval, bring, given};
use gapvault_core::error::Kind;
use gapvault_core::export::{Again, find_made, newest, voids};
use gapvault_core::formats::ids::BundleId;
use gapvault_core::vault::Vault;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Serialize)]
struct Told {
    bundle: BundleId,
    media: Vec<ToldMedium>,
}

#[derive(Serialize)]
struct ToldMedium {
    path: PathBuf,
    approvals: Vec<GivenApproval>,
    written: Vec<PathBuf>,
}

/// Brings the approvals that the vault has to media.
pub(super) fn approvals(vault: &Vault, beginning: &str, media: &[PathBuf], ui: &Ui) -> Result<(), Failure> {
    let bundle = newest(vault, find_made(vault, beginning)?);
    let mut told = Told { bundle, media: Vec::new() };
    let mut human = String::new();
    for medium in media {
        let Brought { path, approvals, written, .. } = bring(vault, &bundle, medium)?;
        let shown = printable(&path.display().to_string());
        // Writing to a String can't fail.
        let _ = match written.len() as u64 {
            0 => writeln!(human, "approvals of bundle {bundle} are there already\n  folder   {shown}"),
            n => writeln!(human, "brought approvals of bundle {bundle}: {}\n  folder   {shown}", count(n, "file")),
        };
        let _ = writeln!(human, "  approved by {}", persons(&approvals));
        told.media.push(ToldMedium { path, approvals, written });
    }
    ui.result(&told, &human)
}

/// Has somebody agree that a new seal takes the place of one with approvals: none of them is of the new one.
pub(super) fn confirm(vault: &Vault, request: &Again, yes: bool, ui: &Ui) -> Result<(), Failure> {
    let Some(bundle) = voids(vault, request)? else { return Ok(()) };
    let lost = given(vault, &bundle)?;
    if lost.is_empty() {
        return Ok(());
    }
    let what = format!(
        "the new seal does not have {} of bundle {bundle}, by {}: they have to be given anew",
        count(lost.len() as u64, "approval"),
        persons(&lost)
    );
    if yes {
        ui.explain(&format!("{what}\n"));
        return Ok(());
    }
    if ui.can_ask() {
        ui.note(&what);
    }
    match ui.ask("Make a new seal?") {
        Some(true) => Ok(()),
        Some(false) => {
            let message = "not written again: the bundle keeps its seal and its approvals".to_owned();
            Err(Failure { kind: Kind::Refused, message, hint: None, details: Vec::new(), told: false })
        }
        None => Err(Failure::usage(
            what,
            "give --yes for a new seal nevertheless; --approvals instead of --volume brings the approvals alone to a medium",
        )),
    }
}

fn persons(approvals: &[GivenApproval]) -> String {
    let person = |given: &GivenApproval| match &given.person {
        Some(person) => person.to_string(),
        None => format!("key {}", given.key),
    };
    approvals.iter().map(person).collect::<Vec<_>>().join(", ")
}
