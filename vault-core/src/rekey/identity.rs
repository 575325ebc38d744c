//! The vault's own age identities renewed, with a new card; also when those of before are lost.

use super::RekeyError;
use super::rewrap::{Rewrapped, rewrap};
use crate::clock::Clock;
use crate::error::FsError;
use crate::held;
use crate::keys::{new_identities, read_identities};
use crate::observe::Observer;
use crate::unlock::Ask;
use crate::vault::Vault;
use crate::wraps::Own;
use gapvault_formats::agefile::Identity;
use gapvault_formats::card::Card;
use std::path::Path;
use std::sync::Arc;

/// What came of it.
#[derive(Debug)]
pub struct Renewed {
    /// The card that the vault has now.
    pub card: Card,
    /// Every bundle that it holds.
    pub bundles: Vec<Rewrapped>,
}

/// Makes new identities. Those of before stay, so that bundles underway can be opened, until [`forget_old`].
pub fn identity(vault: &mut Vault, observer: &dyn Observer) -> Result<Renewed, RekeyError> {
    let new = new_identities();
    let card = card_of(vault.card(), &new);
    let all = [new, vault.age_identities()?.to_vec()].concat();
    // Before anything is sealed to them. Until the card counts they are just some more.
    vault.keep_identities(all)?;
    let bundles = rewrap(vault, &Own::with(vault, &card), vault.age_identities()?, observer)?;
    vault.renew_card(card.clone())?;
    renew_policy(vault)?;
    Ok(Renewed { card, bundles })
}

/// Makes new identities for a vault that has lost its own. The recovery identity in `file` opens what the vault holds.
pub fn recover(
    root: &Path,
    clock: Clock,
    file: &Path,
    ask: Arc<dyn Ask>,
    observer: &dyn Observer,
) -> Result<Renewed, RekeyError> {
    let mut vault = Vault::open_lost(root, clock)?.asking(Arc::clone(&ask));
    let expected = vault.recovery();
    if expected.is_empty() {
        return Err(RekeyError::NoRecovery);
    }
    let recovery = read_identities(file, &*ask)?;
    if !recovery.iter().any(|identity| expected.contains(&identity.recipient())) {
        return Err(RekeyError::OtherRecovery { path: file.to_owned(), expected });
    }
    let new = new_identities();
    let card = card_of(vault.card(), &new);
    // While only the recovery identity opens them, and it still does afterwards.
    let bundles = rewrap(&vault, &Own::with(&vault, &card), &recovery, observer)?;
    set_aside(&vault)?;
    vault.keep_identities(new)?;
    vault.renew_card(card.clone())?;
    renew_policy(&mut vault)?;
    Ok(Renewed { card, bundles })
}

/// Forgets the identities that are not of the vault's card any more, once every bundle opens without them. Gives how
/// many they were.
pub fn forget_old(vault: &mut Vault, observer: &dyn Observer) -> Result<usize, RekeyError> {
    if is_policy_behind(vault) {
        return Err(RekeyError::PolicyBehind { site: vault.card().site.clone() });
    }
    let all = vault.age_identities()?.to_vec();
    let (current, old): (Vec<Identity>, Vec<_>) = all.into_iter().partition(|identity| vault.is_current(identity));
    if old.is_empty() {
        return Ok(0);
    }
    for Rewrapped { bundle, recovery, .. } in rewrap(vault, &Own::of(vault), vault.age_identities()?, observer)? {
        recovery.map_err(|source| RekeyError::Bundle { bundle, source: Box::new(source) })?;
    }
    for held in vault.held() {
        let opened = held::sealed(vault, held).and_then(|held::Sealed { folder, seal }| {
            // Who reads catalogues only has just sealed them anew.
            held::keys(vault, held, &folder, &seal, &current)
        });
        let bundle = held.bundle();
        opened.map_err(|source| RekeyError::Bundle { bundle, source: Box::new(source) })?;
    }
    vault.keep_identities(current)?;
    Ok(old.len())
}

/// Puts the vault's card into its own entry in the policy, if another is there.
pub(super) fn renew_policy(vault: &mut Vault) -> Result<(), RekeyError> {
    if !is_policy_behind(vault) {
        return Ok(());
    }
    let (mut policy, card) = (vault.policy().clone(), vault.card().clone());
    for site in policy.sites.iter_mut().filter(|site| site.name == card.site) {
        site.card = card.fingerprint();
        site.recipient = card.recipient.clone();
    }
    let change = format!("{} has card {}", card.site, card.fingerprint());
    Ok(vault.apply(policy, change)?)
}

fn is_policy_behind(vault: &Vault) -> bool {
    let own = vault.policy().site(&vault.card().site);
    own.is_some_and(|site| site.card != vault.card().fingerprint())
}

/// The card with the recipients of other identities.
fn card_of(card: &Card, identities: &[Identity]) -> Card {
    Card { recipient: identities[0].recipient(), ..card.clone() }
}

/// Whoever lost a passphrase may find it again: what is there of the identities is kept under the fingerprint of the
/// card that they were of. What an earlier attempt left is worth nothing.
fn set_aside(vault: &Vault) -> Result<(), RekeyError> {
    let path = vault.root().join("secrets/age.key");
    let aside = path.with_file_name(format!("age.key.{}", vault.card().fingerprint()));
    if path.symlink_metadata().is_ok() && aside.symlink_metadata().is_err() {
        std::fs::rename(&path, &aside)
            .map_err(FsError::at("can't rename", &path))
            .map_err(crate::keys::KeysError::from)?;
    }
    Ok(())
}
