//! Age files from front to back, or from any place on.

use super::payload::{BLOCK, BlockOpener, BlockSealer, TAG};
use super::{AgeError, Identity, Recipient};
use std::fmt;
use std::io::{self, BufRead, Read, Write};
use zeroize::Zeroizing;

/// A block with its tag, in bytes.
const SEALED: usize = BLOCK + TAG;

/// Seals what is written to it; [`SealWriter::finish`] ends the file.
pub struct SealWriter<W: Write> {
    out: W,
    sealer: BlockSealer,
    /// Of the block to come; the last can't be told before the end, so a full one waits for another byte.
    block: Zeroizing<Vec<u8>>,
    number: u64,
}

impl<W: Write> SealWriter<W> {
    /// Writes an age header for `recipients` to `out`.
    ///
    /// # Errors
    /// [`AgeError::NoRecipients`], [`AgeError::Mixed`], [`AgeError::Io`].
    pub fn new<'a>(out: W, recipients: impl IntoIterator<Item = &'a Recipient>) -> Result<Self, AgeError> {
        Self::with(out, BlockSealer::new(recipients)?)
    }

    /// Begins the file that nothing of `sealer` was used for yet.
    pub(super) fn with(mut out: W, sealer: BlockSealer) -> Result<Self, AgeError> {
        out.write_all(sealer.head())?;
        Ok(Self { out, sealer, block: Zeroizing::new(Vec::with_capacity(SEALED)), number: 0 })
    }

    /// Seals the last block and gives the writer back.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        Ok(self.out)
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let tag = self.sealer.seal(self.number, last, &mut self.block).map_err(into_io)?;
        self.block.extend_from_slice(&tag);
        // Before anything can fail: no number is ever sealed twice.
        self.number += 1;
        let written = self.out.write_all(&self.block);
        self.block.clear();
        written
    }
}

impl<W: Write> Write for SealWriter<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.block.len() == BLOCK && !buf.is_empty() {
            self.seal(false)?;
        }
        let taken = buf.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&buf[..taken]);
        Ok(taken)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> fmt::Debug for SealWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealWriter")
    }
}

/// Opens what was sealed. Every block is authenticated before it is given out, and so is the end.
pub struct OpenReader<R> {
    input: R,
    opener: BlockOpener,
    /// The block before `next`, if that was opened.
    block: Zeroizing<Vec<u8>>,
    /// How many bytes of plaintext it has; 0 if none was opened.
    plain: usize,
    /// How many of them were given out.
    given: usize,
    /// Whether it is the file's last.
    ended: bool,
    /// The block that `input` stands at.
    next: u64,
}

impl<R: BufRead> OpenReader<R> {
    /// Counts the header's recipients, then opens the file with `identity`. `input` stands at its beginning, and ends
    /// where the file ends.
    ///
    /// # Errors
    /// As [`BlockOpener::new`].
    pub fn new(mut input: R, identity: &Identity, recipients: u64) -> Result<Self, AgeError> {
        // Every byte is read once and in order: what is used can be hashed on its way.
        let opener = BlockOpener::read(&mut input, identity, recipients)?;
        let block = Zeroizing::new(vec![0; SEALED]);
        Ok(Self { input, opener, block, plain: 0, given: 0, ended: false, next: 0 })
    }

    /// Opens the block that the input stands at.
    fn open_next(&mut self) -> io::Result<()> {
        (self.plain, self.given) = (0, 0);
        let length = fill(&mut self.input, &mut self.block)?;
        if length == 0 {
            return Err(into_io(AgeError::CutOff));
        }
        // No block says of itself that it is the last; it opens only as what it was sealed as.
        let last = at_end(&mut self.input)?;
        let plain = self.opener.open(self.next, last, &mut self.block[..length]).map_err(into_io)?;
        (self.plain, self.ended, self.next) = (plain.len(), last, self.next + 1);
        Ok(())
    }
}

impl<R: BufRead> Read for OpenReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.given == self.plain && !self.ended {
            self.open_next()?;
        }
        let n = (&self.block[self.given..self.plain]).read(buf)?;
        self.given += n;
        Ok(n)
    }
}

impl<R> fmt::Debug for OpenReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenReader")
    }
}

/// Whether nothing follows. An interruption must not get out: the block before is read already.
fn at_end(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        match input.fill_buf() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            ahead => return Ok(ahead?.is_empty()),
        }
    }
}

/// Reads until `buf` is full or the input ends.
fn fill(input: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buf.len() {
        match input.read(&mut buf[length..]) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(length)
}

fn into_io(error: AgeError) -> io::Error {
    match error {
        AgeError::Io(e) => e,
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}
