//! `--key`: with which key a command signs.

use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::sign::{Signer, open_key, own_key};
use gapvault_core::vault::Vault;
use std::path::PathBuf;

/// With which key a command signs.
#[derive(Debug, clap::Args)]
pub(crate) struct KeyArg {
    /// The OpenSSH key to sign with: a private key's file, that of a security key, or a .pub file whose private half is in
    /// ssh-agent [default: the vault's own key]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl KeyArg {
    /// What signs. Nothing is asked of anybody yet.
    pub(crate) fn signer<'u>(&self, vault: &Vault, ui: &'u Ui) -> Result<Box<dyn Signer + 'u>, Failure> {
        match &self.key {
            Some(path) => Ok(open_key(path, ui.observer())?),
            None => Ok(own_key(vault)?),
        }
    }

    /// The same where there may be no vault, whose own key it would be.
    pub(crate) fn signer_if<'u>(&self, vault: Option<&Vault>, ui: &'u Ui) -> Result<Box<dyn Signer + 'u>, Failure> {
        match (&self.key, vault) {
            (Some(path), _) => Ok(open_key(path, ui.observer())?),
            (None, Some(vault)) => Ok(own_key(vault)?),
            (None, None) => Err(Failure::usage(
                "there is neither a vault nor a key to sign with",
                "name a key with --key FILE, or a vault, whose own key signs, with --vault DIR",
            )),
        }
    }
}
