//! Vectors of age headers: SPEC 4.5. Each is a header without a payload; the seal gives one recipient.

use super::{Kind, altered};

/// A header of one recipient and one stanza of grease.
const GOOD: &str = "age-encryption.org/v1
-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc
EmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U
-> Vn+54jqiiUCE+WZcEVY3f1sqHjlu/z1LCQ/T7Xm7qI0ix-grease A b
s8YWl9zNoqBfBIlRnCkv9KXQHAQNyVlEBLMlSNkCAw
--- Vn+54jqiiUCE+WZcEVY3f1sqHjlu/z1LCQ/T7Xm7qI0
";
const MAC: &str = "--- Vn+54jqiiUCE+WZcEVY3f1sqHjlu/z1LCQ/T7Xm7qI0\n";
const BODY: &str = "EmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U\n";
const STANZA: &str = "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc
EmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U
";
const GREASE: &str = "-> Vn+54jqiiUCE+WZcEVY3f1sqHjlu/z1LCQ/T7Xm7qI0ix-grease A b
s8YWl9zNoqBfBIlRnCkv9KXQHAQNyVlEBLMlSNkCAw
";

pub(super) fn vectors() -> Kind {
    let mut kind = Kind::new("age-header", "age");
    let full = "A".repeat(64);
    kind.valid("one_recipient_and_grease", GOOD);
    kind.valid("one_recipient", altered(GOOD, GREASE, ""));
    kind.valid("grease_without_a_body", altered(GOOD, GREASE, "-> x-grease\n\n"));
    kind.valid("grease_of_two_lines", altered(GOOD, GREASE, &format!("-> x-grease\n{full}\nAAAA\n")));
    kind.valid("grease_of_one_full_line", altered(GOOD, GREASE, &format!("-> x-grease\n{full}\n\n")));

    post_quantum(&mut kind);

    kind.invalid("empty", "");
    kind.invalid("crlf", GOOD.replace('\n', "\r\n"));
    kind.invalid("no_newline_at_the_end", GOOD.trim_end());
    kind.invalid(
        "over_128_kib",
        altered(GOOD, GREASE, &format!("-> x-grease\n{}AAAA\n", format!("{full}\n").repeat(2017))),
    );
    kind.altered(
        GOOD,
        &[
            ("armoured", "age-encryption.org/v1", "-----BEGIN AGE ENCRYPTED FILE-----"),
            ("version_2", "age-encryption.org/v1", "age-encryption.org/v2"),
            ("no_recipient", STANZA, ""),
            ("two_recipients_where_the_seal_gives_one", STANZA, &STANZA.repeat(2)),
            ("two_grease_stanzas", GREASE, &GREASE.repeat(2)),
            ("scrypt", STANZA, "-> scrypt bBjlhJVYZeE4aqUdmtRHfw 18\nZV/AhotwSGqaPCU43cepl4WYUouAa17a3xpu4G2yi5k\n"),
            ("ssh_ed25519", "-> X25519 ", "-> ssh-ed25519 "),
            ("x25519_in_lower_case", "-> X25519 ", "-> x25519 "),
            ("stanza_with_a_second_argument", "DOCc\n", "DOCc AAAA\n"),
            ("stanza_without_an_argument", " TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc", ""),
            ("argument_too_short", "DOCc\n", "DOC\n"),
            ("argument_that_is_not_canonical", "DOCc\n", "DOCd\n"),
            ("argument_that_is_not_base64", "DOCc\n", "DO_c\n"),
            ("argument_of_low_order", "TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc", &"A".repeat(43)),
            ("body_too_short", "w7U\n", "w7\n"),
            ("body_that_is_not_canonical", "w7U\n", "w7V\n"),
            ("body_of_two_lines", BODY, &format!("{full}\nAAAA\n")),
            ("stanza_without_a_type", "-> X25519 ", "->  "),
            ("stanza_without_a_body", BODY, ""),
            ("body_of_65_characters", BODY, &format!("{full}A\nAAAA\n")),
            ("body_of_a_full_line_that_does_not_end", BODY, &format!("{full}\n")),
            ("body_that_is_not_ascii", BODY, "é\n"),
            ("mac_missing", MAC, ""),
            ("mac_without_its_space", "--- ", "---"),
            ("empty_line_before_the_mac", MAC, &format!("\n{MAC}")),
        ],
    );
    kind
}

/// The same with a hybrid recipient. Its ciphertext is none, which takes its key to see.
fn post_quantum(kind: &mut Kind) {
    let share = format!("{}TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOA", "Zq8x".repeat(363));
    let stanza = format!("-> mlkem768x25519 {share}\n{BODY}");
    let good = altered(GOOD, STANZA, &stanza);
    kind.valid("one_hybrid_recipient_and_grease", good.clone());
    kind.valid("one_hybrid_recipient", altered(&good, GREASE, ""));
    kind.altered(
        &good,
        &[
            ("hybrid_then_x25519", &stanza, &format!("{stanza}{STANZA}")),
            ("x25519_then_hybrid", &stanza, &format!("{STANZA}{stanza}")),
            ("two_hybrid_recipients_where_the_seal_gives_one", &stanza, &stanza.repeat(2)),
            ("hybrid_in_upper_case", "-> mlkem768x25519 ", "-> MLKEM768X25519 "),
            ("hybrid_tagged", "-> mlkem768x25519 ", "-> mlkem768p256tag "),
            ("hybrid_with_an_x25519_argument", &share, "TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc"),
            ("x25519_with_a_hybrid_argument", "-> mlkem768x25519 ", "-> X25519 "),
            ("hybrid_with_a_second_argument", &share, &format!("{share} AAAA")),
            ("hybrid_without_an_argument", &format!(" {share}"), ""),
            ("hybrid_argument_too_short", &share, &share[..1490]),
            ("hybrid_argument_too_long", &share, &format!("{share}A")),
            ("hybrid_argument_with_padding", &share, &format!("{share}==")),
            ("hybrid_argument_that_is_not_canonical", &share, &format!("{}B", &share[..1493])),
            ("hybrid_argument_of_low_order", &share[1448..], &"A".repeat(46)),
            ("hybrid_body_too_short", "w7U\n", "w7\n"),
            ("hybrid_body_that_is_not_canonical", "w7U\n", "w7V\n"),
            ("hybrid_body_of_two_lines", BODY, &format!("{}\nAAAA\n", "A".repeat(64))),
        ],
    );
}
