//! Reading a bundle's files once, each medium in one sequential stream: one thread reads, one hashes, one hands on.
//! The media go on at the same time. A file that can't be had is told as such, and the next one is read.

use super::files::{BundleError, check_header, expect_digest};
use crate::error::FsError;
use crate::fs::{Aligned, Folder};
use crate::observe::{Event, Observer, Phase};
use crate::pool::Stop;
use crossbeam_channel::{Receiver, Sender, bounded};
use gapvault_formats::seal::{BundleFile, Seal, Subject};
use sha2::{Digest, Sha256};
use std::panic::resume_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

/// Who takes a medium's files in, block by block; a file only counts once it was `complete`d.
pub(crate) trait Arrival<E>: Send {
    /// The next bytes of a file: a multiple of what devices are written in, but for its last.
    fn block(&mut self, subject: &Subject, block: &mut Aligned) -> Result<(), E>;
    /// The file had its size and digest.
    fn complete(&mut self, subject: &Subject) -> Result<(), E>;
    /// The file can't be had, or is not the one that the seal names: what came of it is nothing.
    fn fault(&mut self, subject: &Subject, fault: BundleError) -> Result<(), E>;
}

/// Bytes of a block: a multiple of what devices write at once.
const BLOCK: usize = 4 << 20;
/// Blocks on their way, of all media together and of one.
const BLOCKS: usize = 16;
const BLOCKS_OF_ONE: usize = 8;
/// A medium that answers, but of which so many files in a row could not be read at all, is taken for dead.
const DEAD: usize = 4;

/// The files to read from one folder, in order.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    /// The number of its medium, for whoever watches.
    pub(crate) medium: Option<usize>,
    pub(crate) folder: &'a Folder,
    pub(crate) subjects: Vec<&'a Subject>,
}

impl Stream<'_> {
    fn total(&self) -> u64 {
        self.subjects.iter().map(|s| s.size).sum()
    }
}

/// How a stream came to its end.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// Bytes that were read.
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
    /// Why nothing more can be read from this medium. The file that this happened in, and those behind it, were told of
    /// neither as complete nor as faults.
    pub(crate) died: Option<FsError>,
}

/// A piece of a bundle's file on its way. A file that is empty has one.
enum Piece<'a> {
    Block {
        subject: &'a Subject,
        bytes: Aligned,
        /// Whether the file ends with it, by the file's size in the seal.
        last: bool,
        /// What is wrong with the file's header, if its first bytes are in this block.
        header: Result<(), BundleError>,
    },
    Fault {
        subject: &'a Subject,
        fault: BundleError,
        /// The buffer of what is not used.
        bytes: Option<Aligned>,
    },
}

/// Reads the files of each stream once, in order, and hands them to its arrival while they are hashed.
///
/// Every file is checked against its size and digest in the seal, and then its header rules; all its blocks but the last
/// are handed on before its digest is known. The first error of any arrival ends all streams.
pub(crate) fn deliver<'a, E: From<BundleError> + Send, A: Arrival<E>>(
    phase: Phase,
    streams: Vec<(Stream<'a>, &mut A)>,
    seal: &Seal,
    observer: &dyn Observer,
) -> Result<Vec<Delivered>, E> {
    let stop = Stop::new(observer);
    let blocks = (BLOCKS / streams.len().max(1)).clamp(3, BLOCKS_OF_ONE);
    let mut delivered = Vec::new();
    std::thread::scope(|scope| {
        let stop = &stop;
        let mut running = Vec::new();
        for (stream, arrival) in streams {
            let medium = stream.medium;
            observer.event(Event::Begin { phase, total: stream.total(), medium });
            running.push(scope.spawn(move || {
                let mut delivered = None;
                stop.run(|| {
                    delivered = Some(deliver_one(&stream, seal, blocks, observer, stop, arrival)?);
                    Ok(())
                });
                observer.event(Event::End { medium });
                delivered
            }));
        }
        for stream in running {
            delivered.extend(stream.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
    });
    stop.into_result(BundleError::Interrupted.into())?;
    Ok(delivered)
}

fn deliver_one<'a, E: From<BundleError> + Send>(
    stream: &Stream<'a>,
    seal: &Seal,
    blocks: usize,
    observer: &dyn Observer,
    stop: &Stop<'_, E>,
    arrival: &mut impl Arrival<E>,
) -> Result<Delivered, E> {
    let begun = Instant::now();
    let (to_hash, read) = bounded::<Piece<'_>>(blocks);
    let (to_arrive, hashed) = bounded::<Piece<'_>>(blocks);
    let (give_back, free) = bounded::<Aligned>(blocks);
    for _ in 0..blocks {
        // The channel holds exactly that many.
        let _ = give_back.send(Aligned::with_capacity(BLOCK));
    }
    std::thread::scope(|scope| {
        // Each ends when the channel that it takes from or gives to is gone, so an error of one ends all.
        let reader = Reader { folder: stream.folder, seal, stop, free, to_hash, spare: None, done: 0 };
        let reader = scope.spawn(move || reader.read_all(&stream.subjects));
        let hasher = scope.spawn(move || hash(stream.folder.path(), &read, &to_arrive));
        let arrived = arrive(&hashed, stream.medium, observer, &give_back, arrival);
        drop((hashed, give_back));
        hasher.join().unwrap_or_else(|panic| resume_unwind(panic));
        let died = reader.join().unwrap_or_else(|panic| resume_unwind(panic));
        Ok(Delivered { bytes: arrived?, time: begun.elapsed(), died })
    })
}

/// Reads the files of one medium.
struct Reader<'r, 'a, E> {
    folder: &'r Folder,
    seal: &'r Seal,
    stop: &'r Stop<'r, E>,
    free: Receiver<Aligned>,
    to_hash: Sender<Piece<'a>>,
    /// A buffer that nothing came into.
    spare: Option<Aligned>,
    /// Bytes read of the current file.
    done: u64,
}

/// How the reading of one file ended.
enum Ended {
    /// All of it is on its way.
    Read,
    /// Nobody wants more.
    Stopped,
    Fault(BundleError),
}

impl<'a, E> Reader<'_, 'a, E> {
    /// Gives why the medium died, if it did.
    fn read_all(mut self, subjects: &[&'a Subject]) -> Option<FsError> {
        let mut in_a_row = 0;
        for subject in subjects {
            let fault = match self.read(subject) {
                Ended::Read => {
                    in_a_row = 0;
                    continue;
                }
                Ended::Stopped => return None,
                Ended::Fault(BundleError::Fs(error)) => {
                    in_a_row = if self.done == 0 { in_a_row + 1 } else { 1 };
                    if in_a_row == DEAD || !self.folder.answers() {
                        return Some(error);
                    }
                    BundleError::Fs(error)
                }
                Ended::Fault(fault) => {
                    in_a_row = 0;
                    fault
                }
            };
            if self.to_hash.send(Piece::Fault { subject, fault, bytes: None }).is_err() {
                return None;
            }
        }
        None
    }

    fn read(&mut self, subject: &'a Subject) -> Ended {
        self.done = 0;
        let (name, path) = (subject.file.to_string(), self.folder.path());
        let mut file = match self.folder.file(&name) {
            Ok(file) => file,
            Err(e) => return Ended::Fault(BundleError::opening(self.folder, &name, e)),
        };
        let size = |actual| {
            let (path, file, expected) = (path.to_owned(), subject.file.clone(), subject.size);
            Ended::Fault(BundleError::Size { path, file, actual, expected })
        };
        let failed = |e| Ended::Fault(FsError::at("can't read", &path.join(&name))(e).into());
        match file.metadata() {
            Ok(metadata) if metadata.len() != subject.size => return size(metadata.len()),
            Ok(_) => {}
            Err(e) => return failed(e),
        }
        let mut first = true;
        while first || self.done < subject.size {
            if self.stop.is_stopped() {
                return Ended::Stopped;
            }
            let Some(mut bytes) = self.spare.take().or_else(|| self.free.recv().ok()) else { return Ended::Stopped };
            bytes.clear();
            let wanted = (subject.size - self.done).min(BLOCK as u64);
            let read = bytes.read_from(&mut file, wanted as usize).map(|read| read as u64);
            match read {
                Ok(read) if read == wanted => {}
                short => {
                    self.spare = Some(bytes);
                    return short.map_or_else(failed, |read| size(self.done + read));
                }
            }
            let header = if first { check_header(path, self.seal, subject, &*bytes) } else { Ok(()) };
            (self.done, first) = (self.done + wanted, false);
            let last = self.done == subject.size;
            if self.to_hash.send(Piece::Block { subject, bytes, last, header }).is_err() {
                return Ended::Stopped;
            }
        }
        Ended::Read
    }
}

fn hash<'a>(path: &Path, read: &Receiver<Piece<'a>>, to_arrive: &Sender<Piece<'a>>) {
    let (mut hasher, mut judged) = (Sha256::new(), Ok(()));
    for piece in read {
        let piece = match piece {
            Piece::Block { subject, bytes, last, header } => {
                hasher.update(&*bytes);
                judged = judged.and(header);
                if last {
                    // SPEC 4.4: the digest before the header. Of bytes that are not the exporter's, nothing is judged.
                    let digest = expect_digest(path, subject, hasher.finalize_reset().into());
                    match digest.and(std::mem::replace(&mut judged, Ok(()))) {
                        Ok(()) => Piece::Block { subject, bytes, last, header: Ok(()) },
                        Err(fault) => Piece::Fault { subject, fault, bytes: Some(bytes) },
                    }
                } else {
                    Piece::Block { subject, bytes, last, header: Ok(()) }
                }
            }
            fault @ Piece::Fault { .. } => {
                hasher.reset();
                judged = Ok(());
                fault
            }
        };
        if to_arrive.send(piece).is_err() {
            break;
        }
    }
}

/// Gives how many bytes arrived.
fn arrive<E>(
    hashed: &Receiver<Piece<'_>>,
    medium: Option<usize>,
    observer: &dyn Observer,
    give_back: &Sender<Aligned>,
    arrival: &mut impl Arrival<E>,
) -> Result<u64, E> {
    let (mut all, mut of_file) = (0, 0);
    for piece in hashed {
        match piece {
            Piece::Block { subject, mut bytes, last, .. } => {
                arrival.block(subject, &mut bytes)?;
                let length = bytes.len() as u64;
                (all, of_file) = (all + length, of_file + length);
                observer.event(Event::Advance { bytes: length, medium });
                // The reader may be done and gone.
                let _ = give_back.send(bytes);
                if last {
                    // It has been found to have its digest before its last block was handed on.
                    arrival.complete(subject)?;
                    of_file = 0;
                }
            }
            Piece::Fault { subject, fault, bytes } => {
                bytes.map(|bytes| give_back.send(bytes));
                arrival.fault(subject, fault)?;
                // What does not come is not waited for.
                observer.event(Event::Advance { bytes: subject.size.saturating_sub(of_file), medium });
                of_file = 0;
            }
        }
    }
    Ok(all)
}

/// The order in which faults are told: first what nothing can be read without.
pub(crate) fn weight(file: &BundleFile) -> (u8, u64) {
    match file {
        BundleFile::Catalogue => (0, 0),
        BundleFile::Index => (1, 0),
        BundleFile::Keys => (2, 0),
        BundleFile::Pack(number) => (3, *number),
        BundleFile::Parity(number) => (4, *number),
        BundleFile::Sums(_) => (5, 0),
        BundleFile::Recover => (6, 0),
    }
}
