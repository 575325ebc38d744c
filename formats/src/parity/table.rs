//! The stripe table: the sum of every stripe of every shard of a group.

use super::{Geometry, ParityError, STRIPE, SUM, stripe_sum};

/// A stripe table, in memory as it stands in a parity pack's file.
///
/// A reader has up to `m` copies, each as damaged as its file may be. A stripe whose sum *any* of them has can be taken
/// for good: damage does not make sums right, and what is mended with it is held to the seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    geometry: Geometry,
    sums: Vec<u8>,
}

impl Table {
    /// A table with no sum in it yet.
    #[must_use]
    pub fn new(geometry: Geometry) -> Self {
        let size = usize::try_from(geometry.table_size()).expect("under 2 GiB");
        Self { geometry, sums: vec![0; size] }
    }

    /// The table in the bytes behind a recovery shard. Any bytes of the right length are a table: nothing in it is
    /// true or false by itself.
    ///
    /// # Errors
    /// If the length is not the one that the geometry gives.
    pub fn from_bytes(geometry: Geometry, bytes: Vec<u8>) -> Result<Self, ParityError> {
        let (expected, actual) = (geometry.table_size(), bytes.len() as u64);
        if expected != actual {
            return Err(ParityError::TableLength { expected, actual });
        }
        Ok(Self { geometry, sums: bytes })
    }

    /// The bytes that stand behind each recovery shard.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.sums
    }

    /// Puts in the sums of the stripes in `bytes`, which begin with stripe `first` of a shard. All but the shard's last
    /// stripe are whole.
    ///
    /// # Panics
    /// If the group has no such shard, or the shard no such stripes.
    pub fn add(&mut self, shard: usize, first: usize, bytes: &[u8]) {
        for (stripe, bytes) in (first..).zip(bytes.chunks(STRIPE)) {
            assert_eq!(bytes.len(), self.geometry.stripe_length(stripe), "stripe {stripe} is not whole");
            self.set(shard, stripe, stripe_sum(bytes));
        }
    }

    /// Puts in one sum, for who has it already.
    ///
    /// # Panics
    /// If the group has no such shard, or the shard no such stripe.
    pub fn set(&mut self, shard: usize, stripe: usize, sum: [u8; SUM]) {
        let at = self.geometry.sum_offset(shard, stripe);
        self.sums[at..at + SUM].copy_from_slice(&sum);
    }

    /// The sum of a stripe; `shard` counts the data shards, then the recovery shards.
    ///
    /// # Panics
    /// If the group has no such shard, or the shard no such stripe.
    #[must_use]
    pub fn sum(&self, shard: usize, stripe: usize) -> [u8; SUM] {
        let at = self.geometry.sum_offset(shard, stripe);
        self.sums[at..at + SUM].try_into().expect("as many bytes")
    }
}
