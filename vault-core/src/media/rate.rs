//! How fast a medium takes what it is given.

use super::pattern::Pattern;
use crate::fs::{Aligned, DirectFile};
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes written at most, and at most such a part of the free room.
const MOST: u64 = 32 << 20;
const PART: u64 = 64;
/// Bytes of the first piece, and of the largest.
const FIRST: usize = 64 << 10;
const LARGEST: usize = 8 << 20;
/// After so long no more is written.
const ENOUGH: Duration = Duration::from_millis(700);

/// Writes a file in `place`, every piece made durable before the next, and gives the bytes a second of its largest
/// pieces; `None` if there is too little room or it fails.
pub(super) fn measure(place: &Path, free: u64) -> Option<u64> {
    let most = MOST.min(free / PART);
    // Some devices compress.
    let mut pattern = Pattern::random().ok()?;
    let file = File::create_new(place.join("rate")).ok()?;
    let mut out = DirectFile::new(&file);
    let mut buffer = Aligned::with_capacity(LARGEST);
    let (mut all, mut written, mut piece) = (Duration::ZERO, 0, FIRST);
    // Bytes, and how long they took.
    let mut largest = (0, Duration::ZERO);
    // Small pieces first: a very slow medium is known by those already.
    while all < ENOUGH && written + piece as u64 <= most {
        buffer.set_len(piece);
        pattern.fill(written, &mut buffer);
        let begun = Instant::now();
        out.append(&mut buffer).ok()?;
        file.sync_data().ok()?;
        let taken = begun.elapsed();
        (all, written) = (all + taken, written + piece as u64);
        largest = (largest.0 + piece as u64, largest.1 + taken);
        if piece < LARGEST && all < ENOUGH && written + 2 * piece as u64 <= most {
            (piece, largest) = (2 * piece, (0, Duration::ZERO));
        }
    }
    let micros = u64::try_from(largest.1.as_micros()).ok()?.max(1);
    (largest.0 > 0).then(|| largest.0.saturating_mul(1_000_000) / micros)
}
