//! Why a bundle is not approved.

use crate::bundle::{BundleError, ContentsError, JudgeError, SealReadError, Unmet, asked, join};
use crate::error::{FsError, explain};
use crate::held::HeldError;
use crate::sign::SignError;
use crate::vault::VaultError;
use gapvault_formats::ids::{BundleId, KeyFingerprint};
use gapvault_formats::limits;
use gapvault_formats::names::{PersonName, SiteName, TentName};
use gapvault_formats::policy::Approvals;
use gapvault_formats::sshsig::{SshError, Touch};
use std::path::PathBuf;

/// Why an approval would not count, and whose would.
#[derive(Debug, thiserror::Error)]
#[error(
    "an approval with key {key}{} would not count: {why}; tent {tent} takes approvals of {}: {} could approve it",
    person.as_ref().map_or_else(String::new, |p| format!(" of {p}")),
    told(rule),
    join(could)
)]
pub struct WouldNotCount {
    /// The key.
    pub key: KeyFingerprint,
    /// Whose it is, if the policy knows it.
    pub person: Option<PersonName>,
    /// Why.
    pub why: Unmet,
    /// The tent.
    pub tent: TentName,
    /// Its rule.
    pub rule: Approvals,
    /// Those whose approval would count, and is not there yet.
    pub could: Vec<PersonName>,
}

fn told(rule: &Approvals) -> String {
    let exporter = if rule.not_exporter { ", the exporter's not counted" } else { "" };
    format!("{} of {}{exporter}", rule.k, join(&rule.of))
}

/// Why a bundle is not approved. Nothing was written but what was there before.
#[derive(Debug, thiserror::Error)]
pub enum ApproveError {
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Reading or writing failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The seal or a signature is damaged.
    #[error(transparent)]
    Seal(#[from] SealReadError),
    /// The vault holds no such bundle.
    #[error(transparent)]
    Held(#[from] HeldError),
    /// A file that describes it is missing or damaged.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// What describes it is refused, or sealed to others.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// The policy would refuse it whoever approved.
    #[error("approvals would not help: {0}")]
    Judge(JudgeError),
    /// The tent asks for none.
    #[error("tent {tent} asks for no approvals")]
    NotAsked {
        /// The tent.
        tent: TentName,
    },
    /// A person or key whose approval would not count.
    #[error(transparent)]
    WouldNotCount(Box<WouldNotCount>),
    /// Somebody could open it whom the policy does not let.
    #[error("it can be opened by {}, which this policy does not have as such readers of tent {tent}", join(sites))]
    UnknownReaders {
        /// The tent.
        tent: TentName,
        /// Their sites, by the catalogue.
        sites: Vec<SiteName>,
    },
    /// There is no signature.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The signature that was made shows less than the tent asks for.
    #[error("the signature shows {shows}, tent {tent} asks for {}", asked(*needs))]
    Touch {
        /// What it shows.
        shows: &'static str,
        /// The tent.
        tent: TentName,
        /// What it should.
        needs: Touch,
    },
    /// The signature that was made is none.
    #[error("the signature that was made is not good: {0}")]
    Signature(SshError),
    /// Another bundle than the one that was meant.
    #[error("this is bundle {actual}, not one that begins with {expected}")]
    OtherBundle {
        /// What it is.
        actual: BundleId,
        /// What was asked for.
        expected: String,
    },
    /// No room for another signature.
    #[error("there are {} signatures beside seal.json already, no bundle has more", limits::SIGNATURES)]
    TooMany,
    /// The folder is another than it was, or holds something else under the signature's name.
    #[error("{} can't be written: something else stands there, or the medium is another now", path.display())]
    Obstructed {
        /// Where.
        path: PathBuf,
    },
    /// A seal that counts no more.
    #[error("bundle {bundle} was sealed anew by this vault: bundle {by} took its place")]
    Superseded {
        /// The old seal.
        bundle: BundleId,
        /// The one that counts.
        by: BundleId,
    },
    /// There is nothing to bring.
    #[error("nobody has approved bundle {bundle}, as far as this vault knows")]
    NoneGiven {
        /// The bundle.
        bundle: BundleId,
    },
    /// Nothing is mounted there, or it is no folder.
    #[error("{} is not a folder", path.display())]
    NoMedium {
        /// Where was looked.
        path: PathBuf,
    },
    /// The bundle's folder on the medium has another seal, or files and no seal.
    #[error("{} has another seal of the bundle, or a part of it without a seal", path.display())]
    Occupied {
        /// Where.
        path: PathBuf,
    },
}

explain!(ApproveError, pass: [Vault, Fs, Seal, Held, Bundle, Contents, Judge, Sign], {
    Self::NotAsked { .. } => (Refused, Some("nothing needs approving there; the policy asks with `approvals` in the tent")),
    Self::WouldNotCount(_) => (Refused, Some("`gapvault explain` shows who may approve in which tent; --key names another key")),
    Self::UnknownReaders { .. } => (Refused, Some("ask the exporter why; if their policy is newer, apply it here first; --unknown-readers approves it all the same")),
    Self::Touch { .. } => (Refused, Some("sign with a security key, and let it verify you if the tent asks for that")),
    Self::Signature(_) => (Other, Some("whatever made it does not do what it should: try another key")),
    Self::OtherBundle { .. } => (Refused, Some("compare the bundle's digest with whoever asked for the approval; nothing was signed")),
    Self::TooMany => (Refused, Some("have it exported again; somebody may have put signatures there that nobody needs")),
    Self::Superseded { .. } => (Refused, Some("approve the later one: approvals of the one are none of the other")),
    Self::NoneGiven { .. } => (Other, Some("`gapvault approve BUNDLE` or `gapvault approve MEDIUM` in this vault approves it; what was approved elsewhere stands on the medium where it was")),
    Self::NoMedium { .. } => (Medium, Some("mount the medium, or name its top folder")),
    Self::Occupied { .. } => (Usage, Some("bring them on another medium; `gapvault export --again BUNDLE --to MEDIUM` gives a whole volume its seal, with all approvals")),
    Self::Obstructed { .. } => (Damaged, Some("look at what stands there; nothing was written")),
});
