//! What a file is, by its content and never by its name; and whether a tent takes it.
//!
//! A file may be several things at once: an npz is a zip archive, and a script may go before one. Of most formats the
//! first 16 KiB are looked at and nothing is validated. Pickles are followed instruction by instruction, since they run
//! code when they are loaded, through containers too. What a container hides counts as bearing pickles.

mod format;
mod input;
mod look;
mod magic;
mod npy;
mod packed;
mod pickle;
mod rules;
mod tar;
#[cfg(test)]
mod tests;
mod zip;

pub use format::{Format, Formats, UnknownFormat};
pub use look::look;
pub use rules::Refusal;

use std::fmt;

/// What a look at a file has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What it is itself; never empty.
    pub formats: Formats,
    /// What stands in it, however deep.
    pub inside: Formats,
    /// The pickles that it bears, if there are any: the first found, or one that tells what it imports.
    pub pickle: Option<Pickle>,
    /// What can't be looked into, if there is anything: the first found.
    pub hidden: Option<Hidden>,
}

/// A pickle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pickle {
    /// The names of the members that lead to it, from the outside in. They were chosen by whoever made the file.
    pub member: Vec<String>,
    /// Whether it is the elements of a numpy array.
    pub objects: bool,
    /// The first few things that it imports, as far as they are known. They may be any text.
    pub imports: Vec<String>,
}

/// Something that can't be looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The names of the members that lead to it, from the outside in.
    pub member: Vec<String>,
    /// Why not.
    pub why: Why,
}

/// Why something can't be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is encrypted.
    Encrypted,
    /// A member is packed by a method that is not known here.
    Method,
    /// A format that is recognised, and not unpacked here.
    Closed(Format),
    /// It does not unpack, or breaks off.
    Damaged,
    /// Two programs would find different things in it.
    Ambiguous,
    /// Containers in containers.
    TooDeep,
    /// More than is read or unpacked.
    TooMuch,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encrypted => f.write_str("it is encrypted"),
            Self::Method => f.write_str("it is packed by a method that is not known here"),
            Self::Closed(format) => write!(f, "{format} is not unpacked here"),
            Self::Damaged => f.write_str("it is damaged"),
            Self::Ambiguous => f.write_str("programs would find different things in it"),
            Self::TooDeep => f.write_str("it holds containers in too many containers"),
            Self::TooMuch => f.write_str("it unpacks to more than is looked through"),
        }
    }
}

/// The members that lead somewhere, for people.
fn member(path: &[String]) -> String {
    if path.is_empty() { String::new() } else { format!(" in its member {}", path.join(" / ")) }
}
