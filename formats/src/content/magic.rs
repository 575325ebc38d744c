//! What a file is by its first bytes, as far as they are certain.

use super::{Format, Formats};
use serde::de::IgnoredAny;

/// The longest header that the safetensors library reads.
const SAFETENSORS_HEADER: u64 = 100_000_000;

/// What fixed bytes at its beginning say; `length` is that of the whole, if it is known.
pub(super) fn by_head(head: &[u8], length: Option<u64>) -> Formats {
    let mut found = Formats::default();
    for (magic, format) in [
        (b"GGUF".as_slice(), Format::Gguf),
        (b"lmgg", Format::Ggml),
        (b"fmgg", Format::Ggml),
        (b"tjgg", Format::Ggml),
        (b"algg", Format::Ggml),
        (b"\x93NUMPY", Format::Npy),
        (b"PK\x03\x04", Format::Zip),
        (b"PK\x05\x06", Format::Zip),
        (b"\x1f\x8b\x08", Format::Gzip),
        (b"\x28\xb5\x2f\xfd", Format::Zstd),
        (b"\xfd7zXZ\0", Format::Xz),
        (b"BZh", Format::Bzip2),
        (b"\x04\x22\x4d\x18", Format::Lz4),
        (b"\x02\x21\x4c\x18", Format::Lz4),
        // lzip, which Python's lzma opens as its own.
        (b"LZIP", Format::Lzma),
        (b"7z\xbc\xaf\x27\x1c", Format::SevenZip),
        (b"Rar!\x1a\x07", Format::Rar),
        (b"ARROW1\0\0", Format::Arrow),
        (b"FEA1", Format::Arrow),
        (b"SQLite format 3\0", Format::Sqlite),
        (b"%PDF-", Format::Pdf),
        (b"\x89PNG\r\n\x1a\n", Format::Png),
        (b"\xff\xd8\xff", Format::Jpeg),
        (b"GIF87a", Format::Gif),
        (b"GIF89a", Format::Gif),
        (b"\x7fELF", Format::Elf),
        (b"\0asm", Format::Wasm),
        (b"#!", Format::Script),
    ] {
        if head.starts_with(magic) && is_so(format, head) {
            found.insert(format);
        }
    }
    let at = |begin: usize, bytes: &[u8]| head.get(begin..).is_some_and(|from| from.starts_with(bytes));
    // Skippable frames come before frames of zstd, and of lz4, which is unpacked by neither then.
    if head.first().is_some_and(|b| b & 0xf0 == 0x50) && at(1, b"\x2a\x4d\x18") {
        found.insert(Format::Zstd);
    }
    if [0, 512, 1024, 2048, 4096, 8192].iter().any(|begin| at(*begin, b"\x89HDF\r\n\x1a\n")) {
        found.insert(Format::Hdf5);
    }
    // Zstd's frames before they were final, which its tools still open.
    if matches!(head.first(), Some(0x1e | 0x22..=0x27)) && at(1, b"\xb5\x2f\xfd") {
        found.insert(Format::Zstd);
    }
    if at(0, b"RIFF") && at(8, b"WEBP") {
        found.insert(Format::Webp);
    }
    if at(0, b"MZ") && little(head, 0x3c, 4).and_then(|b| usize::try_from(b).ok()).is_some_and(|pe| at(pe, b"PE\0\0")) {
        found.insert(Format::Pe);
    }
    for (is, format) in [
        (is_safetensors(head, length), Format::Safetensors),
        (super::tar::is_header(head), Format::Tar),
        (is_lzma(head), Format::Lzma),
        (is_tfrecord(head), Format::Tfrecord),
        (is_onnx(head, length), Format::Onnx),
        (super::packed::is_zlib(head), Format::Zlib),
    ] {
        if is {
            found.insert(format);
        }
    }
    found
}

/// What short magic numbers need beside themselves.
fn is_so(format: Format, head: &[u8]) -> bool {
    match format {
        // A version: 1 to 3 so far, in either order of bytes.
        Format::Gguf => {
            little(head, 4, 4).is_some_and(|version| version > 0 && (version < 256 || version.trailing_zeros() >= 24))
        }
        Format::Bzip2 => {
            let block = head.get(4..10);
            block == Some(b"\x31\x41\x59\x26\x53\x59") || block == Some(b"\x17\x72\x45\x38\x50\x90")
        }
        _ => true,
    }
}

fn is_safetensors(head: &[u8], length: Option<u64>) -> bool {
    let Some(header) = little(head, 0, 8) else { return false };
    if !(2..=SAFETENSORS_HEADER).contains(&header) || length.is_some_and(|length| header > length - 8) {
        return false;
    }
    let end = usize::try_from(header).unwrap_or(usize::MAX).saturating_add(8).min(head.len());
    let json = &head[8..end];
    json.first() == Some(&b'{') && is_json(json, end as u64 == header + 8)
}

/// Whether it is one JSON value, or the beginning of one unless it is `whole`.
fn is_json(bytes: &[u8], whole: bool) -> bool {
    match serde_json::from_slice::<IgnoredAny>(bytes) {
        Ok(_) => true,
        Err(fault) => !whole && fault.is_eof(),
    }
}

/// Alone, lzma has no magic number: properties, a size of dictionary that is one, and no length or, with the usual
/// properties, one.
fn is_lzma(head: &[u8]) -> bool {
    let (Some(properties), Some(dictionary), Some(length)) =
        (head.first().map(|p| u32::from(*p)), little(head, 1, 4), little(head, 5, 8))
    else {
        return false;
    };
    // Literal context and position bits, at most 4 together, and position bits: pb * 45 + lp * 9 + lc.
    let (context, position) = (properties % 9, properties / 9 % 5);
    let is_usual = properties == 0x5d;
    let is_known = properties < 225 && context + position <= 4;
    let least = if is_usual { 1 } else { 4096 };
    let is_size = dictionary.is_power_of_two() || (dictionary / 3 * 2).is_power_of_two();
    let dictionary = dictionary == u64::from(u32::MAX) || dictionary >= least && is_size;
    // Small numbers in a row look like other properties with a length.
    let length = length == u64::MAX || is_usual && length < 1 << 38;
    // The range coder's first byte stands behind.
    is_known && dictionary && length && head.get(13) == Some(&0)
}

/// The masked CRC-32C of the first record's length stands behind it.
fn is_tfrecord(head: &[u8]) -> bool {
    let (Some(length), Some(sum)) = (head.get(..8), little(head, 8, 4)) else { return false };
    let mut crc = u32::MAX;
    for byte in length {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    u64::from((!crc).rotate_right(15).wrapping_add(0xa282_ead8)) == sum
}

/// A protobuf message with the fields of an ONNX model, in ascending order, up to its graph.
fn is_onnx(head: &[u8], length: Option<u64>) -> bool {
    const VERSION: u64 = 1;
    const GRAPH: u64 = 7;
    let mut at = 0;
    let mut last = 0;
    while let Some(tag) = varint(head, &mut at) {
        let (field, kind) = (tag >> 3, tag & 7);
        if field <= last || (last == 0 && field != VERSION) || field > GRAPH {
            return false;
        }
        last = field;
        let Some(value) = varint(head, &mut at) else { return false };
        match (field, kind) {
            (VERSION, 0) if (1..1000).contains(&value) => {}
            (5, 0) => {}
            (2..=4 | 6, 2) => {
                let text = usize::try_from(value).ok().and_then(|text| head.get(at..at.checked_add(text)?));
                let Some(text) = text.filter(|text| std::str::from_utf8(text).is_ok()) else { return false };
                at += text.len();
            }
            // Of a graph the first field is a node or a name.
            (GRAPH, 2) => {
                let end = (at as u64).checked_add(value);
                let fits = length.is_none_or(|length| end.is_some_and(|end| end <= length));
                return fits && value > 0 && head.get(at).is_some_and(|tag| matches!(tag, 0x0a | 0x12));
            }
            _ => return false,
        }
    }
    false
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A little-endian number of up to 8 bytes.
pub(super) fn little(bytes: &[u8], begin: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(begin..begin.checked_add(length)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// What text is, by its beginning; `whole` if that is all of it.
pub(super) fn by_text(head: &[u8], whole: bool) -> Formats {
    let mut found = Formats::default();
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // Cut in the middle of a character.
        Err(fault) if !whole && fault.error_len().is_none() => {
            std::str::from_utf8(&head[..fault.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return found,
    };
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x08' | '\x0c' | '\x1b' | '\u{85}');
    if text.is_empty() || text.chars().any(control) {
        return found;
    }
    found.insert(Format::Text);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with(['{', '[']) {
        return found;
    }
    if is_json(text.as_bytes(), whole) {
        found.insert(Format::Json);
    }
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    while let Some(line) = lines.next() {
        if !is_json(line.as_bytes(), whole || lines.peek().is_some()) {
            return found;
        }
    }
    found.insert(Format::Jsonl);
    found
}
