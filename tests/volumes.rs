//! A bundle on several media: brought in any order and at any time, waiting in between, sealed anew in between.

use crate::support::kill::{at_many_points, copy_tree};
use crate::support::volumes::{Layout, Volumes, export, export_as, on};
use crate::support::{Gap, Site, assert_same_tree, gapvault, run, snapshot};
use std::fs;
use std::path::PathBuf;

const THREE: Layout = Layout::new(3, 0, 0);
const SWAPPED: Layout = Layout { swapped: true, ..THREE };

/// A fresh copy of the cluster's vault, to be tried on.
fn fresh(gap: &Gap, name: &str) -> Site {
    let vault = gap.path(name);
    let _ = fs::remove_dir_all(&vault);
    copy_tree(&gap.cluster.vault, &vault);
    Site { vault }
}

#[track_caller]
fn expect_whole(site: &Site, gap: &Gap, volumes: &Volumes) {
    let out = gap.path("out");
    let _ = fs::remove_dir_all(&out);
    run(site.command(["checkout", "model:v1"]).arg(&out)).expect(0);
    assert_same_tree(&volumes.source, &out);
    assert!(!site.vault.join("pending").exists(), "something still waits");
    assert!(site.run(["pending"]).expect(0).out.contains("nothing waits"));
}

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

#[test]
fn volumes_come_in_any_order_one_by_one() {
    let gap = Gap::new();
    let volumes = export(&gap, 9, THREE);
    let media = volumes.media.iter().map(|medium| snapshot(medium)).collect::<Vec<_>>();
    for [a, b, c] in ORDERS {
        let site = fresh(&gap, "site");
        let import = |n: usize| run(site.command(["import"]).arg(&volumes.media[n]));
        let name = |n: usize| (n + 1).to_string();
        let first = import(a).refused(5, "3 of 9 packs are in the vault");
        assert!(!first.err.contains(&format!("volume {}", name(a))), "{first:#?}");
        let packs = |n: usize| format!("{} to {}", 3 * n, 3 * n + 2);
        // Again the same: nothing changes.
        let before = site.snapshot();
        import(a).refused(5, "3 of 9 packs are in the vault");
        assert!(site.snapshot() == before);
        import(b).refused(5, &format!("packs {} are missing (volume {})", packs(c), name(c)));
        let json = site.run(["pending", "--json"]).expect(0).json();
        let waits = &json["imports"][0];
        assert_eq!((&waits["missing_volumes"][0], &waits["packs"]), (&name(c).into(), &9.into()), "{json:#}");
        assert_eq!(waits["missing_packs"], serde_json::json!([[3 * c, 3 * c + 3]]));
        assert!(site.run(["list"]).expect(0).out.contains("holds nothing"));
        import(c).expect(0);
        expect_whole(&site, &gap, &volumes);
    }
    assert!(media == volumes.media.iter().map(|medium| snapshot(medium)).collect::<Vec<_>>());
}

#[test]
fn volumes_that_are_in_together_are_read_together() {
    let gap = Gap::new();
    let volumes = export(&gap, 9, THREE);
    let media: Vec<&PathBuf> = volumes.media.iter().collect();
    for command in ["verify", "import"] {
        let told = run(gap.cluster.command([command, "--json", "--progress", "json"]).args(&media)).expect(0);
        let bundle = &told.json()["bundles"][0];
        let read: u64 = bundle["media"].as_array().unwrap().iter().map(|m| m["bytes"].as_u64().unwrap()).sum();
        assert_eq!(bundle["media"].as_array().unwrap().len(), 3);
        assert!(read > 8 * 65_536, "{bundle:#}");
        for medium in &media {
            let name = format!("\"medium\":\"{}\"", medium.display());
            assert!(told.err.lines().any(|line| line.contains("\"end\"") && line.contains(&name)), "{told:#?}");
        }
    }
    expect_whole(&gap.cluster, &gap, &volumes);
    on(&gap, "import", &media).expect(0);
    // Some volumes are missing: what is there is whole.
    let told = on(&gap, "verify", &media[..1]).refused(5, "volumes 2, 3 missing (packs 3 to 8)");
    assert!(told.out.contains("volume   1: whole"), "{told:#?}");
}

#[test]
fn the_same_medium_twice_counts_once_and_a_copy_helps() {
    let gap = Gap::new();
    let volumes = export(&gap, 9, THREE);
    let copy = volumes.copied(&gap, "copy");
    let [one, two, three] = volumes.media.each_ref_3();
    on(&gap, "import", &[one, one, &copy.media[0]]).refused(5, "3 of 9 packs");
    // Of two copies of a volume, each damaged elsewhere, one whole volume comes.
    fs::write(volumes.pack(3), "rotten").unwrap();
    fs::remove_file(copy.pack(4)).unwrap();
    on(&gap, "import", &[two, &copy.media[1], three]).expect(0);
    expect_whole(&gap.cluster, &gap, &volumes);
}

trait EachRef {
    fn each_ref_3(&self) -> [&PathBuf; 3];
}

impl EachRef for Vec<PathBuf> {
    fn each_ref_3(&self) -> [&PathBuf; 3] {
        [&self[0], &self[1], &self[2]]
    }
}

#[test]
fn of_swapped_media_the_one_with_the_seal_comes_first() {
    let gap = Gap::new();
    let volumes = export(&gap, 9, SWAPPED);
    let [one, two, three] = volumes.media.each_ref_3();
    let before = gap.cluster.snapshot();
    let refused = on(&gap, "import", &[two]).refused(5, "nothing was copied; by its name this is volume 2");
    assert!(refused.err.contains("of media that were swapped, the last one"), "{refused:#?}");
    // The folder itself may be named as well.
    on(&gap, "import", &[&volumes.bundles[0]]).refused(5, "this is volume 1");
    assert!(gap.cluster.snapshot() == before);
    on(&gap, "import", &[three]).refused(5, "packs 0 to 5 are missing (volumes 1, 2)");
    on(&gap, "verify", &[two]).refused(5, "volumes 1, 3 missing");
    on(&gap, "import", &[two]).refused(5, "packs 0 to 2 are missing (volume 1)");
    on(&gap, "import", &[one]).expect(0);
    expect_whole(&gap.cluster, &gap, &volumes);
}

#[test]
fn volumes_of_two_bundles_may_be_in_together_but_not_under_one_label() {
    let gap = Gap::new();
    let volumes = export(&gap, 6, THREE);
    let other = export_as(&gap, "w", "other:v1", 7, Layout::new(2, 0, 0));
    let media: Vec<_> = volumes.media.iter().chain(&other.media).collect();
    // One medium of the other is missing: the first is imported all the same.
    let mixed = on(&gap, "import", &media[..4]).refused(5, &other.label());
    assert!(mixed.out.contains("imported model:v1"), "{mixed:#?}");
    on(&gap, "import", &[&other.media[1]]).expect(0);

    // A volume of the other bundle under the label of this one.
    let site = fresh(&gap, "site");
    run(gapvault().arg("init").arg(gap.path("third")).args(["--site", "third"])).expect(0);
    let forged = gap.path("forged");
    copy_tree(&other.media[0], &forged);
    let label = |v: &Volumes| v.bundles[0].file_name().unwrap().to_owned();
    fs::rename(forged.join("gapvault").join(label(&other)), forged.join("gapvault").join(label(&volumes))).unwrap();
    let before = site.snapshot();
    run(site.command(["verify"]).arg(&forged)).refused(3, "is the seal of bundle");
    run(site.command(["verify"]).arg(&volumes.media[0]).arg(&forged)).refused(3, "the seal says");
    assert!(site.snapshot() == before);
}

#[test]
fn what_waits_is_kept_whatever_comes_after_it() {
    let gap = Gap::new();
    let volumes = export(&gap, 9, THREE);
    let [one, two, three] = volumes.media.each_ref_3();
    on(&gap, "import", &[one]).refused(5, "3 of 9");
    fs::write(volumes.bundles[2].join("extra"), "").unwrap();
    on(&gap, "import", &[two, three]).refused(3, "extra in bundle");
    fs::remove_file(volumes.bundles[2].join("extra")).unwrap();
    fs::write(volumes.pack(7), vec![0; 65_736]).unwrap();
    let spoiled = on(&gap, "import", &[two, three]).expect(3);
    assert!(spoiled.err.contains("packs/0000/000007.age") && !spoiled.err.contains("000006"), "{spoiled:#?}");
    let pending = gap.cluster.run(["pending"]).expect(0).out;
    assert!(pending.contains("8 of 9 packs") && pending.contains("volume 3: packs 7"), "{pending}");
    assert!(gap.cluster.run(["log"]).expect(0).out.lines().filter(|line| line.contains("refused")).count() == 1);

    // Not believed for being in the vault, either.
    let waiting = gap.cluster.vault.join("pending").join(volumes.id().to_string());
    fs::write(waiting.join("packs/0000/000001.age"), "rotten").unwrap();
    fs::write(waiting.join("packs/0000/000002.age.part"), "torn").unwrap();
    on(&gap, "import", &[two]).refused(5, "7 of 9 packs");
    gap.cluster.run(["pending", "--drop", &volumes.label()]).expect(0);
    assert!(!gap.cluster.vault.join("pending").exists());
    on(&gap, "import", &[three]).expect(3);
}

#[test]
fn what_waits_is_judged_by_the_policy_as_it_is_now() {
    let gap = Gap::new();
    let volumes = export(&gap, 9, SWAPPED);
    on(&gap, "import", &[&volumes.media[2]]).refused(5, "3 of 9");
    gap.cluster.run(["untrust", "lab", "--tent", "aurora", "--role", "exporter"]).expect(0);
    let pending = gap.cluster.run(["pending"]).expect(0).out;
    assert!(pending.contains("REFUSED  by the policy as it is now: "), "{pending}");
    on(&gap, "import", &[&volumes.media[0]]).expect(4);
    gap.cluster.trust(&gap.lab, "exporter");
    on(&gap, "import", &[&volumes.media[0]]).refused(5, "6 of 9");
}

#[test]
fn a_later_seal_takes_over_what_waits_and_an_earlier_one_helps_it() {
    let gap = Gap::new();
    let old = export(&gap, 9, THREE);
    let new = old.superseded(&gap, "n", 6);
    // The second half of volume 3 is lost and made anew; what came under the old seal stays.
    on(&gap, "import", &[&old.media[0]]).refused(5, "3 of 9");
    on(&gap, "import", &[&new.media[2]])
        .refused(5, "6 of 9 packs are in the vault, packs 3 to 5 are missing (volume 2)");
    let pending = gap.cluster.run(["pending", "--json"]).expect(0).json();
    assert_eq!(pending["imports"].as_array().unwrap().len(), 1);
    assert_eq!(pending["imports"][0]["bundle"], new.id().to_string());
    let imported = on(&gap, "import", &[&old.media[2], &old.media[1]]).expect(0);
    assert!(imported.out.contains("earlier seal of this bundle: 4 files of it not used"), "{imported:#?}");
    expect_whole(&gap.cluster, &gap, &new);
    // One of them is admitted: the other is no second bundle.
    let before = gap.cluster.snapshot();
    let media: Vec<_> = old.media.iter().collect();
    let again = on(&gap, "import", &media).expect(0);
    assert!(again.out.contains(&format!("bundle {} is in this vault already", new.id())), "{again:#?}");
    assert!(gap.cluster.snapshot() == before);
}

#[test]
fn a_lost_medium_that_turns_up_again_does_no_harm() {
    let gap = Gap::new();
    let old = export(&gap, 9, THREE);
    let new = old.superseded(&gap, "n", 6);
    let note = |medium: &PathBuf, run: &crate::support::Run| {
        let begin = format!("  note     {}", medium.display());
        let mut lines = run.out.lines().filter(|line| line.starts_with(&begin));
        lines.next().map(|line| line[line.find(" has ").unwrap()..].to_owned()).unwrap_or_default()
    };
    let media = [&old.media[2], &old.media[1], &old.media[0], &new.media[2]];
    fs::create_dir(gap.path("anew")).unwrap();
    let commands = |run: &dyn Fn(&mut std::process::Command)| {
        run(&mut gap.cluster.command(["verify"]));
        run(&mut fresh(&gap, "site").command(["import"]));
        let _ = fs::remove_dir_all(gap.path("anew/gapvault"));
        run(gap.cluster.command(["repair", "--to"]).arg(gap.path("anew")));
    };
    // With its seal, and without one, as media that were swapped are.
    for is_sealed in [true, false] {
        if !is_sealed {
            for name in fs::read_dir(&old.bundles[2]).unwrap().map(|entry| entry.unwrap().path()) {
                if name.file_name().unwrap().to_str().unwrap().starts_with("seal.json") {
                    fs::remove_file(name).unwrap();
                }
            }
        }
        commands(&|command| {
            let run = run(command.args(media)).expect(0);
            assert_eq!(
                note(&old.media[2], &run),
                " has an earlier seal of this bundle: 4 files of it not used",
                "{run:#?}"
            );
            assert_eq!(note(&old.media[0], &run), " has an earlier seal of this bundle", "{run:#?}");
        });
    }
    // A copy that rotted, where another medium has the file whole.
    let copy = new.copied(&gap, "copy");
    let mut bytes = fs::read(copy.pack(7)).unwrap();
    bytes[9] ^= 1;
    fs::write(copy.pack(7), bytes).unwrap();
    commands(&|command| {
        let ran = run(command.args([&new.media[0], &new.media[1], &copy.media[2], &new.media[2]])).expect(0);
        assert!(!ran.out.contains("  damaged"), "{ran:#?}");
    });
    let media = [&new.media[0], &new.media[1], &copy.media[2], &new.media[2]];
    let run = on(&gap, "verify", &media).expect(0);
    assert!(note(&copy.media[2], &run).contains("1 damaged file, good elsewhere"), "{run:#?}");
}

#[test]
fn a_missing_file_is_told_with_the_folder_that_should_have_it() {
    let gap = Gap::new();
    let volumes = export(&gap, 9, THREE);
    fs::remove_file(volumes.pack(7)).unwrap();
    fs::create_dir(gap.path("anew")).unwrap();
    let media: Vec<_> = volumes.media.iter().collect();
    let told = format!("packs/0000/000007.age of bundle {} is missing", volumes.bundles[2].display());
    on(&gap, "verify", &media).refused(5, &told);
    run(gap.cluster.command(["repair", "--to"]).arg(gap.path("anew")).args(&media)).refused(3, &told);
    // What is on a volume that is not in has no folder. The first attempt has kept the others.
    let repair = run(gap.cluster.command(["repair", "--to"]).arg(gap.path("anew")).args(&media[..2]));
    repair.refused(3, "packs/0000/000007.age is missing\n");
    // What broke off there was put there by nobody.
    fs::write(volumes.bundles[0].join("packs/0000/000000.age.part"), "").unwrap();
    on(&gap, "verify", &media).refused(3, "an export or a copy that broke off left it");
}

#[test]
fn a_killed_import_of_several_media_goes_on() {
    let gap = Gap::new();
    let volumes = export(&gap, 6, Layout::new(2, 0, 0));
    let mut count = 0;
    let media: Vec<_> = volumes.media.iter().collect();
    let import = |site: &Site| {
        let mut command = site.command(["import"]);
        command.args(&media);
        command
    };
    let new = || {
        count += 1;
        let site = fresh(&gap, &format!("site-{count}"));
        let command = import(&site);
        (site, command)
    };
    at_many_points(new, |site, point, ended| {
        let held = !site.run(["list"]).expect(0).out.contains("holds nothing");
        assert!(held || !ended, "{point}");
        site.run(["pending"]).expect(0);
        run(&mut import(&site)).expect(0);
        assert!(!site.vault.join("pending").exists(), "{point}");
        fs::remove_dir_all(site.vault).unwrap();
    });
}
