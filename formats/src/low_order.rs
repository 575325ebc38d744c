//! Public keys of which nobody has the private half, or everybody: a card with one would seal to nobody, or let anybody
//! sign.

use bech32::FromBase32;
use std::sync::LazyLock;

/// The age recipients whose X25519 point has a low order: with them every shared secret is zero, and age panics or
/// refuses. The points are those of Bernstein's list (cr.yp.to/ecdh.html, "validate"), with and without the top bit.
const RECIPIENTS: [&str; 14] = [
    "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",
    "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqsuwj9m",
    "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya",
    "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqk67yly",
    "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhqqqzyt4v9",
    "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhzqqxqejhu",
    "age1t7wft09r2zxzfvwsk92eeql0tvzyghxytqwgapkcyf8dm5ylz9ts6wm9s8",
    "age1t7wft09r2zxzfvwsk92eeql0tvzyghxytqwgapkcyf8dm5ylz8ts72fzt7",
    "age1anlllllllllllllllllllllllllllllllllllllllllllllllals4n2t7m",
    "age1anllllllllllllllllllllllllllllllllllllllllllllllllls3hcv9z",
    "age1ahlllllllllllllllllllllllllllllllllllllllllllllllalsn46ayy",
    "age1ahlllllllllllllllllllllllllllllllllllllllllllllllllsh3g6la",
    "age1amlllllllllllllllllllllllllllllllllllllllllllllllalselrwrv",
    "age1amlllllllllllllllllllllllllllllllllllllllllllllllllsam3fc4",
];

/// Whether nothing can be sealed to an age recipient.
pub(crate) fn is_recipient(recipient: &str) -> bool {
    RECIPIENTS.contains(&recipient)
}

/// Whether an X25519 point has a low order.
pub(crate) fn is_low_order(point: &[u8; 32]) -> bool {
    static POINTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let decoded = RECIPIENTS.iter().filter_map(|text| bech32::decode(text).ok());
        decoded.filter_map(|(_, data, _)| Vec::from_base32(&data).ok()).collect()
    });
    POINTS.iter().any(|low| low == point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_a_recipient_to_age_and_none_to_us() {
        for text in RECIPIENTS {
            assert!(text.parse::<age::x25519::Recipient>().is_ok(), "{text}");
            assert!(text.parse::<crate::agefile::Recipient>().is_err(), "{text}");
        }
    }

    #[test]
    fn each_point_is_known() {
        let point = |text| Vec::<u8>::from_base32(&bech32::decode(text).unwrap().1).unwrap().try_into().unwrap();
        assert!(RECIPIENTS.iter().all(|text| is_low_order(&point(text))));
        assert!(!is_low_order(&[9; 32]));
    }
}
