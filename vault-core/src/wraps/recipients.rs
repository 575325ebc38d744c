//! Whom wraps are sealed to. One suite per file, that of the bundle: what was sealed against tomorrow's machines is not
//! sealed anew for today's alone.

use crate::vault::Vault;
use gapvault_formats::agefile::{Recipient, Suite};
use gapvault_formats::card::Card;
use gapvault_formats::names::TentName;

/// The vault's own recipients: those of its card, and those of the recovery identity.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    card: Card,
    recovery: Vec<Recipient>,
}

impl Own {
    /// Those that the vault has now.
    pub(crate) fn of(vault: &Vault) -> Self {
        Self::with(vault, vault.card())
    }

    /// Those that it has with another card.
    pub(crate) fn with(vault: &Vault, card: &Card) -> Self {
        Self { card: card.clone(), recovery: vault.recovery() }
    }

    /// Whether there is a recovery recipient of a suite.
    pub(crate) fn has_recovery(&self, suite: Suite) -> bool {
        self.recovery.iter().any(|recipient| recipient.suite() == suite)
    }

    /// Those of a suite.
    pub(super) fn of_suite(&self, suite: Suite) -> Vec<Recipient> {
        let mut own = vec![self.card.recipient_for(suite).clone()];
        own.extend(self.recovery.iter().filter(|recipient| recipient.suite() == suite).cloned());
        own
    }
}

/// The recipients of the policy's auditors of a tent, this vault's own site not among them.
pub(super) fn auditors(vault: &Vault, tent: &TentName, suite: Suite) -> Vec<Recipient> {
    let policy = vault.policy();
    let names = policy.tent(tent).map_or(&[][..], |tent| &tent.auditors);
    let others = names.iter().filter(|name| **name != vault.card().site);
    others.filter_map(|name| policy.site(name)).map(|site| site.recipient_for(suite).clone()).collect()
}
