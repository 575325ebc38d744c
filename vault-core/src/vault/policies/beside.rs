//! The signatures of a policy: files beside it, one for each key, named by it.

use crate::error::FsError;
use crate::fs::{Folder, OpenError, write_replacing};
use gapvault_formats::ids::KeyFingerprint;
use gapvault_formats::limits;
use gapvault_formats::sshsig::{Namespace, PublicKey, Shown, Signature, SshError};
use std::path::Path;

/// What stands beside a policy file.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// Signatures over the file's bytes, of keys that were asked for. Whether they count is another question.
    pub good: Vec<GoodSignature>,
    /// Files in the name of such a key that hold no signature of it over these bytes.
    pub faults: Vec<SignatureFault>,
    /// Names of files that are of no key that was asked for. They were not opened.
    pub strangers: Vec<String>,
}

/// A signature that was verified over a policy.
#[derive(Clone, Debug)]
pub struct GoodSignature {
    /// The key that made it.
    pub key: PublicKey,
    /// What it shows of whoever made it.
    pub shown: Shown,
    /// The file.
    pub armoured: String,
}

/// A signature file that is of no use.
#[derive(Clone, Debug)]
pub struct SignatureFault {
    /// The file's name.
    pub name: String,
    /// The key that the name is of.
    pub key: PublicKey,
    /// What is wrong with it.
    pub why: FaultKind,
}

/// What is wrong with a signature file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// A link, a folder, or too long.
    #[error("no regular file of at most {} bytes", limits::SIGNATURE_BYTES)]
    Irregular,
    /// Made with the key, over other bytes: of an earlier version of the file, say.
    #[error("it is over other bytes than those of the policy")]
    Stale,
    /// No signature, or one of another key or namespace.
    #[error("{0}")]
    Signature(SshError),
}

/// The name of the file with the signature of `key` over the policy in `file`.
pub(crate) fn signature_name(file: &str, key: &KeyFingerprint) -> String {
    format!("{file}.{key}.sig")
}

/// Whether `name` is that of a signature of the policy in `file`, of whatever key.
fn is_beside(file: &str, name: &str) -> bool {
    name.strip_prefix(file).is_some_and(|rest| rest.starts_with('.') && rest.ends_with(".sig"))
}

/// Reads the signatures beside the policy in `file`, whose content is `bytes`, that are of `keys`. `None` if there are
/// more files than any policy has.
pub(crate) fn read<'k>(
    folder: &Folder,
    file: &str,
    bytes: &[u8],
    keys: impl Iterator<Item = &'k PublicKey>,
) -> Result<Option<Beside>, FsError> {
    let keys: Vec<_> = keys.map(|key| (signature_name(file, &key.fingerprint()), key)).collect();
    let Some(names) = folder.entries_where(limits::SIGNATURES, |name| is_beside(file, name))? else { return Ok(None) };
    let mut beside = Beside::default();
    for (name, _) in names {
        let Some((_, key)) = keys.iter().find(|(of, _)| *of == name) else {
            beside.strangers.push(name);
            continue;
        };
        match read_one(folder, &name, key, bytes)? {
            Ok(signature) => beside.good.push(signature),
            Err(why) => beside.faults.push(SignatureFault { name, key: (*key).clone(), why }),
        }
    }
    Ok(Some(beside))
}

fn read_one(
    folder: &Folder,
    name: &str,
    key: &PublicKey,
    bytes: &[u8],
) -> Result<Result<GoodSignature, FaultKind>, FsError> {
    let armoured = match folder.read(name, limits::SIGNATURE_BYTES) {
        Ok(Some(armoured)) => armoured,
        Ok(None) | Err(OpenError::Irregular | OpenError::Missing) => return Ok(Err(FaultKind::Irregular)),
        Err(OpenError::Fs(e)) => return Err(e),
    };
    let verified = Signature::parse(&armoured).and_then(|signature| {
        signature.verify(key, Namespace::Policy, bytes)?;
        let armoured = String::from_utf8(armoured.clone()).map_err(|_| SshError::Armour)?;
        Ok(GoodSignature { key: key.clone(), shown: signature.shown(), armoured })
    });
    Ok(verified.map_err(|fault| match fault {
        SshError::Invalid => FaultKind::Stale,
        fault => FaultKind::Signature(fault),
    }))
}

/// Puts the signature of `key` beside the policy in `file`, durably.
pub(crate) fn write(folder: &Path, file: &str, key: &PublicKey, armoured: &str) -> Result<(), FsError> {
    write_replacing(&folder.join(signature_name(file, &key.fingerprint())), armoured.as_bytes(), 0o600)
}

/// Removes every signature file beside the policy in `file`; the folder is synced by the caller.
pub(crate) fn clear(folder: &Path, file: &str) -> Result<(), FsError> {
    let listed = std::fs::read_dir(folder).map_err(FsError::at("can't list", folder))?;
    for entry in listed {
        let entry = entry.map_err(FsError::at("can't list", folder))?;
        let name = entry.file_name();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_folder && name.to_str().is_some_and(|name| is_beside(file, name)) {
            std::fs::remove_file(entry.path()).map_err(FsError::at("can't remove", &entry.path()))?;
        }
    }
    Ok(())
}
