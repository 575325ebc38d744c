//! What a command changed in the policy, for people and for programs.

use super::policy::human::join;
use super::policy::told::Missing;
use crate::text::printable;
use gapvault_core::formats::names::PersonName;
use gapvault_core::formats::policy::diff;
use gapvault_core::policy::{Changed, Outcome, Unsigned};
use serde::Serialize;

/// A change of the policy, as `--json` tells it.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    /// The epoch of the policy that has the change.
    epoch: u64,
    /// Whether anything is otherwise than before.
    pub(super) changed: bool,
    /// Whether it is in force.
    pub(super) applied: bool,
    /// Whose signatures are missing for that.
    missing: Vec<Missing>,
    /// What changed in the working copy.
    changes: Vec<diff::Change>,
    /// What the rules allow and hardly anybody means, new by this change.
    remarks: Vec<String>,
    /// Who signed what was proposed before, and has to sign again.
    void: Vec<PersonName>,
    #[serde(skip)]
    unsigned: Option<Unsigned>,
}

impl Change {
    pub(super) fn of(changed: &Changed) -> Self {
        let (missing, unsigned) = match &changed.outcome {
            Outcome::Proposed { tallies, unsigned } => (Missing::of(tallies), *unsigned),
            Outcome::Waiting { tallies } => (Missing::of(tallies), None),
            Outcome::Nothing | Outcome::Applied => (Vec::new(), None),
        };
        Self {
            epoch: changed.epoch,
            changed: matches!(changed.outcome, Outcome::Proposed { .. } | Outcome::Applied),
            applied: matches!(changed.outcome, Outcome::Nothing | Outcome::Applied),
            missing,
            changes: changed.changes.clone(),
            remarks: changed.remarks.iter().map(|remark| printable(&remark.to_string())).collect(),
            void: changed.void.clone(),
            unsigned,
        }
    }

    /// How to say that something is so.
    pub(super) fn is_now(&self) -> &'static str {
        match (self.changed, self.applied) {
            (false, true) => "was",
            (true, true) => "is now",
            (_, false) => "is to be",
        }
    }

    /// The changes, one a line.
    pub(super) fn lines(&self) -> String {
        self.changes.iter().map(|change| format!("{}\n", printable(&change.to_string()))).collect()
    }

    /// What somebody should know, and what has to be done yet.
    pub(super) fn still(&self) -> String {
        let mut out: String = self.remarks.iter().map(|remark| format!("remark: {remark}\n")).collect();
        if self.applied {
            return out;
        }
        out.push_str(&format!("this is proposed as policy epoch {}, and not in force\n", self.epoch));
        match self.unsigned {
            None => {}
            Some(Unsigned::NoRoot) => out.push_str("this vault's own key signs no policies\n"),
            Some(Unsigned::Unseen) => out.push_str(
                "other changes were proposed before, so this vault's key did not sign it: see `gapvault policy diff`, then sign it\n",
            ),
        }
        if !self.void.is_empty() {
            out.push_str(&format!("signed before this change, and to be signed again: {}\n", join(&self.void)));
        }
        out.extend(self.missing.iter().map(|missing| format!("{}\n", missing.line())));
        out + "sign it with `gapvault policy sign`; `gapvault policy apply` puts it in force, `gapvault policy reset` gives it up\n"
    }
}
