//! Writing wraps: into a folder of their own, which then takes the place of the one before.

use super::recipients::{Own, auditors};
use super::{WrapError, Wrapped, path, shelf};
use crate::bundle::copy_catalogue;
use crate::error::FsError;
use crate::fs::{Durable, Folder, create_folder, remove_tree, rename_new, swap, sync_folder, write_replacing};
use crate::vault::Vault;
use gapvault_formats::agefile::{AgeError, Identity, Recipient, SealWriter};
use gapvault_formats::ids::{BundleId, MediumDigest};
use gapvault_formats::keys::Keys;
use gapvault_formats::names::TentName;
use gapvault_formats::seal::Seal;
use gapvault_formats::wraps::{CATALOGUE_NAME, KEYS_NAME, LIST_NAME, SIGNATURE_NAME, Wraps};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;

/// What a vault may read of a bundle. Wraps never give it more.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role<'a> {
    /// Everything.
    Member(&'a Keys),
    /// The catalogue.
    Auditor,
    /// Nothing: it made the bundle for others.
    Neither,
}

/// Where a catalogue is read that is to be wrapped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    /// From the bundle's own, which one of these identities opens.
    Sealed(&'a Folder, &'a [Identity]),
    /// From the wrap that there is, which one of these identities opens.
    Wrap(&'a Wrapped, &'a [Identity]),
}

/// What is to be wrapped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wrapping<'a> {
    pub(crate) bundle: &'a BundleId,
    pub(crate) tent: &'a TentName,
    pub(crate) seal: &'a Seal,
    pub(crate) role: Role<'a>,
    pub(crate) catalogue: Source<'a>,
}

/// The beginning of the name of a folder in the making.
const NEW: &str = ".new-";
/// That of one that is taken out of the way, where file systems can't swap names.
const OLD: &str = ".old-";

/// Wraps keys and catalogue of a bundle for `own` and the policy's auditors. What there was before is replaced when all
/// of it is durable. They count once the log names the bundle.
pub(crate) fn wrap(vault: &Vault, own: &Own, wrapping: Wrapping<'_>) -> Result<(), WrapError> {
    let suite = wrapping.seal.predicate().suite;
    let (own, auditors) = (own.of_suite(suite), auditors(vault, wrapping.tent, suite));
    let keys = match wrapping.role {
        Role::Member(keys) => Some((keys, own.clone())),
        Role::Auditor | Role::Neither => None,
    };
    // Members have the bundle's own catalogue, as long as there is nobody else.
    let catalogue = match (wrapping.role, auditors.is_empty()) {
        (Role::Member(_) | Role::Neither, true) => None,
        (Role::Member(_) | Role::Auditor, _) => Some([own, auditors].concat()),
        (Role::Neither, false) => Some(auditors),
    };
    let (actual, most) = (catalogue.as_ref().map_or(0, |all| all.len() as u64), suite.most_recipients());
    if actual > most {
        return Err(WrapError::TooMany { actual, most, suite });
    }
    replace(vault, wrapping.bundle, |folder| {
        let mut wraps = Wraps { bundle: *wrapping.bundle, catalogue: None, keys: None };
        if let Some((keys, recipients)) = keys {
            let text = keys.expose_text();
            wraps.keys = Some(seal(&folder.join(KEYS_NAME), &recipients, |out| {
                let failed = FsError::at("can't write", folder);
                out.write_all(text.as_bytes()).map_err(|e| failed(e).into())
            })?);
        }
        if let Some(recipients) = catalogue {
            wraps.catalogue = Some(seal(&folder.join(CATALOGUE_NAME), &recipients, |out| match wrapping.catalogue {
                Source::Sealed(sealed, identities) => copy_catalogue(sealed, wrapping.seal, identities, out)
                    .map_err(|error| WrapError::Source(Box::new(error))),
                Source::Wrap(wrapped, identities) => wrapped.copy_catalogue(identities, out),
            })?);
        }
        Ok(wraps)
    })
}

/// Gives a bundle that was sealed anew the wraps that it had under its old seal.
pub(crate) fn carry_over(vault: &Vault, from: &BundleId, to: &BundleId) -> Result<(), WrapError> {
    let Some(wrapped) = super::find(vault, from)? else { return Ok(()) };
    replace(vault, to, |folder| {
        wrapped.copy_files(folder)?;
        Ok(Wraps { bundle: *to, ..*wrapped.list() })
    })
}

/// Removes what no bundle of these has: wraps that were never committed, or whose bundle is gone; and finishes or
/// removes what was being replaced.
pub(crate) fn clear(vault: &Vault, committed: &HashSet<String>) -> Result<(), FsError> {
    let shelf = shelf(vault);
    let Ok(folder) = Folder::open(&shelf) else { return Ok(()) };
    for (name, _) in folder.entries(usize::MAX)?.unwrap_or_default() {
        let at = shelf.join(&name);
        match name.strip_prefix(NEW) {
            // Killed between the two renames of a file system that can't swap: the list is signed last.
            Some(bundle) if committed.contains(bundle) && is_whole(&at) && !shelf.join(bundle).exists() => {
                rename_new(&at, &shelf.join(bundle))?;
            }
            None if committed.contains(&name) => {}
            None if name.strip_prefix(OLD).is_some_and(|bundle| committed.contains(bundle)) => {
                put_back(&shelf, name.trim_start_matches(OLD), &at)?;
            }
            _ => remove_tree(&at)?,
        }
    }
    Ok(())
}

/// What was taken out of the way, where nothing came in its place.
fn put_back(shelf: &Path, bundle: &str, old: &Path) -> Result<(), FsError> {
    let place = shelf.join(bundle);
    match (place.exists(), is_whole(&shelf.join(format!("{NEW}{bundle}")))) {
        (true, _) => remove_tree(old),
        // That goes there, now or the next time.
        (false, true) => Ok(()),
        (false, false) => rename_new(old, &place),
    }
}

fn is_whole(folder: &Path) -> bool {
    folder.join(SIGNATURE_NAME).exists()
}

/// Has `make` fill a new folder, lists and signs what is in it, and puts it in the place of the one that there is. One
/// with nothing in it takes that away.
fn replace(
    vault: &Vault,
    bundle: &BundleId,
    make: impl FnOnce(&Path) -> Result<Wraps, WrapError>,
) -> Result<(), WrapError> {
    let (shelf, place) = (shelf(vault), path(vault, bundle));
    let new = shelf.join(format!("{NEW}{bundle}"));
    remove_tree(&new)?;
    create_folder(&new, 0o700)?;
    let made = make(&new).and_then(|wraps| {
        if (wraps.catalogue, wraps.keys) != (None, None) {
            write_replacing(&new.join(LIST_NAME), wraps.to_text().as_bytes(), 0o600)?;
            let signature = wraps.sign(&vault.identities().ssh).map_err(WrapError::Sign)?;
            write_replacing(&new.join(SIGNATURE_NAME), signature.as_bytes(), 0o600)?;
            sync_folder(&new)?;
            put_in_place(&new, &place)?;
        } else {
            remove_tree(&place)?;
        }
        Ok(())
    });
    let cleared = remove_tree(&new).map_err(WrapError::from);
    made.and(cleared)?;
    Ok(sync_folder(&shelf)?)
}

/// Renames `new` to `place`; what stood there is under the name `new` then, or gone.
pub(super) fn put_in_place(new: &Path, place: &Path) -> Result<(), FsError> {
    if std::fs::symlink_metadata(place).is_err() {
        return rename_new(new, place);
    }
    if swap(new, place)? {
        return Ok(());
    }
    // One of the two is whole at every moment.
    let old = place.with_file_name(format!("{OLD}{}", place.file_name().unwrap_or_default().to_string_lossy()));
    remove_tree(&old)?;
    rename_new(place, &old)?;
    rename_new(new, place)?;
    remove_tree(&old)
}

/// Writes an age file for `recipients`, durably; gives its digest.
fn seal(
    path: &Path,
    recipients: &[Recipient],
    fill: impl FnOnce(&mut dyn Write) -> Result<(), WrapError>,
) -> Result<MediumDigest, WrapError> {
    let hashed = Hashed { file: Durable::create(path, 0o600)?, hasher: Sha256::new() };
    let age = |fault| match fault {
        AgeError::Io(e) => FsError::at("can't write", path)(e).into(),
        fault => WrapError::Age { path: path.to_owned(), fault },
    };
    let mut out = SealWriter::new(hashed, recipients).map_err(age)?;
    fill(&mut out)?;
    let Hashed { file, hasher } = out.finish().map_err(FsError::at("can't write", path))?;
    file.commit()?;
    Ok(MediumDigest::from_bytes(hasher.finalize().into()))
}

/// A file whose bytes are hashed on their way to it.
struct Hashed {
    file: Durable,
    hasher: Sha256,
}

impl Write for Hashed {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.file.write(buf)?;
        self.hasher.update(&buf[..n]);
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
