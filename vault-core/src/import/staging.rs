//! A bundle's files arriving in the vault, where imports wait.

use super::error::ImportError;
use super::packs::is_description;
use crate::bundle::{
    BundleError, Chosen, Damage, Fault, Fetched, Homes, Judged, Listed, Mended, SealedBundle, Shelf, Store, digest_of,
    fetch, weight,
};
use crate::error::FsError;
use crate::fs::{Aligned, DirectFile, Durable, Folder, create_folder, remove_tree, sync_folder, write_replacing};
use crate::observe::{Event, Observer, Phase};
use gapvault_formats::seal::{BundleFile, SEAL_NAME, Seal, Subject};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The folder in which a bundle waits, and what of it is there.
pub(super) struct Staging {
    path: PathBuf,
    folder: Folder,
    here: BTreeSet<BundleFile>,
    size: u64,
}

impl Staging {
    /// Goes on with what earlier attempts left: whole files of this bundle are kept, anything else is removed.
    pub(super) fn begin(path: &Path, judged: &Judged, observer: &dyn Observer) -> Result<Self, ImportError> {
        let mut staging = Self { path: path.to_owned(), folder: Folder::open(path)?, here: BTreeSet::new(), size: 0 };
        let there = staging.keep_only(judged)?;
        if there.is_empty() {
            return Ok(staging);
        }
        let total = there.iter().map(|s| s.size).sum();
        observer.event(Event::Begin { phase: Phase::Verify, total, medium: None });
        for subject in there {
            if observer.cancelled() {
                return Err(BundleError::Interrupted.into());
            }
            // Checked, not assumed: the machine may have gone down while this was written.
            match digest_of(&staging.folder, subject) {
                Ok(Some(digest)) if digest == subject.sha256 => staging.add(subject),
                Err(BundleError::Irregular { .. }) | Ok(_) => staging.remove(&subject.file.to_string())?,
                Err(error) => return Err(error.into()),
            }
            observer.event(Event::Advance { bytes: subject.size, medium: None });
        }
        observer.event(Event::End { medium: None });
        Ok(staging)
    }

    /// Removes what is no file of this bundle; gives those that are there.
    fn keep_only<'a>(&self, judged: &'a Judged) -> Result<Vec<&'a Subject>, ImportError> {
        let mut found = BTreeSet::new();
        let mut entries = walkdir::WalkDir::new(&self.path).follow_root_links(false).min_depth(1).into_iter();
        while let Some(entry) = entries.next() {
            let Ok(entry) = entry else { continue };
            let name = entry.path().strip_prefix(&self.path).ok().and_then(Path::to_str).map(str::to_owned);
            if !entry.file_type().is_dir() && !entry.file_type().is_file() {
                // Nothing of a bundle is a link or a fifo, whatever its name.
                std::fs::remove_file(entry.path()).map_err(FsError::at("can't remove", entry.path()))?;
            } else if entry.file_type().is_file() {
                found.insert(name.unwrap_or_else(|| entry.path().display().to_string()));
            } else if !name.is_some_and(|name| is_shelf(&name)) {
                // A folder under a file's name would stand in that file's way for ever.
                remove_tree(entry.path())?;
                entries.skip_current_dir();
            }
        }
        let there = judged.seal.subjects().iter().filter(|s| found.remove(&s.file.to_string())).collect();
        // An unsealed volume may be all that comes next: the seal must never be gone.
        for name in found.iter().filter(|name| *name != SEAL_NAME && !judged.sealed.signatures.contains_key(*name)) {
            self.remove(name)?;
        }
        Ok(there)
    }

    fn remove(&self, name: &str) -> Result<(), FsError> {
        let path = self.path.join(name);
        std::fs::remove_file(&path).map_err(FsError::at("can't remove", &path))
    }

    /// Bytes of the bundle's files that are here.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that are still to be written of these.
    pub(super) fn lacks(&self, subjects: &[&Subject]) -> u64 {
        subjects.iter().filter(|s| !self.has(&s.file)).map(|s| s.size).sum()
    }

    /// Keeps the seal and its signatures, so that volumes without them can follow.
    pub(super) fn write_seal(&self, sealed: &SealedBundle) -> Result<(), FsError> {
        let all = sealed.signatures.iter().map(|(name, bytes)| (name.as_str(), bytes));
        for (name, bytes) in all.chain([(SEAL_NAME, &sealed.bytes)]) {
            let path = self.path.join(name);
            if !matches!(self.folder.read(name, bytes.len() as u64), Ok(Some(known)) if known == *bytes) {
                write_replacing(&path, bytes, 0o600)?;
            }
        }
        Ok(())
    }

    /// Takes those of the given files that are not here yet from the media that have them.
    pub(super) fn take(
        &mut self,
        phase: Phase,
        folders: &[Listed<'_>],
        subjects: &[&Subject],
        seal: &Seal,
        observer: &dyn Observer,
    ) -> Result<Fetched, ImportError> {
        let missing: Vec<_> = subjects.iter().copied().filter(|s| !self.has(&s.file)).collect();
        let mut shelves: Vec<_> = folders.iter().map(|_| Arriving { root: self.path.clone(), current: None }).collect();
        let fetched = fetch(phase, folders, &missing, seal, observer, &mut shelves)?;
        missing.into_iter().filter(|s| fetched.has(&s.file)).for_each(|subject| self.add(subject));
        Ok(fetched)
    }

    /// Whether what describes the bundle is here; gives the faults of the other small files.
    pub(super) fn expect_descriptions(
        &self,
        chosen: &Chosen<'_, Judged>,
        small: &[&Subject],
        fetched: Fetched,
    ) -> Result<Vec<Fault>, ImportError> {
        let mut died = fetched.died.into_iter();
        let mut faults = fetched.faults;
        faults.sort_by_key(|fault| weight(&fault.file));
        let mut spoiled: Vec<Fault> = Vec::new();
        let mut missing: Vec<_> = small.iter().filter(|s| !self.has(&s.file)).collect();
        missing.sort_by_key(|subject| weight(&subject.file));
        let homes = Homes::new(&chosen.judged.seal, &chosen.folders);
        for subject in missing {
            if let Some((folder, source)) = died.next() {
                return Err(ImportError::Died { medium: chosen.folders[folder].placed.path.clone(), source });
            }
            let error = match faults.iter().position(|fault| fault.file == subject.file) {
                Some(at) => faults.swap_remove(at).error,
                None => homes.missing(&subject.file),
            };
            if is_description(&subject.file) {
                return Err(error.into());
            }
            spoiled.push(Fault { file: subject.file.clone(), error });
        }
        Ok(spoiled)
    }

    /// Writes a small file that was put together and has its digest.
    pub(super) fn put(&mut self, subject: &Subject, text: &str) -> Result<Mended, FsError> {
        write_replacing(&self.path.join(subject.file.to_string()), text.as_bytes(), 0o600)?;
        self.add(subject);
        Ok(Mended { file: subject.file.clone(), size: subject.size, damage: Damage::default() })
    }

    pub(super) fn sync(&self) -> Result<(), FsError> {
        for entry in walkdir::WalkDir::new(&self.path).into_iter().filter_map(Result::ok) {
            if entry.file_type().is_dir() {
                sync_folder(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Store<ImportError> for Staging {
    fn has(&self, file: &BundleFile) -> bool {
        self.here.contains(file)
    }

    // Parity is for the way here.
    fn wants(&self, file: &BundleFile) -> bool {
        matches!(file, BundleFile::Pack(_))
    }

    fn folder(&self, _: &BundleFile) -> &Folder {
        &self.folder
    }

    fn create(&self, subject: &Subject) -> Result<Durable, FsError> {
        let path = self.path.join(subject.file.to_string());
        create_folder(path.parent().unwrap_or(&self.path), 0o700)?;
        Durable::create(&path, 0o600)
    }

    fn commit(&self, _: &Subject, file: Durable) -> Result<(), ImportError> {
        Ok(file.commit()?)
    }

    fn add(&mut self, subject: &Subject) {
        if self.here.insert(subject.file.clone()) {
            self.size += subject.size;
        }
    }
}

/// Whether a folder of this name holds packs or other such folders: `packs`, `packs/0000`.
fn is_shelf(name: &str) -> bool {
    let number = name.strip_prefix("packs/");
    name == "packs" || number.is_some_and(|n| n.len() == 4 && n.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The files of one medium on their way in.
struct Arriving {
    root: PathBuf,
    current: Option<DirectFile<Durable>>,
}

impl Shelf<ImportError> for Arriving {
    fn block(&mut self, subject: &Subject, block: &mut Aligned) -> Result<(), ImportError> {
        let path = self.root.join(subject.file.to_string());
        let file = match &mut self.current {
            Some(file) => file,
            none => {
                create_folder(path.parent().unwrap_or(&self.root), 0o700)?;
                none.insert(DirectFile::new(Durable::create(&path, 0o600)?))
            }
        };
        Ok(file.append(block).map_err(FsError::at("can't write", &path))?)
    }

    fn complete(&mut self, subject: &Subject) -> Result<(), ImportError> {
        let Some(file) = self.current.take() else { return Ok(()) };
        let path = self.root.join(subject.file.to_string());
        Ok(file.finish().map_err(FsError::at("can't write", &path))?.commit()?)
    }

    fn abandon(&mut self, _: &Subject) {
        // Its unfinished file goes with it.
        self.current = None;
    }
}
