//! What changes between two policies.

use crate::samples::{card, commented, key, parse, person, site, tent};
use gapvault_formats::card::Card;
use gapvault_formats::content::Format;
use gapvault_formats::ids::BundleId;
use gapvault_formats::names::shorten;
use gapvault_formats::policy::diff::{diff, summary};
use gapvault_formats::policy::{Approvals, Person, Policy, Revocation, Tent};
use gapvault_formats::sshsig::Touch;
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeSet;

fn lines(old: &Policy, new: &Policy) -> Vec<String> {
    diff(Some(old), new).iter().map(ToString::to_string).collect()
}

/// One change, and how it reads.
type Case = (Box<dyn Fn(&mut Policy)>, String);

fn case(line: &str, change: impl Fn(&mut Policy) + 'static) -> Case {
    (Box::new(change), line.to_owned())
}

/// Every kind of change, one at a time.
fn cases() -> Vec<Case> {
    let [new_key, ana_key] = [key(1, 1), key(0, 1)];
    let (added, gone) = (new_key.fingerprint(), ana_key.fingerprint());
    let revoke = |reason: Option<&str>, except: &[u8]| Revocation {
        key: key(0, 1),
        reason: reason.map(str::to_owned),
        except: except.iter().map(|byte| BundleId::from_bytes([*byte; 32])).collect(),
    };
    let card_of = |name: &str| card(name, 3);
    let short = |card: &Card| shorten(&card.recipient_pq.to_string());
    vec![
        case("clock: times believed before count no more", |p| p.reset_clock = true),
        case("root: dora joins", |p| p.root.persons.push(person("dora"))),
        case("root: chris leaves", |p| drop(p.root.persons.pop())),
        case("root: threshold 2 -> 3", |p| p.root.threshold = 3),
        case("root: signatures any -> verification", |p| p.root.signatures = Touch::Verification),
        case("person dora: removed", |p| p.persons.retain(|q| q.name != person("dora"))),
        case(&format!("person ben: key {added} added"), move |p| p.persons[1].keys.push(new_key.clone())),
        case(&format!("person ana: key {gone} removed"), |p| drop(p.persons[0].keys.pop())),
        case("person ana: organisation \"Lab\" -> none", |p| p.persons[0].organisation = None),
        case("person ben: organisation none -> \"Hall\"", |p| p.persons[1].organisation = Some("Hall".to_owned())),
        case("site cluster: dora works there", |p| p.sites[1].persons.push(person("dora"))),
        case("site audit: dora works there no more", |p| drop(p.sites[2].persons.pop())),
        case(&format!("site lab: card {} -> {}", card("lab", 0).fingerprint(), card_of("x").fingerprint()), move |p| {
            p.sites[0].card = card_of("x").fingerprint();
        }),
        case("site lab: card of ana -> dora", |p| p.sites[0].card_person = person("dora")),
        case(&format!("site lab: card's key {} -> {}", key(0, 0).fingerprint(), key(3, 0).fingerprint()), |p| {
            p.sites[0].card_key = key(3, 0)
        }),
        case(&format!("site lab: recipient {} -> {}", card("lab", 0).recipient, card_of("x").recipient), move |p| {
            p.sites[0].recipient = card_of("x").recipient;
        }),
        case(
            &format!("site lab: post-quantum recipient {} -> {}", short(&card("lab", 0)), short(&card_of("x"))),
            move |p| {
                p.sites[0].recipient_pq = card_of("x").recipient_pq;
            },
        ),
        case("site lab: another label key", move |p| p.sites[0].label_key = card_of("x").label_key),
        case("tent borealis: begun", |p| p.tents.push(Tent::new(tent("borealis")))),
        case("tent aurora: audit is now member", |p| p.tents[0].members.push(site("audit"))),
        case("tent aurora: lab is no longer member", |p| drop(p.tents[0].members.remove(0))),
        case("tent aurora: lab is now auditor", |p| p.tents[0].auditors.push(site("lab"))),
        case("tent aurora: ben is now exporter", |p| p.tents[0].exporters.push(person("ben"))),
        case("tent aurora: ana is no longer exporter", |p| p.tents[0].exporters.clear()),
        case("tent aurora: destinations all members -> lab, cluster", |p| {
            p.tents[0].destinations = Some(vec![site("lab"), site("cluster")]);
        }),
        case("tent aurora: approvals 1 of ben, chris -> 2 of ben, chris, dora", |p| {
            let of = ["ben", "chris", "dora"].map(person).to_vec();
            p.tents[0].approvals = Some(Approvals { k: 2, of, not_exporter: true });
        }),
        case("tent aurora: approvals 1 of ben, chris -> 1 of ben, chris, the exporter included", |p| {
            p.tents[0].approvals.as_mut().unwrap().not_exporter = false;
        }),
        case("tent aurora: signatures any -> presence", |p| p.tents[0].signatures = Touch::Presence),
        case("tent aurora: valid for 30 days -> any", |p| p.tents[0].valid_days = None),
        case("tent aurora: post-quantum not required -> required", |p| p.tents[0].post_quantum = true),
        case("tent aurora: allowed formats safetensors, json -> safetensors", |p| {
            p.tents[0].content.allowed = Some(vec![Format::Safetensors]);
        }),
        case("tent aurora: allowed formats safetensors, json -> all that are not forbidden", |p| {
            p.tents[0].content.allowed = None;
        }),
        case("tent aurora: forbidden formats none -> zip", |p| p.tents[0].content.forbidden = vec![Format::Zip]),
        case("tent aurora: pickles denied -> allowed", |p| p.tents[0].content.pickle = true),
        case("tent aurora: largest file 10737418240 bytes -> any", |p| p.tents[0].content.file_bytes = None),
        case("tent aurora: largest bundle any -> 5 bytes", |p| p.tents[0].content.bundle_bytes = Some(5)),
        case(&format!("person ana: key {gone} revoked, reason \"laptop lost\""), move |p| {
            p.revocations.push(revoke(Some("laptop lost"), &[]));
        }),
        case(&format!("person ana: key {gone} revoked"), move |p| p.revocations.push(revoke(None, &[]))),
        // What takes away what others change stands last.
        case("site audit: removed", |p| drop(p.sites.pop())),
        case("tent aurora: approvals 1 of ben, chris -> none", |p| p.tents[0].approvals = None),
        case("tent aurora: ended", |p| p.tents.clear()),
    ]
}

#[test]
fn each_change_is_one_plain_line() {
    let old = parse(&commented());
    for (change, line) in cases() {
        let mut new = old.clone();
        change(&mut new);
        assert_eq!(lines(&old, &new), [line]);
    }
}

#[test]
fn revocations_are_followed_to_the_seal() {
    let seal = |byte| BundleId::from_bytes([byte; 32]);
    let with = |reason: Option<&str>, except: &[u8]| {
        let except = except.iter().map(|byte| seal(*byte)).collect();
        let mut policy = parse(&commented());
        policy.revocations.push(Revocation { key: key(0, 1), reason: reason.map(str::to_owned), except });
        policy
    };
    let of = format!("person ana: key {}", key(0, 1).fingerprint());
    let still = |byte| format!("{of} still counts for seal {}", seal(byte));
    assert_eq!(lines(&parse(&commented()), &with(None, &[1])), [format!("{of} revoked"), still(1)]);
    assert_eq!(
        lines(&with(None, &[1]), &with(Some("why"), &[2])),
        [
            format!("{of} revoked, reason none -> \"why\""),
            still(2),
            format!("{of} counts no more for seal {}", seal(1))
        ]
    );
    assert_eq!(lines(&with(None, &[1]), &parse(&commented())), [format!("{of} counts again")]);
    let mut stranger = with(None, &[]);
    stranger.persons[0].keys.truncate(1);
    let old = Policy { revocations: Vec::new(), ..stranger.clone() };
    assert_eq!(lines(&old, &stranger), [format!("key {}: revoked", key(0, 1).fingerprint())]);
}

#[test]
fn what_is_new_is_told_in_full() {
    let new = parse(&commented());
    let all = diff(None, &new).iter().map(|change| format!("{change}\n")).collect::<String>();
    for line in [
        "root: ana joins\n",
        "root: threshold 0 -> 2\n",
        "person ana: added\nperson ana: organisation none -> \"Lab\"\nperson ana: key ",
        "site audit: chris works there\nsite audit: dora works there\n",
        "tent aurora: begun\ntent aurora: lab is now member\ntent aurora: cluster is now member\n",
        "tent aurora: approvals none -> 1 of ben, chris\n",
    ] {
        assert!(all.contains(line), "no {line:?} in\n{all}");
    }
}

#[test]
fn programs_get_it_too() {
    let old = parse(&commented());
    let mut new = old.clone();
    new.tents[0].valid_days = None;
    new.root.persons.push(person("dora"));
    assert_eq!(
        serde_json::to_string(&diff(Some(&old), &new)).unwrap(),
        r#"[{"of":"root","change":{"joins":"dora"}},{"of":"tent","name":"aurora","change":{"valid-days":{"before":30,"after":null}}}]"#
    );
}

/// The same rules in one order, without what each epoch has of its own.
fn normal(policy: &Policy) -> Policy {
    let mut policy = Policy { epoch: 0, previous: None, time: None, reset_clock: false, ..policy.clone() };
    policy.root.persons.sort();
    policy.persons.sort_by(|a, b| a.name.cmp(&b.name));
    policy.persons.iter_mut().for_each(|person| person.keys.sort_by_key(ToString::to_string));
    policy.sites.sort_by(|a, b| a.name.cmp(&b.name));
    policy.sites.iter_mut().for_each(|site| site.persons.sort());
    policy.tents.sort_by(|a, b| a.name.cmp(&b.name));
    for tent in &mut policy.tents {
        tent.members.sort();
        tent.auditors.sort();
        tent.exporters.sort();
        tent.destinations.iter_mut().for_each(|names| names.sort());
        tent.approvals.iter_mut().for_each(|approvals| approvals.of.sort());
        tent.content.allowed.iter_mut().for_each(|names| names.sort());
        tent.content.forbidden.sort();
    }
    policy.revocations.sort_by_key(|revocation| revocation.key.to_string());
    policy.revocations.iter_mut().for_each(|revocation| revocation.except.sort());
    policy
}

/// A policy with any of the changes above, in their order; its lists turned around or not.
fn changed(changes: &[Index], turned: bool) -> Policy {
    let mut policy = parse(&commented());
    let cases = cases();
    let which: BTreeSet<_> = changes.iter().map(|change| change.index(cases.len())).collect();
    which.into_iter().for_each(|at| cases[at].0(&mut policy));
    if turned {
        policy.persons.reverse();
        policy.sites.reverse();
        policy.root.persons.reverse();
        policy.sites.iter_mut().for_each(|site| site.persons.reverse());
        for tent in &mut policy.tents {
            tent.members.reverse();
            tent.approvals.iter_mut().for_each(|approvals| approvals.of.reverse());
            tent.content.allowed.iter_mut().for_each(|names| names.reverse());
        }
    }
    policy
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Nothing that differs goes unsaid, and nothing is said of what does not.
    #[test]
    fn the_difference_is_empty_exactly_if_both_say_the_same(
        a in prop::collection::vec(any::<Index>(), 0..3),
        b in prop::collection::vec(any::<Index>(), 0..3),
        epoch in 1_u64..9,
        turned in any::<bool>(),
    ) {
        let (a, mut b) = (changed(&a, false), changed(&b, turned));
        b.epoch = epoch;
        let is_same = normal(&a) == normal(&b) && !b.reset_clock;
        prop_assert_eq!(diff(Some(&a), &b).is_empty(), is_same, "{:?}", diff(Some(&a), &b));
    }
}

#[test]
fn a_policy_of_many_is_compared_in_no_time() {
    let names = |i: usize| format!("p{i}");
    let persons = (0..20_000).map(|i| Person { name: person(&names(i)), organisation: None, keys: Vec::new() });
    let old = Policy { persons: persons.collect(), ..parse(&commented()) };
    let mut new = old.clone();
    new.persons.reverse();
    new.persons[0].organisation = Some("Lab".to_owned());
    assert_eq!(lines(&old, &new), ["person p19999: organisation none -> \"Lab\""]);
}

#[test]
fn the_log_gets_a_short_text() {
    let old = parse(&commented());
    let mut new = old.clone();
    assert_eq!(summary(&diff(Some(&old), &new)), "nothing but the epoch");
    new.root.threshold = 3;
    new.tents[0].post_quantum = true;
    let both = "root: threshold 2 -> 3; tent aurora: post-quantum not required -> required";
    assert_eq!(summary(&diff(Some(&old), &new)), both);
    new.tents.extend((0..30).map(|i| Tent::new(tent(&format!("t{i}")))));
    assert!(summary(&diff(Some(&old), &new)).ends_with("; tent t17: begun; and 12 more"));
}
