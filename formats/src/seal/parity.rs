//! What the seal says of parity: which packs help each other, and where the parity packs stand.

use super::{BundleFile, Seal, SealError, Volume, rules};
use crate::limits;
use serde::{Deserialize, Serialize};

/// Packs that mend each other, and the volumes that their parity packs stand on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parity {
    /// The groups; their parity packs are numbered from 0, group after group.
    pub groups: Vec<Group>,
    /// The bundle's volumes, with the parity packs that stand on each.
    pub volumes: Vec<Volume>,
}

/// Packs that are mended together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its data packs, in the order of their shards.
    pub packs: Vec<Stride>,
    /// How many parity packs it has.
    pub parity: u64,
}

/// Numbers with the same distance between them: the first, one past the last, the distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stride(pub u64, pub u64, pub u64);

impl Stride {
    /// The numbers.
    pub fn numbers(self) -> impl Iterator<Item = u64> {
        let Self(first, end, step) = self;
        (first..end).step_by(usize::try_from(step).unwrap_or(usize::MAX).max(1))
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> u64 {
        let Self(first, end, step) = self;
        end.saturating_sub(first).div_ceil(step.max(1))
    }
}

impl Group {
    /// How many data packs it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.packs.iter().fold(0, |sum, stride| sum.saturating_add(stride.count()))
    }

    /// The size in bytes of each of its parity packs, whose longest data pack has `longest`: a shard and the stripe
    /// table.
    #[must_use]
    pub fn file_size(&self, longest: u64) -> u64 {
        // SPEC 5.6: 8 bytes for each stripe of 65,536 bytes of each shard.
        let shard = longest.next_multiple_of(64);
        shard + 8 * (self.count() + self.parity) * shard.div_ceil(65_536)
    }

    /// The numbers of its data packs, in the order of their shards.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.packs.iter().flat_map(|stride| stride.numbers())
    }
}

impl Parity {
    /// How many parity packs there are.
    #[must_use]
    pub fn packs(&self) -> u64 {
        self.groups.iter().fold(0, |sum, group| sum.saturating_add(group.parity))
    }

    /// The groups, each with the number of its first parity pack.
    pub fn numbered(&self) -> impl Iterator<Item = (u64, &Group)> {
        self.groups.iter().scan(0, |next, group| {
            let first = *next;
            *next += group.parity;
            Some((first, group))
        })
    }
}

impl Seal {
    /// The longest file among the packs of `group`, in bytes.
    #[must_use]
    pub fn longest_pack(&self, group: &Group) -> u64 {
        group.numbers().filter_map(|n| self.subject(&BundleFile::Pack(n))).map(|s| s.size).max().unwrap_or(0)
    }
}

/// Whether the parity of a seal fits its packs and volumes.
pub(super) fn check(seal: &Seal) -> Result<(), SealError> {
    let p = &seal.predicate;
    let Some(parity) = &p.parity else { return Ok(()) };
    let mut seen = vec![false; usize::try_from(p.stream.packs()).unwrap_or(usize::MAX)];
    for group in &parity.groups {
        let one_form = |&Stride(first, end, step): &Stride| {
            // The last number is the one before the end, so that nothing can be said in two ways.
            step >= 1 && first < end && (end - 1 - first).is_multiple_of(step)
        };
        if !group.packs.iter().all(one_form) {
            return Err(SealError::Rule("a parity group's packs are not in their one form"));
        }
        // SPEC 5.6: bounded before anything is counted up.
        let count = group.count();
        let shards = count.saturating_add(group.parity);
        if group.parity == 0 || group.parity > count || shards > limits::GROUP_SHARDS as u64 {
            return Err(SealError::Rule("a parity group's shards are out of range"));
        }
        for number in group.numbers() {
            match usize::try_from(number).ok().and_then(|n| seen.get_mut(n)) {
                Some(seen) if !*seen => *seen = true,
                _ => return Err(SealError::Rule("its parity groups do not hold each pack once")),
            }
        }
    }
    if !seen.iter().all(|seen| *seen) {
        return Err(SealError::Rule("its parity groups do not hold each pack once"));
    }
    if parity.packs() > limits::PARITY_PACKS {
        return Err(SealError::Rule("it has too many parity packs"));
    }
    if !parity.volumes.iter().map(|v| &v.name).eq(p.volumes.iter().map(|v| &v.name)) {
        return Err(SealError::Rule("its parity names other volumes"));
    }
    if !rules::hold_once(&parity.volumes, parity.packs()) {
        return Err(SealError::Rule("its volumes do not hold each parity pack once"));
    }
    Ok(())
}

/// Whether each parity pack has the size that its group gives it.
pub(super) fn check_sizes(seal: &Seal) -> Result<(), SealError> {
    let Some(parity) = &seal.predicate.parity else { return Ok(()) };
    for (first, group) in parity.numbered() {
        let expected = group.file_size(seal.longest_pack(group));
        let fits = |n| seal.subject(&BundleFile::Parity(n)).is_some_and(|s| s.size == expected);
        if !(first..first + group.parity).all(fits) {
            return Err(SealError::Rule("a parity pack has not the size that its group gives it"));
        }
    }
    Ok(())
}
