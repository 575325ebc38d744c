//! The text of a policy: how it is written, and how it is refused.

use crate::samples::{card, commented, key, parse, person, site, tent};
use gapvault_formats::content::Format;
use gapvault_formats::ids::BundleId;
use gapvault_formats::limits;
use gapvault_formats::policy::{Approvals, ContentRules, Fault, Place, Policy, PolicyError, Revocation, Tent};

#[test]
fn the_first_policy_reads_like_a_page() {
    let own = card("lab", 0);
    let text = Policy::first(&own).to_text().unwrap();
    assert_eq!(
        text,
        format!(
            r#"# The policy of a gapvault vault: who may do what. What it does not allow is denied.
# After a change by hand: raise `epoch` by one, let `previous` be the digest of the policy in force (`gapvault policy show`),
# then `gapvault policy check`; root persons sign it with `gapvault policy sign`.
format = 1
epoch = 1

# Who signs the next policy, and how many of them it takes.
[root]
threshold = 1
persons = ["ana"]

# Persons sign exports, approvals and policies. They are counted, never their keys.
[[person]]
name = "ana"
keys = [
  "{}",
]

# Sites receive. Bundles are sealed to a site's keys, which are those of its card; who works there shares its roles.
[[site]]
name = "lab"
persons = ["ana"]
card = "{}"
card_person = "ana"
card_key = "{}"
label_key = "{}"
recipient = "{}"
recipient_pq = "{}"
"#,
            own.key,
            own.fingerprint(),
            own.key,
            *own.label_key.expose_hex(),
            own.recipient,
            own.recipient_pq
        )
    );
}

#[test]
fn whatever_is_written_reads_back() {
    let mut policy = parse(&commented());
    policy.reset_clock = true;
    policy.persons[0].organisation = Some("\"R & D\" \\ Prüfung 'one' #2".to_owned());
    policy.revocations.push(Revocation {
        key: key(0, 1),
        reason: Some("lost: \"'\\ é'''".to_owned()),
        except: (0..3).map(|byte| BundleId::from_bytes([byte; 32])).collect(),
    });
    policy.tents[0].destinations = Some(vec![site("cluster")]);
    policy.tents[0].post_quantum = true;
    policy.tents[0].approvals = Some(Approvals { k: 2, of: vec![person("ben"), person("dora")], not_exporter: false });
    let mut borealis = Tent::new(tent("borealis"));
    borealis.content = ContentRules {
        allowed: Some(vec![Format::Json]),
        forbidden: vec![Format::Zip],
        pickle: true,
        file_bytes: Some(1),
        bundle_bytes: Some(2),
    };
    policy.tents.push(borealis);
    policy.tents.push(Tent::new(tent("corona")));
    let text = policy.to_text().unwrap();
    assert_eq!(parse(&text), policy, "{text}");
}

#[test]
fn a_refusal_names_line_and_column_in_characters() {
    let refused = |bytes: &[u8]| Policy::parse(bytes).unwrap_err();
    let at = |text: &str| refused(text.as_bytes()).place().map(|Place { line, column }| (line, column));
    let text = commented();
    assert_eq!(at(&text.replace("\"cluster\"]\n", "\"nowhere\"]\n")), Some((71, 19)));
    assert_eq!(at(&text.replace('\n', "\r\n").replace("\"cluster\"]\r", "\"nowhere\"]\r")), Some((71, 19)));
    assert_eq!(at(&text.replace("\"Lab\"\n", "\"Läb\" nonsense\n")), Some((18, 22)));
    assert_eq!(at(&text.replace("valid_days = 30", "valid_days = 0")), Some((75, 14)));
    assert_eq!(at("format = 1"), Some((1, 1)));
    assert_eq!(refused("a = \"ä\"\nb = ".as_bytes()).place(), Some(Place { line: 2, column: 5 }));
    assert_eq!(refused(b"# \xc3\xa4\n# \xc3\xa4\xff"), PolicyError::NotText { place: Place { line: 2, column: 4 } });
    assert_eq!(refused(&vec![b'#'; limits::POLICY_BYTES as usize + 1]), PolicyError::TooLong);
}

#[test]
fn a_policy_without_a_text_is_refused_by_the_rule_alone() {
    let mut policy = parse(&commented());
    policy.root.threshold = 4;
    let refused = policy.to_text().unwrap_err();
    assert!(matches!(refused, PolicyError::Rule(Fault::Count { expected: 4, actual: 3, .. })), "{refused}");
    assert_eq!((refused.place(), refused.fault().is_some()), (None, true));
}

#[test]
fn who_is_where() {
    let mut policy = parse(&commented());
    let names = |persons: Vec<&gapvault_formats::policy::Person>| persons.iter().map(|p| p.name.to_string()).collect();
    let tent = policy.tents[0].clone();
    let members: Vec<String> = names(policy.members_of(&tent));
    let auditors: Vec<String> = names(policy.auditors_of(&tent));
    assert_eq!((members, auditors), (vec!["ana".into(), "ben".into()], vec!["chris".into(), "dora".into()]));
    assert_eq!(names(policy.persons_at(&site("audit")).collect()), ["chris", "dora"].map(String::from).to_vec());
    assert_eq!(policy.persons_at(&site("nowhere")).count(), 0);
    let sites = |policy: &Policy| policy.sites_for(&policy.tents[0]).iter().map(|s| s.name.to_string()).collect();
    let all: Vec<String> = sites(&policy);
    assert_eq!(all, ["lab", "cluster", "audit"]);
    policy.tents[0].destinations = Some(vec![site("cluster")]);
    let some: Vec<String> = sites(&policy);
    assert_eq!(some, ["cluster", "audit"]);
}

#[test]
fn tables_are_counted_before_they_are_compared() {
    let good = commented();
    let site = good.split("[[site]]").nth(1).unwrap().split("\n\n").next().unwrap();
    let person = good.split("[[person]]").nth(2).unwrap();
    let tent = "\nname = \"x\"\nmembers = []\nauditors = []\nexporters = []\n";
    for (table, text, limit) in [
        ("person", person, limits::POLICY_PERSONS),
        ("site", site, limits::POLICY_SITES),
        ("tent", tent, limits::POLICY_TENTS),
    ] {
        let bad = format!("{good}{}", format!("[[{table}]]{text}\n").repeat(limit));
        let refused = Policy::parse(bad.as_bytes()).unwrap_err();
        assert_eq!(refused.fault().unwrap().to_string(), format!("over {limit} {table}s"), "{refused}");
    }
}

#[test]
fn a_hostile_file_of_the_largest_size_is_refused_in_time() {
    let begun = std::time::Instant::now();
    let body = |line: &str, count: usize| line.repeat(count.min(limits::POLICY_BYTES as usize / line.len() - 2_000));
    let good = commented();
    for bad in [
        "[".repeat(limits::POLICY_BYTES as usize),
        format!("x = {}", "[".repeat(1 << 20)),
        format!("x = {}", "{a=".repeat(1 << 20)),
        body("a.b.c.d.e.f.g.h = 1\n", usize::MAX),
        body("[[tent]]\nname = \"a\"\nmembers = []\nauditors = []\nexporters = []\n", usize::MAX),
        good.replace("exporters = [\"ana\"]", &format!("exporters = [{}]", body("\"ana\",", usize::MAX))),
    ] {
        assert!(Policy::parse(bad.as_bytes()).is_err());
    }
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[test]
fn tables_are_taken_from_tables_only() {
    let lines = |text: &str, fault: &str| {
        let error = Policy::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.ends_with(fault), "{error}");
    };
    let text = commented();
    let inline = "approvals = { k = 1, of = [\"ben\", \"chris\"] }";
    let at = text[..text.find(inline).unwrap()].matches('\n').count() + 1;
    lines(
        &text.replace(inline, "approvals = [1, [\"ben\", \"chris\"], true]"),
        &format!("at line {at}, column 13: expected a table, found an array"),
    );
    lines("root = 1", "at line 1, column 8: expected a table, found an integer");
    lines("tent = [{}, [\"x\"]]", "at line 1, column 13: expected a table, found an array");
    lines("root = { signatures = { any = {} } }", "at line 1, column 23: expected a string, found a table");
}
