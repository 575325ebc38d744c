//! How a chunk's bytes are coded in the stream.
//!
//! Each chunk is coded by itself and named by an explicit tag. A third coding, `planes`, has its tag reserved.

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
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Store => "store",
            Self::Zstd => "zstd",
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

/// The zstd level that chunks are coded at.
const LEVEL: i32 = 1;

/// Codes and decodes chunks; keeps its working memory from one to the next.
pub struct Coder {
    compressor: zstd::bulk::Compressor<'static>,
    decompressor: zstd::bulk::Decompressor<'static>,
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
            compressor: zstd::bulk::Compressor::new(LEVEL)?,
            decompressor: zstd::bulk::Decompressor::new()?,
            proof: Vec::new(),
        })
    }

    /// Codes `plain` into `coded` (cleared first) and says how. What saves under 2 % is stored.
    ///
    /// The result has been decoded again and compared: an error is a fault of the compressor or of this machine's memory.
    pub fn encode(&mut self, plain: &[u8], coded: &mut Vec<u8>) -> io::Result<Coding> {
        coded.clear();
        // SPEC 5.2: zstd only where it saves at least 2 %; a frame that does not fit in that is given up.
        let most = plain.len() - plain.len().div_ceil(50);
        coded.reserve(zstd::zstd_safe::compress_bound(plain.len()));
        let written = self.compressor.compress_to_buffer(plain, coded)?;
        if written > most {
            coded.clear();
            coded.extend_from_slice(plain);
            return Ok(Coding::Store);
        }
        let mut proof = std::mem::take(&mut self.proof);
        let proven = self.decode(Coding::Zstd, coded, plain.len() as u32, &mut proof).is_ok() && proof == plain;
        self.proof = proof;
        if proven { Ok(Coding::Zstd) } else { Err(io::Error::other("a coded chunk did not decode to its own bytes")) }
    }

    /// Decodes `coded` into `plain` (cleared first), which then has exactly `length` bytes.
    pub fn decode(
        &mut self,
        coding: Coding,
        coded: &[u8],
        length: u32,
        plain: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        plain.clear();
        if length > limits::CHUNK_BYTES {
            return Err(DecodeError::TooLong { length });
        }
        let malformed = DecodeError::Malformed { coding, length };
        match coding {
            Coding::Store => plain.extend_from_slice(coded),
            Coding::Zstd => {
                // SPEC 5.2: one frame. The decoder would take several, and skip what is none.
                if zstd::zstd_safe::find_frame_compressed_size(coded) != Ok(coded.len()) {
                    return Err(malformed);
                }
                plain.reserve_exact(length as usize);
                // A larger capacity left from an earlier chunk can't make it longer than the check below allows.
                self.decompressor.decompress_to_buffer(coded, plain).map_err(|_| malformed)?;
            }
        }
        if plain.len() == length as usize { Ok(()) } else { Err(DecodeError::Malformed { coding, length }) }
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
            if Coder::new().unwrap().decode(Coding::Zstd, &noise, length, &mut back).is_ok() {
                prop_assert_eq!(back.len(), length as usize);
            }
        }
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
