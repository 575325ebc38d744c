//! Bytes that nobody can guess and that can be made again: at every place other ones.

use crate::random;
use rustix::io::Errno;

/// A stream of pseudo-random bytes: BLAKE3's output, keyed with a random seed.
#[derive(Debug)]
pub(super) struct Pattern {
    stream: blake3::OutputReader,
}

impl Pattern {
    /// A new one, with a seed from the system.
    pub(super) fn random() -> Result<Self, Errno> {
        Ok(Self { stream: blake3::Hasher::new_keyed(&random::bytes()?).finalize_xof() })
    }

    /// Fills `bytes` with those of the stream from `at` on.
    pub(super) fn fill(&mut self, at: u64, bytes: &mut [u8]) {
        self.stream.set_position(at);
        self.stream.fill(bytes);
    }
}
