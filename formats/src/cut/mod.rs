//! Where a file is cut into chunks.
//!
//! Cuts are the writer's choice and no part of the format: a reader follows the recipe. They decide how much is found
//! again: safetensors are cut at tensor boundaries, because an untouched tensor of a fine-tune then keeps its chunks;
//! everything else is cut by its content, so that an insertion moves no cut behind it.

mod safetensors;

pub use self::safetensors::plan as safetensors_plan;
use crate::limits::CHUNK_BYTES;
use fastcdc::v2020::{self, Normalization};

/// The longest chunk in bytes.
pub const LONGEST: usize = CHUNK_BYTES as usize;
/// Files up to this many bytes are not cut by their content.
pub const SHORTEST: usize = 256 << 10;
const AVERAGE: usize = 1 << 20;

/// How one file is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cutter {
    /// By content: FastCDC, 1 MiB on average, 0.25 to 4 MiB.
    Content,
    /// At these offsets of the file, ascending, and at most every [`LONGEST`] bytes between.
    Boundaries {
        /// The offsets still ahead, the next one last.
        ahead: Vec<u64>,
        /// Where the next chunk begins.
        position: u64,
    },
}

impl Cutter {
    /// A cutter at the given offsets of a file, in any order.
    #[must_use]
    pub fn at(mut boundaries: Vec<u64>) -> Self {
        boundaries.sort_unstable_by(|a, b| b.cmp(a));
        boundaries.dedup();
        Self::Boundaries { ahead: boundaries, position: 0 }
    }

    /// The length of the next chunk of a file with `left` bytes to go, if it is settled whatever they are. It counts as
    /// cut.
    pub fn settled_length(&mut self, left: u64) -> Option<usize> {
        match self {
            Self::Content => None,
            Self::Boundaries { ahead, position } => {
                while ahead.last().is_some_and(|b| *b <= *position) {
                    ahead.pop();
                }
                let next = ahead.last().map_or(u64::MAX, |b| *b - *position);
                let length = next.min(left).min(LONGEST as u64);
                *position += length;
                Some(length as usize)
            }
        }
    }

    /// The length of the next chunk, given the bytes from its beginning on: [`LONGEST`] of them, or fewer if the file
    /// ends there. 0 only for an empty slice.
    pub fn next_length(&mut self, ahead_bytes: &[u8]) -> usize {
        let most = ahead_bytes.len().min(LONGEST);
        match self.settled_length(most as u64) {
            Some(length) => length,
            None if most <= SHORTEST => most,
            None => {
                let (small, large) = v2020::select_masks(AVERAGE, Normalization::Level1);
                v2020::cut(&ahead_bytes[..most], SHORTEST, AVERAGE, LONGEST, small, large, small << 1, large << 1).1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut_all(mut cutter: Cutter, bytes: &[u8]) -> Vec<usize> {
        let (mut at, mut lengths) = (0, Vec::new());
        while at < bytes.len() {
            let length = cutter.next_length(&bytes[at..bytes.len().min(at + LONGEST)]);
            assert!((1..=LONGEST).contains(&length));
            lengths.push(length);
            at += length;
        }
        assert_eq!(at, bytes.len());
        lengths
    }

    fn noise(length: usize) -> Vec<u8> {
        let mut out = vec![0; length];
        blake3::Hasher::new().finalize_xof().fill(&mut out);
        out
    }

    #[test]
    fn content_cuts_find_themselves_again_after_an_insertion() {
        let plain = noise(24 << 20);
        let lengths = cut_all(Cutter::Content, &plain);
        let average = plain.len() / lengths.len();
        assert!((512 << 10..2 << 20).contains(&average), "{average}");
        let ends = |bytes: &[u8]| {
            let lengths = cut_all(Cutter::Content, bytes);
            lengths
                .iter()
                .scan(0, |at, l| {
                    *at += l;
                    Some(bytes.len() - *at)
                })
                .collect::<Vec<_>>()
        };
        let (before, after) = (ends(&plain), ends(&[b"inserted".as_slice(), &plain].concat()));
        let kept = before.iter().filter(|e| after.contains(e)).count();
        assert!(kept + 3 >= before.len(), "{kept} of {}", before.len());
    }

    proptest! {
        #[test]
        fn boundaries_are_kept(boundaries in proptest::collection::vec(0u64..10_000_000, 0..20), length in 0usize..9_000_000) {
            let lengths = cut_all(Cutter::at(boundaries.clone()), &vec![0; length]);
            let mut ends: Vec<u64> = lengths.iter().scan(0, |at, l| { *at += *l as u64; Some(*at) }).collect();
            ends.insert(0, 0);
            for b in boundaries.into_iter().filter(|b| *b <= length as u64) {
                prop_assert!(ends.contains(&b));
            }
        }
    }
}
