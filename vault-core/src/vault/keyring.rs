//! The vault's age identities of one suite: a file, the newest first. Older ones stay in it, so that what was sealed to
//! them and is still underway can be opened. The file is opened when an identity is needed, and once at most.

use super::VaultError;
use super::identity::{read_file, read_secret};
use crate::fs::write_replacing;
use crate::unlock::{self, Ask, Lock, Protection, UnlockError};
use gapvault_formats::agefile::{Identity, Suite};
use gapvault_formats::card::Card;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// The longest identity file in bytes: room for some hundred identities.
pub(super) const LONGEST: u64 = 64 << 10;

/// Where the identities of a suite stand. Not one file for both: an `age` that does not know the second kind takes
/// neither.
pub(crate) fn path(root: &Path, suite: Suite) -> PathBuf {
    root.join(match suite {
        Suite::X25519 => "secrets/age.key",
        Suite::PostQuantum => "secrets/age-pq.key",
    })
}

/// The file with a vault's age identities of one suite.
#[derive(Debug)]
pub(crate) struct Keyring {
    root: PathBuf,
    suite: Suite,
    /// As they stand in the file; `None` if it is lost.
    sealed: Option<Zeroizing<Vec<u8>>>,
    opened: OnceLock<Opened>,
}

/// The file, opened.
#[derive(Debug)]
struct Opened {
    identities: Vec<Identity>,
    /// What it was opened with, so that nobody is asked again when it changes.
    lock: Option<Lock>,
}

impl Keyring {
    /// Reads the file, which may be lost: most commands need none. One that is not protected must hold the identity of
    /// `card`; another is looked into when it is needed.
    pub(super) fn load(root: &Path, suite: Suite, card: &Card) -> Result<Self, VaultError> {
        let path = path(root, suite);
        let sealed = match read_file(&path, LONGEST) {
            Err(VaultError::Missing { .. }) => return Ok(Self::lost(root, suite)),
            read => read?.ok_or(VaultError::Secret { path })?,
        };
        let ring = Self { root: root.to_owned(), suite, sealed: Some(sealed), opened: OnceLock::new() };
        if ring.protection() == Some(Protection::Plain) {
            ring.open(card, None, &unlock::Nobody)?;
        }
        Ok(ring)
    }

    /// Of a vault that has lost it.
    pub(super) fn lost(root: &Path, suite: Suite) -> Self {
        Self { root: root.to_owned(), suite, sealed: None, opened: OnceLock::new() }
    }

    /// How it is kept; `None` if it is lost.
    pub(super) fn protection(&self) -> Option<Protection> {
        self.sealed.as_ref().map(|sealed| Protection::of(sealed))
    }

    /// The identities, if they are open.
    pub(super) fn known(&self) -> Option<&[Identity]> {
        self.opened.get().map(|opened| opened.identities.as_slice())
    }

    /// What they were opened with.
    pub(super) fn lock(&self) -> Option<&Lock> {
        self.opened.get()?.lock.as_ref()
    }

    /// All of them, that of `card` among them. A passphrase that opened the other file is tried first.
    pub(super) fn open(&self, card: &Card, known: Option<&Lock>, ask: &dyn Ask) -> Result<&[Identity], VaultError> {
        if let Some(opened) = self.opened.get() {
            return Ok(&opened.identities);
        }
        let path = path(&self.root, self.suite);
        let sealed = self.sealed.as_ref().ok_or_else(|| VaultError::Lost { path: path.clone(), recovery: false })?;
        let (text, lock) = match Protection::of(sealed) {
            Protection::Plain => (read_secret(sealed, &path)?, None),
            protection => {
                let plugins = match protection {
                    Protection::Plugin => unlock::read_config(&self.root).map_err(UnlockError::from)?,
                    _ => Vec::new(),
                };
                let (text, lock) = unlock::open(sealed, &path, &plugins, known, ask)?;
                (text, Some(lock))
            }
        };
        let all = parse(&text).filter(|all| self.is_whole(card, all)).ok_or(VaultError::Secret { path })?;
        Ok(&self.opened.get_or_init(|| Opened { identities: all, lock }).identities)
    }

    /// Whether all of them are of the suite, and that of `card` is among them.
    fn is_whole(&self, card: &Card, identities: &[Identity]) -> bool {
        let own = card.recipient_for(self.suite);
        identities.iter().all(|identity| identity.suite() == self.suite)
            && identities.iter().any(|identity| identity.recipient() == *own)
    }

    /// Seals these identities, the newest first; nothing is changed yet.
    pub(super) fn seal(
        &self,
        identities: Vec<Identity>,
        lock: Option<&Lock>,
        ask: &dyn Ask,
    ) -> Result<NewRing, VaultError> {
        let (path, text) = (path(&self.root, self.suite), to_text(&identities));
        let sealed = Zeroizing::new(match lock {
            None => text.as_bytes().to_vec(),
            Some(lock) => unlock::seal(&text, &path, lock, ask)?,
        });
        Ok(NewRing { sealed, opened: Opened { identities, lock: lock.cloned() } })
    }

    /// Puts them in the place of those that there are. The file of before goes when the new one is durable; it is
    /// replaced by a rename, nothing is written over.
    pub(super) fn put(&mut self, new: NewRing) -> Result<(), VaultError> {
        write_replacing(&path(&self.root, self.suite), &new.sealed, 0o600)?;
        self.sealed = Some(new.sealed);
        self.opened = OnceLock::from(new.opened);
        Ok(())
    }
}

/// Identities that are to take the place of others.
pub(super) struct NewRing {
    sealed: Zeroizing<Vec<u8>>,
    opened: Opened,
}

/// The lines of an identity file; `None` if one of them is none, or there is none.
pub(crate) fn parse(text: &str) -> Option<Vec<Identity>> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let all: Vec<_> = lines.map(|line| Identity::from_secret(line).ok()).collect::<Option<_>>()?;
    (!all.is_empty()).then_some(all)
}

/// An identity file of these lines.
pub(crate) fn to_text(identities: &[Identity]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for identity in identities {
        text.push_str(&identity.expose_secret());
        text.push('\n');
    }
    text
}
