//! Parity packs: Reed-Solomon shards over a group of packs, and the table that says where a shard is damaged.
//!
//! A group is `k` data packs and `m` parity packs. Every data pack, as it stands on the medium, is a *shard* with zeros
//! behind it up to the group's shard length; parity pack `j` holds recovery shard `j` and the stripe table. The code
//! works column by column: the bytes of all shards in one stripe mend each other and nothing else, so a damaged stripe
//! costs a stripe and not a pack. Any `m` bad shards of a stripe can be mended, other ones in each stripe.
//!
//! The code is the high-rate one of reed-solomon-simd, always: SPEC 5.6 defines it without that crate. Nothing here
//! proves that mended bytes are right. The caller holds them to the SHA-256 in the seal.
//!
//! Coders copy what they are given. An [`Encoder`] takes memory for about `k + m` stripes, a [`Mender`] for up to twice
//! the next power of two over `k + 2 m`, and 9 MiB of tables are made once for all.

mod encoder;
mod geometry;
mod mender;
mod table;

pub use encoder::{Encoder, Recovery};
pub use geometry::Geometry;
pub use mender::{Mended, Mender, Wanted};
pub use table::Table;

use crate::limits;
use thiserror::Error;

/// Bytes in a stripe: the unit in which damage is found.
pub const STRIPE: usize = 65_536;
/// Bytes in a stripe's sum.
pub const SUM: usize = 8;
/// Shard lengths, and the lengths that coders take at once, are multiples of this many bytes.
pub const BLOCK: usize = 64;

/// The sum of a stripe: the first bytes of its BLAKE3. It finds accidents; against malice there is the seal.
#[must_use]
pub fn stripe_sum(stripe: &[u8]) -> [u8; SUM] {
    let mut sum = [0; SUM];
    blake3::Hasher::new().update(stripe).finalize_xof().fill(&mut sum);
    sum
}

/// Why there is no such group, or why shards could not be coded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParityError {
    /// The numbers of packs are out of bounds.
    #[error("parity packs for {data} packs: {parity} where there must be 1 to as many as packs, and at most {most} with them", most = limits::GROUP_SHARDS)]
    Counts {
        /// Data packs.
        data: usize,
        /// Parity packs.
        parity: usize,
    },
    /// The packs hold no byte.
    #[error("a group of empty packs")]
    Empty,
    /// A parity pack would be longer than a pack may be.
    #[error("parity packs for a pack of {longest} bytes would be over {most} bytes", most = limits::PACK_BYTES)]
    Long {
        /// The longest pack's bytes.
        longest: u64,
    },
    /// A table of another length than the group's.
    #[error("a stripe table of {actual} bytes where there should be {expected}")]
    TableLength {
        /// Bytes that the geometry gives.
        expected: u64,
        /// Bytes that there were.
        actual: u64,
    },
    /// Bytes to code of another length than those before, or than any may have.
    #[error("{actual} bytes of a shard where there should be {expected}")]
    Length {
        /// The length of those before; of the first, the nearest that is allowed.
        expected: usize,
        /// The length given.
        actual: usize,
    },
    /// A shard that the group does not have, or one that was there before.
    #[error("{shard} is no shard of the group, or was given before")]
    Shard {
        /// Its number among the data or recovery shards.
        shard: usize,
    },
    /// Too few data shards to encode.
    #[error("{actual} data shards where there should be {expected}")]
    Missing {
        /// Data shards of the group.
        expected: usize,
        /// Those that were given.
        actual: usize,
    },
    /// More shards are bad than there is parity for.
    #[error("{good} good shards where {needed} are needed")]
    TooFew {
        /// Good shards, data and recovery.
        good: usize,
        /// Data shards of the group.
        needed: usize,
    },
}

/// Refuses what is no length for a coder: not a multiple of [`BLOCK`], zero, or over the shard.
fn check_length(geometry: &Geometry, length: usize) -> Result<(), ParityError> {
    let most = usize::try_from(geometry.shard()).unwrap_or(usize::MAX);
    let nearest = length.next_multiple_of(BLOCK).clamp(BLOCK, most);
    if length == nearest { Ok(()) } else { Err(ParityError::Length { expected: nearest, actual: length }) }
}
