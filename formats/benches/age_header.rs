//! What a file costs beside its content, by suite: its header made, opened by its key, and read without one.
//!
//! usage: `cargo bench -p gapvault-formats --bench age_header`

use divan::Bencher;
use gapvault_formats::agefile::{BlockOpener, BlockSealer, Header, Identity, Suite};

fn main() {
    divan::main();
}

#[divan::bench(args = Suite::ALL)]
fn seal(bencher: Bencher<'_, '_>, suite: Suite) {
    let recipient = Identity::generate_for(suite).recipient();
    bencher.bench(|| BlockSealer::new([&recipient]).unwrap());
}

#[divan::bench(args = Suite::ALL)]
fn open(bencher: Bencher<'_, '_>, suite: Suite) {
    let identity = Identity::generate_for(suite);
    let sealer = BlockSealer::new([&identity.recipient()]).unwrap();
    bencher.bench(|| BlockOpener::new(sealer.head(), &identity, 1).unwrap());
}

#[divan::bench(args = Suite::ALL)]
fn read(bencher: Bencher<'_, '_>, suite: Suite) {
    let sealer = BlockSealer::new([&Identity::generate_for(suite).recipient()]).unwrap();
    bencher.bench(|| Header::read(sealer.head()).unwrap());
}
