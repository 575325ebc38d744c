//! `keys.age`: what members need to open a bundle. Its plaintext is an age identity file, so `age -i` takes it as it is.
//!
//! ```text
//! # gapvault keys 1
//! # nonce: <64 hex digits>
//! # tent: <tent name>
//! # tent-key: <64 hex digits>
//! AGE-SECRET-KEY-1…
//! ```

use crate::agefile::Identity;
use crate::ids::{Nonce, TentKey};
use crate::names::TentName;
use zeroize::Zeroizing;

/// The bundle's own identity and the tent key.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The seal's nonce: ties the keys to their bundle.
    pub nonce: Nonce,
    /// The tent whose key it is.
    pub tent: TentName,
    /// What chunk ids are keyed with.
    pub tent_key: TentKey,
    /// What catalogue, index and packs are sealed to.
    pub identity: Identity,
}

/// Plaintext that is not of this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("keys: not the five lines of a gapvault keys file")]
pub struct KeysError;

impl Keys {
    /// The plaintext.
    #[must_use]
    pub fn expose_text(&self) -> Zeroizing<String> {
        let (tent_key, identity) = (self.tent_key.expose_hex(), self.identity.expose_secret());
        Zeroizing::new(format!(
            "# gapvault keys 1\n# nonce: {}\n# tent: {}\n# tent-key: {}\n{}\n",
            self.nonce, self.tent, *tent_key, *identity
        ))
    }

    /// From the plaintext, which has no other form than [`Keys::expose_text`] gives.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let mut lines = text.split('\n');
        let mut line = |prefix: &str| lines.next().and_then(|l| l.strip_prefix(prefix)).ok_or(KeysError);
        line("# gapvault keys 1")?;
        let keys = Self {
            nonce: line("# nonce: ")?.parse().map_err(|_| KeysError)?,
            tent: line("# tent: ")?.parse().map_err(|_| KeysError)?,
            tent_key: TentKey::from_hex(line("# tent-key: ")?).map_err(|_| KeysError)?,
            identity: Identity::from_secret(line("")?).map_err(|_| KeysError)?,
        };
        // SPEC 8: one form only.
        if *keys.expose_text() == text { Ok(keys) } else { Err(KeysError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_only() {
        let keys = Keys {
            nonce: Nonce::from_bytes([1; 32]),
            tent: "aurora".parse().unwrap(),
            tent_key: TentKey::from_bytes([2; 32]),
            identity: Identity::generate(),
        };
        let text = keys.expose_text();
        assert_eq!(Keys::parse(&text).unwrap().expose_text(), text);
        for bad in [text.replace("keys 1", "keys 2"), text.to_lowercase(), format!("{}\n", *text), text.trim().into()] {
            assert_eq!(Keys::parse(&bad).err(), Some(KeysError), "{bad}");
        }
    }
}
