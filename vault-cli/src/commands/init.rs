//! `gapvault init`

use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::clock::Clock;
use gapvault_core::formats::ids::CardFingerprint;
use gapvault_core::formats::names::{PersonName, SiteName};
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
}

#[derive(Serialize)]
struct Made {
    vault: PathBuf,
    site: SiteName,
    person: PersonName,
    card_fingerprint: CardFingerprint,
}

pub(crate) fn run(args: InitArgs, ui: &Ui) -> Result<(), Failure> {
    let InitArgs { dir, site, person } = args;
    let person = match person {
        Some(person) => person,
        // Every site name is a person name too.
        None => site.as_str().parse().map_err(|e| Failure::usage(format!("{e}"), "name the person with --person"))?,
    };
    let vault = Vault::init(&dir, site, person, Clock::SYSTEM)?;
    let card = vault.card();
    let made =
        Made { vault: dir, site: card.site.clone(), person: card.person.clone(), card_fingerprint: card.fingerprint() };
    let human = format!(
        "made vault {} for site {}, whose policy denies everything\ncard fingerprint {}\n",
        made.vault.display(),
        made.site,
        made.card_fingerprint
    );
    ui.result(&made, &human)
}
