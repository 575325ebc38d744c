//! Reading coded chunks out of packs.

use super::CheckoutError;
use crate::bundle::{BundleError, ChunkRow, check_header};
use crate::error::FsError;
use crate::fs::Folder;
use crate::lane::lock;
use gapvault_formats::agefile::{AgeError, BLOCK, BlockOpener, TAG};
use gapvault_formats::ids::BundleId;
use gapvault_formats::keys::Keys;
use gapvault_formats::seal::{BundleFile, Seal};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Seek};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

/// Where chunks come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) folder: &'a Folder,
    pub(super) seal: &'a Seal,
    pub(super) bundle: BundleId,
    pub(super) keys: &'a Keys,
}

/// Packs that all readers together hold open: recipes may go to and fro between them, and opening one takes as long as
/// reading some hundred blocks. Not so many for each reader: a machine of many threads would run out of open files.
const OPEN: usize = 64;
/// Packs of which a reader keeps the block that it read last.
const KEPT: usize = 16;

/// The packs, opened when they are first read.
pub(super) struct Packs<'a> {
    pub(super) source: Source<'a>,
    /// The one asked for last stands first.
    open: Mutex<VecDeque<Arc<OpenPack>>>,
}

/// Reads from the stream.
pub(super) struct StreamReader<'a> {
    packs: &'a Packs<'a>,
    /// The one read last stands first.
    kept: VecDeque<Kept>,
    /// Sealed blocks, opened in place.
    blocks: Vec<u8>,
}

struct OpenPack {
    number: u64,
    file: File,
    opener: BlockOpener,
    /// Bytes of stream in it.
    length: u64,
}

/// The block of a pack that was read last, opened: the next chunk most often begins in it.
#[derive(Default)]
struct Kept {
    pack: u64,
    block: Option<u64>,
    plain: Vec<u8>,
}

/// Why blocks can't be read.
enum Fault {
    /// The system's fault, or the disk's.
    Fs(std::io::Error),
    /// The pack's own.
    Content(String),
}

impl<'a> Packs<'a> {
    pub(super) fn new(source: Source<'a>) -> Self {
        Self { source, open: Mutex::default() }
    }

    /// The pack `number`, opened if it is not open.
    fn get(&self, number: u64) -> Result<Arc<OpenPack>, CheckoutError> {
        if let Some(pack) = bring_forward(&mut lock(&self.open), number) {
            return Ok(pack);
        }
        // Nobody waits while a pack is opened; two who open the same one have lost little.
        let opened = Arc::new(open(&self.source, number)?);
        let mut open = lock(&self.open);
        open.truncate(OPEN - 1);
        open.push_front(opened.clone());
        Ok(opened)
    }

    fn failed(&self, number: u64, fault: Fault) -> CheckoutError {
        match fault {
            Fault::Fs(e) => {
                let path = self.source.folder.path().join(BundleFile::Pack(number).to_string());
                FsError::at("can't read", &path)(e).into()
            }
            Fault::Content(fault) => CheckoutError::Pack { pack: number, bundle: self.source.bundle, fault },
        }
    }
}

/// Puts the pack `number` first, if it is open.
fn bring_forward(open: &mut VecDeque<Arc<OpenPack>>, number: u64) -> Option<Arc<OpenPack>> {
    let place = open.iter().position(|pack| pack.number == number)?;
    let pack = open.remove(place)?;
    open.push_front(pack.clone());
    Some(pack)
}

impl<'a> StreamReader<'a> {
    pub(super) fn new(packs: &'a Packs<'a>) -> Self {
        Self { packs, kept: VecDeque::new(), blocks: Vec::new() }
    }

    /// The coded bytes of a chunk, into `coded` (cleared first). The index has been held against the stream's length.
    pub(super) fn read(&mut self, chunk: &ChunkRow, coded: &mut Vec<u8>) -> Result<(), CheckoutError> {
        coded.clear();
        let stream = self.packs.source.seal.predicate().stream;
        let (mut at, mut left) = (chunk.offset, u64::from(chunk.stored));
        while left > 0 {
            let number = at / stream.pack;
            let pack = self.packs.get(number)?;
            let offset = at - number * stream.pack;
            let part = left.min(pack.length.saturating_sub(offset));
            let failed = |fault| self.packs.failed(number, fault);
            if part == 0 {
                return Err(failed(Fault::Content("it ends before a chunk that the index puts there".to_owned())));
            }
            let kept = kept_of(&mut self.kept, number);
            pack.read(offset, part, kept, &mut self.blocks, coded).map_err(failed)?;
            (at, left) = (at + part, left - part);
        }
        Ok(())
    }
}

/// What is kept of the pack `number`, which is put first.
fn kept_of(kept: &mut VecDeque<Kept>, number: u64) -> &mut Kept {
    let known = kept.iter().position(|kept| kept.pack == number).and_then(|place| kept.remove(place));
    let first = known.unwrap_or_else(|| {
        let oldest = if kept.len() < KEPT { None } else { kept.pop_back() };
        Kept { pack: number, block: None, plain: oldest.unwrap_or_default().plain }
    });
    kept.push_front(first);
    &mut kept[0]
}

impl OpenPack {
    /// Appends `length` bytes of what the pack holds, from `offset` on, to `out`. `blocks` is working memory.
    fn read(
        &self,
        offset: u64,
        length: u64,
        kept: &mut Kept,
        blocks: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let size = BLOCK as u64;
        let end = offset + length;
        // Within a block, what lies between these offsets of the stream.
        let wanted = |block: u64, plain: &[u8]| -> std::ops::Range<usize> {
            let begin = block * size;
            let within = |at: u64| at.clamp(begin, begin + plain.len() as u64) - begin;
            within(offset) as usize..within(end) as usize
        };
        let mut first = offset / size;
        if kept.block == Some(first) {
            out.extend_from_slice(&kept.plain[wanted(first, &kept.plain)]);
            first += 1;
        }
        let behind = end.div_ceil(size);
        if first >= behind {
            return Ok(());
        }
        let of_stream = (behind * size).min(self.length) - first * size;
        // A chunk's blocks, at most: the index bounds what is stored.
        blocks.resize((of_stream + (behind - first) * TAG as u64) as usize, 0);
        let at = self.opener.payload_offset() + first * (BLOCK + TAG) as u64;
        self.file.read_exact_at(blocks, at).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => Fault::Content(e.to_string()),
            _ => Fault::Fs(e),
        })?;
        for (sealed, block) in blocks.chunks_mut(BLOCK + TAG).zip(first..) {
            let last = (block + 1) * size >= self.length;
            let plain = self.opener.open(block, last, sealed).map_err(|e| Fault::Content(e.to_string()))?;
            out.extend_from_slice(&plain[wanted(block, plain)]);
            if block + 1 == behind {
                kept.block = Some(block);
                kept.plain.clear();
                kept.plain.extend_from_slice(plain);
            }
        }
        Ok(())
    }
}

/// Opens a pack. Its header and the length inside are checked by the seal, so that no block lies outside of it.
fn open(source: &Source<'_>, number: u64) -> Result<OpenPack, CheckoutError> {
    let subject = BundleFile::Pack(number);
    let name = subject.to_string();
    let held = |e: BundleError| CheckoutError::Held(e.into());
    let missing = || BundleError::Missing { path: source.folder.path().to_owned(), file: name.clone() };
    let subject = source.seal.subject(&subject).ok_or_else(|| held(missing()))?;
    let mut file = source.folder.file(&name).map_err(|e| held(BundleError::opening(source.folder, &name, e)))?;
    let fault = |fault: String| CheckoutError::Pack { pack: number, bundle: source.bundle, fault };
    let path = source.folder.path().join(&name);
    let failed = || FsError::at("can't read", &path);
    let actual = file.metadata().map_err(failed())?.len();
    if actual != subject.size {
        let (path, expected) = (source.folder.path().to_owned(), subject.size);
        return Err(held(BundleError::Size { path, file: subject.file.clone(), actual, expected }));
    }
    check_header(source.folder.path(), source.seal, subject, &mut file).map_err(held)?;
    file.rewind().map_err(failed())?;
    let predicate = source.seal.predicate();
    let opener = BlockOpener::new(&file, &source.keys.identity, predicate.stanzas.pack);
    let opener = opener.map_err(|e| match e {
        AgeError::Io(e) => failed()(e).into(),
        e => fault(e.to_string()),
    })?;
    Ok(OpenPack { number, file, opener, length: predicate.stream.pack_length(number) })
}
