//! What a bundle is judged by: all of it read before, nothing of it a file.

use super::super::seal::{Signer, Unfit};
use gapvault_formats::ids::BundleId;
use gapvault_formats::names::{SiteName, TentName};
use gapvault_formats::policy::Policy;
use gapvault_formats::seal::Seal;
use gapvault_formats::sshsig::PublicKey;
use gapvault_formats::time::Time;

/// What a bundle is judged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be looked at or verified, by anybody who knows the exporter.
    Look,
    /// To be brought into this vault.
    Admit,
}

/// A bundle before its judge.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// The policy in force.
    pub policy: &'a Policy,
    /// The site that judges.
    pub own: &'a SiteName,
    /// What for.
    pub purpose: Purpose,
    /// The SHA-256 of the seal's bytes.
    pub bundle: BundleId,
    /// What the seal says.
    pub seal: &'a Seal,
    /// The signatures that fit those bytes.
    pub signers: &'a [Signer],
    /// The files that stand beside copies of the seal as signatures and are none of it.
    pub unfit: &'a [Unfit],
    /// What time it is.
    pub times: Times,
    /// Bundles that the log admitted under the seal's exporter key and number.
    pub earlier: &'a [Earlier],
}

/// What a vault knows of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// This host's clock.
    pub clock: Time,
    /// It can't be earlier than this, by what was signed and admitted before; `None` if nothing says so.
    pub floor: Option<Time>,
}

impl Times {
    /// The later of the two. Nothing is still valid that was to end before it.
    #[must_use]
    pub fn latest(self) -> Time {
        self.floor.map_or(self.clock, |floor| self.clock.max(floor))
    }
}

/// A bundle that the log admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Its seal.
    pub bundle: BundleId,
    /// The key that sealed it.
    pub key: PublicKey,
    /// Its tent.
    pub tent: TentName,
    /// Its number.
    pub number: u64,
    /// Whether its seal and the one that is judged are of one bundle.
    pub same: bool,
}
