//! What does not belong on a medium: files too many, links, fifos, sockets. Refused at once and by name.

use crate::support::Gap;
use crate::support::reseal::files;
use crate::support::untouched::assert_refused;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

fn make(kind: FileType, path: &Path) {
    mknodat(CWD, path, kind, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

fn remove(path: &Path) {
    if fs::symlink_metadata(path).unwrap().is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) }.unwrap();
}

/// What may stand where it should not: how it is called, and how it is made.
type Thing = (&'static str, fn(&Path));

const THINGS: [Thing; 7] = [
    ("a file", |path| fs::write(path, "more").unwrap()),
    ("a folder", |path| fs::create_dir(path).unwrap()),
    ("a fifo", |path| make(FileType::Fifo, path)),
    ("a socket", |path| make(FileType::Socket, path)),
    ("a link to a sibling", |path| symlink("seal.json", path).unwrap()),
    ("a link out of the medium", |path| symlink("/dev/zero", path).unwrap()),
    ("a link to nowhere", |path| symlink("nowhere", path).unwrap()),
];

#[test]
fn anything_that_the_seal_does_not_name_is_refused() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    let names =
        ["extra.bin", ".hidden", "seal.json.part", "SEAL.JSON", "packs/0001", "packs/0000/000009.age", "a\u{301}"];
    for name in names {
        for (what, make) in THINGS {
            let path = bundle.join(name);
            make(&path);
            assert_refused(&gap, &format!("{what} called {name}"), 3, name);
            remove(&path);
        }
    }
    gap.import().expect(0);
}

#[test]
fn a_name_that_fakes_output_is_refused_on_one_line() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    fs::write(bundle.join("evil\nhint: \u{1b}[2Jall is well"), "").unwrap();
    assert_refused(&gap, "control characters in a name", 3, "evil");
    let run = gap.import().expect(3);
    assert!(run.err.lines().all(|line| !line.starts_with("hint: \u{1b}") && !line.contains('\u{1b}')), "{run:#?}");
    assert_eq!(run.err.lines().count(), 2, "{run:#?}");
}

#[test]
fn a_signature_file_that_is_none_is_refused() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    for name in ["seal.json..sig", "seal.json.00.sig", &format!("seal.json.{}.sig", "0".repeat(64))] {
        for (what, make) in THINGS {
            let path = bundle.join(name);
            make(&path);
            assert_refused(&gap, &format!("{what} called {name}"), 3, name);
            remove(&path);
        }
    }
    gap.import().expect(0);
}

#[test]
fn anything_but_a_file_in_the_place_of_one_is_refused() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    let aside = gap.path("aside");
    for name in files(&bundle) {
        let path = bundle.join(&name);
        fs::rename(&path, &aside).unwrap();
        // A link to the very file: followed, everything would be whole.
        symlink(&aside, &path).unwrap();
        assert_refused(&gap, &format!("{name} linked out"), 3, &name);
        remove(&path);
        for (what, make) in THINGS.into_iter().skip(1) {
            make(&path);
            assert_refused(&gap, &format!("{what} for {name}"), 3, &name);
            remove(&path);
        }
        fs::rename(&aside, &path).unwrap();
    }
    gap.import().expect(0);
}

#[test]
fn a_flood_of_names_is_not_gone_through() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    for (up_to, text) in [(100, "holds more than the"), (2_000, "files beside it")] {
        for n in 0..up_to {
            fs::write(bundle.join(format!("{n:050}")), "").unwrap();
        }
        assert_refused(&gap, &format!("{up_to} extras"), 3, text);
    }
}

#[test]
fn a_folder_that_is_a_link_or_no_folder_is_refused() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    let aside = gap.path("aside");
    let gapvault = gap.stick.join("gapvault");
    for (folder, text) in [
        (bundle.join("packs/0000"), "packs/0000 of bundle"),
        (bundle.join("packs"), "packs of bundle"),
        (bundle.clone(), bundle.to_str().unwrap()),
        (gapvault.clone(), gapvault.to_str().unwrap()),
    ] {
        fs::rename(&folder, &aside).unwrap();
        symlink(&aside, &folder).unwrap();
        assert_refused(&gap, &format!("{} linked out", folder.display()), 3, text);
        remove(&folder);
        for (what, make) in THINGS.into_iter().filter(|(what, _)| *what != "a folder") {
            make(&folder);
            assert_refused(&gap, &format!("{what} for {}", folder.display()), 3, text);
            remove(&folder);
        }
        fs::rename(&aside, &folder).unwrap();
    }
    gap.import().expect(0);
}
