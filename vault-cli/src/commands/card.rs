//! `gapvault card`

use crate::cli::Global;
use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::formats::card::CardError;
use gapvault_core::formats::ids::CardFingerprint;
use gapvault_core::formats::names::PersonName;
use gapvault_core::formats::person_card::PersonCard;
use gapvault_core::formats::sshsig::PublicKey;
use gapvault_core::sign::read_public_key;
use gapvault_core::vault::Access;
use serde::Serialize;
use std::path::PathBuf;

/// Print a card: the public keys to carry across, of this site or of a person.
///
/// The card's fingerprint goes to stderr; it is what `sha256sum` prints of the card's file. The other side compares it
/// by another way than the one the card came: over the phone, on paper. With --person no vault is needed: the card is of
/// somebody who signs with keys of their own, wherever they work.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab card > lab.card
  sha256sum lab.card
  gapvault card --person ana --key ~/.ssh/id_ed25519_sk.pub > ana.card")]
pub(crate) struct CardArgs {
    /// Make a card of this person
    #[arg(long, value_name = "NAME", requires = "keys")]
    person: Option<PersonName>,
    /// An OpenSSH key of that person, most likely a .pub file; may be given several times
    #[arg(long = "key", value_name = "FILE", requires = "person")]
    keys: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Shown {
    fingerprint: CardFingerprint,
    card: String,
}

pub(crate) fn run(args: &CardArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let (shown, keys) = match &args.person {
        Some(person) => {
            let keys = args.keys.iter().map(|path| read_public_key(path)).collect::<Result<Vec<_>, _>>()?;
            let twice = |e: CardError| Failure::usage(e.to_string(), "give each of the person's keys once");
            let card = PersonCard::new(person.clone(), keys).map_err(twice)?;
            (Shown { fingerprint: card.fingerprint(), card: card.to_text() }, card.keys().to_vec())
        }
        None => {
            let vault = global.open(Access::Read)?;
            let card = vault.card();
            (Shown { fingerprint: card.fingerprint(), card: card.to_text() }, vec![card.key.clone()])
        }
    };
    for key in &keys {
        ui.note(&format!("signing key {}{}", key.fingerprint(), kind(key)));
    }
    ui.note(&format!("card fingerprint {}", shown.fingerprint));
    ui.result(&shown, &shown.card)
}

fn kind(key: &PublicKey) -> &'static str {
    if key.is_security_key() { ", in a security key" } else { "" }
}
