//! Bringing approvals from the vault's own copy of a bundle to a medium that lacks them.

use super::{ApproveError, write};
use crate::bundle::{signature_files, signatures_of};
use crate::error::FsError;
use crate::fs::{Folder, OpenError, create_folder, sync_folder};
use crate::held::held_bundle;
use crate::vault::Vault;
use gapvault_formats::ids::{BundleId, KeyFingerprint};
use gapvault_formats::limits;
use gapvault_formats::names::PersonName;
use gapvault_formats::seal::SEAL_NAME;
use gapvault_formats::sshsig::Namespace;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A signature by which somebody approved a seal, and whose it is by the policy in force. Whether it counts is another
/// matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GivenApproval {
    /// The key's person, if the policy knows it.
    pub person: Option<PersonName>,
    /// The key.
    pub key: KeyFingerprint,
}

/// What was brought to a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought {
    /// The bundle.
    pub bundle: BundleId,
    /// Its folder on the medium.
    pub path: PathBuf,
    /// The approvals that stand there now.
    pub approvals: Vec<GivenApproval>,
    /// The files that were not there before.
    pub written: Vec<PathBuf>,
}

/// The approvals beside the vault's own copy of a bundle's seal.
pub fn given(vault: &Vault, bundle: &BundleId) -> Result<Vec<GivenApproval>, ApproveError> {
    let sealed = signatures_of(&held_bundle(vault, bundle)?.folder)?;
    let approvals = sealed.signers().iter().filter(|signer| signer.namespace == Namespace::Approve);
    let given = approvals.map(|signer| GivenApproval {
        person: vault.policy().person_of(&signer.key).map(|person| person.name.clone()),
        key: signer.key.fingerprint(),
    });
    Ok(given.collect())
}

/// Writes the seal of a bundle that the vault made or holds, and every signature over it, to the folder that the bundle has
/// on `medium`. A folder that is there must hold the same seal, or nothing but such signatures. The seal comes last: killed
/// before, this leaves signatures that count for nothing, and the same call goes on.
pub fn bring(vault: &Vault, bundle: &BundleId, medium: &Path) -> Result<Brought, ApproveError> {
    let approvals = given(vault, bundle)?;
    if approvals.is_empty() {
        return Err(ApproveError::NoneGiven { bundle: *bundle });
    }
    let held = held_bundle(vault, bundle)?;
    let sealed = signatures_of(&held.folder)?;
    let folder = folder(medium, held.label().as_str())?;
    expect_own(&folder, bundle)?;
    let mut written = Vec::new();
    for (name, armoured) in &sealed.signatures {
        written.extend(write::beside(&folder, name, armoured, 0o644)?);
    }
    if matches!(folder.file(SEAL_NAME), Err(OpenError::Missing)) {
        written.extend(write::beside(&folder, SEAL_NAME, &sealed.bytes, 0o644)?);
    }
    Ok(Brought { bundle: *bundle, path: folder.path().to_owned(), approvals, written })
}

/// The bundle's folder on the medium, made if it is not there. Links are not followed.
fn folder(medium: &Path, label: &str) -> Result<Folder, ApproveError> {
    if !medium.is_dir() {
        return Err(ApproveError::NoMedium { path: medium.to_owned() });
    }
    let mut at = Folder::open(medium)?;
    for name in ["gapvault", label] {
        let path = at.path().join(name);
        let opened = match at.folder(name) {
            Err(OpenError::Missing) => {
                create_folder(&path, 0o755)?;
                sync_folder(at.path())?;
                at.folder(name)
            }
            opened => opened,
        };
        at = match opened {
            Ok(folder) => folder,
            Err(OpenError::Fs(error)) => return Err(error.into()),
            Err(OpenError::Irregular) => return Err(ApproveError::Obstructed { path }),
            // Made and gone again: so is the medium.
            Err(OpenError::Missing) => {
                let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
                return Err(FsError::at("can't open folder", &path)(gone).into());
            }
        };
    }
    Ok(at)
}

/// Whether the folder has this seal, or none and nothing of an export either.
fn expect_own(folder: &Folder, bundle: &BundleId) -> Result<(), ApproveError> {
    let occupied = || ApproveError::Occupied { path: folder.path().to_owned() };
    match folder.read(SEAL_NAME, limits::SEAL_BYTES) {
        Ok(Some(bytes)) if BundleId::of(&bytes) == *bundle => Ok(()),
        Ok(_) => Err(occupied()),
        Err(OpenError::Irregular) => Err(ApproveError::Obstructed { path: folder.path().join(SEAL_NAME) }),
        Err(OpenError::Fs(error)) => Err(error.into()),
        Err(OpenError::Missing) => {
            let names = folder.entries(limits::SIGNATURES)?.ok_or_else(occupied)?;
            let signatures = signature_files(folder)?;
            let is_one = |(name, _): &(String, bool)| signatures.contains(name);
            if names.iter().all(is_one) { Ok(()) } else { Err(occupied()) }
        }
    }
}
