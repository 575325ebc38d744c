//! The order of work: small files whole, many at a time; large ones in parts of bounded size.

use super::files;
use crate::bundle::{ChunkRow, Entry, FileEntry};

/// What one worker does at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Batch {
    /// These files as they are: their places in the list of all files.
    Files(std::ops::Range<usize>),
    /// A part of one file.
    Part(Part),
}

/// Consecutive chunks of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Which of the artifact's files.
    pub(super) file: usize,
    /// Counted in the file.
    pub(super) number: u64,
    /// Where in the file it begins.
    pub(super) offset: u64,
    /// The numbers of its chunks.
    pub(super) chunks: Vec<usize>,
    /// Whether it is the file's last.
    pub(super) last: bool,
}

/// Bytes of a part, at most.
pub(super) const PART: usize = 8 << 20;
/// Files up to this size are small: written whole, by the way of the page cache.
const SMALL: u64 = 1 << 20;
/// Small files in a batch, at most, and bytes in them.
const FILES: usize = 256;
const BYTES: u64 = 4 << 20;

/// The batches that make all files, in the files' order.
pub(super) fn batches<'a>(entries: &'a [Entry], rows: &'a [ChunkRow]) -> impl Iterator<Item = Batch> + 'a {
    let mut files = files(entries).enumerate().peekable();
    let mut parts = None;
    std::iter::from_fn(move || {
        if let Some(part) = parts.as_mut().and_then(Iterator::next) {
            return Some(Batch::Part(part));
        }
        let (first, entry) = files.next()?;
        if entry.file.size > SMALL {
            let mut of_file = self::parts(first, entry, rows);
            let part = of_file.next();
            parts = Some(of_file);
            return part.map(Batch::Part);
        }
        let (mut end, mut bytes) = (first + 1, entry.file.size);
        while let Some((number, next)) = files.peek()
            && number - first < FILES
            && next.file.size <= SMALL
            && bytes + next.file.size <= BYTES
        {
            (end, bytes) = (number + 1, bytes + next.file.size);
            files.next();
        }
        Some(Batch::Files(first..end))
    })
}

/// The parts of a file that has chunks.
fn parts<'a>(file: usize, entry: &'a FileEntry, rows: &'a [ChunkRow]) -> impl Iterator<Item = Part> + use<'a> {
    let mut chunks = chunks_of(entry).peekable();
    let (mut number, mut offset) = (0, 0);
    std::iter::from_fn(move || {
        let mut part = Part { file, number, offset, chunks: vec![chunks.next()?], last: false };
        let length = |chunk: usize| rows[chunk].length as usize;
        let mut bytes = length(part.chunks[0]);
        while let Some(chunk) = chunks.next_if(|chunk| bytes + length(*chunk) <= PART) {
            bytes += length(chunk);
            part.chunks.push(chunk);
        }
        part.last = chunks.peek().is_none();
        (number, offset) = (number + 1, offset + bytes as u64);
        Some(part)
    })
}

/// The numbers of a file's chunks, in order.
pub(super) fn chunks_of(entry: &FileEntry) -> impl Iterator<Item = usize> {
    // The index was checked against its own table, which fits in memory.
    entry.runs.iter().flat_map(|run| run.first..run.first + run.count).map(|chunk| chunk as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gapvault_formats::catalogue::File;
    use gapvault_formats::coding::Coding;
    use gapvault_formats::ids::{ChunkId, FileDigest};
    use gapvault_formats::index::Run;
    use gapvault_formats::relpath::RelPath;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_chunk_of_every_file_is_done_once_in_order(
            files in proptest::collection::vec(proptest::collection::vec(1u32..4 << 20, 0..12), 0..20),
        ) {
            let (mut rows, mut entries) = (Vec::new(), Vec::new());
            for (number, lengths) in files.iter().enumerate() {
                let run = Run { first: rows.len() as u64, count: lengths.len() as u64 };
                rows.extend(lengths.iter().map(|length| ChunkRow {
                    id: ChunkId::from_bytes([0; 32]), offset: 0, stored: 0, length: *length, coding: Coding::Store,
                }));
                let path = RelPath::new(&number.to_string()).unwrap();
                let size = lengths.iter().map(|l| u64::from(*l)).sum();
                let file = File { path, mode: 0o644, size, sha256: FileDigest::of(b"") };
                entries.push(Entry::File(FileEntry { file, runs: vec![run] }));
            }
            let entry = |number: usize| super::files(&entries).nth(number).unwrap();
            let (mut done, mut next, mut open) = (Vec::new(), 0, None);
            for batch in batches(&entries, &rows) {
                match batch {
                    Batch::Files(range) => {
                        prop_assert_eq!((range.start, open), (next, None));
                        next = range.end;
                        done.extend(range.flat_map(|number| chunks_of(entry(number))));
                    }
                    Batch::Part(part) => {
                        let (number, offset) = open.take().unwrap_or((0, 0));
                        prop_assert_eq!((part.file, part.number, part.offset), (next, number, offset));
                        let bytes: u64 = part.chunks.iter().map(|c| u64::from(rows[*c].length)).sum();
                        prop_assert!(bytes <= PART as u64);
                        if part.last { next += 1 } else { open = Some((number + 1, offset + bytes)) }
                        done.extend(part.chunks);
                    }
                }
            }
            prop_assert_eq!((next, open), (files.len(), None));
            prop_assert_eq!(done, (0..rows.len()).collect::<Vec<_>>());
        }
    }
}
