//! One private key in several forms.

use base64ct::{Base64, Encoding};

/// A plain public key as that of a security key: of the same point, for the application `ssh:`.
pub(crate) fn as_security_key(public: &str) -> String {
    let (kind, base64) = public.split_once(' ').unwrap();
    let wire = Base64::decode_vec(base64).unwrap();
    let name = match kind {
        "ssh-ed25519" => "sk-ssh-ed25519@openssh.com",
        _ => "sk-ecdsa-sha2-nistp256@openssh.com",
    };
    let string = |text: &str| [&(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat();
    let wire = [&string(name)[..], &wire[4 + kind.len()..], &string("ssh:")].concat();
    format!("{name} {}", Base64::encode_string(&wire))
}
