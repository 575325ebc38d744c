//! How large the content likely becomes, from a look at a few pieces of it.

use super::source::Source;
use gapvault_formats::coding::Coder;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// How many pieces are looked at, and bytes of each.
const PIECES: u64 = 24;
const PIECE: u64 = 1 << 20;

/// Bytes that the content likely has when it is coded. What can't be read counts as it is: that comes up later.
pub(super) fn coded(source: &Source) -> u64 {
    sample(source).unwrap_or(source.bytes).min(source.bytes)
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate")]
fn sample(source: &Source) -> Option<u64> {
    let mut coder = Coder::new().ok()?;
    let (mut plain, mut coded) = (Vec::new(), Vec::new());
    let (mut plain_bytes, mut coded_bytes) = (0, 0);
    let (mut begin, mut piece) = (0, 0);
    for file in source.files() {
        let end = begin + file.state.size;
        // In the middle of each of as many equal parts of everything.
        while piece < PIECES && (2 * piece + 1) * source.bytes / (2 * PIECES) < end {
            let at = ((2 * piece + 1) * source.bytes / (2 * PIECES)).saturating_sub(begin);
            piece += 1;
            plain.resize(PIECE.min(file.state.size - at.min(file.state.size)) as usize, 0);
            let read = File::open(&file.path).and_then(|opened| opened.read_exact_at(&mut plain, at));
            if read.is_err() || plain.is_empty() || coder.encode(&plain, &mut coded).is_err() {
                continue;
            }
            plain_bytes += plain.len();
            coded_bytes += coded.len();
        }
        begin = end;
    }
    (plain_bytes > 0).then(|| (source.bytes as f64 * (coded_bytes as f64 / plain_bytes as f64)) as u64)
}
