//! Zip archives: every member that the directory names is looked at.
//!
//! Source: PKWARE's APPNOTE. Readers differ in which directory they believe and in whether the headers before the
//! members count; an archive that two of them would read in two ways is one that can't be looked into.

mod directory;

pub(super) use directory::{Directory, find};

use super::input::{Input, Span, Unpacked};
use super::look::{Place, Search};
use super::magic::little;
use super::packed::zstd;
use super::{Format, Formats, Why};
use directory::Entry;
use flate2::bufread::DeflateDecoder;
use std::io::{self, BufReader};

const LOCAL: u64 = 30;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const ZSTD: u16 = 93;
/// Encrypted, strongly encrypted, with a masked directory.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
/// Sizes and checksum stand behind the member.
const SIZES_BEHIND: u16 = 1 << 3;

/// What an archive's members come to.
pub(super) struct Members {
    /// What they make of the archive.
    pub(super) formats: Formats,
    /// Whether it could not be looked through.
    pub(super) why: Option<Why>,
}

/// Looks at every member.
pub(super) fn look(
    search: &mut Search<'_>,
    span: &Span<'_>,
    directory: &Directory,
    place: &Place<'_>,
) -> io::Result<Members> {
    let mut entries = directory.entries(span);
    let (mut members, mut arrays, mut pickles) = (0, 0, false);
    let mut why = None;
    loop {
        let entry = match entries.next()? {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            Err(fault) => {
                why = Some(fault);
                break;
            }
        };
        if entry.is_folder() {
            continue;
        }
        let place = place.member(&entry.text());
        match look_at(search, span, directory, &entry, &place)? {
            Ok(formats) => {
                arrays += u64::from(formats.contains(Format::Npy));
                pickles |= formats.contains(Format::Pickle);
            }
            Err(why) => search.hidden(&place, why),
        }
        members += 1;
    }
    let npz = (members > 0 && arrays == members).then_some(Format::Npz);
    Ok(Members { formats: npz.into_iter().chain(pickles.then_some(Format::Torch)).collect(), why })
}

fn look_at(
    search: &mut Search<'_>,
    span: &Span<'_>,
    directory: &Directory,
    entry: &Entry,
    place: &Place<'_>,
) -> io::Result<Result<Formats, Why>> {
    let data = match data(span, directory, entry)? {
        Ok(data) => data,
        Err(why) => return Ok(Err(why)),
    };
    let meter = search.meter;
    let depth = place.depth;
    let mut unpacked;
    let mut stored;
    let input: &mut dyn Input = match entry.method {
        STORED if entry.packed == entry.unpacked => {
            stored = data;
            &mut stored
        }
        STORED => return Ok(Err(Why::Ambiguous)),
        DEFLATED => {
            unpacked = Unpacked::new(DeflateDecoder::new(BufReader::new(data)), meter);
            &mut unpacked
        }
        ZSTD => {
            unpacked = Unpacked::new(zstd(BufReader::new(data), depth)?, meter);
            &mut unpacked
        }
        _ => return Ok(Err(Why::Method)),
    };
    search.look_inside(input, place).map(Ok)
}

/// Where a member's bytes are, by its own header, which must say what the directory says.
fn data<'s>(span: &Span<'s>, directory: &Directory, entry: &Entry) -> io::Result<Result<Span<'s>, Why>> {
    let mut header = [0; LOCAL as usize];
    let Some(begin) = directory.begin.checked_add(entry.begin) else { return Ok(Err(Why::Damaged)) };
    if !span.read_at(begin, &mut header)? || !header.starts_with(b"PK\x03\x04") {
        return Ok(Err(Why::Damaged));
    }
    let number = |at, length| little(&header, at, length).unwrap_or_default();
    let flags = number(6, 2) as u16;
    if (flags | entry.flags) & ENCRYPTED != 0 {
        return Ok(Err(Why::Encrypted));
    }
    let (name, extra) = (number(26, 2), number(28, 2));
    let mut own = vec![0; name as usize];
    if !span.read_at(begin + LOCAL, &mut own)? {
        return Ok(Err(Why::Damaged));
    }
    let size = |at, said| {
        let own = number(at, 4);
        own == said || own == u64::from(u32::MAX) || (own == 0 && flags & SIZES_BEHIND != 0)
    };
    let same = own == entry.name
        && number(8, 2) == u64::from(entry.method)
        && size(18, entry.packed)
        && size(22, entry.unpacked);
    if !same {
        return Ok(Err(Why::Ambiguous));
    }
    let begin = begin + LOCAL + name + extra;
    // Nothing of it may stand where the directory does, or behind.
    let ends = begin.checked_add(entry.packed).is_some_and(|end| end <= directory.at);
    Ok(if ends { Ok(span.part(begin, entry.packed)) } else { Err(Why::Damaged) })
}
