//! `SHA256SUMS.<volume>`: the digests of a volume's files, for `sha256sum -c`.

use crate::seal::{BundleFile, Subject};
use std::fmt::Write;

/// The text of the sums file over `subjects`, in the order given. The sums files themselves are left out.
#[must_use]
pub fn text<'a>(subjects: impl IntoIterator<Item = &'a Subject>) -> String {
    let mut out = String::new();
    for Subject { file, sha256, .. } in subjects {
        if !matches!(file, BundleFile::Sums(_)) {
            // Writing to a String can't fail.
            let _ = writeln!(out, "{sha256}  {file}");
        }
    }
    out
}
