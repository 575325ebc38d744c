//! Mending packs from the others of their parity group: by stripes, each from as many good shards as the group has packs.
//!
//! What is not known to be good is looked through first (`diagnose.rs`), stripe by stripe, by the sums in the parity
//! packs; then the bad stripes are put together (`restore.rs`), for each group that lacks something (`groups.rs`). A sum
//! that lies can only make that fail: what comes out is held to the digest in the seal.

mod diagnose;
mod encode;
mod groups;
mod restore;
mod unmended;

pub use diagnose::Damage;
use diagnose::Diagnosis;
pub(crate) use diagnose::diagnose;
pub(crate) use groups::{Store, mend};
use restore::{RestoreError, restore};
pub use unmended::Unmended;
pub(crate) use unmended::{tell_lack, tell_unmended};

use crate::fs::{Folder, OpenError};
use gapvault_formats::parity::Geometry;
use gapvault_formats::seal::{BundleFile, Group, Seal, Subject};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A file that was put together from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// Which file.
    pub file: BundleFile,
    /// Its size in bytes.
    pub size: u64,
    /// What was wrong with it.
    pub damage: Damage,
}

/// A pack or parity pack of a group, and where bytes of it are.
#[derive(Debug)]
pub(crate) struct Shard<'a> {
    pub(crate) subject: &'a Subject,
    /// Where it is whole.
    pub(crate) whole: Option<&'a Folder>,
    /// Where else something stands under its name.
    pub(crate) parts: Vec<&'a Folder>,
}

/// A group with all that there is of it.
#[derive(Debug)]
pub(crate) struct Shards<'a> {
    pub(crate) geometry: Geometry,
    /// The packs, then the parity packs.
    pub(crate) all: Vec<Shard<'a>>,
}

/// The files of a group, packs first; `first` is the number of its first parity pack.
pub(crate) fn files(first: u64, group: &Group) -> impl Iterator<Item = BundleFile> {
    group.numbers().map(BundleFile::Pack).chain((first..first + group.parity).map(BundleFile::Parity))
}

impl<'a> Shards<'a> {
    /// The shards of a group; `place` says of a file where it is whole, and where else it may be. `None` if no code can
    /// have made it, which the seal's rules leave no way to.
    pub(crate) fn new(
        seal: &'a Seal,
        first: u64,
        group: &Group,
        place: impl Fn(&BundleFile) -> (Option<&'a Folder>, Vec<&'a Folder>),
    ) -> Option<Self> {
        let counts = (usize::try_from(group.count()).ok()?, usize::try_from(group.parity).ok()?);
        let geometry = Geometry::new(counts.0, counts.1, seal.longest_pack(group)).ok()?;
        let shard = |file: BundleFile| {
            let (whole, parts) = place(&file);
            Some(Shard { subject: seal.subject(&file)?, whole, parts })
        };
        let all = files(first, group).map(shard).collect::<Option<Vec<_>>>()?;
        Some(Self { geometry, all })
    }

    fn is_parity(&self, shard: usize) -> bool {
        shard >= self.geometry.data()
    }

    /// How many bytes of a shard stand in its file: a pack's own, of a parity pack all but its table.
    fn length(&self, shard: usize) -> u64 {
        if self.is_parity(shard) { self.geometry.shard() } else { self.all[shard].subject.size }
    }
}

/// Takes what is put together: the number of a shard, and the next bytes of its file.
type Sink<'w, E> = dyn FnMut(usize, &[u8]) -> Result<(), E> + 'w;

/// Files that are kept open; the others are opened for each reading.
const KEPT: usize = 200;

/// Reads pieces of a group's files.
struct Pieces<'s, 'a> {
    shards: &'s Shards<'a>,
    kept: HashMap<(usize, usize), File>,
}

impl<'s, 'a> Pieces<'s, 'a> {
    fn new(shards: &'s Shards<'a>) -> Self {
        Self { shards, kept: HashMap::new() }
    }

    /// Reads a piece of a shard, with the zeros that stand behind a file that is shorter than the shard. `part` is one of
    /// [`Shard::parts`]; `None` for the whole one.
    fn read(&mut self, shard: usize, part: Option<usize>, offset: u64, piece: &mut [u8]) -> Result<(), PieceError> {
        let there = self.shards.length(shard).saturating_sub(offset).min(piece.len() as u64) as usize;
        piece[there..].fill(0);
        self.read_file(shard, part, offset, &mut piece[..there])
    }

    /// Reads a piece of a file.
    fn read_file(
        &mut self,
        shard: usize,
        part: Option<usize>,
        offset: u64,
        piece: &mut [u8],
    ) -> Result<(), PieceError> {
        if piece.is_empty() {
            return Ok(());
        }
        let key = (shard, part.map_or(0, |part| part + 1));
        if let Some(file) = self.kept.get(&key) {
            return read_exact_at(file, piece, offset);
        }
        let Shard { subject, whole, parts } = &self.shards.all[shard];
        let folder = part.map_or(*whole, |part| parts.get(part).copied()).ok_or(PieceError::Missing)?;
        let file = folder.file(&subject.file.to_string()).map_err(|e| match e {
            OpenError::Fs(error) => PieceError::Read(error.source),
            _ => PieceError::Missing,
        })?;
        let read = read_exact_at(&file, piece, offset);
        if self.kept.len() < KEPT {
            self.kept.insert(key, file);
        }
        read
    }
}

/// Why a piece of a file is not there.
#[derive(Debug)]
enum PieceError {
    /// No such file, or nothing that could be one.
    Missing,
    /// The file ends before.
    Short,
    Read(io::Error),
}

fn read_exact_at(file: &File, piece: &mut [u8], offset: u64) -> Result<(), PieceError> {
    file.read_exact_at(piece, offset).map_err(|e| match e.kind() {
        io::ErrorKind::UnexpectedEof => PieceError::Short,
        _ => PieceError::Read(e),
    })
}
