//! Vectors of `seal.json`: SPEC 4.1.

use super::{Kind, altered, example};

pub(super) fn vectors() -> Kind {
    let mut kind = Kind::new("seal", "json");
    let good = example::seal(1);
    kind.valid("one_volume", good.clone());
    kind.valid("two_volumes", example::seal(2));
    kind.valid("a_volume_without_packs", without_packs(&example::seal(2)));
    kind.valid("parity_of_two_groups", example::seal_with_parity());
    let pq = altered(&good, "age-x25519", "age-pq");
    kind.valid("post_quantum", pq.clone());
    kind.valid("post_quantum_with_80_stanzas", altered(&pq, "\"catalogue\":2", "\"catalogue\":80"));
    kind.invalid("post_quantum_with_81_stanzas_in_the_catalogue", altered(&pq, "\"catalogue\":2", "\"catalogue\":81"));
    kind.invalid("post_quantum_with_81_stanzas_in_the_keys", altered(&pq, "\"keys\":1", "\"keys\":81"));
    kind.valid("superseding", altered(&good, "\"supersedes\":null", &format!("\"supersedes\":\"{:064}\"", 1)));
    layout(&mut kind, &good);
    fields(&mut kind, &good);
    rules(&mut kind, &good);
    volumes(&mut kind, &example::seal(2));
    parity(&mut kind, &example::seal_with_parity());
    subjects(&mut kind, &good);
    kind
}

/// The seal of two packs with both on its first volume.
fn without_packs(two: &str) -> String {
    altered(&altered(two, "[[0,1]]", "[[0,2]]"), "[[1,2]]", "[]")
}

fn layout(kind: &mut Kind, good: &str) {
    kind.invalid("empty", "");
    kind.invalid("not_json", "gapvault\n");
    kind.invalid("byte_order_mark", format!("\u{feff}{good}"));
    kind.invalid("trailing_bytes", format!("{good}{{}}\n"));
    kind.invalid("trailing_newline", format!("{good}\n"));
    kind.invalid("no_newline_at_the_end", good.trim_end());
    kind.invalid("crlf", good.replace('\n', "\r\n"));
    kind.altered(
        good,
        &[
            ("a_space", "\"format\":1", "\"format\": 1"),
            ("an_escape_that_is_not_needed", "\"RECOVER.txt\"", "\"\\u0052ECOVER.txt\""),
            ("fields_as_an_array", "{\"length\":65536,\"pack\":65536}", "[65536,65536]"),
            ("subjects_on_one_line", "},\n{\"name\":\"keys.age\"", "},{\"name\":\"keys.age\""),
        ],
    );
    let suite = "\"suite\":\"age-x25519\",";
    let moved = altered(&altered(good, suite, ""), "\"parity\"", &format!("{suite}\"parity\""));
    kind.invalid("fields_in_another_order", moved);
}

fn fields(kind: &mut Kind, good: &str) {
    kind.altered(
        good,
        &[
            ("unknown_field", "],\"predicateType\"", "],\"more\":1,\"predicateType\""),
            ("unknown_field_of_the_predicate", "\"number\":7", "\"number\":7,\"more\":1"),
            (
                "unknown_field_of_a_digest",
                "\"},\"annotations\":{\"size\":1000}},\n{\"name\":\"SHA",
                "\",\"sha1\":\"\"},\"annotations\":{\"size\":1000}},\n{\"name\":\"SHA",
            ),
            ("field_twice", "\"number\":7", "\"number\":7,\"number\":8"),
            ("field_missing", "\"number\":7,", ""),
            ("parity_missing", "\"parity\":null,", ""),
            ("supersedes_missing", ",\"supersedes\":null", ""),
            ("other_statement_type", "Statement/v1", "Statement/v0.1"),
            ("other_predicate_type", "gapvault:seal:v1", "gapvault:seal:v2"),
            ("format_2", "\"format\":1", "\"format\":2"),
            ("number_as_text", "\"number\":7", "\"number\":\"7\""),
            ("number_with_a_fraction", "\"number\":7", "\"number\":7.0"),
            ("negative_number", "\"number\":7", "\"number\":-7"),
            ("nonce_too_short", "\"nonce\":\"11", "\"nonce\":\""),
            ("nonce_in_upper_case", "\"nonce\":\"11", "\"nonce\":\"AA"),
            ("nonce_not_hex", "\"nonce\":\"11", "\"nonce\":\"gg"),
            ("time_with_an_offset", "2026-11-21T08:00:00Z", "2026-11-21T08:00:00+00:00"),
            ("label_with_a_slash", "20261121-k3v9", "20261121/k3v9"),
            ("label_in_upper_case", "20261121-k3v9", "20261121-K3V9"),
            ("label_of_33_characters", "20261121-k3v9", "000000000000000000000000000000000"),
            ("volume_name_with_a_dot", "{\"name\":\"v1\"", "{\"name\":\"v.1\""),
            ("key_of_another_type", "\"exporter\":\"ecdsa-sha2-nistp256", "\"exporter\":\"ecdsa-sha2-nistp384"),
            ("key_with_a_comment", "\",\"created\"", " comment\",\"created\""),
            ("unknown_suite", "age-x25519", "age-scrypt"),
            ("parity_given", "\"parity\":null", "\"parity\":{}"),
        ],
    );
}

fn rules(kind: &mut Kind, good: &str) {
    let tags = good.split("\"destinations\":[").nth(1).unwrap().split(']').next().unwrap();
    let (first, second) = tags.split_once(',').unwrap();
    let digest = "0".repeat(64);
    // Ascending, as they must be, so that their number is all that is wrong.
    let many: Vec<_> = (0..501).map(|n| format!("\"{n:064}\"")).collect();
    kind.altered(
        good,
        &[
            ("expires_when_created", "2026-12-21T08:00:00Z", "2026-11-21T08:00:00Z"),
            ("expires_before_created", "2026-12-21T08:00:00Z", "2026-11-21T07:59:59Z"),
            ("number_0", "\"number\":7", "\"number\":0"),
            ("number_2_to_the_53", "\"number\":7", "\"number\":9007199254740992"),
            ("no_destination", tags, ""),
            ("501_destinations", tags, &many.join(",")),
            ("destination_twice", tags, &format!("{first},{first}")),
            ("destinations_out_of_order", tags, &format!("{second},{first}")),
            ("two_stanzas_in_the_index", "\"index\":1", "\"index\":2"),
            ("two_stanzas_in_packs", "\"pack\":1}", "\"pack\":2}"),
            ("no_stanza_in_the_catalogue", "\"catalogue\":2", "\"catalogue\":0"),
            ("1001_stanzas_in_the_catalogue", "\"catalogue\":2", "\"catalogue\":1001"),
            ("no_stanza_in_the_keys", "\"keys\":1", "\"keys\":0"),
            ("builds_on_given", "\"builds_on\":[]", &format!("\"builds_on\":[\"{digest}\"]")),
            ("supersedes_no_digest", "\"supersedes\":null", "\"supersedes\":\"00\""),
            ("packs_of_length_0", "\"pack\":65536", "\"pack\":0"),
            ("packs_of_a_length_that_is_no_multiple", "\"pack\":65536", "\"pack\":65537"),
            ("packs_over_1_gib", "\"pack\":65536", "\"pack\":1073807360"),
            ("stream_of_length_0", "\"length\":65536", "\"length\":0"),
            ("stream_not_padded", "\"length\":65536", "\"length\":65537"),
            ("1007616_packs", "\"length\":65536", "\"length\":66035122176"),
        ],
    );
}

fn volumes(kind: &mut Kind, two: &str) {
    let list = two.split("\"volumes\":").nth(1).unwrap().split(",\"parity\"").next().unwrap();
    let many: Vec<_> = (0..1001).map(|n| format!("{{\"name\":\"{n}\",\"packs\":[]}}")).collect();
    kind.altered(
        two,
        &[
            ("no_volume", list, "[]"),
            ("1001_volumes", list, &format!("[{}]", many.join(","))),
            ("two_volumes_of_one_name", "{\"name\":\"v2\"", "{\"name\":\"v1\""),
            ("pack_on_two_volumes", "[[1,2]]", "[[0,2]]"),
            ("pack_on_no_volume", "[[1,2]]", "[]"),
            ("range_of_no_packs", "[[1,2]]", "[[1,2],[2,2]]"),
            ("range_backwards", "[[1,2]]", "[[2,1]]"),
            ("range_past_the_last_pack", "[[1,2]]", "[[1,3]]"),
            ("range_of_three_numbers", "[[1,2]]", "[[1,2,3]]"),
        ],
    );
}

/// Three packs in two groups, the second of one pack; a parity pack of each on the other volume.
fn parity(kind: &mut Kind, good: &str) {
    let last = "\"packs\":[[1,2]]},{\"name\":\"v3\",\"packs\":[]}]},\"builds";
    kind.altered(
        good,
        &[
            ("parity_group_of_no_packs", "\"packs\":[[1,2,1]]", "\"packs\":[]"),
            ("parity_group_of_no_parity", "\"packs\":[[1,2,1]],\"parity\":1", "\"packs\":[[1,2,1]],\"parity\":0"),
            ("more_parity_than_data", "\"packs\":[[1,2,1]],\"parity\":1", "\"packs\":[[1,2,1]],\"parity\":2"),
            ("1025_shards_in_a_group", "[1,2,1]", "[1,1025,1]"),
            ("shards_past_all_counting", "[1,2,1]", "[0,18446744073709551615,1]"),
            ("stride_of_0", "[1,2,1]", "[1,2,0]"),
            ("stride_that_ends_behind_its_last", "[0,3,2]", "[0,4,2]"),
            ("stride_backwards", "[1,2,1]", "[2,1,1]"),
            ("stride_of_two_numbers", "[1,2,1]", "[1,2]"),
            ("pack_in_two_parity_groups", "[1,2,1]", "[1,3,1]"),
            ("pack_in_no_parity_group", "[0,3,2]", "[0,1,1]"),
            ("parity_group_past_the_last_pack", "[1,2,1]", "[3,4,1]"),
            ("parity_pack_on_two_volumes", last, &last.replace("[1,2]", "[0,2]")),
            ("parity_pack_on_no_volume", last, &last.replace("[1,2]", "")),
            ("parity_of_a_volume_that_is_not_there", last, &last.replace("v3", "v9")),
            ("parity_of_fewer_volumes", last, &last.replace(",{\"name\":\"v3\",\"packs\":[]}", "")),
            ("parity_subject_missing", "parity/0000/000001.rs", "parity/0000/000002.rs"),
            ("parity_pack_of_another_size", "\"size\":65840", "\"size\":65841"),
            ("parity_in_another_folder", "parity/0000/000001.rs", "parity/0001/000001.rs"),
            ("parity_of_unknown_field", "{\"groups\"", "{\"more\":1,\"groups\""),
        ],
    );
}

fn subjects(kind: &mut Kind, good: &str) {
    let lines: Vec<_> =
        good.lines().filter(|line| line.starts_with("{\"name\"")).map(|l| l.trim_end_matches(',')).collect();
    let keys = *lines.iter().find(|line| line.contains("keys.age")).unwrap();
    let pack = *lines.last().unwrap();
    let next = altered(pack, "000000.age", "000001.age");
    let list = lines.join(",\n");
    let reversed = lines.iter().rev().copied().collect::<Vec<_>>().join(",\n");
    kind.altered(
        good,
        &[
            ("subjects_out_of_order", &list, &reversed),
            ("subject_missing", &format!("{keys},\n"), ""),
            ("subject_twice", keys, &format!("{keys},\n{keys}")),
            ("pack_too_many", pack, &format!("{pack},\n{next}")),
            ("no_subjects", &list, ""),
            ("sums_of_an_unknown_volume", "SHA256SUMS.v1", "SHA256SUMS.v2"),
            ("sums_of_a_volume_name_that_is_refused", "SHA256SUMS.v1", "SHA256SUMS.../v1"),
            ("size_over_the_limit", "\"size\":65768}}\n]", "\"size\":2147483649}}\n]"),
        ],
    );
    for (claim, name) in [
        ("unknown_file", "notes.txt"),
        ("file_with_dotdot", "../keys.age"),
        ("file_absolute", "/keys.age"),
        ("file_in_upper_case", "KEYS.AGE"),
        ("seal_names_itself", "seal.json"),
        ("pack_in_another_folder", "packs/0001/000000.age"),
        ("pack_with_five_digits", "packs/0000/00000.age"),
        ("pack_with_a_sign", "packs/0000/+00000.age"),
        ("pack_behind_dotdot", "packs/../0000/000000.age"),
    ] {
        kind.invalid(claim, altered(good, "\"keys.age\"", &format!("\"{name}\"")));
    }
}
