//! What a hostile exporter can do: alter a bundle and seal it again properly.

use super::Site;
use gapvault_formats::agefile::Identity;
use gapvault_formats::ids::MediumDigest;
use gapvault_formats::seal::{BundleFile, Predicate, SEAL_NAME, Seal, Subject};
use gapvault_formats::sshsig::{Namespace, SigningKey};
use gapvault_formats::sums;
use std::fs;
use std::path::{Path, PathBuf};

impl Site {
    /// The key that its person signs with.
    pub fn signing_key(&self) -> SigningKey {
        SigningKey::from_openssh(&fs::read_to_string(self.vault.join("secrets/ssh.key")).unwrap()).unwrap()
    }

    /// The key that opens what is sealed to it.
    pub fn identity(&self) -> Identity {
        let text = fs::read_to_string(self.vault.join("secrets/age.key")).unwrap();
        // The newest is the first.
        Identity::from_secret(text.lines().next().unwrap()).unwrap()
    }
}

/// The names of the regular files in a bundle's folder, in order.
pub fn files(bundle: &Path) -> Vec<String> {
    let all = super::snapshot(bundle).into_iter().map(|(path, _)| path);
    all.filter(|path| bundle.join(path).is_file()).map(|path| path.to_str().unwrap().to_owned()).collect()
}

/// The names of the packs among them.
pub fn packs(bundle: &Path) -> Vec<String> {
    files(bundle).into_iter().filter(|name| name.starts_with("packs/")).collect()
}

/// The seal in a bundle's folder.
pub fn read_seal(bundle: &Path) -> Seal {
    Seal::parse(&fs::read(bundle.join(SEAL_NAME)).unwrap()).unwrap()
}

/// A new seal over the files as they stand, its predicate changed by `edit`, signed with `key` alone.
pub fn reseal(bundle: &Path, key: &SigningKey, edit: impl FnOnce(&mut Predicate)) {
    let old = read_seal(bundle);
    let mut predicate = old.predicate().clone();
    edit(&mut predicate);
    let subject = |file: &BundleFile| {
        let bytes = fs::read(bundle.join(file.to_string())).unwrap();
        Subject { file: file.clone(), sha256: MediumDigest::of(&bytes), size: bytes.len() as u64 }
    };
    let (lists, files): (Vec<_>, Vec<_>) =
        old.subjects().iter().map(|s| &s.file).partition(|file| matches!(file, BundleFile::Sums(_)));
    let mut subjects: Vec<_> = files.into_iter().map(subject).collect();
    // The sample stands on one volume: its list names everything.
    fs::write(bundle.join(lists[0].to_string()), sums::text(&subjects)).unwrap();
    subjects.extend(lists.into_iter().map(subject));
    reseal_bytes(bundle, key, &Seal::new(subjects, predicate).unwrap().to_bytes().unwrap());
}

/// These bytes as the seal, signed with `key` alone.
pub fn reseal_bytes(bundle: &Path, key: &SigningKey, seal: &[u8]) {
    fs::write(bundle.join(SEAL_NAME), seal).unwrap();
    for signature in signatures(bundle) {
        fs::remove_file(signature).unwrap();
    }
    sign(bundle, key, Namespace::Seal);
}

/// The signature files in a bundle's folder.
pub fn signatures(bundle: &Path) -> Vec<PathBuf> {
    files(bundle).iter().filter(|name| name.ends_with(".sig")).map(|name| bundle.join(name)).collect()
}

/// Adds the signature of `key` over the seal as it stands; gives its path.
pub fn sign(bundle: &Path, key: &SigningKey, namespace: Namespace) -> PathBuf {
    let path = match namespace {
        Namespace::Approve => approval_path(bundle, key),
        _ => signature_path(bundle, key),
    };
    let seal = fs::read(bundle.join(SEAL_NAME)).unwrap();
    fs::write(&path, key.sign(namespace, &seal).unwrap()).unwrap();
    path
}

/// Where the approval of `key` stands.
pub fn approval_path(bundle: &Path, key: &SigningKey) -> PathBuf {
    bundle.join(format!("seal.json.{}.approve.sig", key.public().unwrap().fingerprint()))
}

/// Where the signature of `key` stands.
pub fn signature_path(bundle: &Path, key: &SigningKey) -> PathBuf {
    bundle.join(format!("seal.json.{}.sig", key.public().unwrap().fingerprint()))
}
