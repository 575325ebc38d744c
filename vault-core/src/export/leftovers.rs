//! What earlier exports of this vault left on a medium without a seal.

use super::again::stored_seal;
use super::describe::describe_on;
use super::target::{Target, bundle_path};
use super::{ExportError, journal, resume};
use crate::bundle::{digest_of, signature_files};
use crate::error::FsError;
use crate::fs::{Folder, remove_tree};
use crate::held::HeldError;
use crate::vault::{Held, Vault};
use gapvault_formats::custody::{Event, Exported};
use gapvault_formats::ids::BundleId;
use gapvault_formats::names::Label;
use gapvault_formats::recover;
use gapvault_formats::seal::{BundleFile, SEAL_NAME};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Deals with unsealed folders on the media. One that the log says came to a bundle gets its seal now, and what
/// describes it: it was killed right before, or it is a volume of media that were swapped. One that can be gone on with
/// is left, and so is a volume that was being made again. Any other is removed. What the log says was exported is never taken back because of a medium: whoever brings
/// one may have taken the seal off after it was delivered.
///
/// Gives the bundles that have their seal now.
pub(super) fn clear(vault: &mut Vault, media: &[PathBuf], read_back: bool) -> Result<Vec<BundleId>, ExportError> {
    forget_expired(vault)?;
    take_places(vault)?;
    let label = |event: &Event| match event {
        Event::ExportBegun(begun) => Some(begun.label.clone()),
        _ => None,
    };
    let begun: Vec<Label> = vault.log().iter().filter_map(|entry| label(&entry.event)).collect();
    let going_on: BTreeSet<Label> = resume::all(vault)?.into_iter().map(|state| state.begin.label).collect();
    let mut sealed = Vec::new();
    for label in begun {
        for medium in media {
            let path = bundle_path(medium, &label);
            let is_folder = path.symlink_metadata().is_ok_and(|m| m.is_dir());
            if !is_folder || !matches!(path.join(SEAL_NAME).try_exists(), Ok(false)) {
                continue;
            }
            match of_label(vault, &label) {
                Some(bundle) if has_volume(vault, &bundle, &path)? => {
                    complete(vault, &bundle, Target::create(medium, &label, read_back)?)?;
                    sealed.push(bundle);
                }
                Some(_) => {}
                None if going_on.contains(&label) => {}
                None => abandon(vault, std::slice::from_ref(medium), &label)?,
            }
        }
    }
    // Of what was never begun on a medium, or can't be read any more, nothing is left to go on with.
    for label in journal::labels(vault)? {
        if of_label(vault, &label).is_none() && !going_on.contains(&label) {
            journal::remove(vault, &label)?;
        }
    }
    Ok(sealed)
}

/// Whether everything of one of the bundle's volumes was written to a folder: its list of digests came after all else.
pub(super) fn has_volume(vault: &Vault, bundle: &BundleId, path: &Path) -> Result<bool, ExportError> {
    let Ok(folder) = Folder::open(path) else { return Ok(false) };
    let seal = stored_seal(vault, bundle)?;
    let mut lists = seal.subjects().iter().filter(|subject| matches!(subject.file, BundleFile::Sums(_)));
    // What can't be read is none, be it a link or a bad sector.
    Ok(lists.any(|list| digest_of(&folder, list).is_ok_and(|digest| digest == Some(list.sha256))))
}

/// Logs of a seal that was to take the place of another that it has done so, where the power went between the two.
pub(super) fn take_places(vault: &mut Vault) -> Result<(), ExportError> {
    let made = |held| match held {
        Held::Exported(exported) => Some((exported.label.clone(), exported.bundle)),
        Held::Imported(_) => None,
    };
    let made: Vec<(Label, BundleId)> = vault.held().filter_map(made).collect();
    for (at, (label, by)) in made.iter().enumerate() {
        // A label is that of one bundle; a later one under it is the same, sealed anew.
        if let Some((_, bundle)) = made[..at].iter().rev().find(|(earlier, _)| earlier == label) {
            vault.record(Event::Superseded { bundle: *bundle, by: *by })?;
            remove_tree(&vault.bundle_path(bundle))?;
            crate::wraps::remove(vault, bundle)?;
        }
    }
    Ok(())
}

/// The bundle under the seal that counts: the last of those that took each other's place.
#[must_use]
pub fn newest(vault: &Vault, bundle: BundleId) -> BundleId {
    let mut newest = bundle;
    for entry in vault.log() {
        match entry.event {
            Event::Superseded { bundle, by } if bundle == newest => newest = by,
            _ => {}
        }
    }
    newest
}

/// Puts what describes a bundle on a medium, and its seal.
pub(super) fn complete(vault: &Vault, bundle: &BundleId, mut target: Target) -> Result<(), ExportError> {
    let copy = vault.bundle_path(bundle);
    let not_made = ExportError::NotAgain { bundle: *bundle, fault: "it was not made here" };
    let exported = exported_as(vault, bundle).ok_or(not_made)?;
    let key = exported.key.fingerprint();
    let suite = stored_seal(vault, bundle)?.predicate().suite;
    describe_on(&mut target, &copy, &recover::text(&exported.label, &key, suite))?;
    let read = |name: &str| std::fs::read(copy.join(name)).map_err(FsError::at("can't read", &copy.join(name)));
    // The exporter's, and approvals that were given since.
    for name in signature_files(&Folder::open(&copy)?).map_err(HeldError::from)? {
        target.signature(&name, &read(&name)?)?;
    }
    target.seal(&read(SEAL_NAME)?)
}

/// Removes what an export left on the media, and its journal, and logs that it came to nothing.
pub(super) fn abandon(vault: &mut Vault, media: &[PathBuf], label: &Label) -> Result<(), ExportError> {
    for medium in media {
        let failed = |source| ExportError::medium(medium, source);
        remove_tree(&bundle_path(medium, label)).map_err(failed)?;
        // Only if it was made for this export alone.
        let _ = std::fs::remove_dir(medium.join("gapvault"));
    }
    journal::remove(vault, label)?;
    let bundle = of_label(vault, label);
    Ok(vault.record(Event::ExportAbandoned { label: label.clone(), bundle })?)
}

/// Journals of bundles that have expired are of no more use.
fn forget_expired(vault: &Vault) -> Result<(), ExportError> {
    let now = vault.clock().now();
    for label in journal::labels(vault)? {
        let expired = of_label(vault, &label).and_then(|id| exported_as(vault, &id)).is_some_and(|e| e.expires < now);
        if expired {
            journal::remove(vault, &label)?;
        }
    }
    Ok(())
}

/// The bundle that the export with this label came to.
pub(super) fn of_label(vault: &Vault, label: &Label) -> Option<BundleId> {
    vault.held().find_map(|held| match held {
        Held::Exported(exported) if exported.label == *label => Some(exported.bundle),
        _ => None,
    })
}

/// What the log says of a bundle that was made here.
pub(super) fn exported_as<'v>(vault: &'v Vault, bundle: &BundleId) -> Option<&'v Exported> {
    vault.held().find_map(|held| match held {
        Held::Exported(exported) if exported.bundle == *bundle => Some(exported),
        _ => None,
    })
}
