//! Elements taken apart into planes, and put together again: the two directions of one permutation.
//!
//! By tiles that stay in the first cache, in loops plain enough for the compiler to make vectors of.

/// Bytes of a tile.
const TILE: usize = 8 << 10;
/// Words of a tile.
const WORDS: usize = TILE / 4;

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
        [_, _, _, _] => {
            let mut words = [0; WORDS];
            for (number, elements) in body.as_chunks().0.chunks(WORDS).enumerate() {
                let words = &mut words[..elements.len()];
                for (word, element) in words.iter_mut().zip(elements) {
                    *word = u32::from_le_bytes(*element).rotate_left(turn);
                }
                spread(words, planes, number * WORDS);
            }
        }
        [_, _, _, _, _, _, _, _] => {
            let (mut low, mut high) = ([0; WORDS], [0; WORDS]);
            for (number, elements) in body.as_chunks().0.chunks(WORDS).enumerate() {
                let (low, high) = (&mut low[..elements.len()], &mut high[..elements.len()]);
                for ((low, high), element) in low.iter_mut().zip(high.iter_mut()).zip(elements) {
                    let value = u64::from_le_bytes(*element).rotate_left(turn);
                    (*low, *high) = (value as u32, (value >> 32) as u32);
                }
                spread(low, &mut planes[..4], number * WORDS);
                spread(high, &mut planes[4..], number * WORDS);
            }
        }
        planes => {
            let width = planes.len();
            let step = TILE / width;
            for (number, tile) in body.chunks(step * width).enumerate() {
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
        [_, _, _, _, _, _, _, _] => {
            let (mut low, mut high) = ([0; WORDS], [0; WORDS]);
            for (number, elements) in body.as_chunks_mut().0.chunks_mut(WORDS).enumerate() {
                let (low, high) = (&mut low[..elements.len()], &mut high[..elements.len()]);
                collect(low, &planes[..4], first + number * WORDS);
                collect(high, &planes[4..], first + number * WORDS);
                for ((low, high), element) in low.iter().zip(high.iter()).zip(elements) {
                    let value = u64::from(*high) << 32 | u64::from(*low);
                    *element = value.rotate_right(turn).to_le_bytes();
                }
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
            }
        }
    }
}

/// Puts the bytes of words into four planes, from element `at` on; by halves, which vectors of any machine can.
fn spread(words: &[u32], planes: &mut [&mut [u8]], at: usize) {
    let mut halves = [0; WORDS];
    for (pair, shift) in planes.chunks_exact_mut(2).zip([0, 16]) {
        let halves = &mut halves[..words.len()];
        for (half, word) in halves.iter_mut().zip(words) {
            *half = (word >> shift) as u16;
        }
        if let [a, b] = pair {
            for ((half, a), b) in halves.iter().zip(&mut a[at..]).zip(&mut b[at..]) {
                [*a, *b] = half.to_le_bytes();
            }
        }
    }
}

/// The inverse of [`spread`].
fn collect(words: &mut [u32], planes: &[&[u8]], at: usize) {
    if let [a, b, c, d] = planes {
        let bytes = a[at..].iter().zip(&b[at..]).zip(c[at..].iter().zip(&d[at..]));
        for (word, ((a, b), (c, d))) in words.iter_mut().zip(bytes) {
            *word = u32::from_le_bytes([*a, *b, *c, *d]);
        }
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
