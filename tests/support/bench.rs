//! A bundle before its judge, all of it made up: persons with keys, sites, tents, a seal and its signatures.

use gapvault_core::bundle::{Case, Decision, Earlier, Purpose, Signer, Times, Unfit, decide};
use gapvault_formats::FORMAT;
use gapvault_formats::agefile::{Identity, Suite};
use gapvault_formats::card::Card;
use gapvault_formats::ids::{BundleId, LabelKey, MediumDigest, Nonce, PolicyDigest};
use gapvault_formats::names::{PersonName, SiteName, TentName};
use gapvault_formats::policy::{Approvals, Person, Policy, Revocation, Root, Site, Tent};
use gapvault_formats::seal::{BundleFile, Predicate, Seal, Stanzas, StreamLayout, Subject, Volume};
use gapvault_formats::sshsig::{Namespace, PublicKey, Shown, SigningKey, Touch};
use gapvault_formats::time::Time;
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

/// The public key that is called so; always the same in one run.
pub fn key(name: &str) -> PublicKey {
    static KEYS: OnceLock<Mutex<BTreeMap<String, PublicKey>>> = OnceLock::new();
    let mut keys = KEYS.get_or_init(Mutex::default).lock().unwrap();
    let make = || SigningKey::generate().unwrap().public().unwrap();
    keys.entry(name.to_owned()).or_insert_with(make).clone()
}

pub fn person(name: &str) -> PersonName {
    name.parse().unwrap()
}

fn label_key(site: &str) -> LabelKey {
    LabelKey::from_bytes(*BundleId::of(site.as_bytes()).as_bytes())
}

fn site(name: &str, persons: &[&str]) -> Site {
    let card = Card {
        site: name.parse().unwrap(),
        person: person(name),
        key: key(name),
        recipient: Identity::generate().recipient(),
        label_key: label_key(name),
        recipient_pq: Identity::generate_for(Suite::PostQuantum).recipient(),
    };
    Site { persons: persons.iter().map(|name| person(name)).collect(), ..Site::of_card(&card) }
}

fn tent(name: &str, exporters: &[&str]) -> Tent {
    let sites = |names: &[&str]| names.iter().map(|name| name.parse::<SiteName>().unwrap()).collect();
    Tent {
        members: sites(&["lab", "cluster"]),
        auditors: sites(&["audit"]),
        exporters: exporters.iter().map(|name| person(name)).collect(),
        ..Tent::new(name.parse::<TentName>().unwrap())
    }
}

/// Everything that a decision is made of, to be changed.
pub struct Bench {
    pub policy: Policy,
    pub own: SiteName,
    pub purpose: Purpose,
    pub predicate: Predicate,
    pub signers: Vec<Signer>,
    pub unfit: Vec<Unfit>,
    pub times: Times,
    pub earlier: Vec<Earlier>,
}

pub const DAY: i64 = 86_400;

impl Bench {
    /// A bundle that everybody is content with: `ann`, an exporter of tent `aurora` who works at `lab`, sealed it for
    /// `lab`, `cluster` and `audit`; it is judged at `cluster`. `bob` and `carol` work at `cluster`, `dave` at `audit`,
    /// `bob` has a second key `bob-2`. `eve` exports in tent `borealis` alone; `root` signs policies.
    pub fn new() -> Self {
        let names = [("ann", 1), ("bob", 2), ("carol", 1), ("dave", 1), ("eve", 1), ("root", 1)];
        let keys = |name: &str, n: usize| {
            let more = (2..=n).map(|n| key(&format!("{name}-{n}")));
            [key(name)].into_iter().chain(more).collect()
        };
        static SITES: OnceLock<Vec<Site>> = OnceLock::new();
        let make = || {
            vec![
                site("lab", &["ann", "eve"]),
                site("cluster", &["bob", "carol"]),
                site("audit", &["dave"]),
                site("far", &[]),
            ]
        };
        let sites = SITES.get_or_init(make);
        let policy = Policy {
            format: FORMAT,
            epoch: 4,
            previous: Some(PolicyDigest::from_bytes([3; 32])),
            time: None,
            reset_clock: false,
            root: Root { threshold: 1, persons: vec![person("root")], signatures: Touch::Any },
            persons: names
                .iter()
                .map(|(name, n)| Person { name: person(name), organisation: None, keys: keys(name, *n) })
                .collect(),
            sites: sites.clone(),
            tents: vec![tent("aurora", &["ann"]), tent("borealis", &["eve"])],
            revocations: Vec::new(),
        };
        let created: Time = "2026-11-21T08:00:00Z".parse().unwrap();
        let nonce = Nonce::from_bytes([0x11; 32]);
        let predicate = Predicate {
            format: FORMAT,
            label: "20261121-k3v9".parse().unwrap(),
            nonce,
            exporter: key("ann"),
            created,
            expires: created.plus(30 * DAY).unwrap(),
            number: 7,
            destinations: tags(&nonce, "aurora", &["lab", "cluster", "audit"]),
            suite: Suite::X25519,
            stanzas: Stanzas { catalogue: 2, keys: 2, index: 1, pack: 1 },
            stream: StreamLayout { length: 65_536, pack: 65_536 },
            volumes: vec![Volume { name: "1".parse().unwrap(), packs: vec![(0, 1)] }],
            parity: None,
            builds_on: Vec::new(),
            supersedes: None,
        };
        let mut bench = Self {
            policy,
            own: "cluster".parse().unwrap(),
            purpose: Purpose::Admit,
            predicate,
            signers: Vec::new(),
            unfit: Vec::new(),
            times: Times { clock: created.plus(DAY).unwrap(), floor: None },
            earlier: Vec::new(),
        };
        bench.seals("ann");
        bench
    }

    /// The seal's digest.
    pub fn bundle(&self) -> BundleId {
        BundleId::of(&self.seal().to_bytes().unwrap())
    }

    pub fn seal(&self) -> Seal {
        let volumes = self.predicate.volumes.iter().map(|volume| BundleFile::Sums(volume.name.clone()));
        let files = [BundleFile::Recover, BundleFile::Catalogue, BundleFile::Index, BundleFile::Keys];
        let files = files.into_iter().chain(volumes).chain([BundleFile::Pack(0)]);
        let subjects = files.map(|file| {
            let size = if file.to_string().ends_with(".age") { 65_768 } else { 1_000 };
            Subject { sha256: MediumDigest::of(file.to_string().as_bytes()), file, size }
        });
        Seal::new(subjects.collect(), self.predicate.clone()).unwrap()
    }

    pub fn aurora(&mut self) -> &mut Tent {
        &mut self.policy.tents[0]
    }

    /// Makes approvals of `k` of these necessary.
    pub fn asks(&mut self, k: u32, of: &[&str]) -> &mut Approvals {
        let of = of.iter().map(|name| person(name)).collect();
        self.aurora().approvals.insert(Approvals { k, of, not_exporter: true })
    }

    pub fn seals(&mut self, name: &str) {
        self.signs(name, Namespace::Seal, Shown::default());
    }

    pub fn approves(&mut self, name: &str) {
        self.signs(name, Namespace::Approve, Shown::default());
    }

    pub fn signs(&mut self, name: &str, namespace: Namespace, shown: Shown) {
        self.signers.push(Signer { key: key(name), namespace, shown });
    }

    /// Nobody has signed yet.
    pub fn unsigned(&mut self) {
        self.signers.clear();
    }

    pub fn is_for(&mut self, tent: &str, sites: &[&str]) {
        self.predicate.destinations = tags(&self.predicate.nonce, tent, sites);
    }

    pub fn revokes(&mut self, name: &str, but_this: bool) {
        let except = if but_this { vec![self.bundle()] } else { Vec::new() };
        self.policy.revocations.push(Revocation { key: key(name), reason: Some("lost".to_owned()), except });
    }

    /// The log admitted a bundle under this number: this one, one that this supersedes, or another.
    pub fn admitted(&mut self, bundle: BundleId, number: u64, same: bool) {
        let (key, tent) = (self.predicate.exporter.clone(), "aurora".parse().unwrap());
        self.earlier.push(Earlier { bundle, key, tent, number, same });
    }

    /// Moves the clock to this many seconds after the bundle was created.
    pub fn clock(&mut self, seconds: i64) {
        self.times.clock = self.predicate.created.plus(seconds).unwrap();
    }

    pub fn floor(&mut self, seconds: i64) {
        self.times.floor = self.predicate.created.plus(seconds);
    }

    pub fn decide(&self) -> Decision {
        decide(&Case {
            policy: &self.policy,
            own: &self.own,
            purpose: self.purpose,
            bundle: self.bundle(),
            seal: &self.seal(),
            signers: &self.signers,
            unfit: &self.unfit,
            times: self.times,
            earlier: &self.earlier,
        })
    }
}

fn tags(nonce: &Nonce, tent: &str, sites: &[&str]) -> Vec<gapvault_formats::ids::DestinationTag> {
    let tent = tent.parse().unwrap();
    let mut tags: Vec<_> = sites.iter().map(|site| label_key(site).tag(nonce, &tent)).collect();
    tags.sort_unstable();
    tags
}
