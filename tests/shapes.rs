//! However many threads work, and in however little memory: what comes out is what went in.

use crate::support::{Gap, assert_same_tree, noise, snapshot};
use std::fs;
use std::path::{Path, PathBuf};

/// Large files, small ones between them, and some that others repeat.
fn write_mixture(root: &Path) {
    fs::create_dir_all(root.join("small")).unwrap();
    for number in 0..60u64 {
        let length = 1 + (number as usize * 997) % 9000;
        fs::write(root.join(format!("small/{number:02}")), noise(number, length)).unwrap();
    }
    fs::write(root.join("empty"), b"").unwrap();
    // Cut by their content, at whatever offsets.
    for (number, length) in [(1, 3 << 20), (2, (9 << 20) + 17), (3, 300_000), (4, (5 << 20) - 1), (5, 1 << 20)] {
        fs::write(root.join(format!("{number}.bin")), noise(100 + number, length)).unwrap();
    }
    let two = fs::read(root.join("2.bin")).unwrap();
    fs::write(root.join("6-like-2.bin"), [two.as_slice(), b"and more", &two].concat()).unwrap();
    let floats: Vec<u8> = (0..3 << 20).flat_map(|i| (0.02 * (i as f32 * 0.7).sin()).to_le_bytes()).collect();
    fs::write(root.join("7.floats"), floats).unwrap();
}

fn room() -> (Gap, PathBuf) {
    let gap = Gap::new();
    let source = gap.path("mixture");
    write_mixture(&source);
    (gap, source)
}

fn checked_out_alike(gap: &Gap, source: &Path, threads: &str) {
    gap.import().expect(0);
    let to = gap.path("out");
    gap.cluster.run(["checkout", "m:1", to.to_str().unwrap(), "--threads", threads]).expect(0);
    assert_same_tree(source, &to);
}

#[test]
fn many_threads_and_packs_smaller_than_chunks() {
    for threads in ["1", "3", "9", "33"] {
        let (gap, source) = room();
        gap.export(&source, "m:1", &["--threads", threads, "--pack-size", "64K"]).expect(0);
        checked_out_alike(&gap, &source, threads);
    }
}

#[test]
fn the_least_memory_does_and_less_is_refused_with_that_figure() {
    let (gap, source) = room();
    let before = gap.lab.snapshot();
    let export =
        |memory: &str| gap.export(&source, "m:1", &["--threads", "8", "--pack-size", "64K", "--memory", memory]);
    let refused = export("1").refused(2, "an export with packs of this size takes at least ");
    assert!(refused.err.contains("hint: use smaller packs"), "{refused:#?}");
    let least: u64 = refused.err.split("at least ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    export(&(least - 1).to_string()).refused(2, &format!("at least {least} bytes"));
    assert!(gap.lab.snapshot() == before, "a refusal reserved a number");
    assert!(snapshot(&gap.stick).is_empty());

    export(&least.to_string()).expect(0);
    checked_out_alike(&gap, &source, "2");
}
