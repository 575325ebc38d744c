//! `gapvault init`

use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::clock::Clock;
use gapvault_core::formats::agefile::Recipient;
use gapvault_core::formats::ids::CardFingerprint;
use gapvault_core::formats::names::{PersonName, SiteName};
use gapvault_core::keys::set_recovery;
use gapvault_core::vault::Vault;
use serde::Serialize;
use std::path::PathBuf;

/// Make a vault: new keys, and a policy that denies everything.
///
/// The keys are an age identity, which bundles for this site are sealed to, and an ECDSA P-256 key, which signs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  gapvault init lab --site lab")]
pub(crate) struct InitArgs {
    /// A folder that does not exist yet
    dir: PathBuf,
    /// The name of this side of the gap
    #[arg(long, value_name = "NAME")]
    site: SiteName,
    /// Who signs here [default: the site's name]
    #[arg(long, value_name = "NAME")]
    person: Option<PersonName>,
    /// An age recipient whose identity is kept elsewhere, offline: what the vault holds is sealed to it too. Give one of
    /// each kind
    #[arg(long, value_name = "RECIPIENT")]
    recovery: Vec<Recipient>,
}

#[derive(Serialize)]
struct Made {
    vault: PathBuf,
    site: SiteName,
    person: PersonName,
    card_fingerprint: CardFingerprint,
    recovery: Vec<Recipient>,
}

pub(crate) fn run(args: InitArgs, ui: &Ui) -> Result<(), Failure> {
    let InitArgs { dir, site, person, recovery } = args;
    let person = match person {
        Some(person) => person,
        // Every site name is a person name too.
        None => site.as_str().parse().map_err(|e| Failure::usage(format!("{e}"), "name the person with --person"))?,
    };
    let mut vault = Vault::init(&dir, site, person, Clock::SYSTEM)?;
    set_recovery(&mut vault, &recovery)?;
    let card = vault.card();
    let made = Made {
        vault: dir,
        site: card.site.clone(),
        person: card.person.clone(),
        card_fingerprint: card.fingerprint(),
        recovery: vault.recovery(),
    };
    let human = format!(
        "made vault {} for site {}, whose policy denies everything\ncard fingerprint {}\n",
        made.vault.display(),
        made.site,
        made.card_fingerprint
    );
    ui.result(&made, &human)?;
    if recovery.is_empty() {
        ui.note("note: whoever loses secrets/age.key loses what this vault holds; `gapvault recovery new --out FILE` makes an identity to keep offline");
    }
    Ok(())
}
