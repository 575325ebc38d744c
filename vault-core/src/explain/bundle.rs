//! One bundle before the policy: every check, every signature, and what is missing.

use crate::bundle::{Bundle, Decision, Heard, JudgeError, Purpose, Rule, SealedBundle, Set, Tally, hear, shows};
use crate::error::{Explain, Kind};
use crate::export::newest;
use crate::held::{HeldError, held_bundle};
use crate::vault::Vault;
use gapvault_formats::custody::Event;
use gapvault_formats::ids::{BundleId, KeyFingerprint};
use gapvault_formats::names::{Label, PersonName, TentName};
use gapvault_formats::sshsig::Namespace;
use serde::Serialize;

/// A bundle, and all that the policy says of it.
#[derive(Debug)]
pub struct Explained {
    /// The folder it is in.
    pub label: Label,
    /// The seal's digest.
    pub bundle: BundleId,
    /// Its tent, if that is known.
    pub tent: Option<TentName>,
    /// The epoch that judges.
    pub epoch: u64,
    /// Every rule that could be looked at, in order.
    pub checks: Vec<Checked>,
    /// Every signature beside the seal.
    pub signatures: Vec<ExplainedSignature>,
    /// What the approvals come to; `None` if it did not come to counting them.
    pub approvals: Option<Tally>,
    /// The epoch that admitted it, if it is in this vault.
    pub admitted: Option<u64>,
    /// The seal that took its place, if this vault made it and sealed it anew.
    pub superseded: Option<BundleId>,
    /// Why it would not be admitted, if it would not.
    pub refusal: Option<JudgeError>,
}

/// A rule and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// The rule.
    pub rule: Rule,
    /// Where it stands: tent and field of the policy, or what else it goes by.
    pub place: String,
    /// Whether it holds.
    pub holds: bool,
    /// Why, or why not.
    pub reason: String,
    /// What a person can do, where it does not hold.
    pub hint: Option<String>,
}

/// A signature and what it counts for.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedSignature {
    /// Its key; `None` for a file that is no signature over this seal.
    pub key: Option<KeyFingerprint>,
    /// The file's name.
    pub file: String,
    /// Whose key it is, by the policy.
    pub person: Option<PersonName>,
    /// What it shows of whoever made it.
    pub shows: Option<&'static str>,
    /// Whether a security key made it.
    pub security_key: bool,
    /// What it counts for.
    pub counts: Counts,
}

/// What a signature counts for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Counts {
    /// As the exporter's.
    Exporter,
    /// As an approval.
    Approval,
    /// For nothing, and why.
    Nothing(String),
}

/// Explains every distinct seal that the media have of one label. Nothing but seals and signatures is read.
pub fn explain_set(vault: &Vault, set: &Set) -> Result<Vec<Explained>, JudgeError> {
    let sealed: Vec<&Bundle> = set.folders.iter().map(|p| &p.bundle).filter(|b| b.is_sealed()).collect();
    let mut explained: Vec<Explained> = Vec::new();
    let mut unread: Vec<(Option<BundleId>, JudgeError)> = Vec::new();
    for (at, bundle) in sealed.iter().enumerate() {
        let others = sealed.iter().enumerate().filter(|(n, _)| *n != at);
        // Those of another seal have signatures that fit nothing here; they are told of there.
        let same = others.filter(|(_, other)| other.seal_id().is_some() && other.seal_id() == bundle.seal_id());
        let copies: Vec<_> = same.map(|(_, other)| &other.folder).collect();
        if bundle.seal_id().is_some_and(|id| explained.iter().any(|e| e.bundle == id)) {
            continue;
        }
        match hear(vault, bundle, &copies, Purpose::Admit) {
            Ok(heard) => explained.push(explain(vault, bundle.label().clone(), heard)),
            // Another copy of the same seal may be good, whatever order the media are named in.
            Err(error) => unread.push((bundle.seal_id(), error)),
        }
    }
    let is_lost = |id: &Option<BundleId>| id.is_none_or(|id| explained.iter().all(|e| e.bundle != id));
    match unread.into_iter().find(|(id, _)| is_lost(id)) {
        Some((_, error)) => Err(error),
        None => Ok(explained),
    }
}

/// Explains a bundle that this vault made or holds.
pub fn explain_held(vault: &Vault, id: &BundleId) -> Result<Explained, HeldError> {
    let bundle = held_bundle(vault, id)?;
    let made_here = vault.log().iter().any(|e| matches!(&e.event, Event::Exported(made) if made.bundle == *id));
    let purpose = if made_here { Purpose::Look } else { Purpose::Admit };
    match hear(vault, &bundle, &[], purpose) {
        Ok(heard) => Ok(explain(vault, bundle.label().clone(), heard)),
        Err(JudgeError::Seal(error)) => Err(error.into()),
        Err(error) => Err(HeldError::Judge(Box::new(error))),
    }
}

fn explain(vault: &Vault, label: Label, heard: Heard) -> Explained {
    let Heard { sealed, seal, decision } = heard;
    let approvals = decision.grounds.as_ref().map(|grounds| grounds.approvals.clone());
    let exporter = seal.map(|seal| seal.predicate().exporter.fingerprint());
    let signatures = signatures(vault, &sealed, &decision, exporter, approvals.as_ref());
    let admitted = decision.admitted.and_then(|id| {
        vault.log().iter().find_map(|entry| match &entry.event {
            Event::Imported(imported) if imported.bundle == id => Some(imported.epoch),
            _ => None,
        })
    });
    let checks = decision.checks.iter().map(|check| {
        let (holds, reason, hint) = match &check.verdict {
            Ok(reason) => (true, reason.clone(), None),
            Err(error) => (false, error.to_string(), error.hint()),
        };
        Checked { rule: check.rule, place: check.place.clone(), holds, reason, hint }
    });
    Explained {
        label,
        bundle: sealed.id(),
        tent: decision.grounds.as_ref().map(|grounds| grounds.addressed.tent.clone()),
        epoch: vault.policy().epoch,
        checks: checks.collect(),
        signatures,
        approvals,
        admitted,
        superseded: Some(newest(vault, sealed.id())).filter(|newest| *newest != sealed.id()),
        refusal: decision.into_refusal(),
    }
}

fn signatures(
    vault: &Vault,
    sealed: &SealedBundle,
    decision: &Decision,
    exporter: Option<KeyFingerprint>,
    approvals: Option<&Tally>,
) -> Vec<ExplainedSignature> {
    let policy = vault.policy();
    let seals = |rule| decision.checks.iter().find(|check| check.rule == rule).is_some_and(|c| c.verdict.is_ok());
    let nothing = |why: &str| Counts::Nothing(why.to_owned());
    let fit = sealed.signers().iter().map(|signer| {
        let key = signer.key.fingerprint();
        let counts = match (signer.namespace, approvals) {
            (Namespace::Approve, Some(tally)) if tally.needed == 0 => nothing("the tent asks for no approvals"),
            (Namespace::Approve, Some(tally)) => {
                let why = tally.uncounted.iter().find(|uncounted| uncounted.signature == key.to_string());
                why.map_or(Counts::Approval, |uncounted| Counts::Nothing(uncounted.why.to_string()))
            }
            (Namespace::Approve, None) => nothing("it did not come to counting approvals"),
            _ if exporter != Some(key) => nothing("only the exporter whom the seal names seals it"),
            _ if !seals(Rule::ExporterKey) => nothing("the policy gives this key to nobody, or revokes it"),
            _ if !seals(Rule::Exporter) => nothing("its person is no exporter of the tent"),
            _ if !seals(Rule::Signatures) => nothing("it does not show what the tent asks for"),
            _ => Counts::Exporter,
        };
        ExplainedSignature {
            key: Some(key),
            file: crate::bundle::signature_name(&key, signer.namespace),
            person: policy.person_of(&signer.key).map(|person| person.name.clone()),
            shows: Some(shows(signer.shown)),
            security_key: signer.key.is_security_key(),
            counts,
        }
    });
    let unfit = sealed.unfit().iter().map(|unfit| ExplainedSignature {
        key: None,
        file: unfit.file.clone(),
        person: None,
        shows: None,
        security_key: false,
        counts: Counts::Nothing(unfit.fault.to_string()),
    });
    fit.chain(unfit).collect()
}

impl Explained {
    /// Whether it is in and stays in, as by an import, though the policy would not let it in now.
    #[must_use]
    pub fn stays_in(&self) -> bool {
        self.admitted.is_some() && self.refusal.as_ref().is_some_and(|refusal| refusal.kind() == Kind::Refused)
    }
}
