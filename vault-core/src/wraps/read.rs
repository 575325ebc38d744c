//! Reading wraps: what the vault signed, and of that what fits seal and log.

use super::{WrapError, path};
use crate::bundle::{ContentsError, Witness, Witnessed, with_any};
use crate::error::FsError;
use crate::fs::{Folder, OpenError};
use crate::vault::Vault;
use gapvault_formats::agefile::{AgeError, Header, Identity, OpenReader};
use gapvault_formats::ids::{BundleId, MediumDigest, TentKeyPin};
use gapvault_formats::keys::Keys;
use gapvault_formats::limits;
use gapvault_formats::names::TentName;
use gapvault_formats::seal::Seal;
use gapvault_formats::table::{self, TableReader};
use gapvault_formats::wraps::{CATALOGUE_NAME, KEYS_NAME, LIST_BYTES, LIST_NAME, SIGNATURE_NAME, Wraps};
use std::fmt::Display;
use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The wraps of a bundle, as this vault signed them.
#[derive(Debug)]
pub(crate) struct Wrapped {
    folder: Folder,
    list: Wraps,
}

/// What wrapped keys must agree with.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) seal: &'a Seal,
    pub(crate) tent: &'a TentName,
    /// Whether a tent key of this pin may be the bundle's.
    pub(crate) pin: &'a dyn Fn(&TentKeyPin) -> bool,
}

/// The wraps of a bundle; `None` if there are none.
pub(crate) fn find(vault: &Vault, bundle: &BundleId) -> Result<Option<Wrapped>, WrapError> {
    let path = path(vault, bundle);
    if std::fs::symlink_metadata(&path).is_err() {
        return Ok(None);
    }
    let folder = Folder::open(&path)?;
    let (list, signature) = read_list(&folder)?;
    let list = Wraps::verify(&list, &signature, &vault.card().key, bundle);
    let list = list.map_err(|fault| WrapError::List { path: path.clone(), fault })?;
    Ok(Some(Wrapped { folder, list }))
}

/// The list in a folder of wraps, and the signature beside it, which nobody has verified.
pub(super) fn read_list(folder: &Folder) -> Result<(Vec<u8>, Vec<u8>), WrapError> {
    let read = |name: &str, limit| match folder.read(name, limit) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) | Err(OpenError::Missing | OpenError::Irregular) => {
            Err(WrapError::Missing { path: folder.path().join(name) })
        }
        Err(OpenError::Fs(error)) => Err(error.into()),
    };
    Ok((read(LIST_NAME, LIST_BYTES)?, read(SIGNATURE_NAME, limits::SIGNATURE_BYTES)?))
}

impl Wrapped {
    /// Those in a folder whose list was verified.
    pub(super) fn new(folder: Folder, list: Wraps) -> Self {
        Self { folder, list }
    }

    /// The list as it stands, and its signature.
    pub(super) fn signed_list(&self) -> Result<(Vec<u8>, Vec<u8>), WrapError> {
        read_list(&self.folder)
    }

    pub(crate) fn list(&self) -> &Wraps {
        &self.list
    }

    /// Where a wrap of it is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Whether a catalogue is wrapped.
    pub(crate) fn has_catalogue(&self) -> bool {
        self.list.catalogue.is_some()
    }

    /// The keys; `None` if there are none wrapped. They are held against seal and log; whether they open the bundle's
    /// index is for the caller to see.
    pub(crate) fn keys(&self, identities: &[Identity], expected: Expected<'_>) -> Result<Option<Keys>, WrapError> {
        let Some(digest) = self.list.keys else { return Ok(None) };
        let path = self.path(KEYS_NAME);
        let missing = || WrapError::Missing { path: path.clone() };
        let bytes = match self.folder.read(KEYS_NAME, limits::KEYS_BYTES) {
            Ok(bytes) => bytes.ok_or_else(missing)?,
            Err(OpenError::Fs(error)) => return Err(error.into()),
            Err(_) => return Err(missing()),
        };
        expect_digest(&path, MediumDigest::of(&bytes), digest)?;
        let age = |fault| WrapError::Age { path: path.clone(), fault };
        let header = Header::read(bytes.as_slice()).map_err(age)?;
        header.expect(expected.seal.predicate().suite, header.recipients).map_err(age)?;
        let mut text = Zeroizing::new(String::new());
        with_any(identities, |own| OpenReader::new(Cursor::new(&bytes), own, header.recipients))
            .and_then(|mut reader| Ok(reader.read_to_string(&mut text)?))
            .map_err(age)?;
        let keys = Keys::parse(&text).map_err(|fault| WrapError::Keys { path: path.clone(), fault })?;
        expect(&path, "nonce", &keys.nonce, &expected.seal.predicate().nonce)?;
        expect(&path, "tent", &keys.tent, expected.tent)?;
        expect(&path, "identity's suite", &keys.identity.suite(), &expected.seal.predicate().suite)?;
        let pin = keys.tent_key.pin();
        if !(expected.pin)(&pin) {
            let expected = "the one that the log pins".to_owned();
            return Err(WrapError::Mismatch { path, field: "tent key", actual: pin.to_string(), expected });
        }
        Ok(Some(keys))
    }

    /// What `read` makes of the records of the wrapped catalogue, if all that it read is what the vault signed.
    pub(crate) fn catalogue<T>(
        &self,
        identities: &[Identity],
        read: impl FnOnce(TableReader<BufReader<Witnessed>>) -> Result<T, ContentsError>,
    ) -> Result<T, WrapError> {
        let (reader, witness) = self.open_catalogue(identities, table::open)?;
        let path = self.path(CATALOGUE_NAME);
        let read = read(reader);
        let read = read.map_err(|fault| WrapError::Contents { path: path.clone(), fault: Box::new(fault) });
        // What a parser made of other bytes is no news.
        self.expect_read(&path, witness, self.list.catalogue)?;
        read
    }

    /// Copies the plaintext of the wrapped catalogue.
    pub(crate) fn copy_catalogue(&self, identities: &[Identity], out: &mut dyn Write) -> Result<(), WrapError> {
        let (mut reader, witness) = self.open_catalogue(identities, OpenReader::new)?;
        let path = self.path(CATALOGUE_NAME);
        io::copy(&mut reader, out).map_err(FsError::at("can't copy", &path))?;
        self.expect_read(&path, witness, self.list.catalogue)
    }

    /// Copies the files as they are to another folder, durably.
    pub(super) fn copy_files(&self, to: &Path) -> Result<(), WrapError> {
        for (name, digest) in [(CATALOGUE_NAME, self.list.catalogue), (KEYS_NAME, self.list.keys)] {
            if digest.is_some() {
                self.copy_file(name, digest, to, 0o600)?;
            }
        }
        Ok(())
    }

    /// Copies the file of the wrapped catalogue as it is to another folder, durably.
    pub(super) fn copy_catalogue_file(&self, to: &Path, mode: u32) -> Result<(), WrapError> {
        self.copy_file(CATALOGUE_NAME, self.list.catalogue, to, mode)
    }

    fn copy_file(&self, name: &str, digest: Option<MediumDigest>, to: &Path, mode: u32) -> Result<(), WrapError> {
        let ((mut file, witness), to) = (self.file(name)?, to.join(name));
        let mut copy = crate::fs::Durable::create(&to, mode)?;
        io::copy(&mut file, &mut copy).map_err(FsError::at("can't write", &to))?;
        self.expect_read(&self.path(name), witness, digest)?;
        Ok(copy.commit()?)
    }

    fn open_catalogue<T>(
        &self,
        identities: &[Identity],
        open: impl Fn(BufReader<Witnessed>, &Identity, u64) -> Result<T, AgeError>,
    ) -> Result<(T, Witness), WrapError> {
        let path = self.path(CATALOGUE_NAME);
        let age = |fault| WrapError::Age { path: path.clone(), fault };
        if self.list.catalogue.is_none() {
            return Err(WrapError::Missing { path });
        }
        let header = Header::read(self.file(CATALOGUE_NAME)?.0).map_err(age)?;
        for own in identities {
            // Each anew from its first byte: what is used is what the witness saw.
            let (input, witness) = self.file(CATALOGUE_NAME)?;
            match open(BufReader::with_capacity(128 << 10, input), own, header.recipients) {
                Err(AgeError::NotARecipient) => {}
                opened => return Ok((opened.map_err(age)?, witness)),
            }
        }
        Err(age(AgeError::NotARecipient))
    }

    fn file(&self, name: &str) -> Result<(Witnessed, Witness), WrapError> {
        match self.folder.file(name) {
            Ok(file) => Ok(Witnessed::new(file)),
            Err(OpenError::Fs(error)) => Err(error.into()),
            Err(_) => Err(WrapError::Missing { path: self.path(name) }),
        }
    }

    fn expect_read(&self, path: &Path, witness: Witness, expected: Option<MediumDigest>) -> Result<(), WrapError> {
        expected.map_or(Ok(()), |expected| expect_digest(path, witness.digest(), expected))
    }
}

fn expect_digest(path: &Path, actual: MediumDigest, expected: MediumDigest) -> Result<(), WrapError> {
    if actual == expected { Ok(()) } else { Err(WrapError::Digest { path: path.to_owned(), actual, expected }) }
}

fn expect<T: PartialEq + Display>(path: &Path, field: &'static str, actual: &T, expected: &T) -> Result<(), WrapError> {
    if actual == expected {
        return Ok(());
    }
    let (actual, expected) = (actual.to_string(), expected.to_string());
    Err(WrapError::Mismatch { path: path.to_owned(), field, actual, expected })
}
