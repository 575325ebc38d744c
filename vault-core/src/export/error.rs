//! Why an export fails.

use super::SourceError;
use crate::bundle::{RoomError, room};
use crate::content::ContentError;
use crate::error::{Explain, FsError, Kind, explain};
use crate::held::HeldError;
use crate::media::ProbeError;
use crate::observe::Observer;
use crate::sign::SignError;
use crate::vault::VaultError;
use crate::wraps::WrapError;
use gapvault_formats::agefile::{AgeError, Suite};
use gapvault_formats::catalogue::{CatalogueError, Role};
use gapvault_formats::ids::{BundleId, KeyFingerprint, MediumDigest};
use gapvault_formats::index::IndexError;
use gapvault_formats::limits;
use gapvault_formats::names::{ArtifactRef, Label, NameError, PersonName, TentName, VolumeName};
use gapvault_formats::parity::ParityError;
use gapvault_formats::relpath::RelPath;
use gapvault_formats::seal::SealError;
use std::path::{Path, PathBuf};

/// Why a medium can't be read or written.
#[derive(Debug, thiserror::Error)]
#[error("medium {}: {source}", medium.display())]
pub struct MediumError {
    /// Its top folder.
    pub medium: PathBuf,
    /// What failed.
    pub source: FsError,
}

impl Explain for MediumError {
    fn kind(&self) -> Kind {
        Kind::Medium
    }
    fn hint(&self) -> Option<String> {
        self.source.hint().or(Some("check that the medium is still connected".to_owned()))
    }
}

/// Why no bundle was made. The source was never touched. Unless it is [`ExportError::Unfinished`], media hold nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Reading or writing failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The medium gave back something else than was written to it.
    #[error("{} came back from the medium with SHA-256 {actual}, it was written with {expected}", path.display())]
    ReadBack {
        /// Which file.
        path: PathBuf,
        /// What came back.
        actual: MediumDigest,
        /// What was written.
        expected: MediumDigest,
    },
    /// A medium can't be read or written.
    #[error(transparent)]
    Medium(#[from] MediumError),
    /// A file of the bundle would be too large for a medium or for this process.
    #[error("{} holds files of at most {} here, a pack has up to {}", path.display(), room::size(*limit), room::size(*needed))]
    FileLimit {
        /// Where.
        path: PathBuf,
        /// Bytes of the largest file.
        limit: u64,
        /// Bytes of a pack.
        needed: u64,
    },
    /// Something else is mounted where the medium was, or nothing.
    #[error("medium {} is not there any more", medium.display())]
    Pulled {
        /// Its top folder.
        medium: PathBuf,
    },
    /// A medium can't be looked at.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// There is no room.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// It would not fit on all media together.
    #[error("the media have room for {packs} packs together ({}), up to {packs_needed} are needed ({})", room::size(*room), room::size(*needed))]
    TooSmall {
        /// Whole packs that they have room for.
        packs: u64,
        /// Bytes of room.
        room: u64,
        /// Packs needed, if nothing gets smaller.
        packs_needed: u64,
        /// Bytes needed, with parity and what describes the bundle.
        needed: u64,
    },
    /// It would not fit on the one medium.
    #[error("{} has room for {}, up to {} are needed", path.display(), room::size(*free), room::size(*needed))]
    TooSmallAlone {
        /// Where.
        path: PathBuf,
        /// Bytes free.
        free: u64,
        /// Bytes needed, if nothing gets smaller.
        needed: u64,
    },
    /// No medium has room for one more pack.
    #[error("the media are full")]
    Full,
    /// A volume that does not hold a single pack.
    #[error("a volume must hold {} at least: one pack, its parity, and what describes the bundle", room::size(*volume_size))]
    VolumeTooSmall {
        /// Bytes that would do.
        volume_size: u64,
    },
    /// One medium given twice.
    #[error("{} is given twice", path.display())]
    Twice {
        /// Where.
        path: PathBuf,
    },
    /// The next medium was not put in.
    #[error("the medium for volume {wanted} was not put in at {}", path.display())]
    NoChange {
        /// Which volume.
        wanted: VolumeName,
        /// Where it was waited for.
        path: PathBuf,
    },
    /// A spare volume can't be had like this.
    #[error("a spare volume needs at least two media that are in together, and those that an export went to before")]
    NotSpare,
    /// The source of an export that goes on is not what it was.
    #[error("export {label} can't go on: the source has changed since: {}", list(paths))]
    SourceChanged {
        /// Which export.
        label: Label,
        /// What is not as it was: the first of them, in order.
        paths: Vec<RelPath>,
    },
    /// The same artifact was begun in another way.
    #[error(
        "export {label} of {artifact} is not finished, and it was begun in another way: {}",
        crate::error::visible(begun)
    )]
    OtherUnfinished {
        /// Which export.
        label: Label,
        /// What it is of.
        artifact: ArtifactRef,
        /// The paths and options that it was begun with, as they are typed.
        begun: String,
    },
    /// It was begun with a tent key that was renewed since.
    #[error("export {label} of {artifact} is not finished, and the key of tent {tent} was renewed since it was begun")]
    TentKeyRenewed {
        /// Which export.
        label: Label,
        /// What it is of.
        artifact: ArtifactRef,
        /// The tent.
        tent: TentName,
    },
    /// A chunk is not coded as it was when the export began.
    #[error("this version of gapvault codes the content in another way than the one that began the export")]
    OtherCoding,
    /// What opens it could not be sealed anew.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// It broke off, and can go on.
    #[error("{error}; {kept} written packs are kept")]
    Unfinished {
        /// Why.
        error: Box<ExportError>,
        /// How many packs need not be written again.
        kept: usize,
    },
    /// The bundle is made and logged, and a medium of it did not get its seal.
    #[error("bundle {bundle} is exported, but a medium did not get its seal: {error}")]
    SealMissing {
        /// Which bundle.
        bundle: BundleId,
        /// Why.
        error: Box<ExportError>,
    },
    /// Nothing is known of how it was made.
    #[error("bundle {bundle} can't be made again: {fault}")]
    NotAgain {
        /// Which bundle.
        bundle: BundleId,
        /// Why.
        fault: &'static str,
    },
    /// No such volume.
    #[error("bundle {bundle} has no volume {volume} (it has: {known})")]
    NoVolume {
        /// Which bundle.
        bundle: BundleId,
        /// Which volume.
        volume: VolumeName,
        /// Those that it has.
        known: String,
    },
    /// The vault's copy of a bundle can't be used.
    #[error(transparent)]
    Held(#[from] HeldError),
    /// What would be written is not of the format.
    #[error(transparent)]
    Parity(#[from] ParityError),
    /// Something in the source can't be exported.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The tent's content rules refuse files.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The policy has no such tent.
    #[error("the policy has no tent {tent} (it has: {known})")]
    NoTent {
        /// Which.
        tent: TentName,
        /// Those that it has.
        known: String,
    },
    /// Not an exporter of the tent.
    #[error("{person} is not an exporter of tent {tent} (exporters: {exporters})")]
    NotAnExporter {
        /// Who asked.
        person: PersonName,
        /// For which tent.
        tent: TentName,
        /// Who is.
        exporters: String,
    },
    /// The policy gives the key to nobody.
    #[error("the policy gives key {key} to no person")]
    UnknownKey {
        /// Which key.
        key: KeyFingerprint,
    },
    /// The policy revokes the key.
    #[error("the policy revokes key {key} of {person}")]
    RevokedKey {
        /// Which key.
        key: KeyFingerprint,
        /// Whose it is.
        person: PersonName,
    },
    /// The tent wants to see that a security key was touched, or knew its person.
    #[error("tent {tent} asks for signatures by security keys that show more of the person than this one")]
    NotShown {
        /// Which tent.
        tent: TentName,
    },
    /// A seal can be superseded with its exporter's key only.
    #[error("it was sealed with key {expected}, not with {actual}")]
    OtherKey {
        /// The key that was named.
        actual: KeyFingerprint,
        /// The exporter's.
        expected: KeyFingerprint,
    },
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// Nobody elsewhere could read it.
    #[error("tent {tent} has no member or auditor at another site")]
    NoDestination {
        /// Which tent.
        tent: TentName,
    },
    /// More tags than a seal has.
    #[error("tent {tent} has over {} members and auditors", limits::DESTINATIONS)]
    TooManyDestinations {
        /// Which tent.
        tent: TentName,
    },
    /// More recipients than an age header has room for.
    #[error("tent {tent} has too many sites with the role {role}: a bundle of the suite {suite} has room for {most}")]
    TooManyReaders {
        /// Which tent.
        tent: TentName,
        /// What they are there.
        role: Role,
        /// What the bundle would be sealed to.
        suite: Suite,
        /// How many there may be.
        most: u64,
    },
    /// No folder to export to. (One is not made: a mount point whose medium is gone must not fill the disk below.)
    #[error("{} is not a folder", path.display())]
    NoMedium {
        /// Where.
        path: PathBuf,
    },
    /// Something that is no folder where bundles stand.
    #[error("{} is not a folder: links on a medium are never followed", path.display())]
    Obstructed {
        /// Where.
        path: PathBuf,
    },
    /// A pack size that the format does not have.
    #[error("packs of {pack_size} bytes: they must be a multiple of 64 KiB, from 64 KiB to 1 GiB")]
    PackSize {
        /// What was asked for.
        pack_size: u64,
    },
    /// Less memory than the least that an export works with.
    #[error("an export with packs of this size takes at least {least} bytes of memory, {given} were given")]
    Memory {
        /// Bytes that would do.
        least: u64,
        /// Bytes that were given.
        given: u64,
    },
    /// A time that lies outside the calendar, or not ahead.
    #[error("a bundle can't be valid for {seconds} seconds")]
    Validity {
        /// What was asked for.
        seconds: i64,
    },
    /// A longer validity than the tent allows.
    #[error("bundles of tent {tent} are valid for at most {days} days")]
    ValidForTooLong {
        /// The tent.
        tent: TentName,
        /// The most, in days.
        days: u32,
    },
    /// More packs than a bundle has.
    #[error("{bytes} bytes don't fit into {} packs of {pack_size} bytes", limits::PACKS)]
    TooLarge {
        /// Bytes of the source.
        bytes: u64,
        /// What was asked for.
        pack_size: u64,
    },
    /// A coded chunk did not decode to itself.
    #[error("coding {}: {source}", path.display())]
    Coding {
        /// The file it is of.
        path: PathBuf,
        /// What failed.
        source: std::io::Error,
    },
    /// Sealing failed.
    #[error(transparent)]
    Age(#[from] AgeError),
    /// What would be written is not of the format.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// What would be written is not of the format.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// What would be written is not of the format.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// What would be written is not of the format.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The work was stopped.
    #[error("interrupted: no bundle was made")]
    Interrupted,
}

fn list(paths: &[RelPath]) -> String {
    crate::error::visible(&paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

/// For observers that ask to stop.
pub(super) trait Interruption {
    /// An error if the work should stop.
    fn interruption(&self) -> Result<(), ExportError>;
}

impl Interruption for dyn Observer + '_ {
    fn interruption(&self) -> Result<(), ExportError> {
        if self.cancelled() { Err(ExportError::Interrupted) } else { Ok(()) }
    }
}

impl ExportError {
    /// What failed on a medium.
    pub(super) fn medium(medium: &Path, source: FsError) -> Self {
        Self::Medium(MediumError { medium: medium.to_owned(), source })
    }

    /// Whether the same command could come further at another time: nothing is wrong with the source.
    pub(super) fn is_passing(&self) -> bool {
        !matches!(self, Self::Source(_) | Self::SourceChanged { .. } | Self::Coding { .. } | Self::OtherCoding)
    }
}

const GO_ON: &str = "the same command goes on where this one stopped; `gapvault pending` lists it";

/// The fault of a medium that has nothing of a bundle to go on with.
pub(super) const NO_VOLUME: &str = "no whole volume of it is on that medium, and no lost volume is named";

explain!(ExportError, pass: [Wrap, Vault, Fs, Medium, Room, Source, Content, Probe, Held, Sign], {
    Self::FileLimit { .. } => (Medium, Some("use smaller packs (`--pack-size`), or raise the limit of this process (`ulimit -f`)")),
    Self::Pulled { .. } => (Medium, Some("put it in again")),
    Self::TooSmall { .. } | Self::TooSmallAlone { .. } => (Medium, Some("add a medium with another --to, have several put in one after the other (`--volume-size`), or start all the same with --overcommit: content mostly gets smaller")),
    Self::Full => (Medium, Some("the same command with one more --to goes on there")),
    Self::VolumeTooSmall { .. } => (Usage, Some("use larger volumes, or smaller packs (`--pack-size`)")),
    Self::Twice { .. } => (Usage, None),
    Self::NoChange { .. } => (Incomplete, Some("run it on a terminal, or have a command change the medium that ends with 0 once the next one is in (`--next-medium`); the same command goes on")),
    Self::NotSpare => (Usage, Some("`--parity` works with one medium and with media that are swapped")),
    Self::SourceChanged { .. } => (Other, Some("put it back as it was, its time of modification too, or begin anew with --restart")),
    Self::OtherUnfinished { .. } => (Usage, Some("finish it with the command that began it, or give it up with --restart")),
    Self::TentKeyRenewed { .. } => (Refused, Some("give it up and begin anew with --restart")),
    Self::OtherCoding => (Other, Some("go on with that version, or begin anew with --restart")),
    Self::Unfinished { error, .. } => (error.kind(), match **error {
        Self::Full => Some("the same command with one more --to goes on where this one stopped"),
        Self::Sign(ref error) => error.advice(),
        Self::ReadBack { .. } => Some("this medium does not keep what is written to it (worn out, or smaller than it says): give the same command another one, and it goes on"),
        _ => Some(GO_ON),
    }),
    Self::SealMissing { error, .. } => (error.kind(), Some("put it in again and run `gapvault export --again BUNDLE --to MEDIUM`")),
    Self::NotAgain { fault: NO_VOLUME, .. } => (Other, Some("--approvals brings the approvals alone to any medium, --volume N writes volume N again under a new seal")),
    Self::NotAgain { .. } => (Other, Some("export it anew")),
    Self::NoVolume { .. } => (Usage, None),
    Self::NoTent { .. } => (Refused, Some("`gapvault tent new TENT` makes one")),
    Self::NotAnExporter { .. } => (Refused, Some("export with the key of one of them (--key), or have the policy changed: `gapvault trust CARD --tent TENT --role exporter`")),
    Self::UnknownKey { .. } => (Refused, Some("name the key of a person in the policy (`--key`), or have this one added to it")),
    Self::RevokedKey { .. } => (Refused, Some("sign with another key (`--key`)")),
    Self::NotShown { .. } => (Refused, Some("sign with a security key (`--key`) that asks for a touch, or for its fingerprint or PIN where the tent wants that (`ssh-keygen -O verify-required`)")),
    Self::OtherKey { .. } => (Refused, Some("name the key that sealed it (`--key`)")),
    Self::NoDestination { .. } => (Refused, Some("`gapvault trust CARD --tent TENT --role member` adds one")),
    Self::TooManyDestinations { .. } => (Usage, None),
    Self::TooManyReaders { .. } => (Usage, Some("make another tent for some of them; post-quantum recipients take more room in a header than others")),
    Self::NoMedium { .. } => (Medium, Some("mount the medium, or name its top folder")),
    Self::Obstructed { .. } => (Damaged, Some("somebody prepared this medium by another way than gapvault: use another")),
    Self::PackSize { .. } => (Usage, Some("a multiple of 64K, from 64K to 1G")),
    Self::Validity { .. } => (Usage, None),
    Self::ValidForTooLong { .. } => (Refused, Some("give a shorter time with `--valid-for`, like 7d")),
    Self::TooLarge { .. } => (Usage, Some("use larger packs")),
    Self::ReadBack { .. } => (Medium, Some("this medium does not keep what is written to it (worn out, or smaller than it says): use another")),
    Self::Memory { .. } => (Usage, Some("use smaller packs (`--pack-size`), or give it more")),
    Self::Coding { .. } => (Other, Some("this machine's memory may be faulty: test it before exporting again")),
    Self::Catalogue(_) => (Usage, None),
    Self::Parity(_) |
    Self::Age(_) | Self::Index(_) | Self::Seal(_) | Self::Name(_) | Self::Interrupted => (Other, None),
});
