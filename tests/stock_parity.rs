//! Parity packs need no gapvault: `recover.py`, which knows the specification only, mends with them what is damaged.

use crate::support::tools::tool;
use crate::support::{Gap, Run, assert_same_tree, noise, run};
use gapvault_formats::ids::to_hex;
use gapvault_formats::parity::{Encoder, Geometry, STRIPE, Table};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;

/// A bundle with two groups, of the even and the odd packs, with two parity packs each.
struct Mendable {
    gap: Gap,
    bundle: PathBuf,
    groups: Vec<Vec<String>>,
}

const PARITY: usize = 2;

impl Mendable {
    fn new() -> Self {
        let gap = Gap::new();
        let source = gap.path("source");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("weights"), noise(1, 700_000)).unwrap();
        let run = gap.export(&source, "model:v1", &["--pack-size", "64K"]).expect(0);
        let bundle = PathBuf::from(run.json()["path"].as_str().unwrap());
        let mut mendable = Self { gap, bundle, groups: Vec::new() };
        mendable.add_parity();
        mendable
    }

    /// Adds parity packs to bundle and seal; the signature no longer fits, but `recover.py` leaves that to others.
    fn add_parity(&mut self) {
        let path = self.bundle.join("seal.json");
        let mut seal: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let stream = &seal["predicate"]["stream"];
        let packs = stream["length"].as_u64().unwrap().div_ceil(stream["pack"].as_u64().unwrap()) as usize;
        assert!(packs > 9, "{packs} packs");
        fs::create_dir_all(self.bundle.join("parity/0000")).unwrap();
        for (group, from) in [0, 1].into_iter().enumerate() {
            let data: Vec<_> = (from..packs).step_by(2).map(|pack| format!("packs/0000/{pack:06}.age")).collect();
            let files =
                parity_packs(&data.iter().map(|name| fs::read(self.bundle.join(name)).unwrap()).collect::<Vec<_>>());
            let mut names = data;
            for (index, bytes) in files.into_iter().enumerate() {
                let name = format!("parity/0000/{:06}.rs", group * PARITY + index);
                fs::write(self.bundle.join(&name), &bytes).unwrap();
                let digest = to_hex(&Sha256::digest(&bytes));
                let subject = json!({"name": name, "digest": {"sha256": digest}, "annotations": {"size": bytes.len()}});
                seal["subject"].as_array_mut().unwrap().push(subject);
                names.push(name);
            }
            self.groups.push(names);
        }
        seal["subject"].as_array_mut().unwrap().sort_by_key(|subject| subject["name"].as_str().unwrap().to_owned());
        let group = |from: usize| json!({"packs": [[from, packs, 2]], "parity": PARITY});
        seal["predicate"]["parity"] =
            json!({"groups": [group(0), group(1)], "volumes": [{"name": "1", "packs": [[0, 2 * PARITY]]}]});
        fs::write(path, seal.to_string()).unwrap();
    }

    fn write(&self, shard: (usize, usize), change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.bundle.join(&self.groups[shard.0][shard.1]);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }

    fn remove(&self, shard: (usize, usize)) {
        fs::remove_file(self.bundle.join(&self.groups[shard.0][shard.1])).unwrap();
    }

    fn recover(&self) -> Run {
        for name in ["age", "zstd"] {
            tool(name);
        }
        let mut command = tool("python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/recover.py")).arg(&self.bundle);
        command.arg("--identity").arg(self.gap.cluster.vault.join("secrets/age.key"));
        run(command.args(["--artifact", "model:v1", "--out"]).arg(self.gap.path("recovered")))
    }

    fn mends(&self, packs: &[(usize, usize)]) {
        let run = self.recover().expect(0);
        assert_same_tree(&self.gap.path("source"), &self.gap.path("recovered"));
        for (group, shard) in packs {
            assert!(run.out.contains(&self.groups[*group][*shard]), "{run:#?}");
        }
        assert_eq!(run.out.matches("packs/").count(), packs.len(), "{run:#?}");
        fs::remove_dir_all(self.gap.path("recovered")).unwrap();
    }
}

/// The files of the parity packs of a group.
fn parity_packs(packs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let longest = packs.iter().map(Vec::len).max().unwrap();
    let geometry = Geometry::new(packs.len(), PARITY, longest as u64).unwrap();
    let (mut encoder, mut table) = (Encoder::new(geometry), Table::new(geometry));
    let mut files = vec![Vec::new(); PARITY];
    assert_eq!(geometry.stripes(), 2);
    for stripe in 0..2 {
        for (shard, pack) in packs.iter().enumerate() {
            let from = pack.len().min(stripe * STRIPE);
            let mut bytes = pack[from..pack.len().min(from + STRIPE)].to_vec();
            bytes.resize(geometry.stripe_length(stripe), 0);
            encoder.add(&bytes).unwrap();
            table.add(shard, stripe, &bytes);
        }
        for (index, (bytes, file)) in encoder.finish().unwrap().iter().zip(&mut files).enumerate() {
            table.add(packs.len() + index, stripe, bytes);
            file.extend(bytes);
        }
    }
    files.iter_mut().for_each(|file| file.extend(table.as_bytes()));
    files
}

#[test]
fn recover_py_mends_lost_cut_and_altered_packs() {
    let mendable = Mendable::new();
    mendable.mends(&[]);
    mendable.write((0, 0), |bytes| bytes.truncate(40_000));
    mendable.remove((0, 3));
    mendable.write((1, 1), |bytes| bytes[65_000] ^= 4);
    mendable.mends(&[(0, 0), (0, 3), (1, 1)]);
    // A parity pack that is lost counts as any other.
    mendable.remove((1, mendable.groups[1].len() - PARITY));
    mendable.mends(&[(0, 0), (0, 3), (1, 1)]);
}

#[test]
fn recover_py_mends_more_packs_than_there_is_parity_stripe_by_stripe() {
    let mendable = Mendable::new();
    let parity = mendable.groups[0].len() - PARITY;
    assert!(parity >= 6, "{parity} data packs");
    // In each of the two stripes two shards are bad, of four files; and the table of one of the parity packs.
    mendable.write((0, 1), |bytes| bytes[100] ^= 1);
    mendable.write((0, 2), |bytes| bytes[STRIPE + 7] ^= 0x80);
    mendable.write((0, 4), |bytes| bytes.truncate(STRIPE));
    mendable.write((0, parity), |bytes| bytes[200] ^= 1);
    mendable.write((0, parity + 1), |bytes| {
        // Of the table alone: two sums for each of eight shards or more.
        let table = bytes.len() - 128;
        bytes[table..].fill(0);
    });
    mendable.mends(&[(0, 1), (0, 2), (0, 4)]);
}

#[test]
fn recover_py_refuses_one_loss_more_than_the_parity() {
    let mendable = Mendable::new();
    for shard in [1, 2, 3] {
        mendable.remove((1, shard));
    }
    let run = mendable.recover();
    run.refused(1, "nothing was restored");
    assert!(!mendable.gap.path("recovered").exists());

    let mendable = Mendable::new();
    for shard in [1, 2, 3] {
        mendable.write((1, shard), |bytes| bytes[100] ^= 1);
    }
    let run = mendable.recover();
    assert!(run.err.contains("stripe 0: 3 bad packs and 2 good parity packs"), "{run:#?}");
    assert!(!mendable.gap.path("recovered").exists());
}

#[test]
fn recover_py_refuses_groups_that_are_none() {
    let mendable = Mendable::new();
    let seal = fs::read_to_string(mendable.bundle.join("seal.json")).unwrap();
    for (piece, other, refusal) in [
        ("[1,", "[0,", "a pack is in two groups"),
        (r#""parity":2}]"#, r#""parity":1}]"#, "subjects"),
        (r#""parity":2}]"#, r#""parity":9}]"#, "too few or too many packs"),
        (r#""parity":{"groups""#, r#""parity":{"group""#, "groups"),
        (r#"],"volumes":[{"name":"1","packs":[[0,4"#, r#"],"volumes":[{"name":"2","packs":[[0,4"#, "other volumes"),
    ] {
        assert!(seal.contains(piece), "{piece} in {seal}");
        fs::write(mendable.bundle.join("seal.json"), seal.replacen(piece, other, 1)).unwrap();
        let run = mendable.recover();
        assert!(run.code == 1 && run.err.contains(refusal), "{piece}: {run:#?}");
    }
}
