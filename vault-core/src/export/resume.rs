//! Going on with an export that broke off: what its journal says, held against the source and the media as they are.

use super::journal::{self, Begin, End, Finished, Journal, Kept, State};
use super::leftovers::of_label;
use super::pack::Row;
use super::prove::Checked;
use super::regenerate::Lost;
use super::source::Source;
use super::target::Target;
use super::{ExportError, Parity, Spanning};
use crate::observe::{Event, Observer, Phase};
use crate::vault::Vault;
use gapvault_formats::agefile::Suite;
use gapvault_formats::custody;
use gapvault_formats::names::Label;
use gapvault_formats::names::{ArtifactRef, TentName};
use gapvault_formats::sshsig::PublicKey;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::path::PathBuf;

/// What makes two commands the same export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Same {
    pub(super) artifact: ArtifactRef,
    pub(super) tent: TentName,
    /// The exporter's key; `None` for the vault's own.
    pub(super) key: Option<PublicKey>,
    pub(super) paths: Vec<PathBuf>,
    pub(super) follow_links: bool,
    pub(super) pack_size: u64,
    pub(super) parity: Parity,
    pub(super) suite: Suite,
    pub(super) swapped: bool,
}

impl std::fmt::Display for Same {
    /// As it is typed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for path in &self.paths {
            write!(f, "{} ", path.display())?;
        }
        write!(f, "--name {} --tent {} --pack-size {}", self.artifact, self.tent, self.pack_size)?;
        match self.parity {
            Parity::None => {}
            Parity::Percent(percent) => write!(f, " --parity {percent}%")?,
            Parity::SpareVolume => f.write_str(" --spare-volumes 1")?,
        }
        f.write_str(if self.suite == Suite::PostQuantum { " --post-quantum" } else { "" })?;
        if let Some(key) = &self.key {
            write!(f, " --key FILE (with key {})", key.fingerprint())?;
        }
        f.write_str(if self.follow_links { " --follow-links" } else { "" })?;
        f.write_str(if self.swapped { " --volume-size …" } else { "" })
    }
}

impl Same {
    pub(super) fn of(begin: &Begin) -> Self {
        Self {
            artifact: begin.artifact.clone(),
            tent: begin.tent.clone(),
            key: begin.key.clone(),
            paths: begin.paths.clone(),
            follow_links: begin.follow_links,
            pack_size: begin.pack_size,
            parity: begin.parity,
            suite: begin.suite,
            swapped: matches!(begin.spanning, Spanning::Swapped { .. }),
        }
    }
}

/// An export that can be gone on with.
#[derive(Debug)]
pub(super) struct Unfinished {
    end: End,
    pub(super) begin: Begin,
    /// The chunks of the packs that were laid out without a gap, in stream order.
    pub(super) rows: Vec<Row>,
    /// What was noted of those packs.
    pub(super) packs: BTreeMap<u64, Kept>,
    pub(super) finished: Vec<Finished>,
}

/// The journals of exports that came to no bundle yet, as far as they can be read. (Those of the others are long, and
/// only who makes a volume again needs one.)
pub(super) fn all(vault: &Vault) -> Result<Vec<State>, ExportError> {
    let mut all = Vec::new();
    for label in journal::labels(vault)? {
        if of_label(vault, &label).is_none() {
            all.extend(state(vault, &label)?);
        }
    }
    Ok(all)
}

/// The journal of one export; `None` if it can't be read.
pub(super) fn state(vault: &Vault, label: &Label) -> Result<Option<State>, ExportError> {
    let tent = vault.log().iter().find_map(|entry| match &entry.event {
        custody::Event::ExportBegun(begun) if begun.label == *label => Some(&begun.tent),
        _ => None,
    });
    let keys = tent.map_or_else(|| Ok(Vec::new()), |tent| journal::keys(vault, tent, label))?;
    for key in keys {
        if let Some(state) = journal::read(vault, &key, label)? {
            return Ok(Some(state));
        }
    }
    Ok(None)
}

impl Unfinished {
    /// What a journal leaves to be done, if its source is still as it was.
    pub(super) fn of(state: State, source: &Source) -> Result<Self, ExportError> {
        let changed = source.changes(&state.stamps, 10);
        if !changed.is_empty() {
            return Err(ExportError::SourceChanged { label: state.begin.label, paths: changed });
        }
        let (mut rows, mut packs) = (Vec::new(), BTreeMap::new());
        for (expected, (number, (kept, own))) in (0..).zip(state.packs) {
            // Packs are noted as they become durable; behind a gap, chunks are not known.
            if number != expected {
                break;
            }
            rows.extend(own);
            packs.insert(number, kept);
        }
        let finished = state.finished.into_values().enumerate().take_while(|(n, f)| *n == f.volume);
        let finished = finished.map(|(_, finished)| finished).collect();
        Ok(Self { end: state.end, begin: state.begin, rows, packs, finished })
    }

    /// Its journal, to be gone on with.
    pub(super) fn journal(&self, vault: &Vault) -> Result<Journal, ExportError> {
        let Begin { tent, label, tent_key, .. } = &self.begin;
        let key = vault.load_tent_key(tent, tent_key)?.journal_key(label);
        Journal::go_on(vault, key, label, self.end)
    }

    /// How many packs were laid out.
    pub(super) fn laid_out(&self) -> u64 {
        self.packs.len() as u64
    }

    /// Reads the packs that stand on the media: those that are whole are kept, whatever else is there is removed. Gives
    /// what is kept, volumes that were finished before among them, and what is lost.
    pub(super) fn look(
        &self,
        targets: &mut [Target],
        observer: &dyn Observer,
    ) -> Result<(BTreeMap<u64, Kept>, Vec<Lost>), ExportError> {
        let current = self.finished.len();
        let mut kept: BTreeMap<u64, Kept> =
            self.packs.iter().filter(|(_, kept)| kept.volume < current).map(|(n, kept)| (*n, *kept)).collect();
        let found: Vec<_> = std::thread::scope(|scope| {
            let known = &kept;
            let threads: Vec<_> = targets
                .iter_mut()
                .enumerate()
                .map(|(medium, target)| scope.spawn(move || self.look_at(medium, target, known, observer)))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        for (medium, found) in found.into_iter().enumerate() {
            let mut own = BTreeSet::new();
            for number in found? {
                // Two media may hold the same pack: one of them keeps it.
                let entry = kept.entry(number).or_insert(Kept { volume: current + medium, ..self.packs[&number] });
                if entry.volume == current + medium {
                    own.insert(number);
                }
            }
            targets[medium].keep_only(&own)?;
        }
        let lost: Vec<_> = self.packs.values().filter(|pack| !kept.contains_key(&pack.number)).copied().collect();
        let mut placed = Vec::new();
        for pack in lost {
            let medium = match pack.group {
                None => None,
                Some(_) => Some(spare_place(pack, &mut kept, targets.len())?),
            };
            placed.push(Lost { number: pack.number, medium, group: pack.group });
        }
        // Until they are made again they are not there.
        for lost in &placed {
            kept.remove(&lost.number);
        }
        Ok((kept, placed))
    }

    fn look_at(
        &self,
        medium: usize,
        target: &mut Target,
        known: &BTreeMap<u64, Kept>,
        observer: &dyn Observer,
    ) -> Result<Vec<u64>, ExportError> {
        let there: Vec<_> = target.packs()?.into_iter().filter_map(|n| self.packs.get(&n)).collect();
        let total = there.iter().map(|pack| pack.size).sum();
        observer.event(Event::Begin { phase: Phase::Check, total, medium: Some(medium) });
        let mut whole = Vec::new();
        for pack in there.into_iter().filter(|pack| !known.contains_key(&pack.number)) {
            if observer.cancelled() {
                return Err(ExportError::Interrupted);
            }
            if target.check(pack.number, pack.size, pack.sha256)? == Checked::Whole {
                whole.push(pack.number);
            }
            observer.event(Event::Advance { bytes: pack.size, medium: Some(medium) });
        }
        observer.event(Event::End { medium: Some(medium) });
        Ok(whole)
    }
}

/// A medium for a lost pack of a group that goes over several: one without any other pack of the group.
fn spare_place(pack: Kept, kept: &mut BTreeMap<u64, Kept>, media: usize) -> Result<usize, ExportError> {
    let taken: BTreeSet<_> = kept.values().filter(|other| other.group == pack.group).map(|k| k.volume).collect();
    let packs_on = |medium: usize| kept.values().filter(|k| k.volume == medium).count();
    let free = (0..media).filter(|medium| !taken.contains(medium));
    // One more must be left for the parity.
    let place = free.min_by_key(|medium| packs_on(*medium)).filter(|_| taken.len() + 2 <= media);
    let place = place.ok_or(ExportError::NotSpare)?;
    kept.insert(pack.number, Kept { volume: place, ..pack });
    Ok(place)
}
