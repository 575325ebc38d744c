//! From the good shards to the bad ones, a stripe at a time.

use super::encoder::{Encoder, Recovery};
use super::{BLOCK, Geometry, ParityError, check_length};
use reed_solomon_simd::DecoderResult;
use reed_solomon_simd::engine::DefaultEngine;
use reed_solomon_simd::rate::{HighRateDecoder, RateDecoder};

/// What a [`Mender`] gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The missing data stripes.
    Data,
    /// The missing recovery stripes too; they are encoded anew, which takes a second copy of the data.
    All,
}

/// Makes the missing stripes of a group from the good ones.
///
/// For each stripe: [`data`](Self::data) and [`recovery`](Self::recovery) with that stripe of every good shard, in any
/// order, then [`finish`](Self::finish). As with an [`Encoder`], any multiple of [`BLOCK`] bytes at the same place of
/// all shards will do. A stripe at once is fastest: each piece costs half a millisecond beside its bytes.
pub struct Mender {
    geometry: Geometry,
    inner: HighRateDecoder<DefaultEngine>,
    /// 0 before the first shard of a stripe.
    length: usize,
    /// The good ones: data, then recovery.
    good: Vec<bool>,
    again: Option<Again>,
}

/// What encodes once more, and the data that it needs.
struct Again {
    encoder: Encoder,
    data: Vec<u8>,
}

impl Mender {
    /// A mender for groups of this shape.
    #[must_use]
    pub fn new(geometry: Geometry, wanted: Wanted) -> Self {
        let inner = HighRateDecoder::new(geometry.data(), geometry.parity(), BLOCK, DefaultEngine::new(), None);
        let again = || Again { encoder: Encoder::new(geometry), data: Vec::new() };
        Self {
            geometry,
            inner: inner.expect("a geometry is in the code's bounds"),
            length: 0,
            good: vec![false; geometry.shards()],
            again: (wanted == Wanted::All).then(again),
        }
    }

    /// Takes the stripe of a good data shard. The first shard of a stripe sets the length for all.
    ///
    /// # Errors
    /// If the length is none that a stripe can have or is not that of the first, and if the group has no such shard or
    /// it was given before. Such a stripe counts as not given.
    pub fn data(&mut self, index: usize, stripe: &[u8]) -> Result<(), ParityError> {
        self.begin(index, self.geometry.data(), 0, stripe.len())?;
        self.inner.add_original_shard(index, stripe).expect("index and length were checked");
        if let Some(again) = &mut self.again {
            again.data[index * stripe.len()..][..stripe.len()].copy_from_slice(stripe);
        }
        Ok(())
    }

    /// Takes the stripe of a good recovery shard; otherwise as [`data`](Self::data).
    ///
    /// # Errors
    /// As [`data`](Self::data).
    pub fn recovery(&mut self, index: usize, stripe: &[u8]) -> Result<(), ParityError> {
        self.begin(index, self.geometry.parity(), self.geometry.data(), stripe.len())?;
        self.inner.add_recovery_shard(index, stripe).expect("index and length were checked");
        Ok(())
    }

    /// Checks and marks a shard; the first of a stripe makes room.
    fn begin(&mut self, index: usize, count: usize, base: usize, length: usize) -> Result<(), ParityError> {
        if index >= count || self.good[base + index] {
            return Err(ParityError::Shard { shard: index });
        }
        if self.length == 0 {
            check_length(&self.geometry, length)?;
            let (data, parity) = (self.geometry.data(), self.geometry.parity());
            self.inner.reset(data, parity, length).expect("bounds and length were checked");
            if let Some(again) = &mut self.again {
                again.data.resize(data * length, 0);
            }
            self.length = length;
        }
        if length != self.length {
            return Err(ParityError::Length { expected: self.length, actual: length });
        }
        self.good[base + index] = true;
        Ok(())
    }

    /// The missing stripes. The next shard that is given begins the next stripe, whatever came of this one.
    ///
    /// # Errors
    /// If fewer shards were given than the group has data shards.
    pub fn finish(&mut self) -> Result<Mended<'_>, ParityError> {
        let (needed, good) = (self.geometry.data(), self.good.iter().filter(|good| **good).count());
        let given = self.good[needed..].to_vec();
        self.good.fill(false);
        let length = std::mem::take(&mut self.length);
        if good < needed {
            return Err(ParityError::TooFew { good, needed });
        }
        let data = self.inner.decode().expect("there are enough shards");
        let mut recovery = None;
        if let Some(again) = &mut self.again
            && given.contains(&false)
        {
            for (index, kept) in again.data.chunks_exact(length).enumerate() {
                again.encoder.add(data.restored_original(index).unwrap_or(kept))?;
            }
            recovery = Some(again.encoder.finish()?);
        }
        Ok(Mended { given, data, recovery })
    }
}

/// The stripes that a [`Mender`] made.
pub struct Mended<'a> {
    /// Which recovery shards were given.
    given: Vec<bool>,
    data: DecoderResult<'a>,
    recovery: Option<Recovery<'a>>,
}

impl Mended<'_> {
    /// The missing data stripes, each with the number of its data shard, in order.
    pub fn data(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.data.restored_original_iter()
    }

    /// The missing recovery stripes, each with the number of its recovery shard, in order; none if only the data
    /// were wanted.
    pub fn recovery(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let all = self.recovery.iter().flat_map(|recovery| recovery.iter().enumerate());
        all.filter(|(index, _)| !self.given[*index])
    }
}
