//! What `gapvault export` says: the plan, and what came of it.

use crate::failure::Failure;
use crate::text::{bytes, count, printable, span};
use crate::ui::Ui;
use gapvault_core::export::{MediaPlan, Outcome, Proof, Written};
use gapvault_core::formats::custody::Exported;
use gapvault_core::formats::names::PersonName;
use gapvault_core::list::{Listed, approved_by};
use gapvault_core::vault::Vault;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Serialize)]
struct Told<'a> {
    path: Option<PathBuf>,
    #[serde(flatten)]
    exported: &'a Exported,
    /// What the tent's rule asks for, and who has approved already.
    #[serde(skip_serializing_if = "Option::is_none")]
    approvals: Option<ToldApprovals>,
    volumes: Vec<ToldVolume>,
    read_back: &'static str,
    plain_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    coded_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    padding_bytes: Option<u64>,
    packs: u64,
    packs_kept: u64,
    parity_packs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    chunks: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_chunks: Option<u64>,
    seconds: f64,
}

#[derive(Serialize)]
struct ToldApprovals {
    needed: u32,
    of: Vec<PersonName>,
    approved_by: Vec<PersonName>,
}

impl ToldApprovals {
    /// What this vault's own policy asks for.
    fn of(vault: &Vault, exported: &Exported) -> Option<Self> {
        let rule = vault.policy().tent(&exported.tent)?.approvals.clone()?;
        let mut of = rule.of;
        of.retain(|person| !(rule.not_exporter && *person == exported.exporter));
        let approved_by = approved_by(vault, &Listed::Exported(Box::new(exported.clone())));
        Some(Self { needed: rule.k, of, approved_by })
    }

    fn line(&self) -> String {
        let join = |persons: &[PersonName]| persons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let approved = match self.approved_by.as_slice() {
            [] => String::new(),
            persons => format!(" (approved by {} so far)", join(persons)),
        };
        format!("approvals of {} of {}{approved}: `gapvault approve MEDIUM`", self.needed, join(&self.of))
    }
}

#[derive(Serialize)]
struct ToldVolume {
    name: String,
    medium: PathBuf,
    path: PathBuf,
    packs: u64,
    parity_packs: u64,
    bytes_written: u64,
    seconds_writing: f64,
    sealed: bool,
}

/// Tells what an export came to.
pub(super) fn outcome(ui: &Ui, vault: &Vault, outcome: &Outcome, took: Duration) -> Result<(), Failure> {
    let Outcome { exported, volumes, proof, packs, kept, parity_packs, figures } = outcome;
    let plain_bytes = exported.artifacts.iter().map(|a| a.bytes).sum();
    let told = Told {
        path: volumes.last().map(|volume| volume.path.clone()),
        exported,
        approvals: ToldApprovals::of(vault, exported),
        volumes: volumes.iter().map(told_volume).collect(),
        read_back: match proof {
            Proof::Proven => "proven",
            Proof::Unproven => "unproven",
            Proof::Skipped => "skipped",
        },
        plain_bytes,
        coded_bytes: figures.map(|f| f.coded),
        padding_bytes: figures.map(|f| f.padding),
        packs: *packs,
        packs_kept: *kept,
        parity_packs: *parity_packs,
        chunks: figures.map(|f| f.chunks),
        unique_chunks: figures.map(|f| f.unique_chunks),
        seconds: took.as_secs_f64(),
    };
    let human = human(outcome, told.approvals.as_ref(), plain_bytes, took);
    ui.result(&told, &human)
}

fn told_volume(volume: &Written) -> ToldVolume {
    ToldVolume {
        name: volume.name.to_string(),
        medium: volume.medium.clone(),
        path: volume.path.clone(),
        packs: volume.packs,
        parity_packs: volume.parity_packs,
        bytes_written: volume.bytes,
        seconds_writing: volume.busy.as_secs_f64(),
        sealed: volume.sealed,
    }
}

fn human(outcome: &Outcome, approvals: Option<&ToldApprovals>, plain: u64, took: Duration) -> String {
    let Outcome { exported, volumes, proof, packs, kept, parity_packs, figures } = outcome;
    let destinations: Vec<_> = exported.destinations.iter().map(ToString::to_string).collect();
    let moved: Vec<_> =
        exported.artifacts.iter().map(|a| format!("{} ({})", a.artifact, count(a.files, "file"))).collect();
    let mut out = format!(
        "exported {} from tent {} to {}\n  bundle   {}\n",
        moved.join(", "),
        exported.tent,
        destinations.join(", "),
        exported.bundle,
    );
    // Writing to a String can't fail.
    if let [one] = volumes.as_slice() {
        let _ = writeln!(out, "  folder   {}", printable(&one.path.display().to_string()));
    }
    let _ = writeln!(out, "  signed   by {}, key {}", exported.exporter, exported.key.fingerprint());
    if let Some(approvals) = approvals {
        let _ = writeln!(out, "  needs    {}", approvals.line());
    }
    let _ = writeln!(out, "  number   {}, to be imported before {}", exported.number, exported.expires);
    let parity =
        if *parity_packs > 0 { format!(" and {}", count(*parity_packs, "parity pack")) } else { String::new() };
    let _ = write!(out, "  size     {} in {}{parity}", bytes(exported.size), count(*packs, "pack"));
    match figures {
        Some(figures) => {
            let _ = writeln!(
                out,
                ", {} of it padding, from {} plain; {:.1} s, {}/s",
                bytes(figures.padding),
                bytes(plain),
                took.as_secs_f64(),
                bytes(rate(plain, took)),
            );
        }
        None => out.push('\n'),
    }
    if *kept > 0 {
        let _ = writeln!(out, "  kept     {} that were there already, each checked", count(*kept, "pack"));
    }
    if volumes.len() > 1 {
        volumes.iter().for_each(|volume| volume_line(&mut out, volume));
        // Of media that were swapped the last has it.
        if let Some(first) = volumes.iter().find(|volume| volume.sealed).filter(|_| volumes.iter().any(|v| !v.sealed)) {
            let _ = writeln!(out, "  import   volume {} first: the others have no seal", first.name);
        }
        if let Some(slow) = slow(volumes) {
            let _ = writeln!(out, "  slow     {slow}");
        }
    }
    let proof = match (proof, volumes.is_empty()) {
        (_, true) => "what was missing is there now",
        (Proof::Proven, _) => "every byte came back from the media as it was written",
        (Proof::Unproven, _) => "as it was written, but not proven: a file system may answer from memory",
        (Proof::Skipped, _) => "skipped: whether the media keep what they were given is not known",
    };
    let _ = writeln!(out, "  read back {proof}");
    out
}

fn volume_line(out: &mut String, volume: &Written) {
    // Nothing was written now to one that an earlier run has finished.
    let rate =
        if volume.bytes == 0 { String::new() } else { format!(", {}/s", bytes(rate(volume.bytes, volume.busy))) };
    let _ = writeln!(
        out,
        "  volume {} {}: {}{rate}",
        volume.name,
        printable(&volume.medium.display().to_string()),
        count(volume.packs, "pack"),
    );
}

/// The medium that took more than three times as long for each byte as the fastest.
fn slow(volumes: &[Written]) -> Option<String> {
    // Of media that are swapped, it is the same slot each time.
    if volumes.iter().any(|volume| volumes.iter().filter(|other| other.medium == volume.medium).count() > 1) {
        return None;
    }
    let rates: Vec<_> = volumes.iter().filter(|v| v.bytes > 0).map(|v| (rate(v.bytes, v.busy), v)).collect();
    let fastest = rates.iter().map(|(rate, _)| *rate).max()?;
    let (rate, volume) = rates.iter().min_by_key(|(rate, _)| *rate)?;
    let medium = printable(&volume.medium.display().to_string());
    (rate * 3 < fastest).then(|| format!("{medium} took {}/s, another {}/s", bytes(*rate), bytes(fastest)))
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people"
)]
fn rate(bytes: u64, took: Duration) -> u64 {
    (bytes as f64 / took.as_secs_f64().max(1e-9)) as u64
}

#[derive(Serialize)]
struct ToldPlan {
    plan: PlanFields,
}

#[derive(Serialize)]
struct PlanFields {
    files: u64,
    plain_bytes: u64,
    bytes_likely: u64,
    bytes_most: u64,
    packs_likely: u64,
    pack_size: u64,
    fits: bool,
    fits_likely: bool,
    room: u64,
    volumes_likely: u64,
    seconds_likely: Option<u64>,
    goes_on: Option<ToldGoesOn>,
    volumes: Vec<ToldPlanned>,
}

#[derive(Serialize)]
struct ToldGoesOn {
    label: String,
    packs: u64,
}

#[derive(Serialize)]
struct ToldPlanned {
    name: String,
    medium: PathBuf,
    file_system: String,
    is_mount_point: bool,
    free: u64,
    packs: u64,
    shares_room: bool,
    bytes_a_second: Option<u64>,
}

/// Tells a plan that is not carried out.
pub(super) fn plan(ui: &Ui, plan: &MediaPlan) -> Result<(), Failure> {
    let fields = PlanFields {
        files: plan.totals.files,
        plain_bytes: plan.totals.bytes,
        bytes_likely: plan.likely,
        bytes_most: plan.most,
        packs_likely: plan.packs_likely,
        pack_size: plan.pack_size,
        fits: plan.fits,
        fits_likely: plan.fits_likely,
        room: plan.room,
        volumes_likely: plan.volumes_likely,
        seconds_likely: plan.seconds,
        goes_on: plan.goes_on.as_ref().map(|g| ToldGoesOn { label: g.label.to_string(), packs: g.packs }),
        volumes: plan
            .volumes
            .iter()
            .map(|volume| ToldPlanned {
                name: volume.name.to_string(),
                medium: volume.probe.path.clone(),
                file_system: volume.probe.file_system.to_string(),
                is_mount_point: volume.probe.is_mount_point,
                free: volume.probe.free,
                packs: volume.packs,
                shares_room: volume.shared,
                bytes_a_second: volume.probe.write_rate,
            })
            .collect(),
    };
    let human = format!("{}nothing was written\n", plan_in_short(plan));
    ui.result(&ToldPlan { plan: fields }, &human)
}

/// A plan for people.
pub(super) fn plan_in_short(plan: &MediaPlan) -> String {
    let mut out = format!(
        "{} of {}, likely {} in {}, at most {}\n",
        count(plan.totals.files, "file"),
        bytes(plan.totals.bytes),
        bytes(plan.likely),
        count(plan.packs_likely, "pack"),
        bytes(plan.most),
    );
    // Writing to a String can't fail.
    for volume in &plan.volumes {
        let probe = &volume.probe;
        let mounted = if probe.is_mount_point { "" } else { ", no mount point: a folder on another file system" };
        let shared = if volume.shared { ", shares its room with another of these" } else { "" };
        let rate = probe.write_rate.map_or(String::new(), |rate| format!(", {}/s", bytes(rate)));
        let _ = writeln!(
            out,
            "  volume {} {}: {}, {} free, room for {}{rate}{mounted}{shared}",
            volume.name,
            printable(&probe.path.display().to_string()),
            probe.file_system,
            bytes(probe.free),
            count(volume.packs, "pack"),
        );
    }
    if plan.volumes_likely > plan.volumes.len() as u64 {
        let _ = writeln!(out, "  likely {} like this", count(plan.volumes_likely, "volume"));
    }
    if !plan.fits && plan.fits_likely {
        let _ = writeln!(out, "  it fits only if it gets smaller, as it likely does");
    } else if !plan.fits {
        let _ = writeln!(out, "  it likely does not fit; what fits is written, and can go on with more media");
    }
    if let Some(goes_on) = &plan.goes_on {
        let _ =
            writeln!(out, "  goes on with {}, of which {} were written", goes_on.label, count(goes_on.packs, "pack"));
    }
    if let Some(seconds) = plan.seconds {
        let _ = writeln!(out, "  about {}", span(seconds));
    }
    out
}
