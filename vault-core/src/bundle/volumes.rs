//! What stands on which volume, by the seal.

use gapvault_formats::ids::MediumDigest;
use gapvault_formats::seal::{BundleFile, Seal, Subject, Volume};
use gapvault_formats::sums;

/// The files that stand on this volume and on no other.
pub(crate) fn volume_files<'a>(seal: &'a Seal, volume: &'a Volume) -> impl Iterator<Item = BundleFile> + 'a {
    let parity = seal.predicate().parity.iter().flat_map(|parity| &parity.volumes);
    let parity = parity.filter(|v| v.name == volume.name).flat_map(|v| numbers(v)).map(BundleFile::Parity);
    let packs = numbers(volume).map(BundleFile::Pack);
    [BundleFile::Sums(volume.name.clone())].into_iter().chain(packs).chain(parity)
}

fn numbers(volume: &Volume) -> impl Iterator<Item = u64> + '_ {
    volume.packs.iter().flat_map(|(first, end)| *first..*end)
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
