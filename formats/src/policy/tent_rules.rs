//! What must hold inside a tent.

use super::Tent;
use super::fault::{Fault, List};
use super::place::Spot;
use super::rules::{Check, Known, check_count, check_touch, first, once};
use super::tent::{Approvals, ContentRules};
use crate::names::{PersonName, SiteName, TentName};
use std::collections::{HashMap, HashSet};

/// Checks the tent that stands at `spot`.
pub(super) fn check(tent: &Tent, spot: &Spot, known: &Known<'_>) -> Check {
    let name = || tent.name.clone();
    known.check_sites(&List::Members(name()), &spot.field("members"), &tent.members)?;
    known.check_sites(&List::Auditors(name()), &spot.field("auditors"), &tent.auditors)?;
    known.check_persons(&List::Exporters(name()), &spot.field("exporters"), &tent.exporters)?;
    check_sides(tent, spot, known)?;
    if let Some(destinations) = &tent.destinations {
        check_destinations(tent, destinations, &spot.field("destinations"), known)?;
    }
    if let Some(approvals) = &tent.approvals {
        check_approvals(tent, approvals, &spot.field("approvals"), known)?;
    }
    // SPEC 10.2: what no key can show would let nobody export, or nobody approve.
    let signatures = spot.field("signatures");
    let exporters = u32::from(!tent.exporters.is_empty());
    check_touch(known, List::Exporters(name()), &signatures, &tent.exporters, tent.signatures, exporters)?;
    if let Some(Approvals { k, of, .. }) = &tent.approvals {
        check_touch(known, List::Approvers(name()), &signatures, of, tent.signatures, *k)?;
    }
    if tent.valid_days == Some(0) {
        return Err((spot.field("valid_days"), Fault::Zero { tent: name(), field: "valid_days" }));
    }
    check_content(&tent.name, &tent.content, &spot.field("content"))
}

/// Who works at which of `sites`.
fn workers<'p>(known: &Known<'p>, sites: &'p [SiteName]) -> HashMap<&'p PersonName, &'p SiteName> {
    let persons = |site: &'p SiteName| known.sites.get(site).into_iter().flat_map(|known| &known.persons);
    sites.iter().flat_map(|site| persons(site).map(move |person| (person, site))).collect()
}

/// SPEC 10.2: who reads content does not audit.
fn check_sides(tent: &Tent, spot: &Spot, known: &Known<'_>) -> Check {
    let (members, spot) = (tent.members.iter().collect::<HashSet<_>>(), spot.field("auditors"));
    first(
        &spot,
        &tent.auditors,
        |site| members.contains(site),
        |site| Fault::MemberAndAuditor { tent: tent.name.clone(), site: site.clone() },
    )?;
    let at_members = workers(known, &tent.members);
    for (i, auditor) in tent.auditors.iter().enumerate() {
        let persons = known.sites.get(auditor).into_iter().flat_map(|site| &site.persons);
        for person in persons {
            if let Some(member) = at_members.get(person) {
                let (tent, person) = (tent.name.clone(), person.clone());
                let fault =
                    Fault::WorksOnBothSides { tent, person, member: (*member).clone(), auditor: auditor.clone() };
                return Err((spot.item(i), fault));
            }
        }
    }
    Ok(())
}

fn check_destinations(tent: &Tent, destinations: &[SiteName], spot: &Spot, known: &Known<'_>) -> Check {
    let list = List::Destinations(tent.name.clone());
    known.check_sites(&list, spot, destinations)?;
    if destinations.is_empty() {
        return Err((spot.clone(), Fault::Empty { list }));
    }
    let members: HashSet<_> = tent.members.iter().collect();
    first(
        spot,
        destinations,
        |site| !members.contains(site),
        |site| Fault::DestinationElsewhere { tent: tent.name.clone(), site: site.clone() },
    )
}

fn check_approvals(tent: &Tent, approvals: &Approvals, spot: &Spot, known: &Known<'_>) -> Check {
    let Approvals { k, of, .. } = approvals;
    let (list, at) = (List::Approvers(tent.name.clone()), spot.field("of"));
    known.check_persons(&list, &at, of)?;
    if of.is_empty() {
        return Err((at, Fault::Empty { list }));
    }
    check_count(list, &spot.field("k"), *k, of.len())?;
    // SPEC 10.2: who approves must be one who may see what it is.
    let (members, auditors) = (workers(known, &tent.members), workers(known, &tent.auditors));
    first(
        &at,
        of,
        |person| !members.contains_key(person) && !auditors.contains_key(person),
        |person| Fault::ApproverElsewhere { tent: tent.name.clone(), person: person.clone() },
    )
}

fn check_content(tent: &TentName, rules: &ContentRules, spot: &Spot) -> Check {
    let (allowed, forbidden) = (List::Allowed(tent.clone()), List::Forbidden(tent.clone()));
    if let Some(formats) = &rules.allowed {
        if formats.is_empty() {
            return Err((spot.field("allowed"), Fault::Empty { list: allowed }));
        }
        once(&allowed, &spot.field("allowed"), formats)?;
    }
    once(&forbidden, &spot.field("forbidden"), &rules.forbidden)?;
    let may: HashSet<_> = rules.allowed.iter().flatten().collect();
    first(
        &spot.field("forbidden"),
        &rules.forbidden,
        |format| may.contains(format),
        |format| Fault::AllowedAndForbidden { tent: tent.clone(), format: *format },
    )?;
    for (field, bytes) in [("file_bytes", rules.file_bytes), ("bundle_bytes", rules.bundle_bytes)] {
        if bytes == Some(0) {
            return Err((spot.field(field), Fault::Zero { tent: tent.clone(), field }));
        }
    }
    Ok(())
}
