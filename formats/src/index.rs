//! The index: which chunks make which file, and where they stand in the stream. For members only.
//!
//! Records in this order: one `head`; the chunk table, one `chunk` each, in stream order without gaps; the recipes, in
//! the order of the catalogue's files, a long one in several records; one `end`.

use crate::FORMAT;
use crate::coding::Coding;
use crate::ids::{ChunkId, Nonce};
use crate::limits;
use crate::records::{RecordError, RecordReader, RecordWriter};
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Write};

/// The first record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// [`FORMAT`].
    pub format: u32,
    /// The seal's nonce: ties the index to its bundle.
    pub nonce: Nonce,
    /// Bytes of the stream that hold chunks; what follows is padding.
    pub stream: u64,
    /// Chunk records that follow.
    pub chunks: u64,
    /// Files that have a recipe: all of the catalogue's.
    pub files: u64,
}

/// A chunk in the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chunk {
    /// Its id.
    pub id: ChunkId,
    /// Where its coded bytes begin in the stream.
    pub offset: u64,
    /// How many coded bytes there are.
    pub stored: u32,
    /// How many bytes they decode to.
    pub length: u32,
    /// How.
    pub coding: Coding,
}

/// Consecutive chunks of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The first, counted from 0.
    pub first: u64,
    /// How many, at least 1.
    pub count: u64,
}

/// A recipe, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Which file of the catalogue, counted from 0 over all artifacts.
    pub file: u64,
    /// Its chunks, in order.
    pub runs: Vec<Run>,
    /// Whether another record of the same file follows.
    pub more: bool,
}

/// The last record: what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Chunk records.
    pub chunks: u64,
    /// Files with a recipe.
    pub files: u64,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Record {
    /// The first.
    Head(Head),
    /// A row of the chunk table.
    Chunk(Chunk),
    /// A recipe or a part of one.
    Recipe(Recipe),
    /// The last.
    End(End),
}

/// Why an index is refused.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A record can't be read.
    #[error("index: {0}")]
    Record(#[from] RecordError),
    /// A record stands where it can't, or something is missing or left over.
    #[error("index: {0}")]
    Sequence(&'static str),
    /// Another format version.
    #[error("index: format {actual}, this program reads {FORMAT}")]
    Format {
        /// What it says.
        actual: u32,
    },
    /// More than a limit allows.
    #[error("index: {what} {actual}, the limit is {limit}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        actual: u64,
        /// How much there may be.
        limit: u64,
    },
    /// A chunk that overlaps the one before, or leaves a gap.
    #[error("index: chunk {number} is at offset {actual} of the stream, expected {expected}")]
    Offset {
        /// Which chunk, counted from 0.
        number: u64,
        /// Where it says it is.
        actual: u64,
        /// Where the one before ends.
        expected: u64,
    },
    /// A chunk that does not end where the stream does, or before.
    #[error("index: chunk {number} ends at {end} of the stream, which has {stream} bytes")]
    Beyond {
        /// Which chunk, counted from 0.
        number: u64,
        /// Where it would end.
        end: u64,
        /// Bytes of the stream that hold chunks.
        stream: u64,
    },
    /// Lengths that the coding can't have.
    #[error("index: chunk {number} has {stored} coded bytes for {length} bytes as {coding}")]
    Lengths {
        /// Which chunk, counted from 0.
        number: u64,
        /// Coded bytes.
        stored: u32,
        /// Decoded bytes.
        length: u32,
        /// The coding.
        coding: Coding,
    },
    /// A recipe that names chunks beyond the table, or none.
    #[error("index: the recipe of file {file} names chunks {first}+{count}, the table has {chunks}")]
    Run {
        /// Which file.
        file: u64,
        /// First chunk.
        first: u64,
        /// How many.
        count: u64,
        /// How many the table has.
        chunks: u64,
    },
    /// A recipe for another file than the next.
    #[error("index: a recipe for file {actual}, expected one for file {expected}")]
    File {
        /// The file it names.
        actual: u64,
        /// The file whose turn it was.
        expected: u64,
    },
    /// Writing failed.
    #[error("index: {0}")]
    Write(io::Error),
}

/// The rules that a writer and a reader both hold records to.
#[derive(Debug)]
struct Rules {
    head: Head,
    chunks: u64,
    offset: u64,
    files: u64,
    runs: u64,
    within_file: bool,
}

impl Rules {
    fn new(head: Head) -> Result<Self, IndexError> {
        if head.format != FORMAT {
            return Err(IndexError::Format { actual: head.format });
        }
        for (what, actual, limit) in [("chunks", head.chunks, limits::CHUNKS), ("files", head.files, limits::ENTRIES)] {
            if actual > limit {
                return Err(IndexError::Limit { what, actual, limit });
            }
        }
        Ok(Self { head, chunks: 0, offset: 0, files: 0, runs: 0, within_file: false })
    }

    fn check(&mut self, record: &Record) -> Result<(), IndexError> {
        match record {
            Record::Head(_) => Err(IndexError::Sequence("a second head")),
            Record::Chunk(chunk) => self.chunk(chunk),
            Record::Recipe(recipe) => self.recipe(recipe),
            Record::End(end) => self.end(*end),
        }
    }

    // SPEC 7.2: the table covers the stream from 0 to its end, each byte once.
    fn chunk(&mut self, chunk: &Chunk) -> Result<(), IndexError> {
        let number = self.chunks;
        self.chunks += 1;
        if self.chunks > self.head.chunks {
            return Err(IndexError::Sequence("more chunks than its head says"));
        }
        if chunk.offset != self.offset {
            return Err(IndexError::Offset { number, actual: chunk.offset, expected: self.offset });
        }
        let Chunk { stored, length, coding, .. } = *chunk;
        let fits = match coding {
            Coding::Store => stored == length,
            Coding::Zstd | Coding::Planes => stored < length,
        };
        if !fits || stored == 0 || length > limits::CHUNK_BYTES {
            return Err(IndexError::Lengths { number, stored, length, coding });
        }
        self.offset += u64::from(stored);
        if self.offset > self.head.stream {
            return Err(IndexError::Beyond { number, end: self.offset, stream: self.head.stream });
        }
        Ok(())
    }

    fn recipe(&mut self, recipe: &Recipe) -> Result<(), IndexError> {
        if self.chunks != self.head.chunks || self.offset != self.head.stream {
            return Err(IndexError::Sequence("a recipe before the chunk table is complete"));
        }
        let Recipe { file, runs, more } = recipe;
        if *file != self.files {
            return Err(IndexError::File { actual: *file, expected: self.files });
        }
        if *file >= self.head.files {
            return Err(IndexError::Sequence("more recipes than its head says"));
        }
        if runs.len() > limits::RECIPE_RUNS || (runs.is_empty() && (*more || self.within_file)) {
            return Err(IndexError::Sequence("a recipe with too many runs, or a part of one without any"));
        }
        self.runs += runs.len() as u64;
        if self.runs > limits::RUNS {
            return Err(IndexError::Limit { what: "runs", actual: self.runs, limit: limits::RUNS });
        }
        for Run { first, count } in runs {
            let chunks = self.head.chunks;
            if *count == 0 || first.checked_add(*count).is_none_or(|end| end > chunks) {
                return Err(IndexError::Run { file: *file, first: *first, count: *count, chunks });
            }
        }
        self.within_file = *more;
        if !more {
            self.files += 1;
        }
        Ok(())
    }

    fn end(&self, end: End) -> Result<(), IndexError> {
        let found = End { chunks: self.chunks, files: self.files };
        if self.within_file || self.offset != self.head.stream || end != found {
            return Err(IndexError::Sequence("its end does not fit what came before"));
        }
        if found != (End { chunks: self.head.chunks, files: self.head.files }) {
            return Err(IndexError::Sequence("fewer chunks or recipes than its head says"));
        }
        Ok(())
    }
}

/// Writes an index, refusing what a reader would refuse.
#[derive(Debug)]
pub struct IndexWriter<W> {
    out: RecordWriter<W>,
    rules: Rules,
}

impl<W: Write> IndexWriter<W> {
    /// Writes the head to `out`.
    pub fn new(out: W, head: Head) -> Result<Self, IndexError> {
        let mut out = RecordWriter::new(out);
        out.write(&Record::Head(head.clone())).map_err(IndexError::Write)?;
        Ok(Self { out, rules: Rules::new(head)? })
    }

    /// Writes a row of the chunk table.
    pub fn chunk(&mut self, chunk: Chunk) -> Result<(), IndexError> {
        self.write(&Record::Chunk(chunk))
    }

    /// Writes the recipe of the next file, in as many records as it takes.
    pub fn recipe(&mut self, runs: &[Run]) -> Result<(), IndexError> {
        let file = self.rules.files;
        if runs.is_empty() {
            return self.write(&Record::Recipe(Recipe { file, runs: Vec::new(), more: false }));
        }
        let mut parts = runs.chunks(limits::RECIPE_RUNS).peekable();
        while let Some(part) = parts.next() {
            let more = parts.peek().is_some();
            self.write(&Record::Recipe(Recipe { file, runs: part.to_vec(), more }))?;
        }
        Ok(())
    }

    /// Writes the end and gives the writer back.
    pub fn finish(mut self) -> Result<W, IndexError> {
        self.write(&Record::End(End { chunks: self.rules.chunks, files: self.rules.files }))?;
        Ok(self.out.into_inner())
    }

    fn write(&mut self, record: &Record) -> Result<(), IndexError> {
        self.rules.check(record)?;
        self.out.write(record).map_err(IndexError::Write)
    }
}

/// Reads an index, record by record, by the rules.
#[derive(Debug)]
pub struct IndexReader<R> {
    records: RecordReader<R>,
    rules: Rules,
    ended: bool,
}

impl<R: BufRead> IndexReader<R> {
    /// Reads the head.
    pub fn new(input: R) -> Result<Self, IndexError> {
        let mut records = RecordReader::new(input);
        match records.next_record()? {
            Some(Record::Head(head)) => Ok(Self { records, rules: Rules::new(head)?, ended: false }),
            _ => Err(IndexError::Sequence("does not begin with a head")),
        }
    }

    /// The head.
    pub fn head(&self) -> &Head {
        &self.rules.head
    }

    /// The next chunk or recipe; `None` after the end record, which must be the last.
    pub fn next_record(&mut self) -> Result<Option<Record>, IndexError> {
        if self.ended {
            return Ok(None);
        }
        let record = self.records.next_record()?.ok_or(IndexError::Sequence("breaks off without its end record"))?;
        self.rules.check(&record)?;
        if !matches!(record, Record::End(_)) {
            return Ok(Some(record));
        }
        self.ended = true;
        match self.records.next_record::<Record>()? {
            None => Ok(None),
            Some(_) => Err(IndexError::Sequence("goes on after its end record")),
        }
    }
}
