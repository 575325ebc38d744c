//! Putting a root person's signature beside a policy.

use super::proposal::Unread;
use super::{Proposal, SignPolicyError};
use crate::vault::policies::{beside, root_keys};
use crate::vault::{Vault, VaultError};
use gapvault_formats::ids::PolicyDigest;
use gapvault_formats::names::PersonName;
use gapvault_formats::policy::Policy;
use gapvault_formats::sshsig::{Namespace, PublicKey, Signature};
use std::path::{Path, PathBuf};

impl Proposal {
    /// The root person whose signature one made with `key` would be: of the policy before it, where that is known, or of
    /// this one. A key whose signature could never count is refused.
    pub fn signer(&self, before: Option<&Policy>, key: &PublicKey) -> Result<Option<PersonName>, SignPolicyError> {
        if self.policy.is_revoked(key, None) {
            return Err(SignPolicyError::Revoked { key: key.fingerprint() });
        }
        let policies = before.into_iter().chain([&self.policy]);
        let person = policies
            .filter(|policy| root_keys(policy).any(|known| known == key))
            .find_map(|policy| policy.person_of(key).map(|person| person.name.clone()));
        match (&person, before) {
            (None, Some(_)) => Err(SignPolicyError::NoRoot { key: key.fingerprint() }),
            // Whoever is a root person of the policy in force need not be one of this.
            _ => Ok(person),
        }
    }

    /// Puts a signature made with `key` beside the policy; gives the file's path. The policy must still be the one that
    /// was read, and shown, before.
    pub fn attach(&self, vault: Option<&Vault>, key: &PublicKey, armoured: &str) -> Result<PathBuf, SignPolicyError> {
        let file = self.is_outside.then_some(self.path.as_path());
        let actual = PolicyDigest::of(&Unread::new(vault, file)?.bytes);
        if actual != self.digest {
            return Err(SignPolicyError::Changed { path: self.path.clone(), actual, expected: self.digest });
        }
        // Whatever made it: what does not verify is of no use to anybody.
        Signature::parse(armoured.as_bytes())
            .and_then(|signature| signature.verify(key, Namespace::Policy, &self.bytes))
            .map_err(SignPolicyError::Signature)?;
        let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        beside::write(folder, &name, key, armoured).map_err(VaultError::from)?;
        Ok(folder.join(beside::signature_name(&name, &key.fingerprint())))
    }
}
