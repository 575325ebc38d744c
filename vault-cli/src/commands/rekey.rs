//! `gapvault rekey`

use super::change::Change;
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::{count, printable};
use crate::ui::Ui;
use clap::ArgGroup;
use gapvault_core::clock::Clock;
use gapvault_core::formats::ids::{BundleId, CardFingerprint, TentKeyPin};
use gapvault_core::formats::names::{Label, TentName};
use gapvault_core::rekey::{self, Renewed, Rewrapped, forget_old, identity, recover, tent, wraps};
use gapvault_core::vault::Access;
use gapvault_core::vouched;
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Renew keys: the vault's identities, what was sealed to them, or a tent's key.
///
/// Nothing that the vault holds becomes unreadable by it, whenever it is stopped. A new identity means a new card, which
/// the other sites must be given and trust: until then their bundles are sealed to the old one, which is still kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault cluster rekey --identity
  gapvault --vault cluster rekey --identity --recover recovery.key
  gapvault --vault cluster rekey --wraps --to /media/usb/for-auditors
  gapvault --vault lab rekey --tent aurora")]
#[command(group(ArgGroup::new("what").required(true).args(["identity", "wraps", "tent", "forget_old"])))]
pub(crate) struct RekeyArgs {
    /// Make new age identities and a new card; the old identities are kept for what is underway
    #[arg(long)]
    identity: bool,
    /// The vault's identities are lost: open what it holds with this recovery identity; may be given several times
    #[arg(long, value_name = "FILE", requires = "identity", conflicts_with_all = ["wraps", "tent", "forget_old"])]
    recover: Vec<PathBuf>,
    /// Seal what opens the bundles anew, to the auditors and the recovery recipients that there are now
    #[arg(long)]
    wraps: bool,
    /// Put the catalogues that auditors who came later can read into this folder too; `gapvault show DIR` reads them there
    #[arg(long, value_name = "DIR", requires = "wraps", conflicts_with_all = ["identity", "tent", "forget_old"])]
    to: Option<PathBuf>,
    /// Make a new key for a tent: chunk ids of what is exported from now on tell those nothing who knew the old one
    #[arg(long)]
    tent: Option<TentName>,
    /// Forget the identities of earlier cards, those that --recover set aside too; bundles that are underway to them can't be imported any more
    #[arg(long)]
    forget_old: bool,
}

#[derive(Serialize)]
struct Card {
    card_fingerprint: CardFingerprint,
    bundles: Vec<Bundle>,
    policy: Option<Change>,
}

#[derive(Serialize)]
struct Bundles {
    bundles: Vec<Bundle>,
    policy: Option<Change>,
}

#[derive(Serialize)]
struct Bundle {
    bundle: BundleId,
    label: Label,
    recovery: bool,
    /// The folder with its catalogue for the tent's auditors, where they are carried if that was asked for.
    for_auditors: Option<PathBuf>,
    error: Option<Failure>,
}

#[derive(Serialize)]
struct Tent {
    tent: TentName,
    pin: TentKeyPin,
}

#[derive(Serialize)]
struct Forgotten {
    forgotten: usize,
    /// The files among what was forgotten that a recovery had set aside.
    set_aside: Vec<SetAside>,
}

#[derive(Serialize)]
struct SetAside {
    path: PathBuf,
    /// How many were in it, if that could be seen.
    identities: Option<usize>,
}

pub(crate) fn run(args: RekeyArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    if args.identity {
        let Renewed { card, bundles, policy, kept } = if args.recover.is_empty() {
            identity(&mut global.open(Access::Write)?, ui.observer())?
        } else {
            recover(global.root()?, Clock::SYSTEM, &args.recover, global.person(), ui.observer())?
        };
        let (bundles, failed) = told(bundles);
        let mut human = human(&bundles);
        let card_fingerprint = card.fingerprint();
        let _ = writeln!(
            human,
            "card fingerprint {card_fingerprint}: give the card (`gapvault card`) to the other sites; `gapvault trust CARD --renew` puts it in the place of the old one there"
        );
        if !kept {
            ui.note(
                "note: bundles underway to the old card can't be opened any more; have them exported again once the exporters have the new one",
            );
            ui.note(
                "note: the new identities are a plain file, for its owner alone; `gapvault keys protect` changes that",
            );
        }
        let policy = policy.as_ref().map(Change::of);
        human.push_str(&policy.as_ref().map_or_else(String::new, Change::still));
        ui.result(&Card { card_fingerprint, bundles, policy }, &human)?;
        return failed.map_or(Ok(()), |failure| Err(failure.told()));
    }
    if let Some(name) = args.tent {
        let pin = tent(&mut global.open(Access::Write)?, &name)?;
        let human = format!("tent {name} has a new key for what is exported from now on\n");
        return ui.result(&Tent { tent: name, pin }, &human);
    }
    if args.forget_old {
        let forgotten = forget_old(&mut global.open(Access::Write)?, ui.observer())?;
        let human = forgot(&forgotten);
        let rekey::Forgotten { identities: forgotten, set_aside } = forgotten;
        let set_aside = set_aside.into_iter().map(|file| SetAside { path: file.path, identities: file.identities });
        return ui.result(&Forgotten { forgotten, set_aside: set_aside.collect() }, &human);
    }
    args.to.as_deref().map_or(Ok(()), vouched::expect_outside)?;
    let mut vault = global.open(Access::Write)?;
    let (mut bundles, policy) = wraps(&mut vault, ui.observer())?;
    if let Some(to) = &args.to {
        for Rewrapped { bundle, for_auditors, .. } in bundles.iter_mut().filter(|b| b.for_auditors.is_some()) {
            *for_auditors = Some(vouched::write(&vault, bundle, to)?);
        }
    }
    let ((bundles, failed), policy) = (told(bundles), policy.as_ref().map(Change::of));
    let auditors = for_auditors(&bundles, args.to.as_deref());
    let human = human(&bundles) + &auditors + &policy.as_ref().map_or_else(String::new, Change::still);
    ui.result(&Bundles { bundles, policy }, &human)?;
    failed.map_or(Ok(()), |failure| Err(failure.told()))
}

/// What was forgotten, and which files went that a recovery had set aside.
fn forgot(rekey::Forgotten { identities, set_aside }: &rekey::Forgotten) -> String {
    let mut human = match (*identities, set_aside.is_empty()) {
        (0, true) => "there were no older identities\n".to_owned(),
        (older, _) => format!("forgot {} of earlier cards\n", plural(older)),
    };
    for file in set_aside {
        let what = match (file.identities, file.protected) {
            (Some(number), _) => plural(number),
            (None, true) => "protected, so nobody looked into it".to_owned(),
            (None, false) => "damaged, so nobody can say what was in it".to_owned(),
        };
        let path = printable(&file.path.display().to_string());
        let _ = writeln!(human, "  removed  {path}, which a recovery had set aside ({what})");
    }
    human
}

fn plural(identities: usize) -> String {
    if identities == 1 { "1 identity".to_owned() } else { format!("{identities} identities") }
}

/// What became of each bundle, and the first failure.
fn told(all: Vec<Rewrapped>) -> (Vec<Bundle>, Option<Failure>) {
    let mut first = None;
    let told = all.into_iter().map(|Rewrapped { bundle, label, recovery, for_auditors }| match recovery {
        Ok(recovery) => Bundle { bundle, label, recovery, for_auditors, error: None },
        Err(error) => {
            let failure = Failure::from(error);
            let message = format!("bundle {label} is as it was: {}", failure.message);
            let failure = Failure { message, ..failure };
            first.get_or_insert(failure.clone());
            Bundle { bundle, label, recovery: false, for_auditors, error: Some(failure) }
        }
    });
    (told.collect(), first)
}

/// How auditors who came later read what was brought in before.
fn for_auditors(bundles: &[Bundle], to: Option<&Path>) -> String {
    let catalogues = bundles.iter().filter(|bundle| bundle.for_auditors.is_some()).count() as u64;
    match to {
        _ if catalogues == 0 => String::new(),
        None => format!(
            "auditors who came later can read {}: `gapvault rekey --wraps --to DIR` puts them where they can be carried\n",
            count(catalogues, "catalogue")
        ),
        Some(to) => format!(
            "{} for auditors in {}: `gapvault show DIR` reads them; this vault vouches for them, not the exporter\n",
            count(catalogues, "catalogue"),
            printable(&to.display().to_string())
        ),
    }
}

fn human(bundles: &[Bundle]) -> String {
    let mut human = String::new();
    for Bundle { label, recovery, error, .. } in bundles {
        let _ = match (error, recovery) {
            (Some(error), _) => writeln!(human, "{label}  {}", error.message),
            (None, true) => writeln!(human, "{label}  sealed anew"),
            (None, false) => {
                writeln!(human, "{label}  sealed anew, and can't be recovered: no recovery recipient of its suite")
            }
        };
    }
    let renewed = bundles.iter().filter(|bundle| bundle.error.is_none()).count() as u64;
    let _ = writeln!(human, "{} renewed", count(renewed, "bundle"));
    human
}
