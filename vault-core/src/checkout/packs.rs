//! Reading coded chunks out of packs.

use super::CheckoutError;
use crate::bundle::{BundleError, ChunkRow, check_header};
use crate::fs::Folder;
use crate::held::HeldError;
use gapvault_formats::agefile::{BLOCK, BlockOpener, TAG};
use gapvault_formats::ids::BundleId;
use gapvault_formats::keys::Keys;
use gapvault_formats::seal::{BundleFile, Seal};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Seek;
use std::os::unix::fs::FileExt;

/// Where chunks come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) folder: &'a Folder,
    pub(super) seal: &'a Seal,
    pub(super) bundle: BundleId,
    pub(super) keys: &'a Keys,
}

/// Reads from the stream. Several packs are held open: recipes may go to and fro between them, and opening one takes as
/// long as reading some hundred blocks.
pub(super) struct StreamReader<'a> {
    source: Source<'a>,
    /// How many are held open, at most.
    most: usize,
    /// The one read last stands first.
    open: VecDeque<OpenPack>,
    /// Sealed blocks, opened in place.
    blocks: Vec<u8>,
}

struct OpenPack {
    number: u64,
    file: File,
    opener: BlockOpener,
    /// Bytes of stream in it.
    length: u64,
    /// The block read last, opened: the next chunk most often begins in it.
    last: Option<(u64, Vec<u8>)>,
}

impl<'a> StreamReader<'a> {
    pub(super) fn new(source: Source<'a>, most: usize) -> Self {
        Self { source, most, open: VecDeque::new(), blocks: Vec::new() }
    }

    /// The coded bytes of a chunk, into `coded` (cleared first). The index has been held against the stream's length.
    pub(super) fn read(&mut self, chunk: &ChunkRow, coded: &mut Vec<u8>) -> Result<(), CheckoutError> {
        coded.clear();
        let stream = self.source.seal.predicate().stream;
        let (mut at, mut left) = (chunk.offset, u64::from(chunk.stored));
        while left > 0 {
            let number = at / stream.pack;
            self.bring_forward(number)?;
            let (pack, blocks) = (&mut self.open[0], &mut self.blocks);
            let offset = at - number * stream.pack;
            let part = left.min(pack.length.saturating_sub(offset));
            let fault = |fault: String| CheckoutError::Pack { pack: number, bundle: self.source.bundle, fault };
            if part == 0 {
                return Err(fault("it ends before a chunk that the index puts there".to_owned()));
            }
            pack.read(offset, part, blocks, coded).map_err(fault)?;
            (at, left) = (at + part, left - part);
        }
        Ok(())
    }

    /// Puts the pack `number` first, opening it if it is not open.
    fn bring_forward(&mut self, number: u64) -> Result<(), CheckoutError> {
        let pack = match self.open.iter().position(|pack| pack.number == number) {
            Some(0) => return Ok(()),
            Some(place) => self.open.remove(place),
            None => None,
        };
        let pack = pack.map_or_else(|| open(&self.source, number), Ok)?;
        self.open.truncate(self.most - 1);
        self.open.push_front(pack);
        Ok(())
    }
}

impl OpenPack {
    /// Appends `length` bytes of what the pack holds, from `offset` on, to `out`. `blocks` is working memory.
    fn read(&mut self, offset: u64, length: u64, blocks: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), String> {
        let size = BLOCK as u64;
        let end = offset + length;
        // Within a block, what lies between these offsets of the stream.
        let wanted = |block: u64, plain: &[u8]| -> std::ops::Range<usize> {
            let begin = block * size;
            let within = |at: u64| at.clamp(begin, begin + plain.len() as u64) - begin;
            within(offset) as usize..within(end) as usize
        };
        let mut first = offset / size;
        if let Some((block, plain)) = &self.last
            && *block == first
        {
            out.extend_from_slice(&plain[wanted(first, plain)]);
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
        self.file.read_exact_at(blocks, at).map_err(|e| e.to_string())?;
        for (sealed, block) in blocks.chunks_mut(BLOCK + TAG).zip(first..) {
            let last = (block + 1) * size >= self.length;
            let plain = self.opener.open(block, last, sealed).map_err(|e| e.to_string())?;
            out.extend_from_slice(&plain[wanted(block, plain)]);
            if block + 1 == behind {
                let (number, kept) = self.last.get_or_insert_default();
                *number = block;
                kept.clear();
                kept.extend_from_slice(plain);
            }
        }
        Ok(())
    }
}

/// Opens a pack. Its header and the length inside are checked by the seal, so that no block lies outside of it.
fn open(source: &Source<'_>, number: u64) -> Result<OpenPack, CheckoutError> {
    let subject = BundleFile::Pack(number);
    let name = subject.to_string();
    let held = |e: BundleError| CheckoutError::Held(HeldError::Bundle(e));
    let missing = || BundleError::Missing { path: source.folder.path().to_owned(), file: name.clone() };
    let subject = source.seal.subject(&subject).ok_or_else(|| held(missing()))?;
    let mut file = source.folder.file(&name).map_err(|e| held(BundleError::opening(source.folder, &name, e)))?;
    let fault = |fault: String| CheckoutError::Pack { pack: number, bundle: source.bundle, fault };
    let actual = file.metadata().map_err(|e| fault(e.to_string()))?.len();
    if actual != subject.size {
        let (path, expected) = (source.folder.path().to_owned(), subject.size);
        return Err(held(BundleError::Size { path, file: subject.file.clone(), actual, expected }));
    }
    check_header(source.folder.path(), source.seal, subject, &mut file).map_err(held)?;
    file.rewind().map_err(|e| fault(e.to_string()))?;
    let predicate = source.seal.predicate();
    let opener = BlockOpener::new(&file, &source.keys.identity, predicate.stanzas.pack);
    let opener = opener.map_err(|e| fault(e.to_string()))?;
    Ok(OpenPack { number, file, opener, length: predicate.stream.pack_length(number), last: None })
}
