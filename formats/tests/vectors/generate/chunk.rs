//! Vectors of coded chunks: SPEC 5.1 and 5.2. The zstd frames are written by hand: encoders differ between versions.

use super::{Kind, example};
use crate::kinds::sequence;
use gapvault_formats::coding::Coding;
use gapvault_formats::index::{Chunk, Record};

const MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";

pub(super) fn vectors() -> Kind {
    let mut kind = Kind::new("chunk", "bin");
    let zeros = |coded: &[u8]| of(Coding::Zstd, example::ZEROS, coded);
    kind.valid("stored", of(Coding::Store, example::HELLO, example::HELLO));
    kind.valid("zstd_run", zeros(example::ZEROS_CODED));
    // A window of 1 MiB, no size: two runs of 2,048.
    kind.valid("zstd_without_a_size", zeros(&frame(b"\x00\x50\x02\x40\x00\x00\x03\x40\x00\x00")));

    kind.invalid("stored_cut_off", of(Coding::Store, example::HELLO, b"hello"));
    kind.invalid("zstd_empty", zeros(b""));
    kind.invalid("zstd_without_its_magic", zeros(&example::ZEROS_CODED[4..]));
    kind.invalid("zstd_cut_off", zeros(&example::ZEROS_CODED[..10]));
    kind.invalid("zstd_with_a_byte_behind", zeros(&[example::ZEROS_CODED, b"\0"].concat()));
    let half = frame(b"\x60\x00\x07\x03\x40\x00\x00");
    kind.invalid("zstd_of_two_frames", zeros(&half.repeat(2)));
    let skippable = b"\x50\x2a\x4d\x18\x04\0\0\0more".as_slice();
    kind.invalid("zstd_with_a_skippable_frame_behind", zeros(&[example::ZEROS_CODED, skippable].concat()));
    kind.invalid("zstd_shorter_than_its_length", zeros(&frame(b"\x60\xff\x0e\xfb\x7f\x00\x00")));
    kind.invalid("zstd_longer_than_its_length", zeros(&frame(b"\x60\x01\x0f\x0b\x80\x00\x00")));
    kind.invalid("zstd_that_says_another_size", zeros(&frame(b"\x60\x01\x0f\x03\x80\x00\x00")));
    kind.invalid("zstd_that_needs_a_dictionary", zeros(&frame(b"\x61\x07\x00\x0f\x03\x80\x00\x00")));
    kind.invalid("over_4_mib", of(Coding::Zstd, &vec![0; (4 << 20) + 1], example::ZEROS_CODED));
    kind
}

fn frame(rest: &[u8]) -> Vec<u8> {
    [MAGIC, rest].concat()
}

/// The index's row for a chunk, then its coded bytes.
fn of(coding: Coding, plain: &[u8], coded: &[u8]) -> Vec<u8> {
    let row: Chunk = example::chunk(plain, 0, coded.len() as u32, coding);
    [sequence(&[Record::Chunk(row)]), coded.to_vec()].concat()
}
