//! The stream: coded chunks one after the other, laid out in packs; and the sealing of a pack that is full.

use super::ExportError;
use crate::bundle::ChunkRow;
use crate::fs::Aligned;
use crate::pool::{Buffers, Stop};
use gapvault_formats::agefile::{BLOCK, BlockSealer, Recipient, TAG};
use gapvault_formats::ids::MediumDigest;
use gapvault_formats::padding;
use sha2::{Digest, Sha256};

/// A pack that was laid out as its file will be, with room for each block's tag, and is not sealed yet.
pub(super) struct FullPack {
    number: u64,
    sealer: BlockSealer,
    file: Aligned,
}

/// A pack on its way to the medium.
pub(super) struct SealedPack {
    pub(super) number: u64,
    pub(super) file: Aligned,
    pub(super) sha256: MediumDigest,
}

impl FullPack {
    /// The length of a pack's file that holds `stream` bytes, at most.
    pub(super) fn longest(stream: u64) -> u64 {
        /// More than an age header for one recipient and its grease ever have.
        const HEAD: u64 = 2 << 10;
        HEAD + stream + stream.div_ceil(BLOCK as u64) * TAG as u64
    }

    fn open(number: u64, recipient: &Recipient, mut file: Aligned) -> Result<Self, ExportError> {
        let sealer = BlockSealer::new([recipient])?;
        file.clear();
        file.extend_from_slice(sealer.head());
        Ok(Self { number, sealer, file })
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
        Ok(SealedPack { number: self.number, file: self.file, sha256 })
    }
}

/// Takes coded chunks in order and lays them out in packs.
pub(super) struct PackStream<'a> {
    recipient: Recipient,
    pack_size: u64,
    buffers: &'a Buffers<Aligned>,
    stop: &'a Stop<'a, ExportError>,
    to_medium: crossbeam_channel::Sender<SealedPack>,
    open: Option<FullPack>,
    /// Bytes of the stream so far.
    length: u64,
    /// The same without its padding, once it is finished.
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
        to_medium: crossbeam_channel::Sender<SealedPack>,
    ) -> Self {
        let (rows, row_of_slot) = (Vec::new(), Vec::new());
        Self { recipient, pack_size, buffers, stop, to_medium, open: None, length: 0, content: 0, rows, row_of_slot }
    }

    /// Appends a chunk that was given `slot`; its offset is settled here. Packs that it fills are added to `full`: the
    /// caller seals them, after it has let go of the stream.
    pub(super) fn append(
        &mut self,
        slot: u32,
        mut row: ChunkRow,
        coded: &[u8],
        full: &mut Vec<FullPack>,
    ) -> Result<(), ExportError> {
        row.offset = self.length;
        let slot = slot as usize;
        if self.row_of_slot.len() <= slot {
            self.row_of_slot.resize(slot + 1, u32::MAX);
        }
        // The format has fewer chunks than that.
        self.row_of_slot[slot] = self.rows.len() as u32;
        self.rows.push(row);
        self.write(coded, full)
    }

    /// Pads the stream; the last packs are added to `full`.
    pub(super) fn finish(&mut self, full: &mut Vec<FullPack>) -> Result<(), ExportError> {
        let length = self.length;
        let zeros = [0; BLOCK];
        let mut left = padding::padded(length) - length;
        while left > 0 {
            let part = left.min(zeros.len() as u64);
            self.write(&zeros[..part as usize], full)?;
            left -= part;
        }
        full.extend(self.open.take());
        self.content = length;
        Ok(())
    }

    fn write(&mut self, mut bytes: &[u8], full: &mut Vec<FullPack>) -> Result<(), ExportError> {
        while !bytes.is_empty() {
            let room = self.pack_size - self.length % self.pack_size;
            let (mut part, rest) = bytes.split_at(bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            bytes = rest;
            self.length += part.len() as u64;
            let mut pack = match self.open.take() {
                Some(pack) => pack,
                None => self.begin((self.length - 1) / self.pack_size, full)?,
            };
            while !part.is_empty() {
                part = pack.append(part);
            }
            if self.length.is_multiple_of(self.pack_size) {
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
            self.stop.send(&self.to_medium, pack.seal()?);
        }
        Ok(())
    }
}
