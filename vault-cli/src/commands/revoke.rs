//! `gapvault revoke`

use super::change::Change;
use crate::cli::Global;
use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::formats::ids::{BundleId, KeyFingerprint};
use gapvault_core::formats::names::PersonName;
use gapvault_core::formats::person_card::AnyCard;
use gapvault_core::policy::{Proposal, Revoked, revoke};
use gapvault_core::sign::read_public_key;
use gapvault_core::trust::read_card_file;
use gapvault_core::vault::{Access, Vault};
use serde::Serialize;
use std::path::Path;

/// Revoke a key: what it signed counts no more.
///
/// From the policy epoch on that says so, nothing is admitted that the key sealed or approved, whenever that was, and no
/// policy counts that it signed. Seals that are known to be good can be excepted. What was admitted before stays. The key
/// stays among its person's, so that what is excepted has an author.
///
/// The change goes into the vault's working copy of the policy. If this vault's own key is enough, it is signed and in
/// force at once; otherwise this says who has still to sign.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault cluster revoke alice --reason \"laptop stolen\"
  gapvault --vault cluster revoke id_ecdsa.pub
  gapvault --vault cluster revoke 43ab08c1… --except 5f70bf18…")]
pub(crate) struct RevokeArgs {
    /// A person (all keys), a key's fingerprint (64 hex digits), its text, or a file with a public key or a card
    #[arg(value_name = "KEY|PERSON|CARD")]
    what: String,
    /// A bundle that its signatures still count for; may be given several times
    #[arg(long, value_name = "BUNDLE")]
    except: Vec<BundleId>,
    /// Why, for whoever reads the policy
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    change: Change,
}

pub(crate) fn run(args: &RevokeArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let mut vault = global.open(Access::Write)?;
    let what = resolve(&args.what, &vault)?;
    let change = Change::of(&revoke(&mut vault, &what, args.reason.as_deref(), &args.except)?);
    let lines = match (change.changed, change.applied) {
        (true, _) => change.lines(),
        (false, true) => "revoked already\n".to_owned(),
        (false, false) => "its revocation was proposed before\n".to_owned(),
    };
    let human = format!("{lines}{}", change.still());
    ui.result(&Told { change }, &human)
}

/// What the argument is: what the policy knows, or the one that is proposed, comes before files.
fn resolve(text: &str, vault: &Vault) -> Result<Revoked, Failure> {
    let proposed = Proposal::read(Some(vault), None).ok().map(|proposal| proposal.policy);
    let persons = || [Some(vault.policy()), proposed.as_ref()].into_iter().flatten().flat_map(|policy| &policy.persons);
    let person = PersonName::new(text).ok().filter(|name| persons().any(|person| person.name == *name));
    let fingerprint = text.parse::<KeyFingerprint>().ok();
    let is_key = |of: &KeyFingerprint| persons().flat_map(|person| &person.keys).any(|key| key.fingerprint() == *of);
    match (person, fingerprint) {
        (Some(_), Some(key)) if is_key(&key) => {
            return Err(Failure::usage(
                format!("{text} is both a person and the fingerprint of a key of the policy"),
                "give the key's text, or a file with it",
            ));
        }
        (Some(person), _) => return Ok(Revoked::Person(person)),
        (None, Some(fingerprint)) => return Ok(Revoked::Fingerprint(fingerprint)),
        (None, None) => {}
    }
    if let Ok(key) = text.parse() {
        return Ok(Revoked::Keys(vec![key]));
    }
    let path = Path::new(text);
    let bytes = read_card_file(path).map_err(|error| {
        let failure = Failure::from(error);
        let message = format!("{text} is no person of the policy and no key, and as a file: {}", failure.message);
        Failure { message, ..failure }
    })?;
    match AnyCard::parse(&bytes) {
        Ok(AnyCard::Site(card)) => Ok(Revoked::Keys(vec![card.key])),
        Ok(AnyCard::Person(card)) => Ok(Revoked::Keys(card.keys().to_vec())),
        // What is neither is told as a key that is none.
        Err(_) => Ok(Revoked::Keys(vec![read_public_key(path)?])),
    }
}
