//! What describes a bundle, opened as far as this vault's key goes, and checked.

use super::error::ImportError;
use crate::bundle::{Claims, ContentsError, Judged, Wanted, load, open_keys};
use crate::fs::Folder;
use crate::vault::Vault;
use gapvault_formats::agefile::{AgeError, Recipient};
use gapvault_formats::catalogue::Role;
use gapvault_formats::custody::Imported;

/// Reads the staged descriptions as far as this vault's key goes, and checks everything in them.
pub(super) fn describe(vault: &Vault, judged: &Judged, staged: &Folder) -> Result<Imported, ImportError> {
    let identities = vault.age_identities(judged.seal.predicate().suite)?;
    let keys = open_keys(staged, &judged.seal, identities)?;
    let claims = Claims { tent: &judged.addressed.tent, exporter: &judged.exporter };
    let contents = match load(staged, &judged.seal, identities, keys.as_ref(), claims, Wanted::Summaries) {
        Err(ContentsError::Age { fault: AgeError::NotARecipient, .. }) => {
            return Err(ImportError::NotAReader);
        }
        loaded => loaded?,
    };
    let role = if keys.is_some() { Role::Member } else { Role::Auditor };
    // SPEC 13.5: what this vault can open, the catalogue must say that it can.
    let is_own = |recipient: &Recipient| identities.iter().any(|own| own.recipient() == *recipient);
    if !contents.head.readers.iter().any(|r| r.role == role && is_own(&r.recipient)) {
        return Err(ImportError::NotListed { role });
    }
    let pin = keys.map(|keys| keys.tent_key.pin());
    // SPEC 13.6: a tent key stands for one tent.
    if let Some(pinned) = pin.and_then(|pin| vault.pinned_to(&pin)).filter(|t| **t != judged.addressed.tent) {
        let (pinned, tent) = (pinned.clone(), judged.addressed.tent.clone());
        return Err(ImportError::TentKeyPinned { pinned, tent });
    }
    let predicate = judged.seal.predicate();
    Ok(Imported {
        bundle: judged.sealed.id,
        label: predicate.label.clone(),
        tent: judged.addressed.tent.clone(),
        number: predicate.number,
        created: predicate.created,
        expires: predicate.expires,
        exporter: judged.exporter.clone(),
        key: judged.key().clone(),
        from: contents.head.site,
        approved: judged.approved.clone(),
        epoch: judged.epoch,
        rule: judged.rule.clone(),
        artifacts: contents.artifacts.into_iter().map(|a| a.moved).collect(),
        size: 0,
        tent_key: pin,
    })
}
