//! Giving up what is proposed.

use crate::error::explain;
use crate::vault::{Vault, VaultError};
use std::path::PathBuf;

/// Why the working copy is not reset.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// The vault refused or failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

explain!(ResetError, pass: [Vault], {});

/// Makes the working copy the policy in force again; signatures over what stood there go. Gives the file in which that text
/// is kept, if anything was proposed. It may be any text: one that is no policy is given up like another.
pub fn reset(vault: &mut Vault) -> Result<Option<PathBuf>, ResetError> {
    let Some(proposed) = vault.proposed()? else { return Ok(None) };
    let kept = vault.keep_proposed(&proposed).map_err(VaultError::from)?;
    vault.propose(&vault.in_force().bytes).map_err(VaultError::from)?;
    Ok(Some(kept))
}
