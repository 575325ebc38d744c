//! What reading a bundle has shown: what is there, what is not, what could be mended.

use crate::bundle::{
    Fault, Fetched, Homes, Listed, Shards, diagnose, group_files, regenerate_sums, tell_lack, volume_files, weight,
};
use crate::numbers::{Numbers, tell_volumes};
use crate::observe::Observer;
use gapvault_formats::names::VolumeName;
use gapvault_formats::seal::{BundleFile, Group, Seal, Volume};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A volume of the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeReport {
    /// Its name.
    pub name: VolumeName,
    /// Where it stands; empty if it was not brought.
    pub paths: Vec<PathBuf>,
    /// How many of the files that it alone should have are not there, or not as they should be.
    pub bad: u64,
}

/// A parity group with something damaged or missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupReport {
    /// The packs that are not there whole.
    pub packs: Numbers,
    /// The parity packs that are not.
    pub parity_packs: Numbers,
    /// How many shards its worst stripe lacks.
    pub lacks: usize,
    /// How many it may lack: its parity packs.
    pub parity: usize,
}

impl GroupReport {
    /// Whether it can be mended from what is there.
    #[must_use]
    pub fn is_mendable(&self) -> bool {
        self.lacks <= self.parity
    }
}

/// What there is of a bundle.
#[derive(Debug, Default)]
pub struct Report {
    /// Its label.
    pub label: String,
    /// Its volumes.
    pub volumes: Vec<VolumeReport>,
    /// Every file that is damaged, unreadable, or missing from a volume that was brought; the gravest first.
    pub faults: Vec<Fault>,
    /// The packs on volumes that were not brought.
    pub absent: Numbers,
    /// The groups with something damaged or missing.
    pub groups: Vec<GroupReport>,
    /// How many groups there are.
    pub group_count: usize,
    /// How many more packs each group could lose and be mended, in every stripe; `None` without parity.
    pub spare: Option<usize>,
    /// Whether everything that is damaged can be mended from what is there.
    pub mendable: bool,
    /// Whether a missing pack may just be elsewhere: there is no parity, and nothing that is here is damaged.
    only_missing: bool,
}

impl Report {
    /// Whether something that is here is damaged, or missing from a volume that is here.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        !self.faults.is_empty() && !self.only_missing
    }

    /// Whether a volume is missing, or a pack of a bundle without parity.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        !self.absent.is_empty() || !self.faults.is_empty() || self.volumes.iter().any(|v| v.paths.is_empty())
    }

    /// The volumes that were not brought.
    #[must_use]
    pub fn missing_volumes(&self) -> Vec<VolumeName> {
        self.volumes.iter().filter(|v| v.paths.is_empty()).map(|v| v.name.clone()).collect()
    }

    pub(super) fn damage(&self) -> String {
        let first = self.faults.first().map(|fault| fault.error.to_string()).unwrap_or_default();
        let more = match self.faults.len() {
            0 | 1 => String::new(),
            n => format!("; {n} files are damaged or missing"),
        };
        let mendable = if self.mendable { ": all of it can be mended" } else { "" };
        let worst = self.groups.iter().filter(|group| !group.is_mendable()).max_by_key(|group| group.lacks);
        let worst = worst.map_or(String::new(), |group| {
            let GroupReport { packs, lacks, parity, .. } = group;
            format!("; {} can't be mended: {}", packs.named(), tell_lack(*lacks, *parity))
        });
        format!("{first}{more}{mendable}{worst}")
    }

    pub(super) fn absence(&self) -> String {
        let missing = self.missing_volumes();
        match self.faults.first() {
            Some(fault) if missing.is_empty() => fault.error.to_string(),
            fault => {
                let fault = fault.map_or(String::new(), |fault| format!("; {}", fault.error));
                let packs = if self.absent.is_empty() { String::new() } else { format!(" (packs {})", self.absent) };
                format!("bundle {} is incomplete: {} missing{packs}{fault}", self.label, tell_volumes(&missing))
            }
        }
    }

    pub(super) fn completion(&self) -> &'static str {
        if self.mendable && self.spare.is_some() {
            "`gapvault import` of these media together mends it on its way in; `gapvault repair` writes it anew to other media"
        } else {
            "bring the media that it was written to, or have the lab run `gapvault export --again BUNDLE --volume N` for each volume that is missing"
        }
    }

    pub(super) fn advice(&self) -> &'static str {
        if self.mendable {
            "`gapvault import` mends it on its way in; `gapvault repair` writes it anew to another medium"
        } else {
            "the medium is damaged or was altered: have the lab run `gapvault export --again BUNDLE --volume N` for the volume concerned, and find out which of the two it was"
        }
    }
}

/// Draws up what was read; `None` if somebody wants to stop.
pub(super) fn make(seal: &Seal, folders: &[Listed<'_>], fetched: Fetched, observer: &dyn Observer) -> Option<Report> {
    let predicate = seal.predicate();
    let here = |file: &BundleFile| folders.iter().any(|folder| folder.has(file));
    let paths = |volume: &Volume| -> Vec<PathBuf> {
        let has = |number: usize, folder: &Listed<'_>| {
            volume_files(seal, volume).any(|file| folder.has(&file) && !fetched.is_spoiled_copy(number, &file))
        };
        let having = folders.iter().enumerate().filter(|(number, folder)| has(*number, folder));
        having.map(|(_, folder)| folder.placed.bundle.path().to_owned()).collect()
    };
    let (mut volumes, mut missing, mut absent) = (Vec::new(), Vec::new(), BTreeSet::new());
    for volume in &predicate.volumes {
        let (name, paths) = (volume.name.clone(), paths(volume));
        let bad = volume_files(seal, volume).filter(|file| !fetched.has(file)).count() as u64;
        if paths.is_empty() {
            absent.extend(volume_files(seal, volume));
        } else {
            missing.extend(volume_files(seal, volume).filter(|file| !here(file)));
        }
        volumes.push(VolumeReport { name, paths, bad });
    }
    // SPEC 2: of media that were swapped one has what describes the bundle; it is one with a seal.
    if folders.iter().any(|folder| folder.placed.bundle.is_sealed()) {
        let common = [BundleFile::Catalogue, BundleFile::Index, BundleFile::Keys, BundleFile::Recover];
        missing.extend(common.into_iter().filter(|file| !here(file)));
    }
    let group_files_bad = |files: &[BundleFile]| files.iter().any(|file| !fetched.has(file));

    let (mut groups, mut spare, mut group_count) = (Vec::new(), None, 0);
    for (first, group) in predicate.parity.iter().flat_map(|parity| parity.numbered()) {
        group_count += 1;
        let files: Vec<_> = group_files(first, group).collect();
        let parity = usize::try_from(group.parity).unwrap_or(usize::MAX);
        let lacks = if group_files_bad(&files) {
            let report = examine(seal, first, group, folders, &fetched, observer)?;
            let lacks = report.lacks;
            groups.push(report);
            lacks
        } else {
            0
        };
        let left = parity.saturating_sub(lacks);
        spare = Some(spare.map_or(left, |spare: usize| spare.min(left)));
    }

    let mendable_file = |file: &BundleFile| match file {
        _ if fetched.has(file) => true,
        // What of a group is bad decides for all of it.
        BundleFile::Pack(_) | BundleFile::Parity(_) => predicate.parity.is_some(),
        BundleFile::Sums(_) => regenerate_sums(seal, file).is_some(),
        _ => false,
    };
    let only_missing = predicate.parity.is_none()
        && fetched.faults.is_empty()
        && missing.iter().all(|file| matches!(file, BundleFile::Pack(_)));
    let homes = Homes::new(seal, folders);
    let lost = |file: BundleFile| Fault { error: homes.missing(&file), file };
    let bad = fetched.faults.iter().map(|fault| &fault.file).chain(&missing);
    let mendable = bad.into_iter().all(mendable_file) && groups.iter().all(GroupReport::is_mendable);
    let mut faults = fetched.faults;
    faults.extend(missing.into_iter().map(lost));
    faults.sort_by_key(|fault| weight(&fault.file));
    let mut absent: Vec<_> = absent
        .iter()
        .filter_map(|file| match file {
            BundleFile::Pack(number) => Some(*number),
            _ => None,
        })
        .collect();
    absent.sort_unstable();
    Some(Report {
        label: predicate.label.to_string(),
        volumes,
        faults,
        absent: absent.into_iter().collect(),
        groups,
        group_count,
        spare,
        mendable,
        only_missing,
    })
}

/// Looks into a group of which something is not there whole.
fn examine(
    seal: &Seal,
    first: u64,
    group: &Group,
    folders: &[Listed<'_>],
    fetched: &Fetched,
    observer: &dyn Observer,
) -> Option<GroupReport> {
    let place = |file: &BundleFile| {
        let folder = |n: usize| &folders[n].placed.bundle.folder;
        match fetched.folder_of(file, folders.len()) {
            Some(whole) => (Some(folder(whole)), Vec::new()),
            None => (None, (0..folders.len()).filter(|n| folders[*n].has(file)).map(folder).collect()),
        }
    };
    let bad = |of: &mut dyn Iterator<Item = u64>, file: fn(u64) -> BundleFile| -> Numbers {
        let mut numbers: Vec<_> = of.filter(|n| !fetched.has(&file(*n))).collect();
        numbers.sort_unstable();
        numbers.into_iter().collect()
    };
    let packs = bad(&mut group.numbers(), BundleFile::Pack);
    let parity_packs = bad(&mut (first..first + group.parity), BundleFile::Parity);
    let parity = usize::try_from(group.parity).unwrap_or(usize::MAX);
    let lacks = match Shards::new(seal, first, group, place) {
        Some(shards) => diagnose(&shards, observer)?.worst,
        None => usize::MAX,
    };
    Some(GroupReport { packs, parity_packs, lacks, parity })
}
