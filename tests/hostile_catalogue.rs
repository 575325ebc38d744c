//! Catalogues that no gapvault writes, signed by an exporter whom the cluster trusts.

use crate::support::hostile::{Forge, entry::*};
use crate::support::noise;
use crate::support::siege::{Siege, expect_admitted};
use crate::support::table::{cbor, map, zstd_raw};
use ciborium::Value;

/// Without this, every refusal could have another reason than the lie.
#[test]
fn an_honest_forgery_crosses_within_the_bounds() {
    let mut siege = Siege::new();
    let forge = siege.forge();
    let out = siege.gap.path("out");
    expect_admitted(&siege.gap, &forge, &out);
    assert_eq!(std::fs::read(out.join("latest")).unwrap(), noise(7, 100_000));
    assert_eq!(std::fs::read(out.join("dir/b.bin")).unwrap(), noise(7, 100_000)[60_000..]);
    assert_eq!(std::fs::read(out.join("zeros")).unwrap(), [0; 500_000]);
}

#[test]
fn totals_and_sizes_that_lie_are_refused() {
    Siege::new().import_refuses(&[
        ("a file more", |f| f.catalogue.set(HEAD, "totals.files", 4), 3, "the head's totals are 1 artifact, 4 files"),
        ("a file less", |f| f.catalogue.set(HEAD, "totals.files", 2), 3, "the head's totals are 1 artifact, 2 files"),
        (
            "another end",
            |f| f.catalogue.set(END, "links", 0),
            3,
            "the end's totals are 1 artifact, 3 files, 1 folder, 0 links",
        ),
        (
            "a byte less",
            |f| f.catalogue.set(HEAD, "totals.bytes", 639_999),
            3,
            "found 1 artifact, 3 files, 1 folder, 1 link, 640000 bytes",
        ),
        (
            "2^63 bytes",
            |f| f.catalogue.set(HEAD, "totals.bytes", 1_u64 << 63),
            3,
            "catalogue: bytes 9223372036854775808, the limit is 9007199254740991",
        ),
        ("a file of 2^63 bytes", |f| f.catalogue.set(ZEROS, "size", 1_u64 << 63), 3, "9223372036854915808 bytes"),
        ("a file of 2^64 - 1 bytes", |f| f.catalogue.set(ZEROS, "size", u64::MAX), 3, "18446744073709551615 bytes"),
        (
            "2^64 bytes",
            |f| f.catalogue.set(ZEROS, "size", Value::Tag(2, Box::new(Value::Bytes(vec![1, 0, 0, 0, 0, 0, 0, 0, 0])))),
            3,
            "record 7",
        ),
        ("-1 bytes", |f| f.catalogue.set(ZEROS, "size", -1), 3, "record 7 is not of the format"),
        (
            "longer than its chunks",
            |f| sizes(f, 500_001),
            3,
            "index.age: its length of a recipe is 500000, by the catalogue it is 500001",
        ),
        (
            "shorter than its chunks",
            |f| sizes(f, 499_999),
            3,
            "index.age: its length of a recipe is 500000, by the catalogue it is 499999",
        ),
    ]);
}

/// Another size of the last file, everywhere in the catalogue.
fn sizes(f: &mut Forge, size: u64) {
    f.catalogue.set(ZEROS, "size", size);
    f.catalogue.set(HEAD, "totals.bytes", 140_000 + size);
    f.catalogue.set(END, "bytes", 140_000 + size);
}

#[test]
fn records_in_another_form_are_refused() {
    Siege::new().import_refuses(&[
        ("a field more in the head", |f| f.catalogue.add(HEAD, "", "also"), 3, "unknown field `also`"),
        ("a field more in the totals", |f| f.catalogue.add(HEAD, "totals", "also"), 3, "unknown field `also`"),
        ("a field more in a reader", |f| f.catalogue.add(HEAD, "readers.0", "also"), 3, "unknown field `also`"),
        (
            "a field more in a file",
            |f| f.catalogue.add(A, "", "also"),
            3,
            "record 4 is not of the format: unknown field `also`",
        ),
        (
            "a field less",
            |f| f.catalogue.edit(A, "", |file| drop(file.as_map_mut().unwrap().pop())),
            3,
            "missing field `sha256`",
        ),
        ("a field twice", |f| f.catalogue.add(A, "", "mode"), 3, "duplicate field `mode`"),
        (
            "fields in another order",
            |f| f.catalogue.edit(A, "", |file| file.as_map_mut().unwrap().reverse()),
            3,
            "record 4 is not in its canonical encoding",
        ),
        (
            "another kind of record",
            |f| f.catalogue.records[A] = cbor(&map([("device", 1.into())])),
            3,
            "unknown variant `device`",
        ),
        ("two kinds at once", |f| f.catalogue.records[A][0] = 0xa2, 3, "record 4 is not"),
        ("a number as text", |f| f.catalogue.set(A, "size", "100000"), 3, "record 4 is not of the format"),
        ("a short digest", |f| f.catalogue.set(A, "sha256", vec![0; 31]), 3, "expected 32 bytes"),
        ("another format", |f| f.catalogue.set(HEAD, "format", 2), 3, "catalogue: format 2, this program reads 1"),
        ("another role", |f| f.catalogue.set(HEAD, "readers.0.role", "owner"), 3, "unknown variant `owner`"),
        (
            "a tag around a record",
            |f| f.catalogue.records[A].insert(0, 0xc1),
            3,
            "record 4 is not in its canonical encoding",
        ),
        ("a long form", |f| long_form(&mut f.catalogue.records[A]), 3, "record 4 is not in its canonical encoding"),
        (
            "an open-ended map",
            |f| {
                let within = 1 + b"\x64file".len();
                f.catalogue.records[A][within] = 0xbf;
                f.catalogue.records[A].push(0xff);
            },
            3,
            "record 4 is not in its canonical encoding",
        ),
        (
            "a note with a control character",
            |f| note(f, "value", "a\u{7}b"),
            3,
            "a note's value has a control character",
        ),
        (
            "a note that is too long",
            |f| note(f, "key", &"x".repeat(4097)),
            3,
            "a note's key has a control character or is over 4096 bytes",
        ),
        ("101 notes", |f| notes(f, 101), 3, "catalogue: notes 101, the limit is 100"),
        ("an artifact without a name", |f| f.catalogue.set(ARTIFACT, "artifact.name", ""), 3, "artifact name \"\""),
        (
            "an artifact that climbs",
            |f| f.catalogue.set(ARTIFACT, "artifact.name", "../../x"),
            3,
            "artifact name \"../../x\"",
        ),
    ]);
}

/// Writes the last text length of a record in one byte more than it takes.
fn long_form(record: &mut Vec<u8>) {
    let at = record.windows(5).position(|w| w == b"\x64path").unwrap();
    record.splice(at..=at, [0x78, 0x04]);
}

fn note(f: &mut Forge, field: &str, text: &str) {
    notes(f, 1);
    f.catalogue.set(ARTIFACT, &format!("provenance.notes.0.{field}"), text);
}

fn notes(f: &mut Forge, count: usize) {
    let note = map([("key", "run".into()), ("value", "1".into())]);
    f.catalogue.set(ARTIFACT, "provenance.notes", Value::Array(vec![note; count]));
}

#[test]
fn catalogues_that_break_off_or_go_on_are_refused() {
    Siege::new().import_refuses(&[
        ("nothing", |f| f.catalogue.records.clear(), 3, "catalogue: does not begin with a head"),
        ("no head", |f| drop(f.catalogue.records.remove(HEAD)), 3, "catalogue: does not begin with a head"),
        (
            "two heads",
            |f| f.catalogue.records.insert(1, f.catalogue.records[HEAD].clone()),
            3,
            "catalogue: a second head",
        ),
        ("no end", |f| drop(f.catalogue.records.pop()), 3, "catalogue: breaks off without its end record"),
        ("half a record", |f| f.catalogue.records[END].truncate(9), 3, "record 8 can't be read"),
        ("a record lost", |f| drop(f.catalogue.records.remove(ZEROS)), 3, "found 1 artifact, 2 files"),
        (
            "a file after the end",
            |f| f.catalogue.records.push(f.catalogue.records[ZEROS].clone()),
            3,
            "catalogue: goes on after its end record",
        ),
        (
            "a second end",
            |f| f.catalogue.records.push(f.catalogue.records[END].clone()),
            3,
            "catalogue: goes on after its end record",
        ),
        ("noise after the end", |f| f.catalogue.records.push(vec![0]), 3, "record 9 is not of the format"),
        (
            "noise behind the frame",
            |f| f.catalogue.frames = vec![0; 100],
            3,
            "record 9 can't be read: Unknown frame descriptor",
        ),
        (
            "records in a second frame after the end",
            |f| f.catalogue.frames = zstd_raw(&f.catalogue.records[ZEROS]),
            3,
            "catalogue: goes on after its end record",
        ),
    ]);
}
