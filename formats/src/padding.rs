//! Padding to Padmé sizes, so that a size on the medium does not give a known model away.
//!
//! Source of the rule: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs"
//! (2019), section 4. It costs at most 12 % for tiny inputs, 3 % at 1 GiB, less above.

/// The smallest padded length in bytes: one block of an age payload.
pub const FLOOR: u64 = 64 << 10;

/// The padded length of `length` bytes: the next Padmé size, at least [`FLOOR`]. A length whose Padmé size is over 2^64 stays as it is.
#[must_use]
pub fn padded(length: u64) -> u64 {
    if length <= FLOOR {
        return FLOOR;
    }
    // SPEC 5.3: keep the top bits(bits(length)) bits, round the rest up.
    let exponent = length.ilog2();
    let kept = exponent.ilog2() + 1;
    let mask = (1u64 << (exponent - kept)) - 1;
    length.checked_add(mask).map_or(length, |sum| sum & !mask)
}

/// Whether some length pads to `length`.
#[must_use]
pub fn is_padded(length: u64) -> bool {
    padded(length) == length
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn padding_is_idempotent_monotone_and_small(length in 0u64..1 << 50) {
            let p = padded(length);
            prop_assert!(p >= length && is_padded(p));
            prop_assert!(padded(length + 1) >= p);
            prop_assert!(length < FLOOR || p - length <= length / 16);
            prop_assert!(length < 1 << 30 || p - length <= length / 32);
        }
    }
}
