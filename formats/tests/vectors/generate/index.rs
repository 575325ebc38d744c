//! Vectors of the index's records: SPEC 7.

use super::{Kind, example, replaced, with, without};
use crate::kinds::sequence;
use gapvault_formats::coding::Coding;
use gapvault_formats::index::{Chunk, End, Head, Record};

pub(super) fn vectors() -> Kind {
    let mut kind = Kind::new("index", "cbor");
    kind.valid("two_chunks", sequence(&example::index()));
    kind.valid("no_files", of(&[], &[]));
    kind.valid("an_empty_file", of(&[], &[recipe(0, &[], false)]));
    kind.valid(
        "a_chunk_that_two_files_share",
        of(&table(), &[recipe(0, &[(0, 2)], false), recipe(1, &[(1, 1)], false)]),
    );
    kind.valid("a_recipe_in_two_records", of(&table(), &[recipe(0, &[(0, 1)], true), recipe(0, &[(1, 1)], false)]));
    kind.valid("a_chunk_that_no_file_has", of(&table(), &[recipe(0, &[(0, 1)], false)]));
    sequences(&mut kind);
    heads(&mut kind);
    chunks(&mut kind);
    recipes(&mut kind);
    kind
}

/// The chunk table of the example: 6 bytes stored, 4,096 in 11.
fn table() -> Vec<Chunk> {
    let chunks = example::index().into_iter().filter_map(|record| match record {
        Record::Chunk(chunk) => Some(chunk),
        Record::Head(_) | Record::Recipe(_) | Record::End(_) => None,
    });
    chunks.collect()
}

fn recipe(file: u64, runs: &[(u64, u64)], more: bool) -> Record {
    Record::Recipe(example::recipe(file, runs, more))
}

/// The bytes of an index of these chunks and recipes, with the head and end that they come to.
fn of(chunks: &[Chunk], recipes: &[Record]) -> Vec<u8> {
    let named = recipes.iter().map(|record| if let Record::Recipe(recipe) = record { recipe.file + 1 } else { 0 });
    let files = named.max().unwrap_or(0);
    let stream = chunks.iter().map(|chunk| u64::from(chunk.stored)).sum();
    let count = chunks.len() as u64;
    let head = Record::Head(Head { stream, chunks: count, files, ..head() });
    let rows = chunks.iter().cloned().map(Record::Chunk).collect();
    sequence(&[vec![head], rows, recipes.to_vec(), vec![Record::End(End { chunks: count, files })]].concat())
}

fn head() -> Head {
    match example::index().swap_remove(0) {
        Record::Head(head) => head,
        other => panic!("an index begins with {other:?}"),
    }
}

fn sequences(kind: &mut Kind) {
    let good = example::index();
    let last = good.len() - 1;
    kind.invalid("empty", "");
    kind.invalid("head_missing", without(&good, 0));
    kind.invalid("second_head", with(&good, 1, good[0].clone()));
    kind.invalid("first_chunk_missing", without(&good, 1));
    kind.invalid("last_chunk_missing", without(&good, 2));
    kind.invalid("chunk_too_many", with(&good, 3, good[2].clone()));
    kind.invalid("recipe_before_the_last_chunk", {
        let mut records = good.clone();
        records.swap(2, 3);
        sequence(&records)
    });
    kind.invalid("first_recipe_missing", without(&good, 3));
    kind.invalid("last_recipe_missing", without(&good, 4));
    kind.invalid("recipe_twice", with(&good, 4, good[3].clone()));
    kind.invalid("recipe_too_many", with(&good, last, recipe(2, &[(0, 1)], false)));
    kind.invalid("part_of_a_recipe_too_many", with(&good, last, recipe(2, &[(0, 1)], true)));
    kind.invalid("end_missing", without(&good, last));
    kind.invalid("end_with_other_chunks", replaced(&good, last, Record::End(End { chunks: 3, files: 2 })));
    kind.invalid("end_with_other_files", replaced(&good, last, Record::End(End { chunks: 2, files: 1 })));
    kind.invalid("record_after_the_end", with(&good, last + 1, good[last].clone()));
}

fn heads(kind: &mut Kind) {
    for (claim, head) in [
        ("format_2", Head { format: 2, ..head() }),
        ("2_to_the_31_and_1_chunks", Head { chunks: (1 << 31) + 1, ..head() }),
        ("20000001_files", Head { files: 20_000_001, ..head() }),
        ("stream_longer_than_its_chunks", Head { stream: 18, ..head() }),
        ("stream_shorter_than_its_chunks", Head { stream: 16, ..head() }),
        ("fewer_files_than_the_head_says", Head { files: 3, ..head() }),
    ] {
        kind.invalid(claim, replaced(&example::index(), 0, Record::Head(head)));
    }
    kind.invalid("stream_without_chunks", {
        let head = Head { stream: 1, chunks: 0, files: 0, ..head() };
        sequence(&[Record::Head(head), Record::End(End { chunks: 0, files: 0 })])
    });
}

fn chunks(kind: &mut Kind) {
    let first = || table().swap_remove(0);
    let second = || table().swap_remove(1);
    let store = |stored, length| Chunk { stored, length, ..first() };
    let zstd = |stored, length| Chunk { stored, length, coding: Coding::Zstd, ..first() };
    let recipes = [recipe(0, &[(0, 1)], false)];
    for (claim, chunks) in [
        ("chunk_not_at_the_beginning", vec![Chunk { offset: 1, ..first() }]),
        ("chunk_overlaps", vec![first(), Chunk { offset: 5, ..second() }]),
        ("chunk_leaves_a_gap", vec![first(), Chunk { offset: 7, ..second() }]),
        ("chunk_of_0_bytes", vec![store(0, 0)]),
        ("stored_chunk_shorter_than_its_length", vec![store(5, 6)]),
        ("stored_chunk_longer_than_its_length", vec![store(7, 6)]),
        ("zstd_chunk_that_saves_nothing", vec![zstd(6, 6)]),
        ("zstd_chunk_without_coded_bytes", vec![zstd(0, 6)]),
        ("stored_chunk_over_4_mib", vec![store(4_194_305, 4_194_305)]),
        ("zstd_chunk_over_4_mib", vec![zstd(6, 4_194_305)]),
    ] {
        kind.invalid(claim, of(&chunks, &recipes));
    }
    let good = sequence(&example::index());
    let at = good.windows(4).position(|window| window == b"zstd").unwrap();
    kind.invalid("coding_that_is_unknown", [&good[..at - 1], b"\x66brotli", &good[at + 4..]].concat());
}

fn recipes(kind: &mut Kind) {
    let many = vec![(0, 1); 4097];
    for (claim, recipes) in [
        ("run_of_0_chunks", vec![recipe(0, &[(0, 0)], false)]),
        ("run_that_begins_behind_the_table", vec![recipe(0, &[(2, 1)], false)]),
        ("run_that_ends_behind_the_table", vec![recipe(0, &[(1, 2)], false)]),
        ("run_over_2_to_the_64", vec![recipe(0, &[(1, u64::MAX)], false)]),
        ("4097_runs_in_a_record", vec![recipe(0, &many, false)]),
        ("part_of_a_recipe_without_runs", vec![recipe(0, &[], true), recipe(0, &[(0, 1)], false)]),
        ("last_part_of_a_recipe_without_runs", vec![recipe(0, &[(0, 1)], true), recipe(0, &[], false)]),
        ("recipe_for_a_later_file", vec![recipe(1, &[(0, 1)], false)]),
        ("recipe_that_breaks_off", vec![recipe(0, &[(0, 1)], false), recipe(1, &[(0, 1)], true)]),
        ("parts_of_two_files_mixed", vec![recipe(0, &[(0, 1)], true), recipe(1, &[(0, 1)], false)]),
    ] {
        kind.invalid(claim, of(&table(), &recipes));
    }
}
