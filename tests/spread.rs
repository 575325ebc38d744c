//! Any tree over any number of media, with packs of any size and any parity: what goes out comes in.

use crate::support::kill::copy_tree;
use crate::support::{Gap, Site, assert_same_tree, noise, run};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;
use std::fs;

/// Files of up to 3 MiB, of few seeds: so that some are the same, or begin the same.
fn any_files() -> impl Strategy<Value = Vec<(u64, usize)>> {
    let size = prop_oneof![1 => Just(0), 3 => 1usize..5_000, 4 => 1usize..300_000, 2 => 1usize..3 << 20];
    prop::collection::vec((0u64..4, size), 0..14)
}

#[test]
fn any_tree_goes_over_any_media_with_any_parity() {
    let gap = Gap::new();
    let case = Cell::new(0);
    let config = Config { cases: 20, failure_persistence: None, max_shrink_iters: 24, ..Config::default() };
    let any = (
        any_files(),
        1u32..=8,
        1usize..=4,
        prop::sample::select(vec!["", "--parity=5%", "--parity=60%", "--spare-volumes=1"]),
    );
    let crossed = TestRunner::new(config).run(&any, |(files, packs, media, parity)| {
        case.set(case.get() + 1);
        let at = gap.path(&case.get().to_string());
        let source = at.join("source");
        fs::create_dir_all(source.join("folder")).unwrap();
        for (n, (seed, size)) in files.iter().enumerate() {
            let name = if n % 3 == 0 { format!("folder/{n}") } else { n.to_string() };
            fs::write(source.join(name), noise(*seed, *size)).unwrap();
        }
        let mut command = gap.lab.command(["export", "--tent", "aurora", "--name", &format!("m:{}", case.get())]);
        command.arg(&source).args(["--pack-size", &format!("{}K", packs * 64)]);
        let spare = parity == "--spare-volumes=1";
        command.args(Some(parity).filter(|parity| !parity.is_empty() && (!spare || media > 1)));
        let media: Vec<_> = (0..media).map(|n| at.join(format!("m{n}"))).collect();
        for medium in &media {
            fs::create_dir(medium).unwrap();
            command.arg("--to").arg(medium);
        }
        run(&mut command).expect(0);
        for lost in (0..=media.len()).filter(|lost| *lost == media.len() || spare && media.len() > 1) {
            let site = Site { vault: at.join(format!("cluster-{lost}")) };
            copy_tree(&gap.cluster.vault, &site.vault);
            let there = media.iter().enumerate().filter(|(n, _)| *n != lost).map(|(_, medium)| medium);
            run(site.command(["import"]).args(there)).expect(0);
            let out = at.join(format!("out-{lost}"));
            run(site.command(["checkout", &format!("m:{}", case.get())]).arg(&out)).expect(0);
            assert_same_tree(&source, &out);
        }
        fs::remove_dir_all(at).unwrap();
        Ok(())
    });
    crossed.unwrap();
}
