//! Reading a seal: its signatures first, over the stored bytes, then what it says.

use super::files::{BundleError, read_small};
use super::find::Bundle;
use crate::fs::Folder;
use gapvault_formats::ids::{BundleId, KeyFingerprint};
use gapvault_formats::limits;
use gapvault_formats::seal::{SEAL_NAME, Seal, SealError};
use gapvault_formats::sshsig::{Namespace, PublicKey, Signature, SshError};
use std::collections::BTreeMap;

/// A signature beside a seal that fits its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The key that made it.
    pub key: PublicKey,
    /// What it was made for.
    pub namespace: Namespace,
}

/// A seal's stored bytes and the signatures that fit them. Nothing in it is trusted yet.
#[derive(Clone, Debug)]
pub struct SealedBundle {
    pub(crate) bytes: Vec<u8>,
    pub(crate) id: BundleId,
    pub(crate) signers: Vec<Signer>,
    /// The signature files, by name.
    pub(crate) signatures: BTreeMap<String, Vec<u8>>,
}

/// What can be wrong with a seal and its signatures.
#[derive(Debug, thiserror::Error)]
pub enum SealReadError {
    /// A file is missing, too long or not regular.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A signature that is none, stands under another key's name, or does not fit the seal.
    #[error("{file} does not fit seal.json: {fault}")]
    Signature {
        /// Which signature.
        file: String,
        /// What is wrong with it.
        fault: SshError,
    },
    /// More files beside the seal than any bundle has.
    #[error("seal.json has over {} signatures or other files beside it", limits::SIGNATURES)]
    TooMany,
    /// Not a seal.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The seal of another bundle.
    #[error("seal.json is the seal of bundle {actual}, its folder is {expected}")]
    Label {
        /// What the seal says.
        actual: String,
        /// The folder's name.
        expected: String,
    },
}

crate::error::explain!(SealReadError, pass: [Bundle], {
    Self::Signature { .. } => (Damaged, Some("the seal or the signature is damaged or was altered: have the bundle exported again")),
    Self::TooMany => (Damaged, Some("somebody prepared this medium by another way than gapvault")),
    Self::Seal(_) => (Damaged, Some("it may come from a newer version of gapvault, or was made by something else")),
    Self::Label { .. } => (Damaged, Some("a bundle's folder must keep its name")),
});

/// Reads the seal's bytes and its signatures, and verifies each of them over those bytes.
pub(crate) fn read(folder: &Folder) -> Result<SealedBundle, SealReadError> {
    let bytes = read_small(folder, SEAL_NAME, limits::SEAL_BYTES)?;
    let mut signers = Vec::new();
    let mut signatures = BTreeMap::new();
    let most = limits::SIGNATURES + limits::VOLUMES + 16;
    for (name, _) in folder.entries(most).map_err(BundleError::Fs)?.ok_or(SealReadError::TooMany)? {
        let Some(fingerprint) = name.strip_prefix("seal.json.").and_then(|n| n.strip_suffix(".sig")) else { continue };
        if signatures.len() == limits::SIGNATURES {
            return Err(SealReadError::TooMany);
        }
        let armoured = read_small(folder, &name, limits::SIGNATURE_BYTES)?;
        let signer = verify(&armoured, fingerprint, &bytes);
        signers.push(signer.map_err(|fault| SealReadError::Signature { file: name.clone(), fault })?);
        signatures.insert(name, armoured);
    }
    Ok(SealedBundle { id: BundleId::of(&bytes), bytes, signers, signatures })
}

fn verify(armoured: &[u8], fingerprint: &str, seal: &[u8]) -> Result<Signer, SshError> {
    let signature = Signature::parse(armoured)?;
    let key = signature.key();
    if fingerprint.parse::<KeyFingerprint>().ok() != Some(key.fingerprint()) {
        return Err(SshError::OtherKey);
    }
    // SPEC 4.2: only these two stand beside a seal; a signature of any other namespace is refused.
    let namespace = match signature.namespace() {
        n if n == Namespace::Approve.as_str() => Namespace::Approve,
        _ => Namespace::Seal,
    };
    signature.verify(key, namespace, seal)?;
    Ok(Signer { key: key.clone(), namespace })
}

impl SealedBundle {
    /// The seal's digest, which names the bundle.
    #[must_use]
    pub fn id(&self) -> BundleId {
        self.id
    }

    /// The signatures that fit the seal.
    #[must_use]
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// Parses the seal. The caller has made sure that somebody it knows signed these bytes, or says that nobody judged.
    pub(crate) fn parse(&self, bundle: &Bundle) -> Result<Seal, SealReadError> {
        let seal = Seal::parse(&self.bytes)?;
        let (actual, expected) = (&seal.predicate().label, bundle.label());
        if actual != expected {
            return Err(SealReadError::Label { actual: actual.to_string(), expected: expected.to_string() });
        }
        Ok(seal)
    }

    /// Whether `key` made a signature that seals, rather than approves.
    pub(crate) fn sealed_by(&self, key: &PublicKey) -> bool {
        self.signers.iter().any(|s| s.key == *key && s.namespace == Namespace::Seal)
    }
}
