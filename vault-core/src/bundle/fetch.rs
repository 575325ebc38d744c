//! Bringing files in from whichever of several media has them: each from one, and from the next where that fails.

use super::choose::{Listed, Note};
use super::deliver::{Arrival, Delivered, Stream, deliver};
use super::files::BundleError;
use crate::error::FsError;
use crate::fs::Aligned;
use crate::observe::{Observer, Phase};
use gapvault_formats::seal::{BundleFile, Seal, Subject};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Takes the files of one medium in.
pub(crate) trait Shelf<E>: Send {
    /// The next bytes of a file: a multiple of what devices are written in, but for its last.
    fn block(&mut self, subject: &Subject, block: &mut Aligned) -> Result<(), E>;
    /// The file had its size and digest.
    fn complete(&mut self, subject: &Subject) -> Result<(), E>;
    /// The rest of the file does not come.
    fn abandon(&mut self, subject: &Subject);
}

/// Takes nothing in: what is read is only checked.
pub(crate) struct Nowhere;

impl<E> Shelf<E> for Nowhere {
    fn block(&mut self, _: &Subject, _: &mut Aligned) -> Result<(), E> {
        Ok(())
    }
    fn complete(&mut self, _: &Subject) -> Result<(), E> {
        Ok(())
    }
    fn abandon(&mut self, _: &Subject) {}
}

/// A file that a medium should have and does not, or not as the seal says.
#[derive(Debug)]
pub struct Fault {
    /// Which file.
    pub file: BundleFile,
    /// What is wrong with it, and where.
    pub error: BundleError,
}

/// How fast a medium was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Which medium, as it was given.
    pub medium: PathBuf,
    /// Bytes that were read.
    pub bytes: u64,
    /// In this time.
    pub time: Duration,
}

/// What reading from several media came to.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    /// What is in.
    files: BTreeSet<BundleFile>,
    /// What was good, by folder.
    good: BTreeSet<(usize, BundleFile)>,
    /// What was tried in vain, by folder.
    bad: BTreeSet<(usize, BundleFile)>,
    pub(crate) faults: Vec<Fault>,
    /// Folders that can't be read any more.
    pub(crate) died: Vec<(usize, FsError)>,
    pub(crate) paces: Vec<Pace>,
}

impl Fetched {
    /// Whether a file has come from any folder.
    pub(crate) fn has(&self, file: &BundleFile) -> bool {
        self.files.contains(file)
    }

    /// The first folder that was found to have a file as it should be.
    pub(crate) fn folder_of(&self, file: &BundleFile, folders: usize) -> Option<usize> {
        (0..folders).find(|folder| self.good.contains(&(*folder, file.clone())))
    }

    /// Whether a folder has nothing but a damaged copy of a file that is good in another.
    pub(crate) fn is_spoiled_copy(&self, folder: usize, file: &BundleFile) -> bool {
        self.has(file) && self.bad.contains(&(folder, file.clone()))
    }

    /// Takes out the faults of files that are good in another folder: one note for each folder that has such.
    pub(crate) fn excuse_copies(&mut self, folders: &[Listed<'_>]) -> Vec<Note> {
        let (excused, faults) = std::mem::take(&mut self.faults).into_iter().partition(|fault| self.has(&fault.file));
        self.faults = faults;
        let excused: Vec<Fault> = excused;
        let of = |(number, listed): (usize, &Listed<'_>)| {
            let path = listed.placed.bundle.path();
            let files = self.bad.iter().filter(|(folder, file)| *folder == number && self.has(file)).count() as u64;
            let first = excused.iter().find(|fault| fault.error.path().is_some_and(|at| at.starts_with(path)))?;
            (files > 0).then(|| Note::DamagedCopies { path: path.to_owned(), files, reason: first.error.to_string() })
        };
        folders.iter().enumerate().filter_map(of).collect()
    }

    pub(crate) fn is_dead(&self, folder: usize) -> bool {
        self.died.iter().any(|(dead, _)| *dead == folder)
    }

    fn add(&mut self, folder: usize, medium: &Path, delivered: Delivered) {
        let Delivered { bytes, time, died } = delivered;
        self.died.extend(died.map(|error| (folder, error)));
        match self.paces.iter_mut().find(|pace| pace.medium == medium) {
            Some(pace) => (pace.bytes, pace.time) = (pace.bytes + bytes, pace.time + time),
            None => self.paces.push(Pace { medium: medium.to_owned(), bytes, time }),
        }
    }
}

/// Notes what became of each file.
struct Noting<'s, S> {
    shelf: &'s mut S,
    good: Vec<BundleFile>,
    faults: Vec<Fault>,
}

impl<E: From<BundleError>, S: Shelf<E>> Arrival<E> for Noting<'_, S> {
    fn block(&mut self, subject: &Subject, block: &mut Aligned) -> Result<(), E> {
        self.shelf.block(subject, block)
    }
    fn complete(&mut self, subject: &Subject) -> Result<(), E> {
        self.shelf.complete(subject)?;
        self.good.push(subject.file.clone());
        Ok(())
    }
    fn fault(&mut self, subject: &Subject, error: BundleError) -> Result<(), E> {
        self.shelf.abandon(subject);
        if !error.is_fault() {
            return Err(error.into());
        }
        self.faults.push(Fault { file: subject.file.clone(), error });
        Ok(())
    }
}

/// Reads these files, folder by folder, and adds what came of it to `fetched`. There is a shelf for each folder.
pub(crate) fn read_from<E: From<BundleError> + Send, S: Shelf<E>>(
    phase: Phase,
    folders: &[Listed<'_>],
    subjects: Vec<Vec<&Subject>>,
    seal: &Seal,
    observer: &dyn Observer,
    shelves: &mut [S],
    fetched: &mut Fetched,
) -> Result<(), E> {
    let mut numbers = Vec::new();
    let mut notings: Vec<_> =
        shelves.iter_mut().map(|shelf| Noting { shelf, good: Vec::new(), faults: Vec::new() }).collect();
    let mut streams = Vec::new();
    for (number, ((listed, subjects), noting)) in folders.iter().zip(subjects).zip(&mut notings).enumerate() {
        if !subjects.is_empty() {
            let stream = Stream { medium: Some(listed.placed.medium), folder: &listed.placed.bundle.folder, subjects };
            streams.push((stream, noting));
            numbers.push(number);
        }
    }
    let delivered = deliver(phase, streams, seal, observer)?;
    for (number, delivered) in numbers.into_iter().zip(delivered) {
        fetched.add(number, &folders[number].placed.path, delivered);
    }
    for (number, noting) in notings.into_iter().enumerate() {
        fetched.files.extend(noting.good.iter().cloned());
        fetched.good.extend(noting.good.into_iter().map(|file| (number, file)));
        fetched.bad.extend(noting.faults.iter().map(|fault| (number, fault.file.clone())));
        fetched.faults.extend(noting.faults);
    }
    Ok(())
}

/// Reads each of the wanted files from one of the folders that have it, the least busy one; what fails there, from the
/// next.
pub(crate) fn fetch<E: From<BundleError> + Send, S: Shelf<E>>(
    phase: Phase,
    folders: &[Listed<'_>],
    wanted: &[&Subject],
    seal: &Seal,
    observer: &dyn Observer,
    shelves: &mut [S],
) -> Result<Fetched, E> {
    let mut fetched = Fetched::default();
    let mut left: Vec<&Subject> = wanted.to_vec();
    loop {
        let (mut streams, mut loads) = (vec![Vec::new(); folders.len()], vec![0; folders.len()]);
        for subject in &left {
            let untried = |number: &usize| {
                let tried = fetched.bad.contains(&(*number, subject.file.clone()));
                folders[*number].has(&subject.file) && !tried && !fetched.is_dead(*number)
            };
            if let Some(folder) = (0..folders.len()).filter(untried).min_by_key(|number| loads[*number]) {
                loads[folder] += subject.size;
                streams[folder].push(*subject);
            }
        }
        if streams.iter().all(Vec::is_empty) {
            return Ok(fetched);
        }
        read_from(phase, folders, streams, seal, observer, shelves, &mut fetched)?;
        left.retain(|subject| !fetched.has(&subject.file));
    }
}

/// Tells whoever watches which media there are.
pub(crate) fn announce(folders: &[Listed<'_>], observer: &dyn Observer) {
    for listed in folders {
        let (index, path) = (listed.placed.medium, listed.placed.path.as_path());
        observer.event(crate::observe::Event::Medium { index, path });
    }
}
