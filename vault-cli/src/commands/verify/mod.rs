//! `gapvault verify`

mod human;
mod told;

use super::medium::{Became, MediaArgs};
use super::rules::at_checkout;
use crate::cli::Global;
use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::vault::Access;
use gapvault_core::verify::{Verified, VerifyError, verify};
use human::human;
use told::told;

/// Check the signatures of the bundles on one medium or several, then every byte.
///
/// Needs no decryption key and writes nothing. Of a bundle with parity it says what is damaged, whether that can be
/// mended from what is there, and how much more could be. On a host without a vault, --integrity-only checks every byte
/// and names the signers; whether to trust them is then not judged.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault cluster verify /media/usb
  gapvault --vault cluster verify /media/usb1 /media/usb2
  gapvault verify --integrity-only /media/usb")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    media: MediaArgs,
    /// Check every byte, name the signers, judge nobody
    #[arg(long)]
    integrity_only: bool,
}

pub(crate) fn run(args: &VerifyArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    if global.vault.is_none() && !args.integrity_only {
        let message = "no vault is named, so there is no policy to judge by";
        return Err(Failure::usage(
            message,
            "name one with --vault DIR, or check the bytes alone with --integrity-only",
        ));
    }
    let vault = if args.integrity_only { None } else { Some(global.open(Access::Read)?) };
    args.media.each(ui, |set| {
        let became = |verified: &Verified, failure| {
            let told = told(verified);
            let mut human = human(set.label().as_str(), &told, verified);
            if let (Some(vault), Some(trust)) = (&vault, &verified.trust) {
                human.push_str(&at_checkout(vault, &trust.addressed.tent));
            }
            Became { object: told, human, failure }
        };
        match verify(vault.as_ref(), set, ui.observer()) {
            Ok(verified) => Ok(became(&verified, None)),
            Err(error) => match &error {
                VerifyError::Damaged(verified) | VerifyError::Incomplete(verified) => {
                    let verified_became = became(verified, None);
                    Ok(Became { failure: Some(error.into()), ..verified_became })
                }
                _ => Err(error.into()),
            },
        }
    })
}
