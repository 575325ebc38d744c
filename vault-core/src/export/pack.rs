//! The stream: coded chunks one after the other, sealed into packs while they fill.

use super::ExportError;
use crate::bundle::ChunkRow;
use crate::pool::{Buffers, Stop};
use gapvault_formats::agefile::{Recipient, SealWriter};
use gapvault_formats::padding;
use std::io::Write;

/// A sealed pack on its way to the medium.
pub(super) struct SealedPack {
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
}

/// Takes coded chunks in order; hands on packs as they become full.
pub(super) struct PackStream<'a> {
    recipient: Recipient,
    pack_size: u64,
    buffers: &'a Buffers,
    stop: &'a Stop<'a, ExportError>,
    to_medium: crossbeam_channel::Sender<SealedPack>,
    open: Option<SealWriter<Vec<u8>>>,
    /// Bytes of the stream so far.
    length: u64,
    /// The chunk table, in stream order.
    pub(super) rows: Vec<ChunkRow>,
    /// For each slot of the chunk table, its row.
    pub(super) row_of_slot: Vec<u32>,
}

impl<'a> PackStream<'a> {
    pub(super) fn new(
        recipient: Recipient,
        pack_size: u64,
        buffers: &'a Buffers,
        stop: &'a Stop<'a, ExportError>,
        to_medium: crossbeam_channel::Sender<SealedPack>,
    ) -> Self {
        let (rows, row_of_slot) = (Vec::new(), Vec::new());
        Self { recipient, pack_size, buffers, stop, to_medium, open: None, length: 0, rows, row_of_slot }
    }

    /// Appends a chunk that was given `slot`; its offset is settled here.
    pub(super) fn append(&mut self, slot: u32, mut row: ChunkRow, coded: &[u8]) -> Result<(), ExportError> {
        row.offset = self.length;
        let slot = slot as usize;
        if self.row_of_slot.len() <= slot {
            self.row_of_slot.resize(slot + 1, u32::MAX);
        }
        // The format has fewer chunks than that.
        self.row_of_slot[slot] = self.rows.len() as u32;
        self.rows.push(row);
        self.write(coded)
    }

    /// Pads the stream and hands on the last pack. Gives the stream's length without its padding.
    pub(super) fn finish(&mut self) -> Result<u64, ExportError> {
        let length = self.length;
        let zeros = [0; 64 << 10];
        let mut left = padding::padded(length) - length;
        while left > 0 {
            let part = left.min(zeros.len() as u64);
            self.write(&zeros[..part as usize])?;
            left -= part;
        }
        if !self.length.is_multiple_of(self.pack_size) {
            self.close(self.length / self.pack_size)?;
        }
        Ok(length)
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<(), ExportError> {
        while !bytes.is_empty() {
            let room = self.pack_size - self.length % self.pack_size;
            let (part, rest) = bytes.split_at(bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            let pack = match &mut self.open {
                Some(pack) => pack,
                none => {
                    // When everybody stops, what is sealed from here on goes nowhere.
                    let buffer = self.buffers.take(self.stop).unwrap_or_default();
                    none.insert(SealWriter::new(buffer, [&self.recipient])?)
                }
            };
            pack.write_all(part).map_err(gapvault_formats::agefile::AgeError::Io)?;
            self.length += part.len() as u64;
            bytes = rest;
            if self.length.is_multiple_of(self.pack_size) {
                self.close(self.length / self.pack_size - 1)?;
            }
        }
        Ok(())
    }

    fn close(&mut self, number: u64) -> Result<(), ExportError> {
        if let Some(pack) = self.open.take() {
            let bytes = pack.finish().map_err(gapvault_formats::agefile::AgeError::Io)?;
            self.stop.send(&self.to_medium, SealedPack { number, bytes });
        }
        Ok(())
    }
}
