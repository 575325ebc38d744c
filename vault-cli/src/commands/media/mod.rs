//! `gapvault media`

mod human;
mod told;

use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::error::Kind;
use gapvault_core::media::{Capacity, Depth, probe, probe_capacity};
use gapvault_core::observe::Observer;
use std::path::{Path, PathBuf};
use told::{AllTold, Told};

/// Show what media are and what they can do.
///
/// Tells of each the file system, the room, the largest file, and whether everything works that an export uses. That is
/// tried on a few little files in a hidden folder, which is removed again; on a medium that is read-only nothing is
/// tried.
///
/// Some media say that they are larger than they are. --probe-capacity fills the free room, reads everything back and
/// removes it again. That takes as long as writing and reading so much does: about an hour for 64 GB on a stick that
/// takes 40 MB a second and gives 100.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault media /media/usb
  gapvault media /media/usb1 /media/usb2 --json
  gapvault media /media/usb --probe-capacity")]
pub(crate) struct MediaArgs {
    /// The media's top folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Don't measure how fast they are written to
    #[arg(long)]
    quick: bool,
    /// Fill the free room of each, read it back and remove it again: is it as large as it says?
    #[arg(long)]
    probe_capacity: bool,
    /// Fill it even where no medium is mounted, on the disk that the folder is on
    #[arg(long, requires = "probe_capacity")]
    not_mounted: bool,
}

pub(crate) fn run(args: &MediaArgs, ui: &Ui) -> Result<(), Failure> {
    let (mut all, mut text, mut failed) = (Vec::new(), String::new(), None);
    for path in &args.paths {
        let (told, failure) = look(path, args, ui);
        // The last line of the run tells the first failure; with several media each is named.
        if told.probe.is_some() || args.paths.len() > 1 {
            text.push_str(&human::medium(&told));
        }
        all.push(told);
        failed = failed.or(failure);
        if ui.observer().cancelled() {
            break;
        }
    }
    ui.result(&AllTold { media: all }, &text)?;
    failed.map_or(Ok(()), |failure| Err(failure.told()))
}

/// What there is to tell of a medium, and what it failed with.
fn look(path: &Path, args: &MediaArgs, ui: &Ui) -> (Told, Option<Failure>) {
    let depth = if args.quick { Depth::Quick } else { Depth::Measured };
    // Ctrl-C leaves no little files behind.
    let observer = ui.observer();
    let mut told = Told::new(path);
    let probed = match probe(path, depth) {
        Ok(probed) => probed,
        Err(error) => return told.failed(error.into()),
    };
    let is_mounted = probed.is_mount_point;
    told.probe = Some(probed.into());
    if observer.cancelled() {
        let message = "interrupted".to_owned();
        return told.failed(Failure { kind: Kind::Other, message, hint: None, details: Vec::new(), told: false });
    }
    if args.probe_capacity && !is_mounted && !args.not_mounted {
        // It would fill this machine's own disk.
        let message = format!("nothing is mounted at {}: it is a folder on another file system", path.display());
        return told.failed(Failure::usage(message, "mount the medium first, or insist with --not-mounted"));
    }
    if args.probe_capacity {
        match probe_capacity(path, observer) {
            Ok(capacity) => {
                let lies = lies(path, &capacity);
                told.capacity = Some(capacity.into());
                if let Some(failure) = lies {
                    return told.failed(failure);
                }
            }
            Err(error) => return told.failed(error.into()),
        }
    }
    (told, None)
}

/// What there is to say against a medium whose capacity was tried.
fn lies(path: &Path, capacity: &Capacity) -> Option<Failure> {
    let (kind, place) = (Kind::Medium, path.display());
    let hint = "it is worn out, or smaller than it says: use another";
    let message = if let Some(bad) = &capacity.first_bad {
        let Capacity { written, intact, .. } = capacity;
        let at = bad.at;
        format!(
            "{place} does not keep what it is given: {intact} of {written} bytes came back, the first bad one is {at}"
        )
    } else if let Some(stopped) = &capacity.stopped {
        let error = std::io::Error::from_raw_os_error(stopped.error);
        format!("{place} is not full and takes no more after {} bytes: {error}", stopped.at)
    } else if let Some(left) = &capacity.left {
        let hint = Some("what it was filled with is still there: remove that folder by hand".to_owned());
        return Some(Failure { kind, message: left.to_string(), hint, details: Vec::new(), told: false });
    } else {
        return None;
    };
    Some(Failure { kind, message, hint: Some(hint.to_owned()), details: Vec::new(), told: false })
}
