//! Walking what is exported: every entry checked before the first byte is read.

use super::SourceError;
use crate::error::FsError;
use crate::observe::Observer;
use gapvault_formats::catalogue::Totals;
use gapvault_formats::limits;
use gapvault_formats::relpath::{LinkTarget, RelPath};
use gapvault_formats::tree::TreeOrder;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Everything that an artifact is made of, in tree order.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) entries: Vec<Entry>,
    pub(super) bytes: u64,
    /// Folders that files stand below.
    bases: Vec<PathBuf>,
}

/// Something to export.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: RelPath,
    pub(super) kind: Kind,
}

/// What it is.
#[derive(Debug)]
pub(super) enum Kind {
    Folder { mode: u32 },
    Link { target: LinkTarget },
    File(FileSource),
}

/// A file as it was when it was looked at.
#[derive(Debug)]
pub(super) struct FileSource {
    place: Place,
    pub(super) mode: u32,
    pub(super) state: State,
}

/// Where a file is. A million of them would each have most of their path twice.
#[derive(Debug)]
enum Place {
    /// Below the base of this number, by the path that it has in the artifact.
    Below(u32),
    At(Box<Path>),
}

/// What an entry was when an export began, to be compared when it goes on later. What a restart of the machine may
/// change of it is left out; what stamps don't show, the chunks' ids do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stamp {
    pub(super) path: RelPath,
    kind: StampKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum StampKind {
    Folder { mode: u32 },
    Link { target: String },
    File { mode: u32, size: u64, modified: (i64, i64) },
}

impl Entry {
    /// Its stamp.
    pub(super) fn stamp(&self) -> Stamp {
        let kind = match &self.kind {
            Kind::Folder { mode } => StampKind::Folder { mode: *mode },
            Kind::Link { target } => StampKind::Link { target: target.as_str().to_owned() },
            Kind::File(FileSource { mode, state, .. }) => {
                StampKind::File { mode: *mode, size: state.size, modified: state.modified }
            }
        };
        Stamp { path: self.path.clone(), kind }
    }
}

/// A file to be read.
#[derive(Debug)]
pub(super) struct SourceFile {
    pub(super) path: PathBuf,
    pub(super) state: State,
}

/// What tells that a file is still the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    identity: (u64, u64),
}

impl State {
    fn of(m: &Metadata) -> Self {
        Self {
            size: m.len(),
            modified: (m.mtime(), m.mtime_nsec()),
            changed: (m.ctime(), m.ctime_nsec()),
            identity: identity(m),
        }
    }

    /// Whether `file` is still in this state.
    pub(super) fn is_that_of(self, file: &File) -> std::io::Result<bool> {
        Ok(Self::of(&file.metadata()?) == self)
    }
}

impl Source {
    /// The files, in tree order.
    pub(super) fn files(&self) -> impl Iterator<Item = SourceFile> {
        self.entries.iter().filter_map(|entry| match &entry.kind {
            Kind::File(FileSource { place, state, .. }) => {
                let path = match place {
                    Place::Below(base) => self.bases[*base as usize].join(entry.path.as_str()),
                    Place::At(path) => path.to_path_buf(),
                };
                Some(SourceFile { path, state: *state })
            }
            Kind::Folder { .. } | Kind::Link { .. } => None,
        })
    }

    /// The first entries that are not as `stamps` say, by their paths, at most `most` of them.
    pub(super) fn changes(&self, stamps: &[Stamp], most: usize) -> Vec<RelPath> {
        let now = self.entries.iter().map(Entry::stamp);
        let mut now = now.peekable();
        let mut then = stamps.iter().peekable();
        let mut changed = Vec::new();
        while changed.len() < most {
            // Both are in tree order.
            let path = match (now.peek(), then.peek()) {
                (None, None) => break,
                (Some(new), None) => new.path.clone(),
                (None, Some(old)) => old.path.clone(),
                (Some(new), Some(old)) => new.path.clone().min(old.path.clone()),
            };
            let new = now.next_if(|stamp| stamp.path == path);
            let old = then.next_if(|stamp| stamp.path == path);
            if new.as_ref() != old {
                changed.push(path);
            }
        }
        changed
    }

    /// How many there are of each.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals { artifacts: 1, bytes: self.bytes, ..Totals::default() };
        for entry in &self.entries {
            *match entry.kind {
                Kind::Folder { .. } => &mut totals.folders,
                Kind::Link { .. } => &mut totals.links,
                Kind::File(_) => &mut totals.files,
            } += 1;
        }
        totals
    }
}

/// Looks at everything below `paths`. One folder alone is the root; otherwise each path stands in the root by its name.
///
/// Neither a vault nor one of `media` may be among it: both could only be there by mistake.
pub(super) fn walk(
    paths: &[PathBuf],
    media: &[&Path],
    follow: bool,
    observer: &dyn Observer,
) -> Result<Source, SourceError> {
    let identity_of = |medium: &&Path| -> Result<_, FsError> {
        Ok(identity(&std::fs::metadata(medium).map_err(FsError::at("can't look at", medium))?))
    };
    let media = media.iter().map(identity_of).collect::<Result<Vec<_>, _>>()?;
    for path in paths {
        let real = path.canonicalize().map_err(FsError::at("can't find", path))?;
        if let Some(vault) = real.ancestors().find(|folder| is_vault(folder)) {
            return Err(SourceError::Vault { path: vault.to_owned() });
        }
    }
    let mut walk = Walk { entries: Vec::new(), bytes: 0, bases: Vec::new(), media, follow, observer };
    match paths {
        [one] if one.is_dir() => {
            walk.bases.push(one.clone());
            walk.folder(one, None, &mut Vec::new())?;
        }
        several => {
            let mut names = HashSet::new();
            for path in several {
                // `x/..` and `/` have no name of their own; the real path has.
                let real = path.canonicalize().map_err(FsError::at("can't find", path))?;
                let named = path.file_name().or(real.file_name());
                let name = named.and_then(|n| n.to_str()).ok_or_else(|| SourceError::NotUtf8 { path: path.clone() })?;
                let relative = checked(path, RelPath::new(name))?;
                if !names.insert(name.to_owned()) {
                    return Err(SourceError::Twice { path: path.clone() });
                }
                walk.bases.push(real.parent().unwrap_or(&real).to_owned());
                // A path that a person names is meant, link or not.
                walk.entry(&real, relative, &mut Vec::new())?;
            }
        }
    }
    // Depth first, siblings by their bytes: the order of the catalogue.
    walk.entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    // The catalogue refuses names that collide; now is the time to say so, not when everything has been written.
    let mut order = TreeOrder::default();
    walk.entries.iter().try_for_each(|e| order.enter(&e.path, matches!(e.kind, Kind::Folder { .. })))?;
    Ok(Source { entries: walk.entries, bytes: walk.bytes, bases: walk.bases })
}

struct Walk<'a> {
    entries: Vec<Entry>,
    bytes: u64,
    /// The last is the base of what is walked.
    bases: Vec<PathBuf>,
    media: Vec<(u64, u64)>,
    follow: bool,
    observer: &'a dyn Observer,
}

impl Walk<'_> {
    /// Everything in a folder; `above` are the folders that lead here, against loops of followed links.
    fn folder(
        &mut self,
        folder: &Path,
        relative: Option<&RelPath>,
        above: &mut Vec<(u64, u64)>,
    ) -> Result<(), SourceError> {
        let own = identity(&std::fs::metadata(folder).map_err(FsError::at("can't look at", folder))?);
        if self.media.contains(&own) {
            return Err(SourceError::Medium { path: folder.to_owned() });
        }
        if is_vault(folder) {
            return Err(SourceError::Vault { path: folder.to_owned() });
        }
        above.push(own);
        for entry in walkdir::WalkDir::new(folder).min_depth(1).max_depth(1) {
            let entry = entry.map_err(FsError::at("can't list", folder))?;
            let name = entry.file_name().to_str();
            let name = name.ok_or_else(|| SourceError::NotUtf8 { path: entry.path().to_owned() })?;
            let below = relative.map_or_else(|| RelPath::new(name), |r| r.join(name));
            self.entry(entry.path(), checked(entry.path(), below)?, above)?;
        }
        above.pop();
        Ok(())
    }

    fn entry(&mut self, path: &Path, relative: RelPath, above: &mut Vec<(u64, u64)>) -> Result<(), SourceError> {
        if self.entries.len() as u64 == limits::ENTRIES {
            return Err(SourceError::TooMany);
        }
        let failed = || FsError::at("can't look at", path);
        let metadata = std::fs::symlink_metadata(path).map_err(failed())?;
        if !metadata.is_symlink() {
            return self.regular(path, relative, &metadata, above);
        }
        if self.follow {
            let real = path.canonicalize().map_err(|_| SourceError::Dangling { path: path.to_owned() })?;
            let metadata = std::fs::metadata(&real).map_err(failed())?;
            if above.contains(&identity(&metadata)) {
                return Err(SourceError::Loop { path: path.to_owned() });
            }
            return self.regular(&real, relative, &metadata, above);
        }
        let target = std::fs::read_link(path).map_err(failed())?;
        let target = target.to_str().ok_or_else(|| SourceError::NotUtf8 { path: path.to_owned() })?;
        let checked = LinkTarget::new(&relative, target);
        let target =
            checked.map_err(|fault| SourceError::Link { path: path.to_owned(), target: target.to_owned(), fault })?;
        self.entries.push(Entry { path: relative, kind: Kind::Link { target } });
        Ok(())
    }

    fn regular(
        &mut self,
        path: &Path,
        relative: RelPath,
        metadata: &Metadata,
        above: &mut Vec<(u64, u64)>,
    ) -> Result<(), SourceError> {
        if self.observer.cancelled() {
            let stopped = std::io::Error::from(std::io::ErrorKind::Interrupted);
            return Err(FsError::at("stopped at", path)(stopped).into());
        }
        let mode = metadata.permissions().mode() & 0o7777;
        let kind = metadata.file_type();
        if kind.is_dir() {
            // Shared folders often carry setgid; it is about who may write there, not about what is in it.
            self.entries.push(Entry { path: relative.clone(), kind: Kind::Folder { mode: mode & 0o777 } });
            return self.folder(path, Some(&relative), above);
        }
        if !kind.is_file() {
            let kind = match kind {
                k if k.is_fifo() => "fifo",
                k if k.is_socket() => "socket",
                _ => "device",
            };
            return Err(SourceError::Special { path: path.to_owned(), kind });
        }
        if mode & !0o777 != 0 {
            return Err(SourceError::Mode { path: path.to_owned(), mode });
        }
        self.bytes += metadata.len();
        let below = self.bases.last().and_then(|base| path.strip_prefix(base).ok());
        let place = match u32::try_from(self.bases.len()) {
            Ok(bases) if below == Some(Path::new(relative.as_str())) => Place::Below(bases - 1),
            _ => Place::At(path.into()),
        };
        let file = FileSource { place, mode, state: State::of(metadata) };
        self.entries.push(Entry { path: relative, kind: Kind::File(file) });
        Ok(())
    }
}

/// What tells one file or folder from every other on this machine.
fn identity(m: &Metadata) -> (u64, u64) {
    (m.dev(), m.ino())
}

/// Whether a folder is a vault, by what stands in it.
fn is_vault(folder: &Path) -> bool {
    folder.join("card.toml").is_file() && folder.join("log/entries.jsonl").is_file()
}

fn checked<T>(path: &Path, relative: Result<T, gapvault_formats::relpath::PathError>) -> Result<T, SourceError> {
    relative.map_err(|fault| SourceError::Name { path: path.to_owned(), fault })
}
