//! The working copy: the policy that people edit, in `policy.toml`. It counts for nothing until it is applied.

use super::{InForce, beside, load_named, named};
use crate::error::FsError;
use crate::fs::{Folder, OpenError, write_replacing};
use crate::vault::{Vault, VaultError};
use gapvault_formats::ids::PolicyDigest;
use gapvault_formats::limits;
use gapvault_formats::policy::Policy;
use std::path::PathBuf;

/// Its name in the vault.
pub(crate) const WORKING_COPY: &str = "policy.toml";
/// Where another text goes that stood there when a policy from outside was put in force.
const KEPT: &str = "policy.replaced.toml";

impl Vault {
    /// Where the working copy is.
    #[must_use]
    pub fn working_copy(&self) -> PathBuf {
        self.root.join(WORKING_COPY)
    }

    /// What stands in the working copy, if that is proposed: neither in force nor a policy that once was.
    pub(crate) fn proposed(&self) -> Result<Option<Vec<u8>>, VaultError> {
        let path = || self.working_copy();
        let bytes = match Folder::open(&self.root)?.read(WORKING_COPY, limits::POLICY_BYTES) {
            Ok(Some(bytes)) => bytes,
            Err(OpenError::Missing) => return Ok(None),
            Ok(None) | Err(OpenError::Irregular) => return Err(VaultError::WorkingCopy { path: path() }),
            Err(OpenError::Fs(e)) => return Err(e.into()),
        };
        Ok((!self.was_in_force(PolicyDigest::of(&bytes))).then_some(bytes))
    }

    /// Whether the log names a policy of this digest: it is in force, or was.
    pub(crate) fn was_in_force(&self, digest: PolicyDigest) -> bool {
        named(self.log()).any(|(_, known)| known == digest)
    }

    /// Keeps a text beside the working copy that it will lose there: somebody wrote it.
    pub(crate) fn keep_proposed(&self, text: &[u8]) -> Result<PathBuf, FsError> {
        let to = self.root.join(KEPT);
        write_replacing(&to, text, 0o600)?;
        Ok(to)
    }

    /// Puts a new text into the working copy. Signatures over the old one go.
    pub(crate) fn propose(&self, text: &[u8]) -> Result<(), FsError> {
        // In this order what is signed is not lost before there is something else; until then the signatures are stale.
        write_replacing(&self.working_copy(), text, 0o600)?;
        beside::clear(&self.root, WORKING_COPY)
    }

    /// Makes the working copy equal to the policy in force, unless somebody proposes another: for a vault without one,
    /// or where a command ended between the log's entry and this.
    pub(in crate::vault) fn refresh_working_copy(&self) -> Result<(), VaultError> {
        let digest = match Folder::open(&self.root)?.read(WORKING_COPY, limits::POLICY_BYTES) {
            Ok(Some(bytes)) => Some(PolicyDigest::of(&bytes)),
            Err(OpenError::Missing) => None,
            // Whoever put it there is told by the commands that use it; nothing else depends on it.
            _ => return Ok(()),
        };
        let proposed = digest.is_some_and(|digest| !self.was_in_force(digest));
        if !proposed && digest != Some(self.in_force.digest) {
            self.propose(&self.in_force.bytes)?;
        }
        Ok(())
    }

    /// The policy that was in force at an epoch, and its bytes; `None` if there was none.
    pub fn policy_at(&self, epoch: u64) -> Result<Option<(Vec<u8>, Policy)>, VaultError> {
        let found = named(self.log()).find(|(of, _)| *of == epoch);
        let found = found.map(|(epoch, digest)| load_named(&self.root, epoch, digest)).transpose()?;
        Ok(found.map(|InForce { bytes, policy, .. }| (bytes, policy)))
    }
}
