//! A bundle on several media, with parity: an exported one is taken apart and sealed again by its exporter.

use super::hostile::seal_to;
use super::kill::copy_tree;
use super::reseal::{packs, read_seal, reseal_bytes};
use super::{Gap, noise, run};
use gapvault_formats::agefile::OpenReader;
use gapvault_formats::ids::{BundleId, MediumDigest};
use gapvault_formats::keys::Keys;
use gapvault_formats::names::VolumeName;
use gapvault_formats::parity::{Encoder, Geometry, Table};
use gapvault_formats::seal::{BundleFile, Group, Parity, Predicate, SEAL_NAME, Seal, Stride, Subject, Volume};
use gapvault_formats::sums;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

/// How a bundle is laid out.
#[derive(Clone, Copy)]
pub struct Layout {
    pub volumes: usize,
    /// How many parity groups there are, and how many parity packs each has; no parity with 0.
    pub groups: usize,
    pub parity: usize,
    /// Whether only the last volume has the seal and what describes the bundle, as of media that were swapped.
    pub swapped: bool,
}

impl Layout {
    pub const fn new(volumes: usize, groups: usize, parity: usize) -> Self {
        Self { volumes, groups, parity, swapped: false }
    }
}

/// A bundle on several media.
pub struct Volumes {
    /// What was exported.
    pub source: PathBuf,
    pub media: Vec<PathBuf>,
    /// Its folder on each of them.
    pub bundles: Vec<PathBuf>,
    pub seal: Seal,
    layout: Layout,
}

/// Exports `model:v1` of noise in that many packs and lays it out on media of their own, `v1`, `v2` and so on.
pub fn export(gap: &Gap, packs: usize, layout: Layout) -> Volumes {
    export_as(gap, "v", "model:v1", packs, layout)
}

/// The same under another name, on media called `prefix` and a number.
pub fn export_as(gap: &Gap, prefix: &str, name: &str, packs: usize, layout: Layout) -> Volumes {
    let source = gap.path(&format!("{prefix} source"));
    fs::create_dir(&source).unwrap();
    // Padded, it just fills that many packs.
    fs::write(source.join("noise"), noise(packs as u64, packs * 65_536 - 40_000)).unwrap();
    let exported = gap.export(&source, name, &["--pack-size", "64K"]).expect(0).json();
    let single = PathBuf::from(exported["path"].as_str().unwrap());
    let media: Vec<_> = (1..=layout.volumes).map(|n| gap.path(&format!("{prefix}{n}"))).collect();
    let label = single.file_name().unwrap();
    let bundles: Vec<_> = media.iter().map(|medium| medium.join("gapvault").join(label)).collect();
    let seal = lay_out(gap, &single, &bundles, layout, |_| {});
    fs::remove_dir_all(&single).unwrap();
    Volumes { source, media, bundles, seal, layout }
}

/// Puts the files of a bundle on its volumes, with parity, and seals them.
fn lay_out(gap: &Gap, from: &Path, to: &[PathBuf], layout: Layout, edit: impl FnOnce(&mut Predicate)) -> Seal {
    let mut predicate = read_seal(from).predicate().clone();
    edit(&mut predicate);
    let count = predicate.stream.packs();
    let read = |file: &BundleFile| fs::read(from.join(file.to_string())).unwrap();
    let mut files: BTreeMap<BundleFile, Vec<u8>> =
        (0..count).map(BundleFile::Pack).map(|f| (f.clone(), read(&f))).collect();
    let volumes = to.len() as u64;
    let name = |v: usize| VolumeName::new(&(v + 1).to_string()).unwrap();
    let share = |of: u64, v: usize| (of * v as u64 / volumes, of * (v as u64 + 1) / volumes);
    let range = |(first, end)| if first < end { vec![(first, end)] } else { Vec::new() };
    predicate.volumes = (0..to.len()).map(|v| Volume { name: name(v), packs: range(share(count, v)) }).collect();
    predicate.parity = (layout.parity > 0).then(|| {
        let step = layout.groups as u64;
        let group = |g: u64| {
            let last = g + (count - 1 - g) / step * step;
            Group { packs: vec![Stride(g, last + 1, step)], parity: layout.parity as u64 }
        };
        let groups: Vec<_> = (0..step).map(group).collect();
        for (g, group) in groups.iter().enumerate() {
            for (j, bytes) in encode(group, &files).into_iter().enumerate() {
                files.insert(BundleFile::Parity((g * layout.parity + j) as u64), bytes);
            }
        }
        let all = (layout.groups * layout.parity) as u64;
        Parity {
            groups,
            volumes: (0..to.len()).map(|v| Volume { name: name(v), packs: range(share(all, v)) }).collect(),
        }
    });
    let described = [BundleFile::Catalogue, BundleFile::Index, BundleFile::Keys];
    for file in described.iter().chain([&BundleFile::Recover]) {
        files.insert(file.clone(), read(file));
    }
    let subject = |(file, bytes): (&BundleFile, &Vec<u8>)| Subject {
        file: file.clone(),
        sha256: MediumDigest::of(bytes),
        size: bytes.len() as u64,
    };
    let mut subjects: Vec<_> = files.iter().map(subject).collect();
    let mut on_volume = Vec::new();
    for (v, volume) in predicate.volumes.iter().enumerate() {
        let has = |of: &Volume, n: u64| of.packs.iter().any(|(a, b)| (*a..*b).contains(&n));
        let is_here = |file: &BundleFile| match file {
            BundleFile::Pack(n) => has(volume, *n),
            BundleFile::Parity(n) => predicate.parity.as_ref().is_some_and(|p| has(&p.volumes[v], *n)),
            BundleFile::Recover => true,
            _ => !layout.swapped || v + 1 == to.len(),
        };
        let mut here: BTreeMap<_, _> =
            files.iter().filter(|(f, _)| is_here(f)).map(|(f, b)| (f.clone(), b.clone())).collect();
        let mut listed: Vec<_> = here.iter().map(subject).collect();
        listed.sort_by_key(|s| s.file.to_string());
        let sums = (BundleFile::Sums(volume.name.clone()), sums::text(&listed).into_bytes());
        subjects.push(subject((&sums.0, &sums.1)));
        here.insert(sums.0, sums.1);
        on_volume.push(here);
    }
    let seal = Seal::new(subjects, predicate).unwrap();
    for (v, (folder, files)) in to.iter().zip(on_volume).enumerate() {
        let _ = fs::remove_dir_all(folder);
        for (file, bytes) in files {
            let path = folder.join(file.to_string());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        if !layout.swapped || v + 1 == to.len() {
            reseal_bytes(folder, &gap.lab.signing_key(), &seal.to_bytes().unwrap());
        }
    }
    seal
}

/// The parity packs of a group.
fn encode(group: &Group, files: &BTreeMap<BundleFile, Vec<u8>>) -> Vec<Vec<u8>> {
    let packs: Vec<_> = group.numbers().map(|n| &files[&BundleFile::Pack(n)]).collect();
    let longest = packs.iter().map(|pack| pack.len()).max().unwrap();
    let geometry = Geometry::new(packs.len(), group.parity as usize, longest as u64).unwrap();
    let (mut encoder, mut table) = (Encoder::new(geometry), Table::new(geometry));
    let mut shards = vec![Vec::new(); geometry.parity()];
    for stripe in 0..geometry.stripes() {
        let (at, length) = (geometry.stripe_offset(stripe) as usize, geometry.stripe_length(stripe));
        for (shard, pack) in packs.iter().enumerate() {
            let mut piece = pack.get(at..).unwrap_or_default().to_vec();
            piece.resize(length, 0);
            table.add(shard, stripe, &piece);
            encoder.add(&piece).unwrap();
        }
        for (j, recovery) in encoder.finish().unwrap().iter().enumerate() {
            table.add(packs.len() + j, stripe, recovery);
            shards[j].extend_from_slice(recovery);
        }
    }
    shards.iter().map(|shard| [shard, table.as_bytes()].concat()).collect()
}

impl Volumes {
    /// A copy of the media, under other names.
    pub fn copied(&self, gap: &Gap, prefix: &str) -> Self {
        let media: Vec<_> = (1..=self.media.len()).map(|n| gap.path(&format!("{prefix}{n}"))).collect();
        for (from, to) in self.media.iter().zip(&media) {
            let _ = fs::remove_dir_all(to);
            copy_tree(from, to);
        }
        let label = self.bundles[0].file_name().unwrap();
        let bundles = media.iter().map(|medium| medium.join("gapvault").join(label)).collect();
        Self { source: self.source.clone(), media, bundles, seal: self.seal.clone(), layout: self.layout }
    }

    /// Where a file stands.
    pub fn path(&self, file: &BundleFile) -> PathBuf {
        let mut paths = self.bundles.iter().map(|bundle| bundle.join(file.to_string()));
        paths.find(|path| path.exists()).unwrap_or_else(|| panic!("no {file}"))
    }

    pub fn pack(&self, number: u64) -> PathBuf {
        self.path(&BundleFile::Pack(number))
    }

    pub fn parity(&self, number: u64) -> PathBuf {
        self.path(&BundleFile::Parity(number))
    }

    pub fn label(&self) -> String {
        self.seal.predicate().label.to_string()
    }

    pub fn id(&self) -> BundleId {
        BundleId::of(&self.seal.to_bytes().unwrap())
    }

    /// Seals anew, as after the loss of a medium: the packs from `first` on are fresh ones of the same stream. The media
    /// are called `prefix` and a number.
    pub fn superseded(&self, gap: &Gap, prefix: &str, first: u64) -> Self {
        let new = self.copied(gap, prefix);
        let all = gap.path(&format!("{prefix} all"));
        fs::create_dir(&all).unwrap();
        for subject in self.seal.subjects() {
            let to = all.join(subject.file.to_string());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(self.path(&subject.file), to).unwrap();
        }
        fs::write(all.join(SEAL_NAME), self.seal.to_bytes().unwrap()).unwrap();
        let stanzas = self.seal.predicate().stanzas;
        let open = |name: &str, identity: &_, stanzas| {
            let mut plain = Vec::new();
            let sealed = Cursor::new(fs::read(all.join(name)).unwrap());
            OpenReader::new(sealed, identity, stanzas).unwrap().read_to_end(&mut plain).unwrap();
            plain
        };
        let keys = open("keys.age", &gap.cluster.identity(), stanzas.keys);
        let keys = Keys::parse(std::str::from_utf8(&keys).unwrap()).unwrap();
        for name in packs(&all).iter().skip(first as usize) {
            let plain = open(name, &keys.identity, 1);
            fs::write(all.join(name), seal_to(&[keys.identity.recipient()], &plain)).unwrap();
        }
        let (old, layout) = (self.id(), self.layout);
        let seal = lay_out(gap, &all, &new.bundles, layout, |p| {
            p.created = p.created.plus(1).unwrap();
            p.supersedes = Some(old);
        });
        Self { seal, ..new }
    }
}

/// Runs a command of the cluster on several media.
pub fn on(gap: &Gap, command: &str, media: &[&PathBuf]) -> super::Run {
    run(gap.cluster.command([command]).args(media))
}
