//! Elements taken apart into planes, and put together again: the two directions of one permutation.
//!
//! The loops for two and four bytes are plain enough for the compiler to make vectors of; the others go by tiles that
//! stay in the first cache while each plane is served.

/// Bytes of a tile.
const TILE: usize = 8 << 10;

/// Puts byte `j` of element `i`, rotated left by `turn` bits, at `planes[j][i]`.
pub(super) fn take_apart(body: &[u8], turn: u32, planes: &mut [&mut [u8]]) {
    match planes {
        [only] => only.copy_from_slice(body),
        [first, second] => {
            let planes = first.iter_mut().zip(second.iter_mut());
            for (element, (a, b)) in body.as_chunks().0.iter().zip(planes) {
                [*a, *b] = u16::from_le_bytes(*element).rotate_left(turn).to_le_bytes();
            }
        }
        [first, second, third, fourth] => {
            let planes = first.iter_mut().zip(second.iter_mut()).zip(third.iter_mut().zip(fourth.iter_mut()));
            for (element, ((a, b), (c, d))) in body.as_chunks().0.iter().zip(planes) {
                [*a, *b, *c, *d] = u32::from_le_bytes(*element).rotate_left(turn).to_le_bytes();
            }
        }
        planes => {
            let (width, mut tile) = (planes.len(), [0; TILE]);
            let step = TILE / width;
            for (number, elements) in body.chunks(step * width).enumerate() {
                let tile = &mut tile[..elements.len()];
                tile.copy_from_slice(elements);
                if width == 8 && turn != 0 {
                    each_u64(tile, |value| value.rotate_left(turn));
                }
                for (j, plane) in planes.iter_mut().enumerate() {
                    for (byte, element) in plane[number * step..].iter_mut().zip(tile.chunks_exact(width)) {
                        *byte = element[j];
                    }
                }
            }
        }
    }
}

/// The inverse, for the elements from number `first` on that `body` has room for.
pub(super) fn put_together(planes: &[&[u8]], first: usize, turn: u32, body: &mut [u8]) {
    match planes {
        [only] => body.copy_from_slice(&only[first..first + body.len()]),
        [a, b] => {
            let planes = a[first..].iter().zip(&b[first..]);
            for (element, (a, b)) in body.as_chunks_mut().0.iter_mut().zip(planes) {
                *element = u16::from_le_bytes([*a, *b]).rotate_right(turn).to_le_bytes();
            }
        }
        [a, b, c, d] => {
            let planes = a[first..].iter().zip(&b[first..]).zip(c[first..].iter().zip(&d[first..]));
            for (element, ((a, b), (c, d))) in body.as_chunks_mut().0.iter_mut().zip(planes) {
                *element = u32::from_le_bytes([*a, *b, *c, *d]).rotate_right(turn).to_le_bytes();
            }
        }
        planes => {
            let width = planes.len();
            let step = TILE / width;
            for (number, tile) in body.chunks_mut(step * width).enumerate() {
                for (j, plane) in planes.iter().enumerate() {
                    for (byte, element) in plane[first + number * step..].iter().zip(tile.chunks_exact_mut(width)) {
                        element[j] = *byte;
                    }
                }
                if width == 8 && turn != 0 {
                    each_u64(tile, |value| value.rotate_right(turn));
                }
            }
        }
    }
}

fn each_u64(bytes: &mut [u8], change: impl Fn(u64) -> u64) {
    for element in bytes.as_chunks_mut().0 {
        *element = change(u64::from_le_bytes(*element)).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_directions_agree_with_the_definition(width in 1usize..=64, count in 1usize..600, rotated: bool, seed: u64) {
            let turn = u32::from(rotated && matches!(width, 2 | 4 | 8));
            let mut body = vec![0; width * count];
            blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut body);
            let mut planes = vec![0; body.len()];
            let mut parts: Vec<&mut [u8]> = planes.chunks_exact_mut(count).collect();
            take_apart(&body, turn, &mut parts);
            for (i, element) in body.chunks_exact(width).enumerate() {
                let mut turned = element.to_vec();
                if turn == 1 {
                    let mut carry = element[width - 1] >> 7;
                    for byte in &mut turned {
                        (*byte, carry) = (*byte << 1 | carry, *byte >> 7);
                    }
                }
                let found: Vec<u8> = (0..width).map(|j| planes[j * count + i]).collect();
                prop_assert_eq!(found, turned);
            }
            let parts: Vec<&[u8]> = planes.chunks_exact(count).collect();
            let first = count / 3;
            let mut back = vec![0; (count - first) * width];
            put_together(&parts, first, turn, &mut back);
            prop_assert_eq!(&back, &body[first * width..]);
        }
    }
}
