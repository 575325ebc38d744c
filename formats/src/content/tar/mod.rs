//! Tar archives: every member looked at, one after the other.
//!
//! Source: POSIX `pax`, and GNU tar's description of its own headers. What readers take in different ways is not
//! guessed at: an archive with such a header is one that can't be looked into.

mod header;
#[cfg(test)]
mod tests;

use super::Why;
use super::input::{Input, Member, Watched, read_full};
use super::look::{Place, Search};
use header::{BLOCK, Extended, Header, parse, records_of};
use std::io;

/// The longest extended header that is read.
const EXTENDED: u64 = 1 << 20;

/// Whether the first block that is not all zeros begins an archive, to some reader at least: its checksum is right. Readers
/// can be told to pass over zeros.
pub(super) fn is_header(head: &[u8]) -> bool {
    let first = head.chunks_exact(BLOCK).map(parse).find(|header| !matches!(header, Header::Zeros));
    matches!(first, Some(Header::Entry { .. } | Header::Odd))
}

/// Looks at every member.
pub(super) fn look(search: &mut Search<'_>, archive: &mut Watched<'_>, place: &Place<'_>) -> io::Result<Option<Why>> {
    let mut block = [0; BLOCK];
    // Of an extended header that waits for what it is about.
    let mut waiting: Option<Extended> = None;
    let (mut ended, mut behind) = (false, false);
    loop {
        match read_full(archive, &mut block)? {
            0 => return Ok(None),
            BLOCK => {}
            _ if ended => return Ok(None),
            _ => return Ok(Some(Why::Damaged)),
        }
        let (kind, size, name) = match parse(&block) {
            Header::Odd => return Ok(Some(Why::Ambiguous)),
            Header::Zeros if waiting.is_some() => return Ok(Some(Why::Ambiguous)),
            Header::Zeros => {
                ended = true;
                continue;
            }
            // What stands behind the end belongs to no archive, but some readers can be told to look on.
            Header::None if ended => {
                behind = true;
                continue;
            }
            Header::None => return Ok(Some(Why::Damaged)),
            Header::Entry { .. } if behind => return Ok(Some(Why::Ambiguous)),
            Header::Entry { kind, size, name } => (kind, size, name),
        };
        // Such headers, one after the other: readers differ in which of them counts, and whether it is about the next.
        if matches!(kind, b'x' | b'X' | b'g' | b'L' | b'K') && waiting.is_some_and(|said| said.size.is_some()) {
            return Ok(Some(Why::Ambiguous));
        }
        match kind {
            b'x' | b'X' | b'g' => {
                if size > EXTENDED {
                    return Ok(Some(Why::TooMuch));
                }
                let mut records = vec![0; (size + padding(size)) as usize];
                if read_full(archive, &mut records)? < size as usize {
                    return Ok(Some(Why::Damaged));
                }
                let Some(said) = records_of(&records) else { return Ok(Some(Why::Ambiguous)) };
                // Said of all that follows, in Solaris's way, or with another: readers differ.
                if (kind != b'x' || waiting.is_some()) && (said.size.is_some() || said.sparse) {
                    return Ok(Some(Why::Ambiguous));
                }
                if kind == b'x' {
                    waiting = Some(Extended { sparse: said.sparse || waiting.is_some_and(|said| said.sparse), ..said });
                }
                continue;
            }
            b'L' | b'K' => {
                archive.skip(size.saturating_add(padding(size)))?;
                continue;
            }
            // A sparse file's content does not begin with its first byte; a continued one's not at all.
            b'S' | b'M' => return Ok(Some(Why::Method)),
            _ if waiting.is_some_and(|said| said.sparse) => return Ok(Some(Why::Method)),
            _ => {}
        }
        let said = waiting.take().unwrap_or_default().size(size);
        // Of links and folders some readers take what follows for content, others for the next header.
        let Some(said) = said.filter(|said| !matches!(kind, b'1'..=b'6') || (*said, size) == (0, 0)) else {
            return Ok(Some(Why::Ambiguous));
        };
        if matches!(kind, b'1'..=b'6') {
            continue;
        }
        if !look_at(search, archive, &place.member(&name), said)? {
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
