//! How a chunk's bytes are coded in the stream.
//!
//! Each chunk is coded by itself and named by an explicit tag, which its bytes decide.

mod choose;
mod frames;
mod lanes;
mod planes;
mod sample;
#[cfg(test)]
mod tests;

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
        length: usize,
    },
    /// Not what the tag says.
    #[error("not a {coding} chunk of {length} bytes")]
    Malformed {
        /// The tag.
        coding: Coding,
        /// The length it claims.
        length: usize,
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

    /// Decodes `coded` into `plain`, which has the chunk's length. On an error `plain` holds anything.
    pub fn decode(&mut self, coding: Coding, coded: &[u8], plain: &mut [u8]) -> Result<(), DecodeError> {
        let length = plain.len();
        if length > limits::CHUNK_BYTES as usize {
            return Err(DecodeError::TooLong { length });
        }
        let decoded = match coding {
            Coding::Store => {
                let fits = coded.len() == length;
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
        if decoded { Ok(()) } else { Err(DecodeError::Malformed { coding, length }) }
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
