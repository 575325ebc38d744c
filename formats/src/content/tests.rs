use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

const CALL: &[u8] = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.";

fn seen(bytes: &[u8]) -> Seen {
    look(Cursor::new(bytes), bytes.len() as u64).unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 1).unwrap()
}

/// A tar archive without its end.
fn tar(members: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, kind, content) in members {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[148..156].fill(b' ');
        header[156] = *kind;
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        archive.extend(header);
        archive.extend(*content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive
}

/// A zip archive of one stored member; what its own header and the directory say of it can be changed.
fn zip(content: &[u8], local: impl FnOnce(&mut [u8]), central: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let size = u32::try_from(content.len()).unwrap().to_le_bytes();
    let mut own = [0; 31];
    own[..4].copy_from_slice(b"PK\x03\x04");
    own[18..22].copy_from_slice(&size);
    own[22..26].copy_from_slice(&size);
    own[26] = 1;
    own[30] = b'm';
    local(&mut own);
    let mut entry = [0; 47];
    entry[..4].copy_from_slice(b"PK\x01\x02");
    entry[20..24].copy_from_slice(&size);
    entry[24..28].copy_from_slice(&size);
    entry[28] = 1;
    entry[46] = b'm';
    central(&mut entry);
    let mut end = [0; 22];
    end[..4].copy_from_slice(b"PK\x05\x06");
    (end[8], end[10], end[12]) = (1, 1, 47);
    end[16..20].copy_from_slice(&u32::try_from(own.len() + content.len()).unwrap().to_le_bytes());
    [&own, content, &entry, &end].concat()
}

fn plain(content: &[u8]) -> Vec<u8> {
    zip(content, |_| {}, |_| {})
}

#[test]
fn formats_are_told_by_their_bytes() {
    let header = b"{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}";
    let tensors = [&(header.len() as u64).to_le_bytes(), header.as_slice(), b"abc"].concat();
    // Version 8, produced by `p`, a graph of two bytes.
    let onnx = b"\x08\x08\x12\x01p\x3a\x02\x12\x00";
    for (bytes, formats) in [
        (b"".as_slice(), "empty"),
        (&tensors, "safetensors"),
        (b"GGUF\x03\0\0\0\0\0\0\0", "gguf"),
        (b"GGUF is a format\n", "text"),
        (b"tjgg\x01\0\0\0", "ggml"),
        (onnx, "onnx"),
        (b"\x08\x08\x12\x01p\x3a\x09\x12\x00", "other"),
        (b"\x89HDF\r\n\x1a\n", "hdf5"),
        (b"ARROW1\0\0", "arrow"),
        (b"PAR1\x15\0\0\0\0PAR1", "parquet"),
        (b"PAR1 is a word", "text"),
        (b"{\"a\": [1, 2]}", "json, jsonl, text"),
        (b"{\n \"a\": [1,\n 2]}\n", "json, text"),
        (b"{\"a\": 1}\n{\"a\": 2}\n", "jsonl, text"),
        (b"[2026-01-01] begun\n", "text"),
        (b"a: \xc3\xa9\n", "text"),
        (b"a\0b", "other"),
        (b"\xff\xfea\0", "other"),
        (b"#!/bin/sh\n", "text, script"),
        (b"\x7fELF\x02", "elf"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"BZhave a look", "text"),
        (b"x\x9c is no stream", "other"),
        (CALL, "pickle"),
        (&tar(&[("readme", b'0', b"text")]), "tar"),
        (&gz(b"text"), "gzip"),
        (&zstd(b"text"), "zstd"),
        (&plain(b"text"), "zip"),
    ] {
        assert_eq!(seen(bytes).formats.to_string(), formats, "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn records_of_tensorflow_have_a_checksum_that_is_right() {
    // The record `abc`, as its library writes it.
    let length = [3, 0, 0, 0, 0, 0, 0, 0];
    let right = [length.as_slice(), &crc(length).to_le_bytes(), b"abc\0\0\0\0"].concat();
    assert_eq!(seen(&right).formats.to_string(), "tfrecord");
    assert_eq!(seen(&[length.as_slice(), &[0; 12]].concat()).formats.to_string(), "other");
}

/// The masked CRC-32C, by its definition: division of polynomials.
fn crc(bytes: [u8; 8]) -> u32 {
    let mut remainder = !0u32;
    for bit in bytes.iter().flat_map(|byte| (0..8).map(move |bit| u32::from(byte >> bit & 1))) {
        let divides = (remainder ^ bit) & 1 == 1;
        remainder >>= 1;
        if divides {
            remainder ^= 0x82f6_3b78;
        }
    }
    (!remainder).rotate_right(15).wrapping_add(0xa282_ead8)
}

type Wrap = fn(&[u8]) -> Vec<u8>;

#[test]
fn a_pickle_is_found_in_whatever_it_is_wrapped() {
    let large = vec![b' '; 100_000];
    let wraps: [(&str, Wrap); 4] = [
        ("gzip", gz),
        ("zstd", zstd),
        ("zip", plain),
        ("tar", |bytes| tar(&[("a", b'0', b"text"), ("m", b'0', bytes)])),
    ];
    for (outer, wrap) in wraps {
        for (inner, wrap_inside) in wraps {
            for (_, wrap_core) in wraps {
                let found = seen(&wrap(&wrap_inside(&wrap_core(CALL))));
                let imports = found.pickle.map(|pickle| pickle.imports);
                assert_eq!(imports, Some(vec!["posix.system".to_owned()]), "{outer} {inner}");
                assert!(
                    found.formats.contains(outer.parse().unwrap()) && found.inside.contains(inner.parse().unwrap())
                );
                let clean = seen(&wrap(&wrap_inside(&wrap_core(&large))));
                assert_eq!((clean.pickle, clean.hidden), (None, None), "{outer} {inner}");
            }
        }
    }
    // A tar archive as such ends anywhere; with ends in the middle it may be two.
    let two = [tar(&[("a", b'0', b"text")]), vec![0; 1024], tar(&[("b", b'0', CALL)])].concat();
    assert!(seen(&two).pickle.is_some() && seen(&gz(&two)).pickle.is_some());
}

/// A zlib stream of `blocks` that hold nothing, then of one that holds `bytes` as they are.
fn zlib(blocks: usize, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    let last = [&[1], length.to_le_bytes().as_slice(), &(!length).to_le_bytes(), bytes].concat();
    let (mut a, mut b) = (1u32, 0u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    [b"\x78\x9c".as_slice(), &b"\0\0\0\xff\xff".repeat(blocks), &last, &(b << 16 | a).to_be_bytes()].concat()
}

#[test]
fn a_pickle_behind_much_that_is_empty_is_found() {
    let skipped = [b"\x50\x2a\x4d\x18".as_slice(), &40_000u32.to_le_bytes(), &[0; 40_000]].concat();
    let deflated = zlib(10_000, CALL);
    let deflated = &deflated[2..deflated.len() - 4];
    let unpacked = u32::try_from(CALL.len()).unwrap().to_le_bytes();
    let method = |at| move |header: &mut [u8]| header[at] = 8;
    let member = zip(
        deflated,
        |own| {
            method(8)(own);
            own[22..26].copy_from_slice(&unpacked);
        },
        |entry| {
            method(10)(entry);
            entry[24..28].copy_from_slice(&unpacked);
        },
    );
    for (what, bytes) in [
        ("zlib", zlib(0, CALL)),
        ("blocks", zlib(3_000, CALL)),
        ("more blocks", zlib(100_000, CALL)),
        ("gzip members", [gz(b"").repeat(20_000), gz(CALL)].concat()),
        ("zstd frames", [zstd(b"").repeat(20_000), zstd(CALL)].concat()),
        ("skippable frames", [skipped.repeat(3), zstd(CALL)].concat()),
        ("frames and skippable frames", [zstd(b""), skipped, zstd(b""), zstd(CALL)].concat()),
        ("a deflated member", member),
    ] {
        let seen = seen(&bytes);
        assert_eq!(seen.pickle.map(|pickle| pickle.imports), Some(vec!["posix.system".to_owned()]), "{what}");
    }
    let mut broken = zlib(0, CALL);
    let end = broken.len() - 4;
    broken[end..].fill(0);
    for end in [broken.clone(), [&broken[..end], b"and more"].concat(), [&zlib(0, CALL)[..end - 1], b"\xff"].concat()] {
        let seen = seen(&end);
        assert!(seen.pickle.is_some() || seen.hidden.is_some(), "what comes before damage has been read");
    }
    assert_eq!(seen(b"x^2 + y^2 is no stream").formats.to_string(), "text");
    // An older frame of zstd: what is not unpacked is hidden.
    assert!(seen(b"\x25\xb5\x2f\xfd\0\0\0\0\0\0").hidden.is_some());
}

#[test]
fn a_zip_that_two_programs_would_read_in_two_ways_is_not_looked_into() {
    let why = |bytes: &[u8]| seen(bytes).hidden.map(|hidden| hidden.why);
    assert_eq!(why(&plain(b"text")), None);
    for (what, bytes, expected) in [
        ("a name", zip(b"text", |own| own[30] = b'n', |_| {}), Why::Ambiguous),
        ("a method", zip(b"text", |own| own[8] = 8, |_| {}), Why::Ambiguous),
        ("a size", zip(b"text", |own| own[18] = 3, |_| {}), Why::Ambiguous),
        ("sizes of what is stored", zip(b"text", |own| own[22] = 3, |entry| entry[24] = 3), Why::Ambiguous),
        ("encrypted by its own header", zip(b"text", |own| own[6] = 1, |_| {}), Why::Encrypted),
        ("encrypted by the directory", zip(b"text", |_| {}, |entry| entry[8] = 1), Why::Encrypted),
        ("another method", zip(b"text", |own| own[8] = 14, |entry| entry[10] = 14), Why::Method),
        ("somewhere else", zip(b"text", |_| {}, |entry| entry[42] = 5), Why::Damaged),
        ("behind the directory", zip(b"text", |own| own[18] = 90, |entry| entry[20] = 90), Why::Damaged),
        ("a missing 64-bit size", zip(b"text", |_| {}, |entry| entry[20..24].fill(255)), Why::Damaged),
    ] {
        assert_eq!(why(&bytes), Some(expected), "{what}");
    }
    // Behind other bytes, where one that does not look for that would find another directory.
    let (evil, good) = (plain(CALL), plain(b"good"));
    let behind = [b"#!/bin/sh\n".as_slice(), &evil].concat();
    assert!(seen(&behind).pickle.is_some());
    let offset = good.len() - 22 - 47;
    let mut decoy = vec![b' '; evil.len()];
    decoy.splice(.., [vec![b' '; offset], b"PK\x01\x02".to_vec(), vec![b' '; 100]].concat());
    assert_eq!(why(&[decoy, good].concat()), Some(Why::Ambiguous));
}

#[test]
fn a_tar_that_two_programs_would_read_in_two_ways_is_not_looked_into() {
    let why = |members: &[(&str, u8, &[u8])]| seen(&tar(members)).hidden.map(|hidden| hidden.why);
    assert_eq!(why(&[("folder", b'5', b""), ("link", b'2', b""), ("a", b'0', b"text")]), None);
    assert_eq!(why(&[("link", b'1', b"text")]), Some(Why::Ambiguous));
    assert_eq!(why(&[("sparse", b'S', b"text")]), Some(Why::Method));
    assert_eq!(why(&[("global", b'g', b"11 size=10\n"), ("a", b'0', b"text")]), Some(Why::Ambiguous));
    assert_eq!(why(&[("bad", b'x', b"99 size=10\n"), ("a", b'0', b"text")]), Some(Why::Ambiguous));
    assert_eq!(why(&[("x", b'x', b"22 GNU.sparse.major=1\n"), ("a", b'0', b"text")]), Some(Why::Method));
}

#[test]
fn what_unpacks_to_too_much_is_refused_and_not_read_to_its_end() {
    let mut header = tar(&[("zeros", b'0', b"")]);
    header[124..135].copy_from_slice(format!("{:011o}", 1200u64 << 20).as_bytes());
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(&header).unwrap();
    for _ in 0..1200 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let packed = encoder.finish().unwrap();
    let found = seen(&packed);
    assert_eq!(found.hidden.map(|hidden| hidden.why), Some(Why::TooMuch));
    assert!(found.formats.contains(Format::Zstd));
}

#[test]
fn containers_in_too_many_containers_are_not_looked_into() {
    let wrapped = |times| (0..times).fold(CALL.to_vec(), |inner, _| gz(&inner));
    assert!(seen(&wrapped(6)).pickle.is_some());
    let deeper = seen(&wrapped(7));
    assert_eq!((deeper.pickle, deeper.hidden.map(|hidden| hidden.why)), (None, Some(Why::TooDeep)));
}

/// Fails from some byte on.
struct Failing(Cursor<Vec<u8>>, u64);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.position() + buffer.len() as u64 > self.1 {
            return Err(io::Error::other("a bad sector"));
        }
        self.0.read(buffer)
    }
}

impl Seek for Failing {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_file_that_cannot_be_read_is_no_damaged_one() {
    let noise: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for bytes in [gz(&tar(&[("a", b'0', &noise)])), plain(&noise), tar(&[("a", b'0', &noise), ("b", b'0', &noise)])] {
        let length = bytes.len() as u64;
        let fault = look(Failing(Cursor::new(bytes), length / 2), length).unwrap_err();
        assert_eq!(fault.to_string(), "a bad sector");
    }
}

proptest! {
    #[test]
    fn whatever_it_is_it_is_something(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(!seen(&bytes).formats.is_empty());
    }

    #[test]
    fn damage_never_does_harm(
        which in 0..6usize, changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>(),
    ) {
        let members: &[(&str, u8, &[u8])] = &[("x", b'x', b"12 size=512\n"), ("a", b'0', &[1; 512]), ("b", b'0', CALL)];
        let mut bytes = match which {
            0 => plain(CALL),
            1 => tar(members),
            2 => gz(&tar(members)),
            3 => zstd(&plain(CALL)),
            4 => tar(&[("inner", b'0', &plain(&plain(CALL)))]),
            _ => gz(CALL),
        };
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        prop_assert!(!seen(&bytes).formats.is_empty());
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(!seen(&bytes).formats.is_empty());
    }
}

/// A gzip stream whose extra field is a tar header: one program opens this, another that.
#[test]
fn what_is_packed_in_two_ways_hides_what_it_holds() {
    let mut header = tar(&[("x", 0, b"")]);
    header[..12].copy_from_slice(&[0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 3, 0xf4, 1]);
    header[148..156].fill(b' ');
    let sum: u32 = header[..512].iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let seen = seen(&[header, gz(CALL)[10..].to_vec()].concat());
    assert!(seen.formats.contains(Format::Tar) && seen.formats.contains(Format::Gzip), "{seen:?}");
    assert_eq!(seen.hidden.map(|hidden| hidden.why), Some(Why::Ambiguous));
    assert!(self::seen(b"LZIP\x01\x0c and more").hidden.is_some());
}
