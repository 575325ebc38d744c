//! The media that a bundle is written anew to.

use super::error::RepairError;
use crate::bundle::{BundleError, Placed, SealedBundle, Shelf, Store, check_room, digest_of, volume_files};
use crate::error::FsError;
use crate::fs::{Aligned, DirectFile, Durable, Folder, ReadBack, create_folder, sync_folder};
use crate::lane::lock;
use crate::observe::{Event, Observer, Phase};
use gapvault_formats::ids::MediumDigest;
use gapvault_formats::seal::{BundleFile, SEAL_NAME, Seal, Subject};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The folders of a bundle that is written anew, on one medium or one for each volume.
pub(super) struct Targets {
    paths: Vec<PathBuf>,
    folders: Vec<Folder>,
    /// Where each file goes that does not go to all of them.
    place: BTreeMap<BundleFile, usize>,
    here: BTreeSet<(usize, BundleFile)>,
    read_back: Mutex<ReadBack>,
}

impl Targets {
    /// Makes the folders, or goes on in those of a repair that broke off.
    pub(super) fn begin(
        to: &[PathBuf],
        seal: &Seal,
        sources: &[&Placed],
        observer: &dyn Observer,
    ) -> Result<Self, RepairError> {
        let predicate = seal.predicate();
        let (given, volumes) = (to.len(), predicate.volumes.len());
        if given != 1 && given != volumes {
            return Err(RepairError::Media { given, volumes });
        }
        let label = predicate.label.as_str();
        for medium in to {
            if !medium.is_dir() {
                return Err(RepairError::NoMedium { path: medium.clone() });
            }
            rustix::fs::access(medium, rustix::fs::Access::WRITE_OK).map_err(FsError::at("can't write to", medium))?;
            expect_own(&medium.join("gapvault").join(label), &medium.join("gapvault"), seal)?;
        }
        let mut targets = Self {
            paths: to.iter().map(|medium| medium.join("gapvault").join(label)).collect(),
            folders: Vec::new(),
            place: BTreeMap::new(),
            here: BTreeSet::new(),
            read_back: Mutex::new(ReadBack::new()),
        };
        for (number, volume) in predicate.volumes.iter().enumerate() {
            let target = number.min(given - 1);
            targets.place.extend(volume_files(seal, volume).map(|file| (file, target)));
        }
        for path in &targets.paths {
            create_folder(path, 0o755)?;
            targets.folders.push(Folder::open(path)?);
        }
        let mut ids = BTreeSet::new();
        for (folder, path) in targets.folders.iter().zip(&targets.paths) {
            for source in sources {
                if source.bundle.folder.id()? == folder.id()? {
                    return Err(RepairError::Source { path: path.clone() });
                }
            }
            if !ids.insert(folder.id()?) {
                return Err(RepairError::Media { given: ids.len(), volumes });
            }
        }
        targets.recheck(seal, observer)?;
        Ok(targets)
    }

    /// The targets that a file goes to.
    fn places(&self, file: &BundleFile) -> std::ops::Range<usize> {
        match self.place.get(file) {
            Some(one) => *one..one + 1,
            None => 0..self.paths.len(),
        }
    }

    /// Keeps what an earlier attempt wrote whole, and removes the rest.
    fn recheck(&mut self, seal: &Seal, observer: &dyn Observer) -> Result<(), RepairError> {
        let mut there = Vec::new();
        for (number, path) in self.paths.iter().enumerate() {
            for entry in walkdir::WalkDir::new(path).into_iter().filter_map(Result::ok) {
                if entry.file_type().is_dir() {
                    continue;
                }
                let name = entry.path().strip_prefix(path).ok().and_then(Path::to_str).unwrap_or_default();
                let subject = name.parse().ok().and_then(|file| seal.subject(&file));
                match subject.filter(|subject| self.places(&subject.file).contains(&number)) {
                    Some(subject) => there.push((number, subject)),
                    None => std::fs::remove_file(entry.path()).map_err(FsError::at("can't remove", entry.path()))?,
                }
            }
        }
        if there.is_empty() {
            return Ok(());
        }
        let total = there.iter().map(|(_, subject)| subject.size).sum();
        observer.event(Event::Begin { phase: Phase::Verify, total, medium: None });
        for (number, subject) in there {
            if observer.cancelled() {
                return Err(BundleError::Interrupted.into());
            }
            if digest_of(&self.folders[number], subject)? == Some(subject.sha256) {
                self.here.insert((number, subject.file.clone()));
            }
            observer.event(Event::Advance { bytes: subject.size, medium: None });
        }
        observer.event(Event::End { medium: None });
        Ok(())
    }

    /// Whether there is room for what is still to be written.
    pub(super) fn check_room(&self, seal: &Seal) -> Result<(), RepairError> {
        let lacks = |number: usize, subject: &&Subject| {
            self.places(&subject.file).contains(&number) && !self.here.contains(&(number, subject.file.clone()))
        };
        for (number, path) in self.paths.iter().enumerate() {
            check_room(path, seal.subjects().iter().filter(|s| lacks(number, s)).map(|s| s.size).sum())?;
        }
        Ok(())
    }

    /// A shelf for the files of one medium that is read.
    pub(super) fn shelf(&self) -> Arriving<'_> {
        Arriving { targets: self, current: None }
    }

    /// Notes that a file has come.
    pub(super) fn came(&mut self, file: &BundleFile) {
        let first = self.places(file).start;
        self.here.insert((first, file.clone()));
    }

    /// Writes a small file of these bytes to where it goes.
    pub(super) fn put(&mut self, subject: &Subject, bytes: &[u8]) -> Result<(), RepairError> {
        for number in self.places(&subject.file) {
            self.write(&self.paths[number].join(subject.file.to_string()), bytes)?;
            self.here.insert((number, subject.file.clone()));
        }
        Ok(())
    }

    /// Copies what goes to all targets from the first to the others.
    pub(super) fn spread(&mut self, seal: &Seal) -> Result<(), RepairError> {
        for subject in seal.subjects() {
            for number in self.places(&subject.file).skip(1) {
                let key = (number, subject.file.clone());
                if self.here.contains(&key) || !self.here.contains(&(0, subject.file.clone())) {
                    continue;
                }
                let name = subject.file.to_string();
                let mut from =
                    self.folders[0].file(&name).map_err(|e| BundleError::opening(&self.folders[0], &name, e))?;
                let path = self.paths[number].join(&name);
                let mut file = Durable::create(&path, 0o644)?;
                std::io::copy(&mut from, &mut file).map_err(FsError::at("can't write", &path))?;
                self.commit_as(subject.sha256, &path, file)?;
                self.here.insert(key);
            }
        }
        Ok(())
    }

    /// Makes everything durable, then signs: the seal comes last.
    pub(super) fn seal(&self, sealed: &SealedBundle) -> Result<(), RepairError> {
        self.sync()?;
        for path in &self.paths {
            for (name, bytes) in &sealed.signatures {
                self.write(&path.join(name), bytes)?;
            }
            sync_folder(path)?;
        }
        for path in &self.paths {
            self.write(&path.join(SEAL_NAME), &sealed.bytes)?;
            sync_folder(path)?;
        }
        Ok(())
    }

    /// Whether everything came back from the devices as it was written, as far as can be known.
    pub(super) fn is_proven(&self) -> bool {
        lock(&self.read_back).is_from_device()
    }

    /// Where the bundle stands now.
    pub(super) fn into_paths(self) -> Vec<PathBuf> {
        self.paths
    }

    fn sync(&self) -> Result<(), FsError> {
        for path in &self.paths {
            for entry in walkdir::WalkDir::new(path).into_iter().filter_map(Result::ok) {
                if entry.file_type().is_dir() {
                    sync_folder(entry.path())?;
                }
            }
            path.ancestors().skip(1).take(2).try_for_each(sync_folder)?;
        }
        Ok(())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), RepairError> {
        let mut file = Durable::create(path, 0o644)?;
        file.write_all(bytes).map_err(FsError::at("can't write", path))?;
        self.commit_as(MediumDigest::of(bytes), path, file)
    }

    /// Gives a file its name, once the medium has shown that it keeps it.
    fn commit_as(&self, expected: MediumDigest, path: &Path, file: Durable) -> Result<(), RepairError> {
        file.commit_if(|part| {
            let actual = lock(&self.read_back).digest(part)?;
            if actual == expected {
                return Ok(());
            }
            Err(RepairError::ReadBack { path: path.to_owned(), actual, expected })
        })
    }
}

/// Whether nothing stands at `path`, or what an earlier repair of this bundle left: files of the seal, no seal yet.
fn expect_own(path: &Path, gapvault: &Path, seal: &Seal) -> Result<(), RepairError> {
    let exists = || RepairError::Exists { path: path.to_owned() };
    if gapvault.symlink_metadata().is_ok_and(|m| !m.is_dir()) {
        return Err(RepairError::Exists { path: gapvault.to_owned() });
    }
    match path.symlink_metadata() {
        Err(_) => return Ok(()),
        Ok(metadata) if !metadata.is_dir() => return Err(exists()),
        Ok(_) => {}
    }
    for entry in walkdir::WalkDir::new(path) {
        let entry = entry.map_err(|_| exists())?;
        let name = entry.path().strip_prefix(path).ok().and_then(Path::to_str).ok_or_else(exists)?;
        if entry.file_type().is_dir() {
            // One under a file's name would stand in that file's way.
            name.parse::<BundleFile>().map_or(Ok(()), |_| Err(exists()))?;
            continue;
        }
        let name = name.strip_suffix(".part").unwrap_or(name);
        let is_signature = name.starts_with("seal.json.") && name.ends_with(".sig");
        let is_part_of_seal = name == SEAL_NAME && !entry.path().ends_with(SEAL_NAME);
        let is_subject = name.parse().is_ok_and(|file| seal.subject(&file).is_some());
        if !entry.file_type().is_file() || !(is_subject || is_signature || is_part_of_seal) {
            return Err(exists());
        }
    }
    Ok(())
}

impl Store<RepairError> for Targets {
    fn has(&self, file: &BundleFile) -> bool {
        self.here.contains(&(self.places(file).start, file.clone()))
    }

    fn wants(&self, file: &BundleFile) -> bool {
        matches!(file, BundleFile::Pack(_) | BundleFile::Parity(_))
    }

    fn folder(&self, file: &BundleFile) -> &Folder {
        &self.folders[self.places(file).start]
    }

    fn create(&self, subject: &Subject) -> Result<Durable, FsError> {
        let path = self.path(&subject.file);
        create_folder(path.parent().unwrap_or(&path), 0o755)?;
        Durable::create(&path, 0o644)
    }

    fn commit(&self, subject: &Subject, file: Durable) -> Result<(), RepairError> {
        self.commit_as(subject.sha256, &self.path(&subject.file), file)
    }

    fn add(&mut self, subject: &Subject) {
        self.came(&subject.file);
    }
}

impl Targets {
    /// Where a file is written first.
    fn path(&self, file: &BundleFile) -> PathBuf {
        self.paths[self.places(file).start].join(file.to_string())
    }
}

/// The files of one medium on their way to the others.
pub(super) struct Arriving<'t> {
    targets: &'t Targets,
    current: Option<DirectFile<Durable>>,
}

impl Shelf<RepairError> for Arriving<'_> {
    fn block(&mut self, subject: &Subject, block: &mut Aligned) -> Result<(), RepairError> {
        let file = match &mut self.current {
            Some(file) => file,
            none => none.insert(DirectFile::new(self.targets.create(subject)?)),
        };
        Ok(file.append(block).map_err(FsError::at("can't write", &self.targets.path(&subject.file)))?)
    }

    fn complete(&mut self, subject: &Subject) -> Result<(), RepairError> {
        let Some(file) = self.current.take() else { return Ok(()) };
        let path = self.targets.path(&subject.file);
        let file = file.finish().map_err(FsError::at("can't write", &path))?;
        self.targets.commit_as(subject.sha256, &path, file)
    }

    fn abandon(&mut self, _: &Subject) {
        // Its unfinished file goes with it.
        self.current = None;
    }
}
