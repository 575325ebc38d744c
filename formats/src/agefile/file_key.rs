//! The file key, seen on its way through the age crate.
//!
//! The age crate makes and judges headers: it draws the file key and the nonce, wraps the key for each recipient,
//! unwraps it for an identity, and makes and checks the header's MAC. Its own payload code is not used, so the key is
//! watched as it passes between the crate and the recipient or identity; nothing that passes is changed.

use super::payload::{NONCE, PayloadKey};
use super::{AgeError, Identity, Recipient};
use age::secrecy::ExposeSecret;
use age_core::format::{FileKey, Stanza};
use std::cell::OnceCell;
use std::collections::HashSet;
use std::io;
use zeroize::Zeroizing;

/// A new file's bytes up to its first block, and its payload's key.
pub(super) fn seal<'a>(recipients: impl IntoIterator<Item = &'a Recipient>) -> Result<(Vec<u8>, PayloadKey), AgeError> {
    let seen = OnceCell::new();
    let watched: Vec<_> = recipients.into_iter().map(|r| Watched { key: &r.0, seen: &seen }).collect();
    let encryptor = age::Encryptor::with_recipients(watched.iter().map(|r| r as &dyn age::Recipient));
    let mut head = Vec::new();
    // It writes header and nonce at once; blocks would go through what it gives back.
    drop(encryptor.map_err(unsealable)?.wrap_output(&mut head)?);
    let key = payload_key(&seen, &head).ok_or(AgeError::NoRecipients)?;
    Ok((head, key))
}

/// The payload's key of a file that begins with `head`, the bytes up to its first block. The header's MAC is good.
pub(super) fn open(head: &[u8], identity: &Identity) -> Result<PayloadKey, AgeError> {
    let seen = OnceCell::new();
    let watched = Watched { key: &identity.0, seen: &seen };
    // Not `new`: for a header of 120 KiB it took 11.6 s, this 0.15 s.
    let decryptor = age::Decryptor::new_buffered(head).map_err(refuse)?;
    // This checks the MAC. Before it, the key that was seen is a stranger's word; on an error it is dropped unused.
    drop(decryptor.decrypt(std::iter::once(&watched as &dyn age::Identity)).map_err(refuse)?);
    payload_key(&seen, head).ok_or(AgeError::NotARecipient)
}

fn payload_key(seen: &OnceCell<FileKey>, head: &[u8]) -> Option<PayloadKey> {
    let (_, nonce) = head.split_last_chunk::<NONCE>()?;
    let key = age_core::primitives::hkdf(nonce, b"payload", seen.get()?.expose_secret());
    Some(PayloadKey::new(Zeroizing::new(key)))
}

/// A recipient or an identity, and where the file key that passes it is noted.
struct Watched<'a, K> {
    key: &'a K,
    seen: &'a OnceCell<FileKey>,
}

impl<K> Watched<'_, K> {
    /// The first key is the file's: all recipients of a file are given the same one.
    fn note(&self, key: &FileKey) {
        self.seen.get_or_init(|| FileKey::init_with_mut(|copy| copy.copy_from_slice(key.expose_secret())));
    }
}

impl<K: age::Recipient> age::Recipient for Watched<'_, K> {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        self.note(file_key);
        self.key.wrap_file_key(file_key)
    }
}

impl<K: age::Identity> age::Identity for Watched<'_, K> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        self.key.unwrap_stanza(stanza).map(|unwrapped| unwrapped.inspect(|key| self.note(key)))
    }
    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, age::DecryptError>> {
        self.key.unwrap_stanzas(stanzas).map(|unwrapped| unwrapped.inspect(|key| self.note(key)))
    }
}

fn unsealable(error: age::EncryptError) -> AgeError {
    match error {
        age::EncryptError::MissingRecipients => AgeError::NoRecipients,
        age::EncryptError::Io(e) => AgeError::Io(e),
        other => AgeError::Io(io::Error::other(other.to_string())),
    }
}

fn refuse(error: age::DecryptError) -> AgeError {
    match error {
        age::DecryptError::NoMatchingKeys => AgeError::NotARecipient,
        age::DecryptError::Io(e) => AgeError::Io(e),
        // Its further lines guess at the reason.
        other => AgeError::Broken(other.to_string().lines().next().unwrap_or_default().to_owned()),
    }
}
