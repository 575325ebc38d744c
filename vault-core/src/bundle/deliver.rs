//! Reading a bundle's files once: one thread reads, one hashes, one hands them on.

use super::files::{BundleError, check_header, expect_digest};
use crate::error::FsError;
use crate::fs::{Aligned, Folder};
use crate::observe::{Event, Observer};
use crossbeam_channel::{Receiver, Sender, bounded};
use gapvault_formats::seal::{Seal, Subject};
use sha2::{Digest, Sha256};
use std::panic::resume_unwind;
use std::path::Path;

/// Who takes a bundle's files in, block by block; a file only counts once it was `complete`d.
pub(crate) trait Arrival<E> {
    /// The next bytes of a file: a multiple of what devices are written in, but for its last.
    fn block(&mut self, subject: &Subject, block: &mut Aligned) -> Result<(), E>;
    /// The file had its size and digest.
    fn complete(&mut self, subject: &Subject) -> Result<(), E>;
}

/// Bytes of a block: a multiple of what devices write at once.
const BLOCK: usize = 4 << 20;
const BLOCKS: usize = 8;

/// A piece of a bundle's file on its way. A file that is empty has one.
struct Block<'a> {
    subject: &'a Subject,
    bytes: Aligned,
    /// Whether the file ends with it, by the file's size in the seal.
    last: bool,
}

/// Reads the given files once, in order, and hands them to `arrival` while they are hashed.
///
/// Every file is checked against its header rules, size and digest in the seal; all its blocks but the last are handed
/// on before its digest is known.
pub(crate) fn deliver<E: From<BundleError>>(
    folder: &Folder,
    seal: &Seal,
    subjects: &[&Subject],
    observer: &dyn Observer,
    arrival: &mut impl Arrival<E>,
) -> Result<(), E> {
    let (to_hash, read) = bounded::<Block<'_>>(BLOCKS);
    let (to_arrive, hashed) = bounded::<Block<'_>>(BLOCKS);
    let (give_back, free) = bounded::<Aligned>(BLOCKS);
    for _ in 0..BLOCKS {
        // The channel holds exactly that many.
        let _ = give_back.send(Aligned::with_capacity(BLOCK));
    }
    std::thread::scope(|scope| {
        // Each ends when the channel that it takes from or gives to is gone, so an error of one ends all.
        let reader = scope.spawn(move || read_files(folder, seal, subjects, observer, &free, &to_hash));
        let hasher = scope.spawn(move || hash(folder.path(), &read, &to_arrive));
        let arrived = arrive(&hashed, observer, &give_back, arrival);
        drop((hashed, give_back));
        let hashed = hasher.join().unwrap_or_else(|panic| resume_unwind(panic));
        let read = reader.join().unwrap_or_else(|panic| resume_unwind(panic));
        // The first in the chain explains best why blocks stopped coming.
        read.and(hashed).map_err(E::from).and(arrived)
    })
}

fn read_files<'a>(
    folder: &Folder,
    seal: &Seal,
    subjects: &[&'a Subject],
    observer: &dyn Observer,
    free: &Receiver<Aligned>,
    to_hash: &Sender<Block<'a>>,
) -> Result<(), BundleError> {
    for subject in subjects.iter().copied() {
        let name = subject.file.to_string();
        let mut file = folder.file(&name).map_err(|e| BundleError::opening(folder, &name, e))?;
        let size = |actual| BundleError::Size {
            path: folder.path().to_owned(),
            file: subject.file.clone(),
            actual,
            expected: subject.size,
        };
        let path = folder.path().join(&name);
        let failed = || FsError::at("can't read", &path);
        let actual = file.metadata().map_err(failed())?.len();
        if actual != subject.size {
            return Err(size(actual));
        }
        let (mut left, mut first) = (subject.size, true);
        while first || left > 0 {
            if observer.cancelled() {
                return Err(BundleError::Interrupted);
            }
            let Ok(mut bytes) = free.recv() else { return Ok(()) };
            bytes.clear();
            let wanted = left.min(BLOCK as u64);
            let read = bytes.read_from(&mut file, wanted as usize).map_err(failed())? as u64;
            if read < wanted {
                return Err(size(subject.size - left + read));
            }
            if first {
                check_header(folder.path(), seal, subject, &*bytes)?;
            }
            (left, first) = (left - read, false);
            if to_hash.send(Block { subject, bytes, last: left == 0 }).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn hash<'a>(path: &Path, read: &Receiver<Block<'a>>, to_arrive: &Sender<Block<'a>>) -> Result<(), BundleError> {
    let mut hasher = Sha256::new();
    for block in read {
        hasher.update(&*block.bytes);
        if block.last {
            expect_digest(path, block.subject, hasher.finalize_reset().into())?;
        }
        if to_arrive.send(block).is_err() {
            break;
        }
    }
    Ok(())
}

fn arrive<E>(
    hashed: &Receiver<Block<'_>>,
    observer: &dyn Observer,
    give_back: &Sender<Aligned>,
    arrival: &mut impl Arrival<E>,
) -> Result<(), E> {
    for Block { subject, mut bytes, last } in hashed {
        arrival.block(subject, &mut bytes)?;
        observer.event(Event::Advance { bytes: bytes.len() as u64, medium: None });
        // The reader may be done and gone.
        let _ = give_back.send(bytes);
        if last {
            // It has been found to have its digest before its last block was handed on.
            arrival.complete(subject)?;
        }
    }
    Ok(())
}
