//! Where the vectors are kept, and how they are rewritten.

use crate::{generate, kinds};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{env, fs};

/// What rewrites the committed vectors.
pub(crate) const BLESS: &str = "GAPVAULT_BLESS=1 cargo test -p gapvault-formats --test vectors";
/// The ending of the file beside an invalid vector that holds the words it is refused with.
pub(crate) const REFUSAL: &str = ".refusal";

/// Files by their path below the folder of vectors.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn refusal_path(path: &str) -> String {
    format!("{path}{REFUSAL}")
}

/// The kind of the vector at `path`: the folder that it is in.
pub(crate) fn kind(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or_default()
}

/// The committed files below `root`, which is `valid` or `invalid`.
pub(crate) fn committed(root: &str) -> Files {
    // Whichever test comes first rewrites; the others read what it has written.
    static BLESSED: LazyLock<()> = LazyLock::new(|| {
        if env::var_os("GAPVAULT_BLESS").is_some() {
            rewrite(&with_refusals(generate::all()));
        }
    });
    LazyLock::force(&BLESSED);
    let mut files = Files::new();
    for kind in list(&folder().join(root)) {
        for file in list(&kind) {
            let path = file.strip_prefix(folder()).unwrap().to_str().unwrap().to_owned();
            files.insert(path, fs::read(&file).unwrap());
        }
    }
    assert!(!files.is_empty(), "there are no vectors; to write them: {BLESS}");
    files
}

/// `files` and, beside each that is invalid, the words that it is refused with.
pub(crate) fn with_refusals(files: Files) -> Files {
    let mut all = files.clone();
    for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with("invalid/")) {
        let refusal = kinds::read(kind(path), bytes).err().unwrap_or_else(|| panic!("{path} is taken"));
        all.insert(refusal_path(path), (refusal + "\n").into_bytes());
    }
    all
}

fn rewrite(files: &Files) {
    for root in ["valid", "invalid"] {
        let root = folder().join(root);
        if root.exists() {
            fs::remove_dir_all(root).unwrap();
        }
    }
    for (path, bytes) in files {
        let path = folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

fn list(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
}
