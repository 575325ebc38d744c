//! Sealed tables: a CBOR sequence, compressed, padded, in an age file. The catalogue and the index are such.
//!
//! The padding is a zstd skippable frame of zeros, so `age -d | zstd -d` gives the records and nothing else.

use crate::agefile::{AgeError, Identity, OpenReader, Recipient, SealWriter};
use crate::{limits, padding};
use std::io::{self, BufRead, BufReader, Read, Write};

/// The first four bytes of a skippable frame, little endian (RFC 8878, section 3.1.2).
const SKIPPABLE: u32 = 0x184D_2A50;
const SKIPPABLE_HEADER: u64 = 8;
const LEVEL: i32 = 3;

/// Compresses and seals what is written to it.
pub struct TableWriter<W: Write>(zstd::stream::write::Encoder<'static, Counting<SealWriter<W>>>);

impl<W: Write> TableWriter<W> {
    /// Begins a table sealed to `recipients`.
    pub fn new<'a>(out: W, recipients: impl IntoIterator<Item = &'a Recipient>) -> Result<Self, AgeError> {
        let sealed = SealWriter::new(out, recipients)?;
        let mut encoder = zstd::stream::write::Encoder::new(Counting { inner: sealed, count: 0 }, LEVEL)?;
        encoder.window_log(limits::ZSTD_WINDOW_LOG - 2)?;
        Ok(Self(encoder))
    }

    /// Ends the records, pads, ends the age file and gives the writer back.
    pub fn finish(self) -> io::Result<W> {
        let Counting { mut inner, count } = self.0.finish()?;
        // SPEC 5.4: the plaintext has a Padmé size.
        let zeros = padding::padded(count + SKIPPABLE_HEADER) - count - SKIPPABLE_HEADER;
        let length = u32::try_from(zeros).map_err(|_| io::Error::other("a table too large to pad"))?;
        inner.write_all(&SKIPPABLE.to_le_bytes())?;
        inner.write_all(&length.to_le_bytes())?;
        io::copy(&mut io::repeat(0).take(zeros), &mut inner)?;
        inner.finish()
    }
}

impl<W: Write> Write for TableWriter<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> std::fmt::Debug for TableWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TableWriter")
    }
}

/// The decompressed records of a table.
pub type TableReader<R> = BufReader<zstd::stream::read::Decoder<'static, BufReader<OpenReader<R>>>>;

/// Opens the table in `input` with `identity`; its header has `recipients` stanzas.
pub fn open<R: BufRead>(input: R, identity: &Identity, recipients: u64) -> Result<TableReader<R>, AgeError> {
    let opened = OpenReader::new(input, identity, recipients)?;
    let mut decoder = zstd::stream::read::Decoder::new(opened)?;
    decoder.window_log_max(limits::ZSTD_WINDOW_LOG)?;
    Ok(BufReader::with_capacity(64 << 10, decoder))
}

struct Counting<W> {
    inner: W,
    count: u64,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(buf)?;
        self.count += n as u64;
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_the_size_tells_little() {
        let identity = Identity::generate();
        for length in [0usize, 1, 1000, 300_000] {
            let plain: Vec<u8> = (0..length).map(|i| (i * i % 251) as u8).collect();
            let mut w = TableWriter::new(Vec::new(), [&identity.recipient()]).unwrap();
            w.write_all(&plain).unwrap();
            let file = w.finish().unwrap();
            let mut sealed = Vec::new();
            OpenReader::new(io::Cursor::new(&file), &identity, 1).unwrap().read_to_end(&mut sealed).unwrap();
            assert!(padding::is_padded(sealed.len() as u64));
            let mut back = Vec::new();
            open(io::Cursor::new(&file), &identity, 1).unwrap().read_to_end(&mut back).unwrap();
            assert_eq!(back, plain);
            let cut = &file[..file.len() - 1];
            assert!(open(io::Cursor::new(cut), &identity, 1).and_then(|mut r| Ok(r.read_to_end(&mut back)?)).is_err());
        }
    }
}
