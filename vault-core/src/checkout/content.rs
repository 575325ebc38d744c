//! What is checked out, held to the content rules of its tent before it has its name. Whoever exported it may have had
//! other rules.

use super::CheckoutError;
use super::tree::Tree;
use crate::bundle::{Entry, FileEntry};
use crate::content::{Examine, judge_files};
use crate::error::FsError;
use crate::observe::{Event, Observer, Phase};
use gapvault_formats::policy::Tent;

/// Looks at every file in the tree.
pub(super) fn check(
    tent: &Tent,
    tree: &Tree,
    entries: &[Entry],
    threads: usize,
    observer: &dyn Observer,
) -> Result<(), CheckoutError> {
    if !tent.content.look_inside() {
        return Ok(());
    }
    let total = super::files(entries).map(|entry| entry.file.size).sum();
    observer.event(Event::Begin { phase: Phase::Content, total, medium: None });
    let failed = |entry: &&FileEntry, error| {
        if observer.cancelled() {
            return CheckoutError::Interrupted;
        }
        FsError::at("can't read", &tree.path(entry.file.path.as_str()))(error).into()
    };
    let examine = Examine {
        open: &|entry: &&FileEntry| Ok(tree.open_file(&entry.file)?),
        length: &|entry| entry.file.size,
        failed: &failed,
        done: &|entry, _| {
            observer.event(Event::Advance { bytes: entry.file.size, medium: None });
            Ok(())
        },
        path: &|entry| entry.file.path.to_string(),
    };
    judge_files(tent, super::files(entries), threads, observer, &examine)??;
    observer.event(Event::End { medium: None });
    Ok(())
}
