//! The order of work: small files whole, many at a time; large ones in parts of bounded size.

use super::files;
use crate::bundle::{ChunkRow, Entry, FileEntry};
use std::collections::VecDeque;

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

/// The batches that make all files, in the files' order; but a file is hashed by one thread at a time, so of `lanes`
/// large ones parts are given out in turn.
pub(super) fn batches<'a>(
    entries: &'a [Entry],
    rows: &'a [ChunkRow],
    lanes: usize,
) -> impl Iterator<Item = Batch> + 'a {
    let mut files = files(entries).enumerate().peekable();
    let mut large = VecDeque::new();
    std::iter::from_fn(move || {
        while large.len() < lanes
            && let Some((first, entry)) = files.next()
        {
            if entry.file.size > SMALL {
                large.push_back(parts(first, entry, rows).peekable());
                continue;
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
            return Some(Batch::Files(first..end));
        }
        let mut parts = large.pop_front()?;
        // A large file has chunks: its recipe was held against its size.
        let part = parts.next();
        if parts.peek().is_some() {
            large.push_back(parts);
        }
        part.map(Batch::Part)
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
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn every_chunk_of_every_file_is_done_once_in_order(
            files in proptest::collection::vec(proptest::collection::vec(1u32..4 << 20, 0..12), 0..20),
            lanes in 1usize..4,
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
            let entries_of: Vec<&FileEntry> = super::files(&entries).collect();
            // What was done of each file, and of a large one that is not done, its next part's number and offset.
            let mut done: Vec<Vec<usize>> = vec![Vec::new(); files.len()];
            let mut open = BTreeMap::new();
            for batch in batches(&entries, &rows, lanes) {
                match batch {
                    Batch::Files(range) => {
                        for number in range {
                            prop_assert!(done[number].is_empty());
                            done[number] = chunks_of(entries_of[number]).collect();
                        }
                    }
                    Batch::Part(part) => {
                        let (number, offset) = open.remove(&part.file).unwrap_or((0, 0));
                        prop_assert_eq!((part.number, part.offset), (number, offset));
                        let bytes: u64 = part.chunks.iter().map(|c| u64::from(rows[*c].length)).sum();
                        prop_assert!(bytes <= PART as u64);
                        if !part.last {
                            open.insert(part.file, (number + 1, offset + bytes));
                        }
                        prop_assert!(open.len() <= lanes);
                        done[part.file].extend(part.chunks);
                    }
                }
            }
            prop_assert!(open.is_empty());
            prop_assert_eq!(done.concat(), (0..rows.len()).collect::<Vec<_>>());
        }
    }
}
