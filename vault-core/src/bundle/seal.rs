//! Reading a seal: its signatures first, over the stored bytes, then what it says.

use super::files::{BundleError, read_small};
use super::find::Bundle;
use crate::fs::Folder;
use gapvault_formats::ids::{BundleId, KeyFingerprint};
use gapvault_formats::limits;
use gapvault_formats::seal::{SEAL_NAME, Seal, SealError};
use gapvault_formats::sshsig::{Digests, Namespace, PublicKey, Shown, Signature, SshError};
use std::collections::BTreeMap;

/// A signature beside a seal that fits its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The key that made it.
    pub key: PublicKey,
    /// What it was made for.
    pub namespace: Namespace,
    /// What it shows of whoever made it.
    pub shown: Shown,
}

/// A signature file that counts for nothing and does no harm: beside another copy of the seal one that does not fit it, or of
/// a security key that nobody touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Its name.
    pub file: String,
    /// What is wrong with it.
    pub fault: SshError,
}

/// A seal's stored bytes and the signatures that fit them. Nothing in it is trusted yet.
#[derive(Clone, Debug)]
pub struct SealedBundle {
    pub(crate) bytes: Vec<u8>,
    pub(crate) id: BundleId,
    digests: Digests,
    pub(crate) signers: Vec<Signer>,
    /// The signature files, by name.
    pub(crate) signatures: BTreeMap<String, Vec<u8>>,
    /// Those that count for nothing.
    pub(crate) unfit: Vec<Unfit>,
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
    // SPEC 4.1: the bundle id is the SHA-256.
    let digests = Digests::of(&bytes);
    let id = BundleId::from_bytes(digests.sha256());
    let (signers, signatures) = (Vec::new(), BTreeMap::new());
    let mut sealed = SealedBundle { id, bytes, digests, signers, signatures, unfit: Vec::new() };
    for (name, of) in signature_names(folder)? {
        let armoured = read_small(folder, &name, limits::SIGNATURE_BYTES)?;
        match verify(&armoured, of, &sealed.digests) {
            Ok(signer) => sealed.add(name, armoured, signer)?,
            // SPEC 4.2: it is a signature and counts for nothing. Its maker may not know, and alters nothing by it.
            Err(fault @ SshError::NoPresence) => sealed.unfit.push(Unfit { file: name, fault }),
            Err(fault) => return Err(SealReadError::Signature { file: name, fault }),
        }
    }
    Ok(sealed)
}

/// The other folders in which a seal stands.
pub(crate) type Copies<'a> = &'a [&'a Folder];

/// What the name of a signature file says: whose it is, and what for.
#[derive(Clone, Copy, Debug)]
struct Named {
    /// `None` if the name has no fingerprint.
    key: Option<KeyFingerprint>,
    namespace: Namespace,
}

/// The name of the file with a signature over a seal.
pub(crate) fn signature_name(key: &KeyFingerprint, namespace: Namespace) -> String {
    match namespace {
        Namespace::Approve => format!("{SEAL_NAME}.{key}.approve.sig"),
        _ => format!("{SEAL_NAME}.{key}.sig"),
    }
}

/// The names of the signature files in a folder, and what they say.
fn signature_names(folder: &Folder) -> Result<Vec<(String, Named)>, SealReadError> {
    let most = limits::SIGNATURES + limits::VOLUMES + 16;
    let mut found = Vec::new();
    for (name, _) in folder.entries(most).map_err(BundleError::Fs)?.ok_or(SealReadError::TooMany)? {
        let Some(of) = name.strip_prefix("seal.json.").and_then(|n| n.strip_suffix(".sig")) else { continue };
        // SPEC 4.2: the name says what a signature is for, so that one key may both seal and approve.
        let (key, namespace) = match of.strip_suffix(".approve") {
            Some(key) => (key, Namespace::Approve),
            None => (of, Namespace::Seal),
        };
        let named = Named { key: key.parse().ok(), namespace };
        if found.len() == limits::SIGNATURES {
            return Err(SealReadError::TooMany);
        }
        found.push((name, named));
    }
    Ok(found)
}

/// The names of the files in a folder that are called as signatures of some key are.
pub(crate) fn signature_files(folder: &Folder) -> Result<Vec<String>, SealReadError> {
    let names = signature_names(folder)?.into_iter();
    Ok(names.filter(|(_, named)| named.key.is_some()).map(|(name, _)| name).collect())
}

fn verify(armoured: &[u8], named: Named, seal: &Digests) -> Result<Signer, SshError> {
    let signature = Signature::parse(armoured)?;
    let (key, namespace) = (signature.key(), named.namespace);
    if named.key != Some(key.fingerprint()) {
        return Err(SshError::OtherKey);
    }
    signature.verify_digests(key, namespace, seal)?;
    Ok(Signer { key: key.clone(), namespace, shown: signature.shown() })
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

    /// The signature files that count for nothing.
    #[must_use]
    pub fn unfit(&self) -> &[Unfit] {
        &self.unfit
    }

    fn add(&mut self, name: String, armoured: Vec<u8>, signer: Signer) -> Result<(), SealReadError> {
        if self.signatures.len() == limits::SIGNATURES {
            return Err(SealReadError::TooMany);
        }
        self.signers.push(signer);
        self.signatures.insert(name, armoured);
        Ok(())
    }

    /// Adds the signatures that stand beside another copy of the same seal. One that can't be read or does not fit is no
    /// fault of this copy: it is noted.
    pub(crate) fn add_from(&mut self, copy: &Folder) -> Result<(), SealReadError> {
        for (name, of) in signature_names(copy).unwrap_or_default() {
            if self.signatures.contains_key(&name) {
                continue;
            }
            let read = copy.read(&name, limits::SIGNATURE_BYTES);
            let armoured = read.ok().flatten().unwrap_or_default();
            match verify(&armoured, of, &self.digests) {
                Ok(signer) => self.add(name, armoured, signer)?,
                Err(_) if self.unfit.len() == limits::SIGNATURES => {}
                Err(fault) => self.unfit.push(Unfit { file: name, fault }),
            }
        }
        Ok(())
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
}
