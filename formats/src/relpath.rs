//! Paths inside an artifact. Nothing from a medium reaches a file system in any other way.

use crate::limits;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::cmp::Ordering;
use std::fmt;
use unicode_normalization::UnicodeNormalization;

/// Why a path is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path {path:?} {fault}")]
pub struct PathError {
    /// The path, shortened.
    pub path: String,
    /// What is wrong with it.
    pub fault: PathFault,
}

/// What can be wrong with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// Nothing at all.
    #[error("is empty")]
    Empty,
    /// Begins with a slash.
    #[error("is absolute")]
    Absolute,
    /// Two slashes in a row, or one at the end.
    #[error("has an empty component")]
    EmptyComponent,
    /// `.` or `..`.
    #[error("has a '.' or '..' component")]
    Dots,
    /// Over [`limits::PATH_BYTES`].
    #[error("is over {} bytes", limits::PATH_BYTES)]
    TooLong,
    /// A component over [`limits::NAME_BYTES`].
    #[error("has a component over {} bytes", limits::NAME_BYTES)]
    NameTooLong,
    /// Over [`limits::PATH_DEPTH`].
    #[error("is nested over {} deep", limits::PATH_DEPTH)]
    TooDeep,
    /// NUL or another control character.
    #[error("has a control character")]
    Control,
    /// A character that reorders or hides text.
    #[error("has a bidirectional or invisible character")]
    Hidden,
    /// A backslash, which is a separator elsewhere.
    #[error("has a backslash")]
    Backslash,
    /// A device name that some systems reserve.
    #[error("has a component that is a reserved device name")]
    Reserved,
    /// A link target that climbs out of the artifact.
    #[error("leaves the artifact")]
    Leaves,
}

/// A checked relative path: UTF-8, components joined by `/`, none of them special.
///
/// Ordered component by component, so that a folder comes right before what it holds.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RelPath(Box<str>);

impl RelPath {
    /// Checks `text` and takes it.
    pub fn new(text: &str) -> Result<Self, PathError> {
        check(text).map_err(|fault| PathError { path: crate::names::shorten(text), fault })?;
        Ok(Self(text.into()))
    }

    /// The text, components joined by `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The components, outermost first.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last component.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The folder that this is in; `None` at the top.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }

    /// This path with one more component.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        Self::new(&format!("{}/{name}", self.0))
    }
}

/// The form under which two spellings of one name meet: NFC, without case, without trailing dots and spaces.
///
/// Upper case first, then lower: some file systems hold `ſ` and `s`, `ς` and `σ`, `ß` and `ss` for one.
#[must_use]
pub fn collision_key(name: &str) -> String {
    let folded: String = name.nfc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect();
    match folded.trim_end_matches(['.', ' ']) {
        "" => folded,
        trimmed => trimmed.to_owned(),
    }
}

fn check(text: &str) -> Result<(), PathFault> {
    if text.is_empty() {
        return Err(PathFault::Empty);
    }
    if text.len() > limits::PATH_BYTES {
        return Err(PathFault::TooLong);
    }
    if text.starts_with('/') {
        return Err(PathFault::Absolute);
    }
    if text.split('/').count() > limits::PATH_DEPTH {
        return Err(PathFault::TooDeep);
    }
    text.split('/').try_for_each(check_component)
}

// SPEC 6.4: a reader MUST refuse these components.
fn check_component(name: &str) -> Result<(), PathFault> {
    match name {
        "" => return Err(PathFault::EmptyComponent),
        "." | ".." => return Err(PathFault::Dots),
        _ if name.len() > limits::NAME_BYTES => return Err(PathFault::NameTooLong),
        _ => {}
    }
    for c in name.chars() {
        match c {
            '\\' => return Err(PathFault::Backslash),
            c if c.is_control() => return Err(PathFault::Control),
            c if is_hidden(c) => return Err(PathFault::Hidden),
            _ => {}
        }
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_lowercase();
    let numbered = |prefix: &str| {
        let number = stem.strip_prefix(prefix).and_then(|n| n.strip_prefix(|c: char| "123456789¹²³".contains(c)));
        number == Some("")
    };
    if matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt") {
        return Err(PathFault::Reserved);
    }
    Ok(())
}

/// Whether `c` reorders text or is not to be seen: Unicode's default ignorable characters and those that separate lines
/// or annotate.
pub fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The target of a symbolic link: relative, and inside the artifact when followed from where the link stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkTarget(Box<str>);

impl LinkTarget {
    /// Checks the target `text` of a link that stands at `at`.
    pub fn new(at: &RelPath, text: &str) -> Result<Self, PathError> {
        check_target(at, text).map_err(|fault| PathError { path: crate::names::shorten(text), fault })?;
        Ok(Self(text.into()))
    }

    /// The text as it stands in the link.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// SPEC 6.5: dots only at the front, so that the way out can be counted without following other links.
fn check_target(at: &RelPath, text: &str) -> Result<(), PathFault> {
    let mut room = at.components().count() - 1;
    let mut rest = text;
    while let Some(after) = rest.strip_prefix("../") {
        room = room.checked_sub(1).ok_or(PathFault::Leaves)?;
        rest = after;
    }
    if rest == ".." && room > 0 {
        return Ok(());
    }
    check(rest).map_err(|fault| if rest == ".." { PathFault::Leaves } else { fault })
}

impl PartialOrd for RelPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for RelPath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.components().cmp(other.components())
    }
}
impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RelPath({:?})", self.0)
    }
}
impl Serialize for RelPath {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for RelPath {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(d)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_paths_are_refused_with_their_fault() {
        use PathFault::*;
        for (text, fault) in [
            ("", Empty),
            ("/etc/passwd", Absolute),
            ("a//b", EmptyComponent),
            ("a/", EmptyComponent),
            ("a/../b", Dots),
            (".", Dots),
            ("a\0b", Control),
            ("a\u{85}b", Control),
            ("a\u{202e}txt.exe", Hidden),
            ("a\\b", Backslash),
            ("NUL", Reserved),
            ("x/com1.txt", Reserved),
        ] {
            assert_eq!(RelPath::new(text).map_err(|e| e.fault), Err(fault), "{text:?}");
        }
        assert_eq!(RelPath::new(&"a".repeat(256)).unwrap_err().fault, NameTooLong);
        assert_eq!(RelPath::new(&"a/".repeat(200)).unwrap_err().fault, TooDeep);
        assert_eq!(
            RelPath::new(&"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/".repeat(90)).unwrap_err().fault,
            TooLong
        );
        for good in
            ["a", "-rf", "a b/…", "model-00001-of-00002.safetensors", "日本/語", "console.log", "com10", "…/..."]
        {
            assert!(RelPath::new(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn links_stay_inside() {
        let at = RelPath::new("a/b/link").unwrap();
        for good in ["c", "../x", "../../x/y", "..", "../.."] {
            assert!(LinkTarget::new(&at, good).is_ok(), "{good}");
        }
        for bad in ["", "/x", "../../../x", "../../..", "c/../d", "./c", "../../"] {
            assert!(LinkTarget::new(&at, bad).is_err(), "{bad}");
        }
        assert!(LinkTarget::new(&RelPath::new("top").unwrap(), "..").is_err());
    }

    #[test]
    fn spellings_collide() {
        assert_eq!(collision_key("e\u{301}A. "), collision_key("ÉA"));
        assert_eq!(collision_key("ſtraße"), collision_key("STRASSE"));
        assert_ne!(collision_key("a"), collision_key("b"));
        assert_ne!(collision_key("..."), "");
    }

    #[test]
    fn a_folder_comes_right_before_what_it_holds() {
        let mut paths: Vec<_> = ["a.b", "a/c", "a", "a-b"].map(|p| RelPath::new(p).unwrap()).into();
        paths.sort();
        assert_eq!(paths.iter().map(RelPath::as_str).collect::<Vec<_>>(), ["a", "a/c", "a-b", "a.b"]);
    }
}
