//! Making packs again that were there and are not any more: the same chunks, read from the source and coded as before,
//! in fresh age files.

use super::pack::{Crossing, FullPack, Row};
use super::read::{expect_unchanged, open};
use super::shares::Shares;
use super::source::{Source, SourceFile};
use super::{ExportError, SourceError};
use crate::error::FsError;
use crate::fs::Aligned;
use crate::pool::{Buffers, Stop};
use gapvault_formats::agefile::Recipient;
use gapvault_formats::coding::Coder;
use gapvault_formats::ids::TentKey;
use gapvault_formats::padding;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A pack that must be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) number: u64,
    /// The medium that it must go to; `None` for any.
    pub(super) medium: Option<usize>,
    /// The parity group that it belongs to, where a group has its packs on different media.
    pub(super) group: Option<u64>,
}

/// What packs are made again from.
pub(super) struct Remake<'a> {
    pub(super) source: &'a Source,
    pub(super) tent_key: &'a TentKey,
    pub(super) recipient: Recipient,
    pub(super) pack_size: u64,
    /// All chunks that were laid out, in stream order.
    pub(super) rows: &'a [Row],
    /// Packs that were laid out.
    pub(super) packs: u64,
    pub(super) lost: &'a [Lost],
}

impl Remake<'_> {
    /// Bytes of the stream that are chunks.
    fn content(&self) -> u64 {
        self.rows.last().map_or(0, |row| row.chunk.offset + u64::from(row.chunk.stored))
    }

    /// How many bytes of the stream a pack holds.
    fn pack_length(&self, number: u64) -> u64 {
        // Packs behind the chunks are there only once the stream was padded to its end.
        let laid_out = self.packs * self.pack_size;
        let end = if laid_out > self.content() { padding::padded(self.content()).min(laid_out) } else { laid_out };
        end.saturating_sub(number * self.pack_size).min(self.pack_size)
    }

    /// The rows that have bytes between two offsets of the stream.
    fn rows_between(&self, begin: u64, end: u64) -> &[Row] {
        let first = self.rows.partition_point(|row| row.chunk.offset + u64::from(row.chunk.stored) <= begin);
        let last = self.rows.partition_point(|row| row.chunk.offset < end);
        &self.rows[first.min(last)..last]
    }

    /// Makes lost packs until there are none left; several threads may do so.
    pub(super) fn run(
        &self,
        next: &AtomicUsize,
        buffers: &Buffers<Aligned>,
        shares: &Shares,
        stop: &Stop<'_, ExportError>,
    ) -> Result<(), ExportError> {
        if next.load(Ordering::SeqCst) >= self.lost.len() {
            return Ok(());
        }
        let files: Vec<SourceFile> = self.source.files().collect();
        let mut chunks = Chunks::new(self, &files)?;
        while let Some(lost) = self.lost.get(next.fetch_add(1, Ordering::SeqCst)) {
            let Some(buffer) = buffers.take(stop) else { return Ok(()) };
            let pack = self.pack(*lost, buffer, &mut chunks)?;
            shares.push(pack.seal()?);
        }
        Ok(())
    }

    fn pack(&self, lost: Lost, buffer: Aligned, chunks: &mut Chunks<'_>) -> Result<FullPack, ExportError> {
        let begin = lost.number * self.pack_size;
        let end = begin + self.pack_length(lost.number);
        let mut pack = FullPack::open(lost.number, &self.recipient, buffer)?;
        let mut at = begin;
        for row in self.rows_between(begin, end) {
            let coded = chunks.coded(row)?;
            let skipped = at - row.chunk.offset;
            let take = (u64::from(row.chunk.stored) - skipped).min(end - at);
            pack.append_all(&coded[skipped as usize..][..take as usize]);
            at += take;
        }
        let zeros = [0; 4096];
        while at < end {
            let part = (end - at).min(zeros.len() as u64);
            pack.append_all(&zeros[..part as usize]);
            at += part;
        }
        let own = |row: &&Row| (begin..end).contains(&row.chunk.offset);
        pack.is_again(self.rows_between(begin, end).iter().filter(own).cloned().collect(), (lost.medium, lost.group));
        Ok(pack)
    }

    /// The coded bytes of chunks that stand behind the first `packs` packs.
    pub(super) fn tail(&self) -> Result<Vec<u8>, ExportError> {
        let kept = self.packs * self.pack_size;
        let files: Vec<SourceFile> = self.source.files().collect();
        let mut chunks = Chunks::new(self, &files)?;
        let mut tail = Vec::new();
        for row in self.rows_between(kept, u64::MAX) {
            let coded = chunks.coded(row)?;
            tail.extend_from_slice(&coded[kept.saturating_sub(row.chunk.offset) as usize..]);
        }
        Ok(tail)
    }
}

/// Reads chunks again and codes them as they were.
struct Chunks<'a> {
    remake: &'a Remake<'a>,
    files: &'a [SourceFile],
    coder: Coder,
    plain: Vec<u8>,
    coded: Vec<u8>,
    /// The file that was read last: the next chunk is likely in it, too.
    open: Option<(usize, std::fs::File)>,
}

impl<'a> Chunks<'a> {
    fn new(remake: &'a Remake<'a>, files: &'a [SourceFile]) -> Result<Self, ExportError> {
        let coder = Coder::new().map_err(|source| ExportError::Coding { path: "zstd".into(), source })?;
        Ok(Self { remake, files, coder, plain: Vec::new(), coded: Vec::new(), open: None })
    }

    fn coded(&mut self, row: &Row) -> Result<&[u8], ExportError> {
        let index = row.origin.file as usize;
        let source = self.files.get(index).ok_or(SourceError::New { file: index })?;
        let file = match self.open.take() {
            Some((number, file)) if number == index => file,
            _ => open(source)?,
        };
        let changed = || SourceError::Changed { path: source.path.clone() };
        self.plain.resize(row.chunk.length as usize, 0);
        match file.read_exact_at(&mut self.plain, row.origin.at) {
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Err(changed().into()),
            read => read.map_err(FsError::at("can't read", &source.path))?,
        }
        expect_unchanged(source, &file)?;
        self.open = Some((index, file));
        if self.remake.tent_key.chunk_id(&self.plain) != row.chunk.id {
            return Err(changed().into());
        }
        let failed = |e| ExportError::Coding { path: source.path.clone(), source: e };
        let coding = self.coder.encode(&self.plain, &mut self.coded).map_err(failed)?;
        // What other packs hold of this chunk must go on here, byte for byte.
        let same = coding == row.chunk.coding
            && self.coded.len() == row.chunk.stored as usize
            && row.crossing.is_none_or(|crossing| crossing == Crossing::of(&self.coded));
        if same { Ok(&self.coded) } else { Err(ExportError::OtherCoding) }
    }
}
