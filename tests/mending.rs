//! Damage within the parity is mended to the bit, whatever it is; one erasure more is refused by name.

use crate::support::kill::copy_tree;
use crate::support::tools::skip;
use crate::support::volumes::{Layout, Volumes, export, on};
use crate::support::{Gap, Run, Site, assert_same_tree, noise, run};
use gapvault_formats::seal::BundleFile;
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

/// 12 packs in two groups of 6, with 2 parity packs each, on one medium.
const ONE: Layout = Layout::new(1, 2, 2);

/// A place to damage copies of a bundle and import them into copies of a vault.
struct Field {
    gap: Gap,
    volumes: Volumes,
}

impl Field {
    fn new(packs: usize, layout: Layout) -> Self {
        let gap = Gap::new();
        let volumes = export(&gap, packs, layout);
        Self { gap, volumes }
    }

    /// Imports a copy of the media after `damage`.
    fn import(&self, damage: impl FnOnce(&Volumes)) -> (Site, Run) {
        let copy = self.volumes.copied(&self.gap, "copy");
        damage(&copy);
        let vault = self.gap.path("site");
        let _ = fs::remove_dir_all(&vault);
        copy_tree(&self.gap.cluster.vault, &vault);
        let site = Site { vault };
        let run = run(site.command(["import", "--json"]).args(&copy.media));
        (site, run)
    }

    /// Expects that all packs are in the vault as they were.
    #[track_caller]
    fn expect_whole(&self, site: &Site) {
        let held = site.vault.join("bundles").join(self.volumes.id().to_string());
        for number in 0..self.volumes.seal.predicate().stream.packs() {
            let name = BundleFile::Pack(number).to_string();
            assert!(fs::read(held.join(&name)).unwrap() == fs::read(self.volumes.pack(number)).unwrap(), "{name}");
        }
        assert!(!held.join("parity").exists() && !site.vault.join("pending").exists());
    }

    /// Expects that these packs were mended, and all is as it was.
    #[track_caller]
    fn mends(&self, packs: &[u64], damage: impl FnOnce(&Volumes)) -> Run {
        let (site, run) = self.import(damage);
        let run = run.expect(0);
        let mended = &run.json()["bundles"][0]["mended"];
        let names: Vec<_> = mended.as_array().unwrap().iter().map(|m| m["file"].as_str().unwrap().to_owned()).collect();
        assert_eq!(names, packs.iter().map(|n| BundleFile::Pack(*n).to_string()).collect::<Vec<_>>(), "{run:#?}");
        self.expect_whole(&site);
        run
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at % bytes.len();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn every_way_of_damage_within_the_parity_is_mended() {
    let field = Field::new(12, ONE);
    let remove = |path: PathBuf| fs::remove_file(path).unwrap();
    let cut = |path: PathBuf, to: u64| fs::File::options().write(true).open(path).unwrap().set_len(to).unwrap();
    let told = field.mends(&[3], |v| flip(&v.pack(3), 70));
    assert_eq!(told.json()["bundles"][0]["mended"][0]["stripes_differing"], 1, "{told:#?}");
    let told = field.mends(&[0, 4], |v| [0, 4].map(|n| remove(v.pack(n))).into_iter().collect());
    assert_eq!(told.json()["bundles"][0]["mended"][0]["stripes_missing"], 2, "{told:#?}");
    field.mends(&[0, 1, 2, 3], |v| (0..4).for_each(|n| remove(v.pack(n))));
    field.mends(&[11], |v| cut(v.pack(11), 100));
    field.mends(&[11], |v| cut(v.pack(11), 0));
    field.mends(&[5], |v| cut(v.pack(5), 70_000));
    // Its bytes are all there: none is altered, and yet it is not the file.
    field.mends(&[6], |v| fs::write(v.pack(6), [fs::read(v.pack(6)).unwrap(), vec![0]].concat()).unwrap());
    field.mends(&[1, 2], |v| {
        // A parity pack of each group is gone or rotten as well.
        remove(v.parity(0));
        flip(&v.parity(2), 9);
        remove(v.pack(1));
        fs::write(v.pack(2), noise(5, 65_736)).unwrap();
    });
    field.mends(&[0], |v| {
        // Only damaged tables are left: each stripe has a good sum in one of them.
        let table = fs::read(v.parity(0)).unwrap().len() - 8;
        flip(&v.parity(0), table);
        flip(&v.parity(1), 5);
        flip(&v.pack(0), 66_000);
    });
    // More packs than the group has parity packs, but never more than two in one stripe.
    field.mends(&[0, 2, 4, 6], |v| {
        flip(&v.pack(0), 1);
        flip(&v.pack(2), 65_535);
        flip(&v.pack(4), 65_536);
        flip(&v.pack(6), 65_700);
    });
    // A list of digests is made anew from the seal.
    let (site, run) = field.import(|v| flip(&v.bundles[0].join("SHA256SUMS.1"), 3));
    assert_eq!(run.expect(0).json()["bundles"][0]["mended"][0]["file"], "SHA256SUMS.1");
    field.expect_whole(&site);
}

#[test]
fn one_erasure_more_is_refused_with_the_names() {
    let field = Field::new(12, ONE);
    let (site, run) = field.import(|v| [0, 2, 4].map(|n| flip(&v.pack(n), 9)).into_iter().collect());
    let run = run.refused(3, "the worst stripe lacks 3 shards, with 2 parity packs it may lack 2");
    for number in ["000000", "packs 0, 2, 4"] {
        assert!(run.err.contains(number), "{run:#?}");
    }
    assert!(site.run(["pending"]).expect(0).out.contains("9 of 12 packs"));
    // The same medium at a better time.
    run_on(&site, &field.volumes).expect(0);
    field.expect_whole(&site);

    let (_, lost) = field.import(|v| [0, 2, 4].map(|n| fs::remove_file(v.pack(n)).unwrap()).into_iter().collect());
    lost.refused(5, "packs/0000/000000.age, packs/0000/000002.age, packs/0000/000004.age are not on the medium");
}

fn run_on(site: &Site, volumes: &Volumes) -> Run {
    run(site.command(["import"]).args(&volumes.media))
}

#[test]
fn verify_says_what_could_be_mended() {
    let field = Field::new(12, ONE);
    let verify = || on(&field.gap, "verify", &[&field.volumes.media[0]]);
    assert!(verify().expect(0).out.contains("each of 2 groups could lose 2 more packs"));
    flip(&field.volumes.pack(0), 9);
    flip(&field.volumes.parity(3), 9);
    let run = verify().refused(3, "all of it can be mended");
    assert!(run.out.contains("damaged, and can be mended") && run.out.contains("could lose 1 more pack"), "{run:#?}");
    assert!(run.out.contains("parity pack 3 can be mended"), "{run:#?}");
    let json = crate::support::run(field.gap.cluster.command(["verify", "--json"]).arg(&field.volumes.media[0]));
    assert_eq!(json.json()["bundles"][0]["mendable"], true);
    flip(&field.volumes.pack(2), 9);
    flip(&field.volumes.pack(4), 9);
    let run = verify().refused(3, "packs 0, 2, 4 can't be mended: the worst stripe lacks 3 shards");
    assert!(run.out.contains("is damaged:") && run.out.contains("volume   1: 4 files damaged"), "{run:#?}");
}

#[test]
fn of_many_groups_the_worst_are_told_and_the_rest_counted() {
    let field = Field::new(32, Layout::new(1, 16, 1));
    (0..16).chain([20]).for_each(|n| flip(&field.volumes.pack(n), 9));
    let medium = &field.volumes.media[0];
    let run = on(&field.gap, "verify", &[medium]).refused(3, "packs 4, 20 can't be mended");
    let lines = |begin: &str| run.out.lines().filter(|line| line.starts_with(begin)).collect::<Vec<_>>();
    assert!(lines("  group  ")[0].contains("packs 4, 20 can't be mended"), "{run:#?}");
    assert_eq!((lines("  group  ").len(), lines("  damaged").len()), (10, 11), "{run:#?}");
    assert!(run.out.contains("groups   15 of 16 that lack something can be mended (--json names all)"), "{run:#?}");
    assert!(run.out.contains("parity   1 of 16 groups have lost more than they can mend"), "{run:#?}");
    let json = crate::support::run(field.gap.cluster.command(["verify", "--json"]).arg(medium)).json();
    assert_eq!(json["bundles"][0]["groups"].as_array().map(Vec::len), Some(16));
    flip(&field.volumes.pack(20), 9);
    let run = on(&field.gap, "verify", &[medium]).refused(3, "all of it can be mended");
    assert!(run.out.contains("parity   nothing more may be lost: of 16 groups"), "{run:#?}");
}

#[test]
fn any_one_medium_of_a_set_may_be_spared() {
    // 8 packs on 4 volumes in 2 groups; of each group every volume has one pack, and two of them a parity pack.
    let field = Field::new(8, Layout::new(4, 2, 2));
    for lost in 0..4 {
        let (site, run) = field.import(|v| {
            let _ = fs::remove_dir_all(&v.bundles[lost]);
            fs::write(v.media[lost].join("gapvault"), "").unwrap_or_default();
        });
        drop(run);
        let rest: Vec<_> = (0..4).filter(|n| *n != lost).map(|n| &field.volumes.media[n]).collect();
        crate::support::run(site.command(["import"]).args(rest)).expect(0);
        field.expect_whole(&site);
    }
}

#[test]
fn what_is_damaged_now_may_be_mended_with_what_comes_later() {
    let field = Field::new(8, Layout::new(2, 1, 2));
    let [one, two] = [0, 1].map(|n| &field.volumes.media[n]);
    flip(&field.volumes.pack(0), 9);
    let first = on(&field.gap, "import", &[one]).refused(5, "packs/0000/000000.age is damaged");
    assert!(first.err.contains("hint: bring the media that are missing together with these"), "{first:#?}");
    let second = on(&field.gap, "import", &[two]).expect(0);
    assert!(second.out.contains("mended   packs/0000/000000.age"), "{second:#?}");
    field.gap.checkout("model:v1", "out").expect(0);
    assert_same_tree(&field.volumes.source, &field.gap.path("out"));
}

#[test]
fn an_unreadable_sector_is_an_erasure() {
    let field = Field::new(12, ONE);
    if !crate::support::kill::strace_works() {
        return skip("an unreadable sector", "strace is not here or may not trace");
    }
    let path = field.volumes.pack(3);
    let mut traced = std::process::Command::new("strace");
    traced.args(["-qq", "-f", "-o", "/dev/null", "-P"]).arg(&path);
    traced.args(["-e", "trace=read,pread64", "-e", "inject=read,pread64:error=EIO"]);
    traced.arg(env!("CARGO_BIN_EXE_gapvault")).arg("--vault").arg(&field.gap.cluster.vault);
    let run = run(traced.args(["import"]).args(&field.volumes.media)).expect(0);
    assert!(run.out.contains("mended   packs/0000/000003.age") && run.out.contains("2 unreadable"), "{run:#?}");
    field.expect_whole(&field.gap.cluster);
}

/// A pattern of loss that is promised to be mended: of each group up to two shards anywhere in each stripe.
#[derive(Clone, Debug)]
enum Loss {
    Gone,
    Cut(usize),
    Flips(Vec<usize>),
}

fn losses() -> impl Strategy<Value = Vec<(u64, Loss)>> {
    let loss = prop_oneof![
        Just(Loss::Gone),
        (0usize..65_000).prop_map(Loss::Cut),
        prop::collection::vec(0usize..65_536, 1..20).prop_map(Loss::Flips),
    ];
    // Shards 0 to 7 of group 0 and 8 to 15 of group 1: six packs, then two parity packs.
    let group = |g: u64| {
        let shards = prop::sample::subsequence((0..8u64).collect::<Vec<_>>(), 0..=2);
        (shards, prop::collection::vec(loss.clone(), 2))
            .prop_map(move |(shards, how)| shards.into_iter().map(|s| g * 8 + s).zip(how).collect::<Vec<_>>())
    };
    (group(0), group(1)).prop_map(|(a, b)| [a, b].concat())
}

#[test]
fn any_loss_up_to_the_promised_one_is_mended() {
    let field = Field::new(12, ONE);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&losses(), |losses| {
            let (site, run) = field.import(|v| {
                for (shard, loss) in &losses {
                    let (group, index) = (shard / 8, shard % 8);
                    let path = if index < 6 { v.pack(group + 2 * index) } else { v.parity(group * 2 + index - 6) };
                    match loss {
                        Loss::Gone => fs::remove_file(path).unwrap(),
                        Loss::Cut(to) => {
                            let bytes = fs::read(&path).unwrap();
                            fs::write(&path, &bytes[..*to % bytes.len()]).unwrap();
                        }
                        Loss::Flips(flips) => flips.iter().for_each(|at| flip(&path, *at)),
                    }
                }
            });
            prop_assert_eq!(run.code, 0, "{:#?}", run);
            field.expect_whole(&site);
            Ok(())
        })
        .unwrap();
}
