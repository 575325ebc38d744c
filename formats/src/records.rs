//! CBOR sequences (RFC 8742) of records, read strictly.
//!
//! ciborium accepts what it would not write (long forms, indefinite lengths, tags, bignums). So each record is read
//! through a byte limit, written again, and compared with the bytes that were consumed: one value, one encoding.

use crate::limits;
use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, BufRead, Read, Write};

/// Why a record can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The bytes below could not be read (or decrypted, or decompressed).
    #[error("record {number} can't be read: {source}")]
    Read {
        /// Counted from 1.
        number: u64,
        /// What the reader below said.
        source: io::Error,
    },
    /// Over [`limits::RECORD_BYTES`].
    #[error("record {number} is over {} bytes", limits::RECORD_BYTES)]
    TooLong {
        /// Counted from 1.
        number: u64,
    },
    /// Not a record of this kind: a wrong type, an unknown field, a name that is refused.
    #[error("record {number} is not of the format: {fault}")]
    Malformed {
        /// Counted from 1.
        number: u64,
        /// What the decoder said.
        fault: String,
    },
    /// The same value could be written shorter or otherwise.
    #[error("record {number} is not in its canonical encoding")]
    NotCanonical {
        /// Counted from 1.
        number: u64,
    },
}

/// Writes records one after the other.
#[derive(Debug)]
pub struct RecordWriter<W> {
    out: W,
    buffer: Vec<u8>,
}

impl<W: Write> RecordWriter<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, buffer: Vec::new() }
    }

    /// Writes one record.
    pub fn write(&mut self, record: &impl Serialize) -> io::Result<()> {
        self.buffer.clear();
        ciborium::into_writer(record, &mut self.buffer).map_err(io::Error::other)?;
        if self.buffer.len() as u64 > limits::RECORD_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a record is over its limit"));
        }
        self.out.write_all(&self.buffer)
    }

    /// The writer below.
    pub fn into_inner(self) -> W {
        self.out
    }
}

/// Reads records one after the other.
#[derive(Debug)]
pub struct RecordReader<R> {
    input: R,
    number: u64,
    consumed: Vec<u8>,
    again: Vec<u8>,
}

impl<R: BufRead> RecordReader<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Self {
        Self { input, number: 0, consumed: Vec::new(), again: Vec::new() }
    }

    /// The next record; `None` at the end of the input.
    pub fn next_record<T: Serialize + DeserializeOwned>(&mut self) -> Result<Option<T>, RecordError> {
        self.number += 1;
        let number = self.number;
        if self.input.fill_buf().map_err(|source| RecordError::Read { number, source })?.is_empty() {
            return Ok(None);
        }
        self.consumed.clear();
        let mut tee = Tee { input: &mut self.input, consumed: &mut self.consumed };
        let record: T = match ciborium::from_reader(&mut tee) {
            Ok(record) => record,
            Err(ciborium::de::Error::Io(e)) if e.kind() == io::ErrorKind::FileTooLarge => {
                return Err(RecordError::TooLong { number });
            }
            Err(ciborium::de::Error::Io(source)) => return Err(RecordError::Read { number, source }),
            Err(ciborium::de::Error::Syntax(at)) => {
                return Err(RecordError::Malformed { number, fault: format!("not CBOR at byte {at} of the record") });
            }
            Err(ciborium::de::Error::Semantic(_, fault)) => {
                let fault = fault.chars().take(400).collect();
                return Err(RecordError::Malformed { number, fault });
            }
            Err(ciborium::de::Error::RecursionLimitExceeded) => {
                return Err(RecordError::Malformed { number, fault: "nested too deeply".to_owned() });
            }
        };
        // SPEC 3.2: a reader MUST refuse a record that is not in its canonical encoding.
        self.again.clear();
        ciborium::into_writer(&record, &mut self.again)
            .map_err(|e| RecordError::Malformed { number, fault: e.to_string() })?;
        if self.again != self.consumed {
            return Err(RecordError::NotCanonical { number });
        }
        Ok(Some(record))
    }
}

/// Passes reads on and keeps what was read, up to the record limit.
struct Tee<'a, R> {
    input: &'a mut R,
    consumed: &'a mut Vec<u8>,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buf)?;
        if (self.consumed.len() + n) as u64 > limits::RECORD_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.consumed.extend_from_slice(&buf[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        a: u64,
        b: String,
    }

    fn read(bytes: &[u8]) -> Result<Option<Pair>, RecordError> {
        RecordReader::new(bytes).next_record()
    }

    #[test]
    fn one_value_one_encoding() {
        let mut w = RecordWriter::new(Vec::new());
        w.write(&Pair { a: 1, b: "x".into() }).unwrap();
        let good = w.into_inner();
        assert_eq!(read(&good).unwrap(), Some(Pair { a: 1, b: "x".into() }));
        // The number 1 in two bytes; an indefinite map; keys in the other order; a tag.
        for bad in [
            b"\xa2\x61a\x18\x01\x61b\x61x".as_slice(),
            b"\xbf\x61a\x01\x61b\x61x\xff",
            b"\xa2\x61b\x61x\x61a\x01",
            b"\xc1\xa2\x61a\x01\x61b\x61x",
            b"\xa2\x61a\xc2\x41\x01\x61b\x61x",
        ] {
            assert!(
                matches!(read(bad), Err(RecordError::NotCanonical { .. } | RecordError::Malformed { .. })),
                "{bad:x?}"
            );
        }
        for bad in
            [b"\xa3\x61a\x01\x61b\x61x\x61c\x01".as_slice(), b"\xa1\x61a\x01", b"\xa2\x61a\x01\x61a\x01", b"\xff"]
        {
            assert!(matches!(read(bad), Err(RecordError::Malformed { .. })), "{bad:x?}");
        }
        assert!(matches!(read(&good[..5]), Err(RecordError::Read { .. })));
    }

    #[test]
    fn a_huge_text_stops_at_the_limit() {
        let bytes = b"\xa2\x61a\x01\x61b\x7b\x00\x00\x00\xff\xff\xff\xff\xff".to_vec();
        let input = io::BufReader::new(io::Cursor::new(bytes).chain(io::repeat(b'x')));
        assert!(matches!(RecordReader::new(input).next_record::<Pair>(), Err(RecordError::TooLong { number: 1 })));
    }
}
