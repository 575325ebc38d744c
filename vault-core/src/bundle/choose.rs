//! Which seal counts for the folders of a set, and what of it each of them holds.

use super::files::{BundleError, all_names, check_listing, digest_of};
use super::find::Bundle;
use super::judge::Judged;
use super::seal::{Copies, SealedBundle, signature_files};
use super::set::{Placed, Set};
use super::supersede::{are_one_bundle, is_later};
use crate::error::{Explain, Kind, explain};
use crate::fs::OpenError;
use crate::numbers::tell_volumes;
use gapvault_formats::ids::BundleId;
use gapvault_formats::names::{Label, VolumeName};
use gapvault_formats::seal::{BundleFile, SEAL_NAME, Seal, Subject};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Why the folders of a set come to no bundle.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// A folder holds what it should not.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// No seal on any of the media, and none of that label in the vault.
    #[error("bundle {label} has no seal on this medium{}", tell_claimed(volumes))]
    Unsealed {
        /// Its label.
        label: Label,
        /// Which volumes the folders say that they are.
        volumes: Vec<VolumeName>,
    },
    /// Two bundles under one label.
    #[error("the label {label} has two seals that are not of one bundle: {one} and {other}")]
    TwoBundles {
        /// The label.
        label: Label,
        /// A seal.
        one: BundleId,
        /// Another.
        other: BundleId,
    },
}

explain!(SetError, pass: [Bundle], {
    Self::Unsealed { .. } => (Incomplete, Some("its export broke off, or another volume of it carries the seal (of media that were swapped, the last one): bring that one first")),
    Self::TwoBundles { .. } => (Damaged, Some("bring the media of one bundle alone; one of the two was made by another way than gapvault")),
});

/// What volumes the folders of an unsealed bundle say that they are, behind a semicolon.
pub(crate) fn tell_claimed(volumes: &[VolumeName]) -> String {
    match volumes {
        [] => String::new(),
        [_] => format!("; by its name this is {}", tell_volumes(volumes)),
        _ => format!("; by their names these are {}", tell_volumes(volumes)),
    }
}

/// Something about a medium that did no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A seal that does not count, because it is damaged and another one of the bundle is good.
    DamagedSeal {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A medium that died while it was read, and was not needed.
    Died {
        /// Which, as it was given.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Copies that are damaged, where another medium has the same files whole.
    DamagedCopies {
        /// The folder.
        path: PathBuf,
        /// How many.
        files: u64,
        /// What is wrong with the first.
        reason: String,
    },
    /// The files of an earlier seal that the later one has replaced.
    EarlierSeal {
        /// The folder.
        path: PathBuf,
        /// How many of its files are not of the seal that counts.
        unused: u64,
    },
}

/// A seal with its signatures verified, and whatever was decided about it.
pub(crate) trait Sealed {
    fn sealed(&self) -> &SealedBundle;
    fn seal(&self) -> &Seal;
}

impl Sealed for Judged {
    fn sealed(&self) -> &SealedBundle {
        &self.sealed
    }
    fn seal(&self) -> &Seal {
        &self.seal
    }
}

impl Sealed for (SealedBundle, Seal) {
    fn sealed(&self) -> &SealedBundle {
        &self.0
    }
    fn seal(&self) -> &Seal {
        &self.1
    }
}

/// A folder of the set and what it holds of the bundle.
#[derive(Debug)]
pub(crate) struct Listed<'s> {
    pub(crate) placed: &'s Placed,
    /// The names in it, all of them the bundle's.
    names: BTreeSet<String>,
    /// Those that are of an earlier seal.
    outdated: BTreeSet<String>,
}

impl Listed<'_> {
    /// Whether it has this file, as far as names go.
    pub(crate) fn has(&self, file: &BundleFile) -> bool {
        let name = file.to_string();
        self.names.contains(&name) && !self.outdated.contains(&name)
    }

    /// The files of the seal that it has, in the seal's order.
    pub(crate) fn subjects<'a>(&self, seal: &'a Seal) -> Vec<&'a Subject> {
        seal.subjects().iter().filter(|subject| self.has(&subject.file)).collect()
    }
}

/// The seal that counts and the folders that go by it.
#[derive(Debug)]
pub(crate) struct Chosen<'s, J> {
    pub(crate) judged: J,
    pub(crate) folders: Vec<Listed<'s>>,
    /// Other seals of the same bundle that were met.
    pub(crate) earlier: Vec<BundleId>,
    pub(crate) notes: Vec<Note>,
}

/// Judges each distinct seal of a set once, takes the latest, and looks through all folders by it. `waiting` are the
/// vault's own seals of that label: one of them counts where the media have none. `judge` is given the other folders of
/// the set that have the same seal: approvals may stand beside any of them.
pub(crate) fn choose<'s, J: Sealed, E: Explain + From<SetError>>(
    set: &'s Set,
    waiting: &[Bundle],
    mut judge: impl FnMut(&Bundle, Copies<'_>) -> Result<J, E>,
) -> Result<Chosen<'s, J>, E> {
    let mut seals: Vec<J> = Vec::new();
    // By folder, the seal that stands in it.
    let mut own: Vec<Option<usize>> = Vec::new();
    let (mut notes, mut first_fault) = (Vec::new(), None);
    let on_media = set.folders.iter().map(|placed| &placed.bundle);
    let mut brought = 0;
    let candidates: Vec<_> = on_media.map(|b| (b, true)).chain(waiting.iter().map(|b| (b, false))).collect();
    let ids: Vec<_> = candidates.iter().map(|(bundle, _)| bundle.seal_id()).collect();
    for (at, (bundle, on_medium)) in candidates.iter().copied().enumerate() {
        let id = ids[at];
        let known = id.and_then(|id| seals.iter().position(|s| s.sealed().id == id));
        let is_copy = |n: &usize| *n != at && id.is_some() && ids[*n] == id;
        let copies = (0..candidates.len()).filter(is_copy).map(|n| &candidates[n].0.folder);
        own.push(match known {
            Some(known) => Some(known),
            None if !bundle.sealed => None,
            None => match judge(bundle, &copies.collect::<Vec<_>>()) {
                // What waits is another matter, if it is not of what the media have: its label proves nothing.
                Ok(judged) if !on_medium && brought > 0 && !are_one_bundle(judged.seal(), seals[0].seal()) => None,
                Err(_) if !on_medium && brought > 0 => None,
                Ok(judged) => {
                    brought += usize::from(on_medium);
                    seals.push(judged);
                    Some(seals.len() - 1)
                }
                // A seal that rotted says nothing of the files beside it. A link or fifo was put there by somebody.
                Err(error) if error.kind() == Kind::Damaged && is_regular(bundle) => {
                    if on_medium {
                        let (path, reason) = (bundle.path().to_owned(), error.to_string());
                        notes.push(Note::DamagedSeal { path, reason });
                    }
                    first_fault.get_or_insert(error);
                    None
                }
                Err(error) => return Err(error),
            },
        });
    }
    let Some(latest) = (0..seals.len()).reduce(|a, b| if is_later(seals[b].seal(), seals[a].seal()) { b } else { a })
    else {
        let unsealed = || SetError::Unsealed { label: set.label().clone(), volumes: set.claimed_volumes() };
        return Err(first_fault.unwrap_or_else(|| unsealed().into()));
    };
    for seal in &seals {
        if !are_one_bundle(seal.seal(), seals[latest].seal()) {
            let (one, other) = (seals[latest].sealed().id, seal.sealed().id);
            return Err(SetError::TwoBundles { label: set.label().clone(), one, other }.into());
        }
    }
    let judged = &seals[latest];
    let mut names = all_names(judged.seal(), judged.sealed());
    // A signature that does not fit counts for nothing, and is no extra where another copy of the seal is good.
    names.extend(set.folders.iter().flat_map(|placed| signature_files(&placed.bundle.folder).unwrap_or_default()));
    let mut folders = Vec::new();
    for (placed, own) in set.folders.iter().zip(own) {
        let others: Vec<&J> = match own {
            Some(own) if own == latest => Vec::new(),
            Some(own) => vec![&seals[own]],
            // Of media that were swapped only the last has a seal: the others go by what their sums are of.
            None => by_sums(placed, &seals, latest),
        };
        let listed = list(placed, &names, judged.seal(), &others).map_err(SetError::from)?;
        if !others.is_empty() {
            let unused = listed.outdated.len() as u64;
            notes.push(Note::EarlierSeal { path: placed.bundle.path().to_owned(), unused });
        }
        folders.push(listed);
    }
    let judged = seals.swap_remove(latest);
    let earlier = seals.iter().map(|seal| seal.sealed().id).collect();
    Ok(Chosen { judged, folders, earlier, notes })
}

fn is_regular(bundle: &Bundle) -> bool {
    !matches!(bundle.folder.file(SEAL_NAME), Err(OpenError::Irregular))
}

/// The seals that do not count and of which the folder, which has none itself, holds a volume that the latest has otherwise.
fn by_sums<'j, J: Sealed>(placed: &Placed, seals: &'j [J], latest: usize) -> Vec<&'j J> {
    let is_of =
        |seal: &Seal, subject: &Subject| seal.subject(&subject.file).is_some_and(|s| s.sha256 == subject.sha256);
    let stands = |subject: &Subject| {
        let digest = digest_of(&placed.bundle.folder, subject);
        digest.is_ok_and(|digest| digest == Some(subject.sha256))
    };
    let holds = |seal: &Seal| {
        let sums = seal.subjects().iter().filter(|s| matches!(s.file, BundleFile::Sums(_)));
        sums.filter(|s| !is_of(seals[latest].seal(), s)).any(stands)
    };
    let others = seals.iter().enumerate().filter(|(number, _)| *number != latest);
    others.map(|(_, other)| other).filter(|other| holds(other.seal())).collect()
}

/// Looks through a folder by the seal that counts and, where others of the bundle apply to it, by those.
fn list<'s>(
    placed: &'s Placed,
    names: &BTreeSet<String>,
    seal: &Seal,
    others: &[&impl Sealed],
) -> Result<Listed<'s>, BundleError> {
    let mut all = names.clone();
    all.extend(others.iter().flat_map(|other| all_names(other.seal(), other.sealed())));
    let names = check_listing(&placed.bundle, &all)?;
    // SPEC 13.9: what it holds is used as far as the digests agree.
    let differs = |s: &&Subject| seal.subject(&s.file).is_none_or(|counts| counts.sha256 != s.sha256);
    let outdated = others.iter().flat_map(|other| other.seal().subjects()).filter(differs).map(|s| s.file.to_string());
    let outdated = outdated.filter(|name| names.contains(name)).collect();
    Ok(Listed { placed, names, outdated })
}
