//! What the log admitted stays: brought again, it is judged by the policy now in force, and told. And what time it can't
//! be earlier than.

use crate::support::approvers::digest;
use crate::support::reseal::{read_seal, reseal};
use crate::support::untouched::Before;
use crate::support::{Gap, Site, assert_same_tree};
use gapvault_core::bundle::gather;
use gapvault_core::import::{Outcome, import};
use gapvault_core::observe::Silent;
use gapvault_core::vault::Access;
use gapvault_formats::policy::{Policy, Revocation};
use gapvault_formats::time::Time;
use std::path::Path;

fn revoke(gap: &Gap, except: Vec<gapvault_formats::ids::BundleId>) -> impl FnOnce(&mut Policy) {
    let key = gap.lab.signing_key().public().unwrap();
    move |policy| policy.revocations.push(Revocation { key, reason: Some("laptop lost".to_owned()), except })
}

fn import_at(site: &Site, folder: &Path, now: Time) -> Result<Outcome, String> {
    let mut vault = site.open_at(Access::Write, now);
    let set = gather(&[folder.to_owned()]).unwrap().pop().unwrap();
    import(&mut vault, &set, &Silent).map_err(|error| error.to_string())
}

#[test]
fn a_bundle_that_is_there_is_judged_anew_and_said_so() {
    let gap = Gap::new();
    gap.export_sample();
    gap.import().expect(0);
    let epoch = |run: &crate::support::Run| run.json()["bundles"][0]["judged_anew"]["epoch"].as_u64().unwrap();
    let again = || crate::support::run(gap.cluster.command(["import", "--json"]).arg(&gap.stick)).expect(0);

    let same = again();
    let first = epoch(&same);
    assert_eq!(same.json()["bundles"][0]["judged_anew"]["admits"], true);
    gap.cluster.adopt(|policy| policy.tents[0].valid_days = Some(1));
    let before = Before::of(&gap.cluster);
    let told = gap.import().expect(0);
    let text = format!(
        "admitted by epoch {first}, judged anew by epoch {}: would be refused now: it is valid from",
        first + 1
    );
    assert!(told.out.contains(&text), "no {text:?} in {told:#?}");
    assert_eq!(again().json()["bundles"][0]["judged_anew"]["admits"], false);
    let explained = gap.on_stick("explain").expect(0);
    assert!(explained.out.contains("it would be refused now"), "{explained:#?}");
    before.expect_same(&gap.cluster, "nothing is done");
    // Nothing was taken from it.
    gap.on_stick("verify").expect(0);
    gap.checkout("model:v1", "out").expect(0);

    gap.cluster.adopt(|policy| policy.tents[0].valid_days = None);
    assert!(gap.import().expect(0).out.contains("still admitted"));
    gap.cluster.run(["untrust", "lab", "--tent", "aurora", "--role", "exporter"]).expect(0);
    assert!(gap.import().expect(0).out.contains("would be refused now: "));
}

#[test]
fn a_revoked_key_admits_nothing_more_and_takes_nothing_back() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    gap.import().expect(0);
    gap.cluster.adopt(revoke(&gap, Vec::new()));
    let told = gap.import().expect(0);
    assert!(told.out.contains("would be refused now: seal.json is signed with the key"), "{told:#?}");
    let checked_out = gap.checkout("model:v1", "out").expect(0);
    assert!(
        checked_out.out.contains("of its exporter lab was revoked since it came in (laptop lost)"),
        "{checked_out:#?}"
    );
    assert_same_tree(&gap.path("sample"), &gap.path("out"));

    // Whatever else the key seals, whenever it says that was.
    reseal(&bundle, &gap.lab.signing_key(), |p| p.number += 1);
    let run = gap.import().refused(4, "of lab, which is revoked (laptop lost)");
    assert!(run.err.contains("hint: "), "{run:#?}");
    gap.on_stick("verify").refused(4, "which is revoked");
    let id = digest(&bundle).parse().unwrap();
    gap.cluster.adopt(|policy| policy.revocations[0].except = vec![id]);
    let explained = gap.on_stick("explain").expect(0);
    assert!(explained.out.contains("revoked but for this seal\n"), "{explained:#?}");
    gap.import().expect(0);
}

#[test]
fn what_was_refused_and_is_admitted_now_says_so() {
    let gap = Gap::new();
    gap.export_sample();
    gap.cluster.adopt(|policy| policy.tents[0].valid_days = Some(1));
    gap.import().refused(4, "bundles of tent aurora for at most 1 days");
    let refused = gap.cluster.run(["explain", gap.stick.to_str().unwrap()]).expect(4);
    assert!(refused.out.contains("NO       tent aurora: valid_days: it is valid from"), "{refused:#?}");
    gap.cluster.adopt(|policy| policy.tents[0].valid_days = Some(90));
    let run = crate::support::run(gap.cluster.command(["import", "--json"]).arg(&gap.stick)).expect(0).json();
    let before = &run["bundles"][0]["refused_before"];
    assert!(before["reason"].as_str().unwrap().contains("at most 1 days"), "{run:#}");
    assert_eq!(before["epoch"].as_u64().unwrap() + 1, run["bundles"][0]["imported"]["epoch"].as_u64().unwrap());
}

#[test]
fn a_policy_s_time_is_a_floor_until_an_epoch_resets_it() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    let predicate = read_seal(&bundle).predicate().clone();
    let (created, expires) = (predicate.created, predicate.expires);
    gap.cluster.adopt(|policy| policy.time = expires.plus(3600));
    // It counts on, whatever later policies say.
    gap.cluster.adopt(|policy| policy.time = Some(created));
    let refused = import_at(&gap.cluster, &bundle, created).unwrap_err();
    assert!(refused.contains(&format!("and it is {} or later", expires.plus(3600).unwrap())), "{refused}");
    gap.cluster.adopt(|policy| {
        policy.time = expires.plus(-1);
        policy.reset_clock = true;
    });
    import_at(&gap.cluster, &bundle, created).unwrap();
    // And its own time is a floor again, after it too.
    gap.cluster.adopt(|policy| {
        policy.time = None;
        policy.reset_clock = false;
    });
    reseal(&bundle, &gap.lab.signing_key(), |p| {
        p.number += 1;
        p.expires = expires.plus(-1).unwrap();
    });
    let refused = import_at(&gap.cluster, &bundle, created).unwrap_err();
    assert!(refused.contains("it expired at"), "{refused}");
}

#[test]
fn a_seal_from_the_future_is_held_to_the_clock_alone_and_moves_nothing() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    let created = read_seal(&bundle).predicate().created;
    gap.cluster.adopt(|policy| policy.time = Some(created));
    // The floor would allow it; this host's clock does not.
    let refused = import_at(&gap.cluster, &bundle, created.plus(-200_000).unwrap()).unwrap_err();
    assert!(refused.contains("over 48 hours after this host's clock"), "{refused}");
    import_at(&gap.cluster, &bundle, created).unwrap();
}

#[test]
fn a_clock_that_went_back_is_an_event() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    let created = read_seal(&bundle).predicate().created;
    let earlier = created.plus(-3600).unwrap();
    import_at(&gap.cluster, &bundle, earlier).unwrap();
    let log = gap.cluster.run(["log", "--json"]).expect(0).json();
    let entries = log["entries"].as_array().unwrap();
    let [back, imported] = &entries[entries.len() - 2..] else { panic!() };
    let before = entries[entries.len() - 3]["time"].as_str().unwrap();
    assert_eq!(back["event"]["clock-back"]["before"], before);
    assert_eq!(
        (back["time"].as_str(), imported["time"].as_str()),
        (Some(&*earlier.to_string()), Some(&*earlier.to_string()))
    );
    assert!(imported["event"]["imported"].is_object());
    assert!(gap.cluster.run(["log"]).expect(0).out.contains("this host's clock went back"));
    // Once is enough, until it goes back again.
    gap.checkout("model:v1", "out").expect(0);
    let log = gap.cluster.run(["log", "--json"]).expect(0).out;
    assert_eq!(log.matches("clock-back").count(), 1);
}
