//! Whether a policy admits a bundle: who signed it, for which tent, for whom, when, who approved it, and whether its
//! number was seen. What is needed for that is read here; the decision (`decide.rs`) is made of nothing else.

mod addressed;
mod approvals;
mod case;
mod decide;
mod error;

pub use addressed::Addressed;
pub use approvals::{Shortfall, Tally, Uncounted, Unmet};
pub(crate) use approvals::{has_key, may_approve};
pub use case::{Case, Earlier, Purpose, Times};
pub use decide::{Check, Decision, Grounds, Rule, decide, known_signer};
pub use error::JudgeError;
pub(crate) use error::asked;

use super::find::Bundle;
use super::seal::{self, Copies, SealReadError, SealedBundle};
use super::supersede::are_one_bundle;
use crate::fs::Folder;
use crate::vault::Vault;
use gapvault_formats::custody::{Approval, Event, Imported};
use gapvault_formats::ids::BundleId;
use gapvault_formats::limits;
use gapvault_formats::names::PersonName;
use gapvault_formats::seal::{SEAL_NAME, Seal};
use gapvault_formats::sshsig::{PublicKey, Shown};

/// A bundle that the policy admits, or that the log admitted before.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) sealed: SealedBundle,
    pub(crate) seal: Seal,
    pub(crate) exporter: PersonName,
    pub(crate) addressed: Addressed,
    pub(crate) approved: Vec<Approval>,
    pub(crate) rule: String,
    pub(crate) epoch: u64,
    /// What this vault's log holds of it already: the same seal, or another of the same bundle.
    pub(crate) admitted: Option<BundleId>,
    /// Why it would be refused now, though it was admitted.
    pub(crate) anew: Option<JudgeError>,
}

/// A seal that was read, and what the policy says of it.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) sealed: SealedBundle,
    /// `None` if nobody known signed it, so that it was not looked at.
    pub(crate) seal: Option<Seal>,
    pub(crate) decision: Decision,
}

/// Reads a bundle's seal and decides by the vault's policy. Reads nothing else of the bundle. `copies` are other folders
/// with the same seal: approvals may stand beside any of them, and beside the vault's own copy.
pub(crate) fn judge(
    vault: &Vault,
    bundle: &Bundle,
    copies: Copies<'_>,
    purpose: Purpose,
) -> Result<Judged, JudgeError> {
    let Heard { sealed, seal, mut decision } = hear(vault, bundle, copies, purpose)?;
    let (admitted, epoch) = (decision.admitted, vault.policy().epoch);
    let grounds = decision.grounds.take();
    match (seal, grounds, decision.into_refusal()) {
        // What the log has admitted stays admitted: importing it again is no refusal, just nothing to do.
        (Some(seal), Some(grounds), anew) if anew.is_none() || admitted.is_some() => {
            let Grounds { exporter, addressed, approvals, rule } = grounds;
            let approved = approvals.counted;
            Ok(Judged { sealed, seal, exporter, addressed, approved, rule, epoch, admitted, anew })
        }
        (_, _, Some(refusal)) => Err(refusal),
        (_, _, None) => unreachable!("what has no grounds is refused"),
    }
}

/// Reads a bundle's seal and holds it against every rule.
pub(crate) fn hear(vault: &Vault, bundle: &Bundle, copies: Copies<'_>, purpose: Purpose) -> Result<Heard, JudgeError> {
    let mut sealed = seal::read(&bundle.folder)?;
    for copy in copies {
        sealed.add_from(copy)?;
    }
    let policy = vault.policy();
    let is_admitted = imports(vault).any(|imported| imported.bundle == sealed.id);
    for path in [vault.pending_path(&sealed.id), vault.bundle_path(&sealed.id)] {
        if let Ok(own) = Folder::open(&path) {
            sealed.add_from(&own)?;
        }
    }
    // SPEC 4.4: the signature by somebody known comes before anything in the seal is believed. What the log admitted is
    // vouched for by its digest there.
    let signer = known_signer(policy, &sealed.id, &sealed.signers);
    if signer.verdict.is_err() && !is_admitted {
        let decision = Decision { checks: vec![signer], grounds: None, admitted: None };
        return Ok(Heard { sealed, seal: None, decision });
    }
    let seal = sealed.parse(bundle)?;
    let earlier = earlier(vault, &sealed.id, &seal);
    let decision = decide(&Case {
        policy,
        own: &vault.card().site,
        purpose,
        bundle: sealed.id,
        seal: &seal,
        signers: &sealed.signers,
        unfit: &sealed.unfit,
        times: Times { clock: vault.clock().now(), floor: vault.time_floor()? },
        earlier: &earlier,
    });
    Ok(Heard { sealed, seal: Some(seal), decision })
}

/// Reads a bundle's seal and names its signers, with no policy: nobody is trusted.
pub(crate) fn unjudged(bundle: &Bundle, copies: Copies<'_>) -> Result<(SealedBundle, Seal), SealReadError> {
    let mut sealed = seal::read(&bundle.folder)?;
    for copy in copies {
        sealed.add_from(copy)?;
    }
    let seal = sealed.parse(bundle)?;
    Ok((sealed, seal))
}

/// What the log admitted under the seal's key and number, or under this very seal.
fn earlier(vault: &Vault, bundle: &BundleId, seal: &Seal) -> Vec<Earlier> {
    let predicate = seal.predicate();
    let numbered = |i: &&Imported| (i.number, &i.key) == (predicate.number, &predicate.exporter);
    imports(vault)
        .filter(numbered)
        .map(|i| Earlier {
            bundle: i.bundle,
            key: i.key.clone(),
            tent: i.tent.clone(),
            number: i.number,
            same: i.bundle == *bundle || is_one_with(vault, seal, &i.bundle),
        })
        .collect()
}

/// Whether `seal` is of one bundle with one that the log admitted, by the seal that the vault has of that.
fn is_one_with(vault: &Vault, seal: &Seal, admitted: &BundleId) -> bool {
    let stored = Folder::open(&vault.bundle_path(admitted)).ok();
    let bytes = stored.and_then(|folder| folder.read(SEAL_NAME, limits::SEAL_BYTES).ok().flatten());
    // The log's digest vouches for it.
    let bytes = bytes.filter(|bytes| BundleId::of(bytes) == *admitted);
    bytes.and_then(|bytes| Seal::parse(&bytes).ok()).is_some_and(|stored| are_one_bundle(&stored, seal))
}

fn imports(vault: &Vault) -> impl Iterator<Item = &Imported> {
    vault.log().iter().filter_map(|entry| match &entry.event {
        Event::Imported(imported) => Some(&**imported),
        _ => None,
    })
}

/// What the signature of a plain key shows.
const NEITHER: &str = "neither touch nor PIN";

/// What a signature shows of whoever made it, in words.
pub(crate) fn shows(shown: Shown) -> &'static str {
    match shown {
        Shown { verification: true, presence: true } => "that its holder was verified",
        Shown { presence: true, .. } => "that a security key was touched",
        Shown { verification: true, .. } => "no touch",
        Shown { .. } => NEITHER,
    }
}

pub(crate) fn join(names: &[impl std::fmt::Display]) -> String {
    if names.is_empty() {
        return "nobody".to_owned();
    }
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Judged {
    /// The exporter's key.
    pub(crate) fn key(&self) -> &PublicKey {
        &self.seal.predicate().exporter
    }
}
