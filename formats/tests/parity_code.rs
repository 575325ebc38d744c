//! The code as SPEC 5.6 defines it, symbol by symbol and slowly, beside the one that makes parity packs.

use gapvault_formats::parity::{BLOCK, Encoder, Geometry};
use proptest::prelude::*;

/// SPEC 5.6: the field elements that the 16 bits of a symbol stand for, lowest bit first.
const BASIS: [u32; 16] = [
    0x0001, 0xacca, 0x3c0e, 0x163e, 0xc582, 0xed2e, 0x914c, 0x4012, 0x6c98, 0x10d8, 0x6a72, 0xb900, 0xfdb8, 0xfb34,
    0xff38, 0x991e,
];

/// Symbols are 16 bits; 17 and more hold a product before it is reduced.
type Element = u32;

/// The product of two elements: carry-less, modulo x^16 + x^5 + x^3 + x^2 + 1.
fn multiply(a: Element, b: Element) -> Element {
    let product = (0..16).filter(|bit| b >> bit & 1 == 1).fold(0, |sum, bit| sum ^ a << bit);
    (16..32).rev().fold(product, reduce)
}

/// Takes the term `x^bit` out of `rest`, if it is still in it.
fn reduce(rest: Element, bit: u32) -> Element {
    if rest >> bit & 1 == 1 { rest ^ 0x1_002d << (bit - 16) } else { rest }
}

/// The inverse: the power 2^16 - 2.
fn inverse(a: Element) -> Element {
    assert_ne!(a, 0);
    let square = |a| multiply(a, a);
    (1..16).fold((1, a), |(product, power), _| (multiply(product, square(power)), square(power))).0
}

fn element(symbol: usize) -> Element {
    (0..16).filter(|bit| symbol >> bit & 1 == 1).fold(0, |sum, bit| sum ^ BASIS[bit])
}

/// For each element the only symbol that stands for it.
fn all_symbols() -> Vec<u16> {
    let mut symbols = vec![0; 1 << 16];
    (0..=u16::MAX).for_each(|symbol| symbols[element(symbol.into()) as usize] = symbol);
    symbols
}

/// The factor of data shard `j` in recovery shard `i`, with `width` the parity's next power of two.
fn factor(i: usize, j: usize, width: usize) -> Element {
    multiply(element(1 + j / width), inverse(element(i ^ (width + j))))
}

/// Symbol `n` of a shard: in each 64 bytes 32 low bytes, then 32 high ones.
fn at(n: usize) -> (usize, usize) {
    let low = n / 32 * BLOCK + n % 32;
    (low, low + 32)
}

fn recovery(data: &[Vec<u8>], parity: usize, symbols: &[u16]) -> Vec<Vec<u8>> {
    let (width, length) = (parity.next_power_of_two(), data[0].len());
    let mut shards = vec![vec![0; length]; parity];
    for (i, shard) in shards.iter_mut().enumerate() {
        let factors: Vec<_> = (0..data.len()).map(|j| factor(i, j, width)).collect();
        for n in 0..length / 2 {
            let (low, high) = at(n);
            let read = |data: &Vec<u8>| element(usize::from(data[low]) | usize::from(data[high]) << 8);
            let sum = data.iter().zip(&factors).fold(0, |sum, (data, factor)| sum ^ multiply(read(data), *factor));
            [shard[low], shard[high]] = symbols[sum as usize].to_le_bytes();
        }
    }
    shards
}

/// The value at `point` of the polynomial of least degree through the `values` at the `points`.
fn interpolated(points: &[Element], values: &[Element], point: Element) -> Element {
    let term = |(at, value): (usize, &Element)| {
        let others = points.iter().enumerate().filter(|(other, _)| *other != at);
        others
            .fold(*value, |product, (_, other)| multiply(product, multiply(point ^ other, inverse(points[at] ^ other))))
    };
    values.iter().enumerate().map(term).fold(0, |sum, term| sum ^ term)
}

#[test]
fn the_basis_is_a_cantor_basis() {
    let block = include_str!("../SPEC.md").split("```basis\n").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(block, BASIS.map(|element| format!("{element:04x}")).join(" "), "the specification's");
    assert_eq!(BASIS[0], 1);
    for pair in BASIS.windows(2) {
        assert_eq!(multiply(pair[1], pair[1]) ^ pair[1], pair[0]);
    }
    assert!(all_symbols().iter().filter(|symbol| **symbol == 0).count() == 1, "each element has one symbol");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn recovery_shards_are_those_of_the_definition(
        (data, parity) in (1usize..70).prop_flat_map(|data| (Just(data), 1..=data.min(20))),
        blocks in 1usize..4,
        seed in any::<u64>(),
    ) {
        let mut noise = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
        let mut shards = vec![vec![0; blocks * BLOCK]; data];
        shards.iter_mut().for_each(|shard| noise.fill(shard));
        let mut encoder = Encoder::new(Geometry::new(data, parity, (blocks * BLOCK) as u64).unwrap());
        shards.iter().for_each(|shard| encoder.add(shard).unwrap());
        let made: Vec<_> = encoder.finish().unwrap().iter().map(<[u8]>::to_vec).collect();
        prop_assert_eq!(made, recovery(&shards, parity, &all_symbols()));
    }

    #[test]
    fn the_factors_are_those_of_interpolation_block_by_block(
        (log, i, j) in (0u32..4).prop_flat_map(|log| (Just(log), 0..1usize << log, 0usize..60)),
    ) {
        let width = 1 << log;
        let block = width + j / width * width;
        let points: Vec<_> = (block..block + width).map(element).collect();
        let values: Vec<_> = (0..width).map(|at| Element::from(at == j % width)).collect();
        prop_assert_eq!(factor(i, j, width), interpolated(&points, &values, element(i)));
    }
}
