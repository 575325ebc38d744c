//! Which coding fits a chunk, from a sample of its bytes. No file format is asked: tensors may start at any offset of any
//! container, and a byte lane shows what it is.

use super::planes::{Shape, WIDEST};

/// How to code a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// As it is: nothing here gets smaller.
    Store,
    /// As a whole, by zstd.
    Zstd,
    /// Taken apart; the bits of `worth` say which planes get smaller.
    Planes { shape: Shape, worth: u64 },
}

/// Chunks shorter than this are not looked at: a sample of them says little, and they cost little.
const SHORTEST: usize = 4 << 10;
/// The sample: this many windows of this many bytes, spread over the chunk.
const WINDOWS: usize = 16;
const WINDOW: usize = 4 << 10;
/// Bits a byte from which on a plane is taken for noise.
const NOISE: f64 = 7.9;
/// Where zstd alone leaves less than this, there is more to find in repeats than in lanes.
const REPETITIVE: f64 = 0.25;
/// What taking apart must promise to save of what zstd leaves, to be worth its time.
const BETTER: f64 = 0.97;

/// Looks at a sample of `plain`. `trial` compresses bytes with zstd as a whole and says to how many.
pub(super) fn choose(plain: &[u8], mut trial: impl FnMut(&[u8]) -> usize) -> Choice {
    if plain.len() < SHORTEST {
        return Choice::Zstd;
    }
    let middle = &plain[(plain.len() / 2).saturating_sub(8 * WINDOW)..][..plain.len().min(16 * WINDOW)];
    let whole = trial(middle) as f64 / middle.len() as f64;
    if whole < REPETITIVE {
        return Choice::Zstd;
    }
    let sample = Sample::of(plain);
    let best = sample.widths().into_iter().map(|width| sample.lanes(width)).min_by(|a, b| a.bits.total_cmp(&b.bits));
    match best {
        Some(lanes) if lanes.bits / 8.0 < BETTER * whole.min(1.0) => {
            Choice::Planes { shape: lanes.shape, worth: lanes.worth }
        }
        _ if whole < 0.98 => Choice::Zstd,
        _ => Choice::Store,
    }
}

/// Windows of a chunk, each with its offset, which says in which lane its bytes are.
struct Sample<'a> {
    windows: Vec<(usize, &'a [u8])>,
}

/// What a width promises.
struct Lanes {
    shape: Shape,
    /// Bits a byte, over all lanes.
    bits: f64,
    worth: u64,
}

impl<'a> Sample<'a> {
    fn of(plain: &'a [u8]) -> Self {
        let length = WINDOW.min(plain.len());
        let last = plain.len() - length;
        let windows = if plain.len() <= WINDOWS * WINDOW {
            plain.chunks(WINDOW).enumerate().map(|(i, window)| (i * WINDOW, window)).collect()
        } else {
            (0..WINDOWS).map(|i| last * i / (WINDOWS - 1)).map(|at| (at, &plain[at..at + length])).collect()
        };
        Self { windows }
    }

    /// The widths worth a look: those of numbers, and the lag at which bytes repeat most often, if it stands out.
    fn widths(&self) -> Vec<usize> {
        let mut widths = vec![1, 2, 4, 8];
        let repeats = |lag: usize| -> usize {
            let windows = self.windows.iter().step_by(4);
            windows.map(|(_, w)| w.iter().zip(w.get(lag..).unwrap_or_default()).filter(|(a, b)| a == b).count()).sum()
        };
        let counts: Vec<usize> = (1..=WIDEST).map(repeats).collect();
        let mean = counts.iter().sum::<usize>() / counts.len();
        if let Some((lag, count)) = counts.iter().enumerate().map(|(i, c)| (i + 1, *c)).max_by_key(|(_, c)| *c)
            && count > mean + mean / 4
            && !widths.contains(&lag)
        {
            widths.push(lag);
        }
        widths
    }

    /// The entropy of each lane of `width`, with the phase and rotation that make it least.
    fn lanes(&self, width: usize) -> Lanes {
        let plain = self.entropies(width, None);
        let top = (0..width).min_by(|a, b| plain[*a].total_cmp(&plain[*b])).unwrap_or(0);
        // The lane that says most is an element's last byte: the exponent of little endian floats.
        let phase = (top + 1) % width;
        let mut best = (plain, false);
        if matches!(width, 2 | 4 | 8) {
            let rotated = self.entropies(width, Some(phase));
            if rotated.iter().sum::<f64>() < best.0.iter().sum::<f64>() {
                best = (rotated, true);
            }
        }
        let (entropies, rotated) = best;
        // By plane, that is by the byte's place in the element.
        let place = |lane: usize| (lane + width - phase) % width;
        let worth = entropies.iter().enumerate().filter(|(_, bits)| **bits < NOISE);
        let worth = worth.fold(0, |mask, (lane, _)| mask | 1u64 << place(lane));
        let coded = entropies.iter().map(|bits| if *bits < NOISE { *bits } else { 8.0 });
        let bits = coded.sum::<f64>() / width as f64;
        // Widths are at most 64.
        let shape = Shape { width: width as u8, phase: phase as u8, rotated };
        Lanes { shape, bits, worth }
    }

    /// Bits a byte of each lane; with `rotated`, after elements that begin at that phase were rotated left by one bit.
    fn entropies(&self, width: usize, rotated: Option<usize>) -> Vec<f64> {
        let mut histograms = vec![[0u32; 256]; width];
        for (at, window) in &self.windows {
            match rotated {
                None => {
                    for (i, byte) in window.iter().enumerate() {
                        histograms[(at + i) % width][usize::from(*byte)] += 1;
                    }
                }
                Some(phase) => {
                    let skip = (phase + width - at % width) % width;
                    for element in window.get(skip..).unwrap_or_default().chunks_exact(width) {
                        let mut carry = element[width - 1] >> 7;
                        for (place, byte) in element.iter().enumerate() {
                            histograms[(place + phase) % width][usize::from(byte << 1 | carry)] += 1;
                            carry = byte >> 7;
                        }
                    }
                }
            }
        }
        histograms.iter().map(entropy).collect()
    }
}

/// Bits a byte, corrected for the size of the sample (Miller and Madow, 1955).
fn entropy(histogram: &[u32; 256]) -> f64 {
    let total: u32 = histogram.iter().sum();
    if total == 0 {
        return 8.0;
    }
    let total = f64::from(total);
    let used = histogram.iter().filter(|count| **count > 0);
    let kinds = used.clone().count() as f64;
    let bits: f64 = used.map(|count| f64::from(*count)).map(|count| count / total * (total / count).log2()).sum();
    (bits + (kinds - 1.0) / (2.0 * total * std::f64::consts::LN_2)).min(8.0)
}
