//! Sealing and opening the text of an identity file.

use super::{Ask, PluginConfig, PluginIdentity, PluginRecipient, UnlockError, Wanted};
use crate::error::FsError;
use age::secrecy::SecretString;
use std::cell::RefCell;
use std::io::{Read, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// How an identity file is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protection {
    /// As it is; its owner alone may read it.
    Plain,
    /// In an age file that a passphrase opens.
    Passphrase,
    /// In an age file that a plugin opens.
    Plugin,
}

impl Protection {
    /// One word for people and scripts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "none",
            Self::Passphrase => "passphrase",
            Self::Plugin => "plugin",
        }
    }

    /// By what stands in the file.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        match bytes.strip_prefix(b"age-encryption.org/v1\n") {
            None => Self::Plain,
            Some(rest) if rest.starts_with(b"-> scrypt ") => Self::Passphrase,
            Some(_) => Self::Plugin,
        }
    }
}

/// The work of trying a passphrase: 2 to this power, as the stock `age` writes it; about a second.
const WORK: u8 = 18;
/// The most work that a file may ask for: sixteen times that, and 4 GiB of memory.
const MOST_WORK: u8 = 22;
/// A plugin's identity file is a line and some comments.
const STUB: u64 = 64 << 10;

/// What an identity file is to be protected with.
#[derive(Clone)]
pub(crate) enum Lock {
    Passphrase(Zeroizing<String>),
    Plugin(PluginConfig),
}

impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Passphrase(_) => f.write_str("Passphrase(secret)"),
            Self::Plugin(config) => f.debug_tuple("Plugin").field(config).finish(),
        }
    }
}

/// The plaintext of the age file in `bytes`, which stands at `path`, and what it opened with. A passphrase that is
/// `known` is tried before anybody is asked; of several plugins the first counts that opens it.
pub(crate) fn open(
    bytes: &[u8],
    path: &Path,
    plugins: &[PluginConfig],
    known: Option<&Lock>,
    ask: &dyn Ask,
) -> Result<(Zeroizing<String>, Lock), UnlockError> {
    match Protection::of(bytes) {
        Protection::Plain => Err(UnlockError::Damaged { path: path.to_owned(), fault: "no age file".to_owned() }),
        Protection::Passphrase => {
            if let Some(Lock::Passphrase(passphrase)) = known
                && let Ok(text) = open_with(bytes, path, passphrase)
            {
                return Ok((text, Lock::Passphrase(passphrase.clone())));
            }
            let asked = |source| UnlockError::Asked { path: path.to_owned(), source };
            let passphrase = ask.secret(Wanted::Passphrase(path)).map_err(asked)?;
            Ok((open_with(bytes, path, &passphrase)?, Lock::Passphrase(passphrase)))
        }
        Protection::Plugin => {
            let mut opened = Err(UnlockError::NoPlugin { path: path.to_owned() });
            for config in plugins {
                opened = open_by(bytes, path, config, ask).map(|text| (text, Lock::Plugin(config.clone())));
                if opened.is_ok() {
                    break;
                }
            }
            opened
        }
    }
}

fn open_with(bytes: &[u8], path: &Path, passphrase: &str) -> Result<Zeroizing<String>, UnlockError> {
    let mut identity = age::scrypt::Identity::new(secret(passphrase));
    identity.set_max_work_factor(MOST_WORK);
    decrypt(bytes, path, &identity)?.map_err(|error| match error {
        age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => {
            UnlockError::Passphrase { path: path.to_owned() }
        }
        error => UnlockError::Damaged { path: path.to_owned(), fault: first_line(&error) },
    })
}

fn open_by(bytes: &[u8], path: &Path, config: &PluginConfig, ask: &dyn Ask) -> Result<Zeroizing<String>, UnlockError> {
    let (stub, fault) = (stub(&config.identity)?, RefCell::new(None));
    let opened = decrypt(bytes, path, &PluginIdentity { config, stub: &stub, ask, fault: &fault })?;
    opened.map_err(|error| match fault.take() {
        Some(fault) => fault.into(),
        None => UnlockError::Damaged { path: path.to_owned(), fault: first_line(&error) },
    })
}

/// What `identity` makes of the age file in `bytes`, or why it does not open it.
fn decrypt(
    bytes: &[u8],
    path: &Path,
    identity: &dyn age::Identity,
) -> Result<Result<Zeroizing<String>, age::DecryptError>, UnlockError> {
    let damaged =
        |error: &dyn std::fmt::Display| UnlockError::Damaged { path: path.to_owned(), fault: first_line(error) };
    // Not `new`: it reads headers in quadratic time.
    let decryptor = age::Decryptor::new_buffered(bytes).map_err(|e| damaged(&e))?;
    let mut reader = match decryptor.decrypt(std::iter::once(identity)) {
        Ok(reader) => reader,
        Err(error) => return Ok(Err(error)),
    };
    let mut text = Zeroizing::new(String::with_capacity(bytes.len()));
    reader.read_to_string(&mut text).map_err(|e| damaged(&e))?;
    Ok(Ok(text))
}

/// The age file that holds `text`. It was opened again: one that does not open loses everything.
pub(crate) fn seal(text: &str, path: &Path, lock: &Lock, ask: &dyn Ask) -> Result<Vec<u8>, UnlockError> {
    let fault = RefCell::new(None);
    let sealed = match lock {
        Lock::Passphrase(passphrase) if passphrase.is_empty() => return Err(UnlockError::Empty),
        Lock::Passphrase(passphrase) => {
            let mut recipient = age::scrypt::Recipient::new(secret(passphrase));
            recipient.set_work_factor(WORK);
            encrypt(text, &recipient)
        }
        Lock::Plugin(config) => encrypt(text, &PluginRecipient { config, ask, fault: &fault }),
    };
    let sealed = sealed.map_err(|error| match fault.into_inner() {
        Some(fault) => UnlockError::Plugin(fault),
        None => UnlockError::Damaged { path: path.to_owned(), fault: first_line(&error) },
    })?;
    let proven = match lock {
        Lock::Passphrase(passphrase) => open_with(&sealed, path, passphrase),
        Lock::Plugin(config) => open_by(&sealed, path, config, ask),
    };
    match proven {
        Ok(proven) if *proven == text => Ok(sealed),
        Ok(_) => {
            let other = UnlockError::NoIdentities { path: path.to_owned() };
            Err(UnlockError::NotProven(Box::new(other)))
        }
        Err(error) => Err(UnlockError::NotProven(Box::new(error))),
    }
}

fn encrypt(text: &str, recipient: &dyn age::Recipient) -> Result<Vec<u8>, age::EncryptError> {
    let mut sealed = Vec::new();
    let mut out = age::Encryptor::with_recipients(std::iter::once(recipient))?.wrap_output(&mut sealed)?;
    out.write_all(text.as_bytes()).and_then(|()| out.finish().map(drop))?;
    Ok(sealed)
}

/// The line of a plugin's identity file that is neither comment nor empty.
fn stub(path: &Path) -> Result<Zeroizing<String>, UnlockError> {
    let failed = || FsError::at("can't read", path);
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(path).map_err(failed())?;
    file.take(STUB).read_to_string(&mut text).map_err(failed())?;
    let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    match (lines.next(), lines.next()) {
        (Some(line), None) if line.starts_with("AGE-PLUGIN-") && line.is_ascii() && !line.contains(' ') => {
            Ok(Zeroizing::new(line.to_owned()))
        }
        _ => Err(UnlockError::NoIdentities { path: path.to_owned() }),
    }
}

fn secret(passphrase: &str) -> SecretString {
    SecretString::from(passphrase.to_owned())
}

/// The rest guesses at reasons.
fn first_line(error: &dyn std::fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
