//! Every file of a bundle, damaged in every simple way: refused by `verify` and by `import`, the file named.

use crate::support::Gap;
use crate::support::reseal::{files, packs, signatures};
use crate::support::untouched::{assert_damaged, assert_refused};
use std::fs;
use std::path::{Path, PathBuf};

/// Does `work` after the file was given other bytes (or none: removed), then puts it back.
fn while_altered(path: &Path, bytes: Option<&[u8]>, work: impl FnOnce()) {
    let good = fs::read(path).unwrap();
    match bytes {
        Some(bytes) => fs::write(path, bytes).unwrap(),
        None => fs::remove_file(path).unwrap(),
    }
    work();
    fs::write(path, good).unwrap();
}

/// Alters each file of the sample in turn, as often as `alter` says; each is refused as altered, by name.
fn refused_as_altered(alter: impl Fn(Vec<u8>) -> Vec<(String, Vec<u8>)>) {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    for name in files(&bundle) {
        let path = bundle.join(&name);
        for (how, bytes) in alter(fs::read(&path).unwrap()) {
            while_altered(&path, Some(&bytes), || assert_damaged(&gap, &format!("{name} {how}"), 3, &name));
        }
    }
    gap.import().expect(0);
}

#[test]
fn a_flipped_byte_in_any_file_is_refused() {
    refused_as_altered(|good| {
        let flipped = |at: usize| {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            (format!("flipped at {at}"), bytes)
        };
        [0, good.len() / 2, good.len() - 1].map(flipped).into()
    });
}

#[test]
fn any_file_cut_short_is_refused() {
    refused_as_altered(|good| {
        vec![("less a byte".into(), good[..good.len() - 1].to_vec()), ("emptied".into(), Vec::new())]
    });
}

#[test]
fn any_file_grown_by_a_byte_is_refused() {
    refused_as_altered(|good| [b"\0", b"\n"].map(|more| ("grown".into(), [&good, more.as_slice()].concat())).into());
}

#[test]
fn any_file_removed_is_refused_as_what_it_means() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    for name in files(&bundle) {
        let (code, text) = match name.as_str() {
            // Without a seal there is no bundle yet, and a pack may be on another medium.
            "seal.json" => (5, "has no seal"),
            pack if pack.starts_with("packs/") => (5, pack),
            signature if signature.ends_with(".sig") => (4, "there is no signature"),
            other => (3, other),
        };
        while_altered(&bundle.join(&name), None, || assert_damaged(&gap, &format!("{name} removed"), code, text));
    }
    gap.import().expect(0);
}

/// A second bundle of the same shape, off the stick.
fn other_bundle(gap: &Gap) -> PathBuf {
    let (source, stick) = (gap.path("other sample"), gap.path("other stick"));
    crate::support::write_sample(&source);
    fs::write(source.join("config.json"), br#"{"hidden_size": 65}"#).unwrap();
    fs::create_dir(&stick).unwrap();
    let args = ["--name", "model:v2", "--tent", "aurora", "--pack-size", "64K", "--json", "--to"];
    let export = crate::support::run(gap.lab.command(["export"]).arg(&source).args(args).arg(&stick)).expect(0);
    PathBuf::from(export.json()["path"].as_str().unwrap())
}

#[test]
fn any_file_of_another_bundle_is_refused() {
    let gap = Gap::new();
    let (bundle, other) = (gap.export_sample(), other_bundle(&gap));
    assert_eq!(files(&bundle), files(&other));
    for name in files(&bundle) {
        let (path, theirs) = (bundle.join(&name), fs::read(other.join(&name)).unwrap());
        // How to recover is the same for every bundle of a site.
        if name == "RECOVER.txt" && fs::read(&path).unwrap() == theirs {
            continue;
        }
        while_altered(&path, Some(&theirs), || assert_damaged(&gap, &format!("{name} of another"), 3, &name));
    }
    gap.import().expect(0);
}

#[test]
fn the_signed_seal_of_another_bundle_is_refused() {
    let gap = Gap::new();
    let (bundle, other) = (gap.export_sample(), other_bundle(&gap));
    let signature = signatures(&bundle).remove(0);
    fs::copy(other.join("seal.json"), bundle.join("seal.json")).unwrap();
    fs::copy(other.join(signature.file_name().unwrap()), &signature).unwrap();
    assert_refused(&gap, "seal and signature of another", 3, "seal.json is the seal of bundle");

    // Under the other's own name it is taken for the other, whose files these are not.
    fs::rename(&bundle, bundle.with_file_name(other.file_name().unwrap())).unwrap();
    assert_refused(&gap, "another's folder", 3, "catalogue.age");
}

#[test]
fn a_bundle_under_another_name_is_refused() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    fs::rename(&bundle, bundle.with_file_name("20200101-000000000000")).unwrap();
    assert_refused(&gap, "renamed", 3, "its folder is 20200101-000000000000");
}

#[test]
fn swapped_packs_are_refused() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    let packs = packs(&bundle);
    assert!(packs.len() > 2, "{packs:?}");
    for (i, one) in packs.iter().enumerate() {
        for other in &packs[i + 1..] {
            let (one_path, other_path) = (bundle.join(one), bundle.join(other));
            let (one_bytes, other_bytes) = (fs::read(&one_path).unwrap(), fs::read(&other_path).unwrap());
            while_altered(&one_path, Some(&other_bytes), || {
                while_altered(&other_path, Some(&one_bytes), || {
                    assert_damaged(&gap, &format!("{one} and {other} swapped"), 3, one);
                });
            });
        }
    }
    gap.import().expect(0);
}

#[test]
fn a_damaged_bundle_does_not_keep_out_the_good_one_beside_it() {
    let gap = Gap::new();
    let bad = gap.export_sample();
    gap.export(&gap.path("sample"), "model:v2", &[]).expect(0);
    let catalogue = bad.join("catalogue.age");
    while_altered(&catalogue, Some(b""), || {
        gap.import().refused(3, "catalogue.age");
    });
    let list = gap.cluster.run(["list"]).expect(0).out;
    assert!(list.contains("model:v2") && !list.contains("model:v1"), "{list}");
    // Mended, it is admitted: the refusal was of the damage.
    gap.import().expect(0);
    gap.checkout("model:v1", "out").expect(0);
}
