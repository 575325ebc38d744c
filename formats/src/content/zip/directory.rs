//! The directory at the end of a zip archive.

use crate::content::Why;
use crate::content::input::{Span, read_full};
use crate::content::magic::little;
use std::io::{self, BufReader};

const END: usize = 22;
const END_64: u64 = 56;
const LOCATOR_64: u64 = 20;
const ENTRY: usize = 46;
/// The longest comment behind the directory.
const COMMENT: u64 = 65_535;
const NONE_16: u64 = 0xffff;
const NONE_32: u64 = 0xffff_ffff;

/// Where a directory is, and what it says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::content) struct Directory {
    /// Where the archive begins: more than 0 if other bytes stand before it.
    pub(super) begin: u64,
    /// Where the directory begins.
    pub(super) at: u64,
    length: u64,
    entries: u64,
}

/// A member, as the directory names it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) packed: u64,
    pub(super) unpacked: u64,
    /// Where its own header is, from the archive's beginning.
    pub(super) begin: u64,
}

/// The archive's directory; `None` if there is no sign of one. `begins` says that the file begins as an archive does.
pub(in crate::content) fn find(span: &Span<'_>, begins: bool) -> io::Result<Option<Result<Directory, Why>>> {
    let tail = span.size().min(END as u64 + COMMENT);
    let mut bytes = vec![0; tail as usize];
    if !span.read_at(span.size() - tail, &mut bytes)? {
        return Ok(begins.then_some(Err(Why::Damaged)));
    }
    let mut good: Option<Directory> = None;
    let mut first = true;
    for at in (0..bytes.len().saturating_sub(END - 1)).rev() {
        if !bytes[at..].starts_with(b"PK\x05\x06") {
            continue;
        }
        let comment = little(&bytes, at + 20, 2).unwrap_or_default() as usize;
        // Most readers take the last, some the one whose comment ends with the file.
        if !std::mem::take(&mut first) && at + END + comment != bytes.len() {
            continue;
        }
        match check(span, span.size() - tail + at as u64, &bytes[at..at + END], begins)? {
            Checked::None => {}
            Checked::Odd(why) => return Ok(Some(Err(why))),
            Checked::Good(directory) => {
                if good.replace(directory).is_some() {
                    return Ok(Some(Err(Why::Ambiguous)));
                }
            }
        }
    }
    Ok(match good {
        Some(directory) => Some(Ok(directory)),
        None => begins.then_some(Err(Why::Damaged)),
    })
}

enum Checked {
    /// Bytes that happen to look like the end of a directory.
    None,
    Odd(Why),
    Good(Directory),
}

/// Whether the record at `end` ends a directory.
fn check(span: &Span<'_>, end: u64, record: &[u8], begins: bool) -> io::Result<Checked> {
    let number = |at, length| little(record, at, length).unwrap_or_default();
    let (mut entries, mut length, mut offset) = (number(10, 2), number(12, 4), number(16, 4));
    let mut behind = end;
    let mut locator = [0; LOCATOR_64 as usize];
    let has_locator = end >= LOCATOR_64 && span.read_at(end - LOCATOR_64, &mut locator)?;
    let large = has_locator && locator.starts_with(b"PK\x06\x07");
    if large {
        // Some readers look for the record where the locator says, some right before it.
        let Some(at) = (end - LOCATOR_64).checked_sub(END_64) else { return Ok(Checked::Odd(Why::Damaged)) };
        let mut record = [0; END_64 as usize];
        if !span.read_at(at, &mut record)? || !record.starts_with(b"PK\x06\x06") {
            return Ok(Checked::Odd(Why::Ambiguous));
        }
        let number = |at| little(&record, at, 8).unwrap_or_default();
        let same = |short: u64, none: u64, long: u64| short == none || short == long;
        let (long_entries, long_length, long_offset) = (number(32), number(40), number(48));
        let one = same(entries, NONE_16, long_entries)
            && same(length, NONE_32, long_length)
            && same(offset, NONE_32, long_offset);
        let begin = at.checked_sub(long_length).and_then(|at| at.checked_sub(long_offset));
        let located = little(&locator, 8, 8).unwrap_or_default();
        if !one || begin.and_then(|begin| begin.checked_add(located)) != Some(at) {
            return Ok(Checked::Odd(Why::Ambiguous));
        }
        (entries, length, offset, behind) = (long_entries, long_length, long_offset, at);
    } else if [(entries, NONE_16), (length, NONE_32), (offset, NONE_32)].iter().any(|(said, none)| said == none)
        && begins
    {
        return Ok(Checked::Odd(Why::Damaged));
    }
    let odd = if begins || large { Checked::Odd(Why::Damaged) } else { Checked::None };
    let Some(at) = behind.checked_sub(length) else { return Ok(odd) };
    let Some(begin) = at.checked_sub(offset) else { return Ok(odd) };
    let mut magic = [0; 4];
    let is_entry =
        |at, magic: &mut [u8; 4]| -> io::Result<bool> { Ok(span.read_at(at, magic)? && magic == b"PK\x01\x02") };
    if entries == 0 && length == 0 {
        // Nothing in it, and hardly a sign of an archive behind other bytes.
        let directory = Directory { begin, at, length, entries };
        return Ok(if begins { Checked::Good(directory) } else { Checked::None });
    }
    if !is_entry(at, &mut magic)? {
        return Ok(odd);
    }
    // Some readers don't look for what stands before an archive.
    if begin > 0 && is_entry(offset, &mut magic)? {
        return Ok(Checked::Odd(Why::Ambiguous));
    }
    Ok(Checked::Good(Directory { begin, at, length, entries }))
}

impl Directory {
    /// Its entries, read one by one.
    pub(super) fn entries<'s>(&self, span: &Span<'s>) -> Entries<'s> {
        let left = self.length;
        Entries { from: BufReader::new(span.part(self.at, self.length)), left, count: self.entries }
    }
}

/// Reads a directory.
pub(super) struct Entries<'s> {
    from: BufReader<Span<'s>>,
    /// Bytes and entries to go.
    left: u64,
    count: u64,
}

impl Entries<'_> {
    /// The next entry; the fault is one of the archive.
    pub(super) fn next(&mut self) -> io::Result<Result<Option<Entry>, Why>> {
        if (self.left, self.count) == (0, 0) {
            return Ok(Ok(None));
        }
        // Readers that count and readers that measure would find different members.
        if self.left == 0 || self.count == 0 {
            return Ok(Err(Why::Ambiguous));
        }
        let mut record = [0; ENTRY];
        if read_full(&mut self.from, &mut record)? < ENTRY || !record.starts_with(b"PK\x01\x02") {
            return Ok(Err(Why::Damaged));
        }
        let number = |at, length| little(&record, at, length).unwrap_or_default();
        let (name, extra, comment) = (number(28, 2), number(30, 2), number(32, 2));
        let mut rest = vec![0; (name + extra + comment) as usize];
        if read_full(&mut self.from, &mut rest)? < rest.len() {
            return Ok(Err(Why::Damaged));
        }
        let Some(left) = self.left.checked_sub((ENTRY + rest.len()) as u64) else { return Ok(Err(Why::Damaged)) };
        (self.left, self.count) = (left, self.count - 1);
        let extra = &rest[name as usize..(name + extra) as usize];
        let mut sizes = [number(24, 4), number(20, 4), number(42, 4)];
        if !widen(&mut sizes, extra) {
            return Ok(Err(Why::Damaged));
        }
        let [unpacked, packed, begin] = sizes;
        rest.truncate(name as usize);
        let (flags, method) = (number(8, 2) as u16, number(10, 2) as u16);
        Ok(Ok(Some(Entry { name: rest, flags, method, packed, unpacked, begin })))
    }
}

/// Takes the sizes that don't fit into 32 bits from the extra field; `false` if they are not there.
fn widen(sizes: &mut [u64; 3], mut extra: &[u8]) -> bool {
    let mut wide: Option<&[u8]> = None;
    while let (Some(id), Some(length)) = (little(extra, 0, 2), little(extra, 2, 2)) {
        let Some(field) = extra.get(4..4 + length as usize) else { break };
        if id == 1 {
            // Two of them would be read in two ways.
            if wide.replace(field).is_some() {
                return false;
            }
        }
        extra = &extra[4 + field.len()..];
    }
    let mut at = 0;
    for size in sizes.iter_mut().filter(|size| **size == NONE_32) {
        match wide.and_then(|wide| little(wide, at, 8)) {
            Some(said) => *size = said,
            None => return false,
        }
        at += 8;
    }
    true
}

impl Entry {
    pub(super) fn is_folder(&self) -> bool {
        self.name.ends_with(b"/") && self.packed == 0
    }

    /// Its name, for messages.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }
}
