//! For whom a bundle is: the tent and the sites that its tags stand for.

use super::case::{Case, Purpose};
use super::error::JudgeError;
use super::join;
use gapvault_formats::names::{SiteName, TentName};
use gapvault_formats::policy::{Person, Policy, Tent};
use gapvault_formats::seal::Seal;

/// Somebody that a bundle is for, as far as this vault knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressed {
    /// The tent.
    pub tent: TentName,
    /// The sites whose tags this vault recognises, this one among them if it is for this one.
    pub sites: Vec<SiteName>,
    /// How many more it is for.
    pub unknown: usize,
}

impl Addressed {
    fn new(policy: &Policy, tent: &TentName, seal: &Seal) -> Self {
        let predicate = seal.predicate();
        let tagged = policy
            .sites
            .iter()
            .filter(|site| predicate.destinations.binary_search(&site.label_key.tag(&predicate.nonce, tent)).is_ok());
        let sites: Vec<_> = tagged.map(|site| site.name.clone()).collect();
        let unknown = predicate.destinations.len().saturating_sub(sites.len());
        Self { tent: tent.clone(), sites, unknown }
    }
}

impl std::fmt::Display for Addressed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&join(&self.sites))?;
        match self.unknown {
            0 => Ok(()),
            1 => f.write_str(" and 1 site that this vault does not know"),
            n => write!(f, " and {n} sites that this vault does not know"),
        }
    }
}

/// The tent that the seal's tags stand for, in which `person` is an exporter, and the sites that they are for.
pub(super) fn tent_of<'p>(case: &Case<'p>, person: &Person) -> Result<(&'p Tent, Addressed), JudgeError> {
    let tagged = case.policy.tents.iter().map(|tent| (tent, Addressed::new(case.policy, &tent.name, case.seal)));
    let tagged = tagged.filter(|(_, addressed)| !addressed.sites.is_empty());
    let (mut fitting, others): (Vec<_>, Vec<_>) = tagged.partition(|(tent, _)| tent.exporters.contains(&person.name));
    // SPEC 13.1: the tent is the one whose tag is this site's own, where there is one.
    if fitting.iter().any(|(_, addressed)| addressed.sites.contains(case.own)) {
        fitting.retain(|(_, addressed)| addressed.sites.contains(case.own));
    }
    let mut fitting = fitting.into_iter();
    match (fitting.next(), fitting.next(), others.first()) {
        (Some(found), None, _) => Ok(found),
        // The order of tents in a policy means nothing.
        (Some((first, _)), Some((second, _)), _) => {
            Err(JudgeError::TwoTents { first: first.name.clone(), second: second.name.clone() })
        }
        (None, _, Some((tent, _))) => Err(JudgeError::NotAnExporter {
            person: person.name.clone(),
            tent: tent.name.clone(),
            exporters: join(&tent.exporters),
        }),
        (None, _, None) => Err(JudgeError::Unaddressed),
    }
}

pub(super) fn for_us(case: &Case<'_>, addressed: &Addressed) -> Result<String, JudgeError> {
    let (own, tent) = (case.own, &addressed.tent);
    if addressed.sites.contains(own) {
        return Ok(format!("it is for this site ({own})"));
    }
    if case.purpose == Purpose::Look {
        return Ok(format!("it is for {addressed}; looked at here, not brought in"));
    }
    Err(JudgeError::NotForUs { sites: addressed.to_string(), tent: tent.clone(), own: own.clone() })
}

/// Whether every site that it is for may be one: those of the tent's list, its auditors, and the exporter's own.
pub(super) fn allowed(case: &Case<'_>, tent: &Tent, exporter: &Person, to: &Addressed) -> Result<String, JudgeError> {
    let Some(allowed) = &tent.destinations else {
        return Ok("the tent has no list: any of its sites may be one".to_owned());
    };
    let is_home = |site: &SiteName| case.policy.site(site).is_some_and(|site| site.persons.contains(&exporter.name));
    let may = |site| allowed.contains(site) || tent.auditors.contains(site) || is_home(site);
    let others: Vec<_> = to.sites.iter().filter(|site| !may(site)).cloned().collect();
    if others.is_empty() && to.unknown == 0 {
        return Ok(format!(
            "it is for {to}: members of the list ({}), auditors or the exporter's own site",
            join(allowed)
        ));
    }
    // What the tent allows is named beside, so only those that it does not are told here.
    let refused = Addressed { sites: others, ..to.clone() };
    let sites = match refused.sites.is_empty() {
        true => refused.to_string().trim_start_matches("nobody and ").to_owned(),
        false => refused.to_string(),
    };
    Err(JudgeError::Destination { sites, tent: tent.name.clone(), allowed: join(allowed) })
}
