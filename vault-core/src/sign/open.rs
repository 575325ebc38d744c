//! What the file that somebody names as their key is.

use super::file::FileKey;
use super::keygen::{Keygen, Way};
use super::{SignError, Signer};
use crate::error::FsError;
use crate::fs::open_named;
use crate::observe::Observer;
use gapvault_formats::sshsig::{PublicKey, SigningKey};
use std::io::Read;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The longest file of a key in bytes.
const KEY_BYTES: u64 = 64 << 10;

/// The key in a file: a private key, or a public key whose private half stands beside it without `.pub`, or else is in
/// ssh-agent. `observer` is asked whether to stop while a person is waited for.
pub fn open_key<'a>(path: &Path, observer: &'a dyn Observer) -> Result<Box<dyn Signer + 'a>, SignError> {
    let text = read(path)?;
    let keygen = |path: &Path, public, way| Box::new(Keygen::new(path.to_owned(), public, way, observer));
    let no_key = || SignError::NoKey { path: path.to_owned() };
    if let Ok(key) = SigningKey::from_openssh(&text) {
        return Ok(Box::new(FileKey::new(key)?));
    }
    if let Ok(public) = PublicKey::of_private_file(&text) {
        return Ok(keygen(path, public, Way::File));
    }
    let Ok(public) = PublicKey::of_public_file(&text) else {
        // Private keys in other formats don't tell their public half.
        let beside = read(&with_suffix(path)).map_err(|_| no_key())?;
        let public = PublicKey::of_public_file(&beside).ok().filter(|_| text.contains("PRIVATE KEY"));
        return Ok(keygen(path, public.ok_or_else(no_key)?, Way::File));
    };
    let private = path.extension().filter(|suffix| *suffix == "pub").map(|_| path.with_extension(""));
    match private.filter(|private| private.is_file()) {
        Some(private) => {
            let text = read(&private)?;
            match SigningKey::from_openssh(&text).map(FileKey::new) {
                Ok(Ok(key)) if *key.public() == public => Ok(Box::new(key)),
                _ => Ok(keygen(&private, public, Way::File)),
            }
        }
        None => Ok(keygen(path, public, Way::Agent)),
    }
}

/// The public key in a file, be it a public key or a private key that tells its public half.
pub fn read_public_key(path: &Path) -> Result<PublicKey, SignError> {
    let text = read(path)?;
    let key = PublicKey::of_public_file(&text).or_else(|_| PublicKey::of_private_file(&text));
    key.map_err(|_| SignError::NoKey { path: path.to_owned() })
}

fn with_suffix(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn read(path: &Path) -> Result<Zeroizing<String>, SignError> {
    let failed = FsError::at("can't read key", path);
    let mut text = Zeroizing::new(String::new());
    let read = match open_named(path) {
        Ok(None) => return Err(SignError::NoKey { path: path.to_owned() }),
        Ok(Some(file)) => file.take(KEY_BYTES + 1).read_to_string(&mut text),
        Err(error) => Err(error),
    };
    match read {
        Ok(length) if length as u64 <= KEY_BYTES => Ok(text),
        Ok(_) => Err(SignError::NoKey { path: path.to_owned() }),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Err(SignError::NoKey { path: path.to_owned() })
        }
        Err(error) => Err(failed(error).into()),
    }
}
