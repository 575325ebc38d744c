//! Folders of one label on the media that are in together: a bundle, or as much of it as is there.

use super::find::{Bundle, FindError, find};
use gapvault_formats::names::{Label, VolumeName};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One folder of a set.
#[derive(Debug)]
pub(crate) struct Placed {
    /// The number of its medium among those that were given.
    pub(crate) medium: usize,
    /// Where that is.
    pub(crate) path: PathBuf,
    pub(crate) bundle: Bundle,
}

/// What the media that were given hold of one label.
#[derive(Debug)]
pub struct Set {
    label: Label,
    pub(crate) folders: Vec<Placed>,
}

impl Set {
    /// Its label.
    #[must_use]
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// Whether one of its folders has a seal. Without one there is no bundle yet: media that were swapped, or an export
    /// that goes on or broke off.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.folders.iter().any(|placed| placed.bundle.is_sealed())
    }

    /// Where it stands, folder by folder.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(|placed| placed.bundle.path())
    }

    /// Folders that hold approvals and no seal: those are looked at by nobody.
    #[must_use]
    pub fn stray_approvals(&self) -> Vec<&Path> {
        let has_some = |bundle: &Bundle| {
            let names = super::seal::signature_files(&bundle.folder).unwrap_or_default();
            names.iter().any(|name| name.ends_with(".approve.sig"))
        };
        let folders = self.folders.iter().map(|placed| &placed.bundle);
        folders.filter(|bundle| !bundle.is_sealed() && has_some(bundle)).map(Bundle::path).collect()
    }

    /// Which volumes its folders say that they are. Nothing vouches for that.
    pub(crate) fn claimed_volumes(&self) -> Vec<VolumeName> {
        let most = gapvault_formats::limits::VOLUMES + gapvault_formats::limits::SIGNATURES + 16;
        let mut volumes = Vec::new();
        for placed in &self.folders {
            // For a message alone: what can't be listed has no name to tell.
            let names = placed.bundle.folder.entries(most).ok().flatten().unwrap_or_default();
            volumes.extend(names.iter().filter_map(|(name, _)| name.strip_prefix("SHA256SUMS.")?.parse().ok()));
        }
        volumes
    }
}

/// The one folder of a bundle that came alone.
impl From<Bundle> for Set {
    fn from(bundle: Bundle) -> Self {
        let path = bundle.path().to_owned();
        Self { label: bundle.label().clone(), folders: vec![Placed { medium: 0, path, bundle }] }
    }
}

/// What there is on these media, each a medium's top folder or one bundle's folder on it, in order of labels. A folder
/// that is given twice counts once.
pub fn gather(media: &[PathBuf]) -> Result<Vec<Set>, FindError> {
    let mut sets = BTreeMap::<Label, Set>::new();
    let mut seen = Vec::new();
    for (medium, path) in media.iter().enumerate() {
        for bundle in find(path)? {
            let folder = bundle.folder.id()?;
            if seen.contains(&folder) {
                continue;
            }
            seen.push(folder);
            let label = bundle.label().clone();
            let set = sets.entry(label.clone()).or_insert_with(|| Set { label, folders: Vec::new() });
            set.folders.push(Placed { medium, path: path.clone(), bundle });
        }
    }
    Ok(sets.into_values().collect())
}
