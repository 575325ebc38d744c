//! How fast chunks are coded and decoded, step by step and by kind of data, in bytes of plain data a second.
//!
//! usage: `cargo bench -p gapvault-formats --bench coding [-- FILTER]`
//!
//! The data are made by a small seeded generator. `encode` is all that an export does with a chunk: choice, coding, proof.

use divan::Bencher;
use divan::counter::BytesCount;
use gapvault_formats::coding::{Coder, steps};

fn main() {
    divan::main();
}

/// Chunks of 4 MiB, as safetensors are cut into.
const LARGE: usize = 4 << 20;
const KINDS: [&str; 8] = ["bf16", "fp16", "fp32", "fp64", "q8_0", "int8", "text", "noise"];
/// Files as they come by the hundred thousand.
const SMALL: [usize; 3] = [1 << 10, 4 << 10, 8 << 10];

#[divan::bench(args = KINDS)]
fn choose(bencher: Bencher, kind: &str) {
    let (plain, mut coder) = (data(kind, LARGE), Coder::new().unwrap());
    bencher.counter(BytesCount::of_slice(&plain)).bench_local(|| steps::choose(&mut coder, &plain));
}

#[divan::bench(args = KINDS)]
fn encode(bencher: Bencher, kind: &str) {
    encode_one(bencher, &data(kind, LARGE));
}

#[divan::bench(args = KINDS)]
fn code_without_proof(bencher: Bencher, kind: &str) {
    let (plain, mut coder, mut coded) = (data(kind, LARGE), Coder::new().unwrap(), Vec::new());
    bencher.counter(BytesCount::of_slice(&plain)).bench_local(|| steps::code(&mut coder, &plain, &mut coded).unwrap());
}

#[divan::bench(args = KINDS)]
fn decode(bencher: Bencher, kind: &str) {
    let (plain, mut coder) = (data(kind, LARGE), Coder::new().unwrap());
    let (mut coded, mut back) = (Vec::new(), vec![1; LARGE]);
    let coding = coder.encode(&plain, &mut coded).unwrap();
    bencher.counter(BytesCount::of_slice(&plain)).bench_local(|| coder.decode(coding, &coded, &mut back).unwrap());
}

#[divan::bench(args = SMALL)]
fn encode_small_text(bencher: Bencher, length: usize) {
    encode_one(bencher, &data("text", length));
}

#[divan::bench(args = SMALL)]
fn encode_small_fp32(bencher: Bencher, length: usize) {
    encode_one(bencher, &data("fp32", length));
}

#[divan::bench(args = [1, 2, 4, 8, 34])]
fn take_apart(bencher: Bencher, width: usize) {
    let plain = data("noise", LARGE / width * width);
    let mut planes = vec![0; plain.len()];
    bencher
        .counter(BytesCount::of_slice(&plain))
        .bench_local(|| steps::take_apart(&plain, width, width != 1 && width != 34, &mut planes));
}

#[divan::bench(args = [1, 2, 4, 8, 34])]
fn put_together(bencher: Bencher, width: usize) {
    let planes = data("noise", LARGE / width * width);
    let mut plain = vec![0; planes.len()];
    bencher
        .counter(BytesCount::of_slice(&planes))
        .bench_local(|| steps::put_together(&planes, width, width != 1 && width != 34, &mut plain));
}

fn encode_one(bencher: Bencher, plain: &[u8]) {
    let (mut coder, mut coded) = (Coder::new().unwrap(), Vec::new());
    bencher.counter(BytesCount::of_slice(plain)).bench_local(|| coder.encode(plain, &mut coded).unwrap());
}

/// A linear congruential generator: fast, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    /// About normal, with the deviation of a weight.
    fn weight(&mut self) -> f32 {
        (0..6).map(|_| self.next() as f32 / u32::MAX as f32 - 0.5).sum::<f32>() * 0.03
    }
}

fn data(kind: &str, length: usize) -> Vec<u8> {
    let mut random = Random(1);
    let mut out: Vec<u8> = Vec::with_capacity(length + 64);
    let words: Vec<String> = (0..2000).map(|_| word(&mut random)).collect();
    while out.len() < length {
        match kind {
            "bf16" => out.extend(&random.weight().to_le_bytes()[2..]),
            "fp16" => out.extend(half(random.weight()).to_le_bytes()),
            "fp32" => out.extend(random.weight().to_le_bytes()),
            "fp64" => out.extend((f64::from(random.weight()) * 1.000_000_1).to_le_bytes()),
            "q8_0" => block_of_8_bits(&mut random, &mut out),
            "int8" => out.push((random.weight() * 500.0) as i8 as u8),
            "text" => {
                // The rarer, the further back in the list.
                let rank = (random.next() % 2000) as u64 * u64::from(random.next() % 2000) / 2000;
                out.extend(words[rank as usize].bytes());
                out.push(if random.next().is_multiple_of(12) { b'\n' } else { b' ' });
            }
            _ => out.extend(random.next().to_le_bytes()),
        }
    }
    out.truncate(length);
    out
}

fn word(random: &mut Random) -> String {
    let length = 2 + random.next() % 8;
    (0..length).map(|_| char::from(b"etaoinshrdlucmfwyp"[(random.next() % 18) as usize])).collect()
}

/// To the 16-bit float below; right for the normal numbers that weights are.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let exponent = (bits >> 23 & 0xff).saturating_sub(112) as u16;
    (bits >> 16 & 0x8000) as u16 | exponent << 10 | (bits >> 13 & 0x3ff) as u16
}

/// A scale, then 32 weights as multiples of it, of which one is the largest.
fn block_of_8_bits(random: &mut Random, out: &mut Vec<u8>) {
    let weights: [f32; 32] = std::array::from_fn(|_| random.weight());
    let scale = weights.iter().fold(0f32, |most, weight| most.max(weight.abs())) / 127.0;
    out.extend(half(scale).to_le_bytes());
    out.extend(weights.iter().map(|weight| (weight / scale).round() as i8 as u8));
}
