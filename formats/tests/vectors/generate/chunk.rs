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
    planes(&mut kind);
    kind
}

/// Thirty elements of two bytes: low bytes 1, 2, 3 and again, high bytes all 0x81; rotated left, 3, 5, 7 and all 2.
fn planes(kind: &mut Kind) {
    let pairs = b"\x01\x81\x02\x81\x03\x81".repeat(10);
    let low = b"\x01\x02\x03".repeat(10);
    let coded = |header: &[u8], first: (u8, &[u8]), second: (u8, &[u8]), edges: &[u8]| {
        let descriptor = |(kind, bytes): (u8, &[u8])| [&[kind][..], &(bytes.len() as u32).to_le_bytes()].concat();
        [header, &descriptor(first), &descriptor(second), edges, first.1, second.1].concat()
    };
    let (store, constant, zstd) = (0, 1, 2);
    let good = coded(b"\x02\0\0", (store, &low), (constant, b"\x81"), b"");
    let pairs_of = |coded: &[u8]| of(Coding::Planes, &pairs, coded);
    // A run of thirty.
    let high_frame = frame(b"\x20\x1e\xf3\0\0\x81");
    let odd = [b"\x07".as_slice(), &pairs, b"\x08"].concat();
    kind.valid("planes_stored_and_constant", pairs_of(&good));
    kind.valid("planes_of_zstd", pairs_of(&coded(b"\x02\0\0", (store, &low), (zstd, &high_frame), b"")));
    let turned = coded(b"\x02\0\x01", (store, &b"\x03\x05\x07".repeat(10)), (constant, b"\x02"), b"");
    kind.valid("planes_rotated", pairs_of(&turned));
    let edged = coded(b"\x02\x01\0", (store, &low), (constant, b"\x81"), b"\x07\x08");
    kind.valid("planes_at_an_odd_offset", of(Coding::Planes, &odd, &edged));
    blocks(kind);

    for (claim, coded) in [
        ("planes_of_no_width", coded(b"\0\0\0", (store, &low), (constant, b"\x81"), b"")),
        ("planes_over_64", [b"\x41\0\0".as_slice(), &good[3..]].concat()),
        ("planes_with_a_phase_of_the_width", coded(b"\x02\x02\0", (store, &low), (constant, b"\x81"), b"")),
        ("planes_rotated_twice", coded(b"\x02\0\x02", (store, &low), (constant, b"\x81"), b"")),
        ("planes_of_three_rotated", [b"\x03\0\x01".as_slice(), &good[3..]].concat()),
        ("planes_of_an_unknown_kind", coded(b"\x02\0\0", (store, &low), (3, b"\x81"), b"")),
        ("planes_stored_too_short", coded(b"\x02\0\0", (store, &low[1..]), (constant, b"\x81"), b"")),
        ("planes_with_two_constants", coded(b"\x02\0\0", (store, &low), (constant, b"\x81\x81"), b"")),
        ("planes_of_two_frames", coded(b"\x02\0\0", (store, &low), (zstd, &high_frame.repeat(2)), b"")),
        ("planes_of_a_frame_cut_off", coded(b"\x02\0\0", (store, &low), (zstd, &high_frame[..8]), b"")),
        ("planes_cut_off", good[..good.len() - 1].to_vec()),
        ("planes_with_a_byte_behind", [good.as_slice(), b"\0"].concat()),
    ] {
        kind.invalid(claim, pairs_of(&coded));
    }
    let wide = [b"\x14\0\0".as_slice(), &[0; 100]].concat();
    kind.invalid("planes_without_an_element", pairs_of(&wide));
}

/// Blocks as quantised weights have them, at offset 5, with 3 bytes behind: 18 or 34 bytes, of which the second is always
/// 0x2c, a constant, the first always 0x81, a run in a frame, and the rest are stored.
fn blocks(kind: &mut Kind) {
    const COUNT: usize = 30;
    let header = |width: u8| [width, 5, 0];
    for (claim, width) in [("planes_of_blocks_of_18", 18u8), ("planes_of_blocks_of_34", 34)] {
        let byte = |block: usize, place: usize| match place {
            0 => 0x81,
            1 => 0x2c,
            _ => (block * 7 + place * 13) as u8,
        };
        let places = 0..usize::from(width);
        let body: Vec<u8> = (0..COUNT).flat_map(|block| places.clone().map(move |place| byte(block, place))).collect();
        let plane = |place| match place {
            0 => (2, frame(b"\x20\x1e\xf3\0\0\x81")),
            1 => (1, vec![0x2c]),
            _ => (0, (0..COUNT).map(|block| byte(block, place)).collect()),
        };
        let planes: Vec<(u8, Vec<u8>)> = places.clone().map(plane).collect();
        let descriptors =
            planes.iter().flat_map(|(kind, bytes)| [&[*kind][..], &(bytes.len() as u32).to_le_bytes()].concat());
        let descriptors: Vec<u8> = descriptors.collect();
        let planes = planes.iter().map(|(_, bytes)| bytes.as_slice()).collect::<Vec<_>>().concat();
        let coded = [&header(width), descriptors.as_slice(), b"headsfew", planes.as_slice()].concat();
        kind.valid(claim, of(Coding::Planes, &[b"heads", body.as_slice(), b"few"].concat(), &coded));
    }
}

fn frame(rest: &[u8]) -> Vec<u8> {
    [MAGIC, rest].concat()
}

/// The index's row for a chunk, then its coded bytes.
fn of(coding: Coding, plain: &[u8], coded: &[u8]) -> Vec<u8> {
    let row: Chunk = example::chunk(plain, 0, coded.len() as u32, coding);
    [sequence(&[Record::Chunk(row)]), coded.to_vec()].concat()
}
