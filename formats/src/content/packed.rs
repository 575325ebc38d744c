//! Compressed streams that can be looked into.

use super::input::{HEAD, Input, Unpacked, Watched, read_full};
use super::look::{Place, Search};
use super::pickle::Walker;
use super::{Format, Formats, Why};
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
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

/// Whether it begins like a zlib stream, and unpacks, at least to a pickle.
pub(super) fn is_zlib(head: &[u8]) -> bool {
    let (Some(method), Some(flags)) = (head.first(), head.get(1)) else { return false };
    // Method 8, a window of up to 32 KiB, a checksum of 5 bits, no dictionary.
    let header = (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0;
    if !header || method & 0x0f != 8 || method >> 4 > 7 || flags & 0x20 != 0 {
        return false;
    }
    let mut unpacked = [0; TRIED];
    if read_full(&mut ZlibDecoder::new(head), &mut unpacked).is_ok_and(|read| read > 0) {
        return true;
    }
    // Damaged, with a wrong checksum, or longer than is seen here. What comes before that has been read.
    let packed = &head[2..];
    let mut decoder = DeflateDecoder::new(packed);
    let mut walker = Walker::default();
    let mut length = 0;
    loop {
        let byte = &mut unpacked[..1];
        match decoder.read(byte) {
            Ok(1) if length < TRIED => walker.follow(byte),
            // Blocks may hold nothing or little; that many of them are no chance.
            Err(_) if head.len() == HEAD && decoder.total_in() == packed.len() as u64 => return true,
            // Text may unpack to a few bytes.
            _ => return walker.is_pickle(),
        }
        length += 1;
    }
}

/// Reads all that is left, if it is no more than `limit` bytes.
pub(super) fn read_all(input: &mut dyn Input, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    input.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}
