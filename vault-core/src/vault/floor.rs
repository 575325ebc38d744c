//! What time it can't be earlier than, by what this vault has been told before.

use super::{Vault, VaultError, policies};
use gapvault_formats::custody::Event;
use gapvault_formats::time::Time;

impl Vault {
    /// SPEC 13.3: the latest `time` of a policy that was in force and `created` of a bundle that was admitted. An epoch
    /// with `reset_clock` makes everything before it in the log count no more.
    pub(crate) fn time_floor(&self) -> Result<Option<Time>, VaultError> {
        let mut floor = None;
        for entry in self.log().iter().rev() {
            match entry.event {
                Event::Imported(ref imported) => floor = floor.max(Some(imported.created)),
                Event::Policy { epoch, digest, .. } => {
                    let policy = policies::load_named(&self.root, epoch, digest)?.policy;
                    let (time, reset) = (policy.time, policy.reset_clock);
                    floor = floor.max(time);
                    if reset {
                        break;
                    }
                }
                _ => {}
            }
        }
        Ok(floor)
    }
}
