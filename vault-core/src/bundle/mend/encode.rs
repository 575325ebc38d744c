//! Making parity packs anew from all packs of their group.

use super::restore::{RestoreError, failed};
use super::{Pieces, Shards, Sink};
use crate::observe::Observer;
use gapvault_formats::parity::{Encoder, STRIPE, Table};

/// Writes the wanted parity packs of a group, whole files from their beginning. All packs of the group are whole.
pub(super) fn encode<E: From<RestoreError>>(
    shards: &Shards<'_>,
    wanted: &[usize],
    observer: &dyn Observer,
    write: &mut Sink<'_, E>,
) -> Result<(), E> {
    let geometry = shards.geometry;
    let (mut encoder, mut table) = (Encoder::new(geometry), Table::new(geometry));
    let mut pieces = Pieces::new(shards);
    let mut buffer = vec![0; STRIPE];
    for stripe in 0..geometry.stripes() {
        if observer.cancelled() {
            return Err(RestoreError::Interrupted.into());
        }
        let piece = &mut buffer[..geometry.stripe_length(stripe)];
        for shard in 0..geometry.data() {
            let read = pieces.read(shard, None, geometry.stripe_offset(stripe), piece);
            read.map_err(|e| failed(shards, shard, None, e))?;
            table.add(shard, stripe, piece);
            encoder.add(piece).map_err(RestoreError::from)?;
        }
        let recovery = encoder.finish().map_err(RestoreError::from)?;
        for (index, bytes) in recovery.iter().enumerate() {
            let shard = geometry.data() + index;
            table.add(shard, stripe, bytes);
            if wanted.contains(&shard) {
                write(shard, bytes)?;
            }
        }
    }
    wanted.iter().try_for_each(|shard| write(*shard, table.as_bytes()))
}
