//! A change of the policy by a command: written into the working copy, signed with the vault's own key, and put in force
//! if that is enough.

use super::apply::put_in_force;
use super::{Proposal, Standing};
use crate::fs::Folder;
use crate::vault::policies::{WORKING_COPY, beside, root_keys};
use crate::vault::{Beside, GoodSignature, Vault, VaultError};
use gapvault_formats::ids::PolicyDigest;
use gapvault_formats::names::PersonName;
use gapvault_formats::policy::diff::{Change, diff};
use gapvault_formats::policy::edit::{Draft, EditError};
use gapvault_formats::policy::root::{RootError, Tally, Verified, judge};
use gapvault_formats::policy::{Policy, Remarkable};
use gapvault_formats::sshsig::{Namespace, Shown};
use std::collections::BTreeSet;

/// What a change came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The epoch of the policy that has the change.
    pub epoch: u64,
    /// Its digest.
    pub digest: PolicyDigest,
    /// What changed in the working copy.
    pub changes: Vec<Change>,
    /// What became of it.
    pub outcome: Outcome,
    /// What the rules allow and hardly anybody means, new by this change.
    pub remarks: Vec<Remarkable>,
    /// Who had signed what stood in the working copy before, and has to sign again.
    pub void: Vec<PersonName>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The policy says so already.
    Nothing,
    /// The policy that is proposed says so already, and is not in force.
    Waiting {
        /// How the persons of the roots that were asked are counted.
        tallies: Vec<Tally>,
    },
    /// It is in force.
    Applied,
    /// It stands in the working copy, and these roots were asked.
    Proposed {
        /// How their persons were counted.
        tallies: Vec<Tally>,
        /// Why the vault's own key has not signed it; `None` if it has.
        unsigned: Option<Unsigned>,
    },
}

/// Why the vault's own key did not sign a change unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// It is no root person's.
    NoRoot,
    /// Other changes stood in the working copy, which nobody was shown with this one.
    Unseen,
}

/// Changes the policy in the working copy by `edit`, which says whether it changed anything. The log says so in
/// `words`, if it comes into force by itself.
pub(crate) fn change<E>(
    vault: &mut Vault,
    words: Option<String>,
    edit: impl Fn(&mut Draft) -> Result<bool, E>,
) -> Result<Changed, E>
where
    E: From<VaultError> + From<EditError>,
{
    let Base { text: base, is_in_force, signed } = base(vault)?;
    let mut draft = Draft::open(&base).map_err(EditError::from)?;
    if !edit(&mut draft)? {
        let (epoch, digest) = (draft.before().epoch, PolicyDigest::of(base.as_bytes()));
        let outcome = if is_in_force { Outcome::Nothing } else { unchanged(vault, &edit)? };
        return Ok(Changed { epoch, digest, changes: Vec::new(), outcome, remarks: Vec::new(), void: Vec::new() });
    }
    let epoch = vault.policy().epoch + 1;
    let before = draft.before().clone();
    let (_, previous) = vault.policy_in_force();
    let (text, policy) = draft.finish(epoch, previous, vault.clock().now(), false).map_err(EditError::from)?;
    let (bytes, own) = (text.into_bytes(), vault.card().key.clone());
    let (digest, changes) = (PolicyDigest::of(&bytes), diff(Some(&before), &policy));
    let known = before.remarks();
    let remarks = policy.remarks().into_iter().filter(|remark| !known.contains(remark) && !remark.what.is_minor());
    let remarks = remarks.map(|remark| remark.what).collect();
    let may_sign = counts(vault, &policy, digest, Verified { key: &own, shown: Shown::default() });
    let unsigned = match (may_sign, is_in_force) {
        (true, true) => None,
        (true, false) => Some(Unsigned::Unseen),
        (false, _) => Some(Unsigned::NoRoot),
    };
    let mut good = Vec::new();
    if unsigned.is_none() {
        let armoured = vault.identities().ssh.sign(Namespace::Policy, &bytes).map_err(VaultError::from)?;
        good.push(GoodSignature { key: own, shown: Shown::default(), armoured });
    }
    let beside = Beside { good, ..Beside::default() };
    let proposal = Proposal { path: vault.working_copy(), bytes, digest, policy, beside, is_outside: false };
    let in_force = vault.policy_in_force();
    let outcome = match judge(Some(in_force), &proposal.policy, digest, &proposal.beside.verified()) {
        Ok(accepted) => {
            put_in_force(vault, &proposal, Some(accepted.signed()), words)?;
            Outcome::Applied
        }
        Err(fault) => {
            propose(vault, &proposal)?;
            let tallies = if let RootError::Signatures { tallies } = fault { tallies } else { Vec::new() };
            Outcome::Proposed { tallies, unsigned }
        }
    };
    Ok(Changed { epoch, digest, changes, outcome, remarks, void: signed })
}

/// What becomes of a change that the proposal has already: it is to be, or it is so by the policy in force too.
fn unchanged<E>(vault: &Vault, edit: &impl Fn(&mut Draft) -> Result<bool, E>) -> Result<Outcome, E>
where
    E: From<EditError>,
{
    let in_force = String::from_utf8_lossy(&vault.in_force().bytes);
    let mut draft = Draft::open(&in_force).map_err(EditError::from)?;
    // What can't be done to it, as the tent is only proposed, is not so either.
    if !edit(&mut draft).unwrap_or(true) {
        return Ok(Outcome::Nothing);
    }
    let standing = Proposal::read(Some(vault), None).and_then(|proposal| proposal.standing(vault));
    let tallies = if let Ok(Standing::Unsigned(tallies)) = standing { tallies } else { Vec::new() };
    Ok(Outcome::Waiting { tallies })
}

/// What a change begins with.
struct Base {
    /// The text of the working copy.
    text: String,
    /// Whether that is in force. Otherwise the vault's own key signs nothing unasked: whoever can write to the folder may
    /// have put it there, be it a proposal that the key signed once and that was given up.
    is_in_force: bool,
    /// Who signed it, if it is not in force: persons of the root in force and of its own.
    signed: Vec<PersonName>,
}

fn base(vault: &Vault) -> Result<Base, VaultError> {
    let Some(bytes) = vault.proposed()? else {
        let text = String::from_utf8_lossy(&vault.in_force().bytes).into_owned();
        return Ok(Base { text, is_in_force: true, signed: Vec::new() });
    };
    let path = || vault.working_copy();
    let policy = Policy::parse(&bytes).map_err(|fault| VaultError::Proposed { path: path(), fault })?;
    let (in_force, digest) = vault.policy_in_force();
    let place = (policy.epoch, policy.previous);
    // Somebody who edits the policy in force may not have raised its epoch yet.
    if place != (in_force.epoch + 1, Some(digest)) && place != (in_force.epoch, in_force.previous) {
        return Err(VaultError::ProposedElsewhere { path: path(), epoch: policy.epoch });
    }
    let keys = root_keys(in_force).chain(root_keys(&policy));
    let beside = beside::read(&Folder::open(vault.root())?, WORKING_COPY, &bytes, keys)?.unwrap_or_default();
    let person = |key| policy.person_of(key).or(in_force.person_of(key)).map(|person| person.name.clone());
    let signed: BTreeSet<_> = beside.good.iter().filter_map(|signature| person(&signature.key)).collect();
    let signed = signed.into_iter().collect();
    // What was parsed is text.
    Ok(Base { text: String::from_utf8_lossy(&bytes).into_owned(), is_in_force: false, signed })
}

/// Whether a signature counts for a new policy at all.
fn counts(vault: &Vault, policy: &Policy, digest: PolicyDigest, signature: Verified<'_>) -> bool {
    match judge(Some(vault.policy_in_force()), policy, digest, &[signature]) {
        Ok(_) => true,
        Err(RootError::Signatures { tallies }) => tallies.iter().any(|tally| !tally.counted.is_empty()),
        Err(_) => false,
    }
}

/// Puts a policy and its signatures into the working copy.
fn propose(vault: &Vault, proposal: &Proposal) -> Result<(), VaultError> {
    vault.propose(&proposal.bytes)?;
    for GoodSignature { key, armoured, .. } in &proposal.beside.good {
        beside::write(vault.root(), WORKING_COPY, key, armoured)?;
    }
    Ok(())
}
