//! Finding the bundles on a medium.

use crate::error::{FsError, explain};
use crate::fs::{Folder, OpenError};
use gapvault_formats::ids::BundleId;
use gapvault_formats::limits;
use gapvault_formats::names::Label;
use gapvault_formats::seal::SEAL_NAME;
use std::path::{Path, PathBuf};

/// The most bundles on one medium.
const MOST_BUNDLES: usize = 100_000;

/// A folder on a medium that holds a bundle, or will.
#[derive(Debug)]
pub struct Bundle {
    pub(crate) label: Label,
    pub(crate) folder: Folder,
    pub(crate) sealed: bool,
}

impl Bundle {
    /// Its label.
    #[must_use]
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Whether it has a seal. Without one there is no bundle yet: an export that goes on, or broke off.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// The digest of its seal, if one can be read there.
    #[must_use]
    pub fn seal_id(&self) -> Option<BundleId> {
        let read = || self.folder.read(SEAL_NAME, limits::SEAL_BYTES).ok().flatten();
        let bytes = self.sealed.then(read).flatten();
        bytes.map(|bytes| BundleId::of(&bytes))
    }
}

/// Why no bundle is found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The medium can't be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Nothing is mounted there, or it is no folder.
    #[error("{} is not a folder", path.display())]
    NoMedium {
        /// Where was looked.
        path: PathBuf,
    },
    /// Neither a medium nor a bundle folder.
    #[error("{} holds no gapvault bundle", path.display())]
    Nothing {
        /// Where was looked.
        path: PathBuf,
    },
    /// More names than any medium has.
    #[error("{} holds over {MOST_BUNDLES} names", path.display())]
    TooMany {
        /// Where was looked.
        path: PathBuf,
    },
    /// A link or something else where a folder should be.
    #[error("{} is not a folder: links on a medium are never followed", path.display())]
    NotAFolder {
        /// What it is.
        path: PathBuf,
    },
}

explain!(FindError, pass: [Fs], {
    Self::NoMedium { .. } => (Medium, Some("mount the medium, or name its top folder")),
    Self::Nothing { .. } => (Other, Some("name the top folder of the medium, the one that has a folder `gapvault` in it")),
    Self::TooMany { .. } | Self::NotAFolder { .. } => (Damaged, Some("somebody prepared this medium by another way than gapvault")),
});

/// The bundles on the medium at `path`, or the one that stands in the folder `path` itself, in order of their labels.
pub fn find(path: &Path) -> Result<Vec<Bundle>, FindError> {
    if !path.is_dir() {
        return Err(FindError::NoMedium { path: path.to_owned() });
    }
    let top = Folder::open(path)?;
    if let Some((label, in_place)) = own_label(path)
        && (in_place || is_alone(&top))
    {
        return Ok(vec![bundle(label, top)?]);
    }
    let gapvault = match top.folder("gapvault") {
        Ok(folder) => folder,
        Err(OpenError::Missing) => return Err(FindError::Nothing { path: path.to_owned() }),
        Err(OpenError::Irregular) => return Err(FindError::NotAFolder { path: path.join("gapvault") }),
        Err(OpenError::Fs(e)) => return Err(e.into()),
    };
    let mut bundles = Vec::new();
    // Names that are no labels are no bundles; they are not looked at.
    let names =
        gapvault.entries(MOST_BUNDLES)?.ok_or_else(|| FindError::TooMany { path: gapvault.path().to_owned() })?;
    for (name, _) in names {
        let Ok(label) = name.parse::<Label>() else { continue };
        match gapvault.folder(&name) {
            Ok(folder) => bundles.push(bundle(label, folder)?),
            Err(OpenError::Fs(e)) => return Err(e.into()),
            Err(_) => return Err(FindError::NotAFolder { path: gapvault.path().join(name) }),
        }
    }
    if bundles.is_empty() { Err(FindError::Nothing { path: path.to_owned() }) } else { Ok(bundles) }
}

/// Whether a folder outside of its place has a seal, and is no medium's top folder: a seal there would hide what it carries.
fn is_alone(top: &Folder) -> bool {
    let has_none = matches!(top.folder("gapvault"), Err(OpenError::Missing));
    has_none && !matches!(top.file(SEAL_NAME), Err(OpenError::Missing))
}

/// The label that a folder has by its name, and whether it stands where a bundle does: a volume may have no seal.
fn own_label(path: &Path) -> Option<(Label, bool)> {
    let path = path.canonicalize().ok()?;
    let in_place = path.parent().and_then(Path::file_name).is_some_and(|parent| parent == "gapvault");
    Some((path.file_name()?.to_str()?.parse().ok()?, in_place))
}

fn bundle(label: Label, folder: Folder) -> Result<Bundle, FsError> {
    let sealed = match folder.file(SEAL_NAME) {
        Err(OpenError::Missing) => false,
        Err(OpenError::Fs(e)) => return Err(e),
        // A link or fifo of that name is refused when it is read.
        Ok(_) | Err(OpenError::Irregular) => true,
    };
    Ok(Bundle { label, folder, sealed })
}
