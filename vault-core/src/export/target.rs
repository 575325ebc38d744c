//! The bundle's folder on one medium, in the making.

use super::pack::SealedPack;
use super::prove::Checked;
use super::shares::Sizes;
use super::{ExportError, Proof};
use crate::error::FsError;
use crate::fs::{BackFile, DirectFile, Durable, Mount, ReadBack, create_folder, remove_tree, sync_folder};
use gapvault_formats::ids::MediumDigest;
use gapvault_formats::names::Label;
use gapvault_formats::seal::{BundleFile, SEAL_NAME, Subject};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The folder of a bundle that has no seal yet.
#[derive(Debug)]
pub(super) struct Target {
    medium: PathBuf,
    path: PathBuf,
    /// What tells this medium from what is under its mount point when it is gone.
    identity: (u64, u64),
    /// The folders made in it, to be synced before the seal is written.
    folders: BTreeSet<PathBuf>,
    /// Reads files again.
    reader: ReadBack,
    /// Whether that is wanted of every file.
    reads_back: bool,
    /// Whether a pack was read back at once already.
    tried: bool,
}

impl Target {
    /// Begins a bundle's folder on a medium, or goes on with one.
    pub(super) fn create(medium: &Path, label: &Label, read_back: bool) -> Result<Self, ExportError> {
        check(medium)?;
        let path = bundle_path(medium, label);
        expect_folders(medium, &path.join("packs"))?;
        expect_folders(medium, &path.join("parity"))?;
        let failed = |source| ExportError::medium(medium, source);
        let identity = identity(medium).map_err(failed)?;
        create_folder(&path.join("packs"), 0o755).map_err(failed)?;
        let folders = [medium.join("gapvault"), path.clone(), path.join("packs")].into();
        let (medium, reader) = (medium.to_owned(), ReadBack::new());
        Ok(Self { medium, path, identity, folders, reader, reads_back: read_back, tried: false })
    }

    /// What reading everything again has shown.
    pub(super) fn proof(&self) -> Proof {
        match self.reads_back {
            false => Proof::Skipped,
            true if self.reader.is_from_device() => Proof::Proven,
            true => Proof::Unproven,
        }
    }

    pub(super) fn medium(&self) -> &Path {
        &self.medium
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of its file system.
    pub(super) fn device(&self) -> u64 {
        self.identity.0
    }

    pub(super) fn reads_back(&self) -> bool {
        self.reads_back
    }

    /// Writes a pack, past the page cache. It is read back when all are there: a medium that is smaller than it says
    /// shows that only then. One that keeps nothing at all shows it with the first pack.
    pub(super) fn pack(&mut self, pack: &mut SealedPack) -> Result<Subject, ExportError> {
        let file = BundleFile::Pack(pack.number);
        let (path, out) = self.begin(&file)?;
        let mut out = DirectFile::new(out);
        let medium = self.medium.clone();
        let failed = |e| ExportError::medium(&medium, FsError::at("can't write", &path)(e));
        out.append(&mut pack.file).map_err(failed)?;
        let out = out.finish().map_err(failed)?;
        if std::mem::replace(&mut self.tried, true) {
            out.commit().map_err(|source| ExportError::medium(&medium, source))?;
        } else {
            self.commit(out, &path, pack.sha256)?;
        }
        Ok(Subject { file, sha256: pack.sha256, size: pack.file.len() as u64 })
    }

    /// Begins a file of the bundle: its path, and where its bytes go.
    pub(super) fn begin(&mut self, file: &BundleFile) -> Result<(PathBuf, Durable), ExportError> {
        let path = self.prepare(&file.to_string())?;
        let out = Durable::create(&path, 0o644);
        Ok((path, out.map_err(|source| ExportError::medium(&self.medium, source))?))
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
    pub(super) fn signature(&mut self, name: &str, armoured: &[u8]) -> Result<(), ExportError> {
        self.named(name, armoured).map(drop)
    }

    /// Makes everything durable but for a seal.
    pub(super) fn sync(&self) -> Result<(), ExportError> {
        let synced = self.folders.iter().try_for_each(|folder| sync_folder(folder));
        synced.map_err(|source| ExportError::medium(&self.medium, source))
    }

    /// Makes everything durable, then writes the seal and makes that durable: from here on there is a bundle.
    pub(super) fn seal(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.sync()?;
        self.named(SEAL_NAME, bytes)?;
        sync_folder(&self.path).map_err(|source| ExportError::medium(&self.medium, source))
    }

    /// Opens a file of the bundle to be read from the device.
    pub(super) fn back(&mut self, file: &BundleFile) -> Result<BackFile, ExportError> {
        let path = self.path.join(file.to_string());
        self.reader.open(&path).map_err(|source| ExportError::medium(&self.medium, source))
    }

    /// The numbers of the packs that stand here.
    pub(super) fn packs(&self) -> Result<Vec<u64>, ExportError> {
        let mut numbers = Vec::new();
        for entry in walkdir::WalkDir::new(self.path.join("packs")).follow_links(false).follow_root_links(false) {
            let entry = entry.map_err(|e| self.failed("can't list", &self.path)(e.into()))?;
            let name = entry.path().strip_prefix(&self.path).ok().and_then(|path| path.to_str());
            if let Some(Ok(BundleFile::Pack(number))) = name.map(str::parse)
                && entry.file_type().is_file()
            {
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Whether a pack stands here as it was written. One that can't be read is not whole.
    pub(super) fn check(&mut self, number: u64, size: u64, sha256: MediumDigest) -> Result<Checked, ExportError> {
        let path = self.path.join(BundleFile::Pack(number).to_string());
        expect_folders(&self.medium, path.parent().unwrap_or(&self.path))?;
        let is_whole = match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() && metadata.len() == size => {
                self.reader.digest(&path).is_ok_and(|actual| actual == sha256)
            }
            _ => false,
        };
        if identity(&self.medium).ok() != Some(self.identity) {
            return Err(ExportError::Pulled { medium: self.medium.clone() });
        }
        Ok(if is_whole { Checked::Whole } else { Checked::Lost })
    }

    /// Removes everything in the bundle's folder but the packs of these numbers.
    pub(super) fn keep_only(&self, numbers: &BTreeSet<u64>) -> Result<(), ExportError> {
        let all = walkdir::WalkDir::new(&self.path).follow_links(false).follow_root_links(false);
        for entry in all.into_iter().filter_map(Result::ok) {
            let name = entry.path().strip_prefix(&self.path).ok().and_then(|path| path.to_str());
            let kept = matches!(name.map(str::parse), Some(Ok(BundleFile::Pack(n))) if numbers.contains(&n));
            if !entry.file_type().is_dir() && !kept {
                std::fs::remove_file(entry.path()).map_err(self.failed("can't remove", entry.path()))?;
            }
        }
        let parity = self.path.join("parity");
        remove_tree(&parity).map_err(|source| ExportError::medium(&self.medium, source))
    }

    /// Gives a file its name, once the medium has shown that it keeps it.
    pub(super) fn commit(&mut self, file: Durable, path: &Path, expected: MediumDigest) -> Result<(), ExportError> {
        let medium = &self.medium;
        let failed = |source| ExportError::medium(medium, source);
        let (reader, reads_back) = (&mut self.reader, self.reads_back);
        let committed = file.commit_if(|part| {
            if !reads_back {
                return Ok(());
            }
            let actual = reader.digest(part).map_err(failed)?;
            if actual == expected {
                return Ok(());
            }
            Err(ExportError::ReadBack { path: path.to_owned(), actual, expected })
        });
        committed.map_err(|error| match error {
            ExportError::Fs(source) => failed(source),
            other => other,
        })
    }

    /// For errors of this medium.
    pub(super) fn failed(&self, action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ExportError {
        let (medium, path) = (self.medium.clone(), path.to_owned());
        move |e| ExportError::medium(&medium, FsError::at(action, &path)(e))
    }

    /// The path of a file in the bundle's folder; the folder that it stands in is made.
    fn prepare(&mut self, name: &str) -> Result<PathBuf, ExportError> {
        let failed = |source| ExportError::medium(&self.medium, source);
        // A medium that was pulled may have left an empty folder in its place, on the disk of this machine.
        if identity(&self.medium).ok() != Some(self.identity) {
            return Err(ExportError::Pulled { medium: self.medium.clone() });
        }
        let path = self.path.join(name);
        let folder = path.parent().unwrap_or(&self.path).to_owned();
        // Nobody else should write here; who does must not lead this elsewhere.
        expect_folders(&self.medium, &folder)?;
        if !self.folders.contains(&folder) {
            create_folder(&folder, 0o755).map_err(failed)?;
            // The one above it, too, may be new.
            self.folders.extend(folder.parent().filter(|f| f.starts_with(&self.path)).map(Path::to_owned));
            self.folders.insert(folder);
        }
        Ok(path)
    }

    fn named(&mut self, name: &str, mut input: impl Read) -> Result<(MediumDigest, u64), ExportError> {
        let path = self.prepare(name)?;
        let file = Durable::create(&path, 0o644);
        let file = file.map_err(|source| ExportError::medium(&self.medium, source))?;
        let mut out = Hashing { file, hasher: Sha256::new() };
        let copied = std::io::copy(&mut input, &mut out);
        let size = copied.map_err(self.failed("can't write", &path))?;
        let Hashing { file, hasher } = out;
        let digest = MediumDigest::from_bytes(hasher.finalize().into());
        self.commit(file, &path, digest)?;
        Ok((digest, size))
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

fn identity(medium: &Path) -> Result<(u64, u64), FsError> {
    let metadata = std::fs::metadata(medium).map_err(FsError::at("can't look at", medium))?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Whether nothing between `medium` and `folder`, as far as it is there, is a link or something else than a folder.
fn expect_folders(medium: &Path, folder: &Path) -> Result<(), ExportError> {
    let below = folder.ancestors().take_while(|path| *path != medium && path.starts_with(medium));
    for path in below {
        if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir()) {
            return Err(ExportError::Obstructed { path: path.to_owned() });
        }
    }
    Ok(())
}

/// Where a bundle stands on a medium.
pub(super) fn bundle_path(medium: &Path, label: &Label) -> PathBuf {
    medium.join("gapvault").join(label.as_str())
}

/// Bytes that a bundle's folder takes with everything in it. What can't be looked at takes none.
pub(super) fn occupied(path: &Path, sizes: Sizes) -> u64 {
    // The folder of all bundles is one of those that an export makes.
    let top = path.parent().and_then(|top| top.symlink_metadata().ok());
    let entries = walkdir::WalkDir::new(path).follow_links(false).into_iter();
    let entries = entries.filter_map(|entry| entry.ok()?.metadata().ok()).chain(top);
    entries.map(|entry| sizes.on_medium(entry.len()).max(entry.blocks().saturating_mul(512))).sum()
}

/// Whether a file system is mounted right at `medium`.
pub(super) fn is_mount_point(medium: &Path) -> bool {
    let Ok((folder, path)) = std::fs::File::open(medium).and_then(|folder| Ok((folder, medium.canonicalize()?))) else {
        return false;
    };
    Mount::of(&folder, medium).is_some_and(|mount| mount.point == path)
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
        target.reads_back = false;
        target.commit(written(b"as nobody looked"), &path, expected).unwrap();
    }

    #[test]
    fn a_medium_that_is_another_now_gets_nothing() {
        let room = tempfile::tempdir().unwrap();
        let medium = room.path().join("stick");
        std::fs::create_dir(&medium).unwrap();
        let label: Label = "20261122-0123456789ab".parse().unwrap();
        let mut target = Target::create(&medium, &label, true).unwrap();
        std::fs::rename(&medium, room.path().join("pulled")).unwrap();
        std::fs::create_dir(&medium).unwrap();
        let refused = target.file(BundleFile::Recover, b"text");
        assert!(matches!(refused, Err(ExportError::Pulled { .. })), "{refused:?}");
        assert_eq!(std::fs::read_dir(&medium).unwrap().count(), 0);
    }
}
