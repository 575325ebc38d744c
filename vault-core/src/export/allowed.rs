//! What the policy allows an exporter: in which tent, for whom, for how long, in which suite.

use super::{ExportError, ExportRequest, Exporter};
use crate::sign::Signer;
use crate::vault::Vault;
use gapvault_formats::agefile::Suite;
use gapvault_formats::catalogue::Role;
use gapvault_formats::limits;
use gapvault_formats::names::{SiteName, TentName};
use gapvault_formats::policy::{Policy, Tent};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// For how many seconds a bundle may be imported if nobody says otherwise.
const USUAL: i64 = 30 * DAY;

/// The tent, if the policy allows it, whose export it is, and in which suite.
pub(super) fn check_policy<'v>(
    vault: &'v Vault,
    request: &ExportRequest,
    signer: &dyn Signer,
) -> Result<(&'v Tent, Exporter, Suite), ExportError> {
    let (policy, name) = (vault.policy(), &request.tent);
    let tent = policy.tent(name).ok_or_else(|| no_tent(policy, name))?;
    let exporter = Exporter::find(vault, signer, tent)?;
    validity(tent, request.valid_for)?;
    let own = &vault.card().site;
    let sites: Vec<_> = tent.members.iter().chain(&tent.auditors).filter(|site| may_go_to(tent, own, site)).collect();
    if sites.iter().all(|site| *site == own) {
        return Err(ExportError::NoDestination { tent: name.clone() });
    }
    if sites.len() > limits::DESTINATIONS {
        return Err(ExportError::TooManyDestinations { tent: name.clone() });
    }
    let post_quantum = tent.post_quantum || request.options.post_quantum;
    let suite = if post_quantum { Suite::PostQuantum } else { Suite::X25519 };
    let most = suite.most_recipients();
    // The catalogue has the bundle's own identity among its recipients.
    for (role, sites, most) in [(Role::Member, &tent.members, most), (Role::Auditor, &tent.auditors, most - 1)] {
        let sites = sites.iter().filter(|site| may_go_to(tent, own, site)).count();
        if sites as u64 > most {
            return Err(ExportError::TooManyReaders { tent: name.clone(), role, suite, most });
        }
    }
    Ok((tent, exporter, suite))
}

/// Whether bundles of the tent may be for a site; this one always keeps what it exports readable for itself.
pub(super) fn may_go_to(tent: &Tent, own: &SiteName, site: &SiteName) -> bool {
    site == own || tent.may_go_to(site)
}

/// For how many seconds a bundle of the tent may be imported: as was asked, or else for as long as usual and allowed.
pub(super) fn validity(tent: &Tent, asked: Option<i64>) -> Result<i64, ExportError> {
    let most = tent.valid_days.map(|days| (days, i64::from(days) * DAY));
    match (asked, most) {
        (Some(seconds), Some((days, most))) if seconds > most => {
            Err(ExportError::ValidForTooLong { tent: tent.name.clone(), days })
        }
        (Some(seconds), _) => Ok(seconds),
        (None, most) => Ok(most.map_or(USUAL, |(_, most)| most.min(USUAL))),
    }
}

pub(super) fn no_tent(policy: &Policy, tent: &TentName) -> ExportError {
    let known: Vec<_> = policy.tents.iter().map(|tent| tent.name.to_string()).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    ExportError::NoTent { tent: tent.clone(), known }
}
