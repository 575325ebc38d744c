//! Ctrl-C in the middle of work leaves no mess, and commands on one vault don't get into each other's way.

use crate::support::kill::{Threads, at_system_calls, copy_tree, leftovers, signal, start_until};
use crate::support::{Gap, Run, Site, assert_same_tree, gapvault, noise, run, snapshot, walk};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};

/// Enough to be in the middle of it for a while, in many packs.
fn big_source(gap: &Gap) -> PathBuf {
    let source = gap.path("big");
    std::fs::create_dir(&source).unwrap();
    for seed in 0..4 {
        std::fs::write(source.join(seed.to_string()), noise(seed, 6 << 20)).unwrap();
    }
    source
}

fn ended(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn an_interrupted_export_leaves_no_bundle_and_goes_on_later() {
    let gap = Gap::new();
    let source = big_source(&gap);
    let mut command = gap.lab.command(["export", "--name", "big:v1", "--tent", "aurora", "--pack-size", "64K"]);
    command.arg(&source).arg("--to").arg(&gap.stick);
    let child = start_until(&mut command, || packs_on(&gap.stick) > 3);
    signal(&child, "INT");
    let ended = ended(child).refused(1, "interrupted: no bundle was made; ");
    assert!(ended.err.contains(" written packs are kept\nhint: the same command goes on"), "{ended:#?}");
    gap.import().refused(5, "has no seal");
    assert!(leftovers(&gap.lab.vault).is_empty());
    assert!(gap.lab.run(["list"]).expect(0).out.contains("holds nothing"));
    // The same command comes to the end, and the packs that were there are still the same.
    let packs = |tree: Vec<(PathBuf, Vec<u8>)>| -> BTreeMap<_, _> {
        tree.into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "age")).collect()
    };
    let before = packs(snapshot(&gap.stick));
    assert!(before.len() > 1);
    let kept = run(command.arg("--json")).expect(0).json()["packs_kept"].as_u64().unwrap();
    let after = packs(snapshot(&gap.stick));
    let same = before.iter().filter(|(path, bytes)| after.get(*path) == Some(bytes)).count() as u64;
    assert!(same == kept && kept > 0, "{same} packs are the same, {kept} were kept");
    gap.import().expect(0);
    gap.checkout("big:v1", "out").expect(0);
    assert_same_tree(&source, &gap.path("out"));
}

#[test]
fn an_interrupted_import_admits_nothing_and_goes_on_later() {
    let gap = Gap::new();
    let source = big_source(&gap);
    gap.export(&source, "big:v1", &["--pack-size", "64K"]).expect(0);
    let stick = snapshot(&gap.stick);
    let child = start_until(gap.cluster.command(["import"]).arg(&gap.stick), || has_packs(&gap.cluster.vault, 5));
    signal(&child, "INT");
    ended(child).refused(1, "interrupted");
    assert!(gap.cluster.run(["list"]).expect(0).out.contains("holds nothing"));
    assert!(leftovers(&gap.cluster.vault).iter().all(|path| !path.to_str().unwrap().ends_with(".part")));
    assert!(snapshot(&gap.stick) == stick, "the medium has changed");
    assert!(gap.cluster.run(["pending"]).expect(0).out.contains("missing  volume 1"));
    gap.import().expect(0);
    assert!(leftovers(&gap.cluster.vault).is_empty() && !gap.cluster.vault.join("pending").exists());
}

#[test]
fn an_interrupted_checkout_leaves_nothing_beside_the_destination() {
    let gap = Gap::new();
    let source = big_source(&gap);
    gap.export(&source, "big:v1", &["--pack-size", "64K"]).expect(0);
    gap.import().expect(0);
    let room = gap.path("room");
    std::fs::create_dir(&room).unwrap();
    let mut command = gap.cluster.command(["checkout", "big:v1", "--threads", "1"]);
    command.arg(room.join("out"));
    let child = start_until(&mut command, || !walk(&room).is_empty());
    signal(&child, "INT");
    ended(child).refused(1, "interrupted: nothing was checked out");
    assert!(snapshot(&room).is_empty(), "{:?}", snapshot(&room));
    run(&mut command).expect(0);
    assert_same_tree(&source, &room.join("out"));
}

#[test]
fn one_import_at_a_time_and_anybody_may_look() {
    let gap = Gap::new();
    let source = big_source(&gap);
    gap.export(&source, "big:v1", &["--pack-size", "64K"]).expect(0);
    let first = start_until(gap.cluster.command(["import"]).arg(&gap.stick), || has_packs(&gap.cluster.vault, 5));
    signal(&first, "STOP");
    let second = gap.import();
    let listed = gap.cluster.run(["list"]);
    let verified = gap.on_stick("verify");
    signal(&first, "CONT");
    second.refused(1, "is in use by another command");
    assert!(listed.expect(0).out.contains("holds nothing"));
    verified.expect(0);
    ended(first).expect(0);
    assert!(gap.cluster.run(["list"]).expect(0).out.contains("big:v1"));
}

/// A checkout that goes on is no leftover to another one of the same name.
#[test]
fn a_checkout_leaves_the_sibling_of_a_running_one_alone() {
    let gap = Gap::new();
    let source = big_source(&gap);
    gap.export(&source, "big:v1", &["--pack-size", "64K"]).expect(0);
    gap.import().expect(0);
    let other = gap.path("other-vault");
    copy_tree(&gap.cluster.vault, &other);
    let room = gap.path("room");
    std::fs::create_dir(&room).unwrap();
    let checkout = |vault: &Path| {
        let mut command = gapvault();
        command.arg("--vault").arg(vault).args(["checkout", "big:v1"]).arg(room.join("out"));
        command
    };
    let first = start_until(&mut checkout(&gap.cluster.vault), || !walk(&room).is_empty());
    signal(&first, "STOP");
    let second = run(&mut checkout(&other));
    signal(&first, "CONT");
    second.expect(0);
    ended(first).refused(2, "exists");
    assert_eq!(std::fs::read_dir(&room).unwrap().count(), 1);
    assert_same_tree(&source, &room.join("out"));
}

/// Ctrl-C at any moment: either all is done, or nothing is left of it.
#[test]
fn an_interrupted_command_does_all_or_nothing() {
    let gap = Gap::new();
    gap.export_sample();
    let pristine = gap.path("pristine");
    copy_tree(&gap.cluster.vault, &pristine);
    gap.import().expect(0);
    let mut count = 0;
    let mut room = || {
        count += 1;
        let room = gap.path(&format!("room-{count}"));
        std::fs::create_dir(&room).unwrap();
        room
    };
    let done = |status: ExitStatus, point: &str| {
        assert!(matches!(status.code(), Some(0 | 1)), "{status} at {point}");
        status.success()
    };

    let export = || {
        let stick = room();
        let mut command = gap.lab.command(["export", "--name", "model:v2", "--tent", "aurora", "--pack-size", "64K"]);
        command.arg(gap.path("sample")).arg("--to").arg(&stick);
        (stick, command)
    };
    at_system_calls("INT", Threads::Main, export, |stick, point, status| {
        let whole = done(status, point);
        let sealed = snapshot(&stick).iter().any(|(path, _)| path.ends_with("seal.json"));
        assert_eq!(sealed, whole, "{point}");
        assert!(leftovers(&gap.lab.vault).is_empty(), "{:?} at {point}", leftovers(&gap.lab.vault));
    });
    let import = || {
        let vault = room().join("cluster");
        copy_tree(&pristine, &vault);
        let mut command = gapvault();
        command.arg("--vault").arg(&vault).arg("import").arg(&gap.stick);
        (Site { vault }, command)
    };
    at_system_calls("INT", Threads::Main, import, |cluster, point, status| {
        let whole = done(status, point);
        assert_eq!(cluster.run(["list"]).expect(0).out.contains("model:v1"), whole, "{point}");
    });
    let checkout = || {
        let room = room();
        let mut command = gap.cluster.command(["checkout", "model:v1"]);
        command.arg(room.join("out"));
        (room, command)
    };
    at_system_calls("INT", Threads::Main, checkout, |room, point, status| {
        let whole = done(status, point);
        assert_eq!(std::fs::read_dir(&room).unwrap().count(), usize::from(whole), "{point}");
    });
}

/// How many packs the bundles on a medium have.
fn packs_on(stick: &Path) -> usize {
    let bundles = std::fs::read_dir(stick.join("gapvault")).into_iter().flatten().filter_map(Result::ok);
    let packs = bundles.filter_map(|bundle| std::fs::read_dir(bundle.path().join("packs/0000")).ok()).flatten();
    packs.filter(|pack| pack.as_ref().is_ok_and(|pack| pack.path().extension().is_some_and(|e| e == "age"))).count()
}

/// Whether this many packs of an import wait in a vault.
fn has_packs(vault: &Path, count: usize) -> bool {
    let waiting = std::fs::read_dir(vault.join("pending")).into_iter().flatten();
    let packs = waiting.map(|bundle| bundle.unwrap().path().join("packs/0000"));
    packs.filter_map(|packs| std::fs::read_dir(packs).ok()).any(|packs| packs.count() > count)
}
