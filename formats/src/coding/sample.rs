//! What a sample of a chunk's bytes tells about its lanes: how many bits a byte each needs.

use super::planes::{Shape, WIDEST};

/// Bytes of a window. A multiple of eight, as is each window's offset, so that a byte's place in the sample says in which
/// lane of 1, 2, 4 or 8 it is.
pub(super) const WINDOW: usize = 4 << 10;
/// The widths of numbers; each divides the last.
const WIDTHS: [usize; 4] = [1, 2, 4, EIGHT];
const EIGHT: usize = 8;
/// Bits a byte from which on a lane is taken for noise: zstd would find nothing in it.
const NOISE: f64 = 7.96;
/// A wider shape must promise this part less, or the narrower is taken.
const WORTH_ITS_WIDTH: f64 = 0.995;
/// Bytes that a plane's descriptor and the head of its frame take, with the Huffman tree.
const PLANE_BYTES: f64 = 60.0;

type Histogram = [u32; 256];

/// Parts of a chunk, one behind the other.
#[derive(Clone, Copy)]
pub(super) struct Sample<'a> {
    pub(super) bytes: &'a [u8],
    /// The length of the chunk.
    length: usize,
}

/// What a shape promises.
#[derive(Clone, Copy, Debug)]
pub(super) struct Promise {
    pub(super) shape: Shape,
    /// The part of the chunk that is left.
    pub(super) left: f64,
    /// A bit for each plane that gets smaller.
    pub(super) worth: u64,
}

impl<'a> Sample<'a> {
    /// Up to `count` windows spread over `plain`; all of it if it is no longer. `memory` is working memory.
    pub(super) fn of(plain: &'a [u8], count: usize, memory: &'a mut Vec<u8>) -> Self {
        let length = plain.len();
        if length <= count * WINDOW {
            return Self { bytes: plain, length };
        }
        memory.clear();
        for number in 0..count {
            memory.extend_from_slice(&plain[begin(number, count, length)..][..WINDOW]);
        }
        Self { bytes: memory, length }
    }

    /// The windows, each with its offset in the chunk.
    fn windows(self) -> impl Iterator<Item = (usize, &'a [u8])> {
        let whole = self.bytes.len() == self.length;
        let count = self.bytes.len() / WINDOW;
        self.bytes.chunks(WINDOW).enumerate().map(move |(number, window)| {
            let at = if whole { number * WINDOW } else { begin(number, count, self.length) };
            (at, window)
        })
    }

    /// Whether almost all bytes are such as ASCII text has; of random ones, every third is.
    pub(super) fn is_text(self) -> bool {
        let printable = |byte: &u8| u8::from(byte.wrapping_sub(b' ') < 95) | u8::from(*byte == b'\n');
        let runs = self.bytes.chunks(128);
        let others = runs.map(|run| run.len() - usize::from(run.iter().map(printable).fold(0, u8::wrapping_add)));
        others.sum::<usize>() <= self.bytes.len() / 16
    }

    /// How many bytes of each value there are in each lane of eight.
    pub(super) fn lanes(self) -> Lanes {
        let mut lanes = [[0; 256]; EIGHT];
        let (eights, rest) = self.bytes.as_chunks::<EIGHT>();
        for bytes in eights {
            for (lane, byte) in lanes.iter_mut().zip(bytes) {
                lane[usize::from(*byte)] += 1;
            }
        }
        for (lane, byte) in lanes.iter_mut().zip(rest) {
            lane[usize::from(*byte)] += 1;
        }
        Lanes(lanes)
    }

    /// The number of bytes, from 3 on, after which bytes are most often alike, if one stands out. The low bits don't
    /// count: the scales of quantised blocks, which give a period away, are not the same but of one size.
    pub(super) fn period(self) -> Option<usize> {
        let alike = |lag: usize| -> usize {
            let windows = self.bytes.chunks(WINDOW).step_by(2);
            windows
                .map(|window| alike(&window[..window.len().saturating_sub(lag)], window.get(lag..).unwrap_or_default()))
                .sum()
        };
        let counts: Vec<usize> = (0..=WIDEST).map(|lag| if lag < 3 { 0 } else { alike(lag) }).collect();
        let mut sorted = counts[3..].to_vec();
        sorted.sort_unstable();
        let (median, most) = (sorted[sorted.len() / 2], *sorted.last()?);
        // Six standard deviations of a count, and a multiple of the period may beat it by chance.
        let margin = 6 * median.isqrt() + 12;
        let near = median + (most - median) * 3 / 4;
        (most > median + margin).then(|| counts.iter().position(|count| *count >= near))?
    }

    /// What elements of any width promise, not rotated.
    pub(super) fn general(self, width: usize, bits: &Bits) -> Promise {
        let mut lanes = vec![[0; 256]; width];
        for (at, window) in self.windows() {
            let mut lane = at % width;
            for byte in window {
                lanes[lane][usize::from(*byte)] += 1;
                lane = if lane + 1 == width { 0 } else { lane + 1 };
            }
        }
        let mut entropies = vec![0.0; width];
        for (entropy, lane) in entropies.iter_mut().zip(&lanes) {
            *entropy = bits.of(lane);
        }
        self.promise(&entropies, 0, false)
    }

    /// The best of the widths of numbers.
    pub(super) fn numbers(self, lanes: &Lanes, bits: &Bits) -> Promise {
        let mut best = self.promise(&[bits.of(&lanes.of(1, 0))], 0, false);
        for width in WIDTHS.into_iter().skip(1) {
            let mut entropies = [0.0; EIGHT];
            let entropies = &mut entropies[..width];
            for (lane, entropy) in entropies.iter_mut().enumerate() {
                *entropy = bits.of(&lanes.of(width, lane));
            }
            // The lane that says most is an element's last byte: the exponent of little-endian floats.
            let top = (0..width).min_by(|a, b| entropies[*a].total_cmp(&entropies[*b])).unwrap_or(0);
            let phase = (top + 1) % width;
            let mut found = self.promise(entropies, phase, false);
            if found.left < WORTH_ITS_WIDTH * best.left {
                let [high, next] = self.rotated(width, phase, bits);
                let below = (top + width - 1) % width;
                if high + next < entropies[top] + entropies[below] {
                    (entropies[top], entropies[below]) = (high, next);
                    found = self.promise(entropies, phase, true);
                }
            }
            if found.left < WORTH_ITS_WIDTH * best.left {
                best = found;
            }
        }
        best
    }

    /// Bits a byte of the two highest bytes of elements, after they were rotated left by one bit.
    fn rotated(self, width: usize, phase: usize, bits: &Bits) -> [f64; 2] {
        let mut lanes = [[0; 256]; 2];
        for window in self.bytes.chunks(WINDOW) {
            for element in window.get(phase..).unwrap_or_default().chunks_exact(width) {
                let (high, next) = (element[width - 1], element[width - 2]);
                // The lowest byte gets the bit that the highest loses.
                let below = if width == 2 { high } else { element[width - 3] };
                lanes[0][usize::from(high << 1 | next >> 7)] += 1;
                lanes[1][usize::from(next << 1 | below >> 7)] += 1;
            }
        }
        lanes.map(|lane| bits.of(&lane))
    }

    fn promise(self, entropies: &[f64], phase: usize, rotated: bool) -> Promise {
        let width = entropies.len();
        // By plane, that is by the byte's place in the element.
        let place = |lane: usize| (lane + width - phase) % width;
        let (mut sum, mut worth) = (0.0, 0);
        for (lane, bits) in entropies.iter().enumerate() {
            if *bits < NOISE {
                sum += bits;
                worth |= 1 << place(lane);
            } else {
                sum += 8.0;
            }
        }
        let left = sum / (8 * width) as f64 + PLANE_BYTES * width as f64 / self.length as f64;
        // Widths are at most 64.
        let shape = Shape { width: width as u8, phase: phase as u8, rotated };
        Promise { shape, left, worth }
    }
}

/// Where window `number` of `count` begins in a chunk that is longer than all of them: each stands in the middle of its
/// part, since the ends of a chunk are where other things are.
fn begin(number: usize, count: usize, length: usize) -> usize {
    ((2 * number + 1) * (length / (2 * count)) - WINDOW / 2) / EIGHT * EIGHT
}

/// How many bytes of the one are those of the other, but for the lowest three bits.
fn alike(a: &[u8], b: &[u8]) -> usize {
    // Runs short enough for a byte to count them: the compiler makes vectors of that.
    let runs = a.chunks(128).zip(b.chunks(128));
    let counts = runs.map(|(a, b)| a.iter().zip(b).fold(0u8, |sum, (a, b)| sum.wrapping_add(u8::from((a ^ b) < 8))));
    counts.map(usize::from).sum()
}

/// Counts of values in each lane of eight.
pub(super) struct Lanes([Histogram; EIGHT]);

impl Lanes {
    /// One lane of a width that divides eight.
    fn of(&self, width: usize, lane: usize) -> Histogram {
        let mut sum = [0; 256];
        for part in self.0.iter().skip(lane).step_by(width) {
            for (sum, count) in sum.iter_mut().zip(part) {
                *sum += count;
            }
        }
        sum
    }

    /// Whether all bytes together are as even as random ones: by chi-square, eight standard deviations.
    pub(super) fn are_noise(&self) -> bool {
        let all = self.of(1, 0);
        let total: u64 = all.iter().map(|count| u64::from(*count)).sum();
        let squares: u64 = all.iter().map(|count| u64::from(*count).pow(2)).sum();
        // 256 × squares / total - total has the mean 255 and the standard deviation 22.6.
        256 * squares < total * (total + 255 + 181)
    }
}

/// Turns counts into bits.
pub(super) struct Bits {
    /// n log2 n for small n.
    table: Vec<f32>,
}

impl Bits {
    pub(super) fn new() -> Self {
        Self { table: (0..4096).map(n_log_n).collect() }
    }

    /// Bits a byte, corrected for the size of the sample (Miller and Madow, 1955).
    fn of(&self, histogram: &Histogram) -> f64 {
        let (mut total, mut kinds, mut sum) = (0, 0, 0.0);
        for count in histogram {
            total += count;
            kinds += u32::from(*count > 0);
            sum += self.table.get(*count as usize).copied().unwrap_or_else(|| n_log_n(*count));
        }
        if total == 0 {
            return 8.0;
        }
        let correction = f64::from(kinds - 1) / (2.0 * std::f64::consts::LN_2);
        ((f64::from(n_log_n(total) - sum) + correction) / f64::from(total)).min(8.0)
    }
}

fn n_log_n(n: u32) -> f32 {
    if n == 0 { 0.0 } else { n as f32 * (n as f32).log2() }
}
