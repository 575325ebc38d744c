//! `config.toml`: what this machine has for the vault. It is local, never carried, and nothing from a medium, a card or
//! a policy gets into it; so it alone says which program is run.

use crate::error::{FsError, explain};
use crate::fs::{Folder, OpenError, write_replacing};
use rustix::fs::Mode;
use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const NAME: &str = "config.toml";
/// The longest in bytes.
const LONGEST: u64 = 64 << 10;

/// Everything in `config.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plugin: Option<PluginConfig>,
    /// While the identities go from one plugin to another: the one that they may still be sealed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<PluginConfig>,
}

/// The plugin that opens the vault's identities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginConfig {
    /// The program, by its absolute path.
    pub program: PathBuf,
    /// The plugin's recipient, which the identities are sealed to.
    pub recipient: String,
    /// The file with the plugin's identity, by its absolute path: what tells it which hardware key to use.
    pub identity: PathBuf,
}

/// Why `config.toml` is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It can't be read or written.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Not a regular file, or too long.
    #[error("{} is no configuration file of at most {LONGEST} bytes", path.display())]
    NotAFile {
        /// Which file.
        path: PathBuf,
    },
    /// Who may write to it, or to what it names, says which program is run.
    #[error("{} is somebody else's, or may be written to by others", path.display())]
    OpenToOthers {
        /// Which file.
        path: PathBuf,
    },
    /// Not the fields of a configuration; the parser's text names line and column.
    #[error("{}: {fault}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What the parser said.
        fault: String,
    },
    /// A path that depends on where a command is run.
    #[error("{}: {} is not an absolute path", path.display(), named.display())]
    Relative {
        /// Which file.
        path: PathBuf,
        /// What it names.
        named: PathBuf,
    },
}

explain!(ConfigError, pass: [Fs], {
    Self::NotAFile { .. } | Self::Malformed { .. } | Self::Relative { .. } => (Usage, Some("correct it, or remove it if no plugin is in use")),
    Self::OpenToOthers { .. } => (Refused, Some("see what it names, then `chown` and `chmod go-w` it: it says which program is run")),
});

/// The plugin that the configuration in a vault names, and one that it may not have taken the place of yet.
pub(crate) fn read_config(root: &Path) -> Result<Vec<PluginConfig>, ConfigError> {
    let path = root.join(NAME);
    let folder = Folder::open(root)?;
    let file = match folder.file(NAME) {
        Err(OpenError::Missing) => return Ok(Vec::new()),
        Err(OpenError::Irregular) => return Err(ConfigError::NotAFile { path }),
        Err(OpenError::Fs(error)) => return Err(error.into()),
        Ok(file) => file,
    };
    expect_own(root, &std::fs::metadata(root).map_err(FsError::at("can't look at", root))?)?;
    expect_own(&path, &file.metadata().map_err(FsError::at("can't look at", &path))?)?;
    let bytes = match folder.read(NAME, LONGEST) {
        Ok(Some(bytes)) => bytes,
        Err(OpenError::Fs(error)) => return Err(error.into()),
        Ok(None) | Err(_) => return Err(ConfigError::NotAFile { path }),
    };
    let malformed = |fault: String| ConfigError::Malformed { path: path.clone(), fault };
    let text = std::str::from_utf8(&bytes).map_err(|e| malformed(e.to_string()))?;
    let config: Config = toml::from_str(text).map_err(|e| malformed(e.to_string()))?;
    let plugins: Vec<_> = config.plugin.into_iter().chain(config.before).collect();
    for plugin in &plugins {
        for named in [&plugin.program, &plugin.identity] {
            if !named.is_absolute() {
                return Err(ConfigError::Relative { path, named: named.clone() });
            }
            expect_own(named, &std::fs::metadata(named).map_err(FsError::at("can't look at", named))?)?;
        }
    }
    Ok(plugins)
}

/// Whether nobody but whoever runs this, and root, decides what stands there.
fn expect_own(path: &Path, found: &Metadata) -> Result<(), ConfigError> {
    let is_own = found.uid() == 0 || found.uid() == rustix::process::geteuid().as_raw();
    if !is_own || Mode::from_raw_mode(found.mode()).intersects(Mode::WGRP | Mode::WOTH) {
        return Err(ConfigError::OpenToOthers { path: path.to_owned() });
    }
    Ok(())
}

/// Writes the configuration in a vault, durably; the file goes where there is nothing to say.
pub(crate) fn write_config(
    root: &Path,
    plugin: Option<&PluginConfig>,
    before: Option<&PluginConfig>,
) -> Result<(), ConfigError> {
    let path = root.join(NAME);
    let Some(plugin) = plugin else {
        return match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(FsError::at("can't remove", &path)(e).into()),
            _ => Ok(crate::fs::sync_folder(root)?),
        };
    };
    let config = Config { plugin: Some(plugin.clone()), before: before.cloned() };
    let fields =
        toml::to_string(&config).map_err(|e| ConfigError::Malformed { path: path.clone(), fault: e.to_string() })?;
    let text = format!("# Of this machine alone: the program that opens this vault's identities.\n{fields}");
    Ok(write_replacing(&path, text.as_bytes(), 0o600)?)
}
