//! Catalogue, index, keys, sums and seal: written in the vault first, then copied to the media, the seal last of all.

use super::done::VolumeDone;
use super::groups::ranges;
use super::pipeline::Content;
use super::source::{Kind, Source};
use super::target::Target;
use super::{ExportError, Exporter, Plan};
use crate::error::FsError;
use crate::fs::{Durable, write_replacing};
use crate::observe::Observer;
use crate::sign::Signer;
use crate::vault::Vault;
use gapvault_formats::agefile::SealWriter;
use gapvault_formats::catalogue::{self, Artifact, CatalogueWriter, Record, Role};
use gapvault_formats::ids::BundleId;
use gapvault_formats::index::{self, IndexWriter, Run};
use gapvault_formats::names::VolumeName;
use gapvault_formats::seal::{BundleFile, Parity, Predicate, SEAL_NAME, Seal, Stanzas, StreamLayout, Subject, Volume};
use gapvault_formats::table::TableWriter;
use gapvault_formats::{FORMAT, padding, recover, sums};
use std::io::{BufWriter, Write};
use std::path::Path;

/// Who signs the seal, and who is told that a person is waited for.
pub(super) type Signing<'a> = (&'a dyn Signer, &'a dyn Observer);

/// A bundle that lacks nothing but its seal on the media.
pub(super) struct Described {
    pub(super) id: BundleId,
    pub(super) seal: Vec<u8>,
    /// Bytes on the media, the seal and signatures not counted.
    pub(super) size: u64,
}

/// Describes and signs the bundle. The vault's copy is in `staging`; the media that are in have everything but the seal.
pub(super) fn describe(
    vault: &Vault,
    plan: &Plan<'_>,
    (source, content): (&Source, &Content),
    staging: &Path,
    targets: &mut [Target],
    (volumes, packs): (&[VolumeDone], Vec<Subject>),
    signing: Signing<'_>,
) -> Result<Described, ExportError> {
    write_catalogue(vault, plan, source, content, &staging.join(BundleFile::Catalogue.to_string()))?;
    write_index(plan, content, &staging.join(BundleFile::Index.to_string()))?;
    write_keys(plan, &staging.join(BundleFile::Keys.to_string()))?;

    let mut subjects = packs;
    subjects.extend(volumes.iter().flat_map(|volume| volume.files.iter().cloned()));
    let text = recover::text(&plan.label, &plan.exporter.key.fingerprint(), plan.suite);
    // Those that were taken out have their lists already; the last ones are in.
    let (out, within) = volumes.split_at(volumes.len() - targets.len());
    debug_assert!(out.iter().all(|volume| volume.has_list()));
    for (target, volume) in targets.iter_mut().zip(within) {
        let common = describe_on(target, staging, &text)?;
        let own = subjects.iter().filter(|s| volume.holds(&s.file));
        let mut listed: Vec<_> = own.chain(&common).cloned().collect();
        listed.sort_by_cached_key(|s| s.file.to_string());
        subjects.push(target.file(BundleFile::Sums(volume.name.clone()), sums::text(&listed).as_bytes())?);
        if target_is_first(&volume.name, within) {
            subjects.extend(common);
        }
    }
    let predicate = predicate(plan, content, volumes)?;
    sign(subjects, predicate, staging, targets, (plan.exporter, signing))
}

fn target_is_first(name: &VolumeName, within: &[VolumeDone]) -> bool {
    within.first().is_some_and(|first| first.name == *name)
}

/// Puts what describes the whole bundle on a medium, from the vault's copy.
pub(super) fn describe_on(target: &mut Target, staging: &Path, recover: &str) -> Result<Vec<Subject>, ExportError> {
    let mut subjects = Vec::new();
    for file in [BundleFile::Catalogue, BundleFile::Index, BundleFile::Keys] {
        let from = staging.join(file.to_string());
        subjects.push(target.copy(file, &from)?);
    }
    subjects.push(target.file(BundleFile::Recover, recover.as_bytes())?);
    Ok(subjects)
}

/// Seals: the signature stands on the media that are in, the seal and it in `staging`.
pub(super) fn sign(
    subjects: Vec<Subject>,
    predicate: Predicate,
    staging: &Path,
    targets: &mut [Target],
    (exporter, (signer, observer)): (&Exporter, Signing<'_>),
) -> Result<Described, ExportError> {
    let size = subjects.iter().map(|s| s.size).sum();
    let seal = Seal::new(subjects, predicate)?.to_bytes()?;
    let armoured = exporter.sign(signer, &seal, observer)?;
    let name = format!("{SEAL_NAME}.{}.sig", exporter.key.fingerprint());
    for target in targets {
        target.signature(&name, armoured.as_bytes())?;
    }
    write_replacing(&staging.join(name), armoured.as_bytes(), 0o600)?;
    write_replacing(&staging.join(SEAL_NAME), &seal, 0o600)?;
    Ok(Described { id: BundleId::of(&seal), seal, size })
}

fn predicate(plan: &Plan<'_>, content: &Content, volumes: &[VolumeDone]) -> Result<Predicate, ExportError> {
    let tag = |site: &&gapvault_formats::policy::Site| site.label_key.tag(&plan.nonce, &plan.request.tent);
    let mut destinations: Vec<_> = plan.sites.iter().map(tag).collect();
    destinations.sort_unstable();
    let count = |role| plan.recipients(role).len() as u64;
    let stream = StreamLayout { length: padding::padded(content.stream), pack: plan.pack_size };
    Ok(Predicate {
        format: FORMAT,
        label: plan.label.clone(),
        nonce: plan.nonce,
        exporter: plan.exporter.key.clone(),
        created: plan.created,
        expires: plan.expires,
        number: plan.number,
        destinations,
        suite: plan.suite,
        stanzas: Stanzas { catalogue: count(Role::Auditor) + 1, keys: count(Role::Member), index: 1, pack: 1 },
        stream,
        volumes: volumes.iter().map(|v| Volume { name: v.name.clone(), packs: ranges(&v.packs) }).collect(),
        parity: parity(volumes),
        builds_on: Vec::new(),
        supersedes: None,
    })
}

/// What the seal says of parity: the groups in the order of their parity packs.
fn parity(volumes: &[VolumeDone]) -> Option<Parity> {
    let groups: Vec<_> = volumes.iter().flat_map(|volume| volume.groups.iter().cloned()).collect();
    let placed = volumes.iter().map(|v| Volume { name: v.name.clone(), packs: ranges(&v.parity()) }).collect();
    (!groups.is_empty()).then_some(Parity { groups, volumes: placed })
}

fn write_catalogue(
    vault: &Vault,
    plan: &Plan<'_>,
    source: &Source,
    content: &Content,
    path: &Path,
) -> Result<(), ExportError> {
    let mut recipients = plan.recipients(Role::Auditor);
    recipients.push(plan.identity.recipient());
    let head = catalogue::Head {
        format: FORMAT,
        nonce: plan.nonce,
        tent: plan.request.tent.clone(),
        site: vault.card().site.clone(),
        person: plan.exporter.person.clone(),
        readers: plan.readers.clone(),
        totals: source.totals(),
    };
    let out = TableWriter::new(begin(path)?, &recipients)?;
    let mut out = CatalogueWriter::new(BufWriter::new(out), head)?;
    let (artifact, provenance) = (plan.request.artifact.clone(), plan.request.provenance.clone());
    out.write(&Record::Artifact(Artifact { artifact, provenance }))?;
    let mut contents = content.files.iter();
    for entry in &source.entries {
        let path = entry.path.clone();
        out.write(&match &entry.kind {
            Kind::Folder { mode } => Record::Folder(catalogue::Folder { path, mode: *mode }),
            Kind::Link { target } => Record::Link(catalogue::Link { path, target: target.as_str().to_owned() }),
            Kind::File(file) => {
                let Some(content) = contents.next() else { unreachable!("each file has its content") };
                let (mode, size, sha256) = (file.mode, file.state.size, content.sha256);
                Record::File(catalogue::File { path, mode, size, sha256 })
            }
        })?;
    }
    end(out.finish()?, path)
}

fn write_index(plan: &Plan<'_>, content: &Content, path: &Path) -> Result<(), ExportError> {
    let out = TableWriter::new(begin(path)?, [&plan.identity.recipient()])?;
    let head = index::Head {
        format: FORMAT,
        nonce: plan.nonce,
        stream: content.stream,
        chunks: content.rows.len() as u64,
        files: content.files.len() as u64,
    };
    let mut out = IndexWriter::new(BufWriter::new(out), head)?;
    for row in &content.rows {
        let crate::bundle::ChunkRow { id, offset, stored, length, coding } = *row;
        out.chunk(index::Chunk { id, offset, stored, length, coding })?;
    }
    for file in &content.files {
        out.recipe(&runs(file.chunks.as_slice()))?;
    }
    end(out.finish()?, path)
}

/// Consecutive chunks, joined.
fn runs(chunks: &[u32]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for chunk in chunks.iter().map(|chunk| u64::from(*chunk)) {
        match runs.last_mut() {
            Some(run) if run.first + run.count == chunk => run.count += 1,
            _ => runs.push(Run { first: chunk, count: 1 }),
        }
    }
    runs
}

fn write_keys(plan: &Plan<'_>, path: &Path) -> Result<(), ExportError> {
    let keys = plan.keys();
    let mut out = SealWriter::new(begin(path)?, &plan.recipients(Role::Member))?;
    let failed = || FsError::at("can't write", path);
    out.write_all(keys.expose_text().as_bytes()).map_err(failed())?;
    Ok(out.finish().map_err(failed())?.commit()?)
}

fn begin(path: &Path) -> Result<Durable, FsError> {
    Durable::create(path, 0o600)
}

fn end(out: BufWriter<TableWriter<Durable>>, path: &Path) -> Result<(), ExportError> {
    let failed = || FsError::at("can't write", path);
    let table = out.into_inner().map_err(|e| failed()(e.into_error()))?;
    Ok(table.finish().map_err(failed())?.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_join_what_is_consecutive() {
        let runs: Vec<_> = runs(&[3, 4, 5, 0, 1, 5, 5]).iter().map(|r| (r.first, r.count)).collect();
        assert_eq!(runs, [(3, 3), (0, 2), (5, 1), (5, 1)]);
    }
}
