//! Changes of a policy's text.

use crate::samples::{PERSONS, card, commented, key, parse, person, site, tent};
use gapvault_formats::content::Format;
use gapvault_formats::ids::{BundleId, PolicyDigest};
use gapvault_formats::policy::diff::diff;
use gapvault_formats::policy::edit::{Draft, EditError, Role};
use gapvault_formats::policy::{Approvals, ContentRules, Grant, Person, Policy};
use gapvault_formats::sshsig::Touch;
use gapvault_formats::time::Time;
use proptest::prelude::*;

/// The policy that the changed one follows.
const BEFORE: PolicyDigest = PolicyDigest::from_bytes([8; 32]);

fn time() -> Time {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

/// The lines that a change takes out of the officer's text, and those that it puts there.
fn lines(change: impl FnOnce(&mut Draft) -> bool) -> (Vec<String>, Vec<String>) {
    let old = commented();
    let mut draft = Draft::open(&old).unwrap();
    assert_eq!(draft.text(), old, "a draft that is not changed");
    assert!(change(&mut draft), "nothing changed");
    let new = draft.text();
    draft.finish(8, BEFORE, time(), false).unwrap_or_else(|error| panic!("{error} in\n{new}"));
    let only = |a: &str, b: &str| {
        let mut rest: Vec<_> = b.lines().collect();
        let mut take = |line: &&str| rest.iter().position(|other| other == line).map(|at| rest.remove(at)).is_none();
        a.lines().filter(|line| take(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    (only(&old, &new), only(&new, &old))
}

macro_rules! assert_lines {
    ($change:expr, [$($old:expr),*], [$($new:expr),* $(,)?]) => {{
        let (old, new): (Vec<String>, Vec<String>) = (vec![$($old.to_string()),*], vec![$($new.to_string()),*]);
        assert_eq!(lines($change), (old, new));
    }};
}

#[test]
fn a_change_touches_its_own_lines_only() {
    let aurora = tent("aurora");
    assert_lines!(
        |d| d.set_threshold(3),
        ["threshold = 2   # two of three, so that one may be ill"],
        ["threshold = 3   # two of three, so that one may be ill"]
    );
    assert_lines!(|d| d.root(&person("dora"), true).unwrap(), [], ["  \"dora\","]);
    assert_lines!(|d| d.root(&person("ben"), false).unwrap(), ["  \"ben\",   # cluster"], []);
    assert_lines!(|d| d.root(&person("chris"), false).unwrap(), ["  \"chris\", # audit"], []);
    assert_lines!(
        |d| d.add_key(&person("ana"), &key(0, 0)).unwrap() | d.add_key(&person("ana"), &key(4, 0)).unwrap(),
        [],
        [format!("  \"{}\",", key(4, 0))]
    );
    assert_lines!(
        |d| d.works_at(&person("dora"), &site("audit"), false).unwrap(),
        ["persons = [\"chris\", \"dora\"]"],
        ["persons = [\"chris\"]"]
    );
    assert_lines!(
        |d| d.grant(&aurora, &Role::Exporter(person("ben"))).unwrap(),
        ["exporters = [\"ana\"]"],
        ["exporters = [\"ana\", \"ben\"]"]
    );
    assert_lines!(
        |d| d.grant(&aurora, &Role::Approver(person("dora"))).unwrap(),
        ["approvals = { k = 1, of = [\"ben\", \"chris\"] } # never the exporter"],
        ["approvals = { k = 1, of = [\"ben\", \"chris\", \"dora\"] } # never the exporter"]
    );
    assert_lines!(
        |d| d.withdraw(&aurora, &Role::Member(site("lab"))).unwrap(),
        ["members = [\"lab\", \"cluster\"]"],
        ["members = [\"cluster\"]"]
    );
    assert_lines!(|d| d.set_valid_days(&aurora, Some(7)).unwrap(), ["valid_days = 30"], ["valid_days = 7"]);
    assert_lines!(|d| d.set_valid_days(&aurora, None).unwrap(), ["valid_days = 30"], []);
    assert_lines!(|d| d.set_post_quantum(&aurora, true).unwrap(), [], ["post_quantum = true"]);
    assert_lines!(
        |d| d.set_destinations(&aurora, Some(&[site("cluster")])).unwrap(),
        [],
        ["destinations = [\"cluster\"]"]
    );
    let approvals = Approvals { k: 2, of: vec![person("chris"), person("dora")], not_exporter: false };
    assert_lines!(
        |d| d.set_approvals(&aurora, Some(&approvals)).unwrap(),
        ["approvals = { k = 1, of = [\"ben\", \"chris\"] } # never the exporter"],
        ["approvals = { k = 2, of = [\"chris\", \"dora\"], not_exporter = false } # never the exporter"]
    );
    let content = ContentRules { pickle: true, allowed: None, file_bytes: Some(5), ..ContentRules::default() };
    assert_lines!(
        |d| d.set_content(&aurora, &content).unwrap(),
        ["allowed = [\"safetensors\", \"json\"]", "file_bytes = 10_737_418_240"],
        ["file_bytes = 5", "pickle = true"]
    );
}

#[test]
fn a_card_is_trusted_as_a_whole_or_not_at_all() {
    let (own, far) = (card("lab", 0), card("far", 4));
    let first = Policy::first(&own).to_text().unwrap();
    let mut draft = Draft::open(&first).unwrap();
    assert!(draft.trust(&far, &tent("aurora"), Grant::Member).unwrap());
    assert!(!draft.trust(&far, &tent("aurora"), Grant::Member).unwrap(), "a second time changes nothing");
    assert!(draft.trust(&own, &tent("aurora"), Grant::Exporter).unwrap());
    let (text, policy) = draft.finish(2, BEFORE, time(), false).unwrap();
    assert_eq!(parse(&text), policy);
    assert_eq!(policy.to_text().unwrap(), text, "as if written anew");
    assert_eq!(policy.tents[0].exporters, [person("ana")]);

    let mut draft = Draft::open(&text).unwrap();
    let other_key = gapvault_formats::card::Card { key: key(4, 1), ..far.clone() };
    let known = EditError::OtherKey { person: person("emil") };
    assert_eq!(draft.trust(&other_key, &tent("aurora"), Grant::Member), Err(known));
    let mut other_site = card("far", 4);
    other_site.recipient = card("elsewhere", 4).recipient;
    let refused = draft.trust(&other_site, &tent("aurora"), Grant::Member).unwrap_err();
    assert!(matches!(refused, EditError::OtherCard { .. }), "{refused}");
    assert_eq!(draft.text(), text, "a refusal changes nothing");

    // A renewed card takes the old one's place, and only there.
    assert!(draft.renew_site(&other_site).unwrap());
    let (_, renewed) = draft.finish(3, BEFORE, time(), false).unwrap();
    let changes: Vec<_> = diff(Some(&policy), &renewed).iter().map(ToString::to_string).collect();
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert!(changes[0].starts_with("site far: card ") && changes[1].starts_with("site far: recipient "), "{changes:?}");
}

#[test]
fn what_the_policy_does_not_know_is_not_named() {
    let mut draft = Draft::open(&commented()).unwrap();
    let (nobody, nowhere, nothing) = (person("nobody"), site("nowhere"), tent("nothing"));
    let aurora = tent("aurora");
    let no_person = Err(EditError::NoPerson { person: nobody.clone() });
    let no_site = Err(EditError::NoSite { site: nowhere.clone() });
    assert_eq!(draft.root(&nobody, true), no_person);
    assert_eq!(draft.add_key(&nobody, &key(4, 0)), no_person);
    assert_eq!(draft.works_at(&nobody, &site("lab"), true), no_person);
    assert_eq!(draft.works_at(&person("ana"), &nowhere, true), no_site);
    assert_eq!(draft.grant(&aurora, &Role::Exporter(nobody.clone())), no_person);
    assert_eq!(draft.grant(&aurora, &Role::Member(nowhere.clone())), no_site);
    assert_eq!(draft.set_destinations(&aurora, Some(std::slice::from_ref(&nowhere))), no_site);
    let approvals = Approvals { k: 1, of: vec![nobody], not_exporter: true };
    assert_eq!(draft.set_approvals(&aurora, Some(&approvals)), no_person);
    assert_eq!(draft.renew_site(&card("nowhere", 0)), no_site);
    let no_tent = Err(EditError::NoTent { tent: nothing.clone() });
    assert_eq!(draft.set_valid_days(&nothing, None), no_tent);
    assert_eq!(draft.withdraw(&nothing, &Role::Member(site("lab"))), no_tent);
    assert!(!draft.end_tent(&nothing));
    assert_eq!(draft.text(), commented());
}

#[test]
fn a_draft_that_breaks_a_rule_is_refused_in_its_own_text() {
    let mut draft = Draft::open(&commented()).unwrap();
    draft.grant(&tent("aurora"), &Role::Auditor(site("cluster"))).unwrap();
    let refused = draft.finish(8, BEFORE, time(), false).unwrap_err().to_string();
    assert!(refused.ends_with("line 72, column 22: tent aurora: cluster is both member and auditor"), "{refused}");
}

#[test]
fn the_last_approver_does_not_take_the_approvals_along() {
    let mut draft = Draft::open(&commented()).unwrap();
    for name in ["ben", "chris"] {
        assert!(draft.withdraw(&tent("aurora"), &Role::Approver(person(name))).unwrap());
    }
    let refused = draft.clone().finish(8, BEFORE, time(), false).unwrap_err().to_string();
    assert!(refused.contains("approvers of tent aurora: the list is empty"), "{refused}");
    assert!(draft.set_approvals(&tent("aurora"), None).unwrap());
    assert!(draft.finish(8, BEFORE, time(), false).unwrap().1.tents[0].approvals.is_none());
}

#[test]
fn a_tent_goes_with_its_last_role_unless_somebody_cared_for_it() {
    let bare = |text: &str| {
        let mut draft = Draft::open(text).unwrap();
        assert!(draft.withdraw(&tent("borealis"), &Role::Member(site("lab"))).unwrap());
        !draft.finish(8, BEFORE, time(), false).unwrap().1.tents.iter().any(|t| t.name == tent("borealis"))
    };
    let with = |above: &str, rules: &str| {
        let tent = "[[tent]]\nname = \"borealis\"\nmembers = [\"lab\"]\nauditors = []\nexporters = []\n";
        commented().replace("# The end.\n", &format!("{above}{tent}{rules}"))
    };
    assert!(bare(&with("", "")));
    assert!(!bare(&with("", "valid_days = 3\n")), "it has rules");
    assert!(!bare(&with("# for the spring\n", "")), "it has a comment");
}

#[test]
fn keys_are_revoked_once_and_exceptions_add_up() {
    let seal = |byte| BundleId::from_bytes([byte; 32]);
    let mut draft = Draft::open(&commented()).unwrap();
    assert!(draft.revoke(&key(0, 1), Some("laptop \"x\" lost"), &[seal(1)]));
    assert!(!draft.revoke(&key(0, 1), None, &[seal(1)]));
    assert!(draft.revoke(&key(0, 1), None, &[seal(2)]));
    let (_, policy) = draft.finish(8, BEFORE, time(), false).unwrap();
    assert_eq!(policy.revocations.len(), 1);
    assert_eq!(policy.revocations[0].except, [seal(1), seal(2)]);
    assert_eq!(policy.revocations[0].reason.as_deref(), Some("laptop \"x\" lost"));
}

#[test]
fn each_epoch_resets_the_clock_for_itself() {
    let draft = Draft::open(&commented()).unwrap();
    let (reset, policy) = draft.finish(8, BEFORE, time(), true).unwrap();
    assert_eq!((policy.epoch, policy.time, policy.reset_clock), (8, Some(time()), true));
    let head = format!("epoch = 8 # since the audit\nprevious = \"{BEFORE}\"\ntime = \"2026-11-22T08:00:00Z\"\n");
    assert!(reset.contains(&head), "{reset}");
    let (_, policy) = Draft::open(&reset).unwrap().finish(9, BEFORE, time(), false).unwrap();
    assert!(!policy.reset_clock);
}

#[test]
fn other_spellings_of_a_policy_are_edited_too() {
    let plain = parse(&commented());
    let keys = |person: &Person| person.keys.iter().map(|key| format!("'{key}'")).collect::<Vec<_>>().join(",");
    let names = |names: &[gapvault_formats::names::PersonName]| {
        format!("{:?}", names.iter().map(|n| n.as_str()).collect::<Vec<_>>())
    };
    let persons = plain.persons.iter().map(|p| format!("{{name='{}',keys=[{}]}}", p.name, keys(p)));
    let sites = plain.sites.iter().map(|s| {
        let (name, persons, label_key) = (&s.name, names(&s.persons), s.label_key.expose_hex());
        let (card, recipient, recipient_pq) = (&s.card, &s.recipient, &s.recipient_pq);
        let keys = format!("label_key='{}',recipient='{recipient}',recipient_pq='{recipient_pq}'", *label_key);
        let card = format!("card='{card}',card_person='{}',card_key='{}'", s.card_person, s.card_key);
        format!("{{name='{name}',persons={persons},{card},{keys}}}")
    });
    let text = format!(
        "format=1\nepoch=7\nprevious='{BEFORE}'\nroot.threshold=1\nroot.persons=['ana']\nperson=[{}]\nsite=[{}]\n\
         tent=[{{name='aurora',members=['lab'],auditors=[],exporters=['ana'],approvals={{k=1,of=['ana']}}}}]",
        persons.collect::<Vec<_>>().join(","),
        sites.collect::<Vec<_>>().join(",")
    );
    let mut draft = Draft::open(&text).unwrap();
    assert!(draft.trust(&card("far", 4), &tent("aurora"), Grant::Member).unwrap());
    assert!(draft.begin_tent(&tent("borealis")));
    assert!(draft.grant(&tent("aurora"), &Role::Approver(person("emil"))).unwrap());
    let content = ContentRules { forbidden: vec![Format::Zip], file_bytes: Some(3), ..ContentRules::default() };
    assert!(draft.set_content(&tent("aurora"), &content).unwrap());
    assert!(draft.revoke(&key(3, 0), None, &[]));
    assert!(draft.root(&person("ben"), true).unwrap() && draft.set_threshold(2));
    assert!(draft.set_root_signatures(Touch::Any) | draft.end_tent(&tent("borealis")));
    let (text, policy) = draft.finish(8, BEFORE, time(), false).unwrap();
    assert_eq!(policy.tents[0].content, content, "{text}");
    assert_eq!(policy.tents[0].approvals.as_ref().unwrap().of, ["ana", "emil"].map(person));
    assert_eq!((policy.sites.len(), policy.persons.len(), policy.root.threshold), (4, 5, 2));
}

#[test]
fn other_line_ends_are_no_obstacle() {
    let text = commented().replace('\n', "\r\n");
    let mut draft = Draft::open(&text).unwrap();
    assert!(draft.root(&person("dora"), true).unwrap() && draft.root(&person("ana"), false).unwrap());
    assert!(draft.begin_tent(&tent("borealis")));
    let (_, policy) = draft.finish(8, BEFORE, time(), false).unwrap();
    assert_eq!(policy.root.persons, ["ben", "chris", "dora"].map(person));
    assert_eq!(policy.tents.len(), 2);
}

/// A change, and what it comes to.
#[derive(Clone, Debug)]
enum Step {
    Role(u8, usize, bool),
    Root(usize, bool),
    Works(usize, usize, bool),
    Key(usize, usize),
    Days(Option<u32>),
    Destinations(Option<Vec<usize>>),
    Formats(Vec<usize>),
}

const SITES: [&str; 3] = ["lab", "cluster", "audit"];
const FORMATS: [Format; 4] = [Format::Safetensors, Format::Json, Format::Zip, Format::Text];

fn steps() -> impl Strategy<Value = Step> {
    let indices = || prop::sample::subsequence(vec![0, 1, 2], 0..=3).prop_shuffle();
    prop_oneof![
        (0..4_u8, 0..3_usize, any::<bool>()).prop_map(|(role, who, is)| Step::Role(role, who, is)),
        (0..4_usize, any::<bool>()).prop_map(|(who, is)| Step::Root(who, is)),
        (0..4_usize, 0..3_usize, any::<bool>()).prop_map(|(who, at, is)| Step::Works(who, at, is)),
        (0..4_usize, 0..2_usize).prop_map(|(who, key)| Step::Key(who, key)),
        prop::option::of(1..99_u32).prop_map(Step::Days),
        prop::option::of(indices()).prop_map(Step::Destinations),
        prop::sample::subsequence(vec![0, 1, 2, 3], 1..=4).prop_shuffle().prop_map(Step::Formats),
    ]
}

fn set<T: PartialEq>(list: &mut Vec<T>, item: T, is: bool) {
    let known = list.contains(&item);
    match (known, is) {
        (false, true) => list.push(item),
        (true, false) => list.retain(|other| *other != item),
        _ => {}
    }
}

impl Step {
    fn edit(&self, draft: &mut Draft) -> Result<bool, EditError> {
        let aurora = tent("aurora");
        match self {
            Self::Role(role, who, is) => {
                let role = match role {
                    0 => Role::Member(site(SITES[*who])),
                    1 => Role::Auditor(site(SITES[*who])),
                    2 => Role::Exporter(person(PERSONS[*who])),
                    _ => Role::Approver(person(PERSONS[*who])),
                };
                if *is { draft.grant(&aurora, &role) } else { draft.withdraw(&aurora, &role) }
            }
            Self::Root(who, is) => draft.root(&person(PERSONS[*who]), *is),
            Self::Works(who, at, is) => draft.works_at(&person(PERSONS[*who]), &site(SITES[*at]), *is),
            Self::Key(who, number) => draft.add_key(&person(PERSONS[*who]), &key(*who, *number)),
            Self::Days(days) => draft.set_valid_days(&aurora, *days),
            Self::Destinations(sites) => {
                let sites = sites.as_ref().map(|all| all.iter().map(|at| site(SITES[*at])).collect::<Vec<_>>());
                draft.set_destinations(&aurora, sites.as_deref())
            }
            Self::Formats(names) => {
                let allowed = Some(names.iter().map(|at| FORMATS[*at]).collect());
                let file_bytes = Some(10_737_418_240);
                draft.set_content(&aurora, &ContentRules { allowed, file_bytes, ..ContentRules::default() })
            }
        }
    }

    fn apply(&self, policy: &mut Policy) {
        let aurora = &mut policy.tents[0];
        match self {
            Self::Role(0, who, is) => set(&mut aurora.members, site(SITES[*who]), *is),
            Self::Role(1, who, is) => set(&mut aurora.auditors, site(SITES[*who]), *is),
            Self::Role(2, who, is) => set(&mut aurora.exporters, person(PERSONS[*who]), *is),
            Self::Role(_, who, is) => set(&mut aurora.approvals.as_mut().unwrap().of, person(PERSONS[*who]), *is),
            Self::Root(who, is) => set(&mut policy.root.persons, person(PERSONS[*who]), *is),
            Self::Works(who, at, is) => set(&mut policy.sites[*at].persons, person(PERSONS[*who]), *is),
            Self::Key(who, number) => set(&mut policy.persons[*who].keys, key(*who, *number), true),
            Self::Days(days) => aurora.valid_days = *days,
            Self::Destinations(sites) => {
                aurora.destinations = sites.as_ref().map(|all| all.iter().map(|at| site(SITES[*at])).collect());
            }
            Self::Formats(names) => {
                aurora.content.allowed = Some(names.iter().map(|at| FORMATS[*at]).collect());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// However a policy is changed, its text says what it should, and keeps the comments that are about none of it.
    #[test]
    fn text_and_meaning_go_together(steps in prop::collection::vec(steps(), 1..12)) {
        let text = commented();
        let (mut draft, mut expected) = (Draft::open(&text).unwrap(), parse(&text));
        for step in &steps {
            let before = draft.text();
            let changed = step.edit(&mut draft).unwrap();
            step.apply(&mut expected);
            prop_assert_eq!(changed, draft.text() != before, "{:?}", step);
        }
        let new = draft.text();
        // Rules are another matter: what the text means is compared whether they hold or not.
        let actual: Policy = toml::from_str(&new).unwrap_or_else(|error| panic!("{error} in\n{new}"));
        prop_assert!(diff(Some(&expected), &actual).is_empty(), "{:?} in\n{new}", diff(Some(&expected), &actual));
        for comment in ["# Kept by", "# since the audit", "# two of three", "# her desk", "# --- people", "# --- places",
            "# --- compartments", "# never the exporter", "# ten gibibytes", "# The end."]
        {
            prop_assert_eq!(new.matches(comment).count(), 1, "{} in\n{}", comment, &new);
        }
    }
}
