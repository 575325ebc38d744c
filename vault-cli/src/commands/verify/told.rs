//! What `verify --json` tells.

use crate::commands::brought::ToldMedium;
use gapvault_core::formats::custody::Approval;
use gapvault_core::formats::ids::{BundleId, KeyFingerprint};
use gapvault_core::formats::names::{PersonName, SiteName, TentName, VolumeName};
use gapvault_core::formats::time::Time;
use gapvault_core::verify::{Report, Verified};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Told {
    pub(super) bundle: BundleId,
    trust_judged: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trust: Option<ToldTrust>,
    pub(super) signers: Vec<ToldSigner>,
    number: u64,
    pub(super) created: Time,
    pub(super) expires: Time,
    pub(super) files: u64,
    pub(super) size: u64,
    whole: bool,
    /// Whether all that is damaged can be mended from what is there.
    mendable: bool,
    /// How many more packs each parity group could lose; `null` without parity.
    spare_packs: Option<usize>,
    volumes: Vec<ToldVolume>,
    faults: Vec<ToldFault>,
    groups: Vec<ToldGroup>,
    media: Vec<ToldMedium>,
}

#[derive(Serialize)]
struct ToldVolume {
    name: VolumeName,
    paths: Vec<String>,
    bad_files: u64,
}

#[derive(Serialize)]
struct ToldFault {
    file: String,
    reason: String,
}

/// A parity group with something damaged or missing.
#[derive(Serialize)]
struct ToldGroup {
    /// From a first to one past the last, as are the parity packs.
    packs: Vec<(u64, u64)>,
    parity_packs: Vec<(u64, u64)>,
    lacks: usize,
    parity: usize,
    mendable: bool,
}

#[derive(Serialize)]
pub(super) struct ToldTrust {
    pub(super) exporter: PersonName,
    pub(super) tent: TentName,
    destinations: Vec<SiteName>,
    unknown_destinations: usize,
    #[serde(skip)]
    pub(super) addressed: String,
    pub(super) rule: String,
    pub(super) approved: Vec<Approval>,
    pub(super) in_vault: bool,
    /// Why the policy would refuse it now, though it is in the vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) would_be_refused: Option<String>,
}

#[derive(Serialize)]
pub(super) struct ToldSigner {
    pub(super) key: KeyFingerprint,
    pub(super) namespace: &'static str,
}

pub(super) fn told(verified: &Verified) -> Told {
    let Verified { sealed, seal, trust, report, media, .. } = verified;
    let signers = sealed.signers().iter();
    Told {
        bundle: sealed.id(),
        trust_judged: trust.is_some(),
        trust: trust.as_ref().map(|trust| ToldTrust {
            exporter: trust.exporter.clone(),
            tent: trust.addressed.tent.clone(),
            destinations: trust.addressed.sites.clone(),
            unknown_destinations: trust.addressed.unknown,
            addressed: trust.addressed.to_string(),
            rule: trust.rule.clone(),
            approved: trust.approved.clone(),
            in_vault: trust.admitted,
            would_be_refused: trust.anew.as_ref().map(|anew| anew.reason.clone()),
        }),
        signers: signers.map(|s| ToldSigner { key: s.key.fingerprint(), namespace: s.namespace.as_str() }).collect(),
        number: seal.predicate().number,
        created: seal.predicate().created,
        expires: seal.predicate().expires,
        files: seal.subjects().len() as u64,
        size: seal.total_size(),
        whole: !report.is_damaged() && !report.is_incomplete(),
        mendable: report.mendable,
        spare_packs: report.spare,
        volumes: volumes(report),
        faults: report
            .faults
            .iter()
            .map(|f| ToldFault { file: f.file.to_string(), reason: f.error.to_string() })
            .collect(),
        groups: groups(report),
        media: media.iter().cloned().map(ToldMedium::from).collect(),
    }
}

fn volumes(report: &Report) -> Vec<ToldVolume> {
    let volumes = report.volumes.iter();
    let told = volumes.map(|volume| {
        let paths = volume.paths.iter().map(|path| path.display().to_string()).collect();
        ToldVolume { name: volume.name.clone(), paths, bad_files: volume.bad }
    });
    told.collect()
}

fn groups(report: &Report) -> Vec<ToldGroup> {
    let groups = report.groups.iter();
    let told = groups.map(|group| ToldGroup {
        packs: group.packs.ranges().to_vec(),
        parity_packs: group.parity_packs.ranges().to_vec(),
        lacks: group.lacks,
        parity: group.parity,
        mendable: group.is_mendable(),
    });
    told.collect()
}
