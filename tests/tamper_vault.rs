//! A vault's own files, changed after an import: it believes none of them for being there.

use crate::support::reseal::{files, packs, read_seal, reseal};
use crate::support::untouched::{Before, promptly};
use crate::support::{Gap, noise, snapshot, write_sample};
use gapvault_formats::agefile::{OpenReader, SealWriter};
use gapvault_formats::ids::BundleId;
use gapvault_formats::keys::Keys;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Two bundles of one shape in the cluster's vault; gives their folders there.
fn two_held(gap: &Gap) -> (PathBuf, PathBuf) {
    let mut folders = Vec::new();
    for (number, name) in ["model:v1", "model:v2"].into_iter().enumerate() {
        let source = gap.path(&format!("sample {number}"));
        write_sample(&source);
        fs::write(source.join("config.json"), format!("{number}")).unwrap();
        let export = gap.export(&source, name, &["--pack-size", "64K"]).expect(0);
        folders.push(gap.cluster.vault.join("bundles").join(export.json()["bundle"].as_str().unwrap()));
    }
    gap.import().expect(0);
    assert_eq!(files(&folders[0]), files(&folders[1]));
    (folders.remove(0), folders.remove(0))
}

/// The files that a checkout opens; the others are for people.
fn opened(held: &Path) -> Vec<String> {
    files(held).into_iter().filter(|name| name == "seal.json" || name.ends_with(".age")).collect()
}

/// Expects that `checkout` of `model:v1` is refused as altered, saying `text`, and leaves nothing anywhere.
#[track_caller]
fn assert_no_checkout(gap: &Gap, what: &str, text: &str) {
    let (vault, room) = (Before::of(&gap.cluster), snapshot(gap.room.path()));
    let mut checkout = gap.cluster.command(["checkout", "model:v1"]);
    let run = promptly(checkout.arg(gap.path("out")));
    assert_eq!(run.code, 3, "{what}: {run:#?}");
    assert!(run.err.contains(text), "{what}: no {text:?} in {run:#?}");
    assert!(run.err.contains("hint: ") && !run.err.contains("medium"), "{what}: {run:#?}");
    vault.expect_same(&gap.cluster, what);
    assert!(room == snapshot(gap.room.path()), "{what}: something was left behind");
}

#[test]
fn a_flipped_byte_in_a_held_file_stops_the_checkout() {
    let gap = Gap::new();
    let (held, _) = two_held(&gap);
    for name in opened(&held) {
        let good = fs::read(held.join(&name)).unwrap();
        for at in [0, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(held.join(&name), bad).unwrap();
            assert_no_checkout(&gap, &format!("{name} flipped at {at}"), &name);
        }
        fs::write(held.join(&name), good).unwrap();
    }
    gap.checkout("model:v1", "out").expect(0);
}

#[test]
fn a_held_file_removed_cut_short_or_linked_stops_the_checkout() {
    let gap = Gap::new();
    let (held, _) = two_held(&gap);
    let aside = gap.path("aside");
    for name in opened(&held) {
        let path = held.join(&name);
        fs::rename(&path, &aside).unwrap();
        assert_no_checkout(&gap, &format!("{name} removed"), &name);
        symlink(&aside, &path).unwrap();
        assert_no_checkout(&gap, &format!("{name} linked"), &name);
        fs::remove_file(&path).unwrap();
        let good = fs::read(&aside).unwrap();
        for length in [0, good.len() - 1] {
            fs::write(&path, &good[..length]).unwrap();
            assert_no_checkout(&gap, &format!("{name} of {length} bytes"), &name);
        }
        fs::rename(&aside, &path).unwrap();
    }
    fs::rename(&held, &aside).unwrap();
    assert_no_checkout(&gap, "the bundle removed", held.to_str().unwrap());
}

#[test]
fn a_held_file_of_another_bundle_stops_the_checkout() {
    let gap = Gap::new();
    let (held, other) = two_held(&gap);
    for name in opened(&held) {
        let good = fs::read(held.join(&name)).unwrap();
        fs::copy(other.join(&name), held.join(&name)).unwrap();
        assert_no_checkout(&gap, &name, &name);
        fs::write(held.join(&name), good).unwrap();
    }
    // All of it: a bundle that is whole and properly signed, and not the one that was admitted here.
    for name in files(&other) {
        fs::copy(other.join(&name), held.join(&name)).unwrap();
    }
    assert_no_checkout(&gap, "all of another bundle", "seal.json of bundle");
    gap.checkout("model:v2", "out").expect(0);
}

#[test]
fn swapped_held_packs_stop_the_checkout() {
    let gap = Gap::new();
    let (held, _) = two_held(&gap);
    let packs = packs(&held);
    let (one, other) = (held.join(&packs[0]), held.join(&packs[1]));
    let aside = gap.path("aside");
    for (from, to) in [(&one, &aside), (&other, &one), (&aside, &other)] {
        fs::rename(from, to).unwrap();
    }
    assert_no_checkout(&gap, "swapped packs", "packs/0000/00000");
}

/// Everything that reads what the vault holds goes the same way.
#[test]
fn an_altered_description_is_not_shown_either() {
    let gap = Gap::new();
    let (held, other) = two_held(&gap);
    for name in ["seal.json", "catalogue.age"] {
        let good = fs::read(held.join(name)).unwrap();
        fs::copy(other.join(name), held.join(name)).unwrap();
        gap.cluster.run(["show", "model:v1"]).refused(3, name);
        fs::write(held.join(name), good).unwrap();
    }
    gap.cluster.run(["show", "model:v1"]).expect(0);
}

#[test]
fn a_seal_made_to_fit_forged_files_stops_the_checkout() {
    let gap = Gap::new();
    let (held, other) = two_held(&gap);
    for name in ["keys.age", "catalogue.age", "index.age", "packs/0000/000000.age"] {
        fs::copy(other.join(name), held.join(name)).unwrap();
    }
    // Even the exporter's own key can't make another bundle of what was admitted.
    reseal(&held, &gap.lab.signing_key(), |_| ());
    assert_no_checkout(&gap, "forged files, a new seal", "seal.json of bundle");
    let seal = fs::read(held.join("seal.json")).unwrap();
    let forged = held.with_file_name(BundleId::of(&seal).to_string());
    fs::rename(&held, &forged).unwrap();
    assert_no_checkout(&gap, "under the name of its own seal", held.to_str().unwrap());
}

#[test]
fn forged_packs_that_open_with_the_bundle_s_own_key_stop_the_checkout() {
    let gap = Gap::new();
    let (held, _) = two_held(&gap);
    let seal = read_seal(&held);
    let (mut keys, sealed) = (String::new(), fs::read(held.join("keys.age")).unwrap());
    let stanzas = seal.predicate().stanzas.keys;
    OpenReader::new(Cursor::new(sealed), &gap.cluster.identity(), stanzas).unwrap().read_to_string(&mut keys).unwrap();
    let recipient = Keys::parse(&keys).unwrap().identity.recipient();
    for (number, name) in packs(&held).into_iter().enumerate() {
        let good = fs::read(held.join(&name)).unwrap();
        let plain = noise(7, usize::try_from(seal.predicate().stream.pack_length(number as u64)).unwrap());
        // The header's length is random; a patient forger gets the right one.
        let forged = std::iter::repeat_with(|| {
            let mut pack = SealWriter::new(Vec::new(), [&recipient]).unwrap();
            pack.write_all(&plain).unwrap();
            pack.finish().unwrap()
        });
        let forged = forged.take(100_000).find(|forged| forged.len() == good.len()).unwrap();
        fs::write(held.join(&name), forged).unwrap();
        // A chunk that goes on in this pack may begin in the one before.
        assert_no_checkout(&gap, &name, "begins in packs/0000/00000");
        fs::write(held.join(&name), good).unwrap();
    }
    gap.checkout("model:v1", "out").expect(0);
}
