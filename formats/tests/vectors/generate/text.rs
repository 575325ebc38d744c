//! Vectors of short texts: paths, links, names, times, keys (SPEC 3.1, 4.3, 6.4, 6.5), and values that follow from others.

use super::{Kind, security_key};
use crate::fixtures;
use gapvault_formats::ids::Nonce;
use gapvault_formats::padding;

fn kind(name: &'static str, valid: &[(&str, &str)], invalid: &[(&str, &str)]) -> Kind {
    let mut kind = Kind::new(name, "txt");
    for (claim, text) in valid {
        kind.valid(claim, *text);
    }
    for (claim, text) in invalid {
        kind.invalid(claim, *text);
    }
    kind
}

pub(super) fn paths() -> Kind {
    let name = "a".repeat(255);
    kind(
        "path",
        &[
            ("one_component", "config.json"),
            ("three_components", "org/model/model-00001-of-00002.safetensors"),
            ("component_of_255_bytes", &name),
            ("4000_bytes", &format!("{}{}", format!("{name}/").repeat(15), &name[..160])),
            ("128_components", &format!("{}a", "a/".repeat(127))),
            ("begins_with_a_dash", "-rf"),
            ("spaces", "a b/ c "),
            ("letters_of_other_scripts", "日本/語/é"),
            ("three_dots", "a/...b/..."),
            ("begins_like_a_device", "console.log/com10/auxiliary"),
        ],
        &[
            ("empty", ""),
            ("absolute", "/etc/passwd"),
            ("path_with_dotdot", "a/../b"),
            ("dotdot_alone", ".."),
            ("dot_alone", "."),
            ("dot_inside", "a/./b"),
            ("slash_twice", "a//b"),
            ("slash_at_the_end", "a/"),
            ("nul", "a\0b"),
            ("newline", "a\nb"),
            ("escape", "a\x1b[2Jb"),
            ("delete", "a\x7fb"),
            ("control_character_beyond_ascii", "a\u{85}b"),
            ("right_to_left_override", "a\u{202e}gpj.exe"),
            ("right_to_left_isolate", "a\u{2067}b"),
            ("arabic_letter_mark", "a\u{61c}b"),
            ("zero_width_space", "a\u{200b}b"),
            ("soft_hyphen", "a\u{ad}b"),
            ("byte_order_mark", "\u{feff}a"),
            ("line_separator", "a\u{2028}b"),
            ("variation_selector", "a\u{fe0f}"),
            ("tag_character", "a\u{e0041}"),
            ("hangul_filler", "\u{3164}"),
            ("backslash", "a\\..\\b"),
            ("device", "NUL"),
            ("device_with_an_extension", "a/com1.txt"),
            ("device_with_a_superscript", "lpt²"),
            ("device_with_a_space", "aux .txt"),
            ("component_of_256_bytes", &format!("{name}a")),
            ("4001_bytes", &format!("{}{}", format!("{name}/").repeat(15), &name[..161])),
            ("129_components", &format!("{}a", "a/".repeat(128))),
        ],
    )
}

pub(super) fn links() -> Kind {
    kind(
        "link",
        &[
            ("sibling", "a/b/link\nc"),
            ("sibling_of_the_parent", "a/b/link\n../c"),
            ("top_of_the_artifact", "a/b/link\n../.."),
            ("parent", "a/b/link\n.."),
            ("down", "link\na/b/c"),
            ("itself", "link\nlink"),
        ],
        &[
            ("empty", "link\n"),
            ("absolute", "a/link\n/etc/passwd"),
            ("leaves", "a/b/link\n../../../c"),
            ("leaves_to_the_folder_above", "a/b/link\n../../.."),
            ("leaves_from_the_top", "link\n.."),
            ("dotdot_behind_a_name", "a/b/link\nc/../../../d"),
            ("dotdot_at_the_end", "a/b/link\nc/.."),
            ("dot", "a/link\n."),
            ("dot_before_dotdot", "a/link\n./../b"),
            ("slash_at_the_end", "a/link\n../"),
            ("slash_twice", "a/link\n..//b"),
            ("control_character", "a/link\nb\rc"),
            ("backslash", "a/link\n..\\b"),
            ("device", "a/link\n../nul"),
        ],
    )
}

pub(super) fn artifacts() -> Kind {
    let long = "x".repeat(129);
    kind(
        "artifact",
        &[
            ("name_and_version", "llama-ft:step-4000"),
            ("name_of_two_parts", "org/Model+x:v1.0"),
            ("dots_inside", "a..b/c:1..2"),
            ("name_of_128_characters", &format!("{}:1", &long[1..])),
        ],
        &[
            ("no_version", "model"),
            ("version_empty", "model:"),
            ("name_empty", ":1"),
            ("name_that_climbs", "../model:1"),
            ("name_that_climbs_inside", "a/../../model:1"),
            ("name_with_a_dot_part", "a/./model:1"),
            ("name_with_an_empty_part", "a//model:1"),
            ("name_that_ends_in_a_slash", "model/:1"),
            ("name_absolute", "/model:1"),
            ("name_that_begins_with_a_dash", "-model:1"),
            ("name_with_a_space", "my model:1"),
            ("name_with_letters_of_other_scripts", "modèle:1"),
            ("name_of_129_characters", &format!("{long}:1")),
            ("version_with_a_slash", "model:1/2"),
            ("version_with_a_colon", "model:1:2"),
            ("version_with_a_newline", "model:1\n"),
            ("version_of_129_characters", &format!("model:{long}")),
        ],
    )
}

pub(super) fn times() -> Kind {
    kind(
        "time",
        &[
            ("some_day", "2026-11-21T08:00:00Z"),
            ("first", "1970-01-01T00:00:00Z"),
            ("last", "9999-01-01T00:00:00Z"),
            ("leap_day", "2028-02-29T23:59:59Z"),
        ],
        &[
            ("empty", ""),
            ("offset", "2026-11-21T08:00:00+00:00"),
            ("other_offset", "2026-11-21T09:00:00+01:00"),
            ("fraction", "2026-11-21T08:00:00.5Z"),
            ("no_seconds", "2026-11-21T08:00Z"),
            ("space_for_the_t", "2026-11-21 08:00:00Z"),
            ("lower_case", "2026-11-21t08:00:00z"),
            ("newline_behind", "2026-11-21T08:00:00Z\n"),
            ("leap_second", "2026-12-31T23:59:60Z"),
            ("no_such_day", "2026-02-29T08:00:00Z"),
            ("before_the_first", "1969-12-31T23:59:59Z"),
            ("after_the_last", "9999-01-01T00:00:01Z"),
            ("seconds_since_1970", "1795248000"),
        ],
    )
}

pub(super) fn public_keys() -> Kind {
    let mut kind = keys_in_files();
    security_key::public_keys(&mut kind);
    kind
}

fn keys_in_files() -> Kind {
    let (p256, ed25519) = (fixtures::public(fixtures::P256), fixtures::public(fixtures::ED25519));
    let base64 = p256.split(' ').nth(1).unwrap();
    let p384 = "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBCdY1BT7v7SkVYDHpDMFVAieJxVYMfvG\
                uxOztds3HXLyVhlEWYxG2QPGsQveL3RAyT7JGzdxI/I5TrO0XM7CGOE3JVByy9iHuTIPFDKtRD2Szvz3KeFB5aBXR5vIV+BodQ==";
    kind(
        "public-key",
        &[("p256", &p256), ("ed25519", &ed25519)],
        &[
            ("empty", ""),
            ("comment", &format!("{p256} lab")),
            ("space_at_the_end", &format!("{p256} ")),
            ("newline_at_the_end", &format!("{p256}\n")),
            ("space_at_the_beginning", &format!(" {p256}")),
            ("two_spaces", &p256.replace(' ', "  ")),
            ("options", &format!("no-pty {p256}")),
            ("base64_alone", base64),
            ("type_of_another_key", &format!("ssh-ed25519 {base64}")),
            ("cut_off", &p256[..p256.len() - 4]),
            ("bytes_behind", &format!("{}AAAA=", p256.trim_end_matches('='))),
            ("private_key", fixtures::P256),
            ("p384", p384),
        ],
    )
}

pub(super) fn derived() -> Kind {
    let hex = |byte: &str| byte.repeat(32);
    let lengths =
        [0, 1, 65_536, 65_537, 67_584, 67_585, 100_000, 1_000_000, 1_048_576, 1_048_577, 1_073_741_825, 5_000_000_000];
    let padded: String = lengths.map(|length: u64| format!("padded {length} {}\n", padding::padded(length))).concat();
    let (key, nonce) = (fixtures::tent_key(), Nonce::from_bytes([0x11; 32]));
    let tag = fixtures::cluster_label_key().tag(&nonce, &fixtures::tent());
    kind(
        "derived",
        &[
            ("padded_lengths", &padded),
            ("pin_of_a_tent_key", &format!("pin {} {}\n", hex("22"), key.pin())),
            ("chunk_id", &format!("chunk-id {} hello {}\n", hex("22"), key.chunk_id(b"hello"))),
            ("destination_tag", &format!("tag {} {nonce} aurora {tag}\n", hex("33"))),
        ],
        &[],
    )
}
