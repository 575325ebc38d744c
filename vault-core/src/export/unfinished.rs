//! Exports that broke off and wait to go on.

use super::leftovers::abandon;
use super::prepare::is_sealed;
use super::{ExportError, resume};
use crate::vault::Vault;
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
    /// Packs that were written.
    pub packs: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Volumes that were finished and taken out.
    pub volumes: usize,
}

/// The exports of this vault that wait, oldest first.
pub fn unfinished(vault: &mut Vault) -> Result<Vec<UnfinishedExport>, ExportError> {
    let mut waiting = Vec::new();
    for (_, state) in resume::all(vault)? {
        if !is_sealed(vault, &state.begin.label) {
            waiting.push(UnfinishedExport {
                label: state.begin.label,
                artifact: state.begin.artifact,
                tent: state.begin.tent,
                paths: state.begin.paths,
                packs: state.packs.len() as u64,
                bytes: state.packs.values().map(|(kept, _)| kept.size).sum(),
                volumes: state.finished.len(),
            });
        }
    }
    Ok(waiting)
}

/// Gives an unfinished export up: its journal goes, and what stands of it on the given media.
pub fn drop_unfinished(vault: &mut Vault, label: &Label, media: &[PathBuf]) -> Result<(), ExportError> {
    abandon(vault, media, label)
}
