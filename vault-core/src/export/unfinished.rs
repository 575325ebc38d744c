//! Exports that broke off and wait to go on.

use super::leftovers::{abandon, of_label};
use super::resume::Same;
use super::{ExportError, resume};
use crate::vault::Vault;
use gapvault_formats::custody::Event;
use gapvault_formats::names::{ArtifactRef, Label, TentName};
use std::path::PathBuf;

/// An export that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfinishedExport {
    /// Its label: the folder on its media.
    pub label: Label,
    /// What it is of.
    pub artifact: ArtifactRef,
    /// Of which tent.
    pub tent: TentName,
    /// What is exported.
    pub paths: Vec<PathBuf>,
    /// The paths and options that make a command go on with it, as they are typed.
    pub begun: String,
    /// Packs that were written.
    pub packs: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Volumes that were finished and taken out.
    pub volumes: usize,
}

/// The exports of this vault that wait, oldest first.
pub fn unfinished(vault: &Vault) -> Result<Vec<UnfinishedExport>, ExportError> {
    let mut waiting = Vec::new();
    for state in resume::all(vault)? {
        waiting.push(UnfinishedExport {
            begun: Same::of(&state.begin).to_string(),
            label: state.begin.label,
            artifact: state.begin.artifact,
            tent: state.begin.tent,
            paths: state.begin.paths,
            packs: state.packs.len() as u64,
            bytes: state.packs.values().map(|(kept, _)| kept.size).sum(),
            volumes: state.finished.len(),
        });
    }
    Ok(waiting)
}

/// Gives an unfinished export up: its journal goes, and what stands of it on the given media. One that was given up
/// before, and left something on a medium, can be named again. `false` if this vault began no such export, or if it came
/// to a bundle.
pub fn drop_unfinished(vault: &mut Vault, label: &Label, media: &[PathBuf]) -> Result<bool, ExportError> {
    let begun = |event: &Event| matches!(event, Event::ExportBegun(begun) if begun.label == *label);
    if of_label(vault, label).is_some() || !vault.log().iter().any(|entry| begun(&entry.event)) {
        return Ok(false);
    }
    // Nothing is removed through a link.
    media.iter().try_for_each(|medium| super::target::check(medium))?;
    abandon(vault, media, label)?;
    Ok(true)
}
