//! `gapvault trust`

use crate::cli::Global;
use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::error::Kind;
use gapvault_core::formats::card::Card;
use gapvault_core::formats::ids::CardFingerprint;
use gapvault_core::formats::limits;
use gapvault_core::formats::names::{PersonName, SiteName, TentName};
use gapvault_core::formats::policy::Grant;
use gapvault_core::trust::{TrustError, trust};
use gapvault_core::vault::Access;
use serde::Serialize;
use std::io::Read;
use std::path::PathBuf;

/// Trust another site's card with a role in a tent.
///
/// Shows the card's fingerprint and asks whether its owner confirmed it by another way than the one the card came.
/// Without a terminal the fingerprint must be given.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab trust cluster.card --tent aurora --role member
  gapvault --vault lab trust audit.card --tent aurora --role auditor
  gapvault --vault cluster trust lab.card --tent aurora --role exporter \\
    --fingerprint 5f70bf18…")]
pub(crate) struct TrustArgs {
    /// The card's file
    card: PathBuf,
    /// The tent; made if the policy has none of that name
    #[arg(long)]
    tent: TentName,
    /// What the card is trusted with
    #[arg(long)]
    role: Role,
    /// The fingerprint that the card's owner gave (64 hex digits)
    #[arg(long, value_name = "HEX", value_parser = fingerprint)]
    fingerprint: Option<CardFingerprint>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Role {
    /// The site may read content: it is sealed to its key
    Member,
    /// The site may read catalogues, not content
    Auditor,
    /// The person's bundles are accepted here
    Exporter,
}

impl Role {
    /// What the policy calls it.
    pub(super) fn grant(self) -> Grant {
        match self {
            Self::Member => Grant::Member,
            Self::Auditor => Grant::Auditor,
            Self::Exporter => Grant::Exporter,
        }
    }
}

#[derive(Serialize)]
struct Trusted {
    site: SiteName,
    person: PersonName,
    fingerprint: CardFingerprint,
    tent: TentName,
    role: String,
    changed: bool,
    epoch: u64,
}

pub(crate) fn run(args: &TrustArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let TrustArgs { card: path, tent, role, fingerprint } = args;
    let action = format!("can't read {}", path.display());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| Failure::io(&action, &e))?;
    file.take(limits::CARD_BYTES + 1).read_to_end(&mut bytes).map_err(|e| Failure::io(&action, &e))?;
    let card = Card::parse(&bytes).map_err(|e| {
        let failure = Failure::from(TrustError::from(e));
        Failure { message: format!("{}: {}", path.display(), failure.message), ..failure }
    })?;
    let grant = role.grant();
    let fingerprint = match fingerprint {
        Some(fingerprint) => *fingerprint,
        None => confirm(&card, tent, grant, ui)?,
    };
    let mut vault = global.open(Access::Write)?;
    let new_tent = vault.policy().tent(tent).is_none() && !vault.policy().tents.is_empty();
    let changed = trust(&mut vault, &bytes, fingerprint, tent, grant)?;
    let Card { site, person, .. } = card;
    let mut human = match (changed, grant) {
        (false, _) => format!("{site} was {grant} of tent {tent} already\n"),
        (true, Grant::Exporter) => format!("{person} of {site} is now an exporter of tent {tent}\n"),
        (true, _) => format!("{site} is now {grant} of tent {tent}\n"),
    };
    if new_tent {
        // A mistyped name should not go unnoticed.
        human.push_str(&format!("tent {tent} is new in this vault; `gapvault untrust` takes a role back\n"));
    }
    let (tent, epoch) = (tent.clone(), vault.policy().epoch);
    ui.result(&Trusted { site, person, fingerprint, tent, role: grant.to_string(), changed, epoch }, &human)
}

/// A fingerprint as people write it down: in any case, in groups.
fn fingerprint(text: &str) -> Result<CardFingerprint, String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, ':' | '-')).collect();
    digits.to_ascii_lowercase().parse().map_err(|_| "expected 64 hex digits".to_owned())
}

fn confirm(card: &Card, tent: &TentName, role: Grant, ui: &Ui) -> Result<CardFingerprint, Failure> {
    let fingerprint = card.fingerprint();
    ui.note(&format!(
        "card of site {}, person {}, who signs with key {}",
        card.site,
        card.person,
        card.key.fingerprint()
    ));
    ui.note(&format!("fingerprint {fingerprint}"));
    let question = format!("Did its owner confirm this fingerprint by another way? Trust it as {role} of {tent}?");
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
