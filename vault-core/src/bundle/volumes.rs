//! What stands on which volume, by the seal.

use super::choose::Listed;
use super::files::BundleError;
use gapvault_formats::ids::MediumDigest;
use gapvault_formats::seal::{BundleFile, Seal, Subject, Volume};
use gapvault_formats::sums;
use std::path::PathBuf;

/// The files that stand on this volume and on no other.
pub(crate) fn volume_files<'a>(seal: &'a Seal, volume: &'a Volume) -> impl Iterator<Item = BundleFile> + 'a {
    let parity = seal.predicate().parity.iter().flat_map(|parity| &parity.volumes);
    let parity = parity.filter(|v| v.name == volume.name).flat_map(numbers).map(BundleFile::Parity);
    let packs = numbers(volume).map(BundleFile::Pack);
    [BundleFile::Sums(volume.name.clone())].into_iter().chain(packs).chain(parity)
}

fn numbers(volume: &Volume) -> impl Iterator<Item = u64> + '_ {
    volume.packs.iter().flat_map(|(first, end)| *first..*end)
}

/// Which volume each pack and parity pack stands on.
pub(crate) struct Whereabouts {
    packs: Vec<(u64, u64, usize)>,
    parity: Vec<(u64, u64, usize)>,
}

impl Whereabouts {
    pub(crate) fn new(seal: &Seal) -> Self {
        fn ranges(volumes: &[Volume]) -> Vec<(u64, u64, usize)> {
            let of = |(number, volume): (usize, &Volume)| {
                volume.packs.iter().map(|(first, end)| (*first, *end, number)).collect::<Vec<_>>()
            };
            let mut ranges: Vec<_> = volumes.iter().enumerate().flat_map(of).collect();
            ranges.sort_unstable();
            ranges
        }
        let parity = seal.predicate().parity.as_ref().map_or(&[][..], |parity| &parity.volumes);
        Self { packs: ranges(&seal.predicate().volumes), parity: ranges(parity) }
    }

    /// The number of the volume among the seal's; `None` for what stands on several.
    pub(crate) fn volume_of(&self, file: &BundleFile) -> Option<usize> {
        let (ranges, number) = match file {
            BundleFile::Pack(number) => (&self.packs, *number),
            BundleFile::Parity(number) => (&self.parity, *number),
            _ => return None,
        };
        let at = ranges.partition_point(|(_, end, _)| *end <= number);
        ranges.get(at).filter(|(first, ..)| *first <= number).map(|(.., volume)| *volume)
    }
}

/// Where files that are missing should be, by the folders that are in.
pub(crate) struct Homes<'s> {
    seal: &'s Seal,
    whereabouts: Whereabouts,
    /// By number of its volume, the first folder that has anything of it.
    folders: Vec<Option<PathBuf>>,
    /// The folder that is in, if it is the only one.
    only: Option<PathBuf>,
}

impl<'s> Homes<'s> {
    pub(crate) fn new(seal: &'s Seal, folders: &[Listed<'_>]) -> Self {
        let path = |folder: &Listed<'_>| folder.placed.bundle.path().to_owned();
        let home = |volume| {
            let has = |folder: &&Listed<'_>| volume_files(seal, volume).any(|file| folder.has(&file));
            folders.iter().find(has).map(path)
        };
        let only = if let [folder] = folders { Some(path(folder)) } else { None };
        let folders = seal.predicate().volumes.iter().map(home).collect();
        Self { seal, whereabouts: Whereabouts::new(seal), folders, only }
    }

    /// The error for a file that no folder has: with the folder of the volume that should, if that is in.
    pub(crate) fn missing(&self, file: &BundleFile) -> BundleError {
        let volume = match file {
            BundleFile::Sums(name) => self.seal.predicate().volumes.iter().position(|volume| volume.name == *name),
            file => self.whereabouts.volume_of(file),
        };
        let path = match volume {
            Some(volume) => self.folders[volume].clone(),
            None => self.only.clone(),
        };
        match path {
            Some(path) => BundleError::Missing { path, file: file.to_string() },
            None => BundleError::Lost { file: file.clone() },
        }
    }
}

/// The text of a volume's `SHA256SUMS`, made anew from the seal, if that comes to the digest in the seal.
pub(crate) fn regenerate_sums(seal: &Seal, file: &BundleFile) -> Option<String> {
    let BundleFile::Sums(name) = file else { return None };
    let expected = seal.subject(file)?;
    let volume = seal.predicate().volumes.iter().find(|volume| volume.name == *name)?;
    let own: std::collections::BTreeSet<_> = volume_files(seal, volume).collect();
    // SPEC 12: of media that were swapped, only the last lists what describes the bundle.
    [true, false].into_iter().find_map(|described| {
        let listed = |s: &&Subject| match s.file {
            BundleFile::Sums(_) => false,
            BundleFile::Recover => true,
            BundleFile::Catalogue | BundleFile::Index | BundleFile::Keys => described,
            _ => own.contains(&s.file),
        };
        let listed: Vec<Subject> = seal.subjects().iter().filter(listed).cloned().collect();
        Some(sums::text(&listed)).filter(|text| MediumDigest::of(text.as_bytes()) == expected.sha256)
    })
}
