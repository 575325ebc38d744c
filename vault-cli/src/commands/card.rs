//! `gapvault card`

use crate::cli::Global;
use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::formats::ids::CardFingerprint;
use gapvault_core::vault::Access;
use serde::Serialize;

/// Print this site's card: the public keys to carry across.
///
/// The card's fingerprint goes to stderr; it is what `sha256sum` prints of the card's file. The other side compares it
/// by another way than the one the card came: over the phone, on paper.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  gapvault --vault lab card > lab.card\n  sha256sum lab.card")]
pub(crate) struct CardArgs {}

#[derive(Serialize)]
struct Shown {
    fingerprint: CardFingerprint,
    card: String,
}

pub(crate) fn run(_: &CardArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let vault = global.open(Access::Read)?;
    let shown = Shown { fingerprint: vault.card().fingerprint(), card: vault.card().to_text() };
    ui.note(&format!("signing key {}", vault.card().key.fingerprint()));
    ui.note(&format!("card fingerprint {}", shown.fingerprint));
    ui.result(&shown, &shown.card)
}
