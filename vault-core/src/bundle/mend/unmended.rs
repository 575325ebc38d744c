//! Groups that could not be mended, and how that is told.

use crate::numbers::Numbers;
use std::cmp::Reverse;
use std::fmt;

/// The most groups that a message tells.
const TOLD: usize = 3;

/// A parity group that is damaged beyond what it can mend.
#[derive(Debug)]
pub struct Unmended {
    /// Its packs that are not to be had; none if only parity packs are not.
    pub packs: Numbers,
    /// How many shards its worst stripe lacks.
    pub lacks: usize,
    /// How many it may lack: its parity packs.
    pub parity: usize,
    /// What went wrong instead, if it seemed that it could be mended.
    pub failed: Option<String>,
}

impl fmt::Display for Unmended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { packs, lacks, parity, failed } = self;
        match failed {
            Some(reason) if packs.is_empty() => write!(f, "parity packs can't be made anew: {reason}"),
            Some(reason) => write!(f, "{} can't be mended: {reason}", packs.named()),
            None => write!(f, "{} can't be mended: {}", packs.named(), tell_lack(*lacks, *parity)),
        }
    }
}

/// What a group's worst stripe lacks.
pub(crate) fn tell_lack(lacks: usize, parity: usize) -> String {
    let s = |n| if n == 1 { "" } else { "s" };
    let (shards, packs) = (s(lacks), s(parity));
    format!("the worst stripe lacks {lacks} shard{shards}, with {parity} parity pack{packs} it may lack {parity}")
}

/// What went wrong with groups, each behind a semicolon; of many the worst.
pub(crate) fn tell_unmended(unmended: &[Unmended]) -> String {
    let mut worst: Vec<_> = unmended.iter().collect();
    worst.sort_by_key(|group| Reverse(group.lacks.saturating_sub(group.parity)));
    let mut out: String = worst.iter().take(TOLD).map(|group| format!("; {group}")).collect();
    if let more @ 1.. = worst.len().saturating_sub(TOLD) {
        let groups = if more == 1 { "group" } else { "groups" };
        out.push_str(&format!("; {more} more {groups} can't be mended"));
    }
    out
}
