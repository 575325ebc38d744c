//! Where bytes come from: a piece of the file, which can be skipped over, or what a container unpacks to, which can't.

use super::pickle::Walker;
use std::cell::{Cell, RefCell};
use std::io::{self, Read, Seek, SeekFrom};

/// Bytes of a file or member that are looked at to tell what it is.
pub(super) const HEAD: usize = 16 << 10;
const PIECE: usize = 64 << 10;

/// Something to read at any place.
pub(super) trait ReadAt {
    /// Reads what it can from `at` on.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

impl<T: Read + Seek> ReadAt for RefCell<T> {
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self.borrow_mut();
        file.seek(SeekFrom::Start(at))?;
        loop {
            match file.read(buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

/// What all reading of one file costs, and whether the file itself failed.
#[derive(Debug)]
pub(super) struct Meter {
    left: Cell<u64>,
    over: Cell<bool>,
    fault: RefCell<Option<io::Error>>,
}

impl Meter {
    pub(super) fn new(bytes: u64) -> Self {
        Self { left: Cell::new(bytes), over: Cell::new(false), fault: RefCell::new(None) }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.get()
    }

    pub(super) fn has_fault(&self) -> bool {
        self.fault.borrow().is_some()
    }

    pub(super) fn take_fault(&self) -> Option<io::Error> {
        self.fault.borrow_mut().take()
    }

    /// Counts bytes that were read or unpacked; an error once there are too many.
    pub(super) fn charge(&self, bytes: u64) -> io::Result<()> {
        match self.left.get().checked_sub(bytes) {
            Some(left) if !self.over.get() => {
                self.left.set(left);
                Ok(())
            }
            _ => {
                self.over.set(true);
                Err(io::ErrorKind::QuotaExceeded.into())
            }
        }
    }

    /// Keeps what the file itself failed with: whoever passes it on may dress it as damage.
    fn failed<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            self.fault.borrow_mut().get_or_insert(error);
            // Of another kind than those that are tried again.
            io::ErrorKind::Other.into()
        })
    }
}

/// Bytes from their beginning on.
pub(super) trait Input: Read {
    /// Goes on by `bytes`, or to the end; gives by how many.
    fn skip(&mut self, bytes: u64) -> io::Result<u64>;
    /// How many there are, if they can be read at any place.
    fn length(&self) -> Option<u64>;
    /// A piece of them, if they can be read at any place: from `begin`, at most `length` bytes.
    fn piece(&self, begin: u64, length: u64) -> Option<Span<'_>>;
}

/// A piece of a file.
#[derive(Clone)]
pub(super) struct Span<'s> {
    file: &'s dyn ReadAt,
    pub(super) meter: &'s Meter,
    start: u64,
    length: u64,
    at: u64,
}

impl<'s> Span<'s> {
    pub(super) fn new(file: &'s dyn ReadAt, meter: &'s Meter, length: u64) -> Self {
        Self { file, meter, start: 0, length, at: 0 }
    }

    /// The part from `begin` on, at most `length` bytes, as far as there are so many.
    pub(super) fn part(&self, begin: u64, length: u64) -> Self {
        let begin = begin.min(self.length);
        Self { start: self.start + begin, length: length.min(self.length - begin), at: 0, ..self.clone() }
    }

    /// `bytes` filled from `begin` on; `false` if it ends before.
    pub(super) fn read_at(&self, begin: u64, bytes: &mut [u8]) -> io::Result<bool> {
        let length = bytes.len() as u64;
        if begin.checked_add(length).is_none_or(|end| end > self.length) {
            return Ok(false);
        }
        self.part(begin, length).read_exact(bytes)?;
        Ok(true)
    }

    pub(super) fn size(&self) -> u64 {
        self.length
    }
}

impl Read for Span<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.length - self.at).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.file.read_at(self.start + self.at, &mut buffer[..most]);
        let read = self.meter.failed(read)?;
        self.at += read as u64;
        self.meter.charge(read as u64)?;
        Ok(read)
    }
}

impl Input for Span<'_> {
    fn skip(&mut self, bytes: u64) -> io::Result<u64> {
        let skipped = bytes.min(self.length - self.at);
        self.at += skipped;
        Ok(skipped)
    }
    fn length(&self) -> Option<u64> {
        Some(self.length)
    }
    fn piece(&self, begin: u64, length: u64) -> Option<Span<'_>> {
        Some(self.part(begin, length))
    }
}

/// What a container unpacks to.
pub(super) struct Unpacked<'a> {
    from: Box<dyn Read + 'a>,
    meter: &'a Meter,
}

impl<'a> Unpacked<'a> {
    pub(super) fn new(from: impl Read + 'a, meter: &'a Meter) -> Self {
        Self { from: Box::new(from), meter }
    }
}

impl Read for Unpacked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.meter.charge(read as u64)?;
        Ok(read)
    }
}

impl Input for Unpacked<'_> {
    fn skip(&mut self, bytes: u64) -> io::Result<u64> {
        read_over(self, bytes)
    }
    fn length(&self) -> Option<u64> {
        None
    }
    fn piece(&self, _: u64, _: u64) -> Option<Span<'_>> {
        None
    }
}

/// A member of an archive that is itself unpacked on the way.
pub(super) struct Member<'a> {
    pub(super) from: &'a mut dyn Input,
    /// Bytes to go.
    pub(super) left: u64,
}

impl Read for Member<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.from.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

impl Input for Member<'_> {
    fn skip(&mut self, bytes: u64) -> io::Result<u64> {
        let skipped = self.from.skip(bytes.min(self.left))?;
        self.left -= skipped;
        Ok(skipped)
    }
    fn length(&self) -> Option<u64> {
        None
    }
    fn piece(&self, _: u64, _: u64) -> Option<Span<'_>> {
        None
    }
}

/// Shows what is read to a [`Walker`], once, and keeps the beginning to be read again.
pub(super) struct Watched<'a> {
    inner: &'a mut dyn Input,
    head: Vec<u8>,
    at: u64,
    pub(super) walker: Walker,
}

impl<'a> Watched<'a> {
    pub(super) fn new(inner: &'a mut dyn Input) -> Self {
        Self { inner, head: Vec::new(), at: 0, walker: Walker::default() }
    }

    /// Reads the beginning. An error is one of what comes behind [`Self::head`].
    pub(super) fn begin(&mut self) -> io::Result<()> {
        let mut read = Ok(0);
        let mut head = vec![0; HEAD];
        let mut length = 0;
        while length < HEAD {
            read = self.inner.read(&mut head[length..]);
            match read {
                Ok(0) | Err(_) => break,
                Ok(n) => length += n,
            }
        }
        head.truncate(length);
        self.walker.follow(&head);
        self.head = head;
        read.map(|_| ())
    }

    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Where it is, from its beginning.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Reads on until it is known whether these are pickles.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.at = self.at.max(self.head.len() as u64);
        while !self.walker.is_over() {
            if self.skip(PIECE as u64)? == 0 {
                self.walker.end();
            }
        }
        Ok(())
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let again = usize::try_from(self.at).ok().and_then(|at| self.head.get(at..)).unwrap_or_default();
        let read = if again.is_empty() {
            let read = self.inner.read(buffer)?;
            self.walker.follow(&buffer[..read]);
            read
        } else {
            let read = again.len().min(buffer.len());
            buffer[..read].copy_from_slice(&again[..read]);
            read
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Input for Watched<'_> {
    fn skip(&mut self, bytes: u64) -> io::Result<u64> {
        let again = (self.head.len() as u64).saturating_sub(self.at).min(bytes);
        self.at += again;
        let mut skipped = again;
        while skipped < bytes {
            let left = bytes - skipped;
            let unseen = if self.walker.is_over() { left } else { self.walker.can_skip().min(left) };
            let step = if unseen > 0 {
                let step = self.inner.skip(unseen)?;
                self.walker.skip(step);
                self.at += step;
                step
            } else {
                read_over(self, left.min(PIECE as u64))?
            };
            skipped += step;
            if step == 0 {
                break;
            }
        }
        Ok(skipped)
    }
    fn length(&self) -> Option<u64> {
        self.inner.length()
    }
    fn piece(&self, begin: u64, length: u64) -> Option<Span<'_>> {
        self.inner.piece(begin, length)
    }
}

/// Reads `bytes`, or to the end, for nothing.
fn read_over(from: &mut (impl Read + ?Sized), bytes: u64) -> io::Result<u64> {
    let mut buffer = vec![0; usize::try_from(bytes).unwrap_or(PIECE).min(PIECE)];
    let mut left = bytes;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        match from.read(&mut buffer[..most])? {
            0 => break,
            read => left -= read as u64,
        }
    }
    Ok(bytes - left)
}

/// Reads until `buffer` is full or the input ends; gives how much it read.
pub(super) fn read_full(from: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match from.read(&mut buffer[length..])? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}
