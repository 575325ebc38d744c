//! What must hold in a catalogue, for the one who writes it and for the one who reads it.

use super::{CatalogueError, File, Folder, Head, Link, Provenance, Record, Totals};
use crate::names::ArtifactRef;
use crate::relpath::{LinkTarget, RelPath};
use crate::tree::TreeOrder;
use crate::{FORMAT, limits, names};
use std::collections::HashSet;

/// The rules that a writer and a reader both hold records to.
#[derive(Debug)]
pub(super) struct Rules {
    said: Totals,
    /// What has been counted so far.
    pub(super) found: Totals,
    /// Bytes of paths and link targets.
    paths: u64,
    artifacts: HashSet<ArtifactRef>,
    tree: Option<TreeOrder>,
}

impl Rules {
    pub(super) fn new(head: &Head) -> Result<Self, CatalogueError> {
        if head.format != FORMAT {
            return Err(CatalogueError::Format { actual: head.format });
        }
        within("artifacts", head.totals.artifacts, limits::ARTIFACTS)?;
        within("entries", head.totals.entries(), limits::ENTRIES)?;
        within("bytes", head.totals.bytes, limits::JSON_INTEGER)?;
        within("readers", head.readers.len() as u64, limits::STANZAS)?;
        let mut recipients = HashSet::new();
        if let Some(twice) = head.readers.iter().find(|r| !recipients.insert(&r.recipient)) {
            return Err(CatalogueError::Reader { recipient: names::shorten(&twice.recipient.to_string()) });
        }
        if let Some(first) = head.readers.first() {
            head.expect_suite(first.recipient.suite())?;
        }
        Ok(Self { said: head.totals, found: Totals::default(), paths: 0, artifacts: HashSet::new(), tree: None })
    }

    pub(super) fn check(&mut self, record: &Record) -> Result<(), CatalogueError> {
        match record {
            Record::Head(_) => return Err(CatalogueError::Sequence("a second head")),
            Record::Artifact(artifact) => {
                self.found.artifacts += 1;
                self.tree = Some(TreeOrder::default());
                if !self.artifacts.insert(artifact.artifact.clone()) {
                    return Err(CatalogueError::Artifact { artifact: artifact.artifact.clone() });
                }
                artifact.provenance.check()?;
            }
            Record::Folder(Folder { path, mode }) => {
                self.found.folders += 1;
                self.enter(path, Some(*mode), true)?;
            }
            Record::File(File { path, mode, size, .. }) => {
                self.found.files += 1;
                self.found.bytes = self.found.bytes.saturating_add(*size);
                self.enter(path, Some(*mode), false)?;
            }
            Record::Link(Link { path, target }) => {
                self.found.links += 1;
                self.paths += target.len() as u64;
                self.enter(path, None, false)?;
                LinkTarget::new(path, target).map_err(|fault| CatalogueError::Link { at: path.clone(), fault })?;
            }
            Record::End(totals) => {
                for (place, said) in [("the head's", self.said), ("the end's", *totals)] {
                    if said != self.found {
                        return Err(CatalogueError::Totals { place, said, found: self.found });
                    }
                }
            }
        }
        // A lie is noticed at the first record too many, not after a million.
        let (f, s) = (&self.found, &self.said);
        if f.artifacts > s.artifacts
            || f.files > s.files
            || f.folders > s.folders
            || f.links > s.links
            || f.bytes > s.bytes
        {
            return Err(CatalogueError::Totals { place: "the head's", said: self.said, found: self.found });
        }
        Ok(())
    }

    fn enter(&mut self, path: &RelPath, mode: Option<u32>, folder: bool) -> Result<(), CatalogueError> {
        // SPEC 6.4: setuid, setgid and sticky bits MUST be refused.
        if let Some(mode) = mode.filter(|mode| mode & !0o777 != 0) {
            return Err(CatalogueError::Mode { at: path.clone(), mode });
        }
        self.paths += path.as_str().len() as u64;
        within("bytes of paths", self.paths, limits::PATHS_BYTES)?;
        let tree = self.tree.as_mut().ok_or(CatalogueError::Sequence("an entry before the first artifact"))?;
        Ok(tree.enter(path, folder)?)
    }
}

fn within(what: &'static str, actual: u64, limit: u64) -> Result<(), CatalogueError> {
    if actual > limit { Err(CatalogueError::Limit { what, actual, limit }) } else { Ok(()) }
}

impl Provenance {
    /// Whether a catalogue takes it: not too much text, and no control characters.
    pub fn check(&self) -> Result<(), CatalogueError> {
        let Self { host, tool, licence, parents, notes } = self;
        within("notes", notes.len() as u64, limits::NOTES as u64)?;
        within("parents", parents.len() as u64, limits::NOTES as u64)?;
        let notes = notes.iter().flat_map(|n| [("a note's key", &n.key), ("a note's value", &n.value)]);
        let texts = [("the host", host), ("the tool", tool)].into_iter();
        for (what, text) in texts.chain(licence.iter().map(|l| ("the licence", l))).chain(notes) {
            if text.len() > limits::TEXT_BYTES || text.chars().any(char::is_control) {
                return Err(CatalogueError::Text { what });
            }
        }
        Ok(())
    }
}
