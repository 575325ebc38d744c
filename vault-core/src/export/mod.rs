//! Exporting: files become chunks, chunks a stream, the stream packs on media, described and sealed.
//!
//! [`prepare`] looks at everything and writes nothing but little files to try the media; [`Prepared::run`] does what it
//! says. [`export`] is both. What breaks off goes on with the same request: see [`ExportError::Unfinished`].

mod again;
mod allowed;
mod content;
mod describe;
mod done;
mod error;
mod exporter;
mod groups;
mod journal;
mod leftovers;
mod likely;
mod pack;
mod pipeline;
mod prepare;
mod prove;
mod read;
mod regenerate;
mod resume;
mod run;
mod shape;
mod shares;
mod slots;
mod source;
mod source_error;
mod target;
mod unfinished;
mod volumes;
mod work;
mod wrapping;

pub use self::again::{Again, again, find_made, voids};
use self::error::Interruption;
pub use self::error::{ExportError, MediumError};
use self::exporter::Exporter;
pub use self::leftovers::newest;
pub use self::prepare::{GoesOn, MediaPlan, PlannedVolume, Prepared, prepare};
pub use self::slots::{Changer, NoChanger};
pub use self::source_error::SourceError;
pub use self::unfinished::{UnfinishedExport, drop_unfinished, unfinished};
use crate::observe::Observer;
use crate::sign::Signer;
use crate::vault::Vault;
use gapvault_formats::agefile::{Identity, Recipient, Suite};
use gapvault_formats::catalogue::{Provenance, Reader, Role};
use gapvault_formats::custody::Exported;
use gapvault_formats::ids::{Nonce, TentKey};
use gapvault_formats::names::{ArtifactRef, Label, TentName, VolumeName};
use gapvault_formats::policy::Site;
use gapvault_formats::time::Time;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// What to export, and to where.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// The artifact's name and version.
    pub artifact: ArtifactRef,
    /// Files and folders. One folder alone is the artifact's root; otherwise each stands in the root under its own name.
    pub paths: Vec<PathBuf>,
    /// The compartment.
    pub tent: TentName,
    /// Where it goes.
    pub media: Media,
    /// Where the artifact comes from.
    pub provenance: Provenance,
    /// For how many seconds the bundle may be imported; `None` for 30 days, or fewer where the tent allows fewer.
    pub valid_for: Option<i64>,
    /// How much of the machine it takes.
    pub options: ExportOptions,
}

/// How an export works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    /// Worker threads, at least 1.
    pub threads: usize,
    /// Bytes of stream in a pack: a multiple of 64 KiB, at most 1 GiB. Three packs are in memory at a time, and one more
    /// for every four threads, or part of four, above four.
    pub pack_size: u64,
    /// Bytes of memory that the program and its buffers may take; `None` for what `threads` and `pack_size` make best.
    /// Beside them grow tables: about 110 bytes a chunk, and of a file its paths twice and 200 bytes.
    pub memory: Option<u64>,
    /// Whether symbolic links are replaced by what they point to.
    pub follow_links: bool,
    /// Whether every file is read again from the medium before it gets its name.
    pub read_back: bool,
    /// Whether to start although the worst case does not fit on the media.
    pub overcommit: bool,
    /// What the bundle can be mended with.
    pub parity: Parity,
    /// Whether an unfinished export of the same artifact is given up instead of gone on with.
    pub restart: bool,
    /// Whether it is sealed to post-quantum recipients where the tent does not ask for it, too.
    pub post_quantum: bool,
}

/// The media of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Media {
    /// In at the same time; the top folder of each. Each is a volume.
    Together(Vec<PathBuf>),
    /// Put in one after the other at one place.
    Swapped {
        /// Their top folder.
        path: PathBuf,
        /// The most bytes that a volume takes of each.
        volume_size: u64,
    },
}

impl Media {
    /// The folders where they are.
    fn paths(&self) -> &[PathBuf] {
        match self {
            Self::Together(paths) => paths,
            Self::Swapped { path, .. } => std::slice::from_ref(path),
        }
    }
}

/// How volumes come to their media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Spanning {
    Together,
    Swapped { volume_size: u64 },
}

/// What a bundle can be mended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Parity {
    /// Nothing.
    None,
    /// On each medium, parity packs for this many of a hundred packs, rounded up: 1 to 100.
    Percent(u8),
    /// As many parity packs as it takes to lose any one medium.
    SpareVolume,
}

impl ExportOptions {
    /// The usual length of stream in a pack, in bytes.
    pub const PACK_SIZE: u64 = 64 << 20;
}

/// What reading a bundle again has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proof {
    /// Every byte came back from the device as it was written.
    Proven,
    /// Every byte came back as it was written, but it may be from memory: the medium's file system is none that is known
    /// to read from its device when asked to.
    Unproven,
    /// It was not read.
    Skipped,
}

/// What was exported.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the log says of the bundle.
    pub exported: Exported,
    /// The volumes, in order.
    pub volumes: Vec<Written>,
    /// What reading it again has shown.
    pub proof: Proof,
    /// How many packs it has.
    pub packs: u64,
    /// How many of them an earlier run had written.
    pub kept: u64,
    /// How many parity packs it has.
    pub parity_packs: u64,
    /// What its content came to; `None` where it was not read: all that was missing was a seal on a medium, or a volume.
    pub figures: Option<Figures>,
}

/// What the content of a bundle came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Bytes of the content, coded.
    pub coded: u64,
    /// Bytes of zeros behind it, which hide its exact length.
    pub padding: u64,
    /// Chunks found, duplicates included.
    pub chunks: u64,
    /// Chunks stored.
    pub unique_chunks: u64,
}

/// A volume that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its name.
    pub name: VolumeName,
    /// Where its medium was.
    pub medium: PathBuf,
    /// Where the bundle stands on it.
    pub path: PathBuf,
    /// Packs and parity packs on it.
    pub packs: u64,
    /// Parity packs among them.
    pub parity_packs: u64,
    /// Bytes of packs that were written to it now.
    pub bytes: u64,
    /// How long its writer was busy with them.
    pub busy: Duration,
    /// Whether it has the seal. Of media that were swapped, the last has.
    pub sealed: bool,
}

/// Everything that is settled before the first byte is read.
struct Plan<'a> {
    request: &'a ExportRequest,
    exporter: &'a Exporter,
    sites: Vec<&'a Site>,
    readers: Vec<Reader>,
    suite: Suite,
    shape: shape::Shape,
    pack_size: u64,
    created: Time,
    expires: Time,
    number: u64,
    label: Label,
    nonce: Nonce,
    tent_key: TentKey,
    /// The bundle's own identity.
    identity: Identity,
}

/// Exports to a new bundle that `signer` seals, or goes on with one that broke off.
///
/// The seal comes last: until it stands on a medium there is no bundle there. When this fails, what was written is kept
/// for the same request to go on with, or removed if there is nothing to go on with.
pub fn export(
    vault: &mut Vault,
    request: &ExportRequest,
    signer: &dyn Signer,
    changer: &dyn Changer,
    observer: &dyn Observer,
) -> Result<Outcome, ExportError> {
    prepare(vault, request, signer, observer)?.run(vault, changer, observer)
}

impl Plan<'_> {
    fn recipients(&self, role: Role) -> Vec<Recipient> {
        let readers = self.sites.iter().zip(&self.readers);
        readers
            .filter(|(_, reader)| reader.role == role)
            .map(|(site, _)| site.recipient_for(self.suite).clone())
            .collect()
    }
}
