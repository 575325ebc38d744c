//! Vectors of cards: SPEC 9.

use super::{Kind, altered};
use crate::fixtures;
use gapvault_formats::card::Card;

pub(super) fn card() -> Card {
    Card {
        site: "cluster".parse().unwrap(),
        person: "cluster-operator".parse().unwrap(),
        key: fixtures::public(fixtures::P256).parse().unwrap(),
        recipient: fixtures::recipient(fixtures::CLUSTER),
        label_key: fixtures::cluster_label_key(),
        recipient_pq: fixtures::recipient(&fixtures::recipients_pq()[0]),
    }
}

pub(super) fn vectors() -> Kind {
    let mut kind = Kind::new("card", "toml");
    let good = card().to_text();
    kind.valid("p256", good.clone());
    let key = fixtures::public(fixtures::ED25519);
    kind.valid("ed25519", Card { key: key.parse().unwrap(), ..card() }.to_text());
    kind.invalid("empty", "");
    kind.invalid("not_utf8", [good.as_bytes(), b"# \xff\n"].concat());
    kind.invalid("over_16_kib", format!("{good}# {}\n", "x".repeat(16 << 10)));
    kind.invalid("crlf", good.replace('\n', "\r\n"));
    kind.invalid("no_newline_at_the_end", good.trim_end());
    let pq = fixtures::recipients_pq()[0].clone();
    let pq = pq.as_str();
    let (site, person) = ("site = \"cluster\"\n", "person = \"cluster-operator\"\n");
    kind.invalid("fields_in_another_order", altered(&altered(&good, site, ""), person, &format!("{person}{site}")));
    kind.altered(
        &good,
        &[
            ("format_2", "format = 1", "format = 2"),
            ("first_line_edited", "# A gapvault card", "# Another gapvault card"),
            ("comment_more", "format = 1", "# checked\nformat = 1"),
            ("a_space_more", "format = 1", "format  = 1"),
            ("literal_string", "\"cluster\"", "'cluster'"),
            ("unknown_field", site, &format!("{site}more = 1\n")),
            ("field_twice", site, &format!("{site}{site}")),
            ("field_missing", person, ""),
            ("site_name_in_upper_case", "\"cluster\"", "\"Cluster\""),
            ("site_name_with_dotdot", "\"cluster\"", "\"../cluster\""),
            ("person_name_empty", "\"cluster-operator\"", "\"\""),
            ("key_with_a_comment", "\"\nrecipient =", " cluster\"\nrecipient ="),
            ("recipient_in_upper_case", fixtures::CLUSTER, &fixtures::CLUSTER.to_uppercase()),
            ("recipient_with_a_wrong_checksum", "stnjg07\"", "stnjg08\""),
            ("identity_for_a_recipient", fixtures::CLUSTER, &fixtures::bundle_identity().expose_secret()),
            ("recipient_of_the_other_suite", fixtures::CLUSTER, pq),
            ("recipient_pq_missing", &format!("recipient_pq = \"{pq}\"\n"), ""),
            ("recipient_pq_in_upper_case", pq, &pq.to_uppercase()),
            ("recipient_pq_with_a_wrong_checksum", &pq[1940..], &altered(&pq[1940..], &pq[1955..], "qqqq")),
            ("recipient_pq_of_the_other_suite", pq, fixtures::AUDITOR),
            ("recipient_pq_cut_off", pq, &pq[..1958]),
            ("label_key_too_short", "label_key = \"33", "label_key = \""),
            ("label_key_in_upper_case", "label_key = \"33", "label_key = \"AA"),
        ],
    );
    kind
}
