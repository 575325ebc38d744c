//! Compressed streams that can be looked into.

use super::input::{Input, Unpacked, Watched};
use super::look::{Place, Search};
use super::{Format, Formats, Why};
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use std::io::{self, BufReader, Read};

/// The largest window of a zstd frame that is allocated, as a power of 2: what `zstd --long` makes. Inside of another
/// container, what it makes without.
const WINDOW_LOG: u32 = 27;
const WINDOW_LOG_INSIDE: u32 = 23;
/// A zlib stream has two telling bytes only; it must unpack to so many more.
const TRIED: usize = 1 << 10;

/// Looks at what a compressed stream unpacks to, as far as that needs; `None` if it is of none of `formats`.
pub(super) fn look(
    search: &mut Search<'_>,
    packed: &mut Watched<'_>,
    formats: Formats,
    place: &Place<'_>,
) -> io::Result<Option<Why>> {
    let meter = search.meter;
    let packed = BufReader::new(packed);
    let mut unpacked = if formats.contains(Format::Gzip) {
        Unpacked::new(MultiGzDecoder::new(packed), meter)
    } else if formats.contains(Format::Zstd) {
        Unpacked::new(zstd(packed, place.depth)?, meter)
    } else if formats.contains(Format::Zlib) {
        Unpacked::new(ZlibDecoder::new(packed), meter)
    } else {
        let closed = [Format::Xz, Format::Lzma, Format::Bzip2, Format::Lz4, Format::SevenZip, Format::Rar];
        return Ok(closed.into_iter().find(|format| formats.contains(*format)).map(Why::Closed));
    };
    search.look_inside(&mut unpacked, &place.unpacked())?;
    Ok(None)
}

/// What unpacks a zstd stream inside of `depth` other containers.
pub(super) fn zstd<'a>(packed: impl io::BufRead + 'a, depth: u32) -> io::Result<impl Read + 'a> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
    decoder.window_log_max(if depth == 0 { WINDOW_LOG } else { WINDOW_LOG_INSIDE })?;
    Ok(decoder)
}

/// Whether it begins like a zlib stream, and unpacks.
pub(super) fn is_zlib(head: &[u8]) -> bool {
    let (Some(method), Some(flags)) = (head.first(), head.get(1)) else { return false };
    // Method 8, a window of up to 32 KiB, a checksum of 5 bits, no dictionary.
    let header = (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0;
    if !header || method & 0x0f != 8 || method >> 4 > 7 || flags & 0x20 != 0 {
        return false;
    }
    let mut decoder = ZlibDecoder::new(head);
    let mut unpacked = [0; TRIED];
    super::input::read_full(&mut decoder, &mut unpacked).is_ok_and(|read| read > 0)
}

/// Reads all that is left, if it is no more than `limit` bytes.
pub(super) fn read_all(input: &mut dyn Input, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    input.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}
