//! Approvals on other media than the bundle: brought there from the vault, and what a new seal does to them.

use crate::support::approvers::{Approvers, digest};
use crate::support::reseal::{approval_path, files};
use crate::support::untouched::Before;
use crate::support::{Run, run, snapshot};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

const OF: [&str; 3] = ["bob", "carol", "dave"];

/// A lab that exported to its stick, then let bob approve in the vault alone; and an empty medium beside.
fn approved_in_vault() -> (Approvers, PathBuf, String, PathBuf) {
    let approvers = Approvers::new(1, &OF);
    let bundle = approvers.gap.export_sample();
    let id = digest(&bundle);
    approvers.approve(&approvers.gap.lab, "bob", Path::new(&id[..12]), &id).expect(0);
    let other = approvers.gap.path("other");
    fs::create_dir(&other).unwrap();
    (approvers, bundle, id, other)
}

fn bring(approvers: &Approvers, id: &str, to: &Path) -> Run {
    run(approvers.gap.lab.command(["export", "--again", &id[..12], "--approvals", "--to"]).arg(to))
}

#[test]
fn a_medium_with_nothing_but_the_seal_and_approvals_is_enough() {
    let (approvers, bundle, id, other) = approved_in_vault();
    let gap = &approvers.gap;
    let without =
        run(gap.lab.command(["export", "--again", &id[..12], "--to"]).arg(&other)).refused(1, "no whole volume");
    assert!(without.err.contains("--approvals"), "{without:#?}");
    assert!(snapshot(&other).is_empty());

    let brought = bring(&approvers, &id, &other).expect(0);
    assert!(brought.out.contains("approved by bob"), "{brought:#?}");
    let there = other.join("gapvault").join(bundle.file_name().unwrap());
    let mut names = files(&there);
    names.sort();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(fs::read(there.join("seal.json")).unwrap(), fs::read(bundle.join("seal.json")).unwrap());
    assert!(approval_path(&there, approvers.key("bob")).is_file());
    let (vault, medium) = (Before::of(&gap.lab), snapshot(&other));
    assert!(bring(&approvers, &id, &other).expect(0).out.contains("there already"));
    vault.expect_same(&gap.lab, "brought twice");
    assert!(medium == snapshot(&other));

    gap.import().refused(4, "none has approved");
    let imported = run(gap.cluster.command(["import"]).args([&gap.stick, &other])).expect(0);
    assert!(imported.out.contains("approved by bob"), "{imported:#?}");
    gap.checkout("model:v1", "out").expect(0);
}

#[test]
fn approvals_without_their_seal_are_told_of_and_an_attempt_that_broke_off_goes_on() {
    let (approvers, bundle, id, other) = approved_in_vault();
    let gap = &approvers.gap;
    bring(&approvers, &id, &other).expect(0);
    let there = other.join("gapvault").join(bundle.file_name().unwrap());
    fs::remove_file(there.join("seal.json")).unwrap();
    let both = run(gap.cluster.command(["import"]).args([&gap.stick, &other])).refused(4, "none has approved");
    assert!(both.err.contains("approvals and no seal.json beside them: they were not used"), "{both:#?}");
    bring(&approvers, &id, &other).expect(0);
    assert!(there.join("seal.json").is_file());
    run(gap.cluster.command(["verify"]).args([&gap.stick, &other])).expect(0);
}

#[test]
fn approvals_are_not_brought_where_something_else_stands() {
    let (approvers, bundle, id, other) = approved_in_vault();
    let gap = &approvers.gap;
    let label = bundle.file_name().unwrap();
    let elsewhere = gap.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();

    symlink(&elsewhere, other.join("gapvault")).unwrap();
    bring(&approvers, &id, &other).refused(3, "something else stands there");
    fs::remove_file(other.join("gapvault")).unwrap();
    fs::create_dir(other.join("gapvault")).unwrap();
    symlink(&elsewhere, other.join("gapvault").join(label)).unwrap();
    bring(&approvers, &id, &other).refused(3, "something else stands there");
    assert!(snapshot(&elsewhere).is_empty());
    fs::remove_file(other.join("gapvault").join(label)).unwrap();
    for (name, text) in [("seal.json", "another seal"), ("SHA256SUMS.1", "a volume that broke off")] {
        let folder = other.join("gapvault").join(label);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(name), text).unwrap();
        let before = snapshot(&other);
        bring(&approvers, &id, &other).refused(2, "another seal of the bundle, or a part of it");
        assert!(before == snapshot(&other));
        fs::remove_dir_all(folder).unwrap();
    }
    bring(&approvers, &id, &gap.path("nowhere")).refused(6, "is not a folder");
    // Nobody has approved this one.
    let second = run(gap
        .lab
        .command(["export", "--json", "--name", "m:2", "--tent", "aurora", "--to"])
        .arg(&other)
        .arg(gap.path("sample")))
    .expect(0)
    .json();
    bring(&approvers, second["bundle"].as_str().unwrap(), &elsewhere).refused(1, "nobody has approved");
    assert!(snapshot(&elsewhere).is_empty());
}

#[test]
fn a_new_seal_voids_approvals_only_when_that_was_agreed_to() {
    let (approvers, bundle, id, other) = approved_in_vault();
    let gap = &approvers.gap;
    let again = |more: &[&str]| {
        let mut command = gap.lab.command(["export", "--again", &id[..12], "--volume", "1", "--to"]);
        run(command.arg(&other).args(more))
    };
    let vault = Before::of(&gap.lab);
    again(&[]).refused(2, "does not have 1 approval of bundle");
    vault.expect_same(&gap.lab, "not agreed to");
    assert!(snapshot(&other).is_empty());
    let done = again(&["--yes"]).expect(0);
    assert!(done.err.contains("by bob: they have to be given anew"), "{done:#?}");
    let there = other.join("gapvault").join(bundle.file_name().unwrap());
    assert_ne!(digest(&there), id);
    run(gap.cluster.command(["import"]).arg(&other)).refused(4, "none has approved");
    // What is done needs nobody's word again.
    again(&[]).expect(0);
}
