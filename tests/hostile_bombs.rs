//! Little on the medium, much in memory: each stops at a limit, within the bounds that every hostile run has.

use crate::support::hostile::{Forge, entry, row};
use crate::support::siege::Siege;
use crate::support::table::{Table, cbor, map, zstd_bomb, zstd_raw};
use ciborium::Value;

/// A zstd frame that asks for a window of 128 MiB.
const WIDE_WINDOW: [u8; 9] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x88, 0x01, 0x00, 0x00];

#[test]
fn heads_that_promise_too_much_are_refused() {
    Siege::new().import_refuses(&[
        (
            "10^9 files",
            |f| f.catalogue.set(entry::HEAD, "totals.files", 1_000_000_000),
            3,
            "catalogue: entries 1000000002, the limit is 20000000",
        ),
        (
            "2^64 - 1 files",
            |f| f.catalogue.set(entry::HEAD, "totals.files", u64::MAX),
            3,
            "catalogue: entries 18446744073709551615, the limit is 20000000",
        ),
        (
            "1,001 artifacts",
            |f| f.catalogue.set(entry::HEAD, "totals.artifacts", 1_001),
            3,
            "catalogue: artifacts 1001, the limit is 1000",
        ),
        (
            "20 million files",
            |f| f.catalogue.set(entry::HEAD, "totals.files", 19_000_000),
            3,
            "catalogue: the head's totals are 1 artifact, 19000000 files",
        ),
        (
            "10^9 chunks",
            |f| f.index.set(row::HEAD, "chunks", 1_000_000_000),
            3,
            "index: chunks 1000000000, the limit is 67108864",
        ),
        (
            "60 million chunks",
            |f| f.index.set(row::HEAD, "chunks", 60_000_000),
            3,
            "index: a recipe before the chunk table is complete",
        ),
        (
            "2^40 chunks",
            |f| f.index.set(row::HEAD, "chunks", 1_u64 << 40),
            3,
            "index: chunks 1099511627776, the limit is 67108864",
        ),
        (
            "10^9 files with recipes",
            |f| f.index.set(row::HEAD, "files", 1_000_000_000),
            3,
            "index: files 1000000000, the limit is 20000000",
        ),
    ]);
}

#[test]
fn a_million_entries_against_a_head_that_says_three_are_refused_at_the_fourth() {
    Siege::new().import_refuses(&[
        (
            "files",
            |f| {
                let file = f.catalogue.records[entry::ZEROS].clone();
                let at = file.windows(5).position(|w| w == b"zeros").unwrap();
                let many = (0..1_000_000_u32).map(|n| {
                    let mut file = file.clone();
                    // Five letters each, in order.
                    for (i, letter) in file[at..at + 5].iter_mut().enumerate() {
                        *letter = b'a' + (n / 26_u32.pow(4 - i as u32) % 26) as u8;
                    }
                    file
                });
                f.catalogue.records.splice(entry::DIR..entry::END, many);
            },
            3,
            "catalogue: the head's totals are 1 artifact, 3 files, 1 folder, 1 link, 640000 bytes, found 1 artifact, 2 files",
        ),
        (
            "chunks",
            |f| {
                let chunk = f.index.records[row::FIRST].clone();
                f.index.set(row::FIRST, "stored", 1);
                f.index.records.splice(row::SECOND..row::RECIPE_A, std::iter::repeat_n(chunk, 1_000_000));
            },
            3,
            "index: chunk 0 has 1 coded bytes for 60000 bytes as store",
        ),
        (
            "chunks of a byte",
            |f| {
                let many = (0..1_000_000_u64).map(|offset| {
                    let chunk = [("id", vec![0_u8; 32].into()), ("offset", offset.into()), ("stored", 1.into()), ("length", 1.into()), ("coding", "store".into())];
                    cbor(&map([("chunk", map(chunk))]))
                });
                f.index.records.splice(row::FIRST..row::RECIPE_A, many.collect::<Vec<_>>());
            },
            3,
            "index: more chunks than its head says",
        ),
        (
            "recipes",
            |f| {
                let recipe = f.index.records[row::RECIPE_ZEROS].clone();
                f.index.records.splice(row::END..row::END, std::iter::repeat_n(recipe, 1_000_000));
            },
            3,
            "index: a recipe for file 2, expected one for file 3",
        ),
        (
            "artifacts",
            |f| {
                let artifact = f.catalogue.records[entry::ARTIFACT].clone();
                f.catalogue.records.splice(entry::END..entry::END, std::iter::repeat_n(artifact, 1_000_000));
            },
            3,
            "catalogue: two artifacts are named model:v",
        ),
    ]);
}

#[test]
fn records_without_end_are_refused_at_the_limit() {
    const LIMIT: &str = "is over 1048576 bytes";
    Siege::new().import_refuses(&[
        ("a path of 1 GiB", |f| long_field(&mut f.catalogue, entry::A, b"path", 1 << 30, 8_192), 3, LIMIT),
        ("a path of 2^63 bytes", |f| long_field(&mut f.catalogue, entry::A, b"path", 1 << 63, 65_536), 3, LIMIT),
        (
            "a path that is not there",
            |f| long_field(&mut f.catalogue, entry::A, b"path", 1 << 30, 0),
            3,
            "catalogue: record 4 can't be read",
        ),
        (
            "a field name of 1 GiB",
            |f| long_field(&mut f.catalogue, entry::A, b"file\xa4", 1 << 30, 8_192),
            3,
            "catalogue: record 4 is not of the format",
        ),
        ("a digest of 1 GiB", |f| long_field(&mut f.catalogue, entry::A, b"sha256", 1 << 30, 8_192), 3, LIMIT),
        ("a chunk id of 1 GiB", |f| long_field(&mut f.index, row::SECOND, b"id", 1 << 30, 8_192), 3, LIMIT),
        ("10^9 readers", |f| array_bomb(f, 1_000_000_000), 3, "catalogue: record 1 "),
        ("2^63 readers", |f| array_bomb(f, 1 << 63), 3, "catalogue: record 1 "),
        (
            "a million arrays in each other",
            |f| f.catalogue.records[entry::A] = [b"\xa1\x64file".as_slice(), &[0x81; 1_000_000]].concat(),
            3,
            "catalogue: record 4 ",
        ),
        (
            "a million tags around each other",
            |f| f.catalogue.records[entry::A] = vec![0xc1; 1_000_000],
            3,
            "catalogue: record 4 ",
        ),
    ]);
}

/// Cuts a table off in a record behind `name`, where a text or byte string then says it has `length` bytes, of which
/// `blocks` times 128 KiB follow.
fn long_field(table: &mut Table, record: usize, name: &[u8], length: u64, blocks: usize) {
    const LENGTH_OF_EIGHT_BYTES: u8 = 0x1b;
    table.records.truncate(record + 1);
    let bytes = &mut table.records[record];
    let at = bytes.windows(name.len()).position(|w| w == name).unwrap() + name.len();
    let kind = bytes[at] & 0xe0;
    bytes.truncate(at);
    bytes.push(kind | LENGTH_OF_EIGHT_BYTES);
    bytes.extend_from_slice(&length.to_be_bytes());
    become_frame(table, b'a', blocks);
}

/// A list of readers that says it has `length` items, and goes on with the same one.
fn array_bomb(f: &mut Forge, length: u64) {
    f.catalogue.edit(entry::HEAD, "readers", |readers| {
        let one = readers.as_array().unwrap()[0].clone();
        *readers = Value::Array(vec![one; 8_000]);
    });
    let head = &mut f.catalogue.records[entry::HEAD];
    let at = head.windows(7).position(|w| w == b"readers").unwrap() + 7;
    head.splice(at..at + 3, [[0x9b].as_slice(), &length.to_be_bytes()].concat());
}

#[test]
fn tables_that_decompress_without_end_are_refused() {
    Siege::new().import_refuses(&[
        (
            "8 GiB behind the catalogue's end",
            |f| become_frame(&mut f.catalogue, 0, 65_536),
            3,
            "catalogue: record 9 is not of the format",
        ),
        (
            "8 GiB behind the index's end",
            |f| become_frame(&mut f.index, 0, 65_536),
            3,
            "index: record 9 is not of the format",
        ),
        (
            "8 GiB in a second frame",
            |f| f.catalogue.frames = zstd_bomb(b"", 0x60, 65_536),
            3,
            "catalogue: record 9 is not of the format",
        ),
        (
            "8 GiB instead of records",
            |f| {
                f.catalogue.records.clear();
                become_frame(&mut f.catalogue, 0x80, 65_536)
            },
            3,
            "catalogue: record 1 is not of the format",
        ),
        (
            "a window of 128 MiB",
            |f| f.catalogue.frames = WIDE_WINDOW.to_vec(),
            3,
            "catalogue: record 9 can't be read: Frame requires too much memory",
        ),
        (
            "a window of 128 MiB in the index",
            |f| f.index.frames = WIDE_WINDOW.to_vec(),
            3,
            "index: record 9 can't be read: Frame requires too much memory",
        ),
        (
            "a million empty frames and a record",
            |f| f.catalogue.frames = [zstd_raw(b"").repeat(1_000_000), zstd_raw(&[0])].concat(),
            3,
            "catalogue: record 9 is not of the format",
        ),
        (
            "a skippable frame of 4 GiB that is not there",
            |f| f.catalogue.frames = vec![0x50, 0x2A, 0x4D, 0x18, 255, 255, 255, 255],
            3,
            "catalogue: record 9 can't be read",
        ),
    ]);
}

/// Puts the records and a bomb into one frame.
fn become_frame(table: &mut Table, byte: u8, blocks: usize) {
    let records = std::mem::take(&mut table.records).concat();
    table.frames = zstd_bomb(&records, byte, blocks);
}
