//! From the data shards to the recovery shards, a stripe at a time.

use super::{BLOCK, Geometry, ParityError, check_length};
use reed_solomon_simd::EncoderResult;
use reed_solomon_simd::engine::DefaultEngine;
use reed_solomon_simd::rate::{HighRateEncoder, RateEncoder};

/// Makes the recovery stripes of a group.
///
/// For each stripe: [`add`](Self::add) that stripe of every data shard in order, with the zeros that stand behind a
/// shorter pack, then [`finish`](Self::finish). The code is made column by column, so any multiple of [`BLOCK`] bytes
/// at the same place of all shards will do: part of a stripe, or several. Up to a stripe at once is fastest, as long as
/// all shards of it stay in the processor's cache (`benches/parity.rs`). Memory is kept from one to the next.
pub struct Encoder {
    geometry: Geometry,
    inner: HighRateEncoder<DefaultEngine>,
    length: usize,
    added: usize,
}

impl Encoder {
    /// An encoder for groups of this shape.
    #[must_use]
    pub fn new(geometry: Geometry) -> Self {
        let inner = HighRateEncoder::new(geometry.data(), geometry.parity(), BLOCK, DefaultEngine::new(), None);
        Self { geometry, inner: inner.expect("a geometry is in the code's bounds"), length: BLOCK, added: 0 }
    }

    /// Takes a stripe of the next data shard. The first sets the length for all.
    ///
    /// # Errors
    /// If the length is none that a stripe can have or is not that of the first, and if there are more shards than in
    /// the group. Such a stripe counts as not given.
    pub fn add(&mut self, stripe: &[u8]) -> Result<(), ParityError> {
        if self.added == self.geometry.data() {
            return Err(ParityError::Shard { shard: self.added });
        }
        if self.added == 0 && stripe.len() != self.length {
            check_length(&self.geometry, stripe.len())?;
            let (data, parity) = (self.geometry.data(), self.geometry.parity());
            self.inner.reset(data, parity, stripe.len()).expect("bounds and length were checked");
            self.length = stripe.len();
        }
        if stripe.len() != self.length {
            return Err(ParityError::Length { expected: self.length, actual: stripe.len() });
        }
        self.inner.add_original_shard(stripe).expect("number and length were checked");
        self.added += 1;
        Ok(())
    }

    /// The recovery stripes, in order; the next [`add`](Self::add) begins the next stripe.
    ///
    /// # Errors
    /// If not all data shards were given. The rest can still be.
    pub fn finish(&mut self) -> Result<Recovery<'_>, ParityError> {
        let expected = self.geometry.data();
        if self.added != expected {
            return Err(ParityError::Missing { expected, actual: self.added });
        }
        self.added = 0;
        Ok(Recovery(self.inner.encode().expect("all data shards were given")))
    }
}

/// The recovery stripes that an [`Encoder`] made.
pub struct Recovery<'a>(EncoderResult<'a>);

impl Recovery<'_> {
    /// One after the other, from recovery shard 0.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.0.recovery_iter()
    }
}
