//! What `approve --json` tells.

use super::Files;
use gapvault_core::approve::{Approved, Proposal};
use gapvault_core::formats::catalogue::{Artifact, File, Link, Provenance, Reader};
use gapvault_core::formats::custody::Approval;
use gapvault_core::formats::ids::BundleId;
use gapvault_core::formats::names::{ArtifactRef, Label, PersonName, SiteName, TentName};
use gapvault_core::formats::policy::Approvals;
use gapvault_core::formats::sshsig::Touch;
use gapvault_core::formats::time::Time;
use gapvault_core::list::{Entry, Shown};
use serde::Serialize;

/// Files and links of an artifact that are shown if not all are asked for.
const SHOWN: usize = 5;

#[derive(Serialize)]
pub(super) struct Told {
    bundle: BundleId,
    label: Label,
    tent: TentName,
    exporter: PersonName,
    from: SiteName,
    created: Time,
    expires: Time,
    destinations: Vec<SiteName>,
    unknown_destinations: usize,
    artifacts: Vec<ToldArtifact>,
    readers: Vec<ToldReader>,
    rule: Approvals,
    signatures: Touch,
    person: PersonName,
    pub(super) already: bool,
    /// The files that were written.
    written: Vec<String>,
    approved: Vec<Approval>,
    missing: usize,
    could_approve: Vec<PersonName>,
}

#[derive(Serialize)]
struct ToldArtifact {
    artifact: ArtifactRef,
    files: u64,
    bytes: u64,
    #[serde(flatten)]
    listing: Listing,
    provenance: Provenance,
}

#[derive(Serialize)]
struct ToldReader {
    #[serde(flatten)]
    reader: Reader,
    /// Whether the policy lets it read that much of the tent.
    known: bool,
}

/// What is shown of what an artifact has, and how much is not.
#[derive(Serialize)]
pub(super) struct Listing {
    /// The largest, or all if they were asked for.
    #[serde(rename = "listed")]
    pub(super) files: Vec<File>,
    #[serde(skip)]
    pub(super) more_files: u64,
    pub(super) links: Vec<Link>,
    #[serde(skip)]
    pub(super) more_links: u64,
}

impl Listing {
    pub(super) fn of(shown: &Shown, which: Files) -> Self {
        let (mut files, mut links) = (Vec::new(), Vec::new());
        for entry in &shown.entries {
            match entry {
                Entry::File(file) => files.push(file),
                Entry::Link(link) => links.push(link),
                Entry::Folder(_) => {}
            }
        }
        let (all_files, all_links) = (files.len(), links.len());
        if which == Files::Largest {
            files.sort_by_key(|file| std::cmp::Reverse(file.size));
            files.truncate(SHOWN);
            links.truncate(SHOWN);
        }
        let (more_files, more_links) = ((all_files - files.len()) as u64, (all_links - links.len()) as u64);
        let (files, links) = (files.into_iter().cloned().collect(), links.into_iter().cloned().collect());
        Self { files, more_files, links, more_links }
    }
}

impl Told {
    pub(super) fn of(proposal: &Proposal, files: Files) -> Self {
        let artifact = |shown: &Shown| {
            let Artifact { artifact, provenance } = shown.artifact.clone();
            let (moved, listing) = (&shown.moved, Listing::of(shown, files));
            ToldArtifact { artifact, files: moved.files, bytes: moved.bytes, listing, provenance }
        };
        let readers = proposal.readers.iter().map(|r| ToldReader { reader: r.reader.clone(), known: r.known });
        Self {
            bundle: proposal.bundle,
            label: proposal.label.clone(),
            tent: proposal.addressed.tent.clone(),
            exporter: proposal.exporter.clone(),
            from: proposal.from.clone(),
            created: proposal.created,
            expires: proposal.expires,
            destinations: proposal.addressed.sites.clone(),
            unknown_destinations: proposal.addressed.unknown,
            artifacts: proposal.artifacts.iter().map(artifact).collect(),
            readers: readers.collect(),
            rule: proposal.rule.clone(),
            signatures: proposal.signatures,
            person: proposal.person.clone(),
            already: proposal.already,
            written: Vec::new(),
            approved: Vec::new(),
            missing: 0,
            could_approve: Vec::new(),
        }
    }

    /// With what came of it.
    pub(super) fn with(self, approved: Approved) -> Self {
        let Approved { written, tally, .. } = approved;
        Self {
            written: written.iter().map(|path| path.display().to_string()).collect(),
            missing: tally.missing(),
            approved: tally.counted,
            could_approve: tally.could,
            ..self
        }
    }
}
