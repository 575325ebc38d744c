//! Checking an artifact out: every chunk and every file verified, in a temporary sibling, then renamed into place.

mod content;
mod packs;
mod part;
mod plan;
mod restore;
mod tree;

use crate::bundle::{Entry, RoomError, Wanted, check_room};
use crate::content::{ContentError, judge_sizes};
use crate::error::{Explain, FsError, explain, visible};
use crate::fs::{Scratch, rename_new, sync_folder};
use crate::held::{self, HeldError};
use crate::observe::{Event, Observer, Phase};
use crate::vault::{Held, Vault, VaultError};
use gapvault_formats::coding::DecodeError;
use gapvault_formats::custody;
use gapvault_formats::ids::{BundleId, ChunkId, FileDigest};
use gapvault_formats::names::{ArtifactRef, SiteName, TentName};
use gapvault_formats::relpath::RelPath;
use gapvault_formats::seal::BundleFile;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Characters of the destination's name in that of its sibling: with all of it that could become too long.
const CHARACTERS: usize = 50;

/// Why an artifact is not checked out. The destination is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The bundle can't be opened.
    #[error(transparent)]
    Held(#[from] HeldError),
    /// Reading or writing failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// There is no room for it.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// There is something at the destination.
    #[error("{} exists", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// The destination has no name or no folder to stand in.
    #[error("{} can't be a destination: its parent folder is missing or it has no name", path.display())]
    Destination {
        /// Where.
        path: PathBuf,
    },
    /// This vault exported it and keeps no packs.
    #[error("this vault exported {artifact} and keeps its catalogue, not its content")]
    ExportedHere {
        /// Which artifact.
        artifact: ArtifactRef,
    },
    /// This vault is an auditor of the tent.
    #[error("{site} is an auditor of tent {tent}: it may read the catalogue of {artifact}, not its content")]
    AuditorOnly {
        /// This site.
        site: SiteName,
        /// The tent.
        tent: TentName,
        /// Which artifact.
        artifact: ArtifactRef,
    },
    /// The policy has no rules for it any more.
    #[error("the policy has no tent {tent}, which {artifact} is of")]
    NoTent {
        /// The tent.
        tent: TentName,
        /// Which artifact.
        artifact: ArtifactRef,
    },
    /// The tent's content rules refuse files.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// A pack can't be opened or read.
    #[error("{} of bundle {bundle}: {fault}", BundleFile::Pack(*pack))]
    Pack {
        /// Which pack.
        pack: u64,
        /// Of which bundle.
        bundle: BundleId,
        /// What is wrong with it.
        fault: String,
    },
    /// A chunk does not decode.
    #[error("chunk {id}, which begins in {} of bundle {bundle}, does not decode: {fault}", BundleFile::Pack(*pack))]
    Decode {
        /// The pack that it begins in.
        pack: u64,
        /// Of which bundle.
        bundle: BundleId,
        /// Which chunk.
        id: ChunkId,
        /// Why.
        fault: DecodeError,
    },
    /// A chunk decodes to other bytes than its id stands for.
    #[error(
        "a chunk that begins in {} of bundle {bundle} decodes to {actual}, the index says {expected}",
        BundleFile::Pack(*pack)
    )]
    Chunk {
        /// The pack that it begins in.
        pack: u64,
        /// Of which bundle.
        bundle: BundleId,
        /// The id of what it decodes to.
        actual: ChunkId,
        /// The id in the index.
        expected: ChunkId,
    },
    /// A file has another content than the catalogue says.
    #[error("{path} has SHA-256 {actual}, the catalogue says {expected}")]
    File {
        /// Which file.
        path: RelPath,
        /// What came out.
        actual: FileDigest,
        /// What should have.
        expected: FileDigest,
    },
    /// The work was stopped.
    #[error("interrupted: nothing was checked out")]
    Interrupted,
}

explain!(CheckoutError, pass: [Vault, Held, Fs, Room, Content], {
    Self::Exists { .. } => (Usage, Some("name a destination that does not exist yet; nothing is ever overwritten")),
    Self::Destination { .. } => (Usage, Some("make the parent folder first")),
    Self::ExportedHere { .. } => (Other, Some("the source it was exported from is still where it was")),
    Self::AuditorOnly { .. } => (Refused, Some("`gapvault show` lists its files and digests; content is sealed to members alone")),
    Self::NoTent { .. } => (Refused, Some("what may be checked out is said by a tent's rules: put the tent into the policy again")),
    Self::Interrupted => (Other, Some("run it again: it begins anew")),
    Self::Pack { .. } | Self::Decode { .. } | Self::Chunk { .. } | Self::File { .. } =>
        (Damaged, Some("the vault's copy was altered, or its exporter packed it so: import the bundle into a new vault, and if that fails alike, ask the exporter")),
});

/// What was checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedOut {
    /// From which bundle.
    pub bundle: BundleId,
    /// Regular files.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// How much of the machine a checkout takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckoutOptions {
    /// Worker threads, at least 1. Each takes about 30 MiB of memory with its buffers.
    pub threads: usize,
}

/// Writes `artifact` to `destination`, which must not exist.
///
/// Every chunk and every file has been verified and made durable before the name appears. Killed, it leaves a hidden
/// sibling, which the next checkout to the same name removes.
pub fn checkout(
    vault: &mut Vault,
    artifact: &ArtifactRef,
    bundle: Option<&BundleId>,
    destination: &Path,
    options: CheckoutOptions,
    observer: &dyn Observer,
) -> Result<CheckedOut, CheckoutError> {
    if std::fs::symlink_metadata(destination).is_ok() {
        return Err(CheckoutError::Exists { path: destination.to_owned() });
    }
    let nowhere = || CheckoutError::Destination { path: destination.to_owned() };
    let name = destination.file_name().ok_or_else(nowhere)?.to_string_lossy().into_owned();
    let parent = destination.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        return Err(nowhere());
    }

    let held = held::find_held(vault, artifact, bundle)?;
    let id = held.bundle();
    let place = Place { destination, name, parent };
    let checked_out = write(vault, artifact, held, &place, options, observer);
    let event = match &checked_out {
        Ok(_) => custody::Event::CheckedOut { bundle: id, artifact: artifact.clone() },
        Err(error) if error.is_by_policy() => {
            custody::Event::Refused { bundle: id, reason: reason(artifact, error), epoch: vault.policy().epoch }
        }
        Err(_) => return checked_out,
    };
    vault.record(event)?;
    checked_out
}

impl CheckoutError {
    /// Whether the policy in force refuses it; anything else may go well another time.
    fn is_by_policy(&self) -> bool {
        matches!(self, Self::Content(_) | Self::NoTent { .. })
    }
}

/// Why a checkout was refused, for the log. An import's refusal never begins like this.
fn reason(artifact: &ArtifactRef, error: &CheckoutError) -> String {
    let details = error.details();
    let files = if details.is_empty() { String::new() } else { format!(": {}", details.join("; ")) };
    visible(&format!("checkout of {artifact}: {error}{files}")).chars().take(1000).collect()
}

/// Where an artifact is to stand.
struct Place<'a> {
    destination: &'a Path,
    name: String,
    parent: &'a Path,
}

/// Checks the artifact out, or leaves nothing behind.
fn write(
    vault: &Vault,
    artifact: &ArtifactRef,
    held: Held<'_>,
    place: &Place<'_>,
    options: CheckoutOptions,
    observer: &dyn Observer,
) -> Result<CheckedOut, CheckoutError> {
    let opened = held::open(vault, held, Wanted::Artifact(artifact))?;
    let Some(keys) = &opened.keys else {
        let (site, tent) = (vault.card().site.clone(), opened.contents.head.tent);
        return Err(CheckoutError::AuditorOnly { site, tent, artifact: artifact.clone() });
    };
    if matches!(held, Held::Exported(_)) {
        return Err(CheckoutError::ExportedHere { artifact: artifact.clone() });
    }
    let id = held.bundle();
    let found = opened.contents.artifacts.iter().find(|a| a.artifact.artifact == *artifact);
    let found = found.ok_or_else(|| HeldError::NoArtifact { artifact: artifact.clone() })?;

    let head = &opened.contents.head;
    let gone = || CheckoutError::NoTent { tent: head.tent.clone(), artifact: artifact.clone() };
    let tent = vault.policy().tent(&head.tent).ok_or_else(gone)?;
    let sizes = files(&found.entries).map(|entry| (&entry.file.path, entry.file.size));
    judge_sizes(tent, sizes, head.totals.bytes)?;

    // What a killed checkout to that name left is removed first.
    let Place { destination, name, parent } = place;
    let prefix = format!(".{}.gapvault-", name.chars().take(CHARACTERS).collect::<String>());
    let staging = Scratch::create(parent, &prefix, 0o777)?;
    observer.event(Event::Begin { phase: Phase::Checkout, total: found.moved.bytes, medium: None });
    let source = packs::Source { folder: &opened.folder, seal: &opened.seal, bundle: id, keys };
    let chunks = &opened.contents.chunks;
    let written = check_room(parent, found.moved.bytes)
        .map_err(CheckoutError::from)
        .and_then(|()| Ok(Closed::new(staging.path())?))
        .and_then(|closed| {
            restore::restore(staging.path(), (&found.entries, tent), chunks, &source, options, observer)?;
            closed.open()?;
            rename(staging.path(), destination, parent)
        });
    if let Err(error) = written {
        // What matters is the first error. A folder that can't be removed now is removed by the next checkout.
        let _ = staging.discard();
        return Err(error);
    }
    Ok(CheckedOut { bundle: id, files: found.moved.files, bytes: found.moved.bytes })
}

/// A folder that only its owner may enter: until it is verified, nobody else reads what is in it.
struct Closed<'a> {
    path: &'a Path,
    /// `None` where a driver knows no permissions.
    before: Option<Permissions>,
}

impl<'a> Closed<'a> {
    fn new(path: &'a Path) -> Result<Self, FsError> {
        let metadata = std::fs::metadata(path).map_err(FsError::at("can't look at", path))?;
        let closed = set_permissions(path, Permissions::from_mode(0o700));
        Ok(Self { path, before: closed.is_ok().then(|| metadata.permissions()) })
    }

    /// Gives it the permissions that it had, which are those that the umask leaves of all.
    fn open(self) -> Result<(), FsError> {
        let Some(before) = self.before else { return Ok(()) };
        set_permissions(self.path, before).map_err(FsError::at("can't open", self.path))?;
        sync_folder(self.path)
    }
}

fn rename(staging: &Path, destination: &Path, parent: &Path) -> Result<(), CheckoutError> {
    match rename_new(staging, destination) {
        Err(e) if e.source.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(CheckoutError::Exists { path: destination.to_owned() })
        }
        renamed => Ok(renamed.and_then(|()| sync_folder(parent))?),
    }
}

/// The entries of an artifact that are files, with their place in the list.
fn files(entries: &[Entry]) -> impl Iterator<Item = &crate::bundle::FileEntry> {
    entries.iter().filter_map(|entry| match entry {
        Entry::File(file) => Some(file),
        Entry::Folder(_) | Entry::Link(_) => None,
    })
}
