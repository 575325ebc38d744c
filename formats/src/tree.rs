//! The order in which an artifact's entries come, and the collisions it makes visible.
//!
//! Entries come depth first, siblings by their bytes, every folder before what it holds. A checker then needs only the
//! folders that are open at the moment, so ten million files cost no more memory than the widest path of folders.

use crate::relpath::{RelPath, collision_key};
use std::collections::HashSet;

/// Why an entry can't stand where it does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Out of order, or twice.
    #[error("{path} does not come after {previous}")]
    Order {
        /// The entry.
        path: RelPath,
        /// The entry before it.
        previous: RelPath,
    },
    /// The parent was not given as a folder: it is missing, a file, or a link.
    #[error("{path} stands in {parent:?}, which is not a folder of this artifact")]
    Parent {
        /// The entry.
        path: RelPath,
        /// Its parent.
        parent: String,
    },
    /// Two siblings that some file systems take for one.
    #[error("{path} and a sibling are two spellings of one name")]
    Collision {
        /// The later of the two.
        path: RelPath,
    },
}

/// Half a BLAKE3 is enough: one name can't have two digests, and two names with one would only be refused.
type NameDigest = [u8; 16];

fn digest(name: &str) -> NameDigest {
    let mut digest = NameDigest::default();
    digest.copy_from_slice(&blake3::hash(collision_key(name).as_bytes()).as_bytes()[..16]);
    digest
}

/// Checks the entries of one artifact, in order.
#[derive(Debug)]
pub struct TreeOrder {
    previous: Option<RelPath>,
    /// The root, then the folders open at the moment, each with the digests of the folded names seen in it: a folder of
    /// millions of long names would otherwise cost gigabytes.
    open: Vec<(String, HashSet<NameDigest>)>,
}

impl Default for TreeOrder {
    fn default() -> Self {
        Self { previous: None, open: vec![(String::new(), HashSet::new())] }
    }
}

impl TreeOrder {
    /// Takes the next entry; `folder` says whether others may stand in it.
    pub fn enter(&mut self, path: &RelPath, folder: bool) -> Result<(), TreeError> {
        // SPEC 6.3: a reader MUST refuse entries out of order.
        if let Some(previous) = self.previous.replace(path.clone())
            && *path <= previous
        {
            return Err(TreeError::Order { path: path.clone(), previous });
        }
        let parent = path.parent().unwrap_or("");
        while self.open.len() > 1 && self.open.last().is_some_and(|(name, _)| name != parent) {
            self.open.pop();
        }
        let Some((_, siblings)) = self.open.last_mut().filter(|(name, _)| name == parent) else {
            return Err(TreeError::Parent { path: path.clone(), parent: parent.to_owned() });
        };
        if !siblings.insert(digest(path.name())) {
            return Err(TreeError::Collision { path: path.clone() });
        }
        if folder {
            self.open.push((path.as_str().to_owned(), HashSet::new()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(entries: &[(&str, bool)]) -> Result<(), TreeError> {
        let mut order = TreeOrder::default();
        entries.iter().try_for_each(|(path, folder)| order.enter(&RelPath::new(path).unwrap(), *folder))
    }

    #[test]
    fn depth_first_with_parents() {
        assert_eq!(run(&[("a", true), ("a/b", true), ("a/b/c", false), ("a/d", false), ("e", false)]), Ok(()));
        assert!(matches!(run(&[("a", true), ("b", false), ("a/x", false)]), Err(TreeError::Order { .. })));
        assert!(matches!(run(&[("a", false), ("a", false)]), Err(TreeError::Order { .. })));
        assert!(matches!(run(&[("a/x", false)]), Err(TreeError::Parent { .. })));
        assert!(matches!(run(&[("a", false), ("a/x", false)]), Err(TreeError::Parent { .. })));
        assert!(matches!(run(&[("A", false), ("a", false)]), Err(TreeError::Collision { .. })));
    }
}
