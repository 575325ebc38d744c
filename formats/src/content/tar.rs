//! Tar archives: every member looked at, one after the other.
//!
//! Source: POSIX `pax`, and GNU tar's description of its own headers. What readers take in different ways is not
//! guessed at: an archive with such a header is one that can't be looked into.

use super::Why;
use super::input::{Input, Member, Watched, read_full};
use super::look::{Place, Search};
use std::io;

const BLOCK: usize = 512;
/// The longest extended header that is read.
const EXTENDED: u64 = 1 << 20;

/// What one header says.
enum Header {
    /// Nothing but zeros: here most readers end.
    Zeros,
    /// Not a header.
    None,
    Entry {
        kind: u8,
        size: u64,
        name: String,
    },
}

/// Whether a block begins an archive: its checksum is right.
pub(super) fn is_header(head: &[u8]) -> bool {
    head.get(..BLOCK).is_some_and(|block| matches!(parse(block), Header::Entry { .. }))
}

/// What an extended header changes of the next.
#[derive(Default)]
struct Extended {
    size: Option<u64>,
    sparse: bool,
}

/// Looks at every member.
pub(super) fn look(search: &mut Search<'_>, archive: &mut Watched<'_>, place: &Place<'_>) -> io::Result<Option<Why>> {
    let mut block = [0; BLOCK];
    let mut extended = Extended::default();
    let mut ended = false;
    loop {
        match read_full(archive, &mut block)? {
            0 => return Ok(None),
            BLOCK => {}
            _ if ended => return Ok(None),
            _ => return Ok(Some(Why::Damaged)),
        }
        let (kind, size, name) = match parse(&block) {
            Header::Zeros => {
                ended = true;
                continue;
            }
            // What stands behind the end belongs to no archive; some readers look for another one there.
            Header::None if ended => return Ok(None),
            Header::None => return Ok(Some(Why::Damaged)),
            Header::Entry { kind, size, name } => (kind, size, name),
        };
        match kind {
            b'x' | b'g' => {
                if size > EXTENDED {
                    return Ok(Some(Why::TooMuch));
                }
                let mut records = vec![0; size as usize];
                if read_full(archive, &mut records)? < records.len() {
                    return Ok(Some(Why::Damaged));
                }
                let Some(said) = records_of(&records) else { return Ok(Some(Why::Ambiguous)) };
                // Said of all that follows: readers differ.
                if kind == b'g' && (said.size.is_some() || said.sparse) {
                    return Ok(Some(Why::Ambiguous));
                }
                if kind == b'x' {
                    extended = said;
                }
                archive.skip(padding(size))?;
                continue;
            }
            b'L' | b'K' => {
                archive.skip(size.saturating_add(padding(size)))?;
                continue;
            }
            // A sparse file's content does not begin with its first byte; a continued one's not at all.
            b'S' | b'M' => return Ok(Some(Why::Method)),
            _ if extended.sparse => return Ok(Some(Why::Method)),
            _ => {}
        }
        let size = std::mem::take(&mut extended).size.unwrap_or(size);
        if matches!(kind, b'1'..=b'6') {
            // Some readers take what follows for content, others for the next header.
            if size > 0 {
                return Ok(Some(Why::Ambiguous));
            }
            continue;
        }
        if !look_at(search, archive, &place.member(&name), size)? {
            return Ok(Some(Why::Damaged));
        }
    }
}

/// Looks at a member and goes on behind it; `false` if the archive ends before it does.
fn look_at(search: &mut Search<'_>, archive: &mut Watched<'_>, place: &Place<'_>, size: u64) -> io::Result<bool> {
    let whole = size.saturating_add(padding(size));
    let left = if let Some(mut piece) = archive.piece(archive.at(), size) {
        search.look_inside(&mut piece, place)?;
        whole
    } else {
        let mut member = Member { from: archive, left: size };
        search.look_inside(&mut member, place)?;
        member.left + padding(size)
    };
    let skipped = archive.skip(left)?;
    Ok(skipped == left || left - skipped <= padding(size))
}

fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

fn parse(block: &[u8]) -> Header {
    if block.iter().all(|byte| *byte == 0) {
        return Header::Zeros;
    }
    let sum = |signed: bool| -> i64 {
        let value = |(at, byte): (usize, &u8)| match at {
            148..156 => i64::from(b' '),
            _ if signed => i64::from(byte.cast_signed()),
            _ => i64::from(*byte),
        };
        block.iter().enumerate().map(value).sum()
    };
    let (Some(said), Some(size)) = (octal(&block[148..156]), size_of(&block[124..136])) else { return Header::None };
    // Some writers add up signed bytes.
    if ![sum(false), sum(true)].contains(&said.cast_signed()) {
        return Header::None;
    }
    let name = block[..100].split(|byte| *byte == 0).next().unwrap_or_default();
    Header::Entry { kind: block[156], size, name: String::from_utf8_lossy(name).into_owned() }
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = field.split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii();
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |number, digit| match digit {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// Octal, or for large files a big-endian number behind a bit that says so.
fn size_of(field: &[u8]) -> Option<u64> {
    match field {
        [0x80, high @ .., _, _, _, _, _, _, _, _] if high.iter().all(|byte| *byte == 0) => {
            Some(field[4..].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
        }
        [first, ..] if first & 0x80 != 0 => None,
        _ if field.iter().all(|byte| matches!(byte, 0 | b' ')) => Some(0),
        _ => octal(field),
    }
}

/// What the records `<length> <key>=<value>⏎` of an extended header say; `None` if they are none.
fn records_of(mut records: &[u8]) -> Option<Extended> {
    let mut said = Extended::default();
    while records.first().is_some_and(|byte| *byte != 0) {
        let digits = records.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&records[..digits]).ok()?.parse().ok()?;
        let record = records.get(digits + 1..length)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        if key == b"size" {
            said.size = Some(std::str::from_utf8(value).ok()?.parse().ok()?);
        }
        said.sparse |= key.starts_with(b"GNU.sparse");
        records = &records[length..];
    }
    Some(said)
}
