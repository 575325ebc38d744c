//! The keys and names that the vectors are made of. The keys are public: never trust them.

use gapvault_formats::agefile::{Identity, Recipient};
use gapvault_formats::ids::{LabelKey, Nonce, TentKey};
use gapvault_formats::names::TentName;
use gapvault_formats::sshsig::SigningKey;
use gapvault_formats::time::Time;

/// What the signatures among the vectors are made over.
pub(crate) const SIGNED: &[u8] = b"gapvault test vector\n";

/// The P-256 key of the lab's person, as text.
pub(crate) const P256: &str = include_str!("../../vectors/keys/test-only-p256");
/// An Ed25519 key, as text.
pub(crate) const ED25519: &str = include_str!("../../vectors/keys/test-only-ed25519");

/// Keys that OpenSSH's security key in software made. It is not there any more.
pub(crate) const SK_P256: &str = "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20\
                                  AAAAIbmlzdHAyNTYAAABBBIHcHHvXCXVw0WPz138DMEEjQRmYy0etjoRGTl7XKZciGbdmn1VOey8PZopOrKM\
                                  oQiSLOFLNJq65TYZ5iEme5z4AAAAEc3NoOg==";
pub(crate) const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIPdE7VBwJZuN\
                                     VET4arSAHwmO/xdYiKmuyoq2cncPNX6kAAAABHNzaDo=";

/// The age recipients of the two sites; nobody has the identities.
pub(crate) const CLUSTER: &str = "age1h8wfyjcy9dspjlzlvejels907k7j5np07ss872ew00ggp0kfvg2stnjg07";
pub(crate) const AUDITOR: &str = "age145pcqpjlcxnp3j8rjshqd754v6tkdrcg3q3vff7m04axh3j7qvfsh86hnp";

/// The age recipient of a site that no card is of.
pub(crate) const STRANGER: &str = "age1n0qz2v9s4uhfxru07lyxk2mh5pg43j28pa9yt5vqd8rvs8wjsy5q4tlun8";

/// The hybrid identities of the two sites.
const CLUSTER_PQ: &str = include_str!("../../vectors/keys/test-only-cluster-pq.key");
const AUDITOR_PQ: &str = include_str!("../../vectors/keys/test-only-auditor-pq.key");

/// The hybrid recipients of the two sites, the cluster's first.
pub(crate) fn recipients_pq() -> [String; 2] {
    [CLUSTER_PQ, AUDITOR_PQ].map(|key| Identity::from_secret(key.trim_end()).unwrap().recipient().to_string())
}

pub(crate) fn signing_key(text: &str) -> SigningKey {
    SigningKey::from_openssh(text).unwrap()
}

/// The text of the public half of a key.
pub(crate) fn public(text: &str) -> String {
    signing_key(text).public().unwrap().to_string()
}

pub(crate) fn recipient(text: &str) -> Recipient {
    text.parse().unwrap()
}

pub(crate) fn bundle_identity() -> Identity {
    let file = include_str!("../../vectors/keys/test-only-bundle.key");
    Identity::from_secret(file.lines().last().unwrap()).unwrap()
}

pub(crate) fn bundle_identity_pq() -> Identity {
    Identity::from_secret(include_str!("../../vectors/keys/test-only-bundle-pq.key").trim_end()).unwrap()
}

pub(crate) fn nonce() -> Nonce {
    Nonce::from_bytes([0x11; 32])
}

pub(crate) fn tent_key() -> TentKey {
    TentKey::from_bytes([0x22; 32])
}

pub(crate) fn cluster_label_key() -> LabelKey {
    LabelKey::from_bytes([0x33; 32])
}

pub(crate) fn auditor_label_key() -> LabelKey {
    LabelKey::from_bytes([0x44; 32])
}

pub(crate) fn tent() -> TentName {
    "aurora".parse().unwrap()
}

pub(crate) fn created() -> Time {
    "2026-11-21T08:00:00Z".parse().unwrap()
}

pub(crate) fn expires() -> Time {
    "2026-12-21T08:00:00Z".parse().unwrap()
}
