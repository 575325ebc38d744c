//! A security key in software, after PROTOCOL.u2f of OpenSSH: it signs with any flags, as a real one does not.

use crate::generate::base64;
use ssh_key::{HashAlg, PrivateKey, SshSig};

/// An OpenSSH key that is said to be in a security key.
pub(crate) struct Authenticator {
    key: PrivateKey,
    /// The key's type, and that of its signatures.
    name: &'static str,
    application: String,
}

impl Authenticator {
    pub(crate) fn new(key: &str) -> Self {
        let key = PrivateKey::from_openssh(key).unwrap();
        let is_ed25519 = key.algorithm() == ssh_key::Algorithm::Ed25519;
        let name = if is_ed25519 { "sk-ssh-ed25519@openssh.com" } else { "sk-ecdsa-sha2-nistp256@openssh.com" };
        Self { key, name, application: "ssh:".to_owned() }
    }

    /// The same for another application.
    pub(crate) fn of(self, application: &str) -> Self {
        Self { application: application.to_owned(), ..self }
    }

    /// The public key on the wire: that of the OpenSSH key under another name, and the application.
    pub(crate) fn public(&self) -> Vec<u8> {
        let wire = self.key.public_key().to_bytes().unwrap();
        let name = 4 + usize::from(wire[3]);
        [string(self.name), wire[name..].to_vec(), string(&self.application)].concat()
    }

    /// The public key as text.
    pub(crate) fn text(&self) -> String {
        format!("{} {}", self.name, base64(&self.public()))
    }

    /// What it makes over `message` for `namespace`, with these flags and some count.
    pub(crate) fn sign(&self, namespace: &str, message: &[u8], flags: u8) -> Vec<u8> {
        [string(self.name), self.make(&signed_data(namespace, message), flags)].concat()
    }

    /// The same in a web browser, which has it sign a text around the message, for a page.
    pub(crate) fn sign_for_a_page(&self, namespace: &str, message: &[u8], flags: u8) -> Vec<u8> {
        let challenge = base64(&signed_data(namespace, message)).replace('+', "-").replace('/', "_");
        let (challenge, page) = (challenge.trim_end_matches('='), "https://example.com");
        let text = format!("{{\"type\":\"webauthn.get\",\"challenge\":\"{challenge}\",\"origin\":\"{page}\"}}");
        let more = [page, &text, ""].map(string).concat();
        [string(format!("webauthn-{}", self.name)), self.make(text.as_bytes(), flags), more].concat()
    }

    /// The signature over `bytes`, flags and counter.
    fn make(&self, bytes: &[u8], flags: u8) -> Vec<u8> {
        let count = [0, 0, 1, 7];
        let [application, digest] = [self.application.as_bytes(), bytes].map(|bytes| HashAlg::Sha256.digest(bytes));
        let made = sign(&self.key, &[&application[..], &[flags], &count, &digest].concat());
        [string(made), vec![flags], count.to_vec()].concat()
    }
}

fn signed_data(namespace: &str, message: &[u8]) -> Vec<u8> {
    SshSig::signed_data(namespace, HashAlg::Sha512, message).unwrap()
}

/// What the key of the algorithm itself makes over `bytes`.
fn sign<K: ssh_key::SigningKey>(key: &K, bytes: &[u8]) -> Vec<u8> {
    key.try_sign(bytes).unwrap().as_bytes().to_vec()
}

/// A length and as many bytes.
pub(crate) fn string(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}
