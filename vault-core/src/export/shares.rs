//! Which medium takes which pack: packs that are sealed wait here, and the writers of the media come for them.
//!
//! A faster medium comes more often and takes more. Where a bundle must survive the loss of a medium, packs go out in
//! groups of one for each medium but one, which is left for the group's parity.

use super::pack::SealedPack;
use super::{ExportError, Parity};
use crate::fs::block_bytes;
use crate::lane::lock;
use crate::pool::Stop;
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How often a waiting writer looks whether it should stop.
const LOOK: Duration = Duration::from_millis(50);

/// What file systems give room in, at least, in bytes: those that say less have their own needs beside.
const BLOCK: u64 = 4096;

/// The most data packs in a parity group of one medium: what a mender holds a stripe of.
pub(super) const GROUP: u64 = 100;

/// Sizes on a medium, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// A full pack's file.
    pub(super) pack: u64,
    /// What a file system gives room in: every file takes a multiple of it.
    pub(super) block: u64,
    pub(super) parity: Parity,
}

impl Sizes {
    /// Full packs with files of at most `pack` bytes, on these media.
    pub(super) fn new(pack: u64, parity: Parity, media: &[&Path]) -> Result<Self, ExportError> {
        let mut block = BLOCK;
        for medium in media {
            let own = block_bytes(medium).map_err(|source| ExportError::medium(medium, source))?;
            block = block.max(own);
        }
        Ok(Self { pack: pack.next_multiple_of(block), block, parity })
    }

    /// What a file of `length` bytes takes.
    pub(super) fn on_medium(self, length: u64) -> u64 {
        length.next_multiple_of(self.block.max(1))
    }

    /// Parity packs of a group of `packs` on one medium.
    pub(super) fn parity_packs(self, packs: u64) -> u64 {
        match self.parity {
            Parity::Percent(percent) => (packs * u64::from(percent)).div_ceil(100),
            Parity::None | Parity::SpareVolume => 0,
        }
    }

    /// Groups that `packs` packs of one medium are dealt to.
    pub(super) fn groups(packs: u64) -> u64 {
        packs.div_ceil(GROUP)
    }

    /// The longest file of a volume, but for what describes the bundle.
    pub(super) fn longest_file(self) -> u64 {
        if self.parity == Parity::None { self.pack } else { self.parity_pack() }
    }

    /// A parity pack: a pack and its stripe table.
    pub(super) fn parity_pack(self) -> u64 {
        let stripes = self.pack.div_ceil(65_536) + 1;
        self.on_medium(self.pack + 64 + stripes * 8 * 2 * GROUP)
    }

    /// What the parity of `packs` packs takes.
    pub(super) fn parity(self, packs: u64) -> u64 {
        let groups = Self::groups(packs);
        let parity: u64 = (0..groups).map(|g| self.parity_packs((packs + groups - 1 - g) / groups)).sum();
        parity * self.parity_pack()
    }

    /// What `packs` full packs and their parity take.
    pub(super) fn volume(self, packs: u64) -> u64 {
        packs * self.pack + self.parity(packs)
    }
}

/// A medium's share.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    /// Bytes that packs and parity may take.
    room: u64,
    packs: u64,
    /// Bytes of those packs.
    used: u64,
    /// Parity packs that are to come, where groups go over several media.
    parity: u64,
}

/// A group that goes over several media and still takes packs.
#[derive(Debug)]
struct OpenGroup {
    number: u64,
    /// Media that have not taken their pack yet.
    left: BTreeSet<usize>,
    parity: usize,
    taken: bool,
}

#[derive(Debug)]
struct State {
    shares: Vec<Share>,
    group: Option<OpenGroup>,
    groups: u64,
    /// Packs that only this medium may take.
    own: Vec<VecDeque<Waiting>>,
    common: VecDeque<Waiting>,
    closed: bool,
}

struct Waiting(SealedPack);

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pack {}", self.0.number)
    }
}

/// Packs on their way, and who may take them.
#[derive(Debug)]
pub(super) struct Shares {
    sizes: Sizes,
    state: Mutex<State>,
    changed: Condvar,
}

/// What a writer gets.
pub(super) enum Next {
    /// A pack, and its group if that goes over several media.
    Pack(Box<SealedPack>, Option<u64>),
    /// There is a pack, and no medium has room for it.
    Full,
    /// There are no more packs, or everybody stops.
    End,
}

impl Shares {
    /// Media with `rooms` bytes for packs and parity; groups over several media are counted from `groups`.
    pub(super) fn new(sizes: Sizes, rooms: &[u64], groups: u64) -> Self {
        let shares = rooms.iter().map(|room| Share { room: *room, ..Share::default() }).collect();
        let own = rooms.iter().map(|_| VecDeque::new()).collect();
        let state = State { shares, group: None, groups, own, common: VecDeque::new(), closed: false };
        Self { sizes, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Hands in a pack.
    pub(super) fn push(&self, pack: SealedPack) {
        let mut state = lock(&self.state);
        match pack.medium {
            Some(medium) => state.own[medium].push_back(Waiting(pack)),
            None => state.common.push_back(Waiting(pack)),
        }
        self.changed.notify_all();
    }

    /// No more packs will come.
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// Another medium is in at this place, with `room` bytes.
    pub(super) fn replace(&self, medium: usize, room: u64) {
        lock(&self.state).shares[medium] = Share { room, ..Share::default() };
    }

    /// The next pack for a medium.
    pub(super) fn next(&self, medium: usize, stop: &Stop<'_, ExportError>) -> Next {
        let mut state = lock(&self.state);
        loop {
            if stop.is_stopped() {
                return Next::End;
            }
            if let Some(Waiting(pack)) = state.own[medium].pop_front() {
                state.shares[medium].take(self.sizes.on_medium(pack.file.len() as u64));
                let group = pack.group;
                return Next::Pack(Box::new(pack), group);
            }
            if let Some(Waiting(first)) = state.common.front() {
                let length = self.sizes.on_medium(first.file.len() as u64);
                if let Some(group) = state.claim(medium, length, self.sizes) {
                    let Some(Waiting(pack)) = state.common.pop_front() else { unreachable!("it is not empty") };
                    self.changed.notify_all();
                    return Next::Pack(Box::new(pack), group);
                }
                if state.is_full(length, self.sizes) {
                    return Next::Full;
                }
            } else if state.closed && state.own[medium].is_empty() {
                return Next::End;
            }
            state = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    /// Whether a medium may take a pack now; if so it has it, in the group that is given.
    fn claim(&mut self, medium: usize, length: u64, sizes: Sizes) -> Option<Option<u64>> {
        if sizes.parity != Parity::SpareVolume {
            let share = &mut self.shares[medium];
            return share.fits(length, sizes).then(|| {
                share.take(length);
                None
            });
        }
        if self.group.is_none() {
            let mut left: BTreeSet<_> = (0..self.shares.len()).filter(|i| self.shares[*i].takes_one(sizes)).collect();
            if left.len() < 2 {
                return None;
            }
            let turn = (self.groups % left.len() as u64) as usize;
            let parity = *left.iter().nth(turn)?;
            left.remove(&parity);
            self.group = Some(OpenGroup { number: self.groups, left, parity, taken: false });
            self.groups += 1;
        }
        let group = self.group.as_mut()?;
        if !group.left.remove(&medium) {
            return None;
        }
        if !std::mem::replace(&mut group.taken, true) {
            self.shares[group.parity].parity += 1;
        }
        let number = group.number;
        if group.left.is_empty() {
            self.group = None;
        }
        self.shares[medium].take(length);
        Some(Some(number))
    }

    /// Whether no medium will ever take a pack of `length` bytes.
    fn is_full(&self, length: u64, sizes: Sizes) -> bool {
        if sizes.parity == Parity::SpareVolume {
            return self.group.is_none() && self.shares.iter().filter(|s| s.takes_one(sizes)).count() < 2;
        }
        !self.shares.iter().any(|share| share.fits(length, sizes))
    }
}

impl Share {
    fn take(&mut self, length: u64) {
        self.packs += 1;
        self.used += length;
    }

    /// Whether a pack of `length` bytes fits, with the parity that it takes.
    fn fits(&self, length: u64, sizes: Sizes) -> bool {
        self.used + length + sizes.parity(self.packs + 1) <= self.room
    }

    /// Whether there is room for one pack more, be it one of data or of parity.
    fn takes_one(&self, sizes: Sizes) -> bool {
        self.used + (self.parity + 1) * sizes.parity_pack() <= self.room
    }
}

/// How many packs a bundle of several media can hold at most, for a plan: each takes what it has room for.
pub(super) fn capacity(sizes: Sizes, rooms: &[u64]) -> Vec<u64> {
    if sizes.parity == Parity::SpareVolume {
        let mut state = State {
            shares: rooms.iter().map(|room| Share { room: *room, ..Share::default() }).collect(),
            group: None,
            groups: 0,
            own: Vec::new(),
            common: VecDeque::new(),
            closed: false,
        };
        // A medium of many packs is like one of few: the plan is a bound, not a promise.
        let most = rooms.iter().map(|room| room / sizes.pack.max(1)).sum::<u64>().min(1_000_000);
        for _ in 0..most {
            if !(0..rooms.len()).any(|medium| state.claim(medium, sizes.pack, sizes).is_some()) {
                break;
            }
        }
        return state.shares.iter().map(|share| share.packs).collect();
    }
    let most = |room: &u64| {
        let (mut low, mut high) = (0, room / sizes.pack.max(1));
        while low < high {
            let middle = (low + high).div_ceil(2);
            if sizes.volume(middle) <= *room { low = middle } else { high = middle - 1 }
        }
        low
    };
    rooms.iter().map(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(parity: Parity) -> Sizes {
        Sizes { pack: 1 << 20, block: 4096, parity }
    }

    #[test]
    fn parity_is_at_least_its_share_of_every_group() {
        let sizes = sizes(Parity::Percent(5));
        assert_eq!([1, 20, 21, 100].map(|packs| sizes.parity_packs(packs)), [1, 1, 2, 5]);
        // 250 packs: three groups of 84, 83 and 83.
        assert_eq!(sizes.volume(250), 250 * sizes.pack + 15 * sizes.parity_pack());
    }

    #[test]
    fn a_medium_takes_what_fits_with_its_parity() {
        for percent in [0, 5, 100] {
            let sizes = sizes(if percent == 0 { Parity::None } else { Parity::Percent(percent) });
            for packs in [0, 1, 7, 100, 101, 1000] {
                let room = sizes.volume(packs);
                assert_eq!(capacity(sizes, &[room, room - room.min(1)]), [packs, packs.saturating_sub(1)]);
            }
        }
    }

    #[test]
    fn with_a_spare_volume_no_group_has_two_packs_on_one_medium() {
        let sizes = sizes(Parity::SpareVolume);
        let room = |packs: u64| packs * sizes.parity_pack();
        // Two large media and one of which there is soon no more room.
        let counts = capacity(sizes, &[room(10), room(10), room(1)]);
        assert!(counts.iter().sum::<u64>() >= 10, "{counts:?}");
        assert_eq!(capacity(sizes, &[room(10), 0]), [0, 0]);
    }
}
