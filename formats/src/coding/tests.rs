//! Which coding is found for what, and what it leaves.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn what_is_coded_decodes(seed in proptest::collection::vec(any::<u8>(), 1..300), times in 1usize..200) {
        let plain = seed.repeat(times);
        let (_, coded) = proven(&plain);
        prop_assert!(coded.len() <= plain.len());
    }

    #[test]
    fn noise_is_no_reason_to_panic(noise in proptest::collection::vec(any::<u8>(), 0..300), length in 0usize..5000) {
        let mut back = vec![0; length];
        for coding in [Coding::Zstd, Coding::Planes] {
            // Now and then it is a chunk.
            let _ = Coder::new().unwrap().decode(coding, &noise, &mut back);
        }
    }

    /// Whatever stands before and behind them, as in a container that knows nothing of chunks.
    #[test]
    fn floats_are_found_in_any_container(before in 0usize..3000, behind in 0usize..3000, kind in 0usize..4) {
        let container = include_bytes!("tests.rs");
        let (floats, most) = &FLOATS[kind];
        let floats = floats();
        let plain = [&container[..before], &floats, &container[..behind]].concat();
        let (coding, coded) = proven(&plain);
        prop_assert_eq!(coding, Coding::Planes);
        let left = coded.len() as f64 / plain.len() as f64;
        prop_assert!(left < *most, "{left}");
    }

    #[test]
    fn nothing_gets_longer(parts in proptest::collection::vec((0usize..6, 1usize..100_000), 1..6)) {
        let mut plain = Vec::new();
        for (kind, length) in parts {
            let part = match kind {
                0..4 => FLOATS[kind].0(),
                4 => noise(length),
                _ => blocks(18),
            };
            plain.extend_from_slice(&part[..length.min(part.len())]);
        }
        let (_, coded) = proven(&plain);
        prop_assert!(coded.len() <= plain.len());
    }
}

type Generated = fn() -> Vec<u8>;
/// Floats, and what at most is left of them.
static FLOATS: [(Generated, f64); 4] = [
    (|| weights(300_000).flat_map(|w| ((w.to_bits() >> 16) as u16).to_le_bytes()).collect(), 0.68),
    (|| weights(150_000).flat_map(|w| half(w).to_le_bytes()).collect(), 0.87),
    (|| weights(150_000).flat_map(f32::to_le_bytes).collect(), 0.84),
    (|| weights(75_000).flat_map(|w| (f64::from(w) * 1.000_000_1).to_le_bytes()).collect(), 0.92),
];

/// Weights as they are: normal by the sum of uniforms, small, different in each.
fn weights(count: usize) -> impl Iterator<Item = f32> {
    let mut state = 1u64;
    std::iter::repeat_with(move || {
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        };
        (0..12).map(|_| uniform()).sum::<f32>() * 0.02
    })
    .take(count)
}

/// The 16-bit float below; right for normal numbers.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let exponent = (bits >> 23 & 0xff).saturating_sub(112) as u16;
    (bits >> 16 & 0x8000) as u16 | exponent << 10 | (bits >> 13 & 0x3ff) as u16
}

/// Blocks of 32 weights as multiples of a 16-bit scale: in 4 bits (18 bytes, like GGUF's Q4_0) or 8 (34, like Q8_0).
fn blocks(width: usize) -> Vec<u8> {
    let weights: Vec<f32> = weights(400_000).collect();
    let block = |block: &[f32]| {
        let largest = block.iter().fold(0f32, |most, weight| most.max(weight.abs()));
        let scale = largest / if width == 18 { 8.0 } else { 127.0 };
        let steps = block.iter().map(|weight| (weight / scale).round());
        let steps: Vec<u8> = match width {
            18 => steps.map(|step| (step + 8.0).min(15.0) as u8).collect(),
            _ => steps.map(|step| step as i8 as u8).collect(),
        };
        let packed = match width {
            18 => steps[..16].iter().zip(&steps[16..]).map(|(low, high)| low | high << 4).collect(),
            _ => steps,
        };
        [&half(scale).to_le_bytes()[..], &packed].concat()
    };
    weights.chunks_exact(32).flat_map(block).collect()
}

fn noise(length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    blake3::Hasher::new().finalize_xof().fill(&mut out);
    out
}

/// Codes, and decodes with another coder.
fn proven(plain: &[u8]) -> (Coding, Vec<u8>) {
    let (mut coded, mut back) = (Vec::new(), vec![1; plain.len()]);
    let coding = Coder::new().unwrap().encode(plain, &mut coded).unwrap();
    Coder::new().unwrap().decode(coding, &coded, &mut back).unwrap();
    assert!(back == plain);
    (coding, coded)
}

#[test]
fn the_period_of_quantised_blocks_is_found_at_any_offset_and_pays() {
    for width in [18, 34] {
        let blocks = blocks(width);
        let as_bytes = zstd::bulk::compress(&blocks, LEVEL_OF_THE_REST).unwrap().len();
        for offset in [0, 1, 7, 17] {
            let (coding, coded) = proven(&blocks[offset..]);
            assert_eq!((coding, usize::from(coded[0])), (Coding::Planes, width));
            assert!(coded.len() * 100 < as_bytes * 99, "{width} at {offset}: {} of {as_bytes}", coded.len());
        }
    }
}

/// The level that a chunk which is no planes is coded at.
const LEVEL_OF_THE_REST: i32 = 3;

#[test]
fn bytes_without_repeats_get_huffman_codes_alone() {
    let plain: Vec<u8> = weights(400_000).map(|weight| (weight * 800.0) as i8 as u8).collect();
    let (coding, coded) = proven(&plain);
    assert_eq!((coding, coded[0]), (Coding::Planes, 1));
    let as_bytes = zstd::bulk::compress(&plain, LEVEL_OF_THE_REST).unwrap().len();
    assert!(coded.len() * 1000 < as_bytes * 1005, "{} of {as_bytes}", coded.len());
}

#[test]
fn text_is_left_to_zstd_and_noise_to_itself() {
    let (coding, coded) = proven("the same words over and over, ".repeat(10_000).as_bytes());
    assert!(coding == Coding::Zstd && coded.len() < 3000);
    for length in [1, 100, 5000, 1 << 20] {
        assert_eq!(proven(&noise(length)), (Coding::Store, noise(length)));
    }
    assert_eq!(proven(b""), (Coding::Store, Vec::new()));
}

#[test]
fn noise_that_repeats_is_found() {
    let (coding, coded) = proven(&noise(3000).repeat(300));
    assert!(coding == Coding::Zstd && coded.len() < 20_000);
}

#[test]
fn a_bomb_stops_at_its_stated_length() {
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 19).unwrap();
    for length in [0, 1000, crate::limits::CHUNK_BYTES as usize, 64 << 20] {
        assert!(Coder::new().unwrap().decode(Coding::Zstd, &bomb, &mut vec![0; length]).is_err(), "{length}");
    }
}
