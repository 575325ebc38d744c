//! Age files are what was written, whole and in order, or they are refused; the age crate reads and writes the same.

use gapvault_formats::agefile::{BLOCK, BlockOpener, BlockSealer, Header, Identity, OpenReader, SealWriter, TAG};
use proptest::prelude::*;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::LazyLock;

/// Lengths at which blocks begin or end.
const EDGES: [usize; 9] =
    [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 1, 3 * BLOCK + 3392];

static IDENTITY: LazyLock<Identity> = LazyLock::new(Identity::generate);

fn plaintext(length: usize) -> Vec<u8> {
    (0..length as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

fn sealed(plain: &[u8]) -> Vec<u8> {
    let mut writer = SealWriter::new(Vec::new(), [&IDENTITY.recipient()]).unwrap();
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

fn reader(file: &[u8]) -> OpenReader<Cursor<&[u8]>> {
    OpenReader::new(Cursor::new(file), &IDENTITY, 1).unwrap()
}

/// What is given out of a file, and whether it ends well.
fn opened(file: &[u8]) -> (Vec<u8>, bool) {
    let mut plain = Vec::new();
    let well = match OpenReader::new(Cursor::new(file), &IDENTITY, 1) {
        Ok(mut reader) => reader.read_to_end(&mut plain).is_ok(),
        Err(_) => false,
    };
    (plain, well)
}

/// A reader that is sent anywhere gives the plaintext from there, or an error.
fn anywhere_is_plain_or_refused(file: &[u8], plain: &[u8]) {
    let Ok(mut reader) = OpenReader::new(Cursor::new(file), &IDENTITY, 1) else { return };
    for at in EDGES.into_iter().rev().chain(EDGES) {
        let mut part = Vec::new();
        if reader.go_to(at as u64).is_ok() {
            let whole = reader.read_to_end(&mut part).is_ok();
            assert!(plain[at..].starts_with(&part) && !(whole && part != plain[at..]), "{at}");
        }
    }
}

/// An altered file gives out whole blocks of what was sealed, from the first on, and then an error.
fn refused_in_order(file: &[u8], plain: &[u8]) {
    let (given, well) = opened(file);
    assert!(!well, "an altered file was read to its end");
    assert!(given.len().is_multiple_of(BLOCK) && plain.starts_with(&given), "altered bytes were given out");
}

fn refused(file: &[u8], plain: &[u8]) {
    refused_in_order(file, plain);
    anywhere_is_plain_or_refused(file, plain);
}

fn payload_offset(file: &[u8]) -> usize {
    BlockOpener::new(file, &IDENTITY, 1).unwrap().payload_offset() as usize
}

#[test]
fn every_length_comes_back() {
    for length in EDGES {
        let plain = plaintext(length);
        let file = sealed(&plain);
        assert!(opened(&file) == (plain, true), "{length}");
        assert_eq!(Header::read(file.as_slice()).unwrap().plaintext_length(file.len() as u64), Some(length as u64));
    }
}

#[test]
fn every_flipped_byte_is_refused() {
    let plain = plaintext(40);
    let file = sealed(&plain);
    for at in 0..file.len() {
        let mut altered = file.clone();
        altered[at] ^= 1 << (at % 8);
        refused(&altered, &plain);
    }
}

#[test]
fn every_cut_is_refused() {
    let plain = plaintext(40);
    let file = sealed(&plain);
    for end in 0..file.len() {
        refused(&file[..end], &plain);
    }
    for length in EDGES {
        let plain = plaintext(length);
        let file = sealed(&plain);
        let begin = payload_offset(&file);
        // At a block's end, which is where a cut shows least, and around it.
        for end in (begin..file.len()).step_by(BLOCK + TAG) {
            for end in [end - 1, end, end + 1, end + TAG].into_iter().filter(|end| *end < file.len()) {
                refused(&file[..end], &plain);
            }
        }
    }
}

#[test]
fn blocks_that_are_swapped_repeated_dropped_or_added_are_refused() {
    for length in [2 * BLOCK, 3 * BLOCK, 4 * BLOCK, 4 * BLOCK + 7] {
        let plain = plaintext(length);
        let file = sealed(&plain);
        let (head, payload) = file.split_at(payload_offset(&file));
        let blocks: Vec<&[u8]> = payload.chunks(BLOCK + TAG).collect();
        let with = |change: &dyn Fn(&mut Vec<&[u8]>)| {
            let mut blocks = blocks.clone();
            change(&mut blocks);
            refused(&[head, &blocks.concat()].concat(), &plain);
        };
        for i in 0..blocks.len() {
            with(&|blocks| {
                blocks.remove(i);
            });
            for j in 0..blocks.len() {
                with(&|blocks| blocks.insert(i, blocks[j]));
                with(&|blocks| blocks.push(blocks[j]));
                if i != j {
                    with(&|blocks| blocks.swap(i, j));
                }
            }
        }
        for more in [1, TAG, TAG + 1, BLOCK, BLOCK + TAG, BLOCK + TAG + 1] {
            refused(&[&file, vec![0; more].as_slice()].concat(), &plain);
        }
    }
}

#[test]
fn a_second_end_is_refused() {
    // The same key seals what an attacker without it could not, so that the order alone is wrong.
    let sealer = BlockSealer::new([&IDENTITY.recipient()]).unwrap();
    let block = |number, last, length| {
        let mut block = plaintext(length);
        let tag = sealer.seal(number, last, &mut block).unwrap();
        [block, tag.to_vec()].concat()
    };
    let plain = [plaintext(BLOCK), plaintext(BLOCK)].concat();
    for blocks in [
        [block(0, true, BLOCK), block(1, true, BLOCK)],
        [block(0, true, BLOCK), block(1, true, 9)],
        [block(0, true, BLOCK), block(1, false, BLOCK)],
        [block(0, false, BLOCK), block(1, false, BLOCK)],
        [block(0, false, BLOCK), block(0, true, 0)],
        [block(0, true, 9), block(1, true, 9)],
        [block(0, true, 0), block(0, true, 0)],
    ] {
        refused_in_order(&[sealer.head(), &blocks.concat()].concat(), &plain);
    }
}

#[test]
fn no_offset_makes_a_reader_panic() {
    for length in EDGES {
        let file = sealed(&plaintext(length));
        let mut reader = reader(&file);
        let blocks = u64::MAX / (BLOCK + TAG) as u64;
        for offset in [
            length as u64 + 1,
            length.next_multiple_of(BLOCK) as u64 + BLOCK as u64,
            blocks * BLOCK as u64 - 1,
            blocks * BLOCK as u64,
            (blocks + 1) * BLOCK as u64,
            i64::MAX as u64,
            u64::MAX - BLOCK as u64,
            u64::MAX,
        ] {
            assert!(reader.go_to(offset).is_err(), "{offset} of {length}");
            assert!(reader.read(&mut [0; 8]).is_err(), "after an error only another place can be read");
        }
        reader.go_to(length as u64).unwrap();
        assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
        let mut plain = Vec::new();
        reader.go_to(0).unwrap();
        reader.read_to_end(&mut plain).unwrap();
        assert!(plain == plaintext(length), "{length}");
    }
}

#[test]
fn a_file_may_begin_anywhere_in_the_input() {
    let plain = plaintext(2 * BLOCK + 9);
    let input = [b"before".as_slice(), &sealed(&plain)].concat();
    let mut cursor = Cursor::new(input.as_slice());
    cursor.set_position(6);
    let mut reader = OpenReader::new(cursor, &IDENTITY, 1).unwrap();
    let mut back = Vec::new();
    reader.go_to(BLOCK as u64 + 1).unwrap();
    reader.read_to_end(&mut back).unwrap();
    assert!(back == plain[BLOCK + 1..]);
}

/// A medium can answer two readings differently, so what a reader uses must be what was hashed on its way.
#[test]
fn a_file_is_read_once_from_its_first_byte_to_its_last() {
    struct Once<'a>(&'a [u8], usize);
    impl Read for Once<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            let n = (&self.0[self.1..]).read(buf)?;
            self.1 += n;
            Ok(n)
        }
    }
    impl Seek for Once<'_> {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            assert_eq!(to, SeekFrom::Current(0), "it goes elsewhere");
            Ok(self.1 as u64)
        }
    }
    for length in EDGES {
        let plain = plaintext(length);
        let file = sealed(&plain);
        for buffer in [1, 100, 8 << 10, BLOCK + TAG, 128 << 10] {
            let input = BufReader::with_capacity(buffer, Once(&file, 0));
            let mut reader = OpenReader::new(input, &IDENTITY, 1).unwrap();
            let mut back = Vec::new();
            reader.read_to_end(&mut back).unwrap();
            assert!(back == plain, "{length}");
        }
    }
}

#[test]
fn a_writer_that_failed_seals_no_block_twice() {
    struct Full(Vec<u8>);
    impl Write for Full {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            self.0.extend_from_slice(buf);
            if self.0.len() > BLOCK { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(buf.len()) }
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    // The medium takes what it then says it did not; sealed over again under the same number it would be plaintext.
    let mut seen = Full(Vec::new());
    let mut writer = SealWriter::new(&mut seen, [&IDENTITY.recipient()]).unwrap();
    let plain = plaintext(BLOCK);
    for _ in 0..3 {
        let _ = writer.write_all(&plain);
    }
    drop(writer.finish());
    let begin = payload_offset(&seen.0);
    let blocks: Vec<&[u8]> = seen.0[begin..].chunks(BLOCK + TAG).collect();
    assert!(blocks.len() > 1);
    for (i, block) in blocks.iter().enumerate() {
        assert!(!plain.starts_with(&block[..64.min(block.len())]), "block {i} is plaintext");
        assert!(!blocks[..i].contains(block), "block {i} was sealed before");
    }
}

#[test]
fn the_age_crate_opens_what_is_sealed_here() {
    for length in EDGES {
        let plain = plaintext(length);
        let identity: age::x25519::Identity = IDENTITY.expose_secret().parse().unwrap();
        let file = sealed(&plain);
        let decryptor = age::Decryptor::new_buffered(file.as_slice()).unwrap();
        let mut back = Vec::new();
        let mut reader = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).unwrap();
        reader.read_to_end(&mut back).unwrap();
        assert!(back == plain, "{length}");
    }
}

#[test]
fn what_the_age_crate_seals_opens_here() {
    for length in EDGES {
        let plain = plaintext(length);
        let recipient: age::x25519::Recipient = IDENTITY.recipient().to_string().parse().unwrap();
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).unwrap();
        let mut writer = encryptor.wrap_output(Vec::new()).unwrap();
        writer.write_all(&plain).unwrap();
        let file = writer.finish().unwrap();
        assert!(opened(&file) == (plain, true), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_sizes_of_writes_and_reads_change_nothing(
        writes in prop::collection::vec(prop_oneof![0..300usize, BLOCK - 2..BLOCK + 3, 0..3 * BLOCK], 0..8),
        reads in prop::collection::vec(prop_oneof![1..300usize, BLOCK - 2..BLOCK + 3], 1..8),
    ) {
        let plain = plaintext(writes.iter().sum());
        let mut writer = SealWriter::new(Vec::new(), [&IDENTITY.recipient()]).unwrap();
        let mut rest = plain.as_slice();
        for size in writes {
            let (part, after) = rest.split_at(size);
            writer.write_all(part).unwrap();
            rest = after;
        }
        let file = writer.finish().unwrap();
        let mut reader = reader(&file);
        let (mut back, mut buf) = (Vec::new(), vec![0; 2 * BLOCK]);
        for size in reads.into_iter().cycle() {
            match reader.read(&mut buf[..size]).unwrap() {
                0 => break,
                n => back.extend_from_slice(&buf[..n]),
            }
        }
        prop_assert!(back == plain);
    }

    #[test]
    fn blocks_sealed_in_any_order_make_the_same_file(
        length in prop_oneof![0..4usize, 0..6 * BLOCK],
        order in any::<u64>(),
    ) {
        let plain = plaintext(length);
        let sealer = BlockSealer::new([&IDENTITY.recipient()]).unwrap();
        let count = length.div_ceil(BLOCK).max(1);
        let mut blocks: Vec<_> = plain.chunks(BLOCK).map(<[u8]>::to_vec).collect();
        blocks.resize(count, Vec::new());
        let mut numbers: Vec<_> = (0..count).collect();
        numbers.sort_by_key(|n| (*n as u64 + 1).wrapping_mul(order | 1));
        for number in &numbers {
            let tag = sealer.seal(*number as u64, number + 1 == count, &mut blocks[*number]).unwrap();
            blocks[*number].extend(tag);
        }
        let file = [sealer.head().to_vec(), blocks.concat()].concat();
        prop_assert!(opened(&file) == (plain.clone(), true));

        let opener = BlockOpener::new(file.as_slice(), &IDENTITY, 1).unwrap();
        prop_assert_eq!(opener.payload_offset(), sealer.head().len() as u64);
        for number in numbers.into_iter().rev() {
            let opened = opener.open(number as u64, number + 1 == count, &mut blocks[number]).unwrap();
            prop_assert!(opened == &plain[number * BLOCK..plain.len().min((number + 1) * BLOCK)]);
        }
    }

    #[test]
    fn a_flip_or_a_cut_anywhere_is_refused(length in 0..4 * BLOCK, at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let plain = plaintext(length);
        let file = sealed(&plain);
        let at = at.index(file.len());
        refused(&file[..at], &plain);
        let mut altered = file;
        altered[at] ^= 1 << bit;
        refused(&altered, &plain);
    }

    #[test]
    fn going_anywhere_gives_the_plain_bytes(
        length in prop_oneof![0..4usize, 0..4 * BLOCK, Just(2 * BLOCK)],
        jumps in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![Just(0), 0..2 * BLOCK]), 1..12),
    ) {
        let plain = plaintext(length);
        let file = sealed(&plain);
        let mut reader = reader(&file);
        for (to, size) in jumps {
            let to = to.index(length + 1);
            reader.go_to(to as u64).unwrap();
            let mut part = Vec::new();
            (&mut reader).take(size as u64).read_to_end(&mut part).unwrap();
            prop_assert!(part == plain[to..length.min(to + size)]);
        }
    }
}
