//! Exporting: files become chunks, chunks a stream, the stream packs on a medium, described and sealed.

mod describe;
mod error;
mod pack;
mod pipeline;
mod read;
mod shape;
mod source;
mod target;
mod work;

pub use self::error::{ExportError, SourceError};
use crate::bundle::check_room;
use crate::observe::{Event, Observer, Phase};
use crate::vault::{Vault, random};
use gapvault_formats::agefile::{Identity, Recipient};
use gapvault_formats::catalogue::{Provenance, Reader, Role};
use gapvault_formats::custody::{self, ExportBegun, Exported, Moved};
use gapvault_formats::ids::{Nonce, TentKey, to_hex};
use gapvault_formats::names::{ArtifactRef, Label, TentName};
use gapvault_formats::policy::{Policy, Site};
use gapvault_formats::time::Time;
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
    /// Whether to start although the worst case does not fit on the medium.
    pub overcommit: bool,
}

impl ExportOptions {
    /// The usual length of stream in a pack, in bytes.
    pub const PACK_SIZE: u64 = 64 << 20;
}

/// What reading a bundle again has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the log says of the bundle.
    pub exported: Exported,
    /// Where it stands on the medium.
    pub path: PathBuf,
    /// What reading it again has shown.
    pub proof: Proof,
    /// How many packs it has.
    pub packs: u64,
    /// Bytes of the content, coded.
    pub coded: u64,
    /// Bytes of zeros behind it, which hide its exact length.
    pub padding: u64,
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
    shape: shape::Shape,
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
    let too_little = |least| ExportError::Memory { least, given: request.options.memory.unwrap_or(0) };
    let shape = shape::Shape::new(request.options).map_err(too_little)?;
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

    observer.event(Event::Begin { phase: Phase::Walk, total: 0, medium: None });
    let source = source::walk(&request.paths, &request.medium, request.options.follow_links, observer)?;
    observer.event(Event::End { medium: None });
    check_size(request, source.bytes)?;
    target::clear_leftovers(vault, &request.medium)?;

    let created = vault.clock().now();
    let seconds = request.valid_for;
    let expires = created.plus(seconds).filter(|_| seconds > 0).ok_or(ExportError::Validity { seconds })?;
    let plan = Plan {
        request,
        readers: sites.iter().map(|(site, role)| reader(site, *role)).collect(),
        sites: sites.into_iter().map(|(site, _)| site).collect(),
        shape,
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
    let written = target::Target::create(&request.medium, &label, request.options.read_back)
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
    observer.event(Event::Begin { phase: Phase::Export, total: source.bytes, medium: None });
    let content = pipeline::run(plan, source, &mut target, observer)?;
    observer.event(Event::End { medium: None });

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
        proof: target.proof(),
        packs: content.packs.len() as u64,
        coded: content.stream,
        padding: padding::padded(content.stream) - content.stream,
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
    used.max().unwrap_or(0).saturating_add(1)
}

impl Plan<'_> {
    fn recipients(&self, role: Role) -> Vec<Recipient> {
        let readers = self.sites.iter().zip(&self.readers);
        readers.filter(|(_, reader)| reader.role == role).map(|(site, _)| site.recipient.clone()).collect()
    }
}
