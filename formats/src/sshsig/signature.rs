//! Detached signatures.

use super::keys::Kind;
use super::wire::Fields;
use super::{Digests, Namespace, PublicKey, Shown, SshError, armour};
use crate::names;
use ed25519_dalek::Verifier;
use ssh_key::{Algorithm, EcdsaCurve, HashAlg};

const VERSION: u32 = 1;
/// The flags of a security key that say that it signed more than it is asked for here: attested data, extensions.
const MORE_DATA: u8 = 0xc0;

/// A detached signature. Never an identifier: ECDSA signatures are malleable.
#[derive(Clone, Debug)]
pub struct Signature {
    key: PublicKey,
    namespace: String,
    hash: HashAlg,
    /// What the key made, as the ssh-key crate has it: with a security key's flags and counter behind it.
    made: ssh_key::Signature,
    /// A security key's flags.
    flags: Option<u8>,
}

impl Signature {
    /// From the bytes of a `.sig` file, canonical armour only.
    pub fn parse(armoured: &[u8]) -> Result<Self, SshError> {
        let bytes = armour::open_signature(armoured).ok_or(SshError::Armour)?;
        let (mut fields, form) = (Fields(&bytes), SshError::Armour);
        // SPEC 4.2: each field has one value or one encoding.
        let is_known = fields.bytes(6) == Some(b"SSHSIG") && fields.number() == Some(VERSION);
        let key = fields.string().filter(|_| is_known).ok_or_else(|| form.clone())?;
        let namespace = fields.text().filter(|name| !name.is_empty()).ok_or_else(|| form.clone())?;
        let reserved = fields.string().ok_or_else(|| form.clone())?;
        let hash = match fields.text() {
            Some("sha512") => HashAlg::Sha512,
            Some("sha256") => HashAlg::Sha256,
            _ => return Err(form),
        };
        let made = fields.string().ok_or_else(|| form.clone())?;
        if !reserved.is_empty() || !fields.is_empty() {
            return Err(form);
        }
        let key = PublicKey::from_wire(key)?;
        let (made, flags) = open(key.kind(), made)?;
        Ok(Self { key, namespace: namespace.to_owned(), hash, made, flags })
    }

    /// The key that it says it was made with.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What it says it was made for.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What it shows of whoever made it, once it is verified.
    #[must_use]
    pub fn shown(&self) -> Shown {
        self.flags.map(Shown::from_flags).unwrap_or_default()
    }

    /// Whether `key` made this over `message` for `namespace`. A security key must have been touched for it.
    pub fn verify(&self, key: &PublicKey, namespace: Namespace, message: &[u8]) -> Result<(), SshError> {
        self.verify_digests(key, namespace, &Digests::of(message))
    }

    /// The same over a message of which only the digests are at hand.
    pub fn verify_digests(&self, key: &PublicKey, namespace: Namespace, message: &Digests) -> Result<(), SshError> {
        if self.namespace != namespace.as_str() {
            let actual = names::shorten(&self.namespace);
            return Err(SshError::Namespace { actual, expected: namespace });
        }
        if self.key != *key {
            return Err(SshError::OtherKey);
        }
        // SPEC 4.2: stock verifiers leave this to whoever configures them.
        if key.is_security_key() && !self.shown().presence {
            return Err(SshError::NoPresence);
        }
        let signed = message.signed_data(namespace, self.hash);
        key.to_crate()?.key_data().verify(&signed, &self.made).map_err(|_| SshError::Invalid)
    }
}

/// What a key of `kind` made, and a security key's flags.
fn open(kind: Kind, made: &[u8]) -> Result<(ssh_key::Signature, Option<u8>), SshError> {
    let mut fields = Fields(made);
    let name = fields.text().ok_or(SshError::Armour)?;
    if name != kind.name() {
        return Err(SshError::Type { actual: names::shorten(name), expected: kind.name() });
    }
    let core = fields.string().filter(|core| is_core(kind, core)).ok_or(SshError::Armour)?;
    // Flags and counter.
    let tail = fields.bytes(if kind.is_security_key() { 5 } else { 0 }).ok_or(SshError::Armour)?;
    let flags = tail.first().copied();
    if !fields.is_empty() || flags.is_some_and(|flags| flags & MORE_DATA != 0) {
        return Err(SshError::Armour);
    }
    let algorithm = match kind {
        Kind::P256 => Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
        Kind::Ed25519 => Algorithm::Ed25519,
        Kind::SkP256 => Algorithm::SkEcdsaSha2NistP256,
        Kind::SkEd25519 => Algorithm::SkEd25519,
    };
    let made = ssh_key::Signature::new(algorithm, [core, tail].concat()).map_err(|_| SshError::Armour)?;
    Ok((made, flags))
}

/// Whether this is the one encoding of what a curve makes.
fn is_core(kind: Kind, core: &[u8]) -> bool {
    let mut fields = Fields(core);
    if kind.is_p256() {
        fields.scalar().is_some() && fields.scalar().is_some() && fields.is_empty()
    } else {
        core.len() == 64
    }
}
