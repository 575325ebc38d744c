//! What `approve --json` tells.

use super::Files;
use gapvault_core::approve::{Approved, Proposal};
use gapvault_core::formats::catalogue::Reader;
use gapvault_core::formats::custody::Approval;
use gapvault_core::formats::ids::BundleId;
use gapvault_core::formats::names::{ArtifactRef, Label, PersonName, SiteName, TentName};
use gapvault_core::formats::policy::Approvals;
use gapvault_core::formats::sshsig::Touch;
use gapvault_core::formats::time::Time;
use gapvault_core::list::{Entry, Shown};
use serde::Serialize;

/// The largest files of an artifact that are shown.
const LARGEST: usize = 5;

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
    /// The largest, or all if they were asked for.
    listed: Vec<ToldFile>,
}

#[derive(Serialize)]
struct ToldFile {
    path: String,
    size: u64,
}

#[derive(Serialize)]
struct ToldReader {
    #[serde(flatten)]
    reader: Reader,
    /// Whether the policy lets it read that much of the tent.
    known: bool,
}

/// The files of an artifact that are shown, with their sizes, and how many are not.
pub(super) fn largest(shown: &Shown, which: Files) -> (Vec<(&str, u64)>, u64) {
    let files = shown.entries.iter().filter_map(|entry| match entry {
        Entry::File(file) => Some((file.path.as_str(), file.size)),
        Entry::Folder(_) | Entry::Link(_) => None,
    });
    let mut files: Vec<_> = files.collect();
    let all = files.len();
    if which == Files::Largest {
        files.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
        files.truncate(LARGEST);
    }
    let more = (all - files.len()) as u64;
    (files, more)
}

impl Told {
    pub(super) fn of(proposal: &Proposal, files: Files) -> Self {
        let artifact = |shown: &Shown| {
            let listed = largest(shown, files).0.into_iter();
            let listed = listed.map(|(path, size)| ToldFile { path: path.to_owned(), size }).collect();
            let artifact = shown.artifact.artifact.clone();
            ToldArtifact { artifact, files: shown.moved.files, bytes: shown.moved.bytes, listed }
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
