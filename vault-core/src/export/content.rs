//! What is exported, held to the content rules of its tent before anything is written.

use super::read::{expect_unchanged, open};
use super::source::{Source, SourceFile};
use super::{ExportError, SourceError};
use crate::content::{Examine, judge_files, judge_sizes};
use crate::error::FsError;
use crate::observe::{Event, Observer, Phase};
use gapvault_formats::policy::Tent;
use std::fs::File;
use std::io;

/// Looks at every file of `source`. Each is what will be read later: both times it must be in the state that it was
/// found in.
pub(super) fn check(tent: &Tent, source: &Source, threads: usize, observer: &dyn Observer) -> Result<(), ExportError> {
    let sizes = source.files().map(|file| (file.path.display().to_string(), file.state.size));
    judge_sizes(tent, sizes, source.bytes)?;
    if !tent.content.look_inside() {
        return Ok(());
    }
    observer.event(Event::Begin { phase: Phase::Content, total: source.bytes, medium: None });
    let done = |file: &SourceFile, opened: &File| {
        expect_unchanged(file, opened)?;
        observer.event(Event::Advance { bytes: file.state.size, medium: None });
        Ok(())
    };
    let failed = |file: &SourceFile, error: io::Error| match error.kind() {
        _ if observer.cancelled() => ExportError::Interrupted,
        // It ended before its length.
        io::ErrorKind::UnexpectedEof => SourceError::Changed { path: file.path.clone() }.into(),
        _ => FsError::at("can't read", &file.path)(error).into(),
    };
    let examine = Examine {
        open: &|file: &SourceFile| open(file),
        length: &|file| file.state.size,
        failed: &failed,
        done: &done,
        path: &|file| file.path.display().to_string(),
    };
    judge_files(tent, source.files(), threads, observer, &examine)??;
    observer.event(Event::End { medium: None });
    Ok(())
}
