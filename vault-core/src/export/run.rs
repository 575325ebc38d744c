//! Doing what was prepared: content onto the media, read back, described, sealed, logged.

use super::again::already;
use super::allowed::{may_go_to, no_tent, validity};
use super::done::VolumeDone;
use super::journal::{self, Begin, Finished, Journal, Kept};
use super::leftovers::{abandon, clear, exported_as};
use super::pipeline::{self, Before};
use super::prepare::Prepared;
use super::regenerate::Remake;
use super::resume::Unfinished;
use super::slots::{Changer, Terms, another};
use super::source::Source;
use super::target::{Target, bundle_path, is_mount_point};
use super::volumes::{Volumes, volume_name};
use super::{ExportError, Figures, Interruption, Outcome, Plan, Proof, Spanning, Written, describe, pipeline::Content};
use crate::bundle::with_any;
use crate::observe::{Event, Observer, Phase};
use crate::vault::{Vault, random};
use gapvault_formats::agefile::{Identity, OpenReader, SealWriter, Suite};
use gapvault_formats::catalogue::{Reader, Role};
use gapvault_formats::custody::{self, ExportBegun, Exported, Moved};
use gapvault_formats::ids::{Nonce, to_hex};
use gapvault_formats::names::TentName;
use gapvault_formats::padding;
use gapvault_formats::policy::{Policy, Site};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::PathBuf;
use zeroize::Zeroizing;

impl Prepared<'_> {
    /// Exports.
    pub fn run(
        mut self,
        vault: &mut Vault,
        changer: &dyn Changer,
        observer: &dyn Observer,
    ) -> Result<Outcome, ExportError> {
        observer.interruption()?;
        for label in &self.given_up {
            abandon(vault, self.request.media.paths(), label)?;
        }
        let media = self.request.media.paths();
        for bundle in clear(vault, media, self.request.options.read_back)? {
            // It lacked nothing but its seal on a medium, which it has now.
            if let Some(exported) = exported_as(vault, &bundle).filter(|e| self.is_what_was_asked_for(e)) {
                return already(vault, exported);
            }
        }
        let policy = vault.policy().clone();
        let unfinished = self.unfinished.take();
        let goes_on = unfinished.is_some();
        let plan = self.settle(vault, &policy, unfinished.as_ref())?;
        let mut kept = unfinished.as_ref().map_or(0, |u| u.packs.len());
        let written = self.write(vault, &plan, unfinished, &mut kept, (changer, observer));
        written.map_err(|error| match error {
            error @ ExportError::SealMissing { .. } => error,
            error if kept > 0 && (goes_on || error.is_passing()) => {
                ExportError::Unfinished { error: Box::new(error), kept }
            }
            error if goes_on => error,
            error => {
                // What matters is the first error; a medium that is gone can't be cleared.
                let _ = abandon(vault, media, &plan.label);
                error
            }
        })
    }

    fn is_what_was_asked_for(&self, exported: &Exported) -> bool {
        exported.tent == self.request.tent && exported.artifacts.iter().any(|a| a.artifact == self.request.artifact)
    }

    fn settle<'p>(
        &'p self,
        vault: &mut Vault,
        policy: &'p Policy,
        unfinished: Option<&Unfinished>,
    ) -> Result<Plan<'p>, ExportError> {
        let created = vault.clock().now();
        let name = &self.request.tent;
        let tent = policy.tent(name).ok_or_else(|| no_tent(policy, name))?;
        let seconds = validity(tent, self.request.valid_for)?;
        let expires = created.plus(seconds).filter(|_| seconds > 0).ok_or(ExportError::Validity { seconds })?;
        let own = &vault.card().site;
        let may = |site: &Site| may_go_to(tent, own, &site.name);
        let suite = self.same.suite;
        let of_role = |names: &[_], role| -> Vec<(&Site, Role)> {
            policy.sites.iter().filter(|s| names.contains(&s.name) && may(s)).map(|s| (s, role)).collect()
        };
        let sites = [of_role(&tent.members, Role::Member), of_role(&tent.auditors, Role::Auditor)].concat();
        let tent_key = vault.tent_key(&self.request.tent)?;
        let (number, label, nonce, identity, shape) = match unfinished {
            Some(Unfinished { begin, .. }) => {
                let shape = super::shape::Shape { lanes: begin.lanes, ..self.shape };
                (begin.number, begin.label.clone(), begin.nonce, open_identity(vault, begin)?, shape)
            }
            None => {
                let label = format!("{}-{}", created.compact_date(), &to_hex(&random()?)[..12]).parse()?;
                let (number, nonce) = (next_number(vault, &self.request.tent), Nonce::from_bytes(random()?));
                (number, label, nonce, Identity::generate_for(suite), self.shape)
            }
        };
        Ok(Plan {
            request: self.request,
            exporter: &self.exporter,
            readers: sites.iter().map(|(site, role)| reader(site, *role, suite)).collect(),
            sites: sites.into_iter().map(|(site, _)| site).collect(),
            suite,
            shape,
            pack_size: self.request.options.pack_size,
            created,
            expires,
            number,
            label,
            nonce,
            tent_key,
            identity,
        })
    }

    /// Writes everything. `kept` is how many packs are there, also when it fails.
    fn write(
        &self,
        vault: &mut Vault,
        plan: &Plan<'_>,
        unfinished: Option<Unfinished>,
        kept: &mut usize,
        (changer, observer): (&dyn Changer, &dyn Observer),
    ) -> Result<Outcome, ExportError> {
        let mounted = match &unfinished {
            Some(unfinished) => unfinished.begin.mounted.clone(),
            None => self.request.media.paths().iter().filter(|path| is_mount_point(path)).cloned().collect(),
        };
        let terms = self.terms(plan, mounted);
        let (journal, rows, packs, mut begun) = self.begin(vault, plan, unfinished, &terms, (changer, observer))?;
        let lost = std::mem::take(&mut begun.lost);
        let kept_before = begun.kept.len() as u64;
        let finished = begun.finished.clone();
        let there = (begun.kept, begun.finished, lost.as_slice());
        let volumes = Volumes::new(&terms, begun.targets, journal, there, (changer, observer))?;
        let filled = self.fill(plan, &volumes, Before { rows: &rows, packs, lost: &lost }, &finished, observer);
        *kept = volumes.kept();
        let content = filled.map_err(|error| volumes.noted(error))?;
        let (targets, done, packs, _) = volumes.into_parts();
        let outcome = self.seal(vault, plan, (&content, targets, done, packs), observer)?;
        Ok(Outcome { kept: kept_before, ..outcome })
    }

    fn fill(
        &self,
        plan: &Plan<'_>,
        volumes: &Volumes<'_>,
        before: Before<'_>,
        finished: &[Finished],
        observer: &dyn Observer,
    ) -> Result<Content, ExportError> {
        for finished in finished {
            volumes.was_done(finished, &self.request.media.paths()[0])?;
        }
        observer.event(Event::Begin { phase: Phase::Export, total: self.source.bytes, medium: None });
        let content = pipeline::run(plan, &self.source, volumes, before, observer)?;
        observer.event(Event::End { medium: None });
        volumes.finish()?;
        Ok(content)
    }

    fn terms(&self, plan: &Plan<'_>, mounted: Vec<PathBuf>) -> Terms {
        Terms {
            label: plan.label.clone(),
            exporter: plan.exporter.key.fingerprint(),
            suite: plan.suite,
            spanning: self.spanning,
            sizes: self.sizes,
            reserve: self.reserve,
            read_back: self.request.options.read_back,
            threads: self.shape.threads,
            likely: self.plan().likely / self.plan().volumes_likely.max(1),
            mounted,
        }
    }

    /// Begins the bundle's folders and its journal, or looks at those that are there.
    fn begin(
        &self,
        vault: &mut Vault,
        plan: &Plan<'_>,
        unfinished: Option<Unfinished>,
        terms: &Terms,
        (changer, observer): (&dyn Changer, &dyn Observer),
    ) -> Result<(Journal, Vec<super::pack::Row>, u64, Begun), ExportError> {
        let media = self.request.media.paths();
        if let Some(unfinished) = unfinished {
            let mut targets = Vec::new();
            for medium in media {
                targets.push(self.put_in(medium, &unfinished, terms, (changer, observer))?);
            }
            let (kept, lost) = unfinished.look(&mut targets, observer)?;
            let packs = unfinished.laid_out();
            let mut journal = unfinished.journal(vault)?;
            journal.gone_on(packs)?;
            let Unfinished { rows, finished, .. } = unfinished;
            return Ok((journal, rows, packs, Begun { targets, kept, lost, finished }));
        }
        // Reserved before anything is written: a number is never used twice, whatever happens.
        let (tent, number, label) = (self.request.tent.clone(), plan.number, plan.label.clone());
        vault.record(custody::Event::ExportBegun(ExportBegun { tent, number, label: label.clone() }))?;
        let key = plan.tent_key.journal_key(&label);
        let journal = Journal::create(vault, key, self.settled(vault, plan, terms.mounted.clone())?, &self.source)?;
        let mut targets = Vec::new();
        for medium in media {
            targets.push(terms.target(medium)?);
        }
        let (kept, lost, finished) = (BTreeMap::new(), Vec::new(), Vec::new());
        Ok((journal, Vec::new(), 0, Begun { targets, kept, lost, finished }))
    }

    /// The medium that an unfinished export goes on with: not one of a volume that was finished.
    fn put_in(
        &self,
        medium: &std::path::Path,
        unfinished: &Unfinished,
        terms: &Terms,
        (changer, observer): (&dyn Changer, &dyn Observer),
    ) -> Result<Target, ExportError> {
        let current = unfinished.finished.len();
        if let Spanning::Swapped { .. } = self.spanning {
            let mut lists = (0..current).map(volume_name).collect::<Result<Vec<_>, _>>()?.into_iter();
            let path = bundle_path(medium, &terms.label);
            if lists.any(|name| path.join(format!("SHA256SUMS.{name}")).exists()) {
                return another(terms, &volume_name(current)?, medium, changer, observer);
            }
        }
        terms.target(medium)
    }

    fn settled(&self, vault: &Vault, plan: &Plan<'_>, mounted: Vec<PathBuf>) -> Result<Begin, ExportError> {
        let mut sealed = SealWriter::new(Vec::new(), [vault.card().recipient_for(plan.suite)])?;
        let secret = Zeroizing::new(plan.identity.expose_secret().to_string());
        let failed = crate::error::FsError::at("can't seal a key for", vault.root());
        let identity = sealed.write_all(secret.as_bytes()).and_then(|()| sealed.finish()).map_err(failed)?;
        Ok(Begin {
            artifact: self.same.artifact.clone(),
            tent: self.same.tent.clone(),
            key: self.same.key.clone(),
            paths: self.same.paths.clone(),
            follow_links: self.same.follow_links,
            pack_size: self.same.pack_size,
            lanes: plan.shape.lanes,
            parity: self.same.parity,
            suite: self.same.suite,
            spanning: self.spanning,
            mounted,
            number: plan.number,
            label: plan.label.clone(),
            nonce: plan.nonce,
            tent_key: plan.tent_key.pin(),
            identity,
        })
    }

    fn seal(
        &self,
        vault: &mut Vault,
        plan: &Plan<'_>,
        (content, mut targets, done, packs): Filled<'_>,
        observer: &dyn Observer,
    ) -> Result<Outcome, ExportError> {
        let count = packs.len() as u64;
        let staging = vault.stage(plan.label.as_str())?;
        let what = (&self.source, content);
        let signing = (self.signer, observer);
        let described = describe::describe(vault, plan, what, staging.path(), &mut targets, (&done, packs), signing);
        let wrapped = described.and_then(|d| plan.wrap(vault, &d, staging.path()).map(|()| d));
        let described = match wrapped.and_then(|d| observer.interruption().map(|()| d)) {
            Ok(described) => described,
            Err(error) => {
                staging.discard()?;
                return Err(error);
            }
        };
        let totals = self.source.totals();
        let moved = Moved { artifact: plan.request.artifact.clone(), files: totals.files, bytes: totals.bytes };
        let own = &vault.card().site;
        let destinations = plan.sites.iter().map(|s| s.name.clone()).filter(|name| name != own).collect();
        let exported = Exported {
            bundle: described.id,
            label: plan.label.clone(),
            tent: plan.request.tent.clone(),
            number: plan.number,
            created: plan.created,
            expires: plan.expires,
            exporter: plan.exporter.person.clone(),
            key: plan.exporter.key.clone(),
            destinations,
            artifacts: vec![moved],
            size: described.size,
        };
        staging.place(&described.id)?;
        vault.record(custody::Event::Exported(Box::new(exported.clone())))?;
        seal_all(&mut targets, &described)?;
        let first_in = done.len() - targets.len();
        let volumes: Vec<_> = done.iter().enumerate().map(|(n, volume)| written(volume, n >= first_in)).collect();
        Ok(Outcome {
            exported,
            proof: targets.iter().map(Target::proof).chain(done.iter().map(|d| d.proof)).fold(Proof::Proven, worse),
            packs: count,
            kept: 0,
            parity_packs: volumes.iter().map(|volume| volume.parity_packs).sum(),
            volumes,
            figures: Some(Figures {
                coded: content.stream,
                padding: padding::padded(content.stream) - content.stream,
                chunks: content.references(),
                unique_chunks: content.rows.len() as u64,
            }),
        })
    }
}

/// What was written before the bundle is described.
type Filled<'a> = (&'a Content, Vec<Target>, Vec<VolumeDone>, Vec<gapvault_formats::seal::Subject>);

/// The media of an export as it begins or goes on.
struct Begun {
    targets: Vec<Target>,
    kept: BTreeMap<u64, Kept>,
    lost: Vec<super::regenerate::Lost>,
    finished: Vec<Finished>,
}

/// The last rename on each medium makes it a bundle there. One that fails does not keep the others from it.
pub(super) fn seal_all(targets: &mut [Target], described: &describe::Described) -> Result<(), ExportError> {
    let mut first = None;
    for target in targets {
        if let Err(error) = target.seal(&described.seal) {
            first.get_or_insert(error);
        }
    }
    let missing = |error| ExportError::SealMissing { bundle: described.id, error: Box::new(error) };
    first.map_or(Ok(()), |error| Err(missing(error)))
}

pub(super) fn written(volume: &VolumeDone, sealed: bool) -> Written {
    let parity_packs = volume.parity().len() as u64;
    Written {
        name: volume.name.clone(),
        medium: volume.medium.clone(),
        path: volume.path.clone(),
        packs: volume.packs.len() as u64 + parity_packs,
        parity_packs,
        bytes: volume.written,
        busy: volume.busy,
        sealed,
    }
}

pub(super) fn worse(one: Proof, other: Proof) -> Proof {
    match (one, other) {
        (Proof::Skipped, _) | (_, Proof::Skipped) => Proof::Skipped,
        (Proof::Unproven, _) | (_, Proof::Unproven) => Proof::Unproven,
        (Proof::Proven, Proof::Proven) => Proof::Proven,
    }
}

/// The bundle's identity, as an export's journal keeps it.
pub(super) fn open_identity(vault: &Vault, begin: &Begin) -> Result<Identity, ExportError> {
    let own = vault.age_identities(begin.suite)?;
    let mut opened = with_any(own, |own| OpenReader::new(begin.identity.as_slice(), own, 1))?;
    let mut secret = Zeroizing::new(String::new());
    let folder = journal::folder(vault);
    opened.read_to_string(&mut secret).map_err(crate::error::FsError::at("can't open a journal in", &folder))?;
    Ok(Identity::from_secret(&secret)?)
}

fn reader(site: &Site, role: Role, suite: Suite) -> Reader {
    Reader { site: site.name.clone(), role, recipient: site.recipient_for(suite).clone(), card: site.card }
}

fn next_number(vault: &Vault, tent: &TentName) -> u64 {
    let used = vault.log().iter().filter_map(|entry| match &entry.event {
        custody::Event::ExportBegun(begun) if begun.tent == *tent => Some(begun.number),
        _ => None,
    });
    used.max().unwrap_or(0).saturating_add(1)
}

impl Plan<'_> {
    /// What lost packs of it are made again from.
    pub(super) fn remake<'r>(&'r self, source: &'r Source, before: Before<'r>) -> Remake<'r> {
        Remake {
            source,
            tent_key: &self.tent_key,
            recipient: self.identity.recipient(),
            pack_size: self.pack_size,
            rows: before.rows,
            packs: before.packs,
            lost: before.lost,
        }
    }
}
