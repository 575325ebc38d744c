//! The order of work: which chunks go into which file, in batches of bounded size.

use super::files;
use crate::bundle::{ChunkRow, Entry};

/// A chunk's place in a file, or an empty file's only piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Which of the artifact's files.
    pub(super) file: usize,
    /// The number of the chunk; `None` for an empty file.
    pub(super) chunk: Option<usize>,
    /// Whether it is the file's last.
    pub(super) last: bool,
}

/// Pieces that one worker decodes at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    pub(super) number: u64,
    pub(super) pieces: Vec<Piece>,
}

/// Bytes that a batch decodes to, at most: one chunk more than what fits is never taken.
pub(super) const BATCH: usize = 8 << 20;
/// Pieces in a batch, at most, so that small files don't pile up.
const PIECES: usize = 1024;

/// The batches that make all files, in the order in which they are written.
pub(super) fn batches<'a>(entries: &'a [Entry], chunks: &'a [ChunkRow]) -> impl Iterator<Item = Batch> + 'a {
    let mut pieces = files(entries).enumerate().flat_map(|(file, entry)| {
        let numbers = entry.runs.iter().flat_map(|run| run.first..run.first + run.count);
        let mut numbers = numbers.map(|n| n as usize).peekable();
        let empty = numbers.peek().is_none().then_some(Piece { file, chunk: None, last: true });
        let whole = std::iter::from_fn(move || {
            let chunk = Some(numbers.next()?);
            Some(Piece { file, chunk, last: numbers.peek().is_none() })
        });
        empty.into_iter().chain(whole)
    });
    let mut held_back: Option<Piece> = None;
    let mut number = 0;
    std::iter::from_fn(move || {
        let mut batch = Batch { number, pieces: Vec::new() };
        let mut bytes = 0;
        while let Some(piece) = held_back.take().or_else(|| pieces.next()) {
            let length = piece.chunk.map_or(0, |chunk| chunks[chunk].length as usize);
            if !batch.pieces.is_empty() && (bytes + length > BATCH || batch.pieces.len() == PIECES) {
                held_back = Some(piece);
                break;
            }
            bytes += length;
            batch.pieces.push(piece);
        }
        number += 1;
        (!batch.pieces.is_empty()).then_some(batch)
    })
}
