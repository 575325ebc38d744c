//! Keys and policies to test with.

use gapvault_formats::agefile::{Identity, Suite};
use gapvault_formats::card::Card;
use gapvault_formats::ids::LabelKey;
use gapvault_formats::names::{PersonName, SiteName, TentName};
use gapvault_formats::policy::Policy;
use gapvault_formats::sshsig::{PublicKey, SigningKey};
use std::sync::LazyLock;

/// The persons of the samples.
pub(crate) const PERSONS: [&str; 5] = ["ana", "ben", "chris", "dora", "emil"];
/// How many keys there are for each.
pub(crate) const KEYS: usize = 2;

static KEYS_OF: LazyLock<Vec<[PublicKey; KEYS]>> = LazyLock::new(|| {
    let new = || SigningKey::generate().unwrap().public().unwrap();
    PERSONS.iter().map(|_| [new(), new()]).collect()
});

/// The key `number` of the person `who`, both from 0.
pub(crate) fn key(who: usize, number: usize) -> PublicKey {
    KEYS_OF[who][number].clone()
}

/// Keys of security keys, which nobody has.
pub(crate) fn security_keys() -> [PublicKey; 2] {
    [
        include_str!("../../vectors/valid/public-key/sk_p256_of_ssh_keygen.txt"),
        include_str!("../../vectors/valid/public-key/sk_ed25519_of_ssh_keygen.txt"),
    ]
    .map(|line| line.parse().unwrap())
}

pub(crate) fn person(name: &str) -> PersonName {
    name.parse().unwrap()
}

pub(crate) fn site(name: &str) -> SiteName {
    name.parse().unwrap()
}

pub(crate) fn tent(name: &str) -> TentName {
    name.parse().unwrap()
}

/// The card of a site where the person `who` works; the same for the same arguments.
pub(crate) fn card(site: &str, who: usize) -> Card {
    static RECIPIENTS: LazyLock<Vec<[String; 2]>> = LazyLock::new(|| {
        let new = |suite| Identity::generate_for(suite).recipient().to_string();
        (0..9).map(|_| [new(Suite::X25519), new(Suite::PostQuantum)]).collect()
    });
    let number = site.bytes().fold(0, |sum, byte| (sum * 31 + usize::from(byte)) % 9);
    Card {
        site: site.parse().unwrap(),
        person: person(PERSONS[who]),
        key: key(who, 0),
        recipient: RECIPIENTS[number][0].parse().unwrap(),
        recipient_pq: RECIPIENTS[number][1].parse().unwrap(),
        label_key: LabelKey::from_bytes([number as u8 + 1; 32]),
    }
}

/// A policy as an officer keeps it, with comments: ana at the lab, ben at the cluster, chris and dora at the auditor.
pub(crate) fn commented() -> String {
    let site = |name: &str, who| {
        let card = card(name, who);
        format!(
            "card = \"{}\"\ncard_person = \"{}\"\ncard_key = \"{}\"\nlabel_key = \"{}\"\nrecipient = \"{}\"\nrecipient_pq = \"{}\"\n",
            card.fingerprint(),
            card.person,
            card.key,
            *card.label_key.expose_hex(),
            card.recipient,
            card.recipient_pq
        )
    };
    format!(
        r#"# Kept by the security officer.
format = 1
epoch = 7 # since the audit
previous = "0606060606060606060606060606060606060606060606060606060606060606"
time = "2026-11-21T08:00:00Z"

[root]
threshold = 2   # two of three, so that one may be ill
persons = [
  "ana",   # lab
  "ben",   # cluster
  "chris", # audit
]

# --- people ---
[[person]]
name = "ana"
organisation = "Lab"
keys = [
  # her laptop
  "{}",
  # her desk
  "{}",
]

[[person]]
name = "ben"
keys = ["{}"]

[[person]]
name = "chris"
keys = ["{}"]
[[person]]
name = "dora"
keys = ["{}"]

# --- places ---
[[site]]
name = "lab"
persons = ["ana"]
{}
[[site]]
name = "cluster"
persons = ["ben"]
{}
[[site]]
name = "audit"
persons = ["chris", "dora"]
{}
# --- compartments ---
[[tent]]
name = "aurora"
members = ["lab", "cluster"]
auditors = ["audit"]
exporters = ["ana"]
approvals = {{ k = 1, of = ["ben", "chris"] }} # never the exporter
valid_days = 30
[tent.content]
allowed = ["safetensors", "json"]
# ten gibibytes
file_bytes = 10_737_418_240

# The end.
"#,
        key(0, 0),
        key(0, 1),
        key(1, 0),
        key(2, 0),
        key(3, 0),
        site("lab", 0),
        site("cluster", 1),
        site("audit", 2),
    )
}

pub(crate) fn parse(text: &str) -> Policy {
    Policy::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error} in\n{text}"))
}
