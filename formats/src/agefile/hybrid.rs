//! Age's hybrid keys: ML-KEM-768 with X25519, by HPKE. The age crate makes the header around them.
//!
//! A recipient is the KEM's public key, an identity its 32-byte seed; the file key is sealed in HPKE's base mode.
//!
//! Source: C2SP `age.md`, the MLKEM768-X25519 recipient type.

use super::Suite;
use crate::low_order;
use age::secrecy::ExposeSecret;
use age_core::format::{FileKey, Stanza};
use base64ct::{Base64Unpadded, Encoding};
use bech32::{FromBase32, ToBase32, Variant};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal};
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use zeroize::Zeroizing;

/// How a recipient's text begins, up to the `1`.
const RECIPIENT: &str = "age1pq";
/// The same of an identity, in the case that the encoder takes.
const IDENTITY: &str = "age-secret-key-pq-";
/// What HPKE's keys are bound to.
const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";
/// Recipients share a file with those alone that have this label too: one of another kind would open it to whoever
/// breaks that.
const LABEL: &str = "postquantum";
/// What a body holds beside the file key.
const TAG: usize = 16;

/// The public half.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Recipient(Box<<XWing as Kem>::PublicKey>);

/// The private half, wiped when dropped.
#[derive(Clone)]
pub(super) struct Identity(Box<<XWing as Kem>::PrivateKey>);

impl Recipient {
    /// From its text, which may be in upper case, too.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = decode(text, RECIPIENT)?;
        let key = <XWing as Kem>::PublicKey::from_bytes(&bytes).ok()?;
        (!low_order::is_low_order(bytes.last_chunk()?)).then(|| Self(Box::new(key)))
    }

    pub(super) fn to_text(&self) -> String {
        encode(RECIPIENT, &self.0.to_bytes())
    }
}

impl Hash for Recipient {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bytes().hash(state);
    }
}

impl Identity {
    pub(super) fn generate() -> Self {
        Self(Box::new(XWing::gen_keypair().0))
    }

    /// From its text, in either case.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = decode(text, IDENTITY)?;
        <XWing as Kem>::PrivateKey::from_bytes(&bytes).ok().map(|key| Self(Box::new(key)))
    }

    pub(super) fn expose_text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new(<[u8; 32]>::from(self.0.to_bytes()));
        let text = Zeroizing::new(encode(IDENTITY, bytes.as_slice()));
        Zeroizing::new(text.to_uppercase())
    }

    pub(super) fn recipient(&self) -> Recipient {
        Recipient(Box::new(XWing::sk_to_pk(&self.0)))
    }
}

impl age::Recipient for Recipient {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        let sealed = single_shot_seal::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeS::Base,
            &self.0,
            INFO,
            file_key.expose_secret(),
            b"",
        );
        let (share, body) = sealed.map_err(|e| age::EncryptError::Io(std::io::Error::other(e)))?;
        let args = vec![Base64Unpadded::encode_string(&share.to_bytes())];
        let stanza = Stanza { tag: Suite::PostQuantum.stanza().to_owned(), args, body };
        Ok((vec![stanza], HashSet::from([LABEL.to_owned()])))
    }
}

impl age::Identity for Identity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        let suite = Suite::PostQuantum;
        if stanza.tag != suite.stanza() {
            return None;
        }
        let share = suite.read_share(stanza.args.iter().map(String::as_str));
        let share = share.and_then(|bytes| <XWing as Kem>::EncappedKey::from_bytes(&bytes).ok());
        let (Some(share), true) = (share, stanza.body.len() == age_core::format::FILE_KEY_BYTES + TAG) else {
            return Some(Err(age::DecryptError::InvalidHeader));
        };
        let opened = single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.0,
            &share,
            INFO,
            &stanza.body,
            b"",
        );
        // It may be for another key: that does not show before.
        let opened = Zeroizing::new(opened.ok()?);
        let unwrapped = FileKey::try_init_with_mut(|key| {
            let bytes = opened.as_slice().try_into().map_err(|_| age::DecryptError::InvalidHeader)?;
            *key = bytes;
            Ok(())
        });
        Some(unwrapped)
    }
}

fn encode(prefix: &str, bytes: &[u8]) -> String {
    let Ok(text) = bech32::encode(prefix, bytes.to_base32(), Variant::Bech32) else {
        unreachable!("the prefixes are good")
    };
    text
}

fn decode(text: &str, prefix: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (found, data, variant) = bech32::decode(text).ok()?;
    let bytes = Zeroizing::new(Vec::from_base32(&data).ok()?);
    (found == prefix && variant == Variant::Bech32).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use age::{Identity as _, Recipient as _};

    fn wrapped(recipient: &Recipient) -> Stanza {
        let (mut stanzas, labels) = recipient.wrap_file_key(&FileKey::new(Box::new([7; 16]))).unwrap();
        assert_eq!(labels, HashSet::from([LABEL.to_owned()]));
        assert_eq!(stanzas.len(), 1);
        stanzas.remove(0)
    }

    #[test]
    fn keys_have_one_text_and_open_what_is_theirs() {
        let (identity, other) = (Identity::generate(), Identity::generate());
        let (secret, public) = (identity.expose_text(), identity.recipient().to_text());
        assert!(secret.starts_with("AGE-SECRET-KEY-PQ-1") && secret.len() == 77, "{}", *secret);
        assert!(public.starts_with("age1pq1") && public.len() == 1959, "{public}");
        assert_eq!(Identity::parse(&secret).unwrap().recipient().to_text(), public);
        let stanza = wrapped(&Recipient::parse(&public).unwrap());
        let opened = identity.unwrap_stanza(&stanza).unwrap().unwrap();
        assert_eq!(opened.expose_secret(), &[7; 16]);
        assert!(other.unwrap_stanza(&stanza).is_none());
    }

    #[test]
    fn texts_of_other_keys_are_refused() {
        let identity = Identity::generate();
        let public = identity.recipient().to_text();
        let bytes = decode(&public, RECIPIENT).unwrap();
        let altered = |change: fn(&mut Vec<u8>)| {
            let mut bytes = bytes.to_vec();
            change(&mut bytes);
            Recipient::parse(&encode(RECIPIENT, &bytes))
        };
        assert!(altered(|_| ()).is_some());
        assert!(altered(|bytes| bytes.truncate(1215)).is_none(), "a byte less");
        assert!(altered(|bytes| bytes.push(0)).is_none(), "a byte more");
        assert!(altered(|bytes| bytes[..3].fill(0xff)).is_none(), "coefficients over the modulus");
        assert!(altered(|bytes| bytes[1184..].fill(0)).is_none(), "a point of low order");
        let mut flipped = public.clone().into_bytes();
        flipped[1000] = if flipped[1000] == b'q' { b'p' } else { b'q' };
        assert!(Recipient::parse(std::str::from_utf8(&flipped).unwrap()).is_none(), "its checksum");
        let otherwise = bech32::encode(RECIPIENT, bytes.to_base32(), Variant::Bech32m).unwrap();
        assert!(Recipient::parse(&otherwise).is_none(), "another checksum");
        assert!(Recipient::parse(&encode("age", &bytes)).is_none(), "another prefix");
        assert!(Identity::parse(&encode(IDENTITY, &[7; 31])).is_none());
        assert!(Identity::parse(&encode("age-secret-key-", &[7; 32])).is_none());
    }

    #[test]
    fn stanzas_of_another_form_are_refused() {
        let identity = Identity::generate();
        let good = wrapped(&identity.recipient());
        let refused = |change: &dyn Fn(&mut Stanza)| {
            let mut stanza = Stanza { tag: good.tag.clone(), args: good.args.clone(), body: good.body.clone() };
            change(&mut stanza);
            matches!(identity.unwrap_stanza(&stanza), Some(Err(age::DecryptError::InvalidHeader)))
        };
        assert!(!refused(&|_| ()));
        assert!(refused(&|stanza| stanza.args.clear()));
        assert!(refused(&|stanza| stanza.args.push("AAAA".to_owned())));
        assert!(refused(&|stanza| stanza.args[0].truncate(1490)));
        assert!(refused(&|stanza| stanza.args[0].push('A')));
        assert!(refused(&|stanza| stanza.args[0].push_str("==")));
        // 1,120 bytes leave four bits of the last character unused.
        assert!(refused(&|stanza| stanza.args[0].replace_range(1493.., "B")));
        assert!(refused(&|stanza| stanza.body.truncate(31)));
        assert!(refused(&|stanza| stanza.body.push(0)));
        assert!(refused(&|stanza| {
            let mut share = Base64Unpadded::decode_vec(&stanza.args[0]).unwrap();
            share[1088..].fill(0);
            stanza.args[0] = Base64Unpadded::encode_string(&share);
        }));
    }
}
