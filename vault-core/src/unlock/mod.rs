//! What keeps a vault's identities closed at rest, and how they are opened: a passphrase, or a plugin that speaks for a
//! hardware key. Both are plain age files, so `age -d` opens what this writes, and this what `age -p` writes.
//!
//! Nobody is asked before an identity is needed, and once at most.

mod config;
mod plugin;
mod protection;
mod stanza;

pub use config::{ConfigError, PluginConfig};
pub use plugin::PluginError;
pub use protection::Protection;

pub(crate) use config::{read_config, write_config};
pub(crate) use plugin::{PluginIdentity, PluginRecipient};
pub(crate) use protection::{Lock, open, seal};

use crate::error::{FsError, explain};
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What a secret is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The passphrase that an identity file of this path is protected by.
    Passphrase(&'a Path),
    /// What a plugin asks for, in its own words: a PIN, for example.
    Plugin {
        /// Its program.
        program: &'a Path,
        /// What it says.
        prompt: &'a str,
        /// Whether what is typed may be seen.
        secret: bool,
    },
}

/// Why nothing was answered.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is nobody to ask.
    #[error("there is no terminal to ask on")]
    Nobody,
    /// Whoever was asked did not want to answer.
    #[error("nothing was answered")]
    Declined,
    /// What should hold the answer can't be read.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl AskError {
    /// What should hold the answer can't be read.
    #[must_use]
    pub fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Fs(FsError::at("can't read", path)(source))
    }
}

explain!(AskError, pass: [Fs], {
    Self::Nobody => (Usage, Some("give it in a file, or run the command on a terminal")),
    Self::Declined => (Other, None),
});

/// Whoever sits at the vault. Asked while a command runs, from any thread.
pub trait Ask: Send + Sync {
    /// A secret, without the end of its line.
    fn secret(&self, wanted: Wanted<'_>) -> Result<Zeroizing<String>, AskError>;
    /// A plugin has something to say: that a key should be touched, for example.
    fn tell(&self, program: &Path, text: &str);
    /// A plugin wants something confirmed; `no` is what to call the other answer, if there is one.
    fn confirm(&self, program: &Path, text: &str, yes: &str, no: Option<&str>) -> Result<bool, AskError>;
}

impl fmt::Debug for dyn Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ask")
    }
}

/// Nobody is there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Ask for Nobody {
    fn secret(&self, _: Wanted<'_>) -> Result<Zeroizing<String>, AskError> {
        Err(AskError::Nobody)
    }
    fn tell(&self, _: &Path, _: &str) {}
    fn confirm(&self, _: &Path, _: &str, _: &str, _: Option<&str>) -> Result<bool, AskError> {
        Err(AskError::Nobody)
    }
}

/// Why an identity file is not opened, or not written.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// Reading or writing failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// It is protected by a passphrase, and nobody gives it.
    #[error("{} is protected by a passphrase: {source}", path.display())]
    Asked {
        /// Which file.
        path: PathBuf,
        /// Why there is none.
        source: AskError,
    },
    /// Another passphrase.
    #[error("{} does not open with this passphrase", path.display())]
    Passphrase {
        /// Which file.
        path: PathBuf,
    },
    /// An empty one protects from nobody.
    #[error("an empty passphrase")]
    Empty,
    /// Not an age file, or a damaged one.
    #[error("{} is damaged: {fault}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What the age crate said.
        fault: String,
    },
    /// What the file holds when it is open is no identity.
    #[error("{} holds something else than age identities", path.display())]
    NoIdentities {
        /// Which file.
        path: PathBuf,
    },
    /// It is sealed to a plugin that this vault's configuration does not name.
    #[error("{} is sealed to a plugin's key, and the vault's config.toml names no plugin", path.display())]
    NoPlugin {
        /// Which file.
        path: PathBuf,
    },
    /// The configuration is refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A plugin failed or refused.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// What was sealed does not open again, so nothing was changed.
    #[error("what was sealed anew does not open again: {0}")]
    NotProven(Box<UnlockError>),
}

explain!(UnlockError, pass: [Fs, Config, Plugin], {
    Self::Asked { source: AskError::Fs(inner), .. } => (Other, Some("give a file that holds the passphrase in its first line")),
    Self::Asked { source: AskError::Declined, .. } => (Other, None),
    Self::Asked { .. } => (Usage, Some("give the passphrase in a file with --passphrase-file FILE, or run it on a terminal")),
    Self::Passphrase { .. } => (Other, Some("try again; if it is lost, `gapvault rekey --identity --recover FILE` makes new identities from the recovery identity")),
    Self::NotProven(_) => (Other, Some("nothing was changed; try whether the plugin opens what it seals with `age`")),
    Self::Empty => (Usage, Some("give one that nobody guesses, or `--none` for no protection")),
    Self::Damaged { .. } | Self::NoIdentities { .. } => (Damaged, Some("restore it from a backup of the vault, or run `gapvault rekey --identity --recover FILE` with the recovery identity")),
    Self::NoPlugin { .. } => (Usage, Some("name program, recipient and identity of the plugin in config.toml, as `gapvault keys protect` does")),
});
