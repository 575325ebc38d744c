//! Approving a bundle: shown first, from its catalogue, then signed, over the bytes of its seal.

mod bring;
mod error;
mod write;

pub use bring::{Brought, GivenApproval, bring, given};
pub use error::{ApproveError, WouldNotCount};

use crate::bundle::{
    Addressed, Bundle, Claims, Contents, ContentsError, Decision, Grounds, Heard, JudgeError, Purpose, Rule, Tally,
    Unmet, Wanted, hear, load, may_approve, open_keys, shows, signature_name,
};
use crate::export::newest;
use crate::fs::Folder;
use crate::held::{expect_descriptions, held_bundle, open_of};
use crate::list::{Shown, shown};
use crate::sign::Signer;
use crate::vault::{Vault, VaultError};
use gapvault_formats::agefile::{AgeError, Suite};
use gapvault_formats::catalogue::{Reader, Role};
use gapvault_formats::custody::Event;
use gapvault_formats::ids::BundleId;
use gapvault_formats::names::{Label, PersonName, SiteName};
use gapvault_formats::policy::{Approvals, Site, Tent};
use gapvault_formats::seal::Seal;
use gapvault_formats::sshsig::{Namespace, PublicKey, Signature, Touch};
use gapvault_formats::time::Time;
use std::path::PathBuf;

/// What is to be approved.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A bundle on a medium.
    Medium(&'a Bundle),
    /// One that this vault made or holds.
    Held(BundleId),
}

/// What somebody who approves must know, and the bytes that are signed.
#[derive(Debug)]
pub struct Proposal {
    /// The seal's digest.
    pub bundle: BundleId,
    /// Its label.
    pub label: Label,
    /// Who exported it.
    pub exporter: PersonName,
    /// From where, by the catalogue.
    pub from: SiteName,
    /// For which tent and sites.
    pub addressed: Addressed,
    /// When it was sealed.
    pub created: Time,
    /// After when it is refused.
    pub expires: Time,
    /// Everything in it.
    pub artifacts: Vec<Shown>,
    /// Everybody who can open any of it, by the catalogue.
    pub readers: Vec<KnownReader>,
    /// The tent's rule.
    pub rule: Approvals,
    /// What signatures must show.
    pub signatures: Touch,
    /// Who approved it already.
    pub tally: Tally,
    /// Who approves it now.
    pub person: PersonName,
    /// Whether that very key has approved it already.
    pub already: bool,
    key: PublicKey,
    seal: Vec<u8>,
    armoured: Option<Vec<u8>>,
    signatures_there: usize,
    /// Where the signature belongs: on the medium, and in the vault.
    places: Vec<(Folder, u32)>,
}

/// A reader that the catalogue names, and what the policy says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownReader {
    /// By the catalogue.
    pub reader: Reader,
    /// Whether the policy has the same site, with this recipient, in this role of the tent; or it is the vault's own, with
    /// a card that the vault has or had.
    pub known: bool,
}

/// What an approval takes for granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApproveOptions {
    /// Approve what readers can open whom the policy does not have in that role.
    pub unknown_readers: bool,
}

/// What an approval came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// The bundle.
    pub bundle: BundleId,
    /// Who approved it.
    pub person: PersonName,
    /// The files that were written; none if it was there already.
    pub written: Vec<PathBuf>,
    /// What the approvals come to now.
    pub tally: Tally,
}

/// Looks at a bundle on behalf of whoever holds `key`. Refuses what that person may not approve, and what the policy would
/// not admit for other reasons than missing approvals.
pub fn propose(vault: &Vault, subject: Subject<'_>, key: &PublicKey) -> Result<Proposal, ApproveError> {
    let held;
    let bundle = match subject {
        Subject::Medium(bundle) => bundle,
        Subject::Held(id) => {
            held = held_bundle(vault, &id)?;
            &held
        }
    };
    let Heard { sealed, seal, decision } = match hear(vault, bundle, &[], Purpose::Look) {
        Err(JudgeError::Seal(error)) => return Err(error.into()),
        heard => heard.map_err(ApproveError::Judge)?,
    };
    let by = newest(vault, sealed.id);
    if by != sealed.id {
        return Err(ApproveError::Superseded { bundle: sealed.id, by });
    }
    let (grounds, seal) = grounds(decision, seal)?;
    let (policy, bundle_id) = (vault.policy(), sealed.id);
    let Grounds { exporter, addressed, approvals: tally, .. } = grounds;
    let tent = policy.tent(&addressed.tent);
    let Some((tent, rule)) = tent.and_then(|tent| Some((tent, tent.approvals.clone()?))) else {
        return Err(ApproveError::NotAsked { tent: addressed.tent });
    };
    let name = signature_name(&key.fingerprint(), Namespace::Approve);
    let armoured = sealed.signatures.get(&name).cloned();
    let already = armoured.is_some();
    let person = policy.person_of(key).map(|person| person.name.clone());
    let would_not = |why| {
        let (tent, rule, could) = (tent.name.clone(), rule.clone(), tally.could.clone());
        let (key, person) = (key.fingerprint(), person.clone());
        ApproveError::WouldNotCount(Box::new(WouldNotCount { key, person, why, tent, rule, could }))
    };
    let counts = may_approve(policy, tent, (&bundle_id, &exporter), person.as_ref(), key).map_err(would_not)?.clone();
    if !already && tally.counted.iter().any(|counted| counted.person == counts) {
        return Err(would_not(Unmet::Twice));
    }

    let claims = Claims { tent: &addressed.tent, exporter: &exporter };
    let contents = look(vault, bundle, (&bundle_id, &seal), claims)?;
    let suite = seal.predicate().suite;
    let known = |reader: Reader| Ok(KnownReader { known: is_known(vault, tent, &reader, suite)?, reader });
    let readers = contents.head.readers.into_iter().map(known).collect::<Result<_, VaultError>>()?;
    let places = write::places(vault, bundle, &bundle_id, matches!(subject, Subject::Medium(_)))?;
    let (predicate, signatures_there) = (seal.predicate(), sealed.signatures.len());
    Ok(Proposal {
        bundle: bundle_id,
        label: predicate.label.clone(),
        exporter,
        from: contents.head.site,
        created: predicate.created,
        expires: predicate.expires,
        artifacts: contents.artifacts.into_iter().map(shown).collect(),
        readers,
        rule,
        signatures: tent.signatures,
        tally,
        person: counts,
        already,
        addressed,
        key: key.clone(),
        seal: sealed.bytes,
        armoured,
        signatures_there,
        places,
    })
}

impl Proposal {
    /// Refuses what somebody can open who is no such reader of the tent by the policy.
    pub fn expect_known_readers(&self) -> Result<(), ApproveError> {
        let unknown = self.readers.iter().filter(|reader| !reader.known);
        let unknown: Vec<_> = unknown.map(|reader| reader.reader.site.clone()).collect();
        match unknown.is_empty() {
            true => Ok(()),
            false => Err(ApproveError::UnknownReaders { tent: self.addressed.tent.clone(), sites: unknown }),
        }
    }
}

/// What is known of a bundle that nothing but approvals is missing of.
fn grounds(decision: Decision, seal: Option<Seal>) -> Result<(Grounds, Seal), ApproveError> {
    let Decision { checks, grounds, .. } = decision;
    let others = checks.into_iter().filter(|check| check.rule != Rule::Approvals);
    match (others.filter_map(|check| check.verdict.err()).next(), grounds, seal) {
        (Some(refusal), ..) => Err(ApproveError::Judge(refusal)),
        (None, Some(grounds), Some(seal)) => Ok((grounds, seal)),
        _ => unreachable!("what has no grounds is refused"),
    }
}

/// What it is, by the catalogue beside the seal; where that is sealed to an identity of before, by what the vault sealed anew
/// of the same bundle.
fn look(
    vault: &Vault,
    bundle: &Bundle,
    (id, seal): (&BundleId, &Seal),
    claims: Claims<'_>,
) -> Result<Contents, ApproveError> {
    expect_descriptions(&bundle.folder, seal)?;
    let identities = vault.age_identities(seal.predicate().suite)?;
    let keys = open_keys(&bundle.folder, seal, identities)?;
    match load(&bundle.folder, seal, identities, keys.as_ref(), claims, Wanted::Entries) {
        Err(error @ ContentsError::Age { fault: AgeError::NotARecipient, .. }) => {
            let held = vault.held().find(|held| held.bundle() == *id).ok_or(error)?;
            Ok(open_of(vault, held, claims, Wanted::Entries)?.contents)
        }
        loaded => Ok(loaded?),
    }
}

/// Whether the policy lets this reader read that much of the tent. The vault's own site is known by its earlier cards, too:
/// whatever was sealed to them is still its own.
fn is_known(vault: &Vault, tent: &Tent, reader: &Reader, suite: Suite) -> Result<bool, VaultError> {
    let sites = match reader.role {
        Role::Member => &tent.members,
        Role::Auditor => &tent.auditors,
    };
    if !sites.contains(&reader.site) {
        return Ok(false);
    }
    let same = |site: &Site| *site.recipient_for(suite) == reader.recipient && site.card == reader.card;
    let is_own = || Ok(reader.site == vault.card().site && vault.had_card(&reader.card, &reader.recipient)?);
    if vault.policy().site(&reader.site).is_some_and(same) { Ok(true) } else { is_own() }
}

/// Signs what was proposed and writes the signature beside the seal, on the medium and in the vault's own copy, wherever
/// it is not there yet. `signer` has the key of the proposal; it is not asked where that key has approved before.
pub fn approve(
    vault: &mut Vault,
    proposal: Proposal,
    signer: &dyn Signer,
    options: ApproveOptions,
) -> Result<Approved, ApproveError> {
    if !options.unknown_readers {
        proposal.expect_known_readers()?;
    }
    let Proposal { bundle, key, seal, person, addressed, signatures, mut tally, already, .. } = proposal;
    if !already && proposal.signatures_there == gapvault_formats::limits::SIGNATURES {
        return Err(ApproveError::TooMany);
    }
    let armoured = match proposal.armoured {
        Some(armoured) => armoured,
        None => signer.sign(Namespace::Approve, &seal)?.into_bytes(),
    };
    let signature = Signature::parse(&armoured).and_then(|signature| {
        signature.verify(&key, Namespace::Approve, &seal)?;
        Ok(signature)
    });
    let shown = signature.map_err(ApproveError::Signature)?.shown();
    if !signatures.is_met_by(shown) {
        return Err(ApproveError::Touch { shows: shows(shown), tent: addressed.tent, needs: signatures });
    }
    let name = signature_name(&key.fingerprint(), Namespace::Approve);
    let mut written = Vec::new();
    for (folder, mode) in &proposal.places {
        written.extend(write::beside(folder, &name, &armoured, *mode)?);
    }
    let is_logged =
        |event: &Event| matches!(event, Event::Approved { bundle: of, key: by, .. } if *of == bundle && *by == key);
    // Killed between the two, the entry is made up for when it is approved again.
    if !vault.log().iter().any(|entry| is_logged(&entry.event)) {
        let event = Event::Approved { bundle, person: person.clone(), key: key.clone() };
        vault.record(event)?;
    }
    tally.could.retain(|could| *could != person);
    if !tally.counted.iter().any(|counted| counted.person == person) {
        tally.counted.push(gapvault_formats::custody::Approval { person: person.clone(), key });
    }
    Ok(Approved { bundle, person, written, tally })
}
