//! Bundles that are whole and properly signed, and still not to be admitted: too late, too early, a number used before,
//! for another site, from a person of another tent. Through the library, whose clock can be set.

use crate::support::reseal::{read_seal, reseal};
use crate::support::untouched::Before;
use crate::support::{Gap, Site, run};
use gapvault_core::bundle::gather;
use gapvault_core::error::{Explain, Kind};
use gapvault_core::import::{Anew, Outcome, import};
use gapvault_core::observe::Silent;
use gapvault_core::vault::Access;
use gapvault_core::verify::verify;
use gapvault_formats::time::Time;
use std::fs;
use std::path::Path;

/// How a refusal looks to a caller: its kind and its text.
type Refusal = (Kind, String);

fn told(error: &impl Explain) -> Refusal {
    assert!(error.hint().is_some(), "{error} has no hint");
    (error.kind(), error.to_string())
}

/// Imports the one bundle in `folder` at a time of the clock.
fn import_at(site: &Site, folder: &Path, now: Time) -> Result<Outcome, Refusal> {
    let mut vault = site.open_at(Access::Write, now);
    let bundle = gather(&[folder.to_owned()]).unwrap().pop().unwrap();
    import(&mut vault, &bundle, &Silent).map_err(|e| told(&e))
}

fn verify_at(site: &Site, folder: &Path, now: Time) -> Result<(), Refusal> {
    let vault = site.open_at(Access::Read, now);
    let bundle = gather(&[folder.to_owned()]).unwrap().pop().unwrap();
    verify(Some(&vault), &bundle, &Silent).map(drop).map_err(|e| told(&e))
}

/// Expects that the bundle in `folder` is neither verified nor imported at this time, for this reason.
#[track_caller]
fn assert_refused_at(site: &Site, folder: &Path, now: Time, text: &str) {
    assert_text(verify_at(site, folder, now), text);
    assert_not_imported_at(site, folder, now, text);
}

/// Expects that the bundle in `folder` is not imported at this time, for this reason, and that the vault says so only.
#[track_caller]
fn assert_not_imported_at(site: &Site, folder: &Path, now: Time, text: &str) {
    let before = Before::of(site);
    assert_text(import_at(site, folder, now), text);
    before.expect_refused_only(site, text);
}

#[track_caller]
fn assert_text<T: std::fmt::Debug>(result: Result<T, Refusal>, text: &str) {
    let (kind, message) = result.unwrap_err();
    assert_eq!(kind, Kind::Refused, "{message}");
    assert!(message.contains(text), "no {text:?} in {message:?}");
}

fn hours(time: Time, hours: i64) -> Time {
    time.plus(hours * 3600).unwrap()
}

fn seconds(time: Time, seconds: i64) -> Time {
    time.plus(seconds).unwrap()
}

#[test]
fn an_expired_bundle_is_refused_from_its_last_second_on() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    let expires = read_seal(&bundle).predicate().expires;
    for late in [0, 1, 3600] {
        assert_refused_at(&gap.cluster, &bundle, seconds(expires, late), &format!("it expired at {expires}"));
    }
    assert!(!import_at(&gap.cluster, &bundle, seconds(expires, -1)).unwrap().already);
}

#[test]
fn a_bundle_from_over_48_hours_in_the_future_is_refused() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    let created = read_seal(&bundle).predicate().created;
    let text = format!("it was created at {created}, over 48 hours after");
    assert_refused_at(&gap.cluster, &bundle, seconds(hours(created, -48), -1), &text);
    assert!(!import_at(&gap.cluster, &bundle, hours(created, -48)).unwrap().already);
}

#[test]
fn a_clock_that_is_set_back_revives_nothing() {
    let gap = Gap::new();
    let (bundle, lab) = (gap.export_sample(), gap.lab.signing_key());
    let created = read_seal(&bundle).predicate().created;
    let first = gap.path("first");
    fs::rename(&gap.stick, &first).unwrap();
    fs::create_dir(&gap.stick).unwrap();
    let second = gap.export_sample();
    let first = first.join("gapvault").join(bundle.file_name().unwrap());
    reseal(&first, &lab, |p| p.expires = hours(p.created, 1));
    reseal(&second, &lab, |p| p.created = hours(created, 24));

    import_at(&gap.cluster, &second, hours(created, 24)).unwrap();
    let expires = hours(created, 1);
    assert_refused_at(&gap.cluster, &first, created, &format!("it expired at {expires}"));
}

#[test]
fn a_number_is_used_by_one_seal_only() {
    let gap = Gap::new();
    let (bundle, lab) = (gap.export_sample(), gap.lab.signing_key());
    let now = read_seal(&bundle).predicate().created;
    let admitted = import_at(&gap.cluster, &bundle, now).unwrap();
    let vault = Before::of(&gap.cluster);
    let anew = Some(Anew { epoch: admitted.imported.epoch, refusal: None });
    let again = Outcome { already: true, media: Vec::new(), anew, ..admitted.clone() };
    assert_eq!(import_at(&gap.cluster, &bundle, now), Ok(again));
    vault.expect_same(&gap.cluster, "the same again");

    let text = format!("was used by bundle {}", admitted.imported.bundle);
    reseal(&bundle, &lab, |p| p.expires = hours(p.expires, 1));
    assert_refused_at(&gap.cluster, &bundle, now, &text);
    // Any other number is as good as the next.
    reseal(&bundle, &lab, |p| p.number += 41);
    assert!(!import_at(&gap.cluster, &bundle, now).unwrap().already);
}

#[test]
fn a_bundle_for_another_site_is_not_imported() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    let now = read_seal(&bundle).predicate().created;
    let third = Site::new(gap.room.path(), "cluster-c");

    // It knows the exporter, and of the sites that the bundle is for at least the exporter's own.
    third.trust(&gap.lab, "exporter");
    third.trust(&gap.lab, "member");
    verify_at(&third, &bundle, now).unwrap();
    assert_not_imported_at(&third, &bundle, now, "not for this site (cluster-c)");

    // A tag that nobody's label key makes.
    let stranger = gapvault_formats::ids::DestinationTag::from_bytes([7; 32]);
    reseal(&bundle, &gap.lab.signing_key(), |p| p.destinations = vec![stranger]);
    assert_refused_at(&gap.cluster, &bundle, now, "none of its destination tags");
}

#[test]
fn an_exporter_of_another_tent_is_refused() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    let now = read_seal(&bundle).predicate().created;
    // A cluster with two tents: the lab may send in one of them, the bundle is of the other.
    let third = Site::new(gap.room.path(), "cluster-c");
    third.run(["tent", "new", "aurora"]).expect(0);
    let card = gap.path("lab.card");
    let shown = gap.lab.run(["card"]).expect(0);
    fs::write(&card, &shown.out).unwrap();
    let fingerprint = shown.err.trim().rsplit(' ').next().unwrap();
    for (tent, role) in [("borealis", "exporter"), ("aurora", "member")] {
        let args = ["--tent", tent, "--role", role, "--fingerprint", fingerprint];
        run(third.command(["trust"]).arg(&card).args(args)).expect(0);
    }
    assert_refused_at(&third, &bundle, now, "lab signed it for tent aurora, whose exporters are: cluster-c");
}
