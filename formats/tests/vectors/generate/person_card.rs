//! Vectors of persons' cards: SPEC 9.

use super::{Kind, altered};
use crate::fixtures;
use gapvault_formats::person_card::PersonCard;

pub(super) fn vectors() -> Kind {
    let mut kind = Kind::new("person-card", "toml");
    let (p256, ed25519) = (fixtures::public(fixtures::P256), fixtures::public(fixtures::ED25519));
    let card = |keys: &[&str]| {
        let keys = keys.iter().map(|key| key.parse().unwrap()).collect();
        PersonCard::new("ana".parse().unwrap(), keys).unwrap().to_text()
    };
    let good = card(&[&p256]);
    kind.valid("one_key", good.clone());
    kind.valid("keys_of_each_type", card(&[&ed25519, &p256, fixtures::SK_P256, fixtures::SK_ED25519]));
    kind.invalid("empty", "");
    kind.invalid("crlf", good.replace('\n', "\r\n"));
    kind.invalid("no_newline_at_the_end", good.trim_end());
    let key = format!("    \"{p256}\",\n");
    kind.altered(
        &good,
        &[
            ("format_2", "format = 1", "format = 2"),
            ("another_title", "one person", "one site"),
            ("comment_more", "format = 1", "# checked\nformat = 1"),
            ("unknown_field", "person = \"ana\"\n", "person = \"ana\"\nsite = \"lab\"\n"),
            ("person_name_in_upper_case", "\"ana\"", "\"Ana\""),
            ("person_missing", "person = \"ana\"\n", ""),
            ("no_keys", &key, ""),
            ("key_twice", &key, &key.repeat(2)),
            ("seventeen_keys", &key, &key.repeat(17)),
            ("keys_on_one_line", &format!("[\n{key}]"), &format!("[\"{p256}\"]")),
            ("key_with_a_comment", &p256, &format!("{p256} ana")),
            ("rsa_key", &p256, "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQM="),
        ],
    );
    kind.invalid("over_16_kib", altered(&good, &key, &key.repeat(120)));
    kind
}
