//! The policies of a vault on disk: one file an epoch, each with its signatures. The log says which is in force.

pub(crate) mod beside;
mod working;

pub(crate) use working::WORKING_COPY;

use super::VaultError;
use crate::error::FsError;
use crate::fs::{Folder, OpenError, sync_folder, write_replacing};
use beside::GoodSignature;
use gapvault_formats::custody::{Entry, Event};
use gapvault_formats::ids::PolicyDigest;
use gapvault_formats::limits;
use gapvault_formats::policy::Policy;
use gapvault_formats::policy::root::{RootError, judge};
use std::path::Path;

/// The folder that they stand in.
const FOLDER: &str = "policy";

/// The policy in force, as it stands in its file.
#[derive(Debug)]
pub(crate) struct InForce {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: PolicyDigest,
    pub(crate) policy: Policy,
}

fn file_name(epoch: u64) -> String {
    format!("{epoch:06}.toml")
}

/// Stores a policy and its signatures. It is in force once the log says so; what was never logged is replaced.
pub(super) fn store(root: &Path, epoch: u64, bytes: &[u8], signatures: &[GoodSignature]) -> Result<(), FsError> {
    let (folder, name) = (root.join(FOLDER), file_name(epoch));
    beside::clear(&folder, &name)?;
    write_replacing(&folder.join(&name), bytes, 0o600)?;
    for GoodSignature { key, armoured, .. } in signatures {
        beside::write(&folder, &name, key, armoured)?;
    }
    sync_folder(&folder)
}

/// The policy in force: the last that the log names, with the digest that it names, signed by the root of the one
/// before it, and by its own where that is another.
pub(super) fn load(root: &Path, log: &[Entry]) -> Result<InForce, VaultError> {
    let mut named = named(log).rev();
    let (epoch, digest) = named.next().ok_or_else(|| VaultError::NoPolicy { path: root.join(FOLDER) })?;
    let in_force = load_named(root, epoch, digest)?;
    let before = named.next().map(|(epoch, digest)| load_named(root, epoch, digest)).transpose()?;
    let (folder, name) = (Folder::open(root)?.folder(FOLDER), file_name(epoch));
    let path = root.join(FOLDER).join(&name);
    let folder = folder.map_err(|_| VaultError::NoPolicy { path: root.join(FOLDER) })?;
    let before = before.as_ref().map(|before| (&before.policy, before.digest));
    let keys = before.iter().map(|(policy, _)| *policy).chain([&in_force.policy]).flat_map(root_keys);
    let beside = beside::read(&folder, &name, &in_force.bytes, keys)?.unwrap_or_default();
    // SPEC 10.3: a new policy can't name its own signers.
    match judge(before, &in_force.policy, digest, &beside.verified()) {
        Ok(_) if in_force.policy.epoch == epoch => Ok(in_force),
        Err(fault @ RootError::Signatures { .. }) => Err(VaultError::PolicySignatures { path, fault }),
        _ => Err(VaultError::PolicyEpoch { path, epoch }),
    }
}

/// The policies that the log names, in its order.
pub(super) fn named(log: &[Entry]) -> impl DoubleEndedIterator<Item = (u64, PolicyDigest)> {
    log.iter().filter_map(|entry| match entry.event {
        Event::Policy { epoch, digest, .. } => Some((epoch, digest)),
        _ => None,
    })
}

/// The keys of the persons who sign policies by the rule of `policy`.
pub(crate) fn root_keys(policy: &Policy) -> impl Iterator<Item = &gapvault_formats::sshsig::PublicKey> {
    let persons = policy.persons.iter().filter(|person| policy.root.persons.contains(&person.name));
    persons.flat_map(|person| &person.keys)
}

/// The policy of an epoch, if it has the digest that the log names.
pub(super) fn load_named(root: &Path, epoch: u64, expected: PolicyDigest) -> Result<InForce, VaultError> {
    let name = file_name(epoch);
    let path = root.join(FOLDER).join(&name);
    let folder = Folder::open(root)?.folder(FOLDER);
    let bytes = match folder.and_then(|folder| folder.read(&name, limits::POLICY_BYTES)) {
        Ok(bytes) => bytes.unwrap_or_default(),
        Err(OpenError::Fs(e)) => return Err(e.into()),
        Err(OpenError::Missing | OpenError::Irregular) => return Err(VaultError::NoPolicy { path }),
    };
    let digest = PolicyDigest::of(&bytes);
    if digest != expected {
        return Err(VaultError::PolicyDigest { path, actual: digest, expected });
    }
    let policy = Policy::parse(&bytes)?;
    Ok(InForce { bytes, digest, policy })
}
