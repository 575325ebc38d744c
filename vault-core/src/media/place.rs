//! The folder on the medium that everything is tried in.

use crate::error::FsError;
use crate::fs::Scratch;
use std::path::Path;

/// A hidden folder, removed when this is dropped. What a killed run left is removed by the next.
#[derive(Debug)]
pub(super) struct Place(Option<Scratch>);

impl Place {
    pub(super) fn create(medium: &Path) -> Result<Self, FsError> {
        Ok(Self(Some(Scratch::create(medium, ".gapvault-probe-", 0o700)?)))
    }

    pub(super) fn path(&self) -> &Path {
        // It is only taken when nobody can ask any more.
        self.0.as_ref().map_or(Path::new(""), Scratch::path)
    }

    /// Removes it, and says if that fails.
    pub(super) fn remove(mut self) -> Result<(), FsError> {
        self.0.take().map_or(Ok(()), Scratch::discard)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(scratch) = self.0.take() {
            // It may be gone with its medium; there is nobody to tell.
            let _ = scratch.discard();
        }
    }
}
