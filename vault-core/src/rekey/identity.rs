//! The vault's own age identities renewed, with a new card; also when those of before are lost.

use super::RekeyError;
use super::rewrap::{Openers, Rewrapped, rewrap};
use crate::clock::Clock;
use crate::error::FsError;
use crate::held;
use crate::keys::{KeysError, new_identities, read_identities};
use crate::observe::Observer;
use crate::policy::{Changed, change};
use crate::trust::TrustError;
use crate::unlock::Ask;
use crate::vault::{Vault, identities_path};
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
    Ok(Renewed { card, bundles, policy })
}

/// Makes new identities for a vault that has lost its own. The recovery identity in `file` opens what the vault holds.
pub fn recover(
    root: &Path,
    clock: Clock,
    files: &[PathBuf],
    ask: Arc<dyn Ask>,
    observer: &dyn Observer,
) -> Result<Renewed, RekeyError> {
    let mut vault = Vault::open_lost(root, clock)?.asking(Arc::clone(&ask));
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
    // While only the recovery identity opens them, and it still does afterwards.
    let bundles = rewrap(&vault, &Own::with(&vault, &card), Openers::These(&recovery), observer)?;
    set_aside(&vault)?;
    vault.keep_identities(&new)?;
    vault.renew_card(card.clone())?;
    let policy = renew_policy(&mut vault)?;
    Ok(Renewed { card, bundles, policy })
}

/// Forgets the identities that are not of the vault's card any more, once every bundle opens without them. Gives how
/// many they were.
pub fn forget_old(vault: &mut Vault, observer: &dyn Observer) -> Result<usize, RekeyError> {
    if is_policy_behind(vault) {
        return Err(RekeyError::PolicyBehind { site: vault.card().site.clone() });
    }
    let all = vault.all_identities()?;
    let (current, old): (Vec<Identity>, Vec<_>) = all.into_iter().partition(|identity| vault.is_current(identity));
    if old.is_empty() {
        return Ok(0);
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
    vault.keep_identities(&current)?;
    Ok(old.len())
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

/// Whoever lost a passphrase may find it again: what is there of the identities is kept under the fingerprint of the
/// card that they were of. What an earlier attempt left is worth nothing.
fn set_aside(vault: &Vault) -> Result<(), RekeyError> {
    let card = vault.card().fingerprint();
    for path in Suite::ALL.map(|suite| identities_path(vault.root(), suite)) {
        let mut aside = path.clone().into_os_string();
        aside.push(format!(".{card}"));
        let aside = PathBuf::from(aside);
        if path.symlink_metadata().is_ok() && aside.symlink_metadata().is_err() {
            std::fs::rename(&path, &aside).map_err(FsError::at("can't rename", &path)).map_err(KeysError::from)?;
        }
    }
    Ok(())
}
