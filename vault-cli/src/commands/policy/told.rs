//! How far a policy is on its way into force, for people and for programs.

use super::human::join;
use gapvault_core::clock::Clock;
use gapvault_core::formats::names::PersonName;
use gapvault_core::formats::policy::root::{Tally, Whose};
use gapvault_core::policy::{Proposal, Standing, ahead, warnings};
use gapvault_core::vault::Vault;
use serde::Serialize;
use std::collections::BTreeSet;

/// Signatures that are still missing.
#[derive(Debug, Serialize)]
pub(crate) struct Missing {
    /// Whose rule it is: that of the policy in force, or the new one's own.
    root: Whose,
    /// How many persons more.
    missing: usize,
    /// How many it takes in all.
    expected: u32,
    /// Whose signatures count.
    signed: Vec<PersonName>,
    /// Who could sign yet.
    could: Vec<PersonName>,
}

impl Missing {
    /// What is missing, by the rules that were asked.
    pub(crate) fn of(tallies: &[Tally]) -> Vec<Self> {
        let lacking = tallies.iter().filter(|tally| tally.missing() > 0);
        let missing = lacking.map(|tally| Self {
            root: tally.whose,
            missing: tally.missing(),
            expected: tally.expected,
            signed: tally.counted.clone(),
            could: tally.could.clone(),
        });
        missing.collect()
    }

    /// `still to sign: 1 of bob, carol (the root in force asks for 2)`
    pub(crate) fn line(&self) -> String {
        let root = match self.root {
            Whose::InForce => "the root in force",
            Whose::Own => "its own root",
        };
        let could = match self.could.as_slice() {
            [] => "nobody can".to_owned(),
            all if all.len() == self.missing => join(all),
            some => format!("{} of {}", self.missing, join(some)),
        };
        format!("still to sign: {could} ({root} asks for {})", self.expected)
    }
}

/// Everybody whose signature counts for one root or the other, each once.
pub(super) fn counted(tallies: &[Tally]) -> Vec<PersonName> {
    let counted: BTreeSet<_> = tallies.iter().flat_map(|tally| tally.counted.clone()).collect();
    counted.into_iter().collect()
}

/// How far a policy is.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    /// `in force`, `ready`, `unsigned`; `unknown` where no vault says which policy is in force.
    pub(crate) state: &'static str,
    /// Whose signatures count.
    pub(crate) signed: Vec<PersonName>,
    pub(crate) missing: Vec<Missing>,
}

impl Told {
    pub(crate) fn of(standing: &Standing) -> Self {
        let (state, signed, missing) = match standing {
            Standing::InForce => ("in force", Vec::new(), Vec::new()),
            Standing::Ready(accepted) => ("ready", accepted.signed(), Vec::new()),
            Standing::Unsigned(tallies) => ("unsigned", counted(tallies), Missing::of(tallies)),
        };
        Self { state, signed, missing }
    }

    /// By its own root alone.
    pub(crate) fn of_own(tally: &Tally) -> Self {
        let missing = Missing::of(std::slice::from_ref(tally));
        Self { state: "unknown", signed: tally.counted.clone(), missing }
    }

    /// A line or some: who signed, who has still to.
    pub(crate) fn human(&self) -> String {
        let signed = match self.signed.as_slice() {
            [] => "signed by nobody yet".to_owned(),
            persons => format!("signed by {}", join(persons)),
        };
        match self.state {
            "in force" => "it is the policy in force\n".to_owned(),
            "ready" => format!("{signed}, which is enough: `gapvault policy apply` puts it in force\n"),
            _ => {
                let lines: String = self.missing.iter().map(|missing| format!("{}\n", missing.line())).collect();
                format!("{signed}\n{lines}")
            }
        }
    }
}

/// A signature file that does not count, and why.
#[derive(Debug, Serialize)]
pub(super) struct Ignored {
    pub(super) file: String,
    pub(super) reason: String,
}

/// The signature files beside a policy that don't count.
pub(super) fn ignored(proposal: &Proposal) -> Vec<Ignored> {
    let faults = proposal.beside.faults.iter().map(|f| Ignored { file: f.name.clone(), reason: f.why.to_string() });
    let strangers = proposal
        .beside
        .strangers
        .iter()
        .map(|name| Ignored { file: name.clone(), reason: "it is not named by the key of a root person".to_owned() });
    faults.chain(strangers).collect()
}

/// What the policy would take from this vault.
pub(super) fn warned(vault: &Vault, proposal: &Proposal) -> Vec<String> {
    warnings(vault, &proposal.policy).iter().map(ToString::to_string).collect()
}

/// What it takes from a vault that is not known here.
pub(super) fn warned_elsewhere(proposal: &Proposal) -> Vec<String> {
    ahead(&proposal.policy, Clock::SYSTEM).iter().map(ToString::to_string).collect()
}
