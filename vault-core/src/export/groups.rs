//! Which packs mend each other, as the seal says it.

use super::Parity;
use super::journal::Kept;
use super::shares::Sizes;
use gapvault_formats::seal::{Group, Stride};

/// The parity groups of the packs of one medium: dealt in turn, so that what lies side by side is in different groups.
pub(super) fn deal(packs: &[Kept], sizes: Sizes) -> Vec<Group> {
    if !matches!(sizes.parity, Parity::Percent(_)) {
        return Vec::new();
    }
    let groups = Sizes::groups(packs.len() as u64) as usize;
    (0..groups)
        .map(|group| {
            let numbers: Vec<_> = packs.iter().skip(group).step_by(groups).map(|kept| kept.number).collect();
            Group { parity: sizes.parity_packs(numbers.len() as u64), packs: strides(&numbers) }
        })
        .collect()
}

/// Ascending numbers as strides.
pub(super) fn strides(numbers: &[u64]) -> Vec<Stride> {
    let mut strides: Vec<Stride> = Vec::new();
    for &number in numbers {
        if let Some(Stride(first, end, step)) = strides.last_mut() {
            let last = *end - 1;
            if *first == last {
                *step = number - last;
            }
            if number == last + *step {
                *end = number + 1;
                continue;
            }
        }
        strides.push(Stride(number, number + 1, 1));
    }
    strides
}

/// Numbers as ranges from a first to one past the last.
pub(super) fn ranges(numbers: &[u64]) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, end)) if *end == number => *end += 1,
            _ => ranges.push((number, number + 1)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn strides_and_ranges_stand_for_their_numbers(numbers in proptest::collection::btree_set(0u64..60, 0..40)) {
            let numbers: Vec<_> = numbers.into_iter().collect();
            let strides = strides(&numbers);
            prop_assert_eq!(&strides.iter().flat_map(|s| s.numbers()).collect::<Vec<_>>(), &numbers);
            let one_form = |s: &Stride| s.2 >= 1 && (s.1 - 1 - s.0).is_multiple_of(s.2);
            prop_assert!(strides.iter().all(one_form), "{strides:?}");
            prop_assert_eq!(ranges(&numbers).iter().flat_map(|(a, b)| *a..*b).collect::<Vec<_>>(), numbers);
        }
    }

    #[test]
    fn numbers_of_one_distance_are_one_stride() {
        assert_eq!(strides(&[1, 4, 7, 10]), [Stride(1, 11, 3)]);
        assert_eq!(strides(&[5]), [Stride(5, 6, 1)]);
    }
}
