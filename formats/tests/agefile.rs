//! Age files are what was written, whole and in order, or they are refused; the age crate reads and writes the same.

use gapvault_formats::agefile::{
    BLOCK, BlockOpener, BlockSealer, Header, Identity, OpenReader, SealWriter, Suite, TAG,
};
use proptest::prelude::*;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::LazyLock;

/// Lengths at which blocks begin or end.
const EDGES: [usize; 9] =
    [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 1, 3 * BLOCK + 3392];

/// One of each suite.
static IDENTITIES: LazyLock<[Identity; 2]> = LazyLock::new(|| Suite::ALL.map(Identity::generate_for));

fn plaintext(length: usize) -> Vec<u8> {
    (0..length as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

fn sealed(identity: &Identity, plain: &[u8]) -> Vec<u8> {
    let mut writer = SealWriter::new(Vec::new(), [&identity.recipient()]).unwrap();
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

fn reader<'a>(identity: &Identity, file: &'a [u8]) -> OpenReader<Cursor<&'a [u8]>> {
    OpenReader::new(Cursor::new(file), identity, 1).unwrap()
}

/// What is given out of a file, and whether it ends well.
fn opened(identity: &Identity, file: &[u8]) -> (Vec<u8>, bool) {
    let mut plain = Vec::new();
    let well = match OpenReader::new(Cursor::new(file), identity, 1) {
        Ok(mut reader) => reader.read_to_end(&mut plain).is_ok(),
        Err(_) => false,
    };
    (plain, well)
}

/// A block that opens, in any order, is the one that was sealed under its number.
fn every_block_is_plain_or_refused(identity: &Identity, file: &[u8], plain: &[u8]) {
    let Ok(opener) = BlockOpener::new(file, identity, 1) else { return };
    let blocks: Vec<_> = file[opener.payload_offset() as usize..].chunks(BLOCK + TAG).zip(0..).collect();
    for (block, number) in blocks.iter().rev() {
        let last = number + 1 == blocks.len() as u64;
        if let Ok(opened) = opener.open(*number, last, &mut block.to_vec()) {
            assert!(plain[*number as usize * BLOCK..].starts_with(opened), "{number}");
        }
    }
}

/// An altered file gives out whole blocks of what was sealed, from the first on, and then an error.
fn refused_in_order(identity: &Identity, file: &[u8], plain: &[u8]) {
    let (given, well) = opened(identity, file);
    assert!(!well, "an altered file was read to its end");
    assert!(given.len().is_multiple_of(BLOCK) && plain.starts_with(&given), "altered bytes were given out");
}

fn refused(identity: &Identity, file: &[u8], plain: &[u8]) {
    refused_in_order(identity, file, plain);
    every_block_is_plain_or_refused(identity, file, plain);
}

fn payload_offset(identity: &Identity, file: &[u8]) -> usize {
    BlockOpener::new(file, identity, 1).unwrap().payload_offset() as usize
}

#[test]
fn every_length_comes_back() {
    for identity in &*IDENTITIES {
        for length in EDGES {
            let plain = plaintext(length);
            let file = sealed(identity, &plain);
            assert!(opened(identity, &file) == (plain, true), "{length}");
            assert_eq!(Header::read(file.as_slice()).unwrap().plaintext_length(file.len() as u64), Some(length as u64));
        }
    }
}

#[test]
fn every_flipped_byte_is_refused() {
    for identity in &*IDENTITIES {
        let plain = plaintext(40);
        let file = sealed(identity, &plain);
        for at in 0..file.len() {
            let mut altered = file.clone();
            altered[at] ^= 1 << (at % 8);
            refused(identity, &altered, &plain);
        }
    }
}

#[test]
fn every_cut_is_refused() {
    for identity in &*IDENTITIES {
        let plain = plaintext(40);
        let file = sealed(identity, &plain);
        for end in 0..file.len() {
            refused(identity, &file[..end], &plain);
        }
        for length in EDGES {
            let plain = plaintext(length);
            let file = sealed(identity, &plain);
            let begin = payload_offset(identity, &file);
            // At a block's end, which is where a cut shows least, and around it.
            for end in (begin..file.len()).step_by(BLOCK + TAG) {
                for end in [end - 1, end, end + 1, end + TAG].into_iter().filter(|end| *end < file.len()) {
                    refused(identity, &file[..end], &plain);
                }
            }
        }
    }
}

#[test]
fn blocks_that_are_swapped_repeated_dropped_or_added_are_refused() {
    for identity in &*IDENTITIES {
        for length in [2 * BLOCK, 3 * BLOCK, 4 * BLOCK, 4 * BLOCK + 7] {
            let plain = plaintext(length);
            let file = sealed(identity, &plain);
            let (head, payload) = file.split_at(payload_offset(identity, &file));
            let blocks: Vec<&[u8]> = payload.chunks(BLOCK + TAG).collect();
            let with = |change: &dyn Fn(&mut Vec<&[u8]>)| {
                let mut blocks = blocks.clone();
                change(&mut blocks);
                refused(identity, &[head, &blocks.concat()].concat(), &plain);
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
                refused(identity, &[&file, vec![0; more].as_slice()].concat(), &plain);
            }
        }
    }
}

#[test]
fn a_second_end_is_refused() {
    for identity in &*IDENTITIES {
        // The same key seals what an attacker without it could not, so that the order alone is wrong.
        let sealer = BlockSealer::new([&identity.recipient()]).unwrap();
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
            refused_in_order(identity, &[sealer.head(), &blocks.concat()].concat(), &plain);
        }
    }
}

/// A medium can answer two readings differently, so what a reader uses must be what was hashed on its way.
#[test]
fn a_file_is_read_once_from_its_first_byte_to_its_last() {
    for identity in &*IDENTITIES {
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
            let file = sealed(identity, &plain);
            for buffer in [1, 100, 8 << 10, BLOCK + TAG, 128 << 10] {
                let input = BufReader::with_capacity(buffer, Once(&file, 0));
                let mut reader = OpenReader::new(input, identity, 1).unwrap();
                let mut back = Vec::new();
                reader.read_to_end(&mut back).unwrap();
                assert!(back == plain, "{length}");
            }
        }
    }
}

#[test]
fn a_writer_that_failed_seals_no_block_twice() {
    for identity in &*IDENTITIES {
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
        let mut writer = SealWriter::new(&mut seen, [&identity.recipient()]).unwrap();
        let plain = plaintext(BLOCK);
        for _ in 0..3 {
            let _ = writer.write_all(&plain);
        }
        drop(writer.finish());
        let begin = payload_offset(identity, &seen.0);
        let blocks: Vec<&[u8]> = seen.0[begin..].chunks(BLOCK + TAG).collect();
        assert!(blocks.len() > 1);
        for (i, block) in blocks.iter().enumerate() {
            assert!(!plain.starts_with(&block[..64.min(block.len())]), "block {i} is plaintext");
            assert!(!blocks[..i].contains(block), "block {i} was sealed before");
        }
    }
}

#[test]
fn the_age_crate_opens_what_is_sealed_here() {
    let [identity, _] = &*IDENTITIES;
    for length in EDGES {
        let plain = plaintext(length);
        let key: age::x25519::Identity = identity.expose_secret().parse().unwrap();
        let file = sealed(identity, &plain);
        let decryptor = age::Decryptor::new_buffered(file.as_slice()).unwrap();
        let mut back = Vec::new();
        let mut reader = decryptor.decrypt(std::iter::once(&key as &dyn age::Identity)).unwrap();
        reader.read_to_end(&mut back).unwrap();
        assert!(back == plain, "{length}");
    }
}

#[test]
fn what_the_age_crate_seals_opens_here() {
    let [identity, _] = &*IDENTITIES;
    for length in EDGES {
        let plain = plaintext(length);
        let recipient: age::x25519::Recipient = identity.recipient().to_string().parse().unwrap();
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).unwrap();
        let mut writer = encryptor.wrap_output(Vec::new()).unwrap();
        writer.write_all(&plain).unwrap();
        let file = writer.finish().unwrap();
        assert!(opened(identity, &file) == (plain, true), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_sizes_of_writes_and_reads_change_nothing(
        which in 0..2usize,
        writes in prop::collection::vec(prop_oneof![0..300usize, BLOCK - 2..BLOCK + 3, 0..3 * BLOCK], 0..8),
        reads in prop::collection::vec(prop_oneof![1..300usize, BLOCK - 2..BLOCK + 3], 1..8),
    ) {
        let identity = &IDENTITIES[which];
        let plain = plaintext(writes.iter().sum());
        let mut writer = SealWriter::new(Vec::new(), [&identity.recipient()]).unwrap();
        let mut rest = plain.as_slice();
        for size in writes {
            let (part, after) = rest.split_at(size);
            writer.write_all(part).unwrap();
            rest = after;
        }
        let file = writer.finish().unwrap();
        let mut reader = reader(identity, &file);
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
        which in 0..2usize,
        length in prop_oneof![0..4usize, 0..6 * BLOCK],
        order in any::<u64>(),
    ) {
        let identity = &IDENTITIES[which];
        let plain = plaintext(length);
        let sealer = BlockSealer::new([&identity.recipient()]).unwrap();
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
        prop_assert!(opened(identity, &file) == (plain.clone(), true));

        let opener = BlockOpener::new(file.as_slice(), identity, 1).unwrap();
        prop_assert_eq!(opener.payload_offset(), sealer.head().len() as u64);
        for number in numbers.into_iter().rev() {
            let opened = opener.open(number as u64, number + 1 == count, &mut blocks[number]).unwrap();
            prop_assert!(opened == &plain[number * BLOCK..plain.len().min((number + 1) * BLOCK)]);
        }
    }

    #[test]
    fn a_flip_or_a_cut_anywhere_is_refused(which in 0..2usize, length in 0..4 * BLOCK, at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let identity = &IDENTITIES[which];
        let plain = plaintext(length);
        let file = sealed(identity, &plain);
        let at = at.index(file.len());
        refused(identity, &file[..at], &plain);
        let mut altered = file;
        altered[at] ^= 1 << bit;
        refused(identity, &altered, &plain);
    }
}
