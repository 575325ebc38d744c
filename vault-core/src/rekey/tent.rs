//! A tent's key renewed.

use super::RekeyError;
use crate::vault::Vault;
use gapvault_formats::ids::TentKeyPin;
use gapvault_formats::names::TentName;

/// Makes a new key for a tent, for when a member left: chunk ids of what is exported from now on are keyed with it. What
/// was exported or imported with the old one stays as it is, and a volume of it can still be made again; an export that
/// was not finished must begin anew.
pub fn tent(vault: &mut Vault, tent: &TentName) -> Result<TentKeyPin, RekeyError> {
    if vault.pins(tent).next().is_none() {
        return Err(RekeyError::NoTentKey { tent: tent.clone() });
    }
    Ok(vault.renew_tent_key(tent)?)
}
