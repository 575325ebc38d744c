//! The small bundle that the specification walks through (SPEC 15). Its descriptions are the first vectors of their kinds.

use crate::fixtures;
use gapvault_formats::FORMAT;
use gapvault_formats::agefile::Suite;
use gapvault_formats::catalogue::{self, Artifact, File, Folder, Link, Provenance, Reader, Role, Totals};
use gapvault_formats::coding::Coding;
use gapvault_formats::ids::{CardFingerprint, FileDigest, MediumDigest};
use gapvault_formats::index::{self, Run};
use gapvault_formats::relpath::RelPath;
use gapvault_formats::seal::{
    BundleFile, Group, Parity, Predicate, Seal, Stanzas, StreamLayout, Stride, Subject, Volume,
};

/// A file of the example that is stored.
pub(super) const HELLO: &[u8] = b"hello\n";
/// A file of the example that is one zstd frame.
pub(super) const ZEROS: &[u8] = &[0; 4096];
/// That frame: magic; one segment, a size of two bytes; 4,096 less 256; the last block, a run of 4,096; the byte.
pub(super) const ZEROS_CODED: &[u8] = b"\x28\xb5\x2f\xfd\x60\x00\x0f\x03\x80\x00\x00";

pub(super) fn catalogue_head() -> catalogue::Head {
    let reader = |site: &str, role, recipient| Reader {
        site: site.parse().unwrap(),
        role,
        recipient: fixtures::recipient(recipient),
        card: CardFingerprint::of(site.as_bytes()),
    };
    catalogue::Head {
        format: FORMAT,
        nonce: fixtures::nonce(),
        tent: fixtures::tent(),
        site: "lab".parse().unwrap(),
        person: "lab-exporter".parse().unwrap(),
        readers: vec![
            reader("cluster", Role::Member, fixtures::CLUSTER),
            reader("auditor", Role::Auditor, fixtures::AUDITOR),
        ],
        totals: Totals { artifacts: 1, files: 2, folders: 1, links: 1, bytes: (HELLO.len() + ZEROS.len()) as u64 },
    }
}

pub(super) fn artifact() -> Artifact {
    Artifact {
        artifact: "tiny:1".parse().unwrap(),
        provenance: Provenance {
            host: "host".to_owned(),
            tool: "gapvault 0.1.0".to_owned(),
            licence: None,
            parents: Vec::new(),
            notes: Vec::new(),
        },
    }
}

pub(super) fn file(path: &str, content: &[u8]) -> File {
    File { path: RelPath::new(path).unwrap(), mode: 0o644, size: content.len() as u64, sha256: FileDigest::of(content) }
}

pub(super) fn folder(path: &str) -> Folder {
    Folder { path: RelPath::new(path).unwrap(), mode: 0o755 }
}

pub(super) fn link(path: &str, target: &str) -> Link {
    Link { path: RelPath::new(path).unwrap(), target: target.to_owned() }
}

pub(super) fn catalogue() -> Vec<catalogue::Record> {
    use catalogue::Record;
    let head = catalogue_head();
    let end = head.totals;
    vec![
        Record::Head(head),
        Record::Artifact(artifact()),
        Record::File(file("hello.txt", HELLO)),
        Record::Link(link("latest", "weights/zeros.bin")),
        Record::Folder(folder("weights")),
        Record::File(file("weights/zeros.bin", ZEROS)),
        Record::End(end),
    ]
}

pub(super) fn index() -> Vec<index::Record> {
    use index::Record;
    let stored = HELLO.len() as u32;
    let coded = ZEROS_CODED.len() as u32;
    let head = index::Head {
        format: FORMAT,
        nonce: fixtures::nonce(),
        stream: u64::from(stored + coded),
        chunks: 2,
        files: 2,
    };
    vec![
        Record::Head(head),
        Record::Chunk(chunk(HELLO, 0, stored, Coding::Store)),
        Record::Chunk(chunk(ZEROS, stored.into(), coded, Coding::Zstd)),
        Record::Recipe(recipe(0, &[(0, 1)], false)),
        Record::Recipe(recipe(1, &[(1, 1)], false)),
        Record::End(index::End { chunks: 2, files: 2 }),
    ]
}

pub(super) fn chunk(plain: &[u8], offset: u64, stored: u32, coding: Coding) -> index::Chunk {
    index::Chunk { id: fixtures::tent_key().chunk_id(plain), offset, stored, length: plain.len() as u32, coding }
}

pub(super) fn recipe(file: u64, runs: &[(u64, u64)], more: bool) -> index::Recipe {
    index::Recipe { file, runs: runs.iter().map(|&(first, count)| Run { first, count }).collect(), more }
}

/// The seal of a bundle with this many packs of 64 KiB, each on a volume of its own. Age files are random, so the
/// digests are those of the files' names, and the sizes are made up.
pub(super) fn seal(packs: u64) -> String {
    seal_with(packs, None)
}

/// The seal of three packs, the first and last of them in one parity group, the second alone in another. The parity
/// packs are on the first two volumes.
pub(super) fn seal_with_parity() -> String {
    let group = |stride| Group { packs: vec![stride], parity: 1 };
    let volume = |n: u64, packs| Volume { name: format!("v{n}").parse().unwrap(), packs };
    seal_with(
        3,
        Some(Parity {
            groups: vec![group(Stride(0, 3, 2)), group(Stride(1, 2, 1))],
            volumes: vec![volume(1, vec![(0, 1)]), volume(2, vec![(1, 2)]), volume(3, Vec::new())],
        }),
    )
}

fn seal_with(packs: u64, parity: Option<Parity>) -> String {
    let pack = 65_536;
    let names = (0..packs).map(|n| format!("v{}", n + 1).parse().unwrap());
    let volumes: Vec<_> =
        names.enumerate().map(|(n, name)| Volume { name, packs: vec![(n as u64, n as u64 + 1)] }).collect();
    let files = [BundleFile::Recover, BundleFile::Catalogue, BundleFile::Index, BundleFile::Keys]
        .into_iter()
        .chain(volumes.iter().map(|volume| BundleFile::Sums(volume.name.clone())))
        .chain((0..packs).map(BundleFile::Pack))
        .chain((0..parity.as_ref().map_or(0, Parity::packs)).map(BundleFile::Parity));
    let subjects = files
        .map(|file| {
            let size = match &file {
                // The longest of its group is 65,768 bytes: two stripes of each shard.
                BundleFile::Parity(0) => 65_792 + 8 * 3 * 2,
                BundleFile::Parity(_) => 65_792 + 8 * 2 * 2,
                file if file.to_string().ends_with(".age") => 65_768,
                _ => 1_000,
            };
            Subject { sha256: MediumDigest::of(file.to_string().as_bytes()), file, size }
        })
        .collect();
    let (nonce, tent) = (fixtures::nonce(), fixtures::tent());
    let mut destinations =
        vec![fixtures::cluster_label_key().tag(&nonce, &tent), fixtures::auditor_label_key().tag(&nonce, &tent)];
    destinations.sort_unstable();
    let predicate = Predicate {
        format: FORMAT,
        label: "20261121-k3v9".parse().unwrap(),
        nonce,
        exporter: fixtures::public(fixtures::P256).parse().unwrap(),
        created: fixtures::created(),
        expires: fixtures::expires(),
        number: 7,
        destinations,
        suite: Suite::X25519,
        stanzas: Stanzas { catalogue: 2, keys: 1, index: 1, pack: 1 },
        stream: StreamLayout { length: packs * pack, pack },
        volumes,
        parity,
        builds_on: Vec::new(),
        supersedes: None,
    };
    String::from_utf8(Seal::new(subjects, predicate).unwrap().to_bytes().unwrap()).unwrap()
}
