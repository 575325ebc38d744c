//! Before anything is written: the policy, the source, the media, whether it fits, and whether an export that broke off
//! can go on.

use super::allowed::check_policy;
use super::journal::State;
use super::resume::{self, Same, Unfinished};
use super::shares::{Sizes, capacity};
use super::source::{Source, walk};
use super::{
    ExportError, ExportRequest, Exporter, Media, Parity, Spanning, UnfinishedExport, content, likely, shape, target,
    unfinished,
};
use crate::error::FsError;
use crate::export::pack::FullPack;
use crate::media::{Depth, LargestFile, Probe, probe};
use crate::observe::{Event, Observer, Phase};
use crate::sign::Signer;
use crate::vault::Vault;
use gapvault_formats::agefile::Suite;
use gapvault_formats::catalogue::Totals;
use gapvault_formats::names::{Label, VolumeName};
use gapvault_formats::{limits, padding};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes that describe the smallest bundle, blocks of the file system not counted.
const RESERVE: u64 = 256 << 10;
/// Sources from this many bytes on are worth a second for finding out how fast the media are.
const LARGE: u64 = 4 << 30;

/// What an export will do.
#[derive(Clone, Debug)]
pub struct MediaPlan {
    /// What is exported.
    pub totals: Totals,
    /// Bytes of content and padding, if coding saves as much as it does in a few pieces of the source.
    pub likely: u64,
    /// The same if nothing gets smaller.
    pub most: u64,
    /// Bytes of packs and their parity that all volumes have room for; of media that are swapped, each of them.
    pub room: u64,
    /// Whether the worst case fits. Media that are swapped are never too few.
    pub fits: bool,
    /// Whether what is likely fits.
    pub fits_likely: bool,
    /// The volumes; of media that are swapped, the first.
    pub volumes: Vec<PlannedVolume>,
    /// How many volumes there will likely be.
    pub volumes_likely: u64,
    /// Bytes of stream in a pack.
    pub pack_size: u64,
    /// Packs, likely, parity not among them.
    pub packs_likely: u64,
    /// Seconds that writing and reading back likely take, if the media were measured.
    pub seconds: Option<u64>,
    /// The export that is gone on with.
    pub goes_on: Option<GoesOn>,
}

/// A volume to come.
#[derive(Clone, Debug)]
pub struct PlannedVolume {
    /// Its name.
    pub name: VolumeName,
    /// What its medium is and can do.
    pub probe: Probe,
    /// Packs that it has room for, beside their parity.
    pub packs: u64,
    /// Whether another of the media is on the same file system, and shares its room.
    pub shared: bool,
}

/// An export that broke off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoesOn {
    /// Its label.
    pub label: Label,
    /// Packs that were written. Whether they are whole is seen when they are read.
    pub packs: u64,
}

/// An export that can begin.
pub struct Prepared<'a> {
    pub(super) request: &'a ExportRequest,
    pub(super) signer: &'a dyn Signer,
    pub(super) exporter: Exporter,
    pub(super) source: Source,
    pub(super) shape: shape::Shape,
    pub(super) sizes: Sizes,
    pub(super) spanning: Spanning,
    /// Bytes that each volume must keep for what describes the bundle.
    pub(super) reserve: u64,
    pub(super) same: Same,
    pub(super) unfinished: Option<Unfinished>,
    /// Unfinished exports of the same artifact that are given up.
    pub(super) given_up: Vec<Label>,
    plan: MediaPlan,
}

impl Prepared<'_> {
    /// What it will do.
    #[must_use]
    pub fn plan(&self) -> &MediaPlan {
        &self.plan
    }
}

/// Looks at everything that an export needs, and tries the media with little files. Nothing is asked of `signer` but its
/// public key.
pub fn prepare<'a>(
    vault: &Vault,
    request: &'a ExportRequest,
    signer: &'a dyn Signer,
    observer: &dyn Observer,
) -> Result<Prepared<'a>, ExportError> {
    let (tent, exporter, suite) = check_policy(vault, request, signer)?;
    check_options(request)?;
    let too_little = |least| ExportError::Memory { least, given: request.options.memory.unwrap_or(0) };
    let paths = request.media.paths();
    let shape = shape::Shape::new(request.options, paths.len()).map_err(too_little)?;
    for (number, path) in paths.iter().enumerate() {
        target::check(path)?;
        let real = |path: &PathBuf| path.canonicalize().map_err(FsError::at("can't look at", path));
        let own = real(path)?;
        for other in &paths[..number] {
            if real(other)? == own {
                return Err(ExportError::Twice { path: path.clone() });
            }
        }
    }
    if request.options.parity == Parity::SpareVolume
        && (paths.len() < 2 || matches!(request.media, Media::Swapped { .. }))
    {
        return Err(ExportError::NotSpare);
    }
    request.provenance.check()?;

    observer.event(Event::Begin { phase: Phase::Walk, total: 0, medium: None });
    let media: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let source = walk(&request.paths, &media, request.options.follow_links, observer)?;
    observer.event(Event::End { medium: None });
    let most = padding::padded(source.bytes);
    let pack_size = request.options.pack_size;
    if most.div_ceil(pack_size) > limits::PACKS {
        return Err(ExportError::TooLarge { bytes: source.bytes, pack_size });
    }
    let same = same(vault, request, &exporter, suite)?;
    let (unfinished, given_up) = if request.options.restart {
        (None, of_artifact(vault, request)?)
    } else {
        (going_on(vault, &same, &source)?, Vec::new())
    };

    content::check(tent, &source, shape.threads, observer)?;
    let sizes = Sizes::new(FullPack::longest(pack_size.min(most)), request.options.parity, &media)?;
    // Catalogue and index together: a thousandth of the content, and for each file its path, digest and recipe.
    let reserve = most / 1000 + source.entries.len() as u64 * 400 + most.div_ceil(pack_size) * 300 + RESERVE;
    // Of what was just enough, file systems have taken some for their own tables since: it must still do to go on.
    let reserve = if unfinished.is_some() { reserve / 2 } else { reserve };
    let spanning = match request.media {
        Media::Together(_) => Spanning::Together,
        Media::Swapped { volume_size, .. } => Spanning::Swapped { volume_size },
    };
    let mut prepared = Prepared {
        plan: MediaPlan {
            totals: source.totals(),
            likely: padding::padded(likely::coded(&source)),
            most,
            room: 0,
            fits: true,
            fits_likely: true,
            volumes: Vec::new(),
            volumes_likely: 0,
            pack_size,
            packs_likely: 0,
            seconds: None,
            goes_on: None,
        },
        request,
        signer,
        exporter,
        source,
        shape,
        sizes,
        spanning,
        reserve,
        same,
        unfinished,
        given_up,
    };
    prepared.plan_media()?;
    Ok(prepared)
}

impl Prepared<'_> {
    fn plan_media(&mut self) -> Result<(), ExportError> {
        let paths = self.request.media.paths();
        let depth = if self.plan.most >= LARGE { Depth::Measured } else { Depth::Quick };
        let mut probes = Vec::new();
        for path in paths {
            probes.push(probe(path, depth)?);
        }
        let mut on_device: BTreeMap<u64, u64> = BTreeMap::new();
        let mut devices = Vec::new();
        for path in paths {
            let device = std::fs::metadata(path).map_err(FsError::at("can't look at", path))?.dev();
            *on_device.entry(device).or_default() += 1;
            devices.push(device);
        }
        for probe in &probes {
            let limits = [
                probe.process_limit,
                match probe.largest_file {
                    LargestFile::Bytes(bytes) => Some(bytes),
                    LargestFile::Room | LargestFile::Unknown => None,
                },
            ];
            // Said now, and not when the first pack is full.
            let needed = self.sizes.longest_file();
            if let Some(limit) = limits.into_iter().flatten().min().filter(|limit| *limit < needed) {
                return Err(ExportError::FileLimit { path: probe.path.clone(), limit, needed });
            }
        }
        let shares = |number: usize| on_device[&devices[number]];
        let rooms: Vec<u64> = probes
            .iter()
            .enumerate()
            .map(|(number, probe)| {
                // What an earlier run has written there is kept, or makes room.
                let own = self.unfinished.iter().map(|u| &u.begin.label).chain(&self.given_up);
                let occupied = own.map(|own| target::occupied(&target::bundle_path(&probe.path, own), self.sizes));
                let free = probe.free / shares(number) + occupied.sum::<u64>();
                let room = match self.spanning {
                    Spanning::Together => free,
                    Spanning::Swapped { volume_size } => free.min(volume_size),
                };
                room.saturating_sub(self.reserve)
            })
            .collect();
        let packs = capacity(self.sizes, &rooms);
        self.plan.room = rooms.iter().sum();
        self.plan.packs_likely = self.plan.likely.div_ceil(self.plan.pack_size);
        let names = (1..).map(|number: usize| number.to_string().parse::<VolumeName>());
        for ((number, probe), name) in probes.into_iter().enumerate().zip(names) {
            let shared = shares(number) > 1;
            self.plan.volumes.push(PlannedVolume { name: name?, probe, packs: packs[number], shared });
        }
        let each = packs.iter().sum::<u64>();
        self.plan.volumes_likely = match self.spanning {
            Spanning::Together => paths.len() as u64,
            Spanning::Swapped { .. } if each == 0 => 0,
            Spanning::Swapped { .. } => self.plan.packs_likely.div_ceil(each),
        };
        self.plan.seconds = self.seconds();
        self.plan.goes_on = self
            .unfinished
            .as_ref()
            .map(|unfinished| GoesOn { label: unfinished.begin.label.clone(), packs: unfinished.laid_out() });
        self.check_room(&rooms, each)
    }

    /// Whether the worst case fits.
    fn check_room(&mut self, rooms: &[u64], packs: u64) -> Result<(), ExportError> {
        let overcommit = self.request.options.overcommit;
        if let Spanning::Swapped { .. } = self.spanning {
            if packs == 0 && self.unfinished.is_none() {
                return Err(ExportError::VolumeTooSmall { volume_size: self.sizes.volume(1) + self.reserve });
            }
            return Ok(());
        }
        let (full, last) = (self.plan.most / self.plan.pack_size, self.plan.most % self.plan.pack_size);
        let last = if last == 0 { 0 } else { self.sizes.on_medium(FullPack::longest(last)) };
        let worst = full * self.sizes.pack + last;
        let parity = match self.sizes.parity {
            Parity::SpareVolume => worst / (rooms.len() as u64 - 1).max(1),
            _ => self.sizes.parity(full + u64::from(last > 0)),
        };
        let room: u64 = rooms.iter().sum();
        // The last pack may be shorter than the others, and fit where they do not.
        let short = rooms.iter().any(|room| room % self.sizes.pack.max(1) >= last);
        let fits = packs >= full + u64::from(last > 0 && !(short && rooms.len() == 1)) && room >= worst + parity;
        self.plan.fits = fits;
        self.plan.fits_likely = packs >= self.plan.packs_likely;
        if fits || overcommit {
            return Ok(());
        }
        let needed = worst + parity + self.reserve * rooms.len() as u64;
        match self.request.media.paths() {
            [path] => {
                let free = self.plan.volumes[0].probe.free;
                Err(ExportError::TooSmallAlone { path: path.clone(), free, needed: needed.max(free + 1) })
            }
            _ => {
                let packs_needed = (full + u64::from(last > 0)).max(packs + 1);
                Err(ExportError::TooSmall { packs, room, packs_needed, needed })
            }
        }
    }

    fn seconds(&self) -> Option<u64> {
        let rates: Option<Vec<u64>> = self.plan.volumes.iter().map(|volume| volume.probe.write_rate).collect();
        let rate: u64 = rates?.iter().sum();
        let passes = 1 + u64::from(self.request.options.read_back);
        (rate > 0).then(|| passes * self.plan.likely / rate)
    }
}

fn check_options(request: &ExportRequest) -> Result<(), ExportError> {
    let pack_size = request.options.pack_size;
    let range = limits::PACK_STREAM_MIN..=limits::PACK_STREAM_MAX;
    if range.contains(&pack_size) && pack_size.is_multiple_of(limits::PACK_STREAM_MIN) {
        Ok(())
    } else {
        Err(ExportError::PackSize { pack_size })
    }
}

fn same(vault: &Vault, request: &ExportRequest, exporter: &Exporter, suite: Suite) -> Result<Same, ExportError> {
    let absolute = |path: &PathBuf| path.canonicalize().map_err(FsError::at("can't find", path));
    Ok(Same {
        artifact: request.artifact.clone(),
        tent: request.tent.clone(),
        key: (exporter.key != vault.card().key).then(|| exporter.key.clone()),
        paths: request.paths.iter().map(absolute).collect::<Result<_, _>>()?,
        follow_links: request.options.follow_links,
        pack_size: request.options.pack_size,
        parity: request.options.parity,
        suite,
        swapped: matches!(request.media, Media::Swapped { .. }),
    })
}

/// The unfinished exports of the artifact that is asked for.
fn of_artifact(vault: &Vault, request: &ExportRequest) -> Result<Vec<Label>, ExportError> {
    let of_it = |e: &UnfinishedExport| (&e.artifact, &e.tent) == (&request.artifact, &request.tent);
    Ok(unfinished(vault)?.into_iter().filter(of_it).map(|export| export.label).collect())
}

/// The unfinished export that is the same as what was asked for now.
fn going_on(vault: &Vault, same: &Same, source: &Source) -> Result<Option<Unfinished>, ExportError> {
    let mut found: Option<State> = None;
    for state in resume::all(vault)? {
        let other = (&state.begin.artifact, &state.begin.tent) != (&same.artifact, &same.tent);
        if other {
            continue;
        }
        if Same::of(&state.begin) != *same {
            let begun = Same::of(&state.begin).to_string();
            let (label, artifact) = (state.begin.label, state.begin.artifact);
            return Err(ExportError::OtherUnfinished { label, artifact, begun });
        }
        // Its index would carry a key that was renewed because somebody should not have it any more.
        if vault.pins(&same.tent).next().is_some_and(|pin| pin != state.begin.tent_key) {
            let (label, artifact) = (state.begin.label, state.begin.artifact);
            return Err(ExportError::TentKeyRenewed { label, artifact, tent: same.tent.clone() });
        }
        found = Some(state);
    }
    found.map(|state| Unfinished::of(state, source)).transpose()
}
