//! Policy files of a vault, changed by another hand.

use crate::support::Site;
use crate::support::policy::Roots;
use crate::support::untouched::Before;
use std::fs;
use std::path::{Path, PathBuf};

/// A vault whose policies of epochs 3 and 4 two persons signed.
fn ready() -> Roots {
    let roots = Roots::together();
    for name in ["aurora", "borealis"] {
        roots.lab.run(["tent", "new", name]).expect(0);
        roots.bob_signs().expect(0);
        roots.lab.run(["policy", "apply"]).expect(0);
    }
    roots
}

fn files(lab: &Site) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(lab.vault.join("policy")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

/// What can become of a file.
const DAMAGE: [&str; 6] = ["a bit flipped", "a line more", "emptied", "another epoch's", "a link", "removed"];

fn damage(what: &str, path: &Path, other: &Path) {
    let mut bytes = fs::read(path).unwrap();
    match what {
        "a bit flipped" => {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
        "a line more" => bytes.push(b'\n'),
        "emptied" => bytes.clear(),
        "another epoch's" => bytes = fs::read(other).unwrap(),
        _ => fs::remove_file(path).unwrap(),
    }
    match what {
        "a link" => std::os::unix::fs::symlink(other, path).unwrap(),
        "removed" => {}
        _ => fs::write(path, bytes).unwrap(),
    }
}

#[test]
fn every_file_of_the_policy_in_force_counts() {
    let roots = ready();
    let lab = &roots.lab;
    assert_eq!((lab.epoch(), files(lab).len()), (4, 2 + 3 + 3 + 3));
    for path in files(lab) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let epoch: u64 = name[..6].parse().unwrap();
        let other =
            if epoch == 4 { name.replacen("000004", "000003", 1) } else { name.replacen(&name[..6], "000004", 1) };
        let good = fs::read(&path).unwrap();
        for what in DAMAGE {
            damage(what, &path, &path.with_file_name(&other));
            let what = format!("{name}: {what}");
            let before = Before::of(lab);
            // What was in force before says who may sign the one in force; signatures before that have done their work.
            let expected = match (epoch, name.ends_with(".toml")) {
                (3 | 4, true) => 3,
                (4, false) => 4,
                _ => 0,
            };
            for command in [&["list"][..], &["policy", "show"], &["tent", "set", "aurora", "--valid-days", "0"]] {
                let run = lab.run(command);
                // Zero days are refused whatever the state of the vault.
                let expected = if expected == 0 && command[0] == "tent" { 4 } else { expected };
                assert!(run.code == expected, "{what}: {command:?}: {run:#?}");
                assert!(expected == 0 || run.err.contains("\nhint: "), "{what}: {run:#?}");
            }
            if name.ends_with(".toml") {
                lab.run(["policy", "show", "--epoch", &epoch.to_string()]).refused(3, &name);
            }
            before.expect_same(lab, &what);
            let _ = fs::remove_file(&path);
            fs::write(&path, &good).unwrap();
        }
    }
    lab.run(["list"]).expect(0);
}

#[test]
fn signatures_of_others_make_no_policy_and_break_none() {
    let roots = ready();
    let lab = &roots.lab;
    let policy = lab.vault.join("policy/000004.toml");
    crate::support::policy::stranger_signs(&policy);
    fs::write(policy.with_file_name("000004.toml.sig"), "x").unwrap();
    fs::create_dir(policy.with_file_name("000004.toml.folder.sig")).unwrap();
    lab.run(["list"]).expect(0);
    fs::remove_file(roots.bob.policy_signature(&policy)).unwrap();
    lab.run(["list"]).refused(4, "1 of 2 persons of the root in force signed (lab)");
}
