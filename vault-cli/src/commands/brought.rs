//! What several commands tell of media: what was mended, what was odd, which was slow.

use crate::text::{bytes, count, printable};
use gapvault_core::bundle::{Damage, Mended, Note, Pace};
use gapvault_core::formats::seal::BundleFile;
use serde::Serialize;
use std::fmt::Write;

/// A medium that took over this many times as long a byte as the fastest is named.
const SLOW: f64 = 3.0;
/// Bytes under which a medium was not read for long enough to be judged.
const FEW: u64 = 64 << 20;

/// The most lines of one sort; `--json` has all.
pub(crate) const TOLD: usize = 10;

/// A file that was put together again, for `--json`.
#[derive(Serialize)]
pub(crate) struct ToldMended {
    file: String,
    size: u64,
    stripes_missing: u64,
    stripes_unreadable: u64,
    stripes_differing: u64,
}

impl From<Mended> for ToldMended {
    fn from(mended: Mended) -> Self {
        let Mended { file, size, damage } = mended;
        Self {
            file: file.to_string(),
            size,
            stripes_missing: damage.missing,
            stripes_unreadable: damage.unreadable,
            stripes_differing: damage.differing,
        }
    }
}

/// What was read from a medium, for `--json`.
#[derive(Serialize)]
pub(crate) struct ToldMedium {
    medium: String,
    bytes: u64,
    seconds: f64,
}

impl From<Pace> for ToldMedium {
    fn from(pace: Pace) -> Self {
        let Pace { medium, bytes, time } = pace;
        Self { medium: medium.display().to_string(), bytes, seconds: time.as_secs_f64() }
    }
}

/// A line for each file that was mended, if they are not many.
pub(crate) fn mended_lines(mended: &[Mended]) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    for Mended { file, size, damage } in mended.iter().take(TOLD) {
        let _ = writeln!(out, "  mended   {file} ({}): {}", bytes(*size), made(file, *damage));
    }
    let more = mended.get(TOLD..).unwrap_or_default();
    if !more.is_empty() {
        let size = bytes(more.iter().map(|mended| mended.size).sum());
        let files = count(more.len() as u64, "file");
        let _ = writeln!(out, "  mended   {files} beside these, {size} (--json names all)");
    }
    out
}

/// What was wrong with a file that was mended, or how else it was made.
fn made(file: &BundleFile, damage: Damage) -> String {
    if matches!(file, BundleFile::Sums(_)) {
        return "made anew from the seal".to_owned();
    }
    if damage.gone {
        return "was missing".to_owned();
    }
    let parts = [(damage.missing, "missing"), (damage.unreadable, "unreadable"), (damage.differing, "altered")];
    let parts: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if parts.is_empty() {
        return "its stripes were all there, and yet it was not the file".to_owned();
    }
    format!("of its stripes of 64 KiB {}", parts.join(", "))
}

/// A line for each thing that was odd and did no harm.
pub(crate) fn note_lines(notes: &[Note]) -> String {
    let mut out = String::new();
    for note in notes {
        let _ = match note {
            Note::DamagedSeal { path, reason } => {
                let (path, reason) = (printable(&path.display().to_string()), printable(reason));
                writeln!(out, "  note     the seal in {path} does not count, another one is good: {reason}")
            }
            Note::Died { path, reason } => {
                let (path, reason) = (printable(&path.display().to_string()), printable(reason));
                writeln!(out, "  note     {path} died while it was read, the rest was enough: {reason}")
            }
            Note::DamagedCopies { path, files, reason } => {
                let (path, reason) = (printable(&path.display().to_string()), printable(reason));
                let what = if *files == 1 { "1 damaged file".to_owned() } else { format!("{files} damaged files") };
                writeln!(out, "  note     {path} has {what}, good elsewhere on these media: {reason}")
            }
            Note::EarlierSeal { path, unused } => {
                let path = printable(&path.display().to_string());
                let unused = match unused {
                    0 => String::new(),
                    unused => format!(": {} of it not used", count(*unused, "file")),
                };
                writeln!(out, "  note     {path} has an earlier seal of this bundle{unused}")
            }
        };
    }
    out
}

/// A line about the slowest medium, if it is much slower than the fastest.
pub(crate) fn slow_line(media: &[Pace]) -> String {
    let rate = |pace: &Pace| pace.bytes as f64 / pace.time.as_secs_f64().max(1e-9);
    let judged = || media.iter().filter(|pace| pace.bytes >= FEW);
    let fastest = judged().map(rate).fold(0.0, f64::max);
    match judged().min_by(|a, b| rate(a).total_cmp(&rate(b))) {
        Some(slowest) if rate(slowest) * SLOW < fastest => format!(
            "  note     {} was slow: {}/s, the fastest gave {}/s\n",
            printable(&slowest.medium.display().to_string()),
            bytes(rate(slowest) as u64),
            bytes(fastest as u64)
        ),
        _ => String::new(),
    }
}
