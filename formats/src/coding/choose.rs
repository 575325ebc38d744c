//! Which coding fits a chunk, from a sample of its bytes. No file format is asked: tensors may start at any offset of any
//! container, and a byte lane shows what it is.

use super::planes::Shape;
use super::sample::{Bits, Sample};

/// How to code a chunk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Choice {
    /// As it is: nothing here gets smaller.
    Store,
    /// As a whole, by zstd.
    Zstd,
    /// Taken apart; the bits of `worth` say which planes get smaller.
    Planes { shape: Shape, worth: u64 },
}

/// Windows of a sample: a thirty-second of the chunk, within these bounds.
const FEWEST: usize = 8;
const MOST: usize = 16;
const SPREAD: usize = 32;
/// Where zstd alone leaves less than this, there is more to find in repeats than in lanes.
const REPETITIVE: f64 = 0.25;
/// Where a hasty search for repeats leaves more than this, there are none; or few, that a sample shows as they are.
const NO_REPEATS: f64 = 0.96;
const FEW_REPEATS: f64 = 0.9;
/// What taking apart must promise to save of what zstd leaves where there are more: a sample has not those far apart.
const BETTER: f64 = 0.97;
/// What a general period must promise to save of what the widths of numbers leave, to be worth its time.
const PERIOD_PAYS: f64 = 0.99;
/// A general period is looked for where the widths of numbers leave more than this: quantised blocks are dense.
const DENSE: f64 = 0.88;
/// Bytes below which the descriptors of a general period's planes take what it saves.
const SHORTEST_WITH_A_PERIOD: usize = 64 << 10;
/// What is left of a chunk that is stored: SPEC 5.2.
const STORED: f64 = 0.98;

/// The compressors that a choice may ask.
pub(super) trait Trial {
    /// The part of `bytes` that a hasty search for repeats leaves.
    fn hasty(&mut self, bytes: &[u8]) -> f64;
    /// The part of `bytes` that zstd as a whole leaves.
    fn whole(&mut self, bytes: &[u8]) -> f64;
}

/// Looks at a sample of `plain`. `known` is what zstd leaves of all of it, if that is known. `memory` is working memory.
pub(super) fn choose(
    plain: &[u8],
    known: Option<f64>,
    trial: &mut impl Trial,
    bits: &Bits,
    memory: &mut Vec<u8>,
) -> Choice {
    let windows = (plain.len() / (SPREAD * super::sample::WINDOW)).clamp(FEWEST, MOST);
    let sample = Sample::of(plain, windows, memory);
    let hasty = if known.is_some() { 0.0 } else { trial.hasty(sample.bytes) };
    // Weights of 8 bits may look like text, but for the words.
    if hasty < FEW_REPEATS && sample.is_text() {
        return Choice::Zstd;
    }
    // What zstd leaves, if it is the one to beat.
    let whole = known.or_else(|| (hasty < NO_REPEATS).then(|| trial.whole(sample.bytes)));
    let better = if hasty < FEW_REPEATS { BETTER } else { 1.0 };
    let lanes = sample.lanes();
    let noise = lanes.are_noise();
    if noise && whole.is_none_or(|left| left > STORED) {
        return Choice::Store;
    }
    if whole.is_some_and(|left| left < REPETITIVE) {
        return Choice::Zstd;
    }
    let mut best = sample.numbers(&lanes, bits);
    if best.left > DENSE
        && !noise
        && plain.len() >= SHORTEST_WITH_A_PERIOD
        && let Some(found) = sample.period().map(|width| sample.general(width, bits))
        && found.left < PERIOD_PAYS * best.left
    {
        best = found;
    }
    match whole {
        Some(left) if better * left.min(1.0) <= best.left => {
            if left < STORED {
                Choice::Zstd
            } else {
                Choice::Store
            }
        }
        _ if best.left < STORED => Choice::Planes { shape: best.shape, worth: best.worth },
        _ => Choice::Store,
    }
}
