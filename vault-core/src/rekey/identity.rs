//! The vault's own age identities renewed, with a new card; also when those of before are lost.

use super::RekeyError;
use super::rewrap::{Openers, Rewrapped, all_open, rewrap};
use crate::clock::Clock;
use crate::held;
use crate::keys::{new_identities, read_identities};
use crate::observe::Observer;
use crate::policy::{Changed, change};
use crate::trust::TrustError;
use crate::unlock::Ask;
use crate::vault::{SetAside, Vault};
use crate::wraps::Own;
use gapvault_formats::agefile::{Identity, Suite};
use gapvault_formats::card::Card;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What came of it.
#[derive(Debug)]
pub struct Renewed {
    /// The card that the vault has now.
    pub card: Card,
    /// Every bundle that it holds.
    pub bundles: Vec<Rewrapped>,
    /// What became of the vault's own entry in the policy.
    pub policy: Option<Changed>,
    /// Whether the vault keeps the identities of before, and opens what is underway to them.
    pub kept: bool,
}

/// Makes new identities. Those of before stay, so that bundles underway can be opened, until [`forget_old`].
pub fn identity(vault: &mut Vault, observer: &dyn Observer) -> Result<Renewed, RekeyError> {
    let new = new_identities();
    let card = card_of(vault.card(), &new);
    let all = [new, vault.all_identities()?].concat();
    // Before anything is sealed to them. Until the card counts they are just some more.
    vault.keep_identities(&all)?;
    let bundles = rewrap(vault, &Own::with(vault, &card), Openers::Own, observer)?;
    vault.renew_card(card.clone())?;
    let policy = renew_policy(vault)?;
    Ok(Renewed { card, bundles, policy, kept: true })
}

/// Makes new identities for a vault that has lost its own, or can't open them. The recovery identities in `files` open what
/// the vault holds.
pub fn recover(
    root: &Path,
    clock: Clock,
    files: &[PathBuf],
    ask: Arc<dyn Ask>,
    observer: &dyn Observer,
) -> Result<Renewed, RekeyError> {
    let mut vault = Vault::open_lost(root, clock)?.asking(Arc::clone(&ask));
    // Recovered with one of two recovery identities, a vault has identities again and still needs the other.
    let own = vault.plain_identities().unwrap_or_default();
    if !own.is_empty() && all_open(&vault, &own) {
        return Err(RekeyError::NotLost);
    }
    let expected = vault.recovery();
    if expected.is_empty() {
        return Err(RekeyError::NoRecovery);
    }
    let mut recovery = Vec::new();
    for file in files {
        let identities = read_identities(file, &*ask)?;
        if !identities.iter().any(|identity| expected.contains(&identity.recipient())) {
            return Err(RekeyError::OtherRecovery { path: file.clone(), expected });
        }
        recovery.extend(identities);
    }
    let new = new_identities();
    let card = card_of(vault.card(), &new);
    let kept = !own.is_empty();
    if kept {
        // The new ones before anything is sealed to them, as in `identity`: for some of it these may be all that opens it.
        vault.keep_identities(&[new.as_slice(), &own].concat())?;
    }
    // What only the recovery identity opens, it still does afterwards.
    let openers = [recovery, own].concat();
    let bundles = rewrap(&vault, &Own::with(&vault, &card), Openers::These(&openers), observer)?;
    if !kept {
        vault.set_identities_aside()?;
        vault.keep_identities(&new)?;
    }
    vault.renew_card(card.clone())?;
    let policy = renew_policy(&mut vault)?;
    Ok(Renewed { card, bundles, policy, kept })
}

/// What was forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// Identities of earlier cards, as far as they could be counted.
    pub identities: usize,
    /// The files among what was forgotten that a recovery had set aside.
    pub set_aside: Vec<SetAside>,
}

/// Forgets the identities that are not of the vault's card any more, those that a recovery set aside among them, once every
/// bundle opens without them.
pub fn forget_old(vault: &mut Vault, observer: &dyn Observer) -> Result<Forgotten, RekeyError> {
    if is_policy_behind(vault) {
        return Err(RekeyError::PolicyBehind { site: vault.card().site.clone() });
    }
    let all = vault.all_identities()?;
    let (current, old): (Vec<Identity>, Vec<_>) = all.into_iter().partition(|identity| vault.is_current(identity));
    let set_aside = vault.set_aside();
    let counted = set_aside.iter().filter_map(|file| file.identities).sum::<usize>();
    let forgotten = Forgotten { identities: old.len() + counted, set_aside };
    if old.is_empty() && forgotten.set_aside.is_empty() {
        return Ok(forgotten);
    }
    for Rewrapped { bundle, recovery, .. } in rewrap(vault, &Own::of(vault), Openers::Own, observer)? {
        recovery.map_err(|source| RekeyError::Bundle { bundle, source: Box::new(source) })?;
    }
    for held in vault.held() {
        let opened = held::sealed(vault, held).and_then(|held::Sealed { folder, seal }| {
            // Who reads catalogues only has just sealed them anew.
            let suite = seal.predicate().suite;
            let current: Vec<_> = current.iter().filter(|identity| identity.suite() == suite).cloned().collect();
            held::keys(vault, held, &folder, &seal, &current)
        });
        let bundle = held.bundle();
        opened.map_err(|source| RekeyError::Bundle { bundle, source: Box::new(source) })?;
    }
    if !old.is_empty() {
        vault.keep_identities(&current)?;
    }
    vault.remove_set_aside(&forgotten.set_aside)?;
    Ok(forgotten)
}

/// Puts the vault's card into its own entry in the policy, if another is there; `None` if there was nothing to do.
pub(super) fn renew_policy(vault: &mut Vault) -> Result<Option<Changed>, RekeyError> {
    if !is_policy_behind(vault) {
        return Ok(None);
    }
    let card = vault.card().clone();
    let words = format!("{} has card {} from now on", card.site, card.fingerprint());
    Ok(Some(change::<TrustError>(vault, Some(words), |draft| Ok(draft.renew_site(&card)?))?))
}

fn is_policy_behind(vault: &Vault) -> bool {
    let own = vault.policy().site(&vault.card().site);
    own.is_some_and(|site| site.card != vault.card().fingerprint())
}

/// The card with the recipients of other identities.
fn card_of(card: &Card, identities: &[Identity]) -> Card {
    let mut card = card.clone();
    for identity in identities {
        match identity.suite() {
            Suite::X25519 => card.recipient = identity.recipient(),
            Suite::PostQuantum => card.recipient_pq = identity.recipient(),
        }
    }
    card
}
