//! `gapvault trust`

use super::change::Change;
use crate::cli::Global;
use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::error::Kind;
use gapvault_core::formats::ids::CardFingerprint;
use gapvault_core::formats::names::{PersonName, SiteName, TentName};
use gapvault_core::formats::person_card::AnyCard;
use gapvault_core::formats::policy::Grant;
use gapvault_core::trust::{Trust, TrustError, read_card_file, trust};
use gapvault_core::vault::{Access, Vault};
use serde::Serialize;
use std::path::PathBuf;

/// Trust a card: with a role in a tent, as a root person, as somebody who works at a site.
///
/// Shows the card's fingerprint and asks whether its owner confirmed it by another way than the one the card came.
/// Without a terminal the fingerprint must be given.
///
/// The change goes into the vault's working copy of the policy. If this vault's own key is enough, it is signed and in
/// force at once; otherwise this says who has still to sign.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab trust cluster.card --tent aurora --role member
  gapvault --vault lab trust audit.card --tent aurora --role auditor
  gapvault --vault cluster trust lab.card --tent aurora --role exporter \\
    --fingerprint 5f70bf18…
  gapvault --vault lab trust bob.card --role root --threshold 2
  gapvault --vault lab trust carol.card --site lab
  gapvault --vault lab trust cluster-new.card --renew")]
pub(crate) struct TrustArgs {
    /// The card's file
    card: PathBuf,
    /// The tent; made if the policy has none of that name
    #[arg(long, required_if_eq_any = [("role", "member"), ("role", "auditor"), ("role", "exporter"), ("role", "approver")])]
    tent: Option<TentName>,
    /// What the card is trusted with
    #[arg(long, required_unless_present_any = ["site", "renew"])]
    role: Option<Role>,
    /// A site of the policy at which the card's person works
    #[arg(long, conflicts_with_all = ["tent", "role"])]
    site: Option<SiteName>,
    /// Take it as the new card of a site or person that is known; keys that the person had stay until they are revoked
    #[arg(long, conflicts_with_all = ["tent", "role", "site"])]
    renew: bool,
    /// With the role root: how many root persons a new policy takes from now on
    #[arg(long, value_name = "K")]
    threshold: Option<u32>,
    /// The fingerprint that the card's owner gave (64 hex digits)
    #[arg(long, value_name = "HEX", value_parser = fingerprint)]
    fingerprint: Option<CardFingerprint>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Role {
    /// The site may read content: it is sealed to its key
    Member,
    /// The site may read catalogues, not content
    Auditor,
    /// The person's bundles are accepted here
    Exporter,
    /// The person's approval of bundles counts
    Approver,
    /// The person signs policies, in every tent's name
    Root,
}

impl Role {
    /// What the policy calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Auditor => "auditor",
            Self::Exporter => "exporter",
            Self::Approver => "approver",
            Self::Root => "root",
        }
    }
}

impl TrustArgs {
    /// What is asked for.
    fn trust(&self) -> Result<Trust, Failure> {
        let misplaced = |what: &str| Failure::usage(what, "`gapvault help trust` shows what goes together");
        if self.threshold.is_some() && self.role != Some(Role::Root) {
            return Err(misplaced("--threshold goes with --role root"));
        }
        Ok(match (self.role, self.tent.clone(), self.site.clone()) {
            (Some(Role::Root), None, _) => Trust::Root(self.threshold),
            (Some(Role::Root), Some(_), _) => return Err(misplaced("--role root is of no tent")),
            (Some(Role::Member), Some(tent), _) => Trust::Tent(tent, Grant::Member),
            (Some(Role::Auditor), Some(tent), _) => Trust::Tent(tent, Grant::Auditor),
            (Some(Role::Exporter), Some(tent), _) => Trust::Tent(tent, Grant::Exporter),
            (Some(Role::Approver), Some(tent), _) => Trust::Approver(tent),
            (None, None, Some(site)) => Trust::Works(site),
            (None, None, None) => Trust::Renew,
            _ => return Err(misplaced("a role needs its tent")),
        })
    }
}

#[derive(Serialize)]
struct Trusted {
    /// The card's site, if it is a site's.
    site: Option<SiteName>,
    person: PersonName,
    fingerprint: CardFingerprint,
    tent: Option<TentName>,
    role: Option<&'static str>,
    works_at: Option<SiteName>,
    #[serde(flatten)]
    change: Change,
}

pub(crate) fn run(args: &TrustArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let asked = args.trust()?;
    let path = &args.card;
    let bytes = read_card_file(path)?;
    let card = AnyCard::parse(&bytes).map_err(|e| {
        let failure = Failure::from(TrustError::from(e));
        Failure { message: format!("{}: {}", path.display(), failure.message), ..failure }
    })?;
    if asked == Trust::Renew {
        tell_known(&global.open(Access::Read)?, &card, ui);
    }
    let fingerprint = match args.fingerprint {
        Some(fingerprint) => fingerprint,
        None => confirm(&card, &role_of(&asked), ui)?,
    };
    let mut vault = global.open(Access::Write)?;
    let policy = vault.policy();
    let new_tent = args.tent.as_ref().filter(|tent| policy.tent(tent).is_none() && !policy.tents.is_empty());
    let changed = trust(&mut vault, &bytes, fingerprint, &asked)?;
    let change = Change::of(&changed);
    let mut human = sentence(&asked, &card, &change);
    if let Some(tent) = new_tent {
        // A mistyped name should not go unnoticed.
        human.push_str(&format!("tent {tent} is new in this vault; `gapvault untrust` takes a role back\n"));
    }
    if asked == Trust::Renew {
        human.push_str(&change.lines());
    }
    human.push_str(&change.still());
    let (site, person) = (site_of(&card).cloned(), card.person().clone());
    let (tent, role, works_at) = (args.tent.clone(), args.role.map(Role::name), args.site.clone());
    ui.result(&Trusted { site, person, fingerprint, tent, role, works_at, change }, &human)
}

/// The site that a card is of.
fn site_of(card: &AnyCard) -> Option<&SiteName> {
    match card {
        AnyCard::Site(card) => Some(&card.site),
        AnyCard::Person(_) => None,
    }
}

/// What became of it, in a line.
fn sentence(asked: &Trust, card: &AnyCard, change: &Change) -> String {
    let (person, is) = (card.person(), change.is_now());
    let already = if change.changed { "" } else { " already" };
    match (asked, site_of(card)) {
        (Trust::Tent(tent, Grant::Exporter), Some(site)) if change.changed => {
            format!("{person} of {site} {is} an exporter of tent {tent}\n")
        }
        (Trust::Tent(tent, grant), Some(site)) => format!("{site} {is} {grant} of tent {tent}{already}\n"),
        (Trust::Tent(tent, grant), None) => format!("{person} {is} {grant} of tent {tent}{already}\n"),
        (Trust::Approver(tent), _) => format!("{person} {is} an approver of tent {tent}{already}\n"),
        (Trust::Root(_), _) => format!("{person} {is} a root person{already}\n"),
        (Trust::Works(at), _) => format!("{person} {is} a person of site {at}{already}\n"),
        (Trust::Renew, Some(site)) => format!("{} {is} the card of site {site}{already}\n", card.fingerprint()),
        (Trust::Renew, None) => format!("{} {is} a card of {person}{already}\n", card.fingerprint()),
    }
}

/// What the question says that the card gets.
fn role_of(asked: &Trust) -> String {
    match asked {
        Trust::Tent(tent, grant) => format!("as {grant} of {tent}"),
        Trust::Approver(tent) => format!("as approver of {tent}"),
        Trust::Root(_) => "as a root person, who signs policies".to_owned(),
        Trust::Works(site) => format!("as the card of somebody who works at {site}"),
        Trust::Renew => "in the place of the old one".to_owned(),
    }
}

/// Says by which card or keys a site or person is known now.
fn tell_known(vault: &Vault, card: &AnyCard, ui: &Ui) {
    if let Some(known) = site_of(card).and_then(|site| vault.policy().site(site)) {
        ui.note(&format!("site {} is known by the card {}", known.name, known.card));
    }
    let known = vault.policy().person(card.person());
    for key in known.iter().flat_map(|person| &person.keys) {
        ui.note(&format!("person {} is known by the key {}", card.person(), key.fingerprint()));
    }
}

/// A fingerprint as people write it down: in any case, in groups.
fn fingerprint(text: &str) -> Result<CardFingerprint, String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, ':' | '-')).collect();
    digits.to_ascii_lowercase().parse().map_err(|_| "expected 64 hex digits".to_owned())
}

fn confirm(card: &AnyCard, role: &str, ui: &Ui) -> Result<CardFingerprint, Failure> {
    let fingerprint = card.fingerprint();
    match card {
        AnyCard::Site(card) => {
            let key = card.key.fingerprint();
            ui.note(&format!("card of site {}, person {}, who signs with key {key}", card.site, card.person));
        }
        AnyCard::Person(card) => {
            let keys: Vec<_> = card.keys().iter().map(|key| key.fingerprint().to_string()).collect();
            ui.note(&format!("card of person {}, who signs with {}", card.person(), keys.join(", ")));
        }
    }
    ui.note(&format!("fingerprint {fingerprint}"));
    let question = format!("Did its owner confirm this fingerprint by another way? Trust it {role}?");
    match ui.ask(&question) {
        Some(true) => Ok(fingerprint),
        Some(false) => {
            let message = "not confirmed: nothing was changed".to_owned();
            Err(Failure { kind: Kind::Refused, message, hint: None, details: Vec::new(), told: false })
        }
        None => Err(Failure::usage(
            "there is no terminal to confirm the fingerprint on",
            "give the fingerprint that the card's owner told you with --fingerprint HEX",
        )),
    }
}
