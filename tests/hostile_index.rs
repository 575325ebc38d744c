//! Indexes that no gapvault writes: chunk tables and recipes that don't fit the stream, the files or each other.

use crate::support::hostile::{Forge, row::*};
use crate::support::siege::Siege;
use crate::support::table::map;
use ciborium::Value;

#[test]
fn chunk_tables_that_do_not_cover_the_stream_are_refused() {
    Siege::new().import_refuses(&[
        (
            "begins late",
            |f| f.index.set(FIRST, "offset", 1),
            3,
            "index: chunk 0 is at offset 1 of the stream, expected 0",
        ),
        (
            "overlaps",
            |f| f.index.set(SECOND, "offset", 59_999),
            3,
            "chunk 1 is at offset 59999 of the stream, expected 60000",
        ),
        (
            "leaves a gap",
            |f| f.index.set(SECOND, "offset", 60_001),
            3,
            "chunk 1 is at offset 60001 of the stream, expected 60000",
        ),
        (
            "far outside",
            |f| f.index.set(SECOND, "offset", u64::MAX),
            3,
            "chunk 1 is at offset 18446744073709551615 of the stream",
        ),
        (
            "ends outside",
            |f| f.index.set(THIRD, "stored", 400_000),
            3,
            "index: chunk 2 ends at 500000 of the stream, which has 1000",
        ),
        (
            "a chunk is missing",
            |f| drop(f.index.records.remove(THIRD)),
            3,
            "index: a recipe before the chunk table is complete",
        ),
        (
            "a chunk less than the head says",
            |f| f.index.set(HEAD, "chunks", 4),
            3,
            "index: a recipe before the chunk table is complete",
        ),
        (
            "a chunk more than the head says",
            |f| f.index.set(HEAD, "chunks", 2),
            3,
            "index: more chunks than its head says",
        ),
        (
            "a byte less than the head says",
            |f| f.index.edit(HEAD, "stream", |n| plus(n, 1)),
            3,
            "index: a recipe before the chunk table is complete",
        ),
        (
            "another stream than the seal's",
            |f| f.index.set(HEAD, "stream", 200_000),
            3,
            "index.age: its padded stream is 200704, by the seal it is 100352",
        ),
        (
            "2^64 - 1 bytes of stream",
            |f| f.index.set(HEAD, "stream", u64::MAX),
            3,
            "index.age: its padded stream is 18446744073709551615",
        ),
        (
            "a chunk after a recipe",
            |f| f.index.records.swap(THIRD, RECIPE_A),
            3,
            "index: a recipe before the chunk table is complete",
        ),
    ]);
}

/// Adds to a number.
fn plus(number: &mut Value, more: i128) {
    let sum = i128::from(number.as_integer().unwrap()) + more;
    *number = Value::from(u64::try_from(sum).unwrap());
}

#[test]
fn lengths_that_the_coding_cannot_have_are_refused() {
    Siege::new().import_refuses(&[
        (
            "stored in fewer",
            |f| f.index.set(FIRST, "stored", 59_999),
            3,
            "chunk 0 has 59999 coded bytes for 60000 bytes as store",
        ),
        (
            "stored in more",
            |f| f.index.set(FIRST, "length", 59_999),
            3,
            "chunk 0 has 60000 coded bytes for 59999 bytes as store",
        ),
        (
            "zstd that saves nothing",
            |f| f.index.set(SECOND, "coding", "zstd"),
            3,
            "chunk 1 has 40000 coded bytes for 40000 bytes as zstd",
        ),
        ("zstd called stored", |f| f.index.set(THIRD, "coding", "store"), 3, "bytes for 500000 bytes as store"),
        ("over 4 MiB", |f| f.index.set(THIRD, "length", 4_194_305), 3, "bytes for 4194305 bytes as zstd"),
        ("2^32 bytes", |f| f.index.set(THIRD, "length", 1_u64 << 32), 3, "record 4 is not of the format"),
        (
            "no coded bytes",
            |f| f.index.set(THIRD, "stored", 0),
            3,
            "chunk 2 has 0 coded bytes for 500000 bytes as zstd",
        ),
        (
            "an empty chunk",
            |f| {
                f.index.set(FIRST, "stored", 0);
                f.index.set(FIRST, "length", 0);
            },
            3,
            "chunk 0 has 0 coded bytes for 0 bytes as store",
        ),
        ("a coding that is none", |f| f.index.set(FIRST, "coding", "brotli"), 3, "unknown variant `brotli`"),
    ]);
}

#[test]
fn recipes_that_do_not_make_the_files_are_refused() {
    Siege::new().import_refuses(&[
        (
            "behind the table",
            |f| f.index.set(RECIPE_B, "runs.0.first", 3),
            3,
            "the recipe of file 1 names chunks 3+1, the table has 3",
        ),
        (
            "over the table's end",
            |f| f.index.set(RECIPE_B, "runs.0.count", 3),
            3,
            "the recipe of file 1 names chunks 1+3, the table has 3",
        ),
        (
            "around the number's end",
            |f| f.index.set(RECIPE_B, "runs.0.first", u64::MAX),
            3,
            "names chunks 18446744073709551615+1",
        ),
        (
            "no chunks in a run",
            |f| f.index.set(RECIPE_B, "runs.0.count", 0),
            3,
            "the recipe of file 1 names chunks 1+0",
        ),
        (
            "no runs",
            |f| f.index.set(RECIPE_B, "runs", Value::Array(vec![])),
            3,
            "index.age: its length of a recipe is 0, by the catalogue it is 40000",
        ),
        (
            "a chunk less",
            |f| f.index.set(RECIPE_A, "runs.0.count", 1),
            3,
            "index.age: its length of a recipe is 60000, by the catalogue it is 100000",
        ),
        (
            "a chunk more",
            |f| f.index.set(RECIPE_A, "runs.0.count", 3),
            3,
            "index.age: its length of a recipe is 600000, by the catalogue it is 100000",
        ),
        ("without end", |f| f.index.set(RECIPE_ZEROS, "more", true), 3, "index: its end does not fit what came before"),
        (
            "one chunk again and again",
            |f| f.index.set(RECIPE_ZEROS, "runs", Value::Array(vec![run(2, 1); 4096])),
            3,
            "index.age: its length of a recipe is 1000000, by the catalogue it is 500000",
        ),
        (
            "4,097 runs",
            |f| f.index.set(RECIPE_ZEROS, "runs", Value::Array(vec![run(2, 1); 4097])),
            3,
            "index: a recipe with too many runs",
        ),
        (
            "for another file",
            |f| f.index.set(RECIPE_B, "file", 2),
            3,
            "index: a recipe for file 2, expected one for file 1",
        ),
        (
            "twice",
            |f| f.index.records.insert(RECIPE_B, f.index.records[RECIPE_A].clone()),
            3,
            "index: a recipe for file 0, expected one for file 1",
        ),
        ("missing", |f| drop(f.index.records.remove(RECIPE_ZEROS)), 3, "index: its end does not fit what came before"),
        ("one too many", |f| one_more_recipe(f), 3, "index: more recipes than its head says"),
        (
            "a file more than the catalogue",
            |f| f.index.set(HEAD, "files", 4),
            3,
            "index.age: its number of files is 4, by the catalogue it is 3",
        ),
        (
            "a file less than the catalogue",
            |f| f.index.set(HEAD, "files", 2),
            3,
            "index.age: its number of files is 2, by the catalogue it is 3",
        ),
    ]);
}

fn run(first: u64, count: u64) -> Value {
    map([("first", first.into()), ("count", count.into())])
}

fn one_more_recipe(f: &mut Forge) {
    f.index.records.insert(END, f.index.records[RECIPE_ZEROS].clone());
    f.index.set(END, "file", 3);
}

#[test]
fn indexes_in_another_form_are_refused() {
    Siege::new().import_refuses(&[
        ("a field more in the head", |f| f.index.add(HEAD, "", "also"), 3, "unknown field `also`"),
        (
            "a field more in a chunk",
            |f| f.index.add(SECOND, "", "also"),
            3,
            "record 3 is not of the format: unknown field `also`",
        ),
        (
            "a field more in a run",
            |f| f.index.add(RECIPE_A, "runs.0", "also"),
            3,
            "record 5 is not of the format: unknown field `also`",
        ),
        (
            "fields in another order",
            |f| f.index.edit(FIRST, "", |chunk| chunk.as_map_mut().unwrap().reverse()),
            3,
            "record 2 is not in its canonical encoding",
        ),
        (
            "a record of the catalogue",
            |f| f.index.records[FIRST] = f.catalogue.records[3].clone(),
            3,
            "record 2 is not of the format: unknown variant `file`",
        ),
        ("another format", |f| f.index.set(HEAD, "format", 2), 3, "index: format 2, this program reads 1"),
        ("nothing", |f| f.index.records.clear(), 3, "index: does not begin with a head"),
        ("two heads", |f| f.index.records.insert(1, f.index.records[HEAD].clone()), 3, "index: a second head"),
        ("no end", |f| drop(f.index.records.pop()), 3, "index: breaks off without its end record"),
        ("another end", |f| f.index.set(END, "chunks", 2), 3, "index: its end does not fit what came before"),
        (
            "a chunk after the end",
            |f| f.index.records.push(f.index.records[THIRD].clone()),
            3,
            "index: goes on after its end record",
        ),
        (
            "noise behind the frame",
            |f| f.index.frames = vec![0; 100],
            3,
            "record 9 can't be read: Unknown frame descriptor",
        ),
    ]);
}
