//! Taking a key's signatures out of force.

use super::{Changed, change};
use crate::error::explain;
use crate::vault::{Vault, VaultError};
use gapvault_formats::ids::{BundleId, KeyFingerprint};
use gapvault_formats::names::PersonName;
use gapvault_formats::policy::Policy;
use gapvault_formats::policy::edit::EditError;
use gapvault_formats::sshsig::PublicKey;

/// Why a key is not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// The vault refused or failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The policy would not hold.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// Nobody has it.
    #[error("no person of the policy has a key with fingerprint {key}")]
    NoKey {
        /// Which key.
        key: KeyFingerprint,
    },
    /// There is nobody of this name.
    #[error("the policy has no person {person}")]
    NoPerson {
        /// Who.
        person: PersonName,
    },
}

explain!(RevokeError, pass: [Vault], {
    Self::Edit(_) => (Refused, Some("nothing was changed; `gapvault policy show` tells who may do what")),
    Self::NoKey { .. } => (Usage, Some("name a person, or a file with the key or a card; any key can be revoked by its text")),
    Self::NoPerson { .. } => (Usage, Some("`gapvault policy show` names the persons")),
});

/// What is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// Keys, whoever has them.
    Keys(Vec<PublicKey>),
    /// A key of some person.
    Fingerprint(KeyFingerprint),
    /// All keys of a person.
    Person(PersonName),
}

impl Revoked {
    /// Its keys by any of these policies.
    fn keys(&self, policies: &[&Policy]) -> Result<Vec<PublicKey>, RevokeError> {
        let persons = || policies.iter().flat_map(|policy| &policy.persons);
        match self {
            Self::Keys(keys) => Ok(keys.clone()),
            Self::Fingerprint(of) => {
                let key = persons().flat_map(|person| &person.keys).find(|key| key.fingerprint() == *of).cloned();
                key.map(|key| vec![key]).ok_or(RevokeError::NoKey { key: *of })
            }
            Self::Person(name) => {
                let mut keys: Vec<PublicKey> = Vec::new();
                for key in persons().filter(|person| person.name == *name).flat_map(|person| &person.keys) {
                    if !keys.contains(key) {
                        keys.push(key.clone());
                    }
                }
                if keys.is_empty() { Err(RevokeError::NoPerson { person: name.clone() }) } else { Ok(keys) }
            }
        }
    }
}

/// Revokes keys: from the epoch on that says so nothing counts that they signed, but for signatures over the seals
/// `except`. What was admitted stays.
pub fn revoke(
    vault: &mut Vault,
    what: &Revoked,
    reason: Option<&str>,
    except: &[BundleId],
) -> Result<Changed, RevokeError> {
    let in_force = vault.policy().clone();
    change(vault, None, |draft| {
        let mut changed = false;
        // Those too that were only proposed, which otherwise come into force with it; and those that somebody proposes to
        // drop, who might bring them back.
        for key in &what.keys(&[&in_force, draft.before()])? {
            changed |= draft.revoke(key, reason, except);
        }
        Ok(changed)
    })
}
