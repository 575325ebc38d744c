//! A policy that may come into force: the vault's working copy, or a file from outside.

use super::ProposalError;
use crate::error::FsError;
use crate::fs::{Folder, OpenError};
use crate::vault::policies::{WORKING_COPY, beside, root_keys};
use crate::vault::{Beside, Vault, VaultError};
use gapvault_formats::ids::PolicyDigest;
use gapvault_formats::limits;
use gapvault_formats::policy::root::{Accepted, RootError, Tally, Verified, Whose, judge, tally};
use gapvault_formats::policy::{Place, Policy};
use std::path::{Path, PathBuf};

/// A policy that may come into force, with the signatures beside it.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Where it was read.
    pub path: PathBuf,
    /// Its bytes, which are what is signed.
    pub bytes: Vec<u8>,
    /// Their digest.
    pub digest: PolicyDigest,
    /// What they say.
    pub policy: Policy,
    /// The signatures beside it, of root persons of the policy in force and of its own.
    pub beside: Beside,
    /// Whether it came from outside of the vault.
    pub is_outside: bool,
}

/// The bytes of a policy that nobody has looked into yet.
#[derive(Debug)]
pub(super) struct Unread {
    folder: Folder,
    name: String,
    path: PathBuf,
    pub(super) bytes: Vec<u8>,
    is_outside: bool,
}

impl Unread {
    /// The bytes of `file`, or of the vault's working copy.
    pub(super) fn new(vault: Option<&Vault>, file: Option<&Path>) -> Result<Self, ProposalError> {
        let (folder, name, path) = match (file, vault) {
            (Some(path), _) => {
                let irregular = || ProposalError::Irregular { path: path.to_owned() };
                let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(irregular)?.to_owned();
                let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
                (Folder::open(parent)?, name, path.to_owned())
            }
            (None, Some(vault)) => (Folder::open(vault.root())?, WORKING_COPY.to_owned(), vault.working_copy()),
            (None, None) => return Err(ProposalError::NoVault),
        };
        let own = vault.filter(|_| file.is_none());
        let bytes = match folder.read(&name, limits::POLICY_BYTES) {
            Ok(Some(bytes)) => match own {
                // It proposes nothing: a command may have ended before the working copy was renewed.
                Some(vault) if vault.was_in_force(PolicyDigest::of(&bytes)) => vault.in_force().bytes.clone(),
                _ => bytes,
            },
            // Longer than any policy: what is read of it is refused for that.
            Ok(None) => return Err(ProposalError::TooLong { path }),
            // A vault without a working copy proposes nothing.
            Err(OpenError::Missing) if file.is_none() => vault.map(|v| v.in_force().bytes.clone()).unwrap_or_default(),
            Err(OpenError::Missing) => {
                return Err(FsError::at("can't read", &path)(std::io::Error::from(std::io::ErrorKind::NotFound)).into());
            }
            Err(OpenError::Irregular) => return Err(ProposalError::Irregular { path }),
            Err(OpenError::Fs(e)) => return Err(e.into()),
        };
        Ok(Self { folder, name, path, bytes, is_outside: file.is_some() })
    }

    /// Held to the rules of a policy; its signatures are read, those of root persons of the one before it too.
    pub(super) fn parse(self, before: Option<(&Policy, PolicyDigest)>) -> Result<Proposal, ProposalError> {
        let Self { folder, name, path, bytes, is_outside } = self;
        let policy = match Policy::parse(&bytes) {
            Ok(policy) => policy,
            Err(fault) => {
                let before = before.map(|(_, digest)| Box::new(digest));
                return Err(ProposalError::Policy { path, fault, before });
            }
        };
        let keys = before.map(|(policy, _)| policy).into_iter().chain([&policy]).flat_map(root_keys);
        let Some(beside) = beside::read(&folder, &name, &bytes, keys)? else {
            return Err(ProposalError::Signatures { path });
        };
        let digest = PolicyDigest::of(&bytes);
        Ok(Proposal { path, bytes, digest, policy, beside, is_outside })
    }
}

impl Proposal {
    /// Reads `file`, or the working copy of `vault`, and holds it to the rules.
    pub fn read(vault: Option<&Vault>, file: Option<&Path>) -> Result<Self, ProposalError> {
        Unread::new(vault, file)?.parse(vault.map(Vault::policy_in_force))
    }

    /// Reads `file` as one that is to follow `before`, whichever policy a vault has in force.
    pub fn read_after(before: (&Policy, PolicyDigest), file: &Path) -> Result<Self, ProposalError> {
        Unread::new(None, Some(file))?.parse(Some(before))
    }

    /// How far it is, by the policy in force in `vault`. One that does not follow that policy is refused.
    pub fn standing(&self, vault: &Vault) -> Result<Standing, ProposalError> {
        self.standing_after(vault.policy_in_force())
    }

    /// The same by the policy `before`.
    pub fn standing_after(&self, before: (&Policy, PolicyDigest)) -> Result<Standing, ProposalError> {
        match judge(Some(before), &self.policy, self.digest, &self.beside.verified()) {
            Ok(accepted) => Ok(Standing::Ready(accepted)),
            Err(RootError::InForce { .. }) => Ok(Standing::InForce),
            Err(RootError::Signatures { tallies }) => Ok(Standing::Unsigned(tallies)),
            Err(fault) => {
                let field = if matches!(fault, RootError::OtherPrevious { .. }) { "previous" } else { "epoch" };
                let place = Place::of_field(&String::from_utf8_lossy(&self.bytes), field);
                let next = Box::new((before.0.epoch + 1, before.1));
                Err(ProposalError::Follows { path: self.path.clone(), place, fault: Box::new(fault), next })
            }
        }
    }

    /// Who signed of its own root: what can be said where no vault says which policy is in force.
    #[must_use]
    pub fn own_tally(&self) -> Tally {
        tally(Whose::Own, &self.policy, &self.beside.verified())
    }
}

impl Beside {
    /// The good signatures, as they are counted.
    pub(crate) fn verified(&self) -> Vec<Verified<'_>> {
        self.good.iter().map(|signature| Verified { key: &signature.key, shown: signature.shown }).collect()
    }
}

/// How far a policy is on its way into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its bytes are in force.
    InForce,
    /// It can be applied.
    Ready(Accepted),
    /// Persons have still to sign it.
    Unsigned(Vec<Tally>),
}

impl From<FsError> for ProposalError {
    fn from(e: FsError) -> Self {
        VaultError::from(e).into()
    }
}
