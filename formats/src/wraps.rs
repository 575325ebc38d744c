//! Wraps: what a vault keeps beside a bundle so that others than its first readers can open it. `SHA256SUMS` in their
//! folder lists them and the vault signs it, because age does not say who wrote a file.
//!
//! ```text
//! # gapvault wraps 1 <bundle id>
//! <64 hex digits>  catalogue.age
//! <64 hex digits>  keys.age
//! ```

use crate::ids::{BundleId, MediumDigest};
use crate::sshsig::{Namespace, PublicKey, Signature, SigningKey, SshError};
use std::fmt::Write;

/// The list's name.
pub const LIST_NAME: &str = "SHA256SUMS";
/// The name of the signature over it.
pub const SIGNATURE_NAME: &str = "SHA256SUMS.sig";
/// The name of the wrapped keys.
pub const KEYS_NAME: &str = "keys.age";
/// The name of the wrapped catalogue.
pub const CATALOGUE_NAME: &str = "catalogue.age";
/// The longest list in bytes; one of two files has 239.
pub const LIST_BYTES: u64 = 1024;

/// The wraps of a bundle, by their digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wraps {
    /// The bundle.
    pub bundle: BundleId,
    /// Its catalogue, sealed anew.
    pub catalogue: Option<MediumDigest>,
    /// Its keys, sealed anew.
    pub keys: Option<MediumDigest>,
}

/// Why a list of wraps is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrapsError {
    /// Not in the one form that a list has.
    #[error("not a list of wraps")]
    Form,
    /// Of another bundle.
    #[error("a list of the wraps of bundle {actual}")]
    Bundle {
        /// Which one.
        actual: BundleId,
    },
    /// Not signed by the vault.
    #[error("the signature over the list of wraps: {0}")]
    Signature(#[from] SshError),
}

impl Wraps {
    /// The list.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("# gapvault wraps 1 {}\n", self.bundle);
        for (digest, name) in [(self.catalogue, CATALOGUE_NAME), (self.keys, KEYS_NAME)] {
            if let Some(digest) = digest {
                // Writing to a String can't fail.
                let _ = writeln!(text, "{digest}  {name}");
            }
        }
        text
    }

    /// The vault's signature over the list.
    pub fn sign(&self, key: &SigningKey) -> Result<String, SshError> {
        key.sign(Namespace::Wrap, self.to_text().as_bytes())
    }

    /// From a list and the signature beside it, which must be `key`'s; the list must be that of `bundle`.
    pub fn verify(list: &[u8], signature: &[u8], key: &PublicKey, bundle: &BundleId) -> Result<Self, WrapsError> {
        Signature::parse(signature)?.verify(key, Namespace::Wrap, list)?;
        let wraps = std::str::from_utf8(list).ok().and_then(Self::parse).ok_or(WrapsError::Form)?;
        // SPEC 11.5: wraps of another bundle are none of this one.
        if wraps.bundle == *bundle { Ok(wraps) } else { Err(WrapsError::Bundle { actual: wraps.bundle }) }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let bundle = lines.next()?.strip_prefix("# gapvault wraps 1 ")?.parse().ok()?;
        let mut wraps = Self { bundle, catalogue: None, keys: None };
        for line in lines {
            let (digest, name) = line.split_once("  ")?;
            let digest = Some(digest.parse().ok()?);
            match name {
                CATALOGUE_NAME => wraps.catalogue = digest,
                KEYS_NAME => wraps.keys = digest,
                _ => return None,
            }
        }
        // One list, one form.
        (wraps.to_text() == text).then_some(wraps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_one_bundle_one_signer() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let (id, public) = (BundleId::of(b"seal"), key.public().unwrap());
        let wraps = Wraps { bundle: id, catalogue: Some(MediumDigest::of(b"c")), keys: Some(MediumDigest::of(b"k")) };
        let (text, signature) = (wraps.to_text(), wraps.sign(&key).unwrap());
        let verify =
            |text: &str, signature: &str, id| Wraps::verify(text.as_bytes(), signature.as_bytes(), &public, id);
        assert_eq!(verify(&text, &signature, &id), Ok(wraps));
        assert!(text.len() as u64 <= LIST_BYTES);

        let elsewhere = BundleId::of(b"another seal");
        assert_eq!(verify(&text, &signature, &elsewhere), Err(WrapsError::Bundle { actual: id }));
        let theirs = wraps.sign(&other).unwrap();
        assert_eq!(verify(&text, &theirs, &id), Err(WrapsError::Signature(SshError::OtherKey)));
        let purpose = key.sign(Namespace::Checkpoint, text.as_bytes()).unwrap();
        assert!(matches!(verify(&text, &purpose, &id), Err(WrapsError::Signature(SshError::Namespace { .. }))));
        let (first, rest) = text.split_once('\n').unwrap();
        let (catalogue, keys) = rest.split_once('\n').unwrap();
        for bad in [
            String::new(),
            text.replace("wraps 1", "wraps 2"),
            text.trim_end().to_owned(),
            format!("{text}\n"),
            format!("{first}\n{keys}{catalogue}\n"),
            format!("{text}{catalogue}\n"),
            text.replace("keys.age", "../keys.age"),
        ] {
            let signature = key.sign(Namespace::Wrap, bad.as_bytes()).unwrap();
            assert_eq!(verify(&bad, &signature, &id), Err(WrapsError::Form), "{bad}");
        }
    }
}
