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
    fn keys(&self, policy: &Policy) -> Result<Vec<PublicKey>, RevokeError> {
        match self {
            Self::Keys(keys) => Ok(keys.clone()),
            Self::Fingerprint(of) => {
                let mut keys = policy.persons.iter().flat_map(|person| &person.keys);
                let key = keys.find(|key| key.fingerprint() == *of).cloned();
                key.map(|key| vec![key]).ok_or(RevokeError::NoKey { key: *of })
            }
            Self::Person(name) => {
                let person = policy.persons.iter().find(|person| person.name == *name);
                person.map(|person| person.keys.clone()).ok_or_else(|| RevokeError::NoPerson { person: name.clone() })
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
    change(vault, None, |draft| {
        let mut changed = false;
        // Those too that were only proposed: otherwise they come into force with it.
        for key in &what.keys(draft.before())? {
            changed |= draft.revoke(key, reason, except);
        }
        Ok(changed)
    })
}
