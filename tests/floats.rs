//! Floats, which the coding `planes` is for: they cross smaller than any general compressor makes them, and stock tools
//! put them together again.

use crate::support::tools::tool;
use crate::support::{Gap, assert_same_tree, noise, run};
use std::fs;

/// Weights of a layer: normal by the sum of uniforms, about as large as real ones.
fn weights(count: usize) -> Vec<f32> {
    let uniform = |byte: u8| f32::from(byte) / 256.0 - 0.5;
    noise(7, count * 12).chunks_exact(12).map(|bytes| bytes.iter().map(|b| uniform(*b)).sum::<f32>() * 0.0213).collect()
}

#[test]
fn floats_cross_as_planes_whatever_file_they_are_in() {
    let gap = Gap::new();
    let source = gap.path("source");
    fs::create_dir(&source).unwrap();
    let weights = weights(200_000);
    let bf16: Vec<u8> = weights.iter().flat_map(|w| ((w.to_bits() >> 16) as u16).to_le_bytes()).collect();
    let f32s: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
    fs::write(source.join("bf16.bin"), &bf16).unwrap();
    fs::write(source.join("f32.bin"), &f32s).unwrap();
    fs::write(source.join("odd.bin"), [b"odd".as_slice(), &f32s].concat()).unwrap();

    let told = gap.export(&source, "floats:1", &[]).expect(0).json();
    let (plain, packed) = (told["plain_bytes"].as_u64().unwrap(), told["size"].as_u64().unwrap());
    assert!(packed * 100 < plain * 86, "{packed} of {plain}");
    gap.import().expect(0);
    gap.checkout("floats:1", "out").expect(0);
    assert_same_tree(&source, &gap.path("out"));

    let mut recover = tool("python3");
    recover.arg("-B").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/recover.py"));
    recover.arg(told["path"].as_str().unwrap()).arg("--identity").arg(gap.cluster.vault.join("secrets/age.key"));
    run(recover.args(["--artifact", "floats:1", "--out"]).arg(gap.path("recovered"))).expect(0);
    assert_same_tree(&source, &gap.path("recovered"));
}
