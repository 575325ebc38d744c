//! How a chunk's bytes are coded in the stream.
//!
//! Each chunk is coded by itself and named by an explicit tag, which its bytes decide.

mod choose;
mod frames;
mod lanes;
mod planes;
mod sample;

use self::choose::Choice;
use self::frames::{Compressors, Decompressor};
use self::planes::Decompress;
use self::sample::Bits;
use crate::limits;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;

/// The coding of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    /// The bytes themselves.
    Store,
    /// One zstd frame.
    Zstd,
    /// Elements taken apart into planes.
    Planes,
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Store => "store",
            Self::Zstd => "zstd",
            Self::Planes => "planes",
        })
    }
}

/// Why coded bytes can't be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Over [`limits::CHUNK_BYTES`].
    #[error("a chunk of {length} bytes, the limit is {}", limits::CHUNK_BYTES)]
    TooLong {
        /// The length it claims.
        length: u32,
    },
    /// Not what the tag says.
    #[error("not a {coding} chunk of {length} bytes")]
    Malformed {
        /// The tag.
        coding: Coding,
        /// The length it claims.
        length: u32,
    },
}

/// A chunk up to this length is coded by zstd first: that costs no more than a look at its lanes.
const SMALL: usize = 16 << 10;

/// Codes and decodes chunks; keeps its working memory from one to the next.
pub struct Coder {
    compressors: Compressors,
    decompressor: Decompressor,
    bits: Bits,
    memory: Vec<u8>,
    proof: Vec<u8>,
}

impl fmt::Debug for Coder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Coder")
    }
}

impl Coder {
    /// A coder with its own working memory.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            compressors: Compressors::new()?,
            decompressor: Decompressor::new()?,
            bits: Bits::new(),
            memory: Vec::new(),
            proof: Vec::new(),
        })
    }

    /// Codes `plain` into `coded` (cleared first) and says how. What saves under 2 % is stored.
    ///
    /// The result has been decoded again and compared: an error is a fault of the compressor or of this machine's memory.
    pub fn encode(&mut self, plain: &[u8], coded: &mut Vec<u8>) -> io::Result<Coding> {
        let coding = self.code(plain, coded)?;
        // SPEC 5.2: coded only where that saves at least 2 %.
        if coding == Coding::Store || coded.len() > plain.len() - plain.len().div_ceil(50) {
            coded.clear();
            coded.extend_from_slice(plain);
            return Ok(Coding::Store);
        }
        if self.proves(coding, coded, plain) {
            Ok(coding)
        } else {
            Err(io::Error::other("a coded chunk did not decode to its own bytes"))
        }
    }

    /// Codes without a look at the result; for [`Coding::Store`] there is none.
    fn code(&mut self, plain: &[u8], coded: &mut Vec<u8>) -> io::Result<Coding> {
        coded.clear();
        let mut left = None;
        if plain.len() <= SMALL {
            self.compressors.whole(plain, coded)?;
            left = Some(coded.len() as f64 / plain.len().max(1) as f64);
        }
        match choose::choose(plain, left, &mut self.compressors, &self.bits, &mut self.memory) {
            Choice::Store => Ok(Coding::Store),
            Choice::Zstd => {
                if left.is_none() {
                    self.compressors.whole(plain, coded)?;
                }
                Ok(Coding::Zstd)
            }
            Choice::Planes { shape, worth } => {
                coded.clear();
                coded.reserve(zstd::zstd_safe::compress_bound(plain.len()));
                planes::write::encode(plain, shape, worth, &mut self.compressors, &mut self.memory, coded)?;
                Ok(Coding::Planes)
            }
        }
    }

    /// Whether `coded` decodes to `plain`.
    fn proves(&mut self, coding: Coding, coded: &[u8], plain: &[u8]) -> bool {
        match coding {
            Coding::Store => coded == plain,
            Coding::Zstd => {
                let proof = planes::room(&mut self.proof, plain.len());
                self.decompressor.decompress(coded, proof) && proof == plain
            }
            Coding::Planes => {
                let opened = planes::read::open(coded, plain.len(), &mut self.decompressor, &mut self.memory);
                opened.is_some_and(|chunk| chunk.is(plain))
            }
        }
    }

    /// Decodes `coded` into `plain`, which then has exactly `length` bytes.
    pub fn decode(
        &mut self,
        coding: Coding,
        coded: &[u8],
        length: u32,
        plain: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        if length > limits::CHUNK_BYTES {
            return Err(DecodeError::TooLong { length });
        }
        // Not cleared first: bytes left from an earlier chunk need not be zeroed to be written over.
        plain.resize(length as usize, 0);
        let decoded = match coding {
            Coding::Store => {
                let fits = coded.len() == plain.len();
                if fits {
                    plain.copy_from_slice(coded);
                }
                fits
            }
            Coding::Zstd => self.decompressor.decompress(coded, plain),
            Coding::Planes => {
                let opened = planes::read::open(coded, plain.len(), &mut self.decompressor, &mut self.memory);
                opened.map(|chunk| chunk.write(plain)).is_some()
            }
        };
        if decoded {
            return Ok(());
        }
        plain.clear();
        Err(DecodeError::Malformed { coding, length })
    }
}

/// The steps of coding one by one, to be measured and for nothing else.
#[doc(hidden)]
pub mod steps {
    use super::*;

    /// The choice alone.
    pub fn choose(coder: &mut Coder, plain: &[u8]) -> impl fmt::Debug + use<> {
        choose::choose(plain, None, &mut coder.compressors, &coder.bits, &mut coder.memory)
    }

    /// Choice and coding, not proven.
    pub fn code(coder: &mut Coder, plain: &[u8], coded: &mut Vec<u8>) -> io::Result<Coding> {
        coder.code(plain, coded)
    }

    /// Elements to planes of the same length.
    pub fn take_apart(plain: &[u8], width: usize, rotated: bool, planes: &mut [u8]) {
        let mut planes: Vec<&mut [u8]> = planes.chunks_exact_mut(plain.len() / width).collect();
        lanes::take_apart(plain, rotated.into(), &mut planes);
    }

    /// Planes of the same length to elements.
    pub fn put_together(planes: &[u8], width: usize, rotated: bool, plain: &mut [u8]) {
        let planes: Vec<&[u8]> = planes.chunks_exact(plain.len() / width).collect();
        lanes::put_together(&planes, 0, rotated.into(), plain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_coded_decodes(seed in proptest::collection::vec(any::<u8>(), 1..300), times in 1usize..200) {
            let plain = seed.repeat(times);
            let mut coder = Coder::new().unwrap();
            let (mut coded, mut back) = (Vec::new(), Vec::new());
            let coding = coder.encode(&plain, &mut coded).unwrap();
            prop_assert!(coded.len() <= plain.len());
            coder.decode(coding, &coded, plain.len() as u32, &mut back).unwrap();
            prop_assert_eq!(back, plain);
        }

        #[test]
        fn noise_is_refused_or_decodes_to_its_length(noise in proptest::collection::vec(any::<u8>(), 0..300), length in 0u32..5000) {
            let mut back = Vec::new();
            for coding in [Coding::Zstd, Coding::Planes] {
                if Coder::new().unwrap().decode(coding, &noise, length, &mut back).is_ok() {
                    prop_assert_eq!(back.len(), length as usize);
                }
            }
        }
    }

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

    fn ratio(plain: &[u8], expected: Coding) -> f64 {
        let mut coder = Coder::new().unwrap();
        let (mut coded, mut back) = (Vec::new(), Vec::new());
        assert_eq!(coder.encode(plain, &mut coded).unwrap(), expected);
        coder.decode(expected, &coded, plain.len() as u32, &mut back).unwrap();
        assert!(back == plain);
        coded.len() as f64 / plain.len() as f64
    }

    #[test]
    fn floats_are_found_at_any_offset_and_coded_as_planes() {
        let bf16: Vec<u8> = weights(1 << 20).flat_map(|w| ((w.to_bits() >> 16) as u16).to_le_bytes()).collect();
        let f32s: Vec<u8> = weights(1 << 19).flat_map(f32::to_le_bytes).collect();
        let f64s: Vec<u8> = weights(1 << 18).map(|w| f64::from(w) * 1.000_000_1).flat_map(f64::to_le_bytes).collect();
        for (plain, width, most) in [(bf16, 2, 0.68), (f32s, 4, 0.85), (f64s, 8, 0.93)] {
            for offset in 0..width {
                let found = ratio(&plain[offset..], Coding::Planes);
                assert!(found < most, "width {width} at {offset}: {found}");
            }
        }
    }

    #[test]
    fn text_is_left_to_zstd_and_noise_to_itself() {
        assert!(ratio("the same words over and over, ".repeat(10_000).as_bytes(), Coding::Zstd) < 0.01);
        let mut noise = vec![0; 1 << 20];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        assert!((ratio(&noise, Coding::Store) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_bomb_stops_at_its_stated_length() {
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 19).unwrap();
        let mut plain = Vec::new();
        assert!(Coder::new().unwrap().decode(Coding::Zstd, &bomb, 1000, &mut plain).is_err());
        assert!(Coder::new().unwrap().decode(Coding::Zstd, &bomb, 64 << 20, &mut plain).is_err());
        assert!(plain.capacity() < 1 << 20);
    }
}
