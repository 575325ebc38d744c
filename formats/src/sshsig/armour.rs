//! The lines around a signature or a private key.

use crate::limits;
use base64ct::{Base64, Encoding};

const SIGNATURE: &str = "SSH SIGNATURE";
const PRIVATE_KEY: &str = "OPENSSH PRIVATE KEY";
/// Characters of base64 in a line.
const COLUMNS: usize = 70;

/// What canonical armour around a signature stands for.
pub(super) fn open_signature(armoured: &[u8]) -> Option<Vec<u8>> {
    if armoured.len() as u64 > limits::SIGNATURE_BYTES {
        return None;
    }
    let text = std::str::from_utf8(armoured).ok()?;
    let bytes = open(text, SIGNATURE)?;
    // SPEC 4.2: one signature, one armour.
    (signature(&bytes) == text).then_some(bytes)
}

/// What the armour around a private key stands for. Anything goes for line breaks: it is a person's own file.
pub(super) fn open_private_key(text: &str) -> Option<Vec<u8>> {
    open(text.trim_ascii(), PRIVATE_KEY)
}

fn open(text: &str, label: &str) -> Option<Vec<u8>> {
    let inside = text.trim_end().strip_prefix(&begin(label))?.strip_suffix(&end(label))?;
    let base64: String = inside.split_ascii_whitespace().collect();
    Base64::decode_vec(&base64).ok()
}

/// `bytes` in canonical armour.
fn signature(bytes: &[u8]) -> String {
    let base64 = Base64::encode_string(bytes);
    let mut text = begin(SIGNATURE) + "\n";
    for line in base64.as_bytes().chunks(COLUMNS) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text + &end(SIGNATURE) + "\n"
}

fn begin(label: &str) -> String {
    format!("-----BEGIN {label}-----")
}

fn end(label: &str) -> String {
    format!("-----END {label}-----")
}
