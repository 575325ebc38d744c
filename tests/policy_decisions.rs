//! Every rule of a policy, allowed and refused, with the reason that is told: on the decision itself, which import,
//! verify and explain are made of.

use crate::support::bench::{Bench, DAY, key, person};
use gapvault_core::bundle::{Purpose, Rule, Unfit};
use gapvault_formats::ids::BundleId;
use gapvault_formats::sshsig::{Namespace, Shown, SshError, Touch};
use proptest::prelude::*;

/// What a security key can show.
const TOUCHED: Shown = Shown { presence: true, verification: false };
const VERIFIED: Shown = Shown { presence: true, verification: true };
/// A flag that no security key sets alone.
const UNTOUCHED: Shown = Shown { presence: false, verification: true };

/// A name, what is changed, and the rule with what it says: why it holds, or why the bundle is refused.
type Row = (&'static str, fn(&mut Bench), Rule, Result<&'static str, &'static str>);

fn other() -> BundleId {
    BundleId::of(b"another bundle")
}

/// The rule that decides stands beside what it says. A bundle is admitted if and only if all of its rules hold.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("nothing changed", |_| (), Rule::Approvals, Ok("the tent asks for no approvals")),

    ("no signature", |b| b.unsigned(), Rule::Signer, Err("there is no signature beside seal.json")),
    ("only an approval", |b| { b.unsigned(); b.approves("ann") }, Rule::Signer, Err("there is no signature beside seal.json")),
    ("a stranger's", |b| { b.unsigned(); b.seals("stranger") }, Rule::Signer, Err("signed by no key that this policy knows (found: ")),
    ("a stranger's seal, a known approver", |b| { b.unsigned(); b.seals("stranger"); b.approves("bob") }, Rule::Signer, Err("signed by no key")),
    ("a stranger's beside the exporter's", |b| b.seals("stranger"), Rule::Signer, Ok("sealed by ann, with key ")),
    ("the only known key is revoked", |b| b.revokes("ann", false), Rule::Signer, Err("of ann, which is revoked (lost)")),
    ("a revoked key that is nobody's any more", |b| { b.revokes("ann", false); b.policy.persons.remove(0); }, Rule::Signer, Err("of nobody whom this policy knows, which is revoked (lost)")),
    ("revoked, but this seal is excepted", |b| b.revokes("ann", true), Rule::Signer, Ok("sealed by ann")),
    ("another's key is revoked", |b| b.revokes("eve", false), Rule::Signer, Ok("sealed by ann")),

    ("sealed by another exporter in her name", |b| { b.unsigned(); b.seals("eve") }, Rule::ExporterSignature, Err("has no seal@gapvault signature of that key")),
    ("approved but not sealed by her", |b| { b.unsigned(); b.seals("bob"); b.approves("ann") }, Rule::ExporterSignature, Err("has no seal@gapvault signature of that key")),
    ("sealed by both", |b| b.seals("eve"), Rule::ExporterSignature, Ok("its exporter's key ")),

    ("the exporter is a stranger, the signer is not", |b| { b.predicate.exporter = key("stranger"); b.seals("stranger") }, Rule::ExporterKey, Err("names an exporter whose key ")),
    ("revoked, but another known key signed too", |b| { b.revokes("ann", false); b.seals("eve") }, Rule::ExporterKey, Err("of ann, which is revoked")),
    ("revoked with an exception", |b| b.revokes("ann", true), Rule::ExporterKey, Ok("a key of ann, revoked but for this seal")),
    ("a known key", |_| (), Rule::ExporterKey, Ok("it is a key of ann")),

    ("an exporter of another tent", |b| { b.predicate.exporter = key("eve"); b.seals("eve") }, Rule::Exporter, Err("eve signed it for tent aurora, whose exporters are: ann")),
    ("an approver", |b| { b.predicate.exporter = key("bob"); b.seals("bob") }, Rule::Exporter, Err("bob signed it for tent aurora")),
    ("a root person", |b| { b.predicate.exporter = key("root"); b.seals("root") }, Rule::Exporter, Err("root signed it for tent aurora")),
    ("her second key", |b| { b.policy.persons[0].keys.push(key("ann-2")); b.predicate.exporter = key("ann-2"); b.seals("ann-2") }, Rule::Exporter, Ok("ann is an exporter of tent aurora")),
    ("no exporters any more", |b| b.aurora().exporters.clear(), Rule::Exporter, Err("whose exporters are: nobody")),
    ("tags of a tent that is not there", |b| b.is_for("corona", &["cluster"]), Rule::Exporter, Err("none of its destination tags")),
    ("tags of the other tent", |b| b.is_for("borealis", &["cluster"]), Rule::Exporter, Err("ann signed it for tent borealis, whose exporters are: eve")),

    ("for this site alone", |b| b.is_for("aurora", &["cluster"]), Rule::Destination, Ok("it is for this site (cluster)")),
    ("for others", |b| b.is_for("aurora", &["lab", "audit"]), Rule::Destination, Err("it is for lab, audit in tent aurora, not for this site (cluster)")),
    ("for others, only looked at", |b| { b.is_for("aurora", &["lab", "audit"]); b.purpose = Purpose::Look }, Rule::Destination, Ok("looked at here, not brought in")),

    ("no list of destinations", |b| b.is_for("aurora", &["cluster", "far"]), Rule::Destinations, Ok("the tent has no list")),
    ("all of them on the list, home, or auditors", |b| b.aurora().destinations = Some(vec!["cluster".parse().unwrap()]), Rule::Destinations, Ok("it is for lab, cluster, audit: members of the list (cluster), auditors or the exporter's own site")),
    ("one that is not on the list", |b| { b.aurora().destinations = Some(vec!["lab".parse().unwrap()]); b.is_for("aurora", &["lab", "cluster", "audit"]) }, Rule::Destinations, Err("it is for cluster, to whom bundles of tent aurora may not go (they may go to lab and its auditors)")),
    ("one that reads nothing of the tent", |b| { b.aurora().destinations = Some(vec!["cluster".parse().unwrap()]); b.is_for("aurora", &["cluster", "far"]) }, Rule::Destinations, Err("it is for far, to whom")),
    ("one that nobody knows", |b| { b.aurora().destinations = Some(vec!["cluster".parse().unwrap()]); b.is_for("aurora", &["cluster", "nowhere"]) }, Rule::Destinations, Err("it is for 1 site that this vault does not know, to whom")),
    ("this site is not on the list", |b| { b.aurora().destinations = Some(vec!["lab".parse().unwrap()]); b.is_for("aurora", &["cluster", "audit"]) }, Rule::Destinations, Err("it is for cluster, to whom")),
    ("nobody is on the list", |b| b.aurora().destinations = Some(Vec::new()), Rule::Destinations, Err("(they may go to nobody and its auditors)")),

    ("any key will do", |_| (), Rule::Signatures, Ok("signed with a plain key: it shows neither touch nor PIN")),
    ("a touch is asked for, a file signed", |b| b.aurora().signatures = Touch::Presence, Rule::Signatures, Err("the signature of ann shows neither touch nor PIN, tent aurora asks for a security key that was touched")),
    ("a touch is asked for and shown", |b| { b.aurora().signatures = Touch::Presence; b.unsigned(); b.signs("ann", Namespace::Seal, TOUCHED) }, Rule::Signatures, Ok("that a security key was touched")),
    ("more is shown than is asked for", |b| { b.aurora().signatures = Touch::Presence; b.unsigned(); b.signs("ann", Namespace::Seal, VERIFIED) }, Rule::Signatures, Ok("that its holder was verified")),
    ("verification is asked for, a touch shown", |b| { b.aurora().signatures = Touch::Verification; b.unsigned(); b.signs("ann", Namespace::Seal, TOUCHED) }, Rule::Signatures, Err("asks for a security key that verified its holder")),
    ("verification without a touch", |b| { b.aurora().signatures = Touch::Verification; b.unsigned(); b.signs("ann", Namespace::Seal, UNTOUCHED) }, Rule::Signatures, Err("shows no touch")),
    ("verification is asked for and shown", |b| { b.aurora().signatures = Touch::Verification; b.unsigned(); b.signs("ann", Namespace::Seal, VERIFIED) }, Rule::Signatures, Ok("that its holder was verified")),

    ("any suite", |_| (), Rule::Suite, Ok("sealed with the suite age-x25519")),
    ("post-quantum is asked for and given", |b| { b.aurora().post_quantum = true; b.predicate.suite = gapvault_formats::agefile::Suite::PostQuantum }, Rule::Suite, Ok("sealed with the suite age-pq")),
    ("post-quantum is asked for", |b| b.aurora().post_quantum = true, Rule::Suite, Err("it is sealed with the suite age-x25519, and tent aurora asks for age-pq")),

    ("a fresh number", |b| b.admitted(other(), 6, false), Rule::Number, Ok("number 7 of ann in tent aurora")),
    ("a number that another bundle has", |b| b.admitted(other(), 7, false), Rule::Number, Err("its number 7 from ann in tent aurora was used by bundle ")),
    ("a number of the same bundle, sealed anew", |b| b.admitted(other(), 7, true), Rule::Number, Ok("number 7")),
    ("a number that another tent has", |b| { b.admitted(other(), 7, false); b.earlier[0].tent = "borealis".parse().unwrap() }, Rule::Number, Ok("number 7")),
    ("a number that another key has", |b| { b.admitted(other(), 7, false); b.earlier[0].key = key("eve") }, Rule::Number, Ok("number 7")),

    ("no limit of validity", |b| b.predicate.expires = b.predicate.created.plus(9000 * DAY).unwrap(), Rule::ValidDays, Ok("the tent sets no limit")),
    ("as long as is allowed", |b| b.aurora().valid_days = Some(30), Rule::ValidDays, Ok("at most 30 days")),
    ("a second longer", |b| { b.aurora().valid_days = Some(30); b.predicate.expires = b.predicate.expires.plus(1).unwrap() }, Rule::ValidDays, Err("bundles of tent aurora for at most 30 days")),
    ("a limit of no days", |b| b.aurora().valid_days = Some(0), Rule::ValidDays, Err("at most 0 days")),

    ("48 hours ahead of the clock", |b| b.clock(-2 * DAY), Rule::Created, Ok("created at 2026-11-21T08:00:00Z")),
    ("a second more", |b| b.clock(-2 * DAY - 1), Rule::Created, Err("over 48 hours after this host's clock (2026-11-19T07:59:59Z)")),
    ("a second more, whatever the floor is", |b| { b.clock(-2 * DAY - 1); b.floor(DAY) }, Rule::Created, Err("over 48 hours after this host's clock")),

    ("its last second", |b| b.clock(30 * DAY - 1), Rule::Expires, Ok("it expires at 2026-12-21T08:00:00Z")),
    ("expired", |b| b.clock(30 * DAY), Rule::Expires, Err("it expired at 2026-12-21T08:00:00Z, and it is 2026-12-21T08:00:00Z or later")),
    ("the clock was set back", |b| b.floor(31 * DAY), Rule::Expires, Err("it is 2026-12-22T08:00:00Z or later")),
    ("a floor before the clock", |b| b.floor(0), Rule::Expires, Ok("it expires at")),

    ("enough approvals", |b| { b.asks(2, &["bob", "carol"]); b.approves("bob"); b.approves("carol") }, Rule::Approvals, Ok("approved by 2 (bob, carol), 2 needed")),
    ("more than enough", |b| { b.asks(1, &["bob", "carol"]); b.approves("bob"); b.approves("carol") }, Rule::Approvals, Ok("approved by 2 (bob, carol), 1 needed")),
    ("an auditor's", |b| { b.asks(1, &["dave"]); b.approves("dave") }, Rule::Approvals, Ok("approved by 1 (dave), 1 needed")),
    ("none", |b| { b.asks(2, &["bob", "carol", "dave"]); }, Rule::Approvals, Err("tent aurora asks for approvals of 2 persons, none has approved: 2 missing; bob, carol, dave could still approve it")),
    ("one too few", |b| { b.asks(2, &["bob", "carol"]); b.approves("bob") }, Rule::Approvals, Err("1 has approved (bob): 1 missing; carol could still approve it")),
    ("one person's two keys", |b| { b.asks(2, &["bob", "carol"]); b.approves("bob"); b.approves("bob-2") }, Rule::Approvals, Err("the same person has approved with another key")),
    ("the same signature twice", |b| { b.asks(2, &["bob", "carol"]); b.approves("bob"); b.approves("bob") }, Rule::Approvals, Err("1 has approved (bob): 1 missing")),
    ("a seal signature of an approver", |b| { b.asks(1, &["bob"]); b.seals("bob") }, Rule::Approvals, Err("none has approved")),
    ("somebody with another role", |b| { b.asks(1, &["bob"]); b.approves("root") }, Rule::Approvals, Err("root (key ")),
    ("somebody of the tent who is no approver", |b| { b.asks(1, &["bob"]); b.approves("carol") }, Rule::Approvals, Err("not among those who may approve")),
    ("a stranger", |b| { b.asks(1, &["bob"]); b.approves("stranger") }, Rule::Approvals, Err("the policy gives this key to nobody")),
    ("the exporter", |b| { b.asks(1, &["ann", "bob"]); b.approves("ann") }, Rule::Approvals, Err("the exporter's own approval does not count")),
    ("the exporter's other key", |b| { b.asks(1, &["ann", "bob"]); b.policy.persons[0].keys.push(key("ann-2")); b.approves("ann-2") }, Rule::Approvals, Err("the exporter's own approval does not count")),
    ("the exporter, where that is allowed", |b| { b.asks(1, &["ann"]).not_exporter = false; b.approves("ann") }, Rule::Approvals, Ok("approved by 1 (ann), 1 needed")),
    ("a revoked key", |b| { b.asks(1, &["bob"]); b.revokes("bob", false); b.approves("bob") }, Rule::Approvals, Err("its key is revoked")),
    ("a revoked key, this seal excepted", |b| { b.asks(1, &["bob"]); b.revokes("bob", true); b.approves("bob") }, Rule::Approvals, Ok("approved by 1 (bob), 1 needed")),
    ("a revoked key beside a good one", |b| { b.asks(1, &["bob"]); b.revokes("bob", false); b.approves("bob"); b.approves("bob-2") }, Rule::Approvals, Ok("approved by 1 (bob), 1 needed")),
    ("whose keys are all revoked can't approve any more", |b| { b.asks(1, &["carol"]); b.revokes("carol", false) }, Rule::Approvals, Err("nobody is left who could approve it")),
    ("the exporter is needed and may not", |b| { b.asks(2, &["ann", "bob"]); b.approves("bob") }, Rule::Approvals, Err("nobody is left who could approve it")),
    ("a touch is asked for", |b| { b.asks(1, &["bob"]); b.aurora().signatures = Touch::Presence; b.unsigned(); b.signs("ann", Namespace::Seal, TOUCHED); b.approves("bob") }, Rule::Approvals, Err("it shows neither touch nor PIN, the tent asks for a security key that was touched")),
    ("a touch is asked for, and nobody's key can show one", |b| { b.asks(1, &["bob"]); b.aurora().signatures = Touch::Presence; b.unsigned(); b.signs("ann", Namespace::Seal, TOUCHED) }, Rule::Approvals, Err("nobody is left who could approve it")),
    ("a touch is asked for and shown", |b| { b.asks(1, &["bob"]); b.aurora().signatures = Touch::Presence; b.unsigned(); b.signs("ann", Namespace::Seal, TOUCHED); b.signs("bob", Namespace::Approve, TOUCHED) }, Rule::Approvals, Ok("approved by 1 (bob), 1 needed")),
    ("a file that is no signature", |b| { b.asks(1, &["bob"]); b.unfit.push(Unfit { file: "seal.json.00.approve.sig".to_owned(), fault: SshError::Invalid }) }, Rule::Approvals, Err("not counted: seal.json.00.approve.sig: the signature does not fit the signed bytes")),
];

#[test]
fn every_rule_allows_and_refuses_for_the_reason_it_says() {
    for (name, change, rule, expected) in TABLE {
        let mut bench = Bench::new();
        change(&mut bench);
        let decision = bench.decide();
        let check = decision.checks.iter().find(|check| check.rule == *rule);
        let check = check.unwrap_or_else(|| panic!("{name}: {rule:?} was not looked at: {decision:#?}"));
        match (&check.verdict, expected) {
            (Ok(told), Ok(text)) => assert!(told.contains(text), "{name}: no {text:?} in {told:?}"),
            (Err(told), Err(text)) => {
                assert!(told.to_string().contains(text), "{name}: no {text:?} in {told}");
                let first = decision.refusal().unwrap().to_string();
                assert_eq!(first, told.to_string(), "{name}: another rule refuses first");
                use gapvault_core::error::{Explain, Kind};
                assert_eq!(told.kind(), Kind::Refused, "{name}");
                assert!(told.hint().is_some(), "{name}: no hint");
            }
            (verdict, _) => panic!("{name}: {verdict:?}"),
        }
    }
}

#[test]
fn rules_are_looked_at_in_one_order_and_each_has_a_row_of_either_kind() {
    let decision = Bench::new().decide();
    let rules: Vec<_> = decision.checks.iter().map(|check| check.rule).collect();
    assert!(rules.is_sorted() && decision.refusal().is_none(), "{decision:#?}");
    for rule in rules {
        for holds in [true, false] {
            let has_row = TABLE.iter().any(|(_, _, of, expected)| *of == rule && expected.is_ok() == holds);
            assert!(has_row, "no row in which {rule:?} {}", if holds { "holds" } else { "refuses" });
        }
    }
}

#[test]
fn what_depends_on_nothing_that_refuses_is_looked_at_all_the_same() {
    let mut bench = Bench::new();
    bench.asks(1, &["bob"]);
    bench.aurora().valid_days = Some(1);
    bench.clock(31 * DAY);
    let decision = bench.decide();
    let refused: Vec<_> = decision.checks.iter().filter(|c| c.verdict.is_err()).map(|c| c.rule).collect();
    assert_eq!(refused, [Rule::ValidDays, Rule::Expires, Rule::Approvals]);
}

#[test]
fn this_site_s_own_tent_is_the_one_that_counts() {
    // Of two tents with tags for somebody, the rules of the one that is for this site bind.
    let mut bench = Bench::new();
    bench.policy.tents[1].exporters.push(person("ann"));
    bench.policy.tents.reverse();
    let mut tags = bench.predicate.destinations.clone();
    bench.is_for("borealis", &["audit"]);
    tags.extend(bench.predicate.destinations.clone());
    tags.sort_unstable();
    bench.predicate.destinations = tags;
    let decision = bench.decide();
    assert_eq!(decision.grounds.unwrap().addressed.tent.as_str(), "aurora");
    // Of two that are, none: which stands first in the policy means nothing.
    let audit = bench.predicate.destinations.clone();
    bench.is_for("borealis", &["cluster"]);
    bench.predicate.destinations.extend(audit);
    bench.predicate.destinations.sort_unstable();
    for (first, second) in [("borealis", "aurora"), ("aurora", "borealis")] {
        let refusal = bench.decide().refusal().unwrap().to_string();
        assert_eq!(refusal, format!("its destination tags are of two tents of its exporter, {first} and {second}"));
        bench.policy.tents.reverse();
    }
}

/// A signature in a made-up crowd: whose key it is, which of that person's, in which namespace, what it shows.
#[derive(Clone, Debug)]
struct Signed {
    person: usize,
    second: bool,
    approves: bool,
    touched: bool,
}

const CROWD: [&str; 7] = ["ann", "bob", "carol", "dave", "eve", "root", "stranger"];

/// The name of a key in the crowd; all of it but the stranger have two.
fn key_name(person: usize, second: bool) -> String {
    format!("{}{}", CROWD[person], if second { "-2" } else { "" })
}

fn signed() -> impl Strategy<Value = Signed> {
    let fields = (0..CROWD.len(), any::<bool>(), prop::bool::weighted(0.8), any::<bool>());
    fields.prop_map(|(person, second, approves, touched)| Signed { person, second, approves, touched })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is signed, twice, by whom and with what: fewer than k distinct persons who may approve never suffice, and
    /// k of them do.
    #[test]
    fn no_set_of_approvals_by_fewer_than_k_persons_ever_passes(
        k in 1..5_u32,
        of in prop::collection::btree_set(0..6_usize, 1..6),
        crowd in prop::collection::vec(signed(), 0..12),
        revoked in prop::collection::vec((0..6_usize, any::<bool>(), any::<bool>()), 0..5),
        not_exporter in any::<bool>(),
        touch in any::<bool>(),
    ) {
        let mut bench = Bench::new();
        for (number, person) in bench.policy.persons.iter_mut().enumerate() {
            assert_eq!(person.name.as_str(), CROWD[number]);
            person.keys = [false, true].map(|second| key(&key_name(number, second))).to_vec();
        }
        let names: Vec<_> = of.iter().map(|person| CROWD[*person]).collect();
        bench.asks(k, &names).not_exporter = not_exporter;
        if touch {
            bench.aurora().signatures = Touch::Presence;
        }
        bench.unsigned();
        bench.signs("ann", Namespace::Seal, TOUCHED);
        let revoked: Vec<_> = revoked.into_iter().filter(|(person, second, _)| (*person, *second) != (0, false)).collect();
        for (person, second, excepted) in &revoked {
            bench.revokes(&key_name(*person, *second), *excepted);
        }
        for Signed { person, second, approves, touched } in &crowd {
            let namespace = if *approves { Namespace::Approve } else { Namespace::Seal };
            bench.signs(&key_name(*person, *second), namespace, if *touched { TOUCHED } else { Shown::default() });
        }

        let counts = |signed: &&Signed| {
            let is_revoked = revoked.iter().any(|(p, s, but)| (*p, *s) == (signed.person, signed.second) && !but);
            let barred = not_exporter && CROWD[signed.person] == "ann";
            signed.approves && of.contains(&signed.person) && !is_revoked && !barred && (signed.touched || !touch)
        };
        let persons: std::collections::BTreeSet<_> = crowd.iter().filter(counts).map(|signed| signed.person).collect();
        let decision = bench.decide();
        let approvals = decision.checks.iter().find(|check| check.rule == Rule::Approvals).unwrap();
        prop_assert_eq!(approvals.verdict.is_ok(), persons.len() >= k as usize, "{:#?}", approvals);
        prop_assert_eq!(decision.refusal().is_none(), persons.len() >= k as usize, "{:#?}", &decision.checks);
        let tally = decision.grounds.unwrap().approvals;
        prop_assert_eq!(tally.counted.len(), persons.len());
        for approval in &tally.counted {
            prop_assert!(names.contains(&approval.person.as_str()));
        }
    }
}
