//! Vectors of single records and their one encoding: SPEC 3.2. Each is an `end` record of an index.

use super::Kind;

/// `{"end": {"chunks": 1, "files": 2}}`.
const GOOD: &[u8] = b"\xa1\x63end\xa2\x66chunks\x01\x65files\x02";

pub(super) fn vectors() -> Kind {
    let mut kind = Kind::new("record", "cbor");
    kind.valid("end", GOOD);
    kind.valid("none", "");
    kind.valid("two", [GOOD, GOOD].concat());
    kind.valid("number_of_eight_bytes", b"\xa1\x63end\xa2\x66chunks\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x65files\x00");
    let encodings: [(&str, &[u8]); 23] = [
        ("number_in_two_bytes", b"\xa1\x63end\xa2\x66chunks\x18\x01\x65files\x02"),
        ("number_in_nine_bytes", b"\xa1\x63end\xa2\x66chunks\x1b\0\0\0\0\0\0\0\x01\x65files\x02"),
        ("number_as_a_bignum", b"\xa1\x63end\xa2\x66chunks\xc2\x41\x01\x65files\x02"),
        ("number_as_a_float", b"\xa1\x63end\xa2\x66chunks\xf9\x3c\x00\x65files\x02"),
        ("negative_number", b"\xa1\x63end\xa2\x66chunks\x20\x65files\x02"),
        ("number_as_text", b"\xa1\x63end\xa2\x66chunks\x611\x65files\x02"),
        ("number_with_a_tag", b"\xa1\x63end\xa2\x66chunks\xc1\x01\x65files\x02"),
        ("null_for_a_number", b"\xa1\x63end\xa2\x66chunks\xf6\x65files\x02"),
        ("text_with_a_long_length", b"\xa1\x63end\xa2\x78\x06chunks\x01\x65files\x02"),
        ("text_of_indefinite_length", b"\xa1\x63end\xa2\x7f\x66chunks\xff\x01\x65files\x02"),
        ("text_that_is_not_utf8", b"\xa1\x63end\xa2\x66chunk\xff\x01\x65files\x02"),
        ("map_of_indefinite_length", b"\xa1\x63end\xbf\x66chunks\x01\x65files\x02\xff"),
        ("map_with_a_long_length", b"\xb8\x01\x63end\xa2\x66chunks\x01\x65files\x02"),
        ("map_with_a_tag", b"\xd9\xd9\xf7\xa1\x63end\xa2\x66chunks\x01\x65files\x02"),
        ("record_of_two_entries", b"\xa2\x63end\xa2\x66chunks\x01\x65files\x02\x64head\xf6"),
        ("record_as_text", b"\x63end\xa2\x66chunks\x01\x65files\x02"),
        ("record_as_an_array", b"\x82\x63end\xa2\x66chunks\x01\x65files\x02"),
        ("fields_as_an_array", b"\xa1\x63end\x82\x01\x02"),
        ("fields_in_another_order", b"\xa1\x63end\xa2\x65files\x02\x66chunks\x01"),
        ("field_twice", b"\xa1\x63end\xa3\x66chunks\x01\x65files\x02\x65files\x02"),
        ("field_missing", b"\xa1\x63end\xa1\x66chunks\x01"),
        ("unknown_field", b"\xa1\x63end\xa3\x66chunks\x01\x65files\x02\x64more\x03"),
        ("field_named_by_bytes", b"\xa1\x63end\xa2\x46chunks\x01\x65files\x02"),
    ];
    for (claim, bytes) in encodings {
        kind.invalid(claim, bytes);
    }
    kind.invalid("unknown_record", b"\xa1\x64stop\xa2\x66chunks\x01\x65files\x02");
    kind.invalid("cut_off", &GOOD[..GOOD.len() - 1]);
    kind.invalid("break_alone", b"\xff");
    kind.invalid("padding_behind", [GOOD, b"\0"].concat());
    kind.invalid("null_behind", [GOOD, b"\xf6"].concat());
    kind
}
