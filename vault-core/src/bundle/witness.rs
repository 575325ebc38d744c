//! Hashing what is actually used. A file that was hashed before may be another when it is read again: a medium can answer
//! two readings differently. So what a parser reads is hashed on its way, and nothing of it counts before that fits.

use super::files::{BundleError, expect_digest};
use crate::fs::Folder;
use gapvault_formats::ids::MediumDigest;
use gapvault_formats::seal::{BundleFile, Seal};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::rc::Rc;

/// A file whose bytes are hashed as they are read, from its beginning to its end.
#[derive(Debug)]
pub(crate) struct Witnessed {
    file: File,
    hasher: Rc<RefCell<Sha256>>,
}

/// Knows what was read of a file.
#[derive(Debug)]
pub(crate) struct Witness {
    hasher: Rc<RefCell<Sha256>>,
}

impl Witnessed {
    /// Has a file watched.
    pub(crate) fn new(file: File) -> (Self, Witness) {
        let hasher = Rc::<RefCell<Sha256>>::default();
        (Self { file, hasher: hasher.clone() }, Witness { hasher })
    }
}

impl Witness {
    /// The digest of what was read.
    pub(crate) fn digest(self) -> MediumDigest {
        MediumDigest::from_bytes(self.hasher.borrow_mut().finalize_reset().into())
    }

    /// Whether what was read, all of it, is the file that the seal names.
    pub(super) fn expect(self, folder: &Folder, seal: &Seal, file: &BundleFile) -> Result<(), BundleError> {
        let missing = || BundleError::Missing { path: folder.path().to_owned(), file: file.to_string() };
        let subject = seal.subject(file).ok_or_else(missing)?;
        let digest = self.hasher.borrow_mut().finalize_reset();
        expect_digest(folder.path(), subject, digest.into())
    }
}

impl Read for Witnessed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buf)?;
        self.hasher.borrow_mut().update(&buf[..n]);
        Ok(n)
    }
}
