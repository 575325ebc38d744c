//! zstd as each coding uses it.

use super::choose::Trial;
use super::planes::{Compress, Decompress};
use std::io::{self, Cursor};
use zstd::bulk;
use zstd::zstd_safe::{CParameter, ParamSwitch, compress_bound, find_frame_compressed_size};

/// The level for whole chunks.
const LEVEL: i32 = 3;
/// The level that looks for repeats and for nothing else: literals stay as they are.
const HASTY: i32 = -3;

/// A compressor for each use, so that none changes its parameters.
pub(super) struct Compressors {
    whole: bulk::Compressor<'static>,
    plane: bulk::Compressor<'static>,
    hasty: bulk::Compressor<'static>,
    trial: Vec<u8>,
}

impl Compressors {
    pub(super) fn new() -> io::Result<Self> {
        // Match search finds nothing in exponent bytes but costs time, so it hardly looks and soon gives up. That alone
        // would switch entropy coding off, which is all that helps here.
        let mut plane = bulk::Compressor::new(1)?;
        plane.set_parameter(CParameter::HashLog(6))?;
        plane.set_parameter(CParameter::MinMatch(7))?;
        plane.set_parameter(CParameter::TargetLength(4096))?;
        plane.set_parameter(CParameter::LiteralCompressionMode(ParamSwitch::Enable))?;
        let (whole, hasty) = (bulk::Compressor::new(LEVEL)?, bulk::Compressor::new(HASTY)?);
        Ok(Self { whole, plane, hasty, trial: Vec::new() })
    }

    /// Makes one frame of all of `plain`, in place of what is in `out`.
    pub(super) fn whole(&mut self, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        out.reserve(compress_bound(plain.len()));
        self.whole.compress_to_buffer(plain, out).map(drop)
    }
}

impl Trial for Compressors {
    fn hasty(&mut self, bytes: &[u8]) -> f64 {
        left(&mut self.hasty, bytes, &mut self.trial)
    }

    fn whole(&mut self, bytes: &[u8]) -> f64 {
        left(&mut self.whole, bytes, &mut self.trial)
    }
}

/// The part of `bytes` that a compressor leaves; what can't be tried is not worth it.
fn left(compressor: &mut bulk::Compressor<'static>, bytes: &[u8], out: &mut Vec<u8>) -> f64 {
    out.clear();
    out.reserve(compress_bound(bytes.len()));
    compressor.compress_to_buffer(bytes, out).map_or(1.0, |length| length as f64 / bytes.len() as f64)
}

impl Compress for Compressors {
    fn compress(&mut self, plane: &[u8], out: &mut Vec<u8>) -> io::Result<bool> {
        let begin = out.len();
        out.reserve(compress_bound(plane.len()));
        // Behind what is there, into room that need not be zeroed first.
        let mut end = Cursor::new(&mut *out);
        end.set_position(begin as u64);
        let smaller = self.plane.compress_to_buffer(plane, &mut end)? < plane.len();
        if !smaller {
            out.truncate(begin);
        }
        Ok(smaller)
    }
}

pub(super) struct Decompressor(bulk::Decompressor<'static>);

impl Decompressor {
    pub(super) fn new() -> io::Result<Self> {
        bulk::Decompressor::new().map(Self)
    }
}

impl Decompress for Decompressor {
    fn decompress(&mut self, frame: &[u8], plain: &mut [u8]) -> bool {
        // SPEC 5.2: one frame. The decoder would take several, and skip what is none.
        find_frame_compressed_size(frame) == Ok(frame.len())
            && self.0.decompress_to_buffer(frame, plain).is_ok_and(|length| length == plain.len())
    }
}
