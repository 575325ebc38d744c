//! Public keys.

use super::wire::Fields;
use super::{SshError, armour};
use crate::ids::KeyFingerprint;
use crate::limits;
use base64ct::{Base64, Encoding};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// What keys are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    P256,
    Ed25519,
    /// P-256 in a security key.
    SkP256,
    /// Ed25519 in a security key.
    SkEd25519,
}

impl Kind {
    const ALL: [Self; 4] = [Self::P256, Self::Ed25519, Self::SkP256, Self::SkEd25519];

    /// The type's name, of keys and of the signatures that they make.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::P256 => "ecdsa-sha2-nistp256",
            Self::Ed25519 => "ssh-ed25519",
            Self::SkP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
            Self::SkEd25519 => "sk-ssh-ed25519@openssh.com",
        }
    }

    pub(super) fn is_security_key(self) -> bool {
        matches!(self, Self::SkP256 | Self::SkEd25519)
    }

    pub(super) fn is_p256(self) -> bool {
        matches!(self, Self::P256 | Self::SkP256)
    }
}

/// The point that a public key is, less its sign: a coordinate that tells which private keys fit.
///
/// One private key makes a plain key and security keys of any application, and whoever has it has the one of the negated
/// point too. They count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPoint {
    is_p256: bool,
    coordinate: [u8; 32],
}

/// An OpenSSH public key of a type that gapvault accepts.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    /// As OpenSSH has it on the wire.
    wire: Vec<u8>,
}

impl PublicKey {
    /// From its wire encoding.
    pub(super) fn from_wire(wire: &[u8]) -> Result<Self, SshError> {
        let kind = judge(wire).ok_or(SshError::PublicKey)?;
        Ok(Self { kind, wire: wire.to_vec() })
    }

    /// The public half that stands unencrypted in the text of an OpenSSH private key file, whether that has a passphrase
    /// or only says which security key has the private half.
    pub fn of_private_file(text: &str) -> Result<Self, SshError> {
        let bytes = armour::open_private_key(text).ok_or(SshError::PrivateKey)?;
        let mut fields = Fields(bytes.strip_prefix(b"openssh-key-v1\0").ok_or(SshError::PrivateKey)?);
        let mut wire = || {
            let _ways_of_encryption = (fields.string()?, fields.string()?, fields.string()?);
            if fields.number()? == 1 { fields.string() } else { None }
        };
        Self::from_wire(wire().ok_or(SshError::PrivateKey)?)
    }

    /// From the text of a `.pub` file: the key and, if there is one, a comment, which is dropped.
    pub fn of_public_file(text: &str) -> Result<Self, SshError> {
        let mut words = text.trim_ascii().splitn(3, ' ');
        match (words.next(), words.next()) {
            (Some(kind), Some(base64)) if !text.trim_ascii().contains('\n') => format!("{kind} {base64}").parse(),
            _ => Err(SshError::PublicKey),
        }
    }

    /// Whether the private half is in a security key (FIDO2), whose signatures show that somebody touched it.
    #[must_use]
    pub fn is_security_key(&self) -> bool {
        self.kind.is_security_key()
    }

    /// The SHA-256 of its wire encoding, as hex the `<key>` of a signature's file name.
    #[must_use]
    pub fn fingerprint(&self) -> KeyFingerprint {
        KeyFingerprint::of(&self.wire)
    }

    /// What it has in common with every other key of one private key.
    #[must_use]
    pub fn point(&self) -> KeyPoint {
        let is_p256 = self.kind.is_p256();
        let coordinate = coordinate(&self.wire).unwrap_or_else(|| unreachable!("the wire encoding was judged"));
        KeyPoint { is_p256, coordinate }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// As the ssh-key crate has it.
    pub(super) fn to_crate(&self) -> Result<ssh_key::PublicKey, SshError> {
        ssh_key::PublicKey::from_bytes(&self.wire).map_err(|_| SshError::PublicKey)
    }
}

/// What the key is of, if it is in the one encoding of a key that may be used.
fn judge(wire: &[u8]) -> Option<Kind> {
    let mut fields = Fields(wire);
    let name = fields.text()?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name)?;
    let is_good = if kind.is_p256() {
        // OpenSSH knows uncompressed points only.
        fields.text()? == "nistp256" && matches!(fields.string()?, point @ [4, ..] if is_on_curve(point))
    } else {
        is_strong(fields.string()?)
    };
    let is_good = is_good && (!kind.is_security_key() || is_application(fields.string()?));
    (is_good && fields.is_empty()).then_some(kind)
}

/// The x of a P-256 point; the y of one of Ed25519, whose top bit is the sign of x.
fn coordinate(wire: &[u8]) -> Option<[u8; 32]> {
    let mut fields = Fields(wire);
    match (fields.text()?, fields.string()?) {
        (_, b"nistp256") => fields.string()?.get(1..33)?.try_into().ok(),
        (_, y) => {
            let mut y: [u8; 32] = y.try_into().ok()?;
            y[31] &= 0x7f;
            Some(y)
        }
    }
}

fn is_on_curve(point: &[u8]) -> bool {
    p256::PublicKey::from_sec1_bytes(point).is_ok()
}

// SPEC 4.3: with a key of low order anybody can make signatures that fit; with one that has such a part, eight keys are of
// one private key, and with other encodings more.
fn is_strong(bytes: &[u8]) -> bool {
    let key = <&[u8; 32]>::try_from(bytes).ok().and_then(|key| ed25519_dalek::VerifyingKey::from_bytes(key).ok());
    key.is_some_and(|key| {
        let point = key.to_edwards();
        !key.is_weak() && point.is_torsion_free() && point.compress().as_bytes() == bytes
    })
}

/// What a security key signs for: `ssh:` as a rule.
fn is_application(name: &[u8]) -> bool {
    (1..=limits::SK_APPLICATION_BYTES).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic)
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.name(), Base64::encode_string(&self.wire))
    }
}
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}
impl std::str::FromStr for PublicKey {
    type Err = SshError;
    fn from_str(text: &str) -> Result<Self, SshError> {
        // SPEC 4.3: type and base64 with one space between, nothing else.
        let (kind, base64) = text.split_once(' ').ok_or(SshError::PublicKey)?;
        let wire = Base64::decode_vec(base64).map_err(|_| SshError::PublicKey)?;
        let key = Self::from_wire(&wire)?;
        if key.kind.name() == kind && key.to_string() == text { Ok(key) } else { Err(SshError::PublicKey) }
    }
}
impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}
