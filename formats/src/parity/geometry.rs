//! The numbers of a group: what is how long, and where.

use super::{BLOCK, ParityError, STRIPE, SUM};
use crate::limits;

/// The shape of a group. It follows from the seal alone: how many packs, and how long the longest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    data: usize,
    parity: usize,
    shard: u64,
}

impl Geometry {
    /// A group of `data` packs, the longest of `longest_pack` bytes, with `parity` parity packs.
    ///
    /// # Errors
    /// If the numbers are out of bounds: SPEC 5.6.
    pub fn new(data: usize, parity: usize, longest_pack: u64) -> Result<Self, ParityError> {
        if parity == 0 || parity > data || data > limits::GROUP_SHARDS - parity {
            return Err(ParityError::Counts { data, parity });
        }
        if longest_pack == 0 {
            return Err(ParityError::Empty);
        }
        // Bounded before it is rounded and multiplied.
        if longest_pack > limits::PACK_BYTES {
            return Err(ParityError::Long { longest: longest_pack });
        }
        let geometry = Self { data, parity, shard: longest_pack.next_multiple_of(BLOCK as u64) };
        if geometry.file_size() > limits::PACK_BYTES {
            return Err(ParityError::Long { longest: longest_pack });
        }
        Ok(geometry)
    }

    /// Data packs in the group.
    #[must_use]
    pub fn data(&self) -> usize {
        self.data
    }

    /// Parity packs in the group.
    #[must_use]
    pub fn parity(&self) -> usize {
        self.parity
    }

    /// Shards in the group: data, then recovery.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.data + self.parity
    }

    /// The bytes of each shard, a multiple of [`BLOCK`].
    #[must_use]
    pub fn shard(&self) -> u64 {
        self.shard
    }

    /// Stripes in each shard.
    #[must_use]
    pub fn stripes(&self) -> usize {
        // At most 2^15: a shard is no longer than a pack may be.
        self.shard.div_ceil(STRIPE as u64) as usize
    }

    /// The bytes of stripe `stripe`: [`STRIPE`], or less of the last; 0 of one that a shard does not have.
    #[must_use]
    pub fn stripe_length(&self, stripe: usize) -> usize {
        (self.shard.saturating_sub(self.stripe_offset(stripe))).min(STRIPE as u64) as usize
    }

    /// Where stripe `stripe` begins in its shard, and so in the pack's file.
    #[must_use]
    pub fn stripe_offset(&self, stripe: usize) -> u64 {
        (stripe as u64).saturating_mul(STRIPE as u64)
    }

    /// The bytes of the stripe table, which stands behind the recovery shard.
    #[must_use]
    pub fn table_size(&self) -> u64 {
        (SUM * self.shards()) as u64 * self.stripes() as u64
    }

    /// The bytes of each parity pack's file.
    #[must_use]
    pub fn file_size(&self) -> u64 {
        self.shard + self.table_size()
    }

    /// Where the sum of a stripe begins in the table. `shard` counts the data shards, then the recovery shards.
    ///
    /// # Panics
    /// If the group has no such shard, or the shard no such stripe.
    #[must_use]
    pub fn sum_offset(&self, shard: usize, stripe: usize) -> usize {
        assert!(shard < self.shards() && stripe < self.stripes(), "stripe {stripe} of shard {shard}");
        SUM * (shard * self.stripes() + stripe)
    }
}
