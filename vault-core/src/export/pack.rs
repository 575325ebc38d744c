//! The stream: coded chunks one after the other, laid out in packs; and the sealing of a pack that is full.

use super::shares::Shares;
use super::{ExportError, SourceError};
use crate::bundle::ChunkRow;
use crate::fs::Aligned;
use crate::pool::{Buffers, Stop};
use gapvault_formats::agefile::{BLOCK, BlockSealer, Recipient, TAG};
use gapvault_formats::ids::MediumDigest;
use gapvault_formats::padding;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A chunk in the stream, with what it takes to make its bytes again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) chunk: ChunkRow,
    pub(super) origin: Origin,
    /// Given if the chunk goes on in another pack: both must hold parts of the very same coded bytes.
    pub(super) crossing: Option<Crossing>,
}

/// Where a chunk was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Origin {
    /// Which of the source's files, in order.
    pub(super) file: u32,
    /// Where in it, in bytes.
    pub(super) at: u64,
}

/// The beginning of the BLAKE3 of a chunk's coded bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Crossing([u8; 16]);

impl Crossing {
    pub(super) fn of(coded: &[u8]) -> Self {
        let mut begin = [0; 16];
        begin.copy_from_slice(&blake3::hash(coded).as_bytes()[..16]);
        Self(begin)
    }
}

/// A pack that was laid out as its file will be, with room for each block's tag, and is not sealed yet.
pub(super) struct FullPack {
    number: u64,
    sealer: BlockSealer,
    file: Aligned,
    /// The chunks that begin in it.
    rows: Vec<Row>,
    /// The medium that it must go to; `None` for any.
    medium: Option<usize>,
    /// The parity group over several media that it was in before.
    group: Option<u64>,
}

/// A pack on its way to the medium.
pub(super) struct SealedPack {
    pub(super) number: u64,
    pub(super) file: Aligned,
    pub(super) sha256: MediumDigest,
    pub(super) rows: Vec<Row>,
    pub(super) medium: Option<usize>,
    pub(super) group: Option<u64>,
}

impl FullPack {
    /// The length of a pack's file that holds `stream` bytes, at most.
    pub(super) fn longest(stream: u64) -> u64 {
        /// More than an age header for one recipient and its grease ever have.
        const HEAD: u64 = 2 << 10;
        HEAD + stream + stream.div_ceil(BLOCK as u64) * TAG as u64
    }

    /// An empty pack, whose file will be in `file`.
    pub(super) fn open(number: u64, recipient: &Recipient, mut file: Aligned) -> Result<Self, ExportError> {
        let sealer = BlockSealer::new([recipient])?;
        file.clear();
        file.extend_from_slice(sealer.head());
        Ok(Self { number, sealer, file, rows: Vec::new(), medium: None, group: None })
    }

    /// Says which chunks begin in it, to which medium it must go and to which group it belongs.
    pub(super) fn is_again(&mut self, rows: Vec<Row>, (medium, group): (Option<usize>, Option<u64>)) {
        (self.rows, self.medium, self.group) = (rows, medium, group);
    }

    /// Appends `bytes`, which must fit.
    pub(super) fn append_all(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = self.append(bytes);
        }
    }

    /// Appends as much of `bytes` as the block at its end has room for; gives the rest.
    fn append<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let filled = (self.file.len() - self.sealer.head().len()) % (BLOCK + TAG);
        let (part, rest) = bytes.split_at(bytes.len().min(BLOCK - filled));
        self.file.extend_from_slice(part);
        if filled + part.len() == BLOCK {
            self.file.extend_from_slice(&[0; TAG]);
        }
        rest
    }

    /// Seals its blocks where they are, and hashes the file on the way.
    pub(super) fn seal(mut self) -> Result<SealedPack, ExportError> {
        let head = self.sealer.head().len();
        if !(self.file.len() - head).is_multiple_of(BLOCK + TAG) {
            self.file.extend_from_slice(&[0; TAG]);
        }
        let mut hasher = Sha256::new_with_prefix(self.sealer.head());
        let mut blocks = self.file[head..].chunks_mut(BLOCK + TAG).zip(0..).peekable();
        while let Some((block, number)) = blocks.next() {
            let (plain, tag) = block.split_at_mut(block.len() - TAG);
            tag.copy_from_slice(&self.sealer.seal(number, blocks.peek().is_none(), plain)?);
            // While it is near.
            hasher.update(block);
        }
        let sha256 = MediumDigest::from_bytes(hasher.finalize().into());
        let Self { number, file, rows, medium, group, .. } = self;
        Ok(SealedPack { number, file, sha256, rows, medium, group })
    }
}

/// Takes coded chunks in order and lays them out in packs.
pub(super) struct PackStream<'a> {
    recipient: Recipient,
    pack_size: u64,
    buffers: &'a Buffers<Aligned>,
    stop: &'a Stop<'a, ExportError>,
    to_media: &'a Shares,
    open: Option<FullPack>,
    /// The chunks that begin in the pack that fills.
    open_rows: Vec<Row>,
    /// Bytes of the stream so far.
    length: u64,
    /// The same without its padding.
    pub(super) content: u64,
    /// The chunk table, in stream order.
    pub(super) rows: Vec<ChunkRow>,
    /// For each slot of the chunk table, its row.
    pub(super) row_of_slot: Vec<u32>,
}

impl<'a> PackStream<'a> {
    pub(super) fn new(
        recipient: Recipient,
        pack_size: u64,
        buffers: &'a Buffers<Aligned>,
        stop: &'a Stop<'a, ExportError>,
        to_media: &'a Shares,
    ) -> Self {
        Self {
            recipient,
            pack_size,
            buffers,
            stop,
            to_media,
            open: None,
            open_rows: Vec::new(),
            length: 0,
            content: 0,
            rows: Vec::new(),
            row_of_slot: Vec::new(),
        }
    }

    /// Goes on behind `packs` packs that are there, with the chunks in them. `tail` are the coded bytes of the last chunk
    /// that the next pack begins with.
    pub(super) fn go_on(&mut self, packs: u64, rows: Vec<ChunkRow>, tail: &[u8]) -> Result<(), ExportError> {
        self.content = rows.last().map_or(0, |row| row.offset + u64::from(row.stored));
        let kept = packs * self.pack_size;
        if self.content < kept {
            // Some of the padding is there already.
            self.length = kept.min(padding::padded(self.content));
        } else {
            self.length = self.content - tail.len() as u64;
            let mut full = Vec::new();
            self.write(tail, &mut full)?;
            // A long chunk may fill packs by itself.
            self.hand_on(&mut full)?;
        }
        self.row_of_slot = (0..rows.len() as u32).collect();
        self.rows = rows;
        Ok(())
    }

    /// Appends a chunk that was given `slot`; its offset is settled here. Packs that it fills are added to `full`: the
    /// caller seals them, after it has let go of the stream.
    pub(super) fn append(
        &mut self,
        slot: u32,
        (mut row, origin): (ChunkRow, Origin),
        coded: &[u8],
        full: &mut Vec<FullPack>,
    ) -> Result<(), ExportError> {
        if self.length != self.content {
            // Its padding was written when there was no such chunk.
            return Err(SourceError::New { file: origin.file as usize }.into());
        }
        row.offset = self.length;
        let pack_of = |offset| offset / self.pack_size;
        let crosses = pack_of(row.offset) != pack_of(row.offset + coded.len() as u64 - 1);
        self.open_rows.push(Row { chunk: row, origin, crossing: crosses.then(|| Crossing::of(coded)) });
        let slot = slot as usize;
        if self.row_of_slot.len() <= slot {
            self.row_of_slot.resize(slot + 1, u32::MAX);
        }
        // The format has fewer chunks than that.
        self.row_of_slot[slot] = self.rows.len() as u32;
        self.rows.push(row);
        self.write(coded, full)?;
        self.content = self.length;
        Ok(())
    }

    /// Pads the stream; the last packs are added to `full`.
    pub(super) fn finish(&mut self, full: &mut Vec<FullPack>) -> Result<(), ExportError> {
        let zeros = [0; BLOCK];
        let mut left = padding::padded(self.content) - self.length;
        while left > 0 {
            let part = left.min(zeros.len() as u64);
            self.write(&zeros[..part as usize], full)?;
            left -= part;
        }
        if let Some(mut pack) = self.open.take() {
            pack.rows = std::mem::take(&mut self.open_rows);
            full.push(pack);
        }
        Ok(())
    }

    fn write(&mut self, mut bytes: &[u8], full: &mut Vec<FullPack>) -> Result<(), ExportError> {
        while !bytes.is_empty() {
            let room = self.pack_size - self.length % self.pack_size;
            let (part, rest) = bytes.split_at(bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            bytes = rest;
            self.length += part.len() as u64;
            let mut pack = match self.open.take() {
                Some(pack) => pack,
                None => self.begin((self.length - 1) / self.pack_size, full)?,
            };
            pack.append_all(part);
            if self.length.is_multiple_of(self.pack_size) {
                pack.rows = std::mem::take(&mut self.open_rows);
                full.push(pack);
            } else {
                self.open = Some(pack);
            }
        }
        Ok(())
    }

    fn begin(&mut self, number: u64, full: &mut Vec<FullPack>) -> Result<FullPack, ExportError> {
        let buffer = match self.buffers.try_take() {
            Some(buffer) => Some(buffer),
            None => {
                // They could be the ones whose buffers are waited for.
                self.hand_on(full)?;
                self.buffers.take(self.stop)
            }
        };
        FullPack::open(number, &self.recipient, buffer.ok_or(ExportError::Interrupted)?)
    }

    fn hand_on(&self, full: &mut Vec<FullPack>) -> Result<(), ExportError> {
        for pack in full.drain(..) {
            self.to_media.push(pack.seal()?);
        }
        Ok(())
    }
}
