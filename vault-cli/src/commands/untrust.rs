//! `gapvault untrust`

use super::change::Change;
use super::trust::Role;
use crate::cli::Global;
use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::formats::names::{SiteName, TentName};
use gapvault_core::formats::policy::Grant;
use gapvault_core::trust::{Untrust, untrust};
use gapvault_core::vault::Access;
use serde::Serialize;

/// Take a role back from a site or person.
///
/// From then on nothing is sealed for the site, and no bundle of the person is admitted. What went out before can't be
/// called back, and what was admitted stays. A tent in which nobody has a role any more goes, unless it has rules.
///
/// The change goes into the vault's working copy of the policy. If this vault's own key is enough, it is signed and in
/// force at once; otherwise this says who has still to sign.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab untrust cluster-b --tent aurora --role member
  gapvault --vault lab untrust bob --role root --threshold 1")]
pub(crate) struct UntrustArgs {
    /// The site or, for the roles exporter, approver and root, the person
    name: String,
    /// The tent
    #[arg(long, required_if_eq_any = [("role", "member"), ("role", "auditor"), ("role", "exporter"), ("role", "approver")])]
    tent: Option<TentName>,
    /// The role
    #[arg(long, required_unless_present = "site")]
    role: Option<Role>,
    /// A site at which the person works no more
    #[arg(long, conflicts_with_all = ["tent", "role"])]
    site: Option<SiteName>,
    /// With the role root: how many root persons a new policy takes from now on
    #[arg(long, value_name = "K")]
    threshold: Option<u32>,
}

#[derive(Serialize)]
struct Untrusted<'a> {
    name: &'a str,
    tent: Option<&'a TentName>,
    role: Option<&'static str>,
    works_at: Option<&'a SiteName>,
    #[serde(flatten)]
    change: Change,
}

impl UntrustArgs {
    fn untrust(&self) -> Result<Untrust, Failure> {
        let misplaced = |what: &str| Failure::usage(what, "`gapvault help untrust` shows what goes together");
        if self.threshold.is_some() && self.role != Some(Role::Root) {
            return Err(misplaced("--threshold goes with --role root"));
        }
        Ok(match (self.role, self.tent.clone(), self.site.clone()) {
            (Some(Role::Root), None, _) => Untrust::Root(self.threshold),
            (Some(Role::Root), Some(_), _) => return Err(misplaced("--role root is of no tent")),
            (Some(Role::Member), Some(tent), _) => Untrust::Tent(tent, Grant::Member),
            (Some(Role::Auditor), Some(tent), _) => Untrust::Tent(tent, Grant::Auditor),
            (Some(Role::Exporter), Some(tent), _) => Untrust::Tent(tent, Grant::Exporter),
            (Some(Role::Approver), Some(tent), _) => Untrust::Approver(tent),
            (None, _, Some(site)) => Untrust::Works(site),
            _ => return Err(misplaced("a role needs its tent")),
        })
    }
}

pub(crate) fn run(args: &UntrustArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let what = args.untrust()?;
    let mut vault = global.open(Access::Write)?;
    let change = Change::of(&untrust(&mut vault, &args.name, &what)?);
    let is = if change.is_now() == "is now" { "is no longer" } else { "is to be no longer" };
    let human = format!("{} {is} {what}\n{}", args.name, change.still());
    let UntrustArgs { name, tent, role, site, .. } = args;
    let (tent, works_at) = (tent.as_ref(), site.as_ref());
    if let Untrust::Tent(tent, Grant::Member) = &what {
        ui.note(&format!(
            "note: {name} knows the key of tent {tent}; `gapvault rekey --tent {tent}` makes a new one for what is exported from now on"
        ));
    }
    ui.result(&Untrusted { name, tent, role: role.map(Role::name), works_at, change }, &human)
}
