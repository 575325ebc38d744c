//! `gapvault verify`

use super::medium::MediumArgs;
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::{bytes, count};
use crate::ui::Ui;
use gapvault_core::formats::ids::{BundleId, KeyFingerprint};
use gapvault_core::formats::names::{PersonName, SiteName, TentName};
use gapvault_core::formats::time::Time;
use gapvault_core::vault::Access;
use gapvault_core::verify::{Verified, verify};
use serde::Serialize;
use std::fmt::Write;

/// Check the signatures of the bundles on a medium, then every byte.
///
/// Needs no decryption key and writes nothing. On a host without a vault, --integrity-only checks every byte and names
/// the signers; whether to trust them is then not judged.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault cluster verify /media/usb
  gapvault verify --integrity-only /media/usb")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    medium: MediumArgs,
    /// Check every byte, name the signers, judge nobody
    #[arg(long)]
    integrity_only: bool,
}

#[derive(Serialize)]
struct Told {
    bundle: BundleId,
    trust_judged: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust: Option<ToldTrust>,
    signers: Vec<ToldSigner>,
    number: u64,
    created: Time,
    expires: Time,
    files: u64,
    size: u64,
}

#[derive(Serialize)]
struct ToldTrust {
    exporter: PersonName,
    tent: TentName,
    destinations: Vec<SiteName>,
    unknown_destinations: usize,
    #[serde(skip)]
    addressed: String,
    rule: String,
    in_vault: bool,
}

#[derive(Serialize)]
struct ToldSigner {
    key: KeyFingerprint,
    namespace: &'static str,
}

pub(crate) fn run(args: &VerifyArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    if global.vault.is_none() && !args.integrity_only {
        let message = "no vault is named, so there is no policy to judge by";
        return Err(Failure::usage(
            message,
            "name one with --vault DIR, or check the bytes alone with --integrity-only",
        ));
    }
    let vault = if args.integrity_only { None } else { Some(global.open(Access::Read)?) };
    args.medium.each(ui, |bundle| {
        let verified = verify(vault.as_ref(), bundle, ui.observer())?;
        let told = told(&verified);
        let human = human(bundle.label().as_str(), &told);
        Ok((told, human))
    })
}

fn told(verified: &Verified) -> Told {
    let Verified { sealed, seal, trust } = verified;
    let signers = sealed.signers().iter();
    Told {
        bundle: sealed.id(),
        trust_judged: trust.is_some(),
        trust: trust.as_ref().map(|trust| ToldTrust {
            exporter: trust.exporter.clone(),
            tent: trust.addressed.tent.clone(),
            destinations: trust.addressed.sites.clone(),
            unknown_destinations: trust.addressed.unknown,
            addressed: trust.addressed.to_string(),
            rule: trust.rule.clone(),
            in_vault: trust.admitted,
        }),
        signers: signers.map(|s| ToldSigner { key: s.key.fingerprint(), namespace: s.namespace.as_str() }).collect(),
        number: seal.predicate().number,
        created: seal.predicate().created,
        expires: seal.predicate().expires,
        files: seal.subjects().len() as u64,
        size: seal.total_size(),
    }
}

fn human(label: &str, told: &Told) -> String {
    let mut out = format!(
        "bundle {label} is whole: {}, {}\n  bundle   {}\n",
        count(told.files, "file"),
        bytes(told.size),
        told.bundle
    );
    // Writing to a String can't fail.
    if let Some(trust) = &told.trust {
        let _ = writeln!(out, "  signed   by {}, exporter of tent {}", trust.exporter, trust.tent);
        let _ = writeln!(out, "  for      {}", trust.addressed);
        let _ = writeln!(out, "  rule     {}", trust.rule);
        if trust.in_vault {
            let _ = writeln!(out, "  this vault holds it already");
        }
    } else {
        for ToldSigner { key, namespace } in &told.signers {
            let _ = writeln!(out, "  signed   {namespace} by key {key}");
        }
        if told.signers.is_empty() {
            let _ = writeln!(out, "  signed   by nobody");
        }
        let _ = writeln!(out, "  TRUST WAS NOT JUDGED: anybody can make a bundle that is whole");
    }
    let _ = writeln!(out, "  created  {}, expires {}", told.created, told.expires);
    out
}
