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
    let recipients: Vec<_> = recipients.into_iter().collect();
    // Their labels keep them apart in the age crate, too; here it has a name.
    if recipients.windows(2).any(|two| two[0].suite() != two[1].suite()) {
        return Err(AgeError::Mixed);
    }
    let seen = OnceCell::new();
    let watched: Vec<_> = recipients.iter().map(|r| Watched { key: &r.0, seen: &seen }).collect();
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
        // It reads from memory: there was no line left where it wants one.
        age::DecryptError::Io(_) => AgeError::Header,
        // Its further lines guess at the reason.
        other => AgeError::Broken(other.to_string().lines().next().unwrap_or_default().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sealed;
    use super::super::{BlockOpener, Header};
    use super::*;

    /// A key that wants company of its own kind only, and refuses to open.
    struct Labelled(&'static str);

    impl age::Recipient for Labelled {
        fn wrap_file_key(&self, _: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
            let stanza = |tag: &str| Stanza { tag: tag.to_owned(), args: vec!["a".to_owned()], body: vec![1, 2, 3] };
            Ok((vec![stanza(self.0), stanza("more")], HashSet::from([self.0.to_owned()])))
        }
    }

    impl age::Identity for Labelled {
        fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
            (stanza.tag == self.0).then_some(Err(age::DecryptError::ExcessiveWork { required: 1, target: 0 }))
        }
        fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, age::DecryptError>> {
            // Not the default: that it is asked at all shows in what it answers.
            (stanzas.len() == 2).then_some(Err(age::DecryptError::KeyDecryptionFailed))
        }
    }

    #[test]
    fn a_watched_key_answers_as_it_does_unwatched() {
        use age::{Identity as _, Recipient as _};
        let seen = OnceCell::new();
        let (key, watched) = (Labelled("kind"), Watched { key: &Labelled("kind"), seen: &seen });
        let file_key = FileKey::new(Box::new([7; 16]));
        assert_eq!(watched.wrap_file_key(&file_key).unwrap(), key.wrap_file_key(&file_key).unwrap());
        assert_eq!(seen.get().unwrap().expose_secret(), &[7; 16]);

        let seen = OnceCell::new();
        let watched = Watched { key: &key, seen: &seen };
        let (stanzas, _) = key.wrap_file_key(&file_key).unwrap();
        assert!(matches!(watched.unwrap_stanza(&stanzas[0]), Some(Err(age::DecryptError::ExcessiveWork { .. }))));
        assert!(watched.unwrap_stanza(&stanzas[1]).is_none());
        assert!(matches!(watched.unwrap_stanzas(&stanzas), Some(Err(age::DecryptError::KeyDecryptionFailed))));
        assert!(watched.unwrap_stanzas(&stanzas[..1]).is_none());
        assert!(seen.get().is_none(), "no key passed");
    }

    #[test]
    fn recipients_that_may_not_share_a_file_still_may_not_when_watched() {
        let seal = |one: &Labelled, other: &Labelled| {
            let seen = OnceCell::new();
            let (one, other) = (Watched { key: one, seen: &seen }, Watched { key: other, seen: &seen });
            age::Encryptor::with_recipients([&one as &dyn age::Recipient, &other].into_iter()).map(drop)
        };
        assert!(seal(&Labelled("kind"), &Labelled("kind")).is_ok());
        let apart = seal(&Labelled("kind"), &Labelled("other"));
        assert!(matches!(apart, Err(age::EncryptError::IncompatibleRecipients { .. })));
    }

    #[test]
    fn nobody_to_seal_to_is_refused() {
        assert!(matches!(seal([]), Err(AgeError::NoRecipients)));
    }

    /// A header that unwraps for its reader and is not the one that was sealed.
    #[test]
    fn a_header_that_was_tampered_with_opens_for_nobody() {
        let (identity, other) = (Identity::generate(), Identity::generate());
        let file = sealed(&[identity.recipient(), other.recipient()], b"weights");
        let (header, head) = Header::read_head(file.as_slice()).unwrap();
        let nonce = &head[header.length as usize..];
        let lines: Vec<&[u8]> = head[..header.length as usize].split_inclusive(|byte| *byte == b'\n').collect();
        let open =
            |lines: &[&[u8]], recipients| BlockOpener::new(&*[&lines.concat(), nonce].concat(), &identity, recipients);
        assert!(open(&lines, 2).is_ok());

        // The lines: version, a stanza of two for each recipient, grease, MAC.
        let end = lines.len() - 1;
        let added: Vec<_> = lines[..3].iter().chain(&lines[1..]).copied().collect();
        let removed: Vec<_> = lines[..3].iter().chain(&lines[5..]).copied().collect();
        let greaseless: Vec<_> = lines[..5].iter().chain(&lines[end..]).copied().collect();
        let mut forged = lines[end].to_vec();
        forged[10] = if forged[10] == b'A' { b'B' } else { b'A' };
        let other_mac: Vec<_> = lines[..end].iter().copied().chain([forged.as_slice()]).collect();
        for (what, lines, recipients) in [
            ("a recipient more", added, 3),
            ("a recipient less", removed, 1),
            ("no grease", greaseless, 2),
            ("another MAC", other_mac, 2),
        ] {
            assert!(matches!(open(&lines, recipients), Err(AgeError::Broken(_))), "{what}");
        }
    }
}
