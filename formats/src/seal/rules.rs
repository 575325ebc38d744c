//! What must hold inside a seal, for the one who writes it and for the one who reads it.

use super::{BundleFile, Seal, SealError, Volume, parity};
use crate::{FORMAT, limits, padding};

/// Checks everything in a seal that can be checked without the files.
pub(super) fn check(seal: &Seal) -> Result<(), SealError> {
    let p = &seal.predicate;
    let most = p.suite.most_recipients();
    if p.format != FORMAT {
        let (actual, expected) = (p.format.to_string(), FORMAT.to_string());
        return Err(SealError::Version { field: "format", actual, expected });
    }
    // SPEC 4.1: each of these MUST be refused.
    let rules = [
        (p.expires > p.created, "it expires before it was created"),
        ((1..=limits::JSON_INTEGER).contains(&p.number), "its number is out of range"),
        (!p.destinations.is_empty(), "it has no destination"),
        (p.destinations.len() <= limits::DESTINATIONS, "it has too many destinations"),
        (p.destinations.windows(2).all(|w| w[0] < w[1]), "its destination tags are not in order"),
        (p.stanzas.index == 1 && p.stanzas.pack == 1, "index and packs must be sealed to the bundle's identity alone"),
        ((1..=most).contains(&p.stanzas.catalogue), "the catalogue's recipients are out of range"),
        ((1..=most).contains(&p.stanzas.keys), "the keys' recipients are out of range"),
        (p.builds_on.is_empty(), "builds_on is reserved in this format"),
    ];
    if let Some((_, fault)) = rules.iter().find(|(holds, _)| !holds) {
        return Err(SealError::Rule(fault));
    }
    check_stream(seal)?;
    check_volumes(seal)?;
    parity::check(seal)?;
    check_subjects(seal)?;
    parity::check_sizes(seal)
}

fn check_stream(seal: &Seal) -> Result<(), SealError> {
    let stream = &seal.predicate.stream;
    let pack_fits = (limits::PACK_STREAM_MIN..=limits::PACK_STREAM_MAX).contains(&stream.pack)
        && stream.pack.is_multiple_of(limits::PACK_STREAM_MIN);
    if !pack_fits {
        return Err(SealError::Rule("its packs have a length out of range"));
    }
    if !padding::is_padded(stream.length) {
        return Err(SealError::Rule("its stream is not padded"));
    }
    if stream.packs() > limits::PACKS {
        return Err(SealError::Rule("it has too many packs"));
    }
    Ok(())
}

fn check_volumes(seal: &Seal) -> Result<(), SealError> {
    let volumes = &seal.predicate.volumes;
    if volumes.is_empty() || volumes.len() > limits::VOLUMES {
        return Err(SealError::Rule("its volumes are out of range"));
    }
    if volumes.iter().enumerate().any(|(i, v)| volumes[..i].iter().any(|w| w.name == v.name)) {
        return Err(SealError::Rule("two of its volumes have one name"));
    }
    if hold_once(volumes, seal.predicate.stream.packs()) {
        Ok(())
    } else {
        Err(SealError::Rule("its volumes do not hold each pack once"))
    }
}

/// Whether the ranges of `volumes` hold each number from 0 to `count` - 1 once.
pub(super) fn hold_once(volumes: &[Volume], count: u64) -> bool {
    let mut ranges: Vec<_> = volumes.iter().flat_map(|v| v.packs.iter().copied()).collect();
    ranges.sort_unstable();
    ranges.iter().try_fold(0, |next, &(first, end)| (first == next && end > first).then_some(end)) == Some(count)
}

fn check_subjects(seal: &Seal) -> Result<(), SealError> {
    let p = &seal.predicate;
    let mut expected: Vec<String> = [BundleFile::Recover, BundleFile::Catalogue, BundleFile::Index, BundleFile::Keys]
        .into_iter()
        .chain(p.volumes.iter().map(|v| BundleFile::Sums(v.name.clone())))
        .chain((0..p.stream.packs()).map(BundleFile::Pack))
        .chain((0..p.parity.as_ref().map_or(0, super::Parity::packs)).map(BundleFile::Parity))
        .map(|file| file.to_string())
        .collect();
    expected.sort_unstable();
    let mut actual = seal.subjects.iter();
    for name in &expected {
        let subject = actual.next().filter(|s| s.file.to_string() == *name);
        let Some(subject) = subject else {
            return Err(SealError::Subjects { file: name.clone() });
        };
        let (size, limit) = (subject.size, subject.file.size_limit());
        if size > limit {
            return Err(SealError::Size { file: subject.file.clone(), size, limit });
        }
    }
    match actual.next() {
        None => Ok(()),
        Some(extra) => Err(SealError::Subjects { file: extra.file.to_string() }),
    }
}
