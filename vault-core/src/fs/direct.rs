//! Writing past the page cache: from memory that devices can read themselves, used again and again.
//!
//! Through the page cache every byte is copied once more into fresh memory, which costs more than encrypting it; and
//! what is written would push out what is still to be read.

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use std::ops::{Deref, DerefMut};
use std::os::fd::AsFd;
use std::{fmt, io};

/// What addresses, offsets and lengths are multiples of. A device that asks for more is written to through the page
/// cache.
pub(crate) const ALIGNMENT: usize = 4096;
/// Bytes written by one call.
const WRITE: usize = 4 << 20;

/// A buffer of fixed capacity that begins at a multiple of [`ALIGNMENT`]. It reads as the bytes put into it so far.
pub(crate) struct Aligned {
    memory: Vec<u8>,
    begin: usize,
    length: usize,
}

impl Aligned {
    /// An empty one. Its memory becomes real when it is first written to.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let memory = vec![0; capacity.next_multiple_of(ALIGNMENT) + ALIGNMENT];
        // Never moved again: it does not grow.
        let begin = memory.as_ptr().align_offset(ALIGNMENT) % ALIGNMENT;
        Self { memory, begin, length: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.length = 0;
    }

    /// Makes its length `length`, at most its capacity; bytes that are new have any value.
    pub(crate) fn set_len(&mut self, length: usize) {
        assert!(length <= self.capacity(), "{length} bytes for {}", self.capacity());
        self.length = length;
    }

    /// Appends `bytes`, which must fit.
    pub(crate) fn extend_from_slice(&mut self, bytes: &[u8]) {
        let begin = self.length;
        self.set_len(begin + bytes.len());
        self[begin..].copy_from_slice(bytes);
    }

    /// Reads until it holds `length` bytes more or the input ends; gives how many it read.
    pub(crate) fn read_from(&mut self, input: &mut impl io::Read, length: usize) -> io::Result<usize> {
        let begin = self.length;
        self.set_len(begin + length);
        let mut read = 0;
        while read < length {
            match input.read(&mut self[begin + read..]) {
                Ok(0) => break,
                Ok(n) => read += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.set_len(begin + read);
        Ok(read)
    }

    /// Makes its address one that no device reads or writes at.
    #[cfg(test)]
    pub(super) fn misalign(&mut self) {
        self.begin += 1;
    }

    fn capacity(&self) -> usize {
        self.memory.len() - ALIGNMENT
    }
}

impl fmt::Debug for Aligned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aligned({} bytes)", self.length)
    }
}

impl Deref for Aligned {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.memory[self.begin..][..self.length]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.begin..][..self.length]
    }
}

/// A file that is written to from its beginning on, past the page cache where its file system can.
///
/// What does not fill a block is written with zeros behind it; [`DirectFile::finish`] cuts them off.
#[derive(Debug)]
pub(crate) struct DirectFile<F: AsFd> {
    file: F,
    position: u64,
}

impl<F: AsFd> DirectFile<F> {
    /// Begins with an empty file.
    pub(crate) fn new(file: F) -> Self {
        // Refused by file systems that have no other way than the page cache, which is as good then.
        let _ = fcntl_getfl(&file).and_then(|flags| fcntl_setfl(&file, flags | OFlags::DIRECT));
        Self { file, position: 0 }
    }

    /// Writes `buffer` behind what was written before; every one but the last has a multiple of [`ALIGNMENT`] bytes.
    pub(crate) fn append(&mut self, buffer: &mut Aligned) -> io::Result<()> {
        let length = buffer.len();
        let padded = length.next_multiple_of(ALIGNMENT);
        buffer.set_len(padded);
        buffer[length..].fill(0);
        let mut at = 0;
        while at < padded {
            let end = padded.min(at + WRITE);
            match rustix::io::pwrite(&self.file, &buffer[at..end], self.position + at as u64) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => at += written,
                Err(Errno::INTR) => {}
                // Not like this: the rest goes through the page cache.
                Err(Errno::INVAL | Errno::NOTSUP) if leave_direct(&self.file)? => {}
                Err(e) => return Err(e.into()),
            }
        }
        buffer.set_len(length);
        self.position += length as u64;
        Ok(())
    }

    /// The file, as long as what was appended; it is not yet durable.
    pub(crate) fn finish(self) -> io::Result<F> {
        rustix::fs::ftruncate(&self.file, self.position)?;
        Ok(self.file)
    }
}

/// Lets a file go by the page cache; `false` if it did.
pub(super) fn leave_direct(file: impl AsFd) -> rustix::io::Result<bool> {
    let flags = fcntl_getfl(&file)?;
    fcntl_setfl(&file, flags - OFlags::DIRECT)?;
    Ok(flags.contains(OFlags::DIRECT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs::File;

    proptest! {
        #[test]
        fn what_is_appended_is_in_the_file(blocks in 0usize..5, tail in 1usize..3 * ALIGNMENT, byte in any::<u8>()) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            let mut buffer = Aligned::with_capacity(3 * ALIGNMENT);
            let mut file = DirectFile::new(std::fs::File::create(&path).unwrap());
            let mut expected = Vec::new();
            for length in std::iter::repeat_n(2 * ALIGNMENT, blocks).chain([tail]) {
                buffer.clear();
                buffer.extend_from_slice(&vec![byte; length]);
                prop_assert_eq!(buffer.as_ptr().align_offset(ALIGNMENT), 0);
                expected.extend_from_slice(&buffer);
                file.append(&mut buffer).unwrap();
                prop_assert_eq!(buffer.len(), length);
            }
            file.finish().unwrap();
            prop_assert!(std::fs::read(&path).unwrap() == expected);
        }
    }

    #[test]
    fn what_can_t_be_written_directly_goes_through_the_page_cache() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = folder.path().join("file");
        let mut file = DirectFile::new(File::create(&path).unwrap());
        let was_direct = fcntl_getfl(&file.file).unwrap().contains(OFlags::DIRECT);
        // Neither this address nor, after it, this offset is one that a device is written to at.
        let mut buffer = Aligned::with_capacity(2 * ALIGNMENT);
        buffer.misalign();
        let mut expected = Vec::new();
        for length in [ALIGNMENT, 3, 9] {
            buffer.set_len(length);
            buffer.fill(length as u8);
            expected.extend_from_slice(&buffer);
            file.append(&mut buffer).unwrap();
        }
        let file = file.finish().unwrap();
        assert!(std::fs::read(&path).unwrap() == expected);
        assert!(!was_direct || !fcntl_getfl(&file).unwrap().contains(OFlags::DIRECT));
    }

    #[test]
    fn reading_stops_at_the_length_and_at_the_end() {
        let mut buffer = Aligned::with_capacity(10);
        let mut input = [7u8; 9].as_slice();
        assert_eq!(buffer.read_from(&mut input, 6).unwrap(), 6);
        assert_eq!(buffer.read_from(&mut input, 6).unwrap(), 3);
        assert_eq!(*buffer, [7; 9]);
    }
}
