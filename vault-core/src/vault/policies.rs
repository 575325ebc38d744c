//! The policies of a vault on disk: one file an epoch, each with its signature. The log says which is in force.

use super::VaultError;
use crate::error::FsError;
use crate::fs::write_replacing;
use gapvault_formats::custody::{Entry, Event};
use gapvault_formats::ids::PolicyDigest;
use gapvault_formats::limits;
use gapvault_formats::policy::Policy;
use gapvault_formats::sshsig::{Namespace, Signature, SigningKey, SshError};
use std::io::Read;
use std::path::{Path, PathBuf};

fn path(folder: &Path, epoch: u64, ending: &str) -> PathBuf {
    folder.join(format!("{epoch:06}.{ending}"))
}

/// Signs and stores `policy`. It is in force once the log says so; a file that was never logged is replaced.
pub(super) fn store(folder: &Path, policy: &Policy, key: &SigningKey) -> Result<PolicyDigest, VaultError> {
    let text = policy.to_text()?;
    let signature = key.sign(Namespace::Policy, text.as_bytes())?;
    write_replacing(&path(folder, policy.epoch, "toml"), text.as_bytes(), 0o600)?;
    write_replacing(&path(folder, policy.epoch, "toml.sig"), signature.as_bytes(), 0o600)?;
    Ok(PolicyDigest::of(text.as_bytes()))
}

/// The policy in force: the last that the log names, with the digest that it names, signed by a root person of the one
/// before it; the first by one of its own.
pub(super) fn load(folder: &Path, log: &[Entry]) -> Result<Policy, VaultError> {
    let mut named = log.iter().rev().filter_map(|entry| match entry.event {
        Event::Policy { epoch, digest, .. } => Some((epoch, digest)),
        _ => None,
    });
    let (epoch, digest) = named.next().ok_or_else(|| VaultError::NoPolicy { path: folder.to_owned() })?;
    let (bytes, policy) = load_named(folder, epoch, digest)?;
    let before = named.next().map(|(epoch, digest)| load_named(folder, epoch, digest)).transpose()?;
    // SPEC 10.3: epochs rise by one; an older policy is not put in force again.
    if before.as_ref().is_some_and(|(_, before)| before.epoch + 1 != policy.epoch) || policy.epoch != epoch {
        return Err(VaultError::PolicyEpoch { path: path(folder, epoch, "toml"), epoch });
    }
    let root = before.as_ref().map_or(&policy, |(_, before)| before);

    let path = path(folder, epoch, "toml");
    let signature = read(&path.with_extension("toml.sig"), limits::SIGNATURE_BYTES)?;
    let verified = Signature::parse(&signature).and_then(|signature| {
        // SPEC 10.3: a new policy can't name its own signer.
        let person = root.person_of(signature.key()).filter(|p| root.root.persons.contains(&p.name));
        person.ok_or(SshError::OtherKey)?;
        signature.verify(signature.key(), Namespace::Policy, &bytes)
    });
    match verified {
        Ok(()) => Ok(policy),
        Err(fault) => Err(VaultError::PolicySignature { path, fault }),
    }
}

/// The policy of an epoch, if it has the digest that the log names.
pub(super) fn load_named(folder: &Path, epoch: u64, expected: PolicyDigest) -> Result<(Vec<u8>, Policy), VaultError> {
    let path = path(folder, epoch, "toml");
    let bytes = read(&path, limits::POLICY_BYTES)?;
    let actual = PolicyDigest::of(&bytes);
    if actual != expected {
        return Err(VaultError::PolicyDigest { path, actual, expected });
    }
    let policy = Policy::parse(&bytes)?;
    Ok((bytes, policy))
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, VaultError> {
    let mut bytes = Vec::new();
    match std::fs::File::open(path) {
        Ok(file) => file.take(limit + 1).read_to_end(&mut bytes).map_err(FsError::at("can't read", path))?,
        Err(_) => return Err(VaultError::NoPolicy { path: path.to_owned() }),
    };
    Ok(bytes)
}
