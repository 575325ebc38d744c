//! Vectors of the plaintext of `keys.age`: SPEC 8.

use super::Kind;
use crate::fixtures;
use gapvault_formats::keys::Keys;

pub(super) fn vectors() -> Kind {
    let mut kind = Kind::new("keys", "txt");
    let keys = Keys {
        nonce: fixtures::nonce(),
        tent: fixtures::tent(),
        tent_key: fixtures::tent_key(),
        identity: fixtures::bundle_identity(),
    };
    let good = keys.expose_text();
    let secret = good.lines().last().unwrap();
    let post_quantum = Keys { identity: fixtures::bundle_identity_pq(), ..keys.clone() };
    let pq = post_quantum.identity.expose_secret();
    kind.valid("five_lines_post_quantum", post_quantum.expose_text().as_bytes());
    kind.valid("five_lines", good.as_bytes());
    kind.invalid("empty", "");
    kind.invalid("crlf", good.replace('\n', "\r\n"));
    kind.invalid("no_newline_at_the_end", good.trim_end());
    kind.invalid("empty_line_behind", format!("{}\n", *good));
    kind.altered(
        &good,
        &[
            ("keys_2", "keys 1", "keys 2"),
            ("nonce_missing", "# nonce: 1111111111111111111111111111111111111111111111111111111111111111\n", ""),
            ("nonce_too_short", "nonce: 11", "nonce: "),
            ("tent_name_with_a_slash", "aurora", "auro/a"),
            ("tent_key_in_upper_case", "tent-key: 22", "tent-key: AA"),
            ("space_behind_the_tent", "aurora\n", "aurora \n"),
            ("comment_more", "AGE-SECRET", "# more\nAGE-SECRET"),
            ("identity_missing", secret, ""),
            ("identity_in_lower_case", secret, &secret.to_lowercase()),
            ("identity_with_a_wrong_checksum", &secret[secret.len() - 4..], "QQQQ"),
            ("post_quantum_identity_in_lower_case", secret, &pq.to_lowercase()),
            ("post_quantum_identity_with_a_wrong_checksum", secret, &format!("{}QQQQ", &pq[..pq.len() - 4])),
            ("identities_of_both_suites", secret, &format!("{secret}\n{}", *pq)),
            ("two_identities", secret, &format!("{secret}\n{secret}")),
            ("a_recipient_for_an_identity", secret, fixtures::CLUSTER),
        ],
    );
    kind
}
