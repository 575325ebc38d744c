//! Changing whom a vault trusts.

use crate::error::explain;
use crate::vault::{Vault, VaultError};
use gapvault_formats::card::{Card, CardError};
use gapvault_formats::ids::CardFingerprint;
use gapvault_formats::names::TentName;
use gapvault_formats::policy::{Grant, PolicyError};

/// Why trust is not given.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The vault refused or failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Not a card.
    #[error(transparent)]
    Card(#[from] CardError),
    /// A policy that would not hold: one key in two roles, one name for two keys.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The card is not the one that was compared.
    #[error("the card has fingerprint {actual}, expected {expected}")]
    Fingerprint {
        /// What the card has.
        actual: CardFingerprint,
        /// What was compared with its owner.
        expected: CardFingerprint,
    },
    /// There is nothing to take back.
    #[error("{name} is no {grant} of tent {tent}")]
    NotGranted {
        /// The site or person.
        name: String,
        /// The tent.
        tent: TentName,
        /// What it has not been trusted with.
        grant: Grant,
    },
    /// The tent is there already.
    #[error("tent {tent} exists, and this site already exports from it")]
    TentExists {
        /// Which tent.
        tent: TentName,
    },
}

explain!(TrustError, pass: [Vault], {
    Self::Card(_) => (Damaged, Some("a card is the output of `gapvault card`, unchanged")),
    Self::Policy(_) => (Refused, Some("nothing was changed; `gapvault tent list` shows who may do what")),
    Self::Fingerprint { .. } => (Refused, Some("ask the card's owner for its fingerprint by another way than the card came")),
    Self::NotGranted { .. } => (Usage, Some("`gapvault tent list` shows who may do what; exporters are named as persons")),
    Self::TentExists { .. } => (Usage, Some("give sites roles in it with `gapvault trust CARD --tent TENT --role ROLE`")),
});

/// Makes this vault's own site a member and its person an exporter of a tent, which is begun if need be.
pub fn new_tent(vault: &mut Vault, tent: &TentName) -> Result<(), TrustError> {
    let mut policy = vault.policy().clone();
    let own = vault.card().clone();
    let member = policy.grant(&own, tent, Grant::Member);
    if !policy.grant(&own, tent, Grant::Exporter) && !member {
        return Err(TrustError::TentExists { tent: tent.clone() });
    }
    vault.tent_key(tent)?;
    let change = format!("{} is member, {} exporter of tent {tent}", own.site, own.person);
    Ok(vault.apply(policy, change)?)
}

/// Trusts the card in `bytes`, whose fingerprint was compared, with `grant` in `tent`. `false` if that was so already.
pub fn trust(
    vault: &mut Vault,
    bytes: &[u8],
    expected: CardFingerprint,
    tent: &TentName,
    grant: Grant,
) -> Result<bool, TrustError> {
    let card = Card::parse(bytes)?;
    let actual = card.fingerprint();
    if actual != expected {
        return Err(TrustError::Fingerprint { actual, expected });
    }
    let mut policy = vault.policy().clone();
    let changed = policy.grant(&card, tent, grant);
    if changed {
        policy.to_text()?;
        let Card { site, person, .. } = &card;
        vault.apply(policy, format!("{site} ({person}, card {actual}) is {grant} of tent {tent}"))?;
    }
    Ok(changed)
}

/// Takes `grant` in `tent` from the site or, for exporters, the person called `name`. What went out cannot be called
/// back, and what was admitted stays.
pub fn untrust(vault: &mut Vault, name: &str, tent: &TentName, grant: Grant) -> Result<(), TrustError> {
    let mut policy = vault.policy().clone();
    if !policy.withdraw(name, tent, grant) {
        return Err(TrustError::NotGranted { name: name.to_owned(), tent: tent.clone(), grant });
    }
    Ok(vault.apply(policy, format!("{name} is no longer {grant} of tent {tent}"))?)
}
