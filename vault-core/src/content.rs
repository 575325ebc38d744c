//! Holding files to the content rules of their tent, where they are read: at export and at checkout.

use crate::error::{Explain, Kind, visible};
use crate::lane::lock;
use crate::observe::Observer;
use gapvault_formats::content::{Refusal, look};
use gapvault_formats::names::TentName;
use gapvault_formats::policy::Tent;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Mutex;

/// Files that a refusal names.
const NAMED: usize = 20;
/// Threads that look at files. Each takes up to 130 MiB where files are compressed with a long window.
const THREADS: usize = 4;

/// Why a tent does not take what is in files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentError {
    /// Which tent.
    pub tent: TentName,
    /// The first files, in order, by their paths, and why. One without a path is about all together.
    pub files: Vec<(String, Refusal)>,
    /// How many files there are in all that the tent does not take.
    pub count: u64,
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.files.as_slice() {
            [one] => write!(f, "the content rules of tent {} refuse {}", self.tent, line(one)),
            _ => write!(f, "the content rules of tent {} refuse {} files", self.tent, self.count),
        }
    }
}

fn line((path, refusal): &(String, Refusal)) -> String {
    match path.as_str() {
        "" => visible(&refusal.to_string()),
        path => visible(&format!("{path}: {refusal}")),
    }
}

impl std::error::Error for ContentError {}

impl Explain for ContentError {
    fn kind(&self) -> Kind {
        Kind::Refused
    }
    fn hint(&self) -> Option<String> {
        let tent = &self.tent;
        let is = |kind: fn(&Refusal) -> bool| self.files.iter().any(|(_, refusal)| kind(refusal));
        let hint = if is(|refusal| matches!(refusal, Refusal::Pickle { .. })) {
            format!(
                "pickles run code when they are loaded: convert weights to safetensors; a policy that trusts these all the same has `gapvault tent set {tent} --pickle true`"
            )
        } else if is(|refusal| matches!(refusal, Refusal::Hidden { .. })) {
            "what can't be looked into may hold pickles, which run code when they are loaded: unpack it, or pack it anew with zstd, gzip or plain zip".to_owned()
        } else {
            format!("`gapvault tent list` shows the rules; `gapvault tent set {tent}` changes them in the policy")
        };
        Some(hint)
    }
    fn details(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.files.iter().filter(|_| self.count > 1).map(line).collect();
        match self.count - self.files.len() as u64 {
            0 => {}
            more => lines.push(format!("and {more} more")),
        }
        lines
    }
}

/// Holds sizes to the ceilings: those of `files`, and the sum of all of the bundle.
pub(crate) fn judge_sizes(
    tent: &Tent,
    files: impl Iterator<Item = (impl ToString, u64)>,
    bundle: u64,
) -> Result<(), ContentError> {
    let mut refused = Refused::default();
    for (number, (path, size)) in files.enumerate() {
        if let Err(refusal) = tent.content.judge_file_size(size) {
            refused.add(number, || path.to_string(), refusal);
        }
    }
    if let Err(refusal) = tent.content.judge_bundle_size(bundle) {
        refused.add(usize::MAX, String::new, refusal);
    }
    refused.into_result(tent)
}

/// Looks at all `files`, several at a time, and judges each. The outer error is one that `examine` gave.
pub(crate) fn judge_files<T, E: Send>(
    tent: &Tent,
    files: impl Iterator<Item = T> + Send,
    threads: usize,
    observer: &dyn Observer,
    examine: &Examine<'_, T, E>,
) -> Result<Result<(), ContentError>, E> {
    let files = Mutex::new(files.enumerate());
    let (refused, failed) = (Mutex::new(Refused::default()), Mutex::new(None));
    let work = || {
        while lock(&failed).is_none() {
            let Some((number, file)) = lock(&files).next() else { return };
            let judged = (examine.open)(&file).and_then(|opened| {
                let looked = look(Stoppable { file: &opened, observer }, (examine.length)(&file));
                let seen = looked.map_err(|error| (examine.failed)(&file, error))?;
                (examine.done)(&file, &opened)?;
                Ok(tent.content.judge(&seen))
            });
            match judged {
                Ok(Ok(())) => {}
                Ok(Err(refusal)) => lock(&refused).add(number, || (examine.path)(&file), refusal),
                Err(error) => {
                    lock(&failed).get_or_insert(error);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.clamp(1, THREADS) {
            scope.spawn(work);
        }
        work();
    });
    let failed = lock(&failed).take();
    match failed {
        Some(error) => Err(error),
        None => Ok(std::mem::take(&mut *lock(&refused)).into_result(tent)),
    }
}

/// How files of a kind are looked at.
pub(crate) struct Examine<'a, T, E> {
    /// Opens one.
    pub(crate) open: &'a (dyn Fn(&T) -> Result<File, E> + Sync),
    /// Its length in bytes.
    pub(crate) length: &'a (dyn Fn(&T) -> u64 + Sync),
    /// It could not be read, or the work was stopped.
    pub(crate) failed: &'a (dyn Fn(&T, io::Error) -> E + Sync),
    /// It has been looked at.
    pub(crate) done: &'a (dyn Fn(&T, &File) -> Result<(), E> + Sync),
    /// Its path, for people.
    pub(crate) path: &'a (dyn Fn(&T) -> String + Sync),
}

/// What was refused: the first files, in order, and how many.
#[derive(Default)]
struct Refused {
    first: BTreeMap<usize, (String, Refusal)>,
    count: u64,
}

impl Refused {
    fn add(&mut self, number: usize, path: impl FnOnce() -> String, refusal: Refusal) {
        self.count += 1;
        self.first.insert(number, (path(), refusal));
        if self.first.len() > NAMED {
            self.first.pop_last();
        }
    }

    fn into_result(self, tent: &Tent) -> Result<(), ContentError> {
        if self.count == 0 {
            return Ok(());
        }
        let files = self.first.into_values().collect();
        Err(ContentError { tent: tent.name.clone(), files, count: self.count })
    }
}

/// A file that fails to be read once the work should stop.
struct Stoppable<'a> {
    file: &'a File,
    observer: &'a dyn Observer,
}

impl Read for Stoppable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.observer.cancelled() {
            return Err(io::ErrorKind::Other.into());
        }
        self.file.read(buffer)
    }
}

impl Seek for Stoppable<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_files_are_named_and_the_others_counted() {
        let mut tent = Tent::new("aurora".parse().unwrap());
        tent.content.file_bytes = Some(10);
        let sizes = (0..50u64).rev().map(|n| (format!("file-{n}\u{202e}"), n));
        let error = judge_sizes(&tent, sizes, 0).unwrap_err();
        assert_eq!((error.count, error.files.len()), (39, NAMED));
        assert_eq!(error.to_string(), "the content rules of tent aurora refuse 39 files");
        let details = error.details();
        assert_eq!(details[0], "file-49\\u{202e}: 49 bytes: files may have 10");
        assert_eq!((details.len(), details[NAMED].as_str()), (NAMED + 1, "and 19 more"));
        assert_eq!(error.kind(), Kind::Refused);

        tent.content.bundle_bytes = Some(5);
        let alone = judge_sizes(&tent, [("a", 6)].into_iter(), 6).unwrap_err().to_string();
        let expected = "the content rules of tent aurora refuse 6 bytes in all files of the bundle: they may have 5";
        assert_eq!(alone, expected);
    }
}
