//! The vault's own card. Site, label key and recipients decide which bundles are for this vault, and nothing but the log
//! vouches for them: the card that its last entry about one names is the vault's.
//!
//! A new card is written beside the one that there is, then logged, then renamed into its place.

use super::{Access, Vault, VaultError, policies};
use crate::error::FsError;
use crate::fs::{sync_folder, write_replacing};
use gapvault_formats::agefile::Recipient;
use gapvault_formats::card::Card;
use gapvault_formats::custody::{Entry, Event};
use gapvault_formats::ids::CardFingerprint;
use gapvault_formats::limits;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

const NAME: &str = "card.toml";
const NEXT: &str = "card.next.toml";

/// The bytes of the card in the vault's place for it.
pub(super) fn read(root: &Path) -> Result<Vec<u8>, VaultError> {
    match read_file(&root.join(NAME)) {
        Err(e) if e.source.kind() == ErrorKind::PermissionDenied => Err(e.into()),
        Err(e) if e.action == OPEN => Err(VaultError::NotAVault { path: root.to_owned() }),
        read => Ok(read?),
    }
}

const OPEN: &str = "can't open";

fn read_file(path: &Path) -> Result<Vec<u8>, FsError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(FsError::at(OPEN, path))?;
    file.take(limits::CARD_BYTES + 1).read_to_end(&mut bytes).map_err(FsError::at("can't read", path))?;
    Ok(bytes)
}

/// The card that the log vouches for: `card`, or the one that was to take its place when a command ended between the
/// log's entry and the rename. Whoever changes the vault makes up for that.
pub(super) fn settle(root: &Path, card: Card, log: &[Entry], access: Access) -> Result<Card, VaultError> {
    let (place, next) = (root.join(NAME), root.join(NEXT));
    let Some(expected) = cards(log).next_back() else { return Ok(card) };
    let card = if card.fingerprint() == expected {
        card
    } else {
        let other = VaultError::OtherCard { actual: card.fingerprint(), expected };
        // It can only be the vault's own if the same key signs: the log was read with that of the other.
        let found = read_file(&next).ok().and_then(|bytes| Card::parse(&bytes).ok());
        let found = found.filter(|found| found.fingerprint() == expected && found.key == card.key).ok_or(other)?;
        if access == Access::Write {
            std::fs::rename(&next, &place).map_err(FsError::at("can't rename into place", &place))?;
            sync_folder(root)?;
        }
        return Ok(found);
    };
    if access == Access::Write && next.symlink_metadata().is_ok() {
        // It never came to its entry.
        std::fs::remove_file(&next).map_err(FsError::at("can't remove", &next))?;
    }
    Ok(card)
}

/// The cards that the log names, in its order.
fn cards(log: &[Entry]) -> impl DoubleEndedIterator<Item = CardFingerprint> {
    log.iter().filter_map(|entry| match entry.event {
        Event::Init { card, .. } | Event::Card { card } => Some(card),
        _ => None,
    })
}

impl Vault {
    /// Gives the vault another card. The log's entry is what makes it count.
    pub(crate) fn renew_card(&mut self, card: Card) -> Result<(), VaultError> {
        let (place, next) = (self.root.join(NAME), self.root.join(NEXT));
        write_replacing(&next, card.to_text().as_bytes(), 0o600)?;
        self.record(Event::Card { card: card.fingerprint() })?;
        std::fs::rename(&next, &place).map_err(FsError::at("can't rename into place", &place))?;
        sync_folder(&self.root)?;
        self.card = card;
        Ok(())
    }

    /// Whether this vault has or had a card of that fingerprint with that recipient. Which cards it had, the log says; what
    /// stood on those of before, the policies that were in force, or an identity that is still kept.
    pub(crate) fn had_card(&self, card: &CardFingerprint, recipient: &Recipient) -> Result<bool, VaultError> {
        if !cards(self.log()).any(|known| known == *card) {
            return Ok(false);
        }
        if self.age_identities(recipient.suite())?.iter().any(|identity| identity.recipient() == *recipient) {
            return Ok(true);
        }
        for (epoch, digest) in policies::named(self.log()).rev() {
            let policy = policies::load_named(&self.root, epoch, digest)?.policy;
            let own = policy.site(&self.card.site).filter(|site| site.card == *card);
            if own.is_some_and(|site| site.recipient_for(recipient.suite()) == recipient) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The cards that the vault had before this one.
    pub(crate) fn earlier_cards(&self) -> Vec<CardFingerprint> {
        let own = self.card.fingerprint();
        cards(self.log()).filter(|card| *card != own).collect()
    }

    /// The recipients of the recovery identity, one a suite at most: what this vault holds opens with it too.
    pub fn recovery(&self) -> Vec<Recipient> {
        let mut recovery: Vec<Recipient> = Vec::new();
        for entry in self.log() {
            match &entry.event {
                Event::Recovery { recipient: None } => recovery.clear(),
                Event::Recovery { recipient: Some(new) } => {
                    recovery.retain(|known| known.suite() != new.suite());
                    recovery.push(new.clone());
                }
                _ => {}
            }
        }
        recovery
    }
}
