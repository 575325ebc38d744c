//! Names that people give: artifacts, versions, tents, sites, persons, labels. None of them is a plain string.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// A name outside its alphabet or length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text does not fit the alphabet or length of this kind of name.
    #[error("{kind} {text:?} must be 1 to {max} characters of {alphabet}, beginning with a letter or digit")]
    Shape {
        /// What kind of name was read.
        kind: &'static str,
        /// What was found, shortened.
        text: String,
        /// The longest that it may be.
        max: usize,
        /// The characters it may have.
        alphabet: &'static str,
    },
    /// An artifact reference without its colon.
    #[error("{text:?} is not NAME:VERSION")]
    Reference {
        /// What was found, shortened.
        text: String,
    },
}

/// At most 80 characters of outside text, for an error message.
#[must_use]
pub fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

macro_rules! name {
    ($($(#[$doc:meta])* $name:ident: $kind:literal, $max:literal, $alphabet:literal, $extra:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks `text` and takes it.
            pub fn new(text: &str) -> Result<Self, NameError> {
                let extra: fn(u8) -> bool = $extra;
                let begins = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || (c.is_ascii_uppercase() && extra(c));
                // SPEC 3.1: what follows a '/' begins like the whole, so no part is empty, '.' or '..'.
                let fits = text.len() <= $max
                    && text.split('/').all(|part| part.bytes().next().is_some_and(begins))
                    && text.bytes().all(|c| begins(c) || extra(c));
                if !fits {
                    return Err(NameError::Shape { kind: $kind, text: shorten(text), max: $max, alphabet: $alphabet });
                }
                Ok(Self(text.into()))
            }
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Self::new(&String::deserialize(d)?).map_err(de::Error::custom)
            }
        }
    )*};
}

name! {
    /// The name of an artifact.
    ArtifactName: "artifact name", 128, "letters, digits, '.', '_', '-', '+', and '/' before a letter or digit", |c| c.is_ascii_uppercase() || b"._-+/".contains(&c);
    /// The version of an artifact.
    Version: "version", 128, "letters, digits, '.', '_', '-', '+'", |c| c.is_ascii_uppercase() || b"._-+".contains(&c);
    /// The name of a tent.
    TentName: "tent name", 64, "lowercase letters, digits, '.', '_', '-'", |c| b"._-".contains(&c);
    /// The name of a site.
    SiteName: "site name", 64, "lowercase letters, digits, '.', '_', '-'", |c| b"._-".contains(&c);
    /// The name of a person in a policy.
    PersonName: "person name", 64, "lowercase letters, digits, '.', '_', '-', '@'", |c| b"._-@".contains(&c);
    /// A bundle's folder on the medium: tells an outsider nothing.
    Label: "label", 32, "lowercase letters, digits, '-'", |c| c == b'-';
    /// The name of a volume.
    VolumeName: "volume name", 8, "lowercase letters, digits", |_| false;
}

/// A named, versioned tree of files, written `NAME:VERSION`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactRef {
    /// The artifact's name.
    pub name: ArtifactName,
    /// Its version.
    pub version: Version,
}

impl fmt::Display for ArtifactRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}:{}", self.name.as_str(), self.version.as_str()))
    }
}

impl std::str::FromStr for ArtifactRef {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let (name, version) = text.split_once(':').ok_or_else(|| NameError::Reference { text: shorten(text) })?;
        Ok(Self { name: name.parse()?, version: version.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_alphabets() {
        assert!("llama-ft:step-4000".parse::<ArtifactRef>().is_ok());
        assert!("org/Model+x:v1.0".parse::<ArtifactRef>().is_ok());
        for bad in ["x", "x:", ":1", "../x:1", "x/../../y:1", "x/:1", "x//y:1", "x:1/2", "x y:1", "x:1\n", "é:1"] {
            assert!(bad.parse::<ArtifactRef>().is_err(), "{bad}");
        }
        assert!(TentName::new("Aurora").is_err());
        assert!(Label::new("-x").is_err());
        assert!(TentName::new(&"a".repeat(65)).is_err());
    }
}
