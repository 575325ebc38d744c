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
