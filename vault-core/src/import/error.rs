//! Why an import does not come to its end.

use crate::bundle::{
    BundleError, ContentsError, Fault, JudgeError, RoomError, SetError, Unmended, tell_claimed, tell_unmended,
};
use crate::error::{Explain, FsError, Kind, explain};
use crate::numbers::{Numbers, tell_volumes};
use crate::vault::VaultError;
use crate::wraps::WrapError;
use gapvault_formats::catalogue::Role;
use gapvault_formats::ids::BundleId;
use gapvault_formats::names::{Label, TentName, VolumeName};
use std::fmt;
use std::path::PathBuf;

/// Why a bundle is not imported. What the log says the vault holds is as it was, but for an entry on a refusal.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The policy does not admit it; nothing but its seal was read.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// A file is missing, damaged or one too many.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Its descriptions are refused.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// There is no room for it in the vault.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// What opens it could not be sealed anew.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// Writing to the vault failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The media come to no bundle.
    #[error("{}", told_set(.0))]
    Set(#[from] SetError),
    /// Some of it is not here yet. What is waits in the vault.
    #[error(transparent)]
    Waiting(Box<Waiting>),
    /// Some of it is damaged beyond mending. What is good waits in the vault.
    #[error(transparent)]
    Spoiled(Box<Spoiled>),
    /// A medium does not answer any more. What came from it, and from others, waits in the vault.
    #[error("medium {} died while it was read: {source}", medium.display())]
    Died {
        /// Which, as it was given.
        medium: PathBuf,
        /// What the system said.
        source: FsError,
    },
    /// Another tent's key.
    #[error("its tent key is pinned to tent {pinned}, the bundle is of tent {tent}")]
    TentKeyPinned {
        /// The tent that it was pinned to.
        pinned: TentName,
        /// The tent of this bundle.
        tent: TentName,
    },
    /// Made here: the vault holds its catalogue, and the seal is the same.
    #[error("this vault exported bundle {bundle} itself")]
    OwnBundle {
        /// Its seal.
        bundle: BundleId,
    },
    /// A catalogue that keeps a recipient quiet.
    #[error("catalogue.age does not list this vault's key as {role}, though the bundle is sealed to it as such")]
    NotListed {
        /// What it can read.
        role: Role,
    },
    /// Neither member nor auditor.
    #[error("neither keys.age nor catalogue.age is sealed to this vault's key")]
    NotAReader,
}

explain!(ImportError, pass: [Vault, Judge, Set, Bundle, Contents, Room, Wrap, Fs, Waiting, Spoiled], {
    Self::Died { .. } => (Medium, Some("connect it again, or bring a copy of it, and run the same command: what was copied whole is kept")),
    Self::TentKeyPinned { .. } => (Refused, Some("one tent's content must not come in under another's name: ask the exporter")),
    Self::OwnBundle { .. } => (Usage, Some("import it at another site; the source it was exported from is still where it was")),
    Self::NotListed { .. } => (Damaged, Some("its exporter signed something that no gapvault writes: do not use it, and ask the exporter")),
    Self::NotAReader => (Refused, Some("have it exported again after the lab ran `gapvault trust CARD` with this site's card")),
});

fn told_set(error: &SetError) -> String {
    match error {
        SetError::Unsealed { label, volumes } => {
            format!("bundle {label} has no seal on this medium: nothing was copied{}", tell_claimed(volumes))
        }
        error => error.to_string(),
    }
}

/// What is still to come of a bundle.
#[derive(Debug)]
pub struct Waiting {
    /// Its label.
    pub label: Label,
    /// How many packs it has.
    pub packs: u64,
    /// The packs that are not here.
    pub missing: Numbers,
    /// The volumes that have them and were not brought.
    pub volumes: Vec<VolumeName>,
    /// The packs that should have been on the media that were brought.
    pub lost: Numbers,
    /// Packs that are damaged there, and may be mended with what other volumes have.
    pub damaged: Numbers,
    /// What is wrong with each of them.
    pub faults: Vec<Fault>,
    /// Whether parity on other volumes may make up for a missing one, if they are put in together.
    pub spans_media: bool,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, packs, missing, volumes, lost, damaged, .. } = self;
        let here = packs - missing.count();
        write!(f, "bundle {label} is incomplete: {here} of {packs} packs are in the vault, {} missing", missing.are())?;
        if !volumes.is_empty() {
            write!(f, " ({})", tell_volumes(volumes))?;
        }
        if !lost.is_empty() {
            write!(f, "; {} not on the medium that should have it", files(lost))?;
        }
        if !damaged.is_empty() {
            write!(f, "; {} damaged", files(damaged))?;
        }
        Ok(())
    }
}

impl std::error::Error for Waiting {}

impl Explain for Waiting {
    fn kind(&self) -> Kind {
        Kind::Incomplete
    }
    fn hint(&self) -> Option<String> {
        let hint = if !self.damaged.is_empty() {
            "bring the media that are missing together with these: what is damaged may be mended with them"
        } else if self.volumes.is_empty() {
            "bring the medium that it was written to, or have that volume exported again"
        } else if self.spans_media {
            // Parity packs are not kept in the vault, so only what is in at one time can make up for what is not.
            "bring them in any order; if one is lost, put in as many of the others together as there are: their parity may make up for it (`gapvault import A C`)"
        } else {
            "bring them in any order; `gapvault pending` lists what waits"
        };
        Some(hint.to_owned())
    }
}

/// What is damaged of a bundle and can't be mended.
#[derive(Debug)]
pub struct Spoiled {
    /// Its label.
    pub label: Label,
    /// The files, and what is wrong with each; at least one.
    pub faults: Vec<Fault>,
    /// The packs among them.
    pub packs: Numbers,
    /// Why they could not be mended, where there was parity to try.
    pub unmended: Vec<Unmended>,
}

impl fmt::Display for Spoiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(first) = self.faults.first() {
            write!(f, "{}", first.error)?;
        }
        if self.faults.len() > 1 {
            match self.packs.count() {
                0 => write!(f, "; {} files are damaged", self.faults.len())?,
                all if all == self.faults.len() as u64 => write!(f, "; {} damaged", files(&self.packs))?,
                _ => write!(f, "; {} files are damaged, {} among them", self.faults.len(), self.packs.named())?,
            }
        }
        f.write_str(&tell_unmended(&self.unmended))
    }
}

impl std::error::Error for Spoiled {}

impl Explain for Spoiled {
    fn kind(&self) -> Kind {
        Kind::Damaged
    }
    fn hint(&self) -> Option<String> {
        let hint = "the medium is damaged or was altered: have the lab run `gapvault export --again BUNDLE --volume N` for the volume concerned (what is good waits in the vault), and find out which of the two it was";
        Some(hint.to_owned())
    }
}

/// Packs by their names if they are few, otherwise by their numbers.
fn files(packs: &Numbers) -> String {
    use gapvault_formats::seal::BundleFile;
    if packs.count() > 8 {
        return packs.are();
    }
    let numbers = packs.ranges().iter().flat_map(|(first, end)| *first..*end);
    let names: Vec<_> = numbers.map(|number| BundleFile::Pack(number).to_string()).collect();
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

impl ImportError {
    /// Whether the bundle itself was refused. What is damaged on a medium may be good on another.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.kind(), Kind::Refused | Kind::Damaged) && !matches!(self, Self::Spoiled(_) | Self::Wrap(_))
    }
}
