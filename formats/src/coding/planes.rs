//! The coding `planes`: elements of a fixed width taken apart into their bytes, each byte's plane coded by itself.
//!
//! Floats compress badly as they stand: the exponent, of which only a few values occur, is mixed with mantissa bytes that
//! look like noise. Rotated left by one bit, the exponent of bf16, f32 and f64 fills the top byte, the sign moves to the
//! noise, and the plane of top bytes shrinks to a third. Source of the idea: byte shuffling in HDF5 and Blosc; the
//! rotation puts the sign out of the way.

use super::lanes;
use std::ops::Range;

/// The widest element, in bytes: quantised blocks have up to 36, with room to spare.
pub(super) const WIDEST: usize = 64;

const HEADER: usize = 3;
const DESCRIPTOR: usize = 5;

/// How a chunk is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Bytes of an element: 1 to [`WIDEST`].
    pub(super) width: u8,
    /// Where in the chunk the first whole element begins: less than the width.
    pub(super) phase: u8,
    /// Whether elements, little endian, were rotated left by one bit: widths 2, 4 and 8 only.
    pub(super) rotated: bool,
}

impl Shape {
    /// How many whole elements `length` bytes hold.
    fn elements(self, length: usize) -> usize {
        length.saturating_sub(self.phase.into()) / usize::from(self.width)
    }

    /// The bytes of the whole elements; what is before and behind them is stored as it is.
    fn body(self, length: usize) -> Range<usize> {
        let begin = usize::from(self.phase).min(length);
        begin..begin + self.elements(length) * usize::from(self.width)
    }

    /// By how many bits elements are rotated.
    fn turn(self) -> u32 {
        self.rotated.into()
    }

    /// Whether a chunk of `length` bytes may be taken apart like this.
    fn fits(self, length: usize) -> bool {
        (1..=WIDEST).contains(&usize::from(self.width))
            && self.phase < self.width
            && (!self.rotated || matches!(self.width, 2 | 4 | 8))
            && self.elements(length) > 0
    }
}

/// How one plane stands in the coded chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    /// The bytes themselves.
    Store = 0,
    /// One byte, which all are.
    Constant = 1,
    /// One zstd frame.
    Zstd = 2,
}

/// Compresses one plane.
pub(super) trait Compress {
    /// Appends a zstd frame of `plane` to `out`; `false` (and nothing appended) if it is not shorter than the plane.
    fn compress(&mut self, plane: &[u8], out: &mut Vec<u8>) -> std::io::Result<bool>;
}

/// Decompresses one plane.
pub(super) trait Decompress {
    /// Fills `plane` from exactly one zstd frame; `false` if it is not one, or of another length.
    fn decompress(&mut self, frame: &[u8], plane: &mut [u8]) -> bool;
}

/// The first `length` bytes of working memory, whatever they are: it only grows, so that little of it is ever zeroed.
pub(super) fn room(memory: &mut Vec<u8>, length: usize) -> &mut [u8] {
    if memory.len() < length {
        memory.resize(length, 0);
    }
    &mut memory[..length]
}

pub(super) mod write {
    use super::*;

    /// Appends the coded form of `plain` to `out`. Only planes whose bit is set in `worth` are tried with zstd. `memory`
    /// is working memory.
    pub(in super::super) fn encode(
        plain: &[u8],
        shape: Shape,
        worth: u64,
        zstd: &mut impl Compress,
        memory: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> std::io::Result<()> {
        let (width, elements) = (usize::from(shape.width), shape.elements(plain.len()));
        let body = shape.body(plain.len());
        out.extend_from_slice(&[shape.width, shape.phase, shape.rotated.into()]);
        let descriptors = out.len();
        out.resize(descriptors + width * DESCRIPTOR, 0);
        out.extend_from_slice(&plain[..body.start]);
        out.extend_from_slice(&plain[body.end..]);

        // The first planes of floats are stored, and so need no way through working memory.
        let direct = (0..width).take_while(|number| worth >> number & 1 == 0).count();
        let begin = out.len();
        out.resize(begin + direct * elements, 0);
        let rest = room(memory, (width - direct) * elements);
        let stored = out[begin..].chunks_exact_mut(elements);
        let mut planes: Vec<&mut [u8]> = stored.chain(rest.chunks_exact_mut(elements)).collect();
        lanes::take_apart(&plain[body], shape.turn(), &mut planes);

        let describe = |out: &mut Vec<u8>, number: usize, kind: Kind, length: usize| {
            let descriptor = &mut out[descriptors + number * DESCRIPTOR..][..DESCRIPTOR];
            descriptor[0] = kind as u8;
            // A chunk is far below 4 GiB.
            descriptor[1..].copy_from_slice(&(length as u32).to_le_bytes());
        };
        for number in 0..direct {
            describe(out, number, Kind::Store, elements);
        }
        for (plane, number) in rest.chunks_exact(elements).zip(direct..) {
            let begin = out.len();
            let kind = if worth >> number & 1 == 0 {
                out.extend_from_slice(plane);
                Kind::Store
            } else if plane[1..] == plane[..elements - 1] {
                out.push(plane[0]);
                Kind::Constant
            } else if zstd.compress(plane, out)? {
                Kind::Zstd
            } else {
                out.extend_from_slice(plane);
                Kind::Store
            };
            let length = out.len() - begin;
            describe(out, number, kind, length);
        }
        Ok(())
    }
}

pub(super) mod read {
    use super::*;

    /// Bytes put together at a time when they are only compared: few enough for the first cache.
    const TILE: usize = 16 << 10;

    /// A chunk whose planes are decoded but not put together.
    pub(in super::super) struct Opened<'a> {
        shape: Shape,
        before: &'a [u8],
        planes: Vec<&'a [u8]>,
        behind: &'a [u8],
    }

    /// Decodes the planes of a chunk of `length` bytes; `None` if `coded` is not of this form, to the last byte.
    /// `memory` is working memory.
    pub(in super::super) fn open<'a>(
        coded: &'a [u8],
        length: usize,
        zstd: &mut impl Decompress,
        memory: &'a mut Vec<u8>,
    ) -> Option<Opened<'a>> {
        let (header, rest) = coded.split_at_checked(HEADER)?;
        let shape = Shape { width: header[0], phase: header[1], rotated: header[2] == 1 };
        if header[2] > 1 || !shape.fits(length) {
            return None;
        }
        let (width, elements) = (usize::from(shape.width), shape.elements(length));
        let body = shape.body(length);
        let (descriptors, rest) = rest.split_at_checked(width * DESCRIPTOR)?;
        let (before, rest) = rest.split_at_checked(body.start)?;
        let (behind, mut rest) = rest.split_at_checked(length - body.end)?;

        let decoded = room(memory, body.len()).chunks_exact_mut(elements);
        let mut planes = Vec::with_capacity(width);
        for (descriptor, plane) in descriptors.chunks_exact(DESCRIPTOR).zip(decoded) {
            let length = u32::from_le_bytes([descriptor[1], descriptor[2], descriptor[3], descriptor[4]]);
            let (bytes, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            rest = after;
            planes.push(match descriptor[0] {
                kind if kind == Kind::Store as u8 && bytes.len() == elements => bytes,
                kind if kind == Kind::Constant as u8 && bytes.len() == 1 => {
                    plane.fill(bytes[0]);
                    plane
                }
                kind if kind == Kind::Zstd as u8 && zstd.decompress(bytes, plane) => plane,
                _ => return None,
            });
        }
        rest.is_empty().then_some(Opened { shape, before, planes, behind })
    }

    impl Opened<'_> {
        /// Puts the chunk together in `plain`, which has its length.
        pub(in super::super) fn write(&self, plain: &mut [u8]) {
            let body = self.shape.body(plain.len());
            plain[..body.start].copy_from_slice(self.before);
            plain[body.end..].copy_from_slice(self.behind);
            lanes::put_together(&self.planes, 0, self.shape.turn(), &mut plain[body]);
        }

        /// Whether the chunk is `plain`, which has its length. It is put together by pieces that are soon forgotten.
        pub(in super::super) fn is(&self, plain: &[u8]) -> bool {
            let body = self.shape.body(plain.len());
            let mut tile = [0; TILE];
            let step = TILE / usize::from(self.shape.width);
            let pieces = plain[body.clone()].chunks(step * usize::from(self.shape.width));
            self.before == &plain[..body.start]
                && self.behind == &plain[body.end..]
                && pieces.enumerate().all(|(number, piece)| {
                    let tile = &mut tile[..piece.len()];
                    lanes::put_together(&self.planes, number * step, self.shape.turn(), tile);
                    tile == piece
                })
        }
    }
}
