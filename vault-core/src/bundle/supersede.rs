//! Several seals of one bundle: the same content for the same readers, some of it in fresh packs.

use gapvault_formats::seal::{BundleFile, Predicate, Seal};

/// SPEC 13.9: whether two seals, each signed by the exporter that it names, are of one bundle.
pub(crate) fn are_one_bundle(one: &Seal, other: &Seal) -> bool {
    fn same(p: &Predicate) -> impl PartialEq + '_ {
        let who = (&p.exporter, &p.label, &p.nonce, p.number, p.expires);
        (who, &p.destinations, &p.suite, &p.stanzas, &p.stream)
    }
    let digest = |seal: &Seal, file: &BundleFile| seal.subject(file).map(|s| s.sha256);
    let described = [BundleFile::Catalogue, BundleFile::Index, BundleFile::Keys];
    let (earlier, later) = if is_later(one, other) { (other, one) } else { (one, other) };
    (earlier == later || later.predicate().supersedes.is_some())
        && same(one.predicate()) == same(other.predicate())
        && described.iter().all(|file| digest(one, file) == digest(other, file))
}

/// Whether the first of two seals of one bundle is the later one; of two of one second, the one that supersedes.
pub(crate) fn is_later(one: &Seal, other: &Seal) -> bool {
    let key = |seal: &Seal| (seal.predicate().created, seal.predicate().supersedes);
    key(one) > key(other)
}
