//! The coding `planes`: elements of a fixed width taken apart into their bytes, each byte's plane coded by itself.
//!
//! Floats compress badly as they stand: the exponent, of which only a few values occur, is mixed with mantissa bytes that
//! look like noise. Rotated left by one bit, the exponent of bf16, f32 and f64 fills the top byte, the sign moves to the
//! noise, and the plane of top bytes shrinks to a third. Source of the idea: byte shuffling in HDF5 and Blosc; the
//! rotation puts the sign out of the way.

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

/// Compresses one plane; `None` where that makes it no smaller.
pub(super) trait Compress {
    /// Appends a zstd frame of `plane` to `out`; `false` (and nothing appended) if it is not shorter than the plane.
    fn compress(&mut self, plane: &[u8], out: &mut Vec<u8>) -> std::io::Result<bool>;
}

/// Decompresses one plane.
pub(super) trait Decompress {
    /// Fills `plane` from exactly one zstd frame; `false` if it is not one, or of another length.
    fn decompress(&mut self, frame: &[u8], plane: &mut [u8]) -> bool;
}

pub(super) mod write {
    use super::*;

    /// Appends the coded form of `plain` to `out`. Only planes whose bit is set in `worth` are tried with zstd. `planes`
    /// is working memory.
    pub(in super::super) fn encode(
        plain: &[u8],
        shape: Shape,
        worth: u64,
        zstd: &mut impl Compress,
        planes: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> std::io::Result<()> {
        let (width, elements) = (usize::from(shape.width), shape.elements(plain.len()));
        let body = shape.body(plain.len());
        planes.resize(body.len(), 0);
        take_apart(&plain[body.clone()], shape, planes);

        out.extend_from_slice(&[shape.width, shape.phase, shape.rotated.into()]);
        let descriptors = out.len();
        out.resize(descriptors + width * DESCRIPTOR, 0);
        out.extend_from_slice(&plain[..body.start]);
        out.extend_from_slice(&plain[body.end..]);
        for (number, plane) in planes.chunks_exact(elements).enumerate() {
            let begin = out.len();
            let kind = if worth >> number & 1 == 0 {
                out.extend_from_slice(plane);
                Kind::Store
            } else if plane.iter().all(|byte| *byte == plane[0]) {
                out.push(plane[0]);
                Kind::Constant
            } else if zstd.compress(plane, out)? {
                Kind::Zstd
            } else {
                out.extend_from_slice(plane);
                Kind::Store
            };
            // A chunk is far below 4 GiB.
            let length = ((out.len() - begin) as u32).to_le_bytes();
            let descriptor = &mut out[descriptors + number * DESCRIPTOR..][..DESCRIPTOR];
            descriptor[0] = kind as u8;
            descriptor[1..].copy_from_slice(&length);
        }
        Ok(())
    }

    /// Puts byte `j` of element `i` at `j × elements + i`.
    fn take_apart(body: &[u8], shape: Shape, planes: &mut [u8]) {
        let elements = planes.len() / usize::from(shape.width);
        let turn = u32::from(shape.rotated);
        match shape.width {
            1 => planes.copy_from_slice(body),
            2 => {
                let (low, high) = planes.split_at_mut(elements);
                for ((element, low), high) in body.chunks_exact(2).zip(low).zip(high) {
                    let value = u16::from_le_bytes([element[0], element[1]]).rotate_left(turn);
                    [*low, *high] = value.to_le_bytes();
                }
            }
            4 => {
                let (first, rest) = planes.split_at_mut(elements);
                let (second, rest) = rest.split_at_mut(elements);
                let (third, fourth) = rest.split_at_mut(elements);
                let planes = first.iter_mut().zip(second).zip(third.iter_mut().zip(fourth));
                for (element, ((a, b), (c, d))) in body.chunks_exact(4).zip(planes) {
                    let value = u32::from_le_bytes([element[0], element[1], element[2], element[3]]).rotate_left(turn);
                    [*a, *b, *c, *d] = value.to_le_bytes();
                }
            }
            8 if shape.rotated => {
                for (i, element) in body.chunks_exact(8).enumerate() {
                    let mut value = [0; 8];
                    value.copy_from_slice(element);
                    let value = u64::from_le_bytes(value).rotate_left(1).to_le_bytes();
                    for (j, byte) in value.into_iter().enumerate() {
                        planes[j * elements + i] = byte;
                    }
                }
            }
            width => {
                for (j, plane) in planes.chunks_exact_mut(elements).enumerate() {
                    for (byte, element) in plane.iter_mut().zip(body.chunks_exact(width.into())) {
                        *byte = element[j];
                    }
                }
            }
        }
    }
}

pub(super) mod read {
    use super::*;

    /// Decodes `coded` into `plain`, which has the chunk's length; `None` if it is not of this form, to the last byte.
    /// `planes` is working memory.
    pub(in super::super) fn decode(
        coded: &[u8],
        zstd: &mut impl Decompress,
        planes: &mut Vec<u8>,
        plain: &mut [u8],
    ) -> Option<()> {
        let (header, rest) = coded.split_at_checked(HEADER)?;
        let shape = Shape { width: header[0], phase: header[1], rotated: header[2] == 1 };
        if header[2] > 1 || !shape.fits(plain.len()) {
            return None;
        }
        let (width, elements) = (usize::from(shape.width), shape.elements(plain.len()));
        let body = shape.body(plain.len());
        let (descriptors, rest) = rest.split_at_checked(width * DESCRIPTOR)?;
        let (before, rest) = rest.split_at_checked(body.start)?;
        let (behind, mut rest) = rest.split_at_checked(plain.len() - body.end)?;
        plain[..body.start].copy_from_slice(before);
        plain[body.end..].copy_from_slice(behind);

        planes.resize(body.len(), 0);
        for (descriptor, plane) in descriptors.chunks_exact(DESCRIPTOR).zip(planes.chunks_exact_mut(elements)) {
            let length = u32::from_le_bytes([descriptor[1], descriptor[2], descriptor[3], descriptor[4]]);
            let (bytes, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            rest = after;
            match descriptor[0] {
                kind if kind == Kind::Store as u8 && bytes.len() == plane.len() => plane.copy_from_slice(bytes),
                kind if kind == Kind::Constant as u8 && bytes.len() == 1 => plane.fill(bytes[0]),
                kind if kind == Kind::Zstd as u8 && zstd.decompress(bytes, plane) => {}
                _ => return None,
            }
        }
        if !rest.is_empty() {
            return None;
        }
        put_together(planes, shape, &mut plain[body]);
        Some(())
    }

    /// The inverse of taking apart.
    fn put_together(planes: &[u8], shape: Shape, body: &mut [u8]) {
        let elements = planes.len() / usize::from(shape.width);
        let turn = u32::from(shape.rotated);
        match shape.width {
            1 => body.copy_from_slice(planes),
            2 => {
                let (low, high) = planes.split_at(elements);
                for ((element, low), high) in body.chunks_exact_mut(2).zip(low).zip(high) {
                    element.copy_from_slice(&u16::from_le_bytes([*low, *high]).rotate_right(turn).to_le_bytes());
                }
            }
            4 => {
                let (first, rest) = planes.split_at(elements);
                let (second, rest) = rest.split_at(elements);
                let (third, fourth) = rest.split_at(elements);
                let planes = first.iter().zip(second).zip(third.iter().zip(fourth));
                for (element, ((a, b), (c, d))) in body.chunks_exact_mut(4).zip(planes) {
                    element.copy_from_slice(&u32::from_le_bytes([*a, *b, *c, *d]).rotate_right(turn).to_le_bytes());
                }
            }
            8 if shape.rotated => {
                for (i, element) in body.chunks_exact_mut(8).enumerate() {
                    let value: [u8; 8] = std::array::from_fn(|j| planes[j * elements + i]);
                    element.copy_from_slice(&u64::from_le_bytes(value).rotate_right(1).to_le_bytes());
                }
            }
            width => {
                for (j, plane) in planes.chunks_exact(elements).enumerate() {
                    for (byte, element) in plane.iter().zip(body.chunks_exact_mut(width.into())) {
                        element[j] = *byte;
                    }
                }
            }
        }
    }
}
