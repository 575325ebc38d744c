use crate::content::{Seen, Why, look};
use std::io::Cursor;

const CALL: &[u8] = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.";

fn seen(blocks: &[Vec<u8>]) -> Seen {
    let bytes = blocks.concat();
    look(Cursor::new(&bytes), bytes.len() as u64).unwrap()
}

#[track_caller]
fn is(blocks: &[Vec<u8>], why: Option<Why>) {
    let seen = seen(blocks);
    assert_eq!(seen.hidden.map(|hidden| hidden.why), why);
    assert!(seen.formats.to_string().contains("tar"), "{}", seen.formats);
}

/// A member, its header changed before its checksum is made and spelled.
fn member(kind: u8, content: &[u8], change: impl FnOnce(&mut [u8]), spell: impl FnOnce(u32) -> Vec<u8>) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[0] = b'm';
    block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    block[156] = kind;
    change(&mut block);
    block[148..156].fill(b' ');
    let spelled = spell(block.iter().map(|byte| u32::from(*byte)).sum());
    block[148..156].fill(0);
    block[148..148 + spelled.len()].copy_from_slice(&spelled);
    block.extend(content);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

fn plain(sum: u32) -> Vec<u8> {
    format!("{sum:06o}\0 ").into_bytes()
}

fn entry(kind: u8, content: &[u8]) -> Vec<u8> {
    member(kind, content, |_| {}, plain)
}

fn sized(kind: u8, content: &[u8], at: usize, field: &[u8]) -> Vec<u8> {
    member(kind, content, |block| block[at..at + field.len()].copy_from_slice(field), plain)
}

fn text() -> Vec<u8> {
    entry(b'0', b"text")
}

const AMBIGUOUS: Option<Why> = Some(Why::Ambiguous);

#[test]
fn numbers_as_all_readers_spell_them_are_taken() {
    is(&[text()], None);
    is(&[member(b'0', b"text", |_| {}, |sum| format!("{sum:7o}\0").into_bytes())], None);
    is(&[member(b'0', b"text", |_| {}, |sum| format!("{sum:o}  ").into_bytes())], None);
    for size in
        [b"          4\0".as_slice(), b"4\0          ", b"4 \0\0\0\0\0\0\0\0\0\0", b"\x80\0\0\0\0\0\0\0\0\0\0\x04"]
    {
        is(&[sized(b'0', b"text", 124, size)], None);
    }
    // A time before 1970, an owner that has no number.
    is(&[sized(b'0', b"text", 136, &[0xff; 12])], None);
    is(&[sized(b'0', b"text", 108, b"        ")], None);
    is(&[sized(b'5', b"", 124, &[0; 12])], None);
}

#[test]
fn numbers_that_some_readers_spell_alone_are_not_guessed_at() {
    let spellings: [fn(u32) -> String; 7] = [
        |sum| format!("+{sum:o}"),
        |sum| format!("0o{sum:o}"),
        |sum| format!("0_{sum:o}"),
        |sum| format!("{sum:o}x"),
        |sum| format!("\0{sum:o}"),
        |sum| format!("{sum:o}\x007"),
        |sum| {
            let digit =
                |n: u32| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[n as usize]);
            format!("+{}{}{}", digit(sum >> 12 & 63), digit(sum >> 6 & 63), digit(sum & 63))
        },
    ];
    for spell in spellings {
        is(&[member(b'0', CALL, |_| {}, |sum| spell(sum).into_bytes())], AMBIGUOUS);
    }
    for size in [
        b"+4\0\0\0\0\0\0\0\0\0\0".as_slice(),
        b"0o4\0\0\0\0\0\0\0\0\0",
        b"0_4\0\0\0\0\0\0\0\0\0",
        b"-4\0\0\0\0\0\0\0\0\0\0",
        b"4\x007\0\0\0\0\0\0\0\0\0",
        b"\x004\0\0\0\0\0\0\0\0\0\0",
        b"8\0\0\0\0\0\0\0\0\0\0\0",
        b"            ",
        b"\x81\0\0\0\0\0\0\0\0\0\0\x04",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfc",
    ] {
        is(&[sized(b'0', CALL, 124, size)], AMBIGUOUS);
        is(&[text(), sized(b'0', CALL, 124, size)], AMBIGUOUS);
    }
    is(&[sized(b'0', b"text", 108, b"nobody\0\0")], AMBIGUOUS);
    is(&[sized(b'0', b"text", 329, b"9\0")], AMBIGUOUS);
}

#[test]
fn noise_whose_signed_bytes_add_up_to_nothing_is_no_header() {
    let mut block = vec![0; 512];
    block[..8].fill(0xe0);
    assert_eq!(block.iter().map(|byte: &u8| i32::from(byte.cast_signed())).sum::<i32>(), -256);
    block[200..204].copy_from_slice(&[1, 0xff, 2, 0xfe]);
    for (at, field) in [(148, b"J\xa6\xebIa\xd1s\x1d"), (100, b"J\xa6\xebIa\xd1s ")] {
        let mut noise = block.clone();
        noise[at..at + 8].copy_from_slice(field);
        let rest = if at == 148 { 0 } else { field.iter().map(|byte| i32::from(byte.cast_signed())).sum::<i32>() };
        noise[300] = u8::try_from(-rest & 0xff).unwrap();
        assert!(!seen(&[noise]).formats.to_string().contains("tar"));
    }
}

#[test]
fn extended_headers_that_readers_heed_in_different_ways_are_not_guessed_at() {
    let extended = |kind, records: &[u8]| entry(kind, records);
    let (path, size) = (b"9 path=a\n".as_slice(), b"10 size=4\n".as_slice());
    is(&[extended(b'x', path), text()], None);
    is(&[extended(b'x', size), text()], None);
    is(&[extended(b'X', path), text()], None);
    is(&[extended(b'g', path), extended(b'x', path), extended(b'x', path), text()], None);
    for headers in [
        vec![extended(b'X', size)],
        vec![extended(b'g', size)],
        vec![extended(b'x', size), extended(b'x', path)],
        vec![extended(b'x', path), extended(b'x', size)],
        vec![extended(b'x', size), entry(b'L', b"name\0")],
        vec![extended(b'x', size), vec![0; 512]],
        // Not what the header says, and not because it is too large for that.
        vec![extended(b'x', b"12 size=512\n")],
        vec![extended(b'x', &[size, size].concat())],
        vec![extended(b'x', b"11 size=+4\n")],
        vec![extended(b'x', b"+10 size=4\n")],
    ] {
        is(&[headers, vec![text()]].concat(), AMBIGUOUS);
    }
    // Records behind the end of the header, in the same block.
    let mut behind = extended(b'x', path);
    behind[521..533].copy_from_slice(b"12 size=512\n");
    is(&[behind, text()], AMBIGUOUS);
    is(&[extended(b'x', b"20 SUN.holesdata= 0\n"), text()], Some(Why::Method));
}

#[test]
fn folders_have_no_content() {
    is(&[sized(0, b"", 0, b"folder/\0"), text()], None);
    is(&[sized(0, CALL, 0, b"folder/\0"), text()], AMBIGUOUS);
    is(&[entry(b'5', CALL), text()], AMBIGUOUS);
    is(&[entry(b'x', b"10 size=0\n"), entry(b'2', CALL), text()], AMBIGUOUS);
}

#[test]
fn what_some_readers_pass_over_does_not_hide_what_follows() {
    let (zeros, noise) = (vec![0; 1024], vec![b'?'; 512]);
    assert!(seen(&[text(), zeros.clone(), entry(b'0', CALL)]).pickle.is_some());
    assert!(seen(&[zeros.clone(), entry(b'0', CALL)]).pickle.is_some());
    is(&[text(), zeros.clone(), noise.clone()], None);
    is(&[text(), zeros, noise, entry(b'0', CALL)], AMBIGUOUS);
}
