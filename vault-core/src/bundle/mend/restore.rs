//! Putting the bad stripes of a group together from the good ones.

use super::{Diagnosis, PieceError, Pieces, Shards, Sink};
use crate::error::FsError;
use crate::observe::Observer;
use gapvault_formats::parity::{BLOCK, Mender, ParityError, STRIPE, Wanted};
use std::io;

/// Bytes that a mender and the piece before it may take, where a stripe's worth of the group does not need more.
const MEMORY: usize = 32 << 20;
/// The longest piece that is read at once.
const PIECE: usize = 4 << 20;

/// Why a group can't be restored, though there seemed to be enough of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum RestoreError {
    /// What was good can't be read any more.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Too few of it is left.
    #[error(transparent)]
    Parity(#[from] ParityError),
    /// The work was stopped.
    #[error("interrupted")]
    Interrupted,
}

/// Writes the wanted packs of a group, piece by piece from their beginning: `write` is given the shard and bytes of its
/// file.
pub(super) fn restore<E: From<RestoreError>>(
    shards: &Shards<'_>,
    diagnosis: &Diagnosis,
    wanted: &[usize],
    observer: &dyn Observer,
    write: &mut Sink<'_, E>,
) -> Result<(), E> {
    let geometry = shards.geometry;
    let mut mender = Mender::new(geometry, Wanted::Data);
    let mut pieces = Pieces::new(shards);
    let most = piece_length(geometry.shards() + geometry.parity());
    let mut buffer = vec![0; most];
    let pattern = |stripe: usize| (0..geometry.shards()).map(move |shard| diagnosis.good(shard, stripe));
    let (mut stripe, mut offset) = (0, 0);
    while offset < geometry.shard() {
        if observer.cancelled() {
            return Err(RestoreError::Interrupted.into());
        }
        // As many stripes at once as have the same good shards, or a part of one.
        let within = offset - geometry.stripe_offset(stripe);
        let (mut end, mut length) = (stripe + 1, geometry.stripe_length(stripe) as u64 - within);
        while end < geometry.stripes() && length < most as u64 && pattern(end).eq(pattern(stripe)) {
            length += geometry.stripe_length(end) as u64;
            end += 1;
        }
        let length = length.min(most as u64) as usize;
        let piece = &mut buffer[..length];
        let lacking = wanted.iter().any(|shard| diagnosis.good(*shard, stripe).is_none());
        let mut given = 0;
        for shard in 0..geometry.shards() {
            let is_wanted = wanted.contains(&shard);
            let Some(part) = diagnosis.good(shard, stripe) else { continue };
            let needed = lacking && given < geometry.data();
            if !is_wanted && !needed {
                continue;
            }
            pieces.read(shard, part, offset, piece).map_err(|e| failed(shards, shard, part, e))?;
            if needed {
                let added = match shard.checked_sub(geometry.data()) {
                    None => mender.data(shard, piece),
                    Some(recovery) => mender.recovery(recovery, piece),
                };
                added.map_err(RestoreError::from)?;
                given += 1;
            }
            if is_wanted {
                write(shard, own(shards, shard, offset, piece))?;
            }
        }
        if lacking {
            let mended = mender.finish().map_err(RestoreError::from)?;
            for (shard, bytes) in mended.data() {
                if wanted.contains(&shard) && diagnosis.good(shard, stripe).is_none() {
                    write(shard, own(shards, shard, offset, bytes))?;
                }
            }
        }
        offset += length as u64;
        while stripe < geometry.stripes()
            && geometry.stripe_offset(stripe) + (geometry.stripe_length(stripe) as u64) <= offset
        {
            stripe += 1;
        }
    }
    Ok(())
}

/// How long the pieces are that a mender of so many shards is given, in bytes.
fn piece_length(shards: usize) -> usize {
    let copies = 2 * shards.next_power_of_two() + 1;
    let length = MEMORY / copies;
    // Whole stripes where there is room for one.
    let unit = if length >= STRIPE { STRIPE } else { BLOCK };
    (length / unit * unit).clamp(BLOCK, PIECE)
}

/// What of a shard's piece stands in its file.
fn own<'b>(shards: &Shards<'_>, shard: usize, offset: u64, piece: &'b [u8]) -> &'b [u8] {
    let there = shards.length(shard).saturating_sub(offset).min(piece.len() as u64);
    &piece[..there as usize]
}

pub(super) fn failed(shards: &Shards<'_>, shard: usize, part: Option<usize>, error: PieceError) -> RestoreError {
    let place = &shards.all[shard];
    let folder = part.map_or(place.whole, |part| place.parts.get(part).copied());
    let name = place.subject.file.to_string();
    let path = folder.map_or_else(|| name.clone().into(), |folder| folder.path().join(&name));
    let source = match error {
        PieceError::Read(source) => source,
        PieceError::Short => io::ErrorKind::UnexpectedEof.into(),
        PieceError::Missing => io::ErrorKind::NotFound.into(),
    };
    FsError::at("can't read", &path)(source).into()
}
