//! `gapvault tent set`

use crate::cli::Global;
use crate::commands::change::Change;
use crate::commands::recovery::unrecovered;
use crate::failure::Failure;
use crate::text::parse_size;
use crate::ui::Ui;
use gapvault_core::formats::agefile::Suite;
use gapvault_core::formats::content::Format;
use gapvault_core::formats::names::{PersonName, SiteName, TentName};
use gapvault_core::formats::sshsig::Touch;
use gapvault_core::keys::lacks_recovery;
use gapvault_core::policy::{TentRules, set_tent};
use gapvault_core::vault::Access;
use serde::Serialize;

/// Set what a bundle of a tent takes, and what may be in it
///
/// What is not given stays as it is. A list that is given takes the place of the old one; its names are separated by
/// commas.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab tent set aurora --approvals 2 --of bob,carol,dave
  gapvault --vault lab tent set aurora --signatures presence --valid-days 30
  gapvault --vault lab tent set aurora --allow-format safetensors,gguf
  gapvault --vault lab tent set aurora --approvals 0")]
pub(super) struct SetArgs {
    /// The tent
    name: TentName,
    /// How many persons must approve a bundle; 0 for none
    #[arg(long, value_name = "K")]
    approvals: Option<u32>,
    /// Whose approval counts; each works at a member or auditor site of the tent
    #[arg(long, value_name = "PERSONS", value_delimiter = ',')]
    of: Option<Vec<PersonName>>,
    /// Whether the exporter's own approval counts for nothing [in a new rule: true]
    #[arg(long, value_name = "BOOL")]
    not_exporter: Option<bool>,
    /// What the keys of exporters and approvers must show
    #[arg(long, value_name = "WHAT")]
    signatures: Option<Shows>,
    /// The longest time that a bundle is valid, in days, or `any`
    #[arg(long, value_name = "DAYS", value_parser = any_or::<u32>)]
    valid_days: Option<AnyOr<u32>>,
    /// Whether bundles must be sealed with post-quantum keys
    #[arg(long, value_name = "BOOL")]
    post_quantum: Option<bool>,
    /// Members that content may go to, or `any` for all; auditors get every catalogue
    #[arg(long, value_name = "SITES", value_parser = any_or_list::<SiteName>)]
    destination: Option<AnyOr<List<SiteName>>>,
    /// Formats that files may have, or `any`
    #[arg(long, value_name = "FORMATS", value_parser = any_or_list::<Format>)]
    allow_format: Option<AnyOr<List<Format>>>,
    /// Formats that no file may have, or `none`
    #[arg(long, value_name = "FORMATS", value_parser = none_or_list::<Format>)]
    forbid_format: Option<List<Format>>,
    /// Whether files may carry pickles, which run code when they are loaded
    #[arg(long, value_name = "BOOL")]
    pickle: Option<bool>,
    /// The largest file, like 10G, or `any`
    #[arg(long, value_name = "SIZE", value_parser = any_or_size)]
    file_size: Option<AnyOr<u64>>,
    /// The largest sum of a bundle's files, like 1T, or `any`
    #[arg(long, value_name = "SIZE", value_parser = any_or_size)]
    bundle_size: Option<AnyOr<u64>>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Shows {
    /// Nothing; a security key must have been touched nonetheless
    Any,
    /// That a security key was touched
    Presence,
    /// That a security key knew its owner, by fingerprint or PIN
    Verification,
}

/// A value, or any.
#[derive(Clone, Debug)]
struct AnyOr<T>(Option<T>);

/// Several, with commas between. (A `Vec` would be taken for an argument that is given several times.)
#[derive(Clone, Debug)]
struct List<T>(Vec<T>);

fn any_or<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<AnyOr<T>, String> {
    if text == "any" { Ok(AnyOr(None)) } else { text.parse().map(|v| AnyOr(Some(v))).map_err(|e| format!("{e}")) }
}

fn any_or_list<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<AnyOr<List<T>>, String> {
    if text == "any" { Ok(AnyOr(None)) } else { list(text).map(|list| AnyOr(Some(list))) }
}

fn none_or_list<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<List<T>, String> {
    if text == "none" { Ok(List(Vec::new())) } else { list(text) }
}

fn list<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<List<T>, String> {
    text.split(',').map(str::parse).collect::<Result<_, T::Err>>().map(List).map_err(|e| e.to_string())
}

fn any_or_size(text: &str) -> Result<AnyOr<u64>, String> {
    if text == "any" { Ok(AnyOr(None)) } else { parse_size(text).map(|size| AnyOr(Some(size))) }
}

impl SetArgs {
    fn rules(&self) -> TentRules {
        TentRules {
            destinations: self.destination.clone().map(|AnyOr(sites)| sites.map(|List(sites)| sites)),
            approvals: self.approvals,
            approvers: self.of.clone(),
            not_exporter: self.not_exporter,
            signatures: self.signatures.map(|shows| match shows {
                Shows::Any => Touch::Any,
                Shows::Presence => Touch::Presence,
                Shows::Verification => Touch::Verification,
            }),
            valid_days: self.valid_days.clone().map(|AnyOr(days)| days),
            post_quantum: self.post_quantum,
            allowed: self.allow_format.clone().map(|AnyOr(formats)| formats.map(|List(formats)| formats)),
            forbidden: self.forbid_format.clone().map(|List(formats)| formats),
            pickle: self.pickle,
            file_bytes: self.file_size.clone().map(|AnyOr(size)| size),
            bundle_bytes: self.bundle_size.clone().map(|AnyOr(size)| size),
        }
    }
}

#[derive(Serialize)]
struct Set<'a> {
    tent: &'a TentName,
    #[serde(flatten)]
    change: Change,
}

pub(super) fn run(args: &SetArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let rules = args.rules();
    if rules == TentRules::default() {
        return Err(Failure::usage("no rule is named", "`gapvault help tent set` shows which there are"));
    }
    let mut vault = global.open(Access::Write)?;
    let change = Change::of(&set_tent(&mut vault, &args.name, &rules)?);
    let lines = if change.changed { change.lines() } else { format!("tent {}: so it was already\n", args.name) };
    let human = format!("{lines}{}", change.still());
    ui.result(&Set { tent: &args.name, change }, &human)?;
    if args.post_quantum == Some(true) && lacks_recovery(&vault, Suite::PostQuantum) {
        ui.note(&format!("note: {}", unrecovered(Suite::PostQuantum)));
    }
    Ok(())
}
