//! How fast groups are coded and mended on one core, in bytes of data shards a second, by group and by how much of each
//! shard is coded at once.
//!
//! usage: `cargo bench -p gapvault-formats --bench parity [-- FILTER]`

use divan::Bencher;
use divan::counter::BytesCount;
use gapvault_formats::parity::{Encoder, Geometry, Mender, STRIPE, Table, Wanted};

fn main() {
    divan::main();
}

/// Data shards and parity packs.
const GROUPS: [(usize, usize); 3] = [(100, 5), (100, 10), (20, 1)];
/// Bytes of each shard at once.
const STEPS: [usize; 4] = [16 << 10, STRIPE, 256 << 10, 1 << 20];

fn cases() -> impl Iterator<Item = Case> {
    let groups = GROUPS.into_iter();
    groups.flat_map(|(data, parity)| STEPS.map(|step| Case { data, parity, step }))
}

#[derive(Clone, Copy)]
struct Case {
    data: usize,
    parity: usize,
    step: usize,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}+{} at {} KiB", self.data, self.parity, self.step >> 10)
    }
}

impl Case {
    fn geometry(&self) -> Geometry {
        Geometry::new(self.data, self.parity, self.step as u64).unwrap()
    }

    fn shards(&self) -> Vec<Vec<u8>> {
        let mut noise = blake3::Hasher::new().finalize_xof();
        let mut shards = vec![vec![0; self.step]; self.data];
        shards.iter_mut().for_each(|shard| noise.fill(shard));
        shards
    }

    fn bytes(&self) -> BytesCount {
        BytesCount::new(self.data * self.step)
    }
}

#[divan::bench(args = cases())]
fn encode(bencher: Bencher, case: &Case) {
    let (shards, mut encoder) = (case.shards(), Encoder::new(case.geometry()));
    bencher.counter(case.bytes()).bench_local(|| {
        shards.iter().for_each(|shard| encoder.add(shard).unwrap());
        encoder.finish().unwrap().iter().map(|stripe| stripe[0]).fold(0, u8::wrapping_add)
    });
}

/// With as many data shards lost as can be.
#[divan::bench(args = cases())]
fn mend(bencher: Bencher, case: &Case) {
    let (shards, mut encoder) = (case.shards(), Encoder::new(case.geometry()));
    shards.iter().for_each(|shard| encoder.add(shard).unwrap());
    let recovery: Vec<_> = encoder.finish().unwrap().iter().map(<[u8]>::to_vec).collect();
    let mut mender = Mender::new(case.geometry(), Wanted::Data);
    bencher.counter(case.bytes()).bench_local(|| {
        let good = shards.iter().enumerate().skip(case.parity);
        good.for_each(|(index, shard)| mender.data(index, shard).unwrap());
        recovery.iter().enumerate().for_each(|(index, shard)| mender.recovery(index, shard).unwrap());
        mender.finish().unwrap().data().map(|(_, stripe)| stripe[0]).fold(0, u8::wrapping_add)
    });
}

/// The sums of the data shards.
#[divan::bench]
fn table(bencher: Bencher) {
    let case = Case { data: 20, parity: 1, step: 1 << 20 };
    let (shards, mut table) = (case.shards(), Table::new(case.geometry()));
    bencher.counter(case.bytes()).bench_local(|| {
        shards.iter().enumerate().for_each(|(shard, bytes)| table.add(shard, 0, bytes));
    });
}
