//! The tensor boundaries of a safetensors file.
//!
//! Source of the layout: the safetensors documentation; 8 bytes of header length, little endian, the JSON header, then
//! the tensors at offsets that the header gives.

use crate::limits;
use ::safetensors::tensor::Metadata;
use std::io::{self, Read};

/// The offsets at which a safetensors file of `size` bytes is cut, from its beginning in `input`; `None` if it is no
/// well-formed safetensors file, which is no error: it is then cut like any other file.
pub fn plan(mut input: impl Read, size: u64) -> io::Result<Option<Vec<u64>>> {
    let mut prefix = [0; 8];
    if size < 10 {
        return Ok(None);
    }
    input.read_exact(&mut prefix)?;
    let header = u64::from_le_bytes(prefix);
    if header > limits::SAFETENSORS_HEADER_BYTES || header > size - 8 {
        return Ok(None);
    }
    let mut json = Vec::new();
    input.take(header).read_to_end(&mut json)?;
    let Ok(metadata) = serde_json::from_slice::<Metadata>(&json) else {
        return Ok(None);
    };
    let begin = 8 + header;
    let mut boundaries = vec![begin];
    for info in metadata.tensors().values() {
        for offset in [info.data_offsets.0, info.data_offsets.1] {
            boundaries.push(begin.saturating_add(offset as u64));
        }
    }
    Ok(Some(boundaries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_header_and_tensors() {
        let header = br#"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}}"#;
        let file = [&(header.len() as u64).to_le_bytes()[..], header, &[1, 2, 3, 4, 5, 6, 7, 8]].concat();
        let begin = 8 + header.len() as u64;
        let mut boundaries = plan(file.as_slice(), file.len() as u64).unwrap().unwrap();
        boundaries.sort_unstable();
        boundaries.dedup();
        assert_eq!(boundaries, [begin, begin + 3, begin + 8]);
    }

    #[test]
    fn other_files_are_not_taken_for_one() {
        for bytes in [b"".as_slice(), b"{}", &[0xff; 100], b"\x02\0\0\0\0\0\0\0[]xx"] {
            assert_eq!(plan(bytes, bytes.len() as u64).unwrap(), None, "{bytes:?}");
        }
    }
}
