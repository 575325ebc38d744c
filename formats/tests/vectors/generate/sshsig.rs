//! Vectors of armoured signatures: SPEC 4.2. All but those that claim otherwise are over the same bytes, as a seal.

use super::{Kind, security_key};
use crate::fixtures;
use gapvault_formats::sshsig::Namespace;
use ssh_key::{HashAlg, LineEnding, PrivateKey, SshSig};

/// A signature by `ssh-keygen` with a P-384 key, a type that is not taken.
const P384: &str = "-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAAIgAAAATZWNkc2Etc2hhMi1uaXN0cDM4NAAAAAhuaXN0cDM4NAAAAG
EEJ1jUFPu/tKRVgMekMwVUCJ4nFVgx+8a7E7O12zcdcvJWGURZjEbZA8axC94vdEDJPskb
N3Ej8jlOs7RczsIY4TclUHLL2Ie5Mg8UMq1EPZLO/Pcp4UHloFdHm8hX4Gh1AAAADXNlYW
xAZ2FwdmF1bHQAAAAAAAAABnNoYTUxMgAAAIUAAAATZWNkc2Etc2hhMi1uaXN0cDM4NAAA
AGoAAAAxAOjuVEniNSph0186WigeiETHWtQDdec/OViUTsKJZFh0E02gtkPffYeQ+hA9ZZ
ccgwAAADEA83TF0AfIVB08cvq7pGkdvD9Py2YVBszdte7M4oW5XIVvJznrfMOrzLPA3njl
cGg5
-----END SSH SIGNATURE-----
";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";
const END: &str = "-----END SSH SIGNATURE-----\n";

pub(super) fn vectors() -> Kind {
    let mut kind = Kind::new("sshsig", "sig");
    let key = fixtures::signing_key(fixtures::P256);
    let good = key.sign(Namespace::Seal, fixtures::SIGNED).unwrap();
    kind.valid("p256", good.clone());
    kind.valid("ed25519", sign(fixtures::ED25519, HashAlg::Sha512).to_pem(LineEnding::LF).unwrap());
    kind.valid("p256_over_sha256", sign(fixtures::P256, HashAlg::Sha256).to_pem(LineEnding::LF).unwrap());

    for namespace in [Namespace::Approve, Namespace::Receipt, Namespace::Policy, Namespace::Checkpoint] {
        let claim = format!("for_{}", namespace.as_str().split('@').next().unwrap());
        kind.invalid(&claim, key.sign(namespace, fixtures::SIGNED).unwrap());
    }
    kind.invalid("over_other_bytes", key.sign(Namespace::Seal, b"gapvault test vectors\n").unwrap());
    kind.invalid("p384", P384);
    armour(&mut kind, &good);
    blobs(&mut kind);
    security_key::signatures(&mut kind);
    kind
}

fn sign(key: &str, hash: HashAlg) -> SshSig {
    PrivateKey::from_openssh(key).unwrap().sign(Namespace::Seal.as_str(), hash, fixtures::SIGNED).unwrap()
}

fn armour(kind: &mut Kind, good: &str) {
    let first = good.lines().nth(1).unwrap();
    let joined: String = good.lines().filter(|line| !line.starts_with('-')).collect();
    let lines_of = |width: usize| {
        let lines: Vec<_> = joined.as_bytes().chunks(width).map(|line| str::from_utf8(line).unwrap()).collect();
        format!("{BEGIN}{}\n{END}", lines.join("\n"))
    };
    kind.invalid("empty", "");
    kind.invalid("crlf_armour", good.replace('\n', "\r\n"));
    kind.invalid("lines_of_64_characters", lines_of(64));
    kind.invalid("lines_of_76_characters", lines_of(76));
    kind.invalid("one_long_line", lines_of(joined.len()));
    kind.invalid("text_before", format!("signed by the lab\n{good}"));
    kind.invalid("text_behind", format!("{good}signed by the lab\n"));
    kind.invalid("newline_before", format!("\n{good}"));
    kind.invalid("newline_behind", format!("{good}\n"));
    kind.invalid("no_newline_at_the_end", good.trim_end());
    kind.invalid("two_signatures", good.repeat(2));
    kind.invalid("over_16_kib", good.repeat(50));
    kind.invalid("not_utf8", [good.as_bytes(), b"\xff"].concat());
    kind.altered(
        good,
        &[
            ("space_at_the_end_of_a_line", first, &format!("{first} ")),
            ("empty_line_inside", first, &format!("{first}\n")),
            ("header_inside", first, &format!("Comment: lab\n\n{first}")),
            ("other_label", "-----BEGIN SSH SIGNATURE-----", "-----BEGIN SIGNATURE-----"),
            ("cut_off", END, ""),
        ],
    );
}

/// What the base64 of a signature stands for, field by field.
#[derive(Clone, Copy)]
pub(super) struct Blob<'a> {
    magic: &'a [u8; 6],
    version: u32,
    key: &'a [u8],
    reserved: &'a [u8],
    hash: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Blob<'a> {
    /// A good one with this key and what it made.
    pub(super) fn of(key: &'a [u8], signature: &'a [u8]) -> Self {
        Self { magic: b"SSHSIG", version: 1, key, reserved: b"", hash: b"sha512", signature }
    }

    pub(super) fn armoured(self) -> String {
        armoured(&self.bytes())
    }

    fn bytes(self) -> Vec<u8> {
        let mut bytes = [self.magic.as_slice(), &self.version.to_be_bytes()].concat();
        for part in [self.key, Namespace::Seal.as_str().as_bytes(), self.reserved, self.hash, self.signature] {
            bytes.extend((part.len() as u32).to_be_bytes());
            bytes.extend(part);
        }
        bytes
    }
}

/// Signatures whose armour is right and whose inside is not.
fn blobs(kind: &mut Kind) {
    let signature = sign(fixtures::P256, HashAlg::Sha512);
    let key = ssh_key::PublicKey::from(signature.public_key().clone()).to_bytes().unwrap();
    // The point of a security key makes another key, of which nobody has heard.
    let point = ssh_key::PublicKey::from_openssh(fixtures::SK_P256).unwrap().to_bytes().unwrap();
    let stranger = [&key[..key.len() - 65], &point[point.len() - 8 - 65..point.len() - 8]].concat();
    let made = Vec::try_from(signature.signature().clone()).unwrap();
    let mut flipped = made.clone();
    *flipped.last_mut().unwrap() ^= 1;

    // The first number gets a zero in front: the same number in another encoding.
    let at = made.len() - signature.signature_bytes().len();
    let mut longer = made.clone();
    longer.insert(at + 4, 0);
    longer[at + 3] += 1;
    longer[at - 1] += 1;

    let good = Blob::of(&key, &made);
    assert_eq!(armoured(&good.bytes()), signature.to_pem(LineEnding::LF).unwrap());
    for (claim, blob) in [
        ("other_magic", Blob { magic: b"SSHSIX", ..good }),
        ("version_0", Blob { version: 0, ..good }),
        ("version_2", Blob { version: 2, ..good }),
        ("reserved_is_not_empty", Blob { reserved: b"more", ..good }),
        ("sha1", Blob { hash: b"sha1", ..good }),
        ("sha256_said_of_sha512", Blob { hash: b"sha256", ..good }),
        ("of_another_key", Blob { key: &stranger, ..good }),
        ("bit_flipped_in_the_signature", Blob { signature: &flipped, ..good }),
        ("without_a_signature", Blob { signature: b"", ..good }),
        ("number_with_a_zero_more", Blob { signature: &longer, ..good }),
    ] {
        kind.invalid(claim, blob.armoured());
    }
    let bytes = good.bytes();
    kind.invalid("bytes_behind", armoured(&[bytes.as_slice(), b"\0\0\0"].concat()));
    kind.invalid("bytes_missing", armoured(&bytes[..bytes.len() - 3]));
}

/// `blob` in canonical armour.
fn armoured(blob: &[u8]) -> String {
    let text = base64(blob);
    let lines: Vec<_> = text.as_bytes().chunks(70).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("{BEGIN}{}\n{END}", lines.join("\n"))
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().chain([0, 0].iter()).take(3).fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        for digit in 0..4 {
            text.push(if digit <= group.len() { DIGITS[bits >> (18 - 6 * digit) & 63].into() } else { '=' });
        }
    }
    text
}
