//! Changing what holds in a tent.

use super::{Changed, change};
use crate::trust::TrustError;
use crate::vault::Vault;
use gapvault_formats::content::Format;
use gapvault_formats::names::{PersonName, SiteName, TentName};
use gapvault_formats::policy::edit::{Draft, EditError};
use gapvault_formats::policy::{Approvals, ContentRules, Tent};
use gapvault_formats::sshsig::Touch;

/// Rules of a tent to set; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TentRules {
    /// Members that content may go to; the inner `None` for all of them.
    pub destinations: Option<Option<Vec<SiteName>>>,
    /// How many persons must approve; 0 for nobody.
    pub approvals: Option<u32>,
    /// Whose approval counts.
    pub approvers: Option<Vec<PersonName>>,
    /// Whether the exporter's own approval counts for nothing.
    pub not_exporter: Option<bool>,
    /// What the keys of exporters and approvers must show.
    pub signatures: Option<Touch>,
    /// The longest time that bundles are valid, in days; the inner `None` for any.
    pub valid_days: Option<Option<u32>>,
    /// Whether bundles must be sealed post-quantum.
    pub post_quantum: Option<bool>,
    /// Formats that files may have; the inner `None` for any.
    pub allowed: Option<Option<Vec<Format>>>,
    /// Formats that no file may have.
    pub forbidden: Option<Vec<Format>>,
    /// Whether files may carry pickles.
    pub pickle: Option<bool>,
    /// The largest file in bytes; the inner `None` for any.
    pub file_bytes: Option<Option<u64>>,
    /// The largest sum of a bundle's files in bytes; the inner `None` for any.
    pub bundle_bytes: Option<Option<u64>>,
}

impl TentRules {
    fn set(&self, draft: &mut Draft, name: &TentName) -> Result<bool, EditError> {
        let tent = draft.before().tent(name).cloned().ok_or_else(|| EditError::NoTent { tent: name.clone() })?;
        let mut changed = false;
        if let Some(destinations) = &self.destinations {
            changed |= draft.set_destinations(name, destinations.as_deref())?;
        }
        if self.approvals.is_some() || self.approvers.is_some() || self.not_exporter.is_some() {
            changed |= draft.set_approvals(name, self.approvals(&tent).as_ref())?;
        }
        if let Some(touch) = self.signatures {
            changed |= draft.set_signatures(name, touch)?;
        }
        if let Some(days) = self.valid_days {
            changed |= draft.set_valid_days(name, days)?;
        }
        if let Some(post_quantum) = self.post_quantum {
            changed |= draft.set_post_quantum(name, post_quantum)?;
        }
        let content = self.content(&tent.content);
        if content != tent.content {
            changed |= draft.set_content(name, &content)?;
        }
        Ok(changed)
    }

    fn approvals(&self, tent: &Tent) -> Option<Approvals> {
        let before = tent.approvals.as_ref();
        let approvals = Approvals {
            k: self.approvals.or(before.map(|approvals| approvals.k)).unwrap_or(1),
            // Nobody at all is what the rules refuse.
            of: self.approvers.clone().or(before.map(|approvals| approvals.of.clone())).unwrap_or_default(),
            not_exporter: self.not_exporter.or(before.map(|approvals| approvals.not_exporter)).unwrap_or(true),
        };
        (approvals.k > 0).then_some(approvals)
    }

    fn content(&self, before: &ContentRules) -> ContentRules {
        ContentRules {
            allowed: self.allowed.clone().unwrap_or_else(|| before.allowed.clone()),
            forbidden: self.forbidden.clone().unwrap_or_else(|| before.forbidden.clone()),
            pickle: self.pickle.unwrap_or(before.pickle),
            file_bytes: self.file_bytes.unwrap_or(before.file_bytes),
            bundle_bytes: self.bundle_bytes.unwrap_or(before.bundle_bytes),
        }
    }
}

/// Sets rules of a tent.
pub fn set_tent(vault: &mut Vault, tent: &TentName, rules: &TentRules) -> Result<Changed, TrustError> {
    change(vault, None, |draft| Ok(rules.set(draft, tent)?))
}
