//! The bundle's folder on the medium, in the making.

use super::pack::SealedPack;
use super::{ExportError, Proof};
use crate::error::FsError;
use crate::fs::{DirectFile, Durable, ReadBack, create_folder, remove_tree, sync_folder};
use crate::vault::{Held, Vault};
use gapvault_formats::custody::Event;
use gapvault_formats::ids::{BundleId, MediumDigest};
use gapvault_formats::names::Label;
use gapvault_formats::seal::{BundleFile, SEAL_NAME, Subject};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The folder of a bundle that has no seal yet.
#[derive(Debug)]
pub(super) struct Target {
    path: PathBuf,
    /// The folders made in it, to be synced before the seal is written.
    folders: BTreeSet<PathBuf>,
    /// Reads every file again before it gets its name; `None` if nobody wants that.
    read_back: Option<ReadBack>,
}

impl Target {
    pub(super) fn create(medium: &Path, label: &Label, read_back: bool) -> Result<Self, FsError> {
        let path = bundle_path(medium, label);
        create_folder(&path.join("packs"), 0o755)?;
        let folders = [medium.join("gapvault"), path.clone(), path.join("packs")].into();
        Ok(Self { path, folders, read_back: read_back.then(ReadBack::new) })
    }

    /// What reading everything again has shown.
    pub(super) fn proof(&self) -> Proof {
        match &self.read_back {
            None => Proof::Skipped,
            Some(read_back) if read_back.is_from_device() => Proof::Proven,
            Some(_) => Proof::Unproven,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a pack, past the page cache.
    pub(super) fn pack(&mut self, pack: &mut SealedPack) -> Result<Subject, ExportError> {
        let file = BundleFile::Pack(pack.number);
        let path = self.prepare(&file.to_string())?;
        let failed = || FsError::at("can't write", &path);
        let mut out = DirectFile::new(Durable::create(&path, 0o644)?);
        out.append(&mut pack.file).map_err(failed())?;
        self.commit(out.finish().map_err(failed())?, &path, pack.sha256)?;
        Ok(Subject { file, sha256: pack.sha256, size: pack.file.len() as u64 })
    }

    /// Writes a file of the bundle, and hashes it on the way.
    pub(super) fn file(&mut self, file: BundleFile, bytes: &[u8]) -> Result<Subject, ExportError> {
        let (digest, size) = self.named(&file.to_string(), bytes)?;
        Ok(Subject { file, sha256: digest, size })
    }

    /// Copies a file of the bundle from the vault, and hashes it on the way.
    pub(super) fn copy(&mut self, file: BundleFile, from: &Path) -> Result<Subject, ExportError> {
        let input = std::fs::File::open(from).map_err(FsError::at("can't open", from))?;
        let (sha256, size) = self.named(&file.to_string(), input)?;
        Ok(Subject { file, sha256, size })
    }

    /// Writes a signature; signatures are no subjects of the seal.
    pub(super) fn signature(&mut self, name: &str, armoured: &str) -> Result<(), ExportError> {
        self.named(name, armoured.as_bytes()).map(drop)
    }

    /// Makes everything durable, then writes the seal and makes that durable: from here on there is a bundle.
    pub(super) fn seal(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.folders.iter().try_for_each(|folder| sync_folder(folder))?;
        self.named(SEAL_NAME, bytes)?;
        Ok(sync_folder(&self.path)?)
    }

    /// The path of a file in the bundle's folder; the folder that it stands in is made.
    fn prepare(&mut self, name: &str) -> Result<PathBuf, FsError> {
        let path = self.path.join(name);
        let folder = path.parent().unwrap_or(&self.path);
        if !self.folders.contains(folder) {
            create_folder(folder, 0o755)?;
            self.folders.insert(folder.to_owned());
        }
        Ok(path)
    }

    fn named(&mut self, name: &str, mut input: impl Read) -> Result<(MediumDigest, u64), ExportError> {
        let path = self.prepare(name)?;
        let mut out = Hashing { file: Durable::create(&path, 0o644)?, hasher: Sha256::new() };
        let size = std::io::copy(&mut input, &mut out).map_err(FsError::at("can't write", &path))?;
        let Hashing { file, hasher } = out;
        let digest = MediumDigest::from_bytes(hasher.finalize().into());
        self.commit(file, &path, digest)?;
        Ok((digest, size))
    }

    /// Gives a file its name, once the medium has shown that it keeps it.
    fn commit(&mut self, file: Durable, path: &Path, expected: MediumDigest) -> Result<(), ExportError> {
        file.commit_if(|part| {
            let Some(read_back) = &mut self.read_back else { return Ok(()) };
            let actual = read_back.digest(part)?;
            if actual == expected {
                return Ok(());
            }
            Err(ExportError::ReadBack { path: path.to_owned(), actual, expected })
        })
    }
}

struct Hashing {
    file: Durable,
    hasher: Sha256,
}

impl Write for Hashing {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(buf)?;
        self.hasher.update(&buf[..written]);
        Ok(written)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

fn bundle_path(medium: &Path, label: &Label) -> PathBuf {
    medium.join("gapvault").join(label.as_str())
}

/// Whether `medium` can be exported to: it is there, and nobody has put a link where its bundles stand.
pub(super) fn check(medium: &Path) -> Result<(), ExportError> {
    if !medium.is_dir() {
        return Err(ExportError::NoMedium { path: medium.to_owned() });
    }
    // Before its room is looked at: what can't be written to is not full.
    rustix::fs::access(medium, rustix::fs::Access::WRITE_OK).map_err(FsError::at("can't write to", medium))?;
    let gapvault = medium.join("gapvault");
    match gapvault.symlink_metadata() {
        Ok(metadata) if !metadata.is_dir() => Err(ExportError::Obstructed { path: gapvault }),
        _ => Ok(()),
    }
}

/// Removes what an export left on the medium before it had a seal, and logs that it came to nothing.
pub(super) fn abandon(vault: &mut Vault, medium: &Path, label: &Label) -> Result<(), ExportError> {
    let path = bundle_path(medium, label);
    remove_tree(&path)?;
    let gapvault = medium.join("gapvault");
    // Only if it was made for this export alone.
    let _ = std::fs::remove_dir(&gapvault);
    let bundle = vault.log().iter().find_map(|entry| match &entry.event {
        Event::Exported(exported) if exported.label == *label => Some(exported.bundle),
        _ => None,
    });
    Ok(vault.record(Event::ExportAbandoned { label: label.clone(), bundle })?)
}

/// Deals with what earlier exports of this vault left on the medium without a seal. One that the log says came to a
/// bundle was killed right before its seal: it gets that now. Any other is removed. What the log says was exported is
/// never taken back because of a medium: whoever brings one may have taken the seal off after it was delivered.
pub(super) fn clear_leftovers(vault: &mut Vault, medium: &Path) -> Result<(), ExportError> {
    let labels = |event: &Event| match event {
        Event::ExportBegun(begun) => Some(begun.label.clone()),
        _ => None,
    };
    let begun: Vec<Label> = vault.log().iter().filter_map(|entry| labels(&entry.event)).collect();
    for label in begun {
        let path = bundle_path(medium, &label);
        let is_folder = path.symlink_metadata().is_ok_and(|m| m.is_dir());
        if !is_folder || !matches!(path.join(SEAL_NAME).try_exists(), Ok(false)) {
            continue;
        }
        let sealed = vault.held().find_map(|held| match held {
            Held::Exported(exported) if exported.label == label => Some(exported.bundle),
            _ => None,
        });
        match sealed {
            Some(bundle) => seal_again(vault, &bundle, path)?,
            None => abandon(vault, medium, &label)?,
        }
    }
    Ok(())
}

/// Puts the vault's copy of a seal on the medium.
fn seal_again(vault: &Vault, bundle: &BundleId, path: PathBuf) -> Result<(), ExportError> {
    let copy = vault.bundle_path(bundle).join(SEAL_NAME);
    let seal = std::fs::read(&copy).map_err(FsError::at("can't read", &copy))?;
    let folders = [path.clone()].into();
    Target { path, folders, read_back: Some(ReadBack::new()) }.seal(&seal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_otherwise_gets_no_name() {
        let medium = tempfile::tempdir().unwrap();
        let label: Label = "20261122-0123456789ab".parse().unwrap();
        let mut target = Target::create(medium.path(), &label, true).unwrap();
        let path = target.path().join("seal.json");
        let written = |bytes: &[u8]| {
            let mut file = Durable::create(&path, 0o644).unwrap();
            file.write_all(bytes).unwrap();
            file
        };
        let expected = MediumDigest::of(b"as it was written");
        let refused = target.commit(written(b"as it came back"), &path, expected);
        assert!(
            matches!(refused, Err(ExportError::ReadBack { actual, .. }) if actual == MediumDigest::of(b"as it came back"))
        );
        let left = std::fs::read_dir(target.path()).unwrap().filter(|e| e.as_ref().unwrap().path().is_file());
        assert_eq!(left.count(), 0);
        target.commit(written(b"as it was written"), &path, expected).unwrap();
        assert!(path.is_file());
        target.read_back = None;
        target.commit(written(b"as nobody looked"), &path, expected).unwrap();
    }
}
