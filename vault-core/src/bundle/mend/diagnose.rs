//! Which stripes of a group are good.

use super::{PieceError, Pieces, Shards};
use crate::observe::Observer;
use gapvault_formats::parity::{STRIPE, SUM, Table, stripe_sum};

/// Bytes that the stripe tables of a group may take together, beside the first.
const TABLES: u64 = 32 << 20;
/// Stripes that are read at once.
const STRIPES: usize = 16;
/// No copy of a shard has this stripe.
const BAD: u8 = u8::MAX;

/// What is wrong with a file, in stripes of 65,536 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Whether there is no such file at all: all its stripes are missing.
    pub gone: bool,
    /// Stripes that are not there: the file is short, or there is none.
    pub missing: u64,
    /// Stripes that could not be read.
    pub unreadable: u64,
    /// Stripes whose bytes are others.
    pub differing: u64,
}

impl Damage {
    /// All of them.
    #[must_use]
    pub fn stripes(self) -> u64 {
        self.missing + self.unreadable + self.differing
    }
}

/// What is good of a shard.
#[derive(Debug)]
enum State {
    Whole,
    /// By stripe, the part that has it, or [`BAD`].
    Parts(Vec<u8>),
    Gone,
}

/// What of a group is good, stripe by stripe.
#[derive(Debug)]
pub(crate) struct Diagnosis {
    states: Vec<State>,
    /// By shard, what is wrong with it. Of several damaged copies the stripes that none of them has count.
    pub(crate) damage: Vec<Damage>,
    /// The most shards that one stripe lacks.
    pub(crate) worst: usize,
    pub(crate) parity: usize,
}

impl Diagnosis {
    /// Whether all of it can be mended.
    pub(crate) fn is_mendable(&self) -> bool {
        self.worst <= self.parity
    }

    /// Where a stripe of a shard is good: in the whole file (`None` inside) or in a part.
    pub(super) fn good(&self, shard: usize, stripe: usize) -> Option<Option<usize>> {
        match &self.states[shard] {
            State::Whole => Some(None),
            State::Parts(parts) if parts[stripe] != BAD => Some(Some(usize::from(parts[stripe]))),
            _ => None,
        }
    }
}

/// Looks through what is damaged of a group; `None` if somebody wants to stop.
pub(crate) fn diagnose(shards: &Shards<'_>, observer: &dyn Observer) -> Option<Diagnosis> {
    let geometry = shards.geometry;
    let stripes = geometry.stripes();
    let tables = tables(shards);
    let (mut states, mut damage) = (Vec::new(), Vec::new());
    let mut pieces = Pieces::new(shards);
    let mut buffer = vec![0; STRIPES * STRIPE];
    for (shard, place) in shards.all.iter().enumerate() {
        // Behind its end a shorter pack has zeros, which nobody has to keep.
        let own = shards.length(shard).div_ceil(STRIPE as u64) as usize;
        if place.whole.is_some() {
            states.push(State::Whole);
            damage.push(Damage::default());
            continue;
        }
        if place.parts.is_empty() {
            states.push(State::Gone);
            damage.push(Damage { gone: true, missing: own as u64, ..Damage::default() });
            continue;
        }
        let mut good = vec![BAD; stripes];
        good[own..].fill(0);
        let mut found = Damage::default();
        for part in 0..place.parts.len().min(usize::from(BAD)) {
            found = Damage::default();
            for first in (0..own).step_by(STRIPES) {
                if observer.cancelled() {
                    return None;
                }
                let count = STRIPES.min(own - first);
                let length = (first..first + count).map(|stripe| geometry.stripe_length(stripe)).sum();
                let all = pieces.read(shard, Some(part), geometry.stripe_offset(first), &mut buffer[..length]);
                for stripe in first..first + count {
                    let piece = &mut buffer[(stripe - first) * STRIPE..][..geometry.stripe_length(stripe)];
                    // What can't be read as a whole is read stripe by stripe.
                    let read = match all {
                        Ok(()) => Ok(()),
                        Err(_) => pieces.read(shard, Some(part), geometry.stripe_offset(stripe), piece),
                    };
                    let is_good = |sum| tables.iter().any(|table| table.sum(shard, stripe) == sum);
                    match read {
                        Ok(()) if is_good(stripe_sum(piece)) => good[stripe] = part as u8,
                        _ if good[stripe] != BAD => {}
                        Ok(()) => found.differing += 1,
                        Err(PieceError::Read(_)) => found.unreadable += 1,
                        Err(PieceError::Short | PieceError::Missing) => found.missing += 1,
                    }
                }
            }
        }
        states.push(State::Parts(good));
        damage.push(found);
    }
    let mut diagnosis = Diagnosis { states, damage, worst: 0, parity: geometry.parity() };
    let lacks = |stripe| (0..shards.all.len()).filter(|shard| diagnosis.good(*shard, stripe).is_none()).count();
    diagnosis.worst = (0..stripes).map(lacks).max().unwrap_or(0);
    Some(diagnosis)
}

/// The stripe tables that can be had: that of a whole parity pack, or several of damaged ones.
fn tables(shards: &Shards<'_>) -> Vec<Table> {
    let geometry = shards.geometry;
    let parity = geometry.data()..geometry.shards();
    let mut pieces = Pieces::new(shards);
    if let Some(whole) = parity.clone().find(|shard| shards.all[*shard].whole.is_some()) {
        return read_table(&mut pieces, shards, whole, None).into_iter().collect();
    }
    let most = (TABLES / geometry.table_size().max(1)).max(1) as usize;
    let copies = parity.flat_map(|shard| (0..shards.all[shard].parts.len()).map(move |part| (shard, part)));
    copies.filter_map(|(shard, part)| read_table(&mut pieces, shards, shard, Some(part))).take(most).collect()
}

/// A table, as far as it can be read; `None` if nothing of it can.
fn read_table(pieces: &mut Pieces<'_, '_>, shards: &Shards<'_>, shard: usize, part: Option<usize>) -> Option<Table> {
    let (begin, size) = (shards.geometry.shard(), usize::try_from(shards.geometry.table_size()).ok()?);
    // Where it can't be read, it has sums that no stripe has: zeros.
    let mut bytes = vec![0; size];
    let mut any = false;
    for (number, piece) in bytes.chunks_mut(STRIPE).enumerate() {
        match pieces.read_file(shard, part, begin + (number * STRIPE) as u64, piece) {
            Ok(()) => any = true,
            Err(PieceError::Missing) => return None,
            Err(_) => piece.fill(0),
        }
    }
    debug_assert!(size.is_multiple_of(SUM));
    if any { Table::from_bytes(shards.geometry, bytes).ok() } else { None }
}
