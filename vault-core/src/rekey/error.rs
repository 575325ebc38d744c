//! Why keys are not renewed.

use crate::error::explain;
use crate::held::HeldError;
use crate::keys::KeysError;
use crate::trust::TrustError;
use crate::vault::VaultError;
use gapvault_formats::agefile::Recipient;
use gapvault_formats::ids::BundleId;
use gapvault_formats::names::{TentName, shorten};
use std::path::PathBuf;

/// Why keys are not renewed. What the vault holds can be opened as before.
#[derive(Debug, thiserror::Error)]
pub enum RekeyError {
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Identities can't be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The policy can't be changed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A bundle can't be opened or sealed anew.
    #[error("bundle {bundle}: {source}")]
    Bundle {
        /// Which one.
        bundle: BundleId,
        /// Why.
        source: Box<HeldError>,
    },
    /// Nothing was ever sealed to a recovery identity.
    #[error("this vault has no recovery recipient: without its own identity nothing that it holds can be opened")]
    NoRecovery,
    /// Nothing is lost that would have to be recovered.
    #[error("the vault's identities are here, and open what is sealed to them")]
    NotLost,
    /// Other identities than those of the log.
    #[error("{} holds no identity of this vault's recovery recipient {}", path.display(), told(expected))]
    OtherRecovery {
        /// Which file.
        path: PathBuf,
        /// Those that the log names.
        expected: Vec<Recipient>,
    },
    /// What is sealed for this site by its own policy is still sealed to the old card.
    #[error("the policy in force still has the card of before for site {site}")]
    PolicyBehind {
        /// This site.
        site: gapvault_formats::names::SiteName,
    },
    /// The tent has no key that this vault made.
    #[error("this vault has made no key for tent {tent}")]
    NoTentKey {
        /// Which tent.
        tent: TentName,
    },
    /// The work was stopped.
    #[error("interrupted: some wraps are renewed, the others are as they were")]
    Interrupted,
}

explain!(RekeyError, pass: [Vault, Keys, Trust], {
    Self::Bundle { source, .. } => (source.kind(), Some("nothing was forgotten, this bundle may need an identity of before: restore its folders in bundles and wraps from a backup of the vault, then run it again")),
    Self::NoRecovery => (Refused, Some("restore secrets/age.key from a backup of the vault; `gapvault recovery set` has what comes later sealed to a recovery identity")),
    Self::NotLost => (Usage, Some("leave out --recover: `gapvault rekey --identity` makes new ones and keeps these for what is underway")),
    Self::OtherRecovery { .. } => (Refused, Some("bring the file that `gapvault recovery new` made for this vault")),
    Self::PolicyBehind { .. } => (Refused, Some("nothing was forgotten: `gapvault rekey --wraps` proposes the policy with the new card and says whose signatures are missing; run this again once `gapvault policy apply` has put it in force")),
    Self::NoTentKey { .. } => (Usage, Some("the first export makes one; keys that came with bundles are renewed by who made them")),
    Self::Interrupted => (Other, Some("`gapvault rekey --wraps` renews the rest")),
});

fn told(recipients: &[Recipient]) -> String {
    recipients.iter().map(|recipient| shorten(&recipient.to_string())).collect::<Vec<_>>().join(" or ")
}
