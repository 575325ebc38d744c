//! What every error of this library can say besides its message.

use rustix::io::Errno;
use std::io;
use std::path::{Path, PathBuf};

/// What kind of failure an error is; the program's exit codes follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything that the others don't fit.
    Other,
    /// The request itself makes no sense.
    Usage,
    /// Data is damaged or was altered.
    Damaged,
    /// Policy or trust does not allow it.
    Refused,
    /// A volume or an earlier bundle is missing.
    Incomplete,
    /// A medium or file system is full, gone or read-only.
    Medium,
}

/// An error that knows its kind and what a person can do next.
pub trait Explain: std::error::Error {
    /// What kind of failure it is.
    fn kind(&self) -> Kind;
    /// What a person can do next, if there is something to say.
    fn hint(&self) -> Option<String> {
        None
    }
    /// What it is about, one by one, where that is several things.
    fn details(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Text with every control, bidirectional and invisible character written out, so that it can't play tricks on whoever
/// reads it.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || gapvault_formats::relpath::is_hidden(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// A file-system operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("{action} {}: {source}", path.display())]
pub struct FsError {
    /// What was tried, as in "can't read".
    pub action: &'static str,
    /// On which path.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl FsError {
    /// For use with `map_err`.
    pub(crate) fn at<E: Into<io::Error>>(action: &'static str, path: &Path) -> impl FnOnce(E) -> Self {
        move |source| Self { action, path: path.to_owned(), source: source.into() }
    }
}

/// What a medium that was taken out says.
const GONE: [Errno; 5] = [Errno::NODEV, Errno::NXIO, Errno::NOMEDIUM, Errno::STALE, Errno::SHUTDOWN];
/// What drivers outside of the kernel, and behind cables, say when nobody answers.
const SILENT: [Errno; 6] =
    [Errno::NOTCONN, Errno::CONNABORTED, Errno::CONNRESET, Errno::TIMEDOUT, Errno::TIME, Errno::HOSTDOWN];
/// What a faulty one says. UCLEAN and BADMSG: the file system's own tables are damaged.
const FAULTY: [Errno; 5] = [Errno::IO, Errno::REMOTEIO, Errno::MEDIUMTYPE, Errno::UCLEAN, Errno::BADMSG];
/// What one says that takes no more.
const FULL: [Errno; 4] = [Errno::ROFS, Errno::NOSPC, Errno::DQUOT, Errno::FBIG];

impl FsError {
    /// Whether nothing more will come of this medium, whatever is tried.
    pub(crate) fn is_gone(&self) -> bool {
        self.is(&GONE) || self.is(&SILENT)
    }

    fn is(&self, any: &[Errno]) -> bool {
        any.iter().any(|errno| Some(errno.raw_os_error()) == self.source.raw_os_error())
    }
}

impl Explain for FsError {
    fn kind(&self) -> Kind {
        if self.is_gone() || self.is(&FAULTY) || self.is(&FULL) { Kind::Medium } else { Kind::Other }
    }

    fn hint(&self) -> Option<String> {
        let text = match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some room, or use a larger medium",
            io::ErrorKind::ReadOnlyFilesystem => "mount it for writing, or name another place",
            io::ErrorKind::FileTooLarge => {
                "this file system, or the limit on this process (`ulimit -f`), does not take files that large"
            }
            io::ErrorKind::PermissionDenied => "check who owns it, and who may read and write there",
            _ if self.kind() == Kind::Medium => "check that the medium is still connected; the rest is untouched",
            _ => return None,
        };
        Some(text.to_owned())
    }
}

/// The hint of an error, which may be put together for it.
pub(crate) fn owned(hint: Option<&str>) -> Option<String> {
    hint.map(str::to_owned)
}

/// Implements [`Explain`] for an enum whose wrapping variants pass the question on.
macro_rules! explain {
    ($error:ty, pass: [$($pass:ident),* $(,)?], { $($pattern:pat $(if $guard:expr)? => ($kind:expr, $hint:expr)),* $(,)? }) => {
        impl $crate::error::Explain for $error {
            fn kind(&self) -> $crate::error::Kind {
                #[allow(unused_imports, clippy::enum_glob_use)]
                use $crate::error::Kind::*;
                #[allow(unused_variables)]
                match self {
                    $(Self::$pass(inner) => inner.kind(),)*
                    $($pattern $(if $guard)? => $kind,)*
                }
            }
            fn hint(&self) -> Option<String> {
                #[allow(unused_variables)]
                match self {
                    $(Self::$pass(inner) => inner.hint(),)*
                    $($pattern $(if $guard)? => $crate::error::owned($hint),)*
                }
            }
            fn details(&self) -> Vec<String> {
                match self {
                    $(Self::$pass(inner) => inner.details(),)*
                    #[allow(unreachable_patterns)]
                    _ => Vec::new(),
                }
            }
        }
    };
}
pub(crate) use explain;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_medium_in_trouble_says_is_known() {
        let kind = |code: Errno| FsError::at("can't write", Path::new("/media/usb"))(code).kind();
        for code in [
            Errno::NOTCONN,
            Errno::NOMEDIUM,
            Errno::REMOTEIO,
            Errno::TIMEDOUT,
            Errno::FBIG,
            Errno::IO,
            Errno::CONNABORTED,
        ] {
            assert_eq!(kind(code), Kind::Medium, "{code}");
        }
        for code in [Errno::NOENT, Errno::ACCESS, Errno::EXIST, Errno::NOTDIR] {
            assert_eq!(kind(code), Kind::Other, "{code}");
        }
    }
}
