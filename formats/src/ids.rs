//! Identifiers: 32 bytes each, each a type of its own, so that one can't be taken for another.
//!
//! They are written as 64 lowercase hex digits in text and as byte strings in CBOR.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Text that is not 64 lowercase hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 lowercase hex digits")]
pub struct HexError;

/// Lowercase hex of `bytes`.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[(b >> 4) as usize] as char, DIGITS[(b & 15) as usize] as char]).collect()
}

/// The 32 bytes that 64 lowercase hex digits stand for.
pub fn from_hex(text: &str) -> Result<[u8; 32], HexError> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Ok(c - b'0'),
        b'a'..=b'f' => Ok(c - b'a' + 10),
        _ => Err(HexError),
    };
    let text = text.as_bytes();
    if text.len() != 64 {
        return Err(HexError);
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(out)
}

fn serialize_32<S: Serializer>(bytes: &[u8; 32], s: S) -> Result<S::Ok, S::Error> {
    if s.is_human_readable() { s.serialize_str(&to_hex(bytes)) } else { serde_bytes::Bytes::new(bytes).serialize(s) }
}

fn deserialize_32<'de, D: Deserializer<'de>>(d: D) -> Result<[u8; 32], D::Error> {
    if d.is_human_readable() {
        from_hex(&String::deserialize(d)?).map_err(de::Error::custom)
    } else {
        let bytes = serde_bytes::ByteBuf::deserialize(d)?;
        <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| de::Error::custom("expected 32 bytes"))
    }
}

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 32]);

        impl $name {
            /// From its 32 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
            /// Its 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_hex(&self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
        impl std::str::FromStr for $name {
            type Err = HexError;
            fn from_str(text: &str) -> Result<Self, HexError> {
                from_hex(text).map(Self)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                serialize_32(&self.0, s)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                deserialize_32(d).map(Self)
            }
        }
    )*};
}

id! {
    /// A bundle: the SHA-256 of its `seal.json`.
    BundleId
    /// The SHA-256 of one file of a bundle, as it stands on the medium.
    MediumDigest
    /// The SHA-256 of an exported file's content.
    FileDigest
    /// A chunk: BLAKE3 over its bytes, keyed with the tent key.
    ChunkId
    /// A card: the SHA-256 of the card file's bytes.
    CardFingerprint
    /// A policy: the SHA-256 of the policy file's bytes.
    PolicyDigest
    /// A log entry: the SHA-256 of its line, newline included.
    EntryHash
    /// An SSH public key: the SHA-256 of its wire encoding.
    KeyFingerprint
    /// 32 random bytes that make a bundle's tags unlinkable.
    Nonce
    /// Says to whom a bundle goes, to those who hold that site's label key.
    DestinationTag
    /// Names a tent key without giving it away.
    TentKeyPin
}

macro_rules! sha256_id {
    ($($name:ident)*) => {$(
        impl $name {
            /// The SHA-256 of `bytes`.
            #[must_use]
            pub fn of(bytes: &[u8]) -> Self {
                use sha2::Digest;
                Self(sha2::Sha256::digest(bytes).into())
            }
        }
    )*};
}
sha256_id!(BundleId MediumDigest FileDigest CardFingerprint PolicyDigest EntryHash KeyFingerprint);

macro_rules! secret {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// From its 32 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
            /// Lowercase hex, for writing it to a file that only its owner reads.
            #[must_use]
            pub fn expose_hex(&self) -> zeroize::Zeroizing<String> {
                to_hex(&self.0).into()
            }
            /// The key from its hex form.
            pub fn from_hex(text: &str) -> Result<Self, HexError> {
                from_hex(text).map(Self)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(secret)"))
            }
        }
    )*};
}

secret! {
    /// A tent's key: chunk ids are keyed with it.
    TentKey
    /// A site's label key: destination tags are keyed with it.
    LabelKey
    /// Authenticates the records of an export's journal.
    JournalKey
}

impl PartialEq for LabelKey {
    fn eq(&self, other: &Self) -> bool {
        blake3::Hash::from_bytes(self.0) == blake3::Hash::from_bytes(other.0)
    }
}
impl Eq for LabelKey {}

impl TentKey {
    /// The id of the chunk that holds `bytes`.
    #[must_use]
    pub fn chunk_id(&self, bytes: &[u8]) -> ChunkId {
        ChunkId(*blake3::keyed_hash(&self.0, bytes).as_bytes())
    }

    /// The key that authenticates the journal of the export with this label, in the exporting vault.
    #[must_use]
    pub fn journal_key(&self, label: &crate::names::Label) -> JournalKey {
        let mut hasher = blake3::Hasher::new_derive_key("gapvault format 1 export journal");
        hasher.update(&self.0).update(label.as_str().as_bytes());
        JournalKey(*hasher.finalize().as_bytes())
    }

    /// The pin of this key.
    #[must_use]
    pub fn pin(&self) -> TentKeyPin {
        TentKeyPin(blake3::derive_key("gapvault format 1 tent key pin", &self.0))
    }
}

impl JournalKey {
    /// The tag of a record that holds `bytes` and follows the one with the tag `before`; zeros before the first.
    #[must_use]
    pub fn tag(&self, before: &[u8; 16], bytes: &[u8]) -> [u8; 16] {
        let mut tag = [0; 16];
        blake3::Hasher::new_keyed(&self.0).update(before).update(bytes).finalize_xof().fill(&mut tag);
        tag
    }
}

impl LabelKey {
    /// The tag of a bundle with `nonce` of `tent`, for the site that holds this key.
    #[must_use]
    pub fn tag(&self, nonce: &Nonce, tent: &crate::names::TentName) -> DestinationTag {
        let mut message = nonce.0.to_vec();
        message.extend_from_slice(tent.as_str().as_bytes());
        DestinationTag(*blake3::keyed_hash(&self.0, &message).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_strict() {
        let id = BundleId::of(b"x");
        assert_eq!(id.to_string().parse::<BundleId>(), Ok(id));
        for bad in ["", "00", &id.to_string().to_uppercase(), &format!("{id}0"), &id.to_string().replace('2', "g")] {
            assert_eq!(bad.parse::<BundleId>(), Err(HexError), "{bad}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", TentKey::from_bytes([7; 32])), "TentKey(secret)");
    }
}
