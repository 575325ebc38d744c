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
}
