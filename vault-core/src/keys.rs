//! A vault's keys: what there is, how it is kept, and the recovery identity that opens what the vault holds when its own
//! is lost.

use crate::error::{FsError, explain};
use crate::fs::{sync_folder, write_new};
use crate::unlock::{self, Ask, Lock, PluginConfig, Protection, UnlockError};
use crate::vault::{SetAside, Vault, VaultError, identities_to_text, parse_identities};
use gapvault_formats::agefile::{Identity, Recipient, Suite};
use gapvault_formats::custody::Event;
use gapvault_formats::names::shorten;
use std::io::Read;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The longest file with identities in bytes.
const LONGEST: u64 = 64 << 10;

/// Why keys are not shown, kept in another way, or made.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A file can't be read or written.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A file of identities is not opened or sealed.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// There is something where a file should be made.
    #[error("{} exists", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// A recipient of the vault's own: who loses the one loses the other.
    #[error("{} is this vault's own recipient", shorten(&recipient.to_string()))]
    Own {
        /// Which one.
        recipient: Recipient,
    },
    /// Two for one suite.
    #[error("two recovery recipients of one kind are named")]
    TwoOfOne,
    /// A native recipient where a plugin's should be.
    #[error("{} is no recipient of a plugin", shorten(recipient))]
    NoPlugin {
        /// What was named.
        recipient: String,
    },
}

explain!(KeysError, pass: [Vault, Fs, Unlock], {
    Self::Exists { .. } => (Usage, Some("name a file that does not exist yet")),
    Self::Own { .. } => (Usage, Some("make an identity of its own with `gapvault recovery new --out FILE`, and keep that file elsewhere, offline")),
    Self::TwoOfOne => (Usage, Some("name one of each kind at most")),
    Self::NoPlugin { .. } => (Usage, Some("give the recipient that the plugin printed (`age1NAME1…`)")),
});

/// What a vault has to open bundles with.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The recipients on its card: bundles for this site are sealed to one of them.
    pub recipients: Vec<Recipient>,
    /// How their identities are kept; `None` if they are lost.
    pub protection: Option<Protection>,
    /// The plugin that opens them.
    pub plugin: Option<PluginConfig>,
    /// Identities of earlier cards that are kept too; `None` if that can't be said without opening them.
    pub older: Option<usize>,
    /// Files of identities that a recovery set aside.
    pub set_aside: Vec<SetAside>,
    /// The recipients of the recovery identity.
    pub recovery: Vec<Recipient>,
}

/// What there is, without opening anything.
pub fn kept(vault: &Vault) -> Result<Kept, KeysError> {
    let protection = vault.protection();
    let plugin = if protection == Some(Protection::Plugin) { vault.plugin()? } else { None };
    let (recipients, older, recovery) = (vault.current(), vault.older_identities(), vault.recovery());
    Ok(Kept { recipients, protection, plugin, older, set_aside: vault.set_aside(), recovery })
}

/// How identities are to be kept.
#[derive(Clone, Debug)]
pub enum Keep {
    /// As they are, for their owner alone.
    Plain,
    /// In an age file that this passphrase opens.
    Passphrase(Zeroizing<String>),
    /// In an age file that this plugin opens.
    Plugin(PluginConfig),
}

/// Keeps the vault's age identities in another way. What was sealed is opened again before it takes the place of the
/// file that there is.
pub fn protect(vault: &mut Vault, keep: Keep) -> Result<(), KeysError> {
    let lock = match keep {
        Keep::Plain => None,
        Keep::Passphrase(passphrase) => Some(Lock::Passphrase(passphrase)),
        Keep::Plugin(config) => {
            // Bech32 has no digit 1 in its data, so the last 1 ends the plugin's name.
            let named = config.recipient.strip_prefix("age1").and_then(|rest| rest.rsplit_once('1'));
            let native = config.recipient.parse::<Recipient>().is_ok();
            if native || named.is_none_or(|(name, _)| name.is_empty()) || !config.recipient.is_ascii() {
                return Err(KeysError::NoPlugin { recipient: config.recipient });
            }
            Some(Lock::Plugin(config))
        }
    };
    Ok(vault.keep_identities_by(lock.as_ref())?)
}

/// The recovery recipients that are none any more once `recipients` are named.
#[must_use]
pub fn replaced_recovery(vault: &Vault, recipients: &[Recipient]) -> Vec<Recipient> {
    let is_replaced = |known: &Recipient| {
        let same_kind = recipients.iter().any(|new| new.suite() == known.suite());
        (recipients.is_empty() || same_kind) && !recipients.contains(known)
    };
    vault.recovery().into_iter().filter(is_replaced).collect()
}

/// Whether bundles of a suite can't be recovered though somebody saw to that for those of another.
#[must_use]
pub fn lacks_recovery(vault: &Vault, suite: Suite) -> bool {
    let recovery = vault.recovery();
    !recovery.is_empty() && recovery.iter().all(|recipient| recipient.suite() != suite)
}

/// Names the recipients of a recovery identity, each in the place of the one of its kind; none takes all away. What the
/// vault holds already is sealed to it by [`crate::rekey::wraps`]. Who changes any must be able to open the vault's own
/// identities: whoever holds a recovery identity reads what the vault holds.
pub fn set_recovery(vault: &mut Vault, recipients: &[Recipient]) -> Result<(), KeysError> {
    let own = vault.current();
    if let Some(recipient) = recipients.iter().find(|recipient| own.contains(recipient)) {
        return Err(KeysError::Own { recipient: recipient.clone() });
    }
    let of = |suite: Suite| recipients.iter().filter(|recipient| recipient.suite() == suite).count();
    if recipients.iter().any(|recipient| of(recipient.suite()) > 1) {
        return Err(KeysError::TwoOfOne);
    }
    let known = vault.recovery();
    if recipients.iter().any(|recipient| !known.contains(recipient)) || (recipients.is_empty() && !known.is_empty()) {
        vault.all_identities()?;
    }
    for recipient in recipients.iter().filter(|recipient| !known.contains(recipient)) {
        vault.record(Event::Recovery { recipient: Some(recipient.clone()) })?;
    }
    if recipients.is_empty() && !known.is_empty() {
        vault.record(Event::Recovery { recipient: None })?;
    }
    Ok(())
}

/// Makes a recovery identity of a suite and writes it to a new file for its owner alone, which the stock `age` takes;
/// gives its recipient.
pub fn new_recovery(path: &Path, suite: Suite, passphrase: Option<Zeroizing<String>>) -> Result<Recipient, KeysError> {
    if std::fs::symlink_metadata(path).is_ok() {
        return Err(KeysError::Exists { path: path.to_owned() });
    }
    let identity = Identity::generate_for(suite);
    let text = identities_to_text(std::slice::from_ref(&identity));
    let bytes = Zeroizing::new(match passphrase {
        None => text.as_bytes().to_vec(),
        Some(passphrase) => unlock::seal(&text, path, &Lock::Passphrase(passphrase), &unlock::Nobody)?,
    });
    write_new(path, &bytes, 0o600)?;
    sync_folder(path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
    Ok(identity.recipient())
}

/// The identities in a file that somebody named, which may be protected by a passphrase.
pub(crate) fn read_identities(path: &Path, ask: &dyn Ask) -> Result<Vec<Identity>, KeysError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let failed = || FsError::at("can't read", path);
    let file = std::fs::File::open(path).map_err(failed())?;
    file.take(LONGEST).read_to_end(&mut bytes).map_err(failed())?;
    let none = || UnlockError::NoIdentities { path: path.to_owned() };
    let text = match Protection::of(&bytes) {
        Protection::Plain => Zeroizing::new(std::str::from_utf8(&bytes).map_err(|_| none())?.to_owned()),
        // Which program is run is never said by a file that somebody brings.
        Protection::Passphrase | Protection::Plugin => unlock::open(&bytes, path, &[], None, ask)?.0,
    };
    Ok(parse_identities(&text).ok_or_else(none)?)
}

/// New identities, one of each kind.
pub(crate) fn new_identities() -> Vec<Identity> {
    Suite::ALL.map(Identity::generate_for).to_vec()
}
