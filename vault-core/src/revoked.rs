//! Whether the key that sealed what a vault holds was revoked since. What was admitted stays; whoever uses it should know.

use crate::vault::Vault;
use gapvault_formats::custody::Event;
use gapvault_formats::ids::{BundleId, KeyFingerprint};
use gapvault_formats::names::PersonName;

/// An exporter whose key counts no more.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RevokedExporter {
    /// Who exported it, as it was known when it came in.
    pub person: PersonName,
    /// The key.
    pub key: KeyFingerprint,
    /// Why it counts no more, by the policy.
    pub reason: Option<String>,
}

/// The exporter of a bundle that was admitted, if the policy in force revokes the key and does not except the bundle.
#[must_use]
pub fn revoked_exporter(vault: &Vault, bundle: &BundleId) -> Option<RevokedExporter> {
    let imported = vault.log().iter().find_map(|entry| match &entry.event {
        Event::Imported(imported) if imported.bundle == *bundle => Some(imported),
        _ => None,
    })?;
    let policy = vault.policy();
    if !policy.is_revoked(&imported.key, Some(bundle)) {
        return None;
    }
    let reason = policy.revocations_of(&imported.key).find_map(|revocation| revocation.reason.clone());
    Some(RevokedExporter { person: imported.exporter.clone(), key: imported.key.fingerprint(), reason })
}
