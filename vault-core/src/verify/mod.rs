//! Verifying a bundle where it stands: signatures, then every byte on every medium. Needs no decryption key, writes
//! nothing.

mod report;

pub use report::{GroupReport, Report, VolumeReport};

use crate::bundle::{
    Addressed, BundleError, Chosen, Copies, Fetched, JudgeError, Judged, Note, Nowhere, Pace, Purpose, SealReadError,
    Sealed, SealedBundle, Set, SetError, announce, choose, judge, read_from, unjudged,
};
use crate::error::{FsError, explain};
use crate::list::Untrusted;
use crate::observe::{Observer, Phase};
use crate::pending::waiting;
use crate::vault::Vault;
use gapvault_formats::custody::Approval;
use gapvault_formats::names::PersonName;
use gapvault_formats::seal::Seal;
use std::path::PathBuf;

/// Why a bundle does not verify.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The policy does not admit it; nothing but its seal was read.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// Its seal or a signature is damaged.
    #[error(transparent)]
    Seal(#[from] SealReadError),
    /// The media come to no bundle.
    #[error(transparent)]
    Set(#[from] SetError),
    /// A file that nobody but its exporter or a meddler can have made so.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A medium does not answer any more.
    #[error("medium {} died while it was read: {source}", medium.display())]
    Died {
        /// Which, as it was given.
        medium: PathBuf,
        /// What the system said.
        source: FsError,
    },
    /// Some of it is damaged; it is all read, and told what.
    #[error("{}", .0.report.damage())]
    Damaged(Box<Verified>),
    /// Some of it is on other media; what is here is whole.
    #[error("{}", .0.report.absence())]
    Incomplete(Box<Verified>),
}

explain!(VerifyError, pass: [Judge, Seal, Set, Bundle], {
    Self::Died { .. } => (Medium, Some("connect it again, or bring a copy of it")),
    Self::Damaged(verified) => (Damaged, Some(verified.report.advice())),
    Self::Incomplete(verified) => (Incomplete, Some(verified.report.completion())),
});

/// A bundle that was read to its last byte.
#[derive(Debug)]
pub struct Verified {
    /// Its seal and signatures.
    pub sealed: SealedBundle,
    /// What the seal says.
    pub seal: Seal,
    /// What the policy says; `None` if trust was not judged.
    pub trust: Option<Trust>,
    /// What is there, volume by volume, and what could be mended.
    pub report: Report,
    /// What was read from each medium.
    pub media: Vec<Pace>,
    /// What was found beside.
    pub notes: Vec<Note>,
}

/// What a policy says of a bundle that it admits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Whose signature counted.
    pub exporter: PersonName,
    /// For which tent and sites.
    pub addressed: Addressed,
    /// By which rule.
    pub rule: String,
    /// Who approved it, of those who counted.
    pub approved: Vec<Approval>,
    /// Whether this vault holds it already.
    pub admitted: bool,
    /// Why the policy would refuse it now, though it was admitted before.
    pub anew: Option<Untrusted>,
}

impl Trust {
    pub(crate) fn of(judged: Judged) -> (Self, (SealedBundle, Seal)) {
        let Judged { sealed, seal, exporter, addressed, approved, rule, admitted, anew, .. } = judged;
        let anew = anew.as_ref().map(Untrusted::from);
        (Self { exporter, addressed, rule, approved, admitted: admitted.is_some(), anew }, (sealed, seal))
    }
}

/// Judges a bundle by the policy of `vault`, or by none, and then reads every byte of it on all of its media. What is
/// damaged or missing is told in the error.
pub fn verify(vault: Option<&Vault>, set: &Set, observer: &dyn Observer) -> Result<Verified, VerifyError> {
    match vault {
        Some(vault) => {
            let judge =
                |bundle: &_, copies: Copies<'_>| Ok::<_, VerifyError>(judge(vault, bundle, copies, Purpose::Look)?);
            let mut chosen = choose(set, &waiting(vault, set.label()), judge)?;
            let (report, media) = examine(&mut chosen, observer)?;
            let Chosen { judged, notes, .. } = chosen;
            let (trust, (sealed, seal)) = Trust::of(judged);
            let trust = Some(trust);
            conclude(Verified { sealed, seal, trust, report, media, notes })
        }
        None => {
            let unjudged = |bundle: &_, copies: Copies<'_>| Ok::<_, VerifyError>(unjudged(bundle, copies)?);
            let mut chosen = choose(set, &[], unjudged)?;
            let (report, media) = examine(&mut chosen, observer)?;
            let Chosen { judged: (sealed, seal), notes, .. } = chosen;
            conclude(Verified { sealed, seal, trust: None, report, media, notes })
        }
    }
}

fn conclude(verified: Verified) -> Result<Verified, VerifyError> {
    let report = &verified.report;
    if report.is_damaged() {
        Err(VerifyError::Damaged(Box::new(verified)))
    } else if report.is_incomplete() {
        Err(VerifyError::Incomplete(Box::new(verified)))
    } else {
        Ok(verified)
    }
}

fn examine<J: Sealed>(chosen: &mut Chosen<'_, J>, observer: &dyn Observer) -> Result<(Report, Vec<Pace>), VerifyError> {
    let (seal, folders) = (chosen.judged.seal(), &chosen.folders);
    announce(folders, observer);
    let mut fetched = Fetched::default();
    let mut shelves: Vec<_> = folders.iter().map(|_| Nowhere).collect();
    // Every copy counts: a damaged one may be the only one tomorrow.
    let all = folders.iter().map(|folder| folder.subjects(seal)).collect();
    read_from::<VerifyError, _>(Phase::Verify, folders, all, seal, observer, &mut shelves, &mut fetched)?;
    if !fetched.died.is_empty() {
        let (folder, source) = fetched.died.swap_remove(0);
        return Err(VerifyError::Died { medium: folders[folder].placed.path.clone(), source });
    }
    let media = fetched.paces.clone();
    chosen.notes.extend(fetched.excuse_copies(folders));
    let report = report::make(seal, folders, fetched, observer).ok_or(BundleError::Interrupted)?;
    Ok((report, media))
}
