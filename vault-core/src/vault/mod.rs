//! A site's own store: identity, policy, bundles, tent keys and custody log.
//!
//! ```text
//! <vault>/
//!   card.toml                   the site's public keys, as they are carried across (card.next.toml: one to come)
//!   config.toml                 of this machine alone: the plugin that opens the identities
//!   secrets/age.key, age-pq.key, ssh.key   the private halves; owner only
//!   secrets/age.key.<card>, age-pq.key.<card>   what a recovery set aside
//!   secrets/tents/<tent>.key    tent keys that this vault made; owner only
//!   policy/000001.toml          every policy that was in force,
//!   policy/000001.toml.<key>.sig    with the signatures that put it there
//!   policy.toml                 the working copy: the policy in force, or one that is proposed
//!   policy.toml.<key>.sig       signatures over what is proposed
//!   log/entries.jsonl           the custody log
//!   log/checkpoint              its signed head: the commit point of everything else
//!   bundles/<bundle id>/        bundles that the log admitted or made
//!   wraps/<bundle id>/          what opens them, sealed anew
//!   pending/<bundle id>/        imports that wait for more volumes; they count as nothing
//!   lock                        held by whoever changes the vault
//! ```

mod aside;
mod card;
mod floor;
mod identity;
mod keyring;
mod log;
pub(crate) mod policies;
mod renew;
mod store;
mod tents;

pub use aside::SetAside;
pub use policies::beside::{Beside, FaultKind, GoodSignature, SignatureFault};

pub(crate) use identity::Identities;
pub(crate) use keyring::{parse as parse_identities, to_text as identities_to_text};
pub(crate) use policies::InForce;
pub(crate) use store::{Held, Incoming};

use crate::clock::Clock;
use crate::error::{FsError, explain};
use crate::fs::{create_folder, remove_tree, rename_new, sync_folder, write_new};
use crate::unlock::{Ask, Nobody, UnlockError};
use gapvault_formats::agefile::{Identity, Suite};
use gapvault_formats::card::{Card, CardError};
use gapvault_formats::custody::{Entry, Event, LogError};
use gapvault_formats::ids::{CardFingerprint, LabelKey, PolicyDigest};
use gapvault_formats::names::{PersonName, SiteName};
use gapvault_formats::policy::root::RootError;
use gapvault_formats::policy::{Policy, PolicyError};
use gapvault_formats::sshsig::{Namespace, Shown, SshError};
use rustix::fs::FlockOperation;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whether a vault is opened to look or to change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To look, or to check out: several may do so at once, even while another changes the vault.
    Read,
    /// To change its policy or bundles: one at a time. Leftovers of interrupted commands are cleared first.
    Write,
}

/// An open vault.
#[derive(Debug)]
pub struct Vault {
    root: PathBuf,
    clock: Clock,
    card: Card,
    identities: Identities,
    in_force: InForce,
    log: log::Log,
    ask: Arc<dyn Ask>,
    // Held for its lock.
    _lock: Option<File>,
}

/// Why a vault can't be made, opened or changed.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A file operation failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// There is something where the vault should be made.
    #[error("{} exists", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// No vault there.
    #[error("{} is not a vault", path.display())]
    NotAVault {
        /// Where.
        path: PathBuf,
    },
    /// A file is gone that every vault has.
    #[error("{} is missing from the vault", path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// The file with its identities is gone, and one is needed.
    #[error("{} is missing from the vault, and this needs it", path.display())]
    Lost {
        /// Which file.
        path: PathBuf,
        /// Whether a recovery identity of its suite opens what the vault holds.
        recovery: bool,
    },
    /// Somebody else is changing it.
    #[error("vault {} is in use by another command", path.display())]
    Locked {
        /// Where.
        path: PathBuf,
    },
    /// Its own card is damaged.
    #[error("the vault's own card: {0}")]
    Card(#[from] CardError),
    /// The card is not the one that the vault was made with.
    #[error("the vault's own card has fingerprint {actual}, the log says {expected}")]
    OtherCard {
        /// What it has.
        actual: CardFingerprint,
        /// What the log says.
        expected: CardFingerprint,
    },
    /// A secret is damaged or does not belong to the card.
    #[error("{}: not the vault's own key", path.display())]
    Secret {
        /// Which file.
        path: PathBuf,
    },
    /// The log is damaged or was altered.
    #[error("the custody log is damaged or was altered: {0}")]
    Log(#[from] LogError),
    /// The policy in force is missing.
    #[error("the log names no policy, or {} is missing", path.display())]
    NoPolicy {
        /// Which file.
        path: PathBuf,
    },
    /// The policy file is not the one that the log names.
    #[error("{} has digest {actual}, the log says {expected}", path.display())]
    PolicyDigest {
        /// Which file.
        path: PathBuf,
        /// What it has.
        actual: PolicyDigest,
        /// What the log says.
        expected: PolicyDigest,
    },
    /// A policy that does not follow the one before it.
    #[error("{} is of epoch {epoch}, which does not follow the one before it in the log", path.display())]
    PolicyEpoch {
        /// Which file.
        path: PathBuf,
        /// Its epoch in the log.
        epoch: u64,
    },
    /// The policy file is not signed by enough root persons.
    #[error("{} is not signed by enough root persons of the policy: {fault}", path.display())]
    PolicySignatures {
        /// Which file.
        path: PathBuf,
        /// Who is missing.
        fault: RootError,
    },
    /// A policy came into force, and the working copy could not follow.
    #[error("policy epoch {epoch} is in force, but its working copy is not written: {source}")]
    NotRenewed {
        /// The epoch.
        epoch: u64,
        /// Why.
        source: FsError,
    },
    /// There is something else where people edit the policy.
    #[error("{} is no regular file of at most {} bytes", path.display(), gapvault_formats::limits::POLICY_BYTES)]
    WorkingCopy {
        /// Where.
        path: PathBuf,
    },
    /// What stands in the working copy is no policy.
    #[error("{}: {fault}", path.display())]
    Proposed {
        /// Where.
        path: PathBuf,
        /// Which rule, in which line.
        fault: PolicyError,
    },
    /// What stands in the working copy was made from another policy than the one in force.
    #[error("{} is of epoch {epoch}, and was not made from the policy in force here", path.display())]
    ProposedElsewhere {
        /// Where.
        path: PathBuf,
        /// Its epoch.
        epoch: u64,
    },
    /// The policy is not one, or a change to it is refused.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A key could not be made or used.
    #[error("can't make or use a key: {0}")]
    Key(#[from] SshError),
    /// Its identities are protected and were not opened, or not protected anew.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The system gave no random bytes.
    #[error("can't get random bytes: {0}")]
    Random(rustix::io::Errno),
}

explain!(VaultError, pass: [Fs, Unlock], {
    Self::Exists { .. } => (Usage, Some("name a folder that does not exist yet")),
    Self::NotAVault { .. } => (Usage, Some("make one with `gapvault init DIR --site NAME`, or name another with --vault")),
    Self::Locked { .. } => (Other, Some("wait until it is done, then try again")),
    Self::Missing { .. } | Self::Card(_) | Self::OtherCard { .. } | Self::Secret { .. } => (Damaged, Some("restore it from a backup of the vault")),
    Self::Lost { recovery: true, .. } => (Damaged, Some("restore it from a backup of the vault, or make new identities from the recovery identity: `gapvault rekey --identity --recover FILE`")),
    Self::Lost { recovery: false, .. } => (Damaged, Some("restore it from a backup of the vault: no recovery recipient was set for what is sealed to it")),
    Self::Log(_) => (Damaged, Some("compare with a backup of the vault; nothing was changed by this command")),
    Self::PolicyEpoch { .. } | Self::NoPolicy { .. } | Self::PolicyDigest { .. } => (Damaged, Some("restore the policy folder from a backup of the vault")),
    Self::PolicySignatures { .. } => (Refused, Some("somebody changed the policy by another way than gapvault")),
    Self::WorkingCopy { .. } => (Refused, Some("move it away: the next command that changes the vault puts the policy in force there")),
    Self::NotRenewed { .. } => (Other, Some("the next command that changes the vault renews it, unless somebody proposes another there")),
    Self::Proposed { .. } => (Refused, Some("mend it there, or give it up with `gapvault policy reset`: the policy in force stays as it is")),
    Self::ProposedElsewhere { .. } => (Refused, Some("nothing was changed; `gapvault policy reset` gives it up, and keeps its text beside")),
    Self::Policy(_) => (Refused, None),
    Self::Key(_) | Self::Random(_) => (Other, None),
});

impl Vault {
    /// Makes a vault in `root`, which must not exist: new keys and a policy that allows nothing.
    pub fn init(root: &Path, site: SiteName, person: PersonName, clock: Clock) -> Result<Self, VaultError> {
        if std::fs::symlink_metadata(root).is_ok() {
            return Err(VaultError::Exists { path: root.to_owned() });
        }
        let name = root.file_name().ok_or_else(|| VaultError::NotAVault { path: root.to_owned() })?;
        let parent = root.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        create_folder(parent, 0o777)?;
        let new = parent.join(format!(".{}.init", name.to_string_lossy()));
        remove_tree(&new)?;
        let made = Self::init_in(&new, site, person, clock).and_then(|()| Ok(rename_new(&new, root)?));
        if made.is_err() {
            // What matters is the first error.
            let _ = remove_tree(&new);
        }
        made?;
        sync_folder(parent)?;
        Self::open(root, Access::Read, clock)
    }

    fn init_in(root: &Path, site: SiteName, person: PersonName, clock: Clock) -> Result<(), VaultError> {
        for folder in ["", "secrets", "secrets/tents", "policy", "log", "bundles"] {
            create_folder(&root.join(folder), 0o700)?;
        }
        write_new(&root.join("lock"), b"", 0o600)?;
        let identities = identity::New::create(root)?;
        let card = Card {
            site: site.clone(),
            person,
            key: identities.ssh.public()?,
            recipient: identities.age.recipient(),
            label_key: LabelKey::from_bytes(random()?),
            recipient_pq: identities.age_pq.recipient(),
        };
        write_new(&root.join("card.toml"), card.to_text().as_bytes(), 0o600)?;
        let mut log = log::Log::create(&root.join("log"), &identities.ssh)?;
        log.append(clock.now(), Event::Init { site, card: card.fingerprint() }, &identities.ssh)?;
        let policy = Policy::first(&card);
        let bytes = policy.to_text()?.into_bytes();
        let signature = identities.ssh.sign(Namespace::Policy, &bytes)?;
        let signature = GoodSignature { key: card.key, shown: Shown::default(), armoured: signature };
        policies::store(root, policy.epoch, &bytes, &[signature])?;
        write_new(&root.join(policies::WORKING_COPY), &bytes, 0o600)?;
        let (digest, change) = (PolicyDigest::of(&bytes), "the first: nothing is allowed".to_owned());
        let signed = policy.root.persons;
        log.append(clock.now(), Event::Policy { epoch: policy.epoch, digest, change, signed }, &identities.ssh)?;
        for folder in ["secrets/tents", "secrets", "policy", "log", "bundles", ""] {
            sync_folder(&root.join(folder))?;
        }
        Ok(())
    }

    /// Opens the vault in `root`: checks its log from the first entry on, then the policy that the log names.
    pub fn open(root: &Path, access: Access, clock: Clock) -> Result<Self, VaultError> {
        Self::open_as(root, access, clock, true)
    }

    /// Opens a vault for changing whose age identities are lost.
    pub(crate) fn open_lost(root: &Path, clock: Clock) -> Result<Self, VaultError> {
        Self::open_as(root, Access::Write, clock, false)
    }

    fn open_as(root: &Path, access: Access, clock: Clock, age: bool) -> Result<Self, VaultError> {
        let card = card::read(root)?;
        let lock = match access {
            Access::Read => None,
            Access::Write => Some(lock(root)?),
        };
        let card = Card::parse(&card)?;
        let identities = Identities::load(root, &card, age)?;
        let log = log::Log::open(&root.join("log"), &card.key)?;
        let card = card::settle(root, card, log.entries(), access)?;
        let in_force = policies::load(root, log.entries())?;
        let ask = Arc::new(Nobody);
        let vault = Self { root: root.to_owned(), clock, card, identities, in_force, log, ask, _lock: lock };
        if access == Access::Write {
            vault.clear_leftovers()?;
            vault.refresh_working_copy()?;
        }
        Ok(vault)
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its own card.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.in_force.policy
    }

    /// The policy in force, and its digest.
    #[must_use]
    pub fn policy_in_force(&self) -> (&Policy, PolicyDigest) {
        (&self.in_force.policy, self.in_force.digest)
    }

    /// The policy in force with its bytes.
    pub(crate) fn in_force(&self) -> &InForce {
        &self.in_force
    }

    /// The custody log, checked from its first entry to its checkpoint.
    #[must_use]
    pub fn log(&self) -> &[Entry] {
        self.log.entries()
    }

    /// The clock that this vault goes by.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) fn identities(&self) -> &Identities {
        &self.identities
    }

    /// Lets `ask` be asked for what opens the vault's identities, when one is needed.
    #[must_use]
    pub fn asking(self, ask: Arc<dyn Ask>) -> Self {
        Self { ask, ..self }
    }

    /// The identities that open what is sealed to this site in a suite, the newest first. Opens their file the first
    /// time.
    pub(crate) fn age_identities(&self, suite: Suite) -> Result<&[Identity], VaultError> {
        let (ring, other) = self.identities.rings(suite);
        ring.open(&self.card, other.lock(), &*self.ask).map_err(|error| match error {
            VaultError::Lost { path, .. } => {
                let recovery = self.recovery().iter().any(|recipient| recipient.suite() == suite);
                VaultError::Lost { path, recovery }
            }
            other => other,
        })
    }

    /// Appends to the log. When this returns, the event has happened.
    pub(crate) fn record(&mut self, event: Event) -> Result<(), VaultError> {
        self.log.append(self.clock.now(), event, &self.identities.ssh)
    }

    /// Puts a policy in force whose signatures were judged; the log says in words what `change` it makes and whose
    /// signatures counted. Then the working copy is the policy in force. A text that stood there is kept elsewhere if the
    /// policy came from outside and not from it; where, is the answer.
    pub(crate) fn put_in_force(
        &mut self,
        policy: InForce,
        signatures: &[GoodSignature],
        change: String,
        signed: Vec<PersonName>,
        is_outside: bool,
    ) -> Result<Option<PathBuf>, VaultError> {
        let (epoch, digest) = (policy.policy.epoch, policy.digest);
        let proposed = if is_outside { self.proposed()?.filter(|bytes| *bytes != policy.bytes) } else { None };
        policies::store(&self.root, epoch, &policy.bytes, signatures)?;
        // Before the log's entry: what fails after that would look like a policy that is not in force.
        let kept = proposed.map(|bytes| self.keep_proposed(&bytes)).transpose()?;
        self.record(Event::Policy { epoch, digest, change, signed })?;
        self.in_force = policy;
        self.propose(&self.in_force.bytes).map_err(|source| VaultError::NotRenewed { epoch, source })?;
        Ok(kept)
    }
}

impl VaultError {
    /// For use with `map_err` where a file is opened that every vault has.
    fn opening(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| match source.kind() {
            std::io::ErrorKind::NotFound => Self::Missing { path: path.to_owned() },
            _ => FsError::at("can't open", path)(source).into(),
        }
    }
}

/// 32 random bytes from the system.
pub(crate) fn random() -> Result<[u8; 32], VaultError> {
    crate::random::bytes().map_err(VaultError::Random)
}

fn lock(root: &Path) -> Result<File, VaultError> {
    let path = root.join("lock");
    let file = File::options().write(true).open(&path).map_err(FsError::at("can't open for changing", &path))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(VaultError::Locked { path: root.to_owned() }),
        Err(e) => Err(FsError::at("can't lock", &path)(e).into()),
    }
}
