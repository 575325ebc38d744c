//! Where an approval stands: beside the seal, on the medium and in the vault's own copy.

use super::ApproveError;
use crate::bundle::Bundle;
use crate::error::FsError;
use crate::fs::{Folder, OpenError, write_by_way_of, write_replacing};
use crate::vault::Vault;
use gapvault_formats::ids::BundleId;
use gapvault_formats::limits;
use gapvault_formats::seal::SEAL_NAME;
use std::path::PathBuf;

/// The folders in which the approval belongs, and the mode of its file there.
pub(super) fn places(
    vault: &Vault,
    bundle: &Bundle,
    id: &BundleId,
    on_medium: bool,
) -> Result<Vec<(Folder, u32)>, ApproveError> {
    let mut places = Vec::new();
    if on_medium {
        places.push((Folder::open(bundle.path())?, 0o644));
    }
    for path in [vault.bundle_path(id), vault.pending_path(id)] {
        let folder = path.symlink_metadata().is_ok_and(|m| m.is_dir()).then(|| Folder::open(&path)).transpose()?;
        let is_copy = |folder: &Folder| {
            let seal = folder.read(SEAL_NAME, limits::SEAL_BYTES).ok().flatten();
            seal.is_some_and(|bytes| BundleId::of(&bytes) == *id)
        };
        places.extend(folder.filter(is_copy).map(|folder| (folder, 0o600)));
    }
    Ok(places)
}

/// Writes the signature where it is not; gives its path if it did. A file of that name that is none is replaced, a link or
/// folder is not touched.
pub(super) fn beside(folder: &Folder, name: &str, armoured: &[u8], mode: u32) -> Result<Option<PathBuf>, ApproveError> {
    let path = folder.path().join(name);
    match folder.read(name, limits::SIGNATURE_BYTES) {
        Ok(Some(known)) if known == armoured => return Ok(None),
        Ok(_) | Err(OpenError::Missing) => {}
        Err(OpenError::Irregular) => return Err(ApproveError::Obstructed { path }),
        Err(OpenError::Fs(error)) => return Err(error.into()),
    }
    // A medium that was exchanged while its approver read and thought has another folder there, or none.
    if Folder::open(folder.path())?.id()? != folder.id()? {
        return Err(ApproveError::Obstructed { path });
    }
    // Named from within (`.`) it has no parent by its name.
    let whole = folder.path().canonicalize().map_err(FsError::at("can't find", folder.path()))?;
    let shelf = whole.parent().filter(|parent| parent.file_name().is_some_and(|name| name == "gapvault"));
    match shelf {
        // Anything in a bundle's folder that its seal does not name spoils it. Beside that folder nobody looks.
        Some(shelf) => write_by_way_of(shelf.join(format!(".{name}.part")), &path, armoured, mode)?,
        None => write_replacing(&path, armoured, mode)?,
    }
    Ok(Some(path))
}
