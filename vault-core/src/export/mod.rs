//! Exporting: files become chunks, chunks a stream, the stream packs on a medium, described and sealed.

mod describe;
mod pack;
mod pipeline;
mod read;
mod source;
mod target;

use crate::bundle::{RoomError, check_room};
use crate::error::{FsError, explain};
use crate::observe::{Event, Observer, Phase};
use crate::vault::{Vault, VaultError, random};
use gapvault_formats::agefile::{AgeError, Identity, Recipient};
use gapvault_formats::catalogue::{CatalogueError, Provenance, Reader, Role};
use gapvault_formats::custody::{self, ExportBegun, Exported, Moved};
use gapvault_formats::ids::{Nonce, TentKey, to_hex};
use gapvault_formats::index::IndexError;
use gapvault_formats::names::{ArtifactRef, Label, NameError, TentName};
use gapvault_formats::policy::{Policy, Site};
use gapvault_formats::relpath::PathError;
use gapvault_formats::seal::SealError;
use gapvault_formats::time::Time;
use gapvault_formats::tree::TreeError;
use gapvault_formats::{limits, padding};
use std::path::PathBuf;

/// What to export, and to where.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// The artifact's name and version.
    pub artifact: ArtifactRef,
    /// Files and folders. One folder alone is the artifact's root; otherwise each stands in the root under its own name.
    pub paths: Vec<PathBuf>,
    /// The compartment.
    pub tent: TentName,
    /// The medium's top folder.
    pub medium: PathBuf,
    /// Where the artifact comes from.
    pub provenance: Provenance,
    /// For how many seconds the bundle may be imported.
    pub valid_for: i64,
    /// How much of the machine it takes.
    pub options: ExportOptions,
}

/// How an export works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    /// Worker threads, at least 1.
    pub threads: usize,
    /// Bytes of stream in a pack: a multiple of 64 KiB, at most 1 GiB. About three packs are in memory at a time.
    pub pack_size: u64,
    /// Whether symbolic links are replaced by what they point to.
    pub follow_links: bool,
    /// Whether to start although the worst case does not fit on the medium.
    pub overcommit: bool,
}

impl ExportOptions {
    /// The usual length of stream in a pack, in bytes.
    pub const PACK_SIZE: u64 = 64 << 20;
}

/// Why nothing was exported. The medium holds nothing of it, and the source was never touched.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Reading or writing failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// It would not fit.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// Something in the source can't be exported.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The policy has no such tent.
    #[error("the policy has no tent {tent} (it has: {known})")]
    NoTent {
        /// Which.
        tent: TentName,
        /// Those that it has.
        known: String,
    },
    /// Not an exporter of the tent.
    #[error("{person} is not an exporter of tent {tent}")]
    NotAnExporter {
        /// Who asked.
        person: gapvault_formats::names::PersonName,
        /// For which tent.
        tent: TentName,
    },
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
    /// A time that lies outside the calendar, or not ahead.
    #[error("a bundle can't be valid for {seconds} seconds")]
    Validity {
        /// What was asked for.
        seconds: i64,
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
    #[error("interrupted: nothing was exported")]
    Interrupted,
}

explain!(ExportError, pass: [Vault, Fs, Room, Source], {
    Self::NoTent { .. } => (Refused, Some("`gapvault tent new TENT` makes one")),
    Self::NotAnExporter { .. } => (Refused, Some("`gapvault tent new TENT` in this vault makes its own person an exporter")),
    Self::NoDestination { .. } => (Refused, Some("`gapvault trust CARD --tent TENT --role member` adds one")),
    Self::TooManyDestinations { .. } => (Usage, None),
    Self::NoMedium { .. } => (Medium, Some("mount the medium, or name its top folder")),
    Self::Obstructed { .. } => (Damaged, Some("somebody prepared this medium by another way than gapvault: use another")),
    Self::PackSize { .. } | Self::Validity { .. } => (Usage, None),
    Self::TooLarge { .. } => (Usage, Some("use larger packs")),
    Self::Coding { .. } => (Other, Some("this machine's memory may be faulty: test it before exporting again")),
    Self::Catalogue(_) => (Usage, None),
    Self::Age(_) | Self::Index(_) | Self::Seal(_) | Self::Name(_) | Self::Interrupted => (Other, None),
});

/// What in the source can't be exported.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It can't be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A socket, fifo or device.
    #[error("{} is a {kind}: only files, folders and links can be exported", path.display())]
    Special {
        /// Where.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A link out of the artifact.
    #[error("link {} points to {target}: {fault}", path.display())]
    Link {
        /// Where.
        path: PathBuf,
        /// Its target.
        target: String,
        /// Why it is refused.
        fault: PathError,
    },
    /// A link to nothing, or to itself, that should be followed.
    #[error("link {} leads nowhere", path.display())]
    Dangling {
        /// Where.
        path: PathBuf,
    },
    /// A link to a folder that it stands in, that should be followed.
    #[error("link {} leads back to a folder that it stands in", path.display())]
    Loop {
        /// Where.
        path: PathBuf,
    },
    /// A name that can't cross.
    #[error("{}: {fault}", path.display())]
    Name {
        /// Where.
        path: PathBuf,
        /// Why it is refused.
        fault: PathError,
    },
    /// A name that is not UTF-8.
    #[error("{} has a name that is not UTF-8", path.display())]
    NotUtf8 {
        /// Where.
        path: PathBuf,
    },
    /// Two names that some file systems take for one.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Two paths with one name.
    #[error("{} and another of the given paths have one name", path.display())]
    Twice {
        /// The later one.
        path: PathBuf,
    },
    /// A vault, with its secret keys.
    #[error("{} is a vault: its keys must not travel", path.display())]
    Vault {
        /// Where.
        path: PathBuf,
    },
    /// The medium that is exported to.
    #[error("{} is the medium that it is exported to", path.display())]
    Medium {
        /// Where.
        path: PathBuf,
    },
    /// Setuid, setgid or sticky bits on a file.
    #[error("{} has mode {mode:o}: setuid, setgid and sticky files can't be exported", path.display())]
    Mode {
        /// Where.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is not what it was when the export began.
    #[error("{} changed while it was exported", path.display())]
    Changed {
        /// Where.
        path: PathBuf,
    },
    /// Too many entries.
    #[error("over {} files, folders and links", limits::ENTRIES)]
    TooMany,
}

explain!(SourceError, pass: [Fs], {
    Self::Link { .. } => (Usage, Some("--follow-links exports what links point to instead")),
    Self::Changed { .. } => (Other, Some("export again when nobody writes to it any more")),
    Self::Name { .. } | Self::NotUtf8 { .. } | Self::Twice { .. } => (Usage, Some("rename it, or export a folder of its own")),
    Self::Vault { .. } | Self::Medium { .. } => (Usage, Some("name what should be exported, and nothing around it")),
    Self::Mode { .. } => (Usage, Some("chmod it to plain permissions")),
    Self::Tree(_) => (Usage, Some("some file systems hold them for one and would lose a file: rename one of them")),
    Self::Special { .. } => (Usage, Some("move it out of the folder, or export the other files by their paths")),
    Self::Dangling { .. } | Self::Loop { .. } => (Usage, Some("remove it; without --follow-links, a link inside the artifact is exported as it is")),
    Self::TooMany => (Usage, None),
});

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the log says of the bundle.
    pub exported: Exported,
    /// Where it stands on the medium.
    pub path: PathBuf,
    /// How many packs it has.
    pub packs: u64,
    /// Chunks found, duplicates included.
    pub chunks: u64,
    /// Chunks stored.
    pub unique_chunks: u64,
}

/// Everything that is settled before the first byte is read.
struct Plan<'a> {
    request: &'a ExportRequest,
    sites: Vec<&'a Site>,
    readers: Vec<Reader>,
    created: Time,
    expires: Time,
    number: u64,
    label: Label,
    nonce: Nonce,
    tent_key: TentKey,
    /// The bundle's own identity.
    identity: Identity,
}

/// Exports to a new bundle on the medium.
///
/// The seal comes last: until it stands on the medium there is no bundle there. When this fails, what was written is
/// removed; killed, the next export to the same medium removes it.
pub fn export(vault: &mut Vault, request: &ExportRequest, observer: &dyn Observer) -> Result<Outcome, ExportError> {
    let policy = vault.policy().clone();
    let tent = policy.tent(&request.tent).ok_or_else(|| no_tent(&policy, &request.tent))?;
    let person = &vault.card().person;
    if !tent.exporters.contains(person) {
        return Err(ExportError::NotAnExporter { person: person.clone(), tent: request.tent.clone() });
    }
    check_options(request)?;
    target::check(&request.medium)?;
    request.provenance.check()?;
    let readers = |names: &[_], role| -> Vec<(&Site, Role)> {
        policy.sites.iter().filter(|s| names.contains(&s.name)).map(|s| (s, role)).collect()
    };
    let sites = [readers(&tent.members, Role::Member), readers(&tent.auditors, Role::Auditor)].concat();
    if sites.iter().all(|(site, _)| site.name == vault.card().site) {
        return Err(ExportError::NoDestination { tent: request.tent.clone() });
    }
    if sites.len() > limits::DESTINATIONS {
        return Err(ExportError::TooManyDestinations { tent: request.tent.clone() });
    }

    observer.event(Event::Begin { phase: Phase::Walk, total: 0 });
    let source = source::walk(&request.paths, &request.medium, request.options.follow_links, observer)?;
    observer.event(Event::End);
    check_size(request, source.bytes)?;
    target::clear_leftovers(vault, &request.medium)?;

    let created = vault.clock().now();
    let seconds = request.valid_for;
    let expires = created.plus(seconds).filter(|_| seconds > 0).ok_or(ExportError::Validity { seconds })?;
    let plan = Plan {
        request,
        readers: sites.iter().map(|(site, role)| reader(site, *role)).collect(),
        sites: sites.into_iter().map(|(site, _)| site).collect(),
        created,
        expires,
        number: next_number(vault, &request.tent),
        label: format!("{}-{}", created.compact_date(), &to_hex(&random()?)[..12]).parse()?,
        nonce: Nonce::from_bytes(random()?),
        tent_key: vault.tent_key(&request.tent)?,
        identity: Identity::generate(),
    };
    // Reserved before anything is written: a number is never used twice, whatever happens.
    let (tent, number, label) = (request.tent.clone(), plan.number, plan.label.clone());
    vault.record(custody::Event::ExportBegun(ExportBegun { tent, number, label: label.clone() }))?;
    let written = target::Target::create(&request.medium, &label)
        .map_err(ExportError::from)
        .and_then(|target| write(vault, &plan, &source, target, observer));
    if written.is_err() {
        // What matters is the first error; a medium that is gone can't be cleared.
        let _ = target::abandon(vault, &request.medium, &label);
    }
    written
}

fn write(
    vault: &mut Vault,
    plan: &Plan<'_>,
    source: &source::Source,
    mut target: target::Target,
    observer: &dyn Observer,
) -> Result<Outcome, ExportError> {
    observer.event(Event::Begin { phase: Phase::Export, total: source.bytes });
    let content = pipeline::run(plan, source, &mut target, observer)?;
    observer.event(Event::End);

    let staging = vault.stage(plan.label.as_str())?;
    let described = describe::describe(vault, plan, source, &content, staging.path(), &mut target);
    let described =
        match described.and_then(|d| if observer.cancelled() { Err(ExportError::Interrupted) } else { Ok(d) }) {
            Ok(described) => described,
            Err(error) => {
                staging.discard()?;
                return Err(error);
            }
        };
    let moved =
        Moved { artifact: plan.request.artifact.clone(), files: source.totals().files, bytes: source.totals().bytes };
    let own = &vault.card().site;
    let destinations = plan.sites.iter().map(|s| s.name.clone()).filter(|name| name != own).collect();
    let exported = Exported {
        bundle: described.id,
        label: plan.label.clone(),
        tent: plan.request.tent.clone(),
        number: plan.number,
        created: plan.created,
        expires: plan.expires,
        destinations,
        artifacts: vec![moved],
        size: described.size,
    };
    staging.place(&described.id)?;
    vault.record(custody::Event::Exported(Box::new(exported.clone())))?;
    // The last rename makes it a bundle.
    target.seal(&described.seal)?;
    Ok(Outcome {
        exported,
        path: target.path().to_owned(),
        packs: content.packs.len() as u64,
        chunks: content.references(),
        unique_chunks: content.rows.len() as u64,
    })
}

fn no_tent(policy: &Policy, tent: &TentName) -> ExportError {
    let known: Vec<_> = policy.tents.iter().map(|tent| tent.name.to_string()).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    ExportError::NoTent { tent: tent.clone(), known }
}

fn check_options(request: &ExportRequest) -> Result<(), ExportError> {
    let pack_size = request.options.pack_size;
    let range = limits::PACK_STREAM_MIN..=limits::PACK_STREAM_MAX;
    if range.contains(&pack_size) && pack_size.is_multiple_of(limits::PACK_STREAM_MIN) {
        Ok(())
    } else {
        Err(ExportError::PackSize { pack_size })
    }
}

/// Whether the worst case fits: nothing is saved by coding, everything is padded.
fn check_size(request: &ExportRequest, bytes: u64) -> Result<(), ExportError> {
    let stream = padding::padded(bytes);
    let pack_size = request.options.pack_size;
    let packs = stream.div_ceil(pack_size);
    if packs > limits::PACKS {
        return Err(ExportError::TooLarge { bytes, pack_size });
    }
    if request.options.overcommit {
        return Ok(());
    }
    // age adds 16 bytes a 64 KiB block and a header a pack; index and catalogue stay below a thousandth.
    let worst = stream + stream / 4096 + packs * 1024 + stream / 1000 + (1 << 20);
    Ok(check_room(&request.medium, worst)?)
}

fn reader(site: &Site, role: Role) -> Reader {
    Reader { site: site.name.clone(), role, recipient: site.recipient.clone(), card: site.card }
}

fn next_number(vault: &Vault, tent: &TentName) -> u64 {
    let used = vault.log().iter().filter_map(|entry| match &entry.event {
        custody::Event::ExportBegun(begun) if begun.tent == *tent => Some(begun.number),
        _ => None,
    });
    used.max().unwrap_or(0) + 1
}

impl Plan<'_> {
    fn recipients(&self, role: Role) -> Vec<Recipient> {
        let readers = self.sites.iter().zip(&self.readers);
        readers.filter(|(_, reader)| reader.role == role).map(|(site, _)| site.recipient.clone()).collect()
    }
}
