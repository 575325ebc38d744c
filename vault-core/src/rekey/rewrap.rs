//! Wraps renewed: to the card, the recovery recipient and the auditors that there are now.

use super::RekeyError;
use crate::bundle::{ContentsError, copy_catalogue};
use crate::held::{self, HeldError};
use crate::observe::{Event, Observer, Phase};
use crate::policy::Changed;
use crate::vault::{Held, Vault};
use crate::wraps::{self, Own, Role, Source, WrapError, Wrapped, Wrapping};
use gapvault_formats::agefile::{AgeError, Identity, Suite};
use gapvault_formats::ids::BundleId;
use gapvault_formats::names::{Label, TentName};
use std::io;
use std::path::PathBuf;

/// What became of a bundle's wraps.
#[derive(Debug)]
pub struct Rewrapped {
    /// The bundle.
    pub bundle: BundleId,
    /// Its label.
    pub label: Label,
    /// Whether the recovery identity opens it now; or why its wraps are as they were.
    pub recovery: Result<bool, HeldError>,
    /// The folder with its catalogue for the tent's auditors, if it was sealed anew for any.
    pub for_auditors: Option<PathBuf>,
}

/// Renews the wraps of every bundle that the vault holds, and its own entry in the policy if that was not done yet.
/// Stopped, it has renewed some; run again, it renews all.
pub fn wraps(vault: &mut Vault, observer: &dyn Observer) -> Result<(Vec<Rewrapped>, Option<Changed>), RekeyError> {
    let rewrapped = rewrap(vault, &Own::of(vault), Openers::Own, observer)?;
    let policy = super::identity::renew_policy(vault)?;
    Ok((rewrapped, policy))
}

/// What opens the wraps that there are.
#[derive(Clone, Copy)]
pub(super) enum Openers<'a> {
    /// The vault's identities.
    Own,
    /// These, in their place.
    These(&'a [Identity]),
}

/// Seals what `openers` open anew for `own` and the auditors. A bundle that can't be opened keeps nobody from the
/// others.
pub(super) fn rewrap(
    vault: &Vault,
    own: &Own,
    openers: Openers<'_>,
    observer: &dyn Observer,
) -> Result<Vec<Rewrapped>, RekeyError> {
    let size = |held: &Held<'_>| {
        let folder = vault.bundle_path(&held.bundle());
        folder.join("catalogue.age").metadata().map_or(0, |metadata| metadata.len())
    };
    observer.event(Event::Begin {
        phase: Phase::Rekey,
        total: vault.held().map(|held| size(&held)).sum(),
        medium: None,
    });
    let mut all = Vec::new();
    for held in vault.held() {
        if observer.cancelled() {
            return Err(RekeyError::Interrupted);
        }
        let (bundle, (label, tent)) = (held.bundle(), label_and_tent(held));
        let recovery = one(vault, own, openers, held);
        let for_auditors = recovery.as_ref().ok().and_then(|_| wraps::for_auditors(vault, &bundle, tent));
        all.push(Rewrapped { bundle, label: label.clone(), recovery, for_auditors });
        observer.event(Event::Advance { bytes: size(&held), medium: None });
    }
    observer.event(Event::End { medium: None });
    Ok(all)
}

/// Whether these identities open all that the vault may read of what it holds.
pub(super) fn all_open(vault: &Vault, identities: &[Identity]) -> bool {
    // What is damaged is no reason to keep anybody from trying the recovery identity.
    vault.held().all(|held| opens(vault, held, identities).unwrap_or(false))
}

fn opens(vault: &Vault, held: Held<'_>, identities: &[Identity]) -> Result<bool, HeldError> {
    let held::Sealed { folder, seal } = held::sealed(vault, held)?;
    let own = of_suite(identities, seal.predicate().suite);
    if held::keys(vault, held, &folder, &seal, &own)?.is_some() {
        return Ok(true);
    }
    match held {
        // Made for others.
        Held::Exported(_) => Ok(true),
        Held::Imported(imported) if imported.tent_key.is_some() => Ok(false),
        Held::Imported(imported) => {
            let wrapped = wraps::find(vault, &imported.bundle)?.filter(Wrapped::has_catalogue);
            let opens_wrap = |wrapped: Wrapped| wrapped.copy_catalogue(&own, &mut io::sink()).is_ok();
            Ok(copy_catalogue(&folder, &seal, &own, &mut io::sink()).is_ok() || wrapped.is_some_and(opens_wrap))
        }
    }
}

fn of_suite(identities: &[Identity], suite: Suite) -> Vec<Identity> {
    identities.iter().filter(|identity| identity.suite() == suite).cloned().collect()
}

fn one(vault: &Vault, own: &Own, openers: Openers<'_>, held: Held<'_>) -> Result<bool, HeldError> {
    let held::Sealed { folder, seal } = held::sealed(vault, held)?;
    let suite = seal.predicate().suite;
    let others: Vec<Identity>;
    let identities = match openers {
        Openers::Own => vault.age_identities(suite)?,
        Openers::These(all) => {
            others = of_suite(all, suite);
            &others
        }
    };
    let (bundle, (_, tent)) = (held.bundle(), label_and_tent(held));
    let covered = own.has_recovery(suite);
    let wrapping = |role, catalogue| Wrapping { bundle: &bundle, tent, seal: &seal, role, catalogue };
    if let Some(found) = held::keys(vault, held, &folder, &seal, identities)? {
        found.check(&folder, &seal)?;
        let opens = std::slice::from_ref(&found.keys.identity);
        wraps::wrap(vault, own, wrapping(Role::Member(&found.keys), Source::Sealed(&folder, opens)))?;
        return Ok(covered);
    }
    if matches!(held, Held::Imported(imported) if imported.tent_key.is_some()) {
        return Err(not_a_reader());
    }
    match wraps::wrap(vault, own, wrapping(Role::Auditor, Source::Sealed(&folder, identities))) {
        Err(WrapError::Source(fault)) if is_strange(&fault) => {}
        wrapped => return Ok(wrapped.map(|()| covered)?),
    }
    // An auditor whose identity was renewed has it from the wrap. Who made a bundle for others has nothing to open.
    match wraps::find(vault, &bundle)?.filter(Wrapped::has_catalogue) {
        Some(wrapped) => {
            wraps::wrap(vault, own, wrapping(Role::Auditor, Source::Wrap(&wrapped, identities)))?;
            Ok(covered)
        }
        None if matches!(held, Held::Exported(_)) => Ok(false),
        None => Err(not_a_reader()),
    }
}

fn is_strange(fault: &ContentsError) -> bool {
    matches!(fault, ContentsError::Age { fault: AgeError::NotARecipient, .. })
}

fn not_a_reader() -> HeldError {
    let (file, fault) = (gapvault_formats::seal::BundleFile::Keys, AgeError::NotARecipient);
    ContentsError::Age { file, fault }.into()
}

fn label_and_tent(held: Held<'_>) -> (&Label, &TentName) {
    match held {
        Held::Exported(exported) => (&exported.label, &exported.tent),
        Held::Imported(imported) => (&imported.label, &imported.tent),
    }
}
