//! Policies with rules that a test wants, put in force as the vault's own person would.

use super::Site;
use gapvault_formats::policy::{Policy, Tent};

impl Site {
    /// Says whether tent `aurora` takes and makes post-quantum bundles alone.
    pub fn post_quantum(&self, is: bool) {
        self.run(["tent", "set", "aurora", "--post-quantum", if is { "true" } else { "false" }]).expect(0);
    }

    /// Puts a changed policy in force.
    pub fn change_policy(&self, edit: impl FnOnce(&mut Policy)) {
        self.edit_policy(|text| {
            let mut policy = Policy::parse(text.as_bytes()).unwrap();
            edit(&mut policy);
            policy.to_text().unwrap()
        });
    }
}

/// The tent that the tests are about.
pub fn aurora(policy: &mut Policy) -> &mut Tent {
    policy.tents.iter_mut().find(|tent| tent.name.as_str() == "aurora").unwrap()
}
