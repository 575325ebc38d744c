//! Test vectors: one file, one claim, named for the claim.
//!
//! `vectors/valid/<kind>/` holds what a reader takes, `vectors/invalid/<kind>/` what it refuses, with the words of the
//! refusal beside it. What is committed is read here by folder, so a file that is put there by hand is tested too; what
//! the generator makes must be there as it makes it.

mod authenticator;
mod fixtures;
#[path = "../shared/forms.rs"]
mod forms;
mod generate;
mod kinds;
mod store;

use std::collections::BTreeMap;

#[test]
fn valid_vectors_are_taken_and_have_one_encoding() {
    for (path, bytes) in store::committed("valid") {
        match kinds::read(store::kind(&path), &bytes) {
            Ok(None) => {}
            Ok(Some(again)) => assert!(again == bytes, "{path} is written back with other bytes"),
            Err(refusal) => panic!("{path} is refused: {refusal}"),
        }
    }
}

#[test]
fn invalid_vectors_are_refused_for_what_they_claim() {
    let (refusals, files): (store::Files, store::Files) =
        store::committed("invalid").into_iter().partition(|(path, _)| path.ends_with(store::REFUSAL));
    assert_eq!(files.len(), refusals.len(), "vectors and refusals");
    for (path, bytes) in files {
        let claimed = refusals.get(&store::refusal_path(&path)).unwrap_or_else(|| panic!("{path} has no refusal"));
        match kinds::read(store::kind(&path), &bytes) {
            Ok(_) => panic!("{path} is taken"),
            Err(refusal) => assert_eq!(refusal + "\n", String::from_utf8_lossy(claimed), "{path}"),
        }
    }
}

#[test]
fn vectors_are_what_the_generator_makes() {
    let made = store::with_refusals(generate::all());
    for root in ["valid", "invalid"] {
        let committed = store::committed(root);
        let made: BTreeMap<_, _> = made.iter().filter(|(path, _)| path.starts_with(root)).collect();
        let changed = made.iter().filter(|(path, bytes)| committed.get(**path) != Some(**bytes)).map(|(path, _)| *path);
        let stale = committed.keys().filter(|path| !made.contains_key(path));
        let differ: Vec<_> = changed.chain(stale).collect();
        assert!(
            differ.is_empty(),
            "these are not what the generator makes: {differ:#?}\nto rewrite them: {}",
            store::BLESS
        );
    }
}

#[test]
fn a_seal_finds_each_of_its_files_and_no_other() {
    use gapvault_formats::seal::{BundleFile, Seal};
    let seals = store::committed("valid").into_iter().filter(|(path, _)| store::kind(path) == "seal");
    for (path, bytes) in seals {
        let seal = Seal::parse(&bytes).unwrap();
        assert!(seal.subjects().iter().all(|subject| seal.subject(&subject.file) == Some(subject)), "{path}");
        for no in
            [BundleFile::Pack(u64::MAX), BundleFile::Pack(900), BundleFile::Parity(900), BundleFile::Parity(u64::MAX)]
        {
            assert_eq!(seal.subject(&no), None, "{path}");
        }
    }
}
