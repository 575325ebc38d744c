//! A lab and a cluster whose policies ask for approvals, and the keys of those who may give them.

use super::{Gap, Run, Site, run};
use gapvault_formats::ids::PolicyDigest;
use gapvault_formats::policy::{Approvals, Person, Policy};
use gapvault_formats::sshsig::SigningKey;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

impl Site {
    /// Puts an edited policy in force, signed by this site's person.
    pub fn adopt(&self, edit: impl FnOnce(&mut Policy)) {
        let path = self.vault.join("policy.toml");
        let before = std::fs::read(&path).unwrap();
        let mut policy = Policy::parse(&before).unwrap();
        policy.previous = Some(PolicyDigest::of(&before));
        policy.epoch += 1;
        edit(&mut policy);
        std::fs::write(&path, policy.to_text().unwrap()).unwrap();
        self.run(["policy", "sign", "--yes"]).expect(0);
        self.run(["policy", "apply", "--yes"]).expect(0);
    }
}

/// `bob` works at the lab and has a second key, `carol` and `dave` at the cluster; `erin` works there too and may approve
/// nothing. The lab's person `lab` exports.
pub struct Approvers {
    pub gap: Gap,
    keys: BTreeMap<&'static str, SigningKey>,
}

const PERSONS: [(&str, &[&str]); 4] =
    [("bob", &["bob", "bob-2"]), ("carol", &["carol"]), ("dave", &["dave"]), ("erin", &["erin"])];

impl Approvers {
    /// A bundle of tent `aurora` takes approvals of `k` of these, at the lab and at the cluster.
    pub fn new(k: u32, of: &[&str]) -> Self {
        let gap = Gap::new();
        let names = PERSONS.iter().flat_map(|(_, keys)| *keys).chain(&["stranger"]);
        let keys: BTreeMap<_, _> = names.map(|name| (*name, SigningKey::generate().unwrap())).collect();
        for (name, key) in &keys {
            let path = gap.path(&format!("{name}.key"));
            std::fs::write(&path, key.expose_openssh().unwrap().as_bytes()).unwrap();
            super::set_mode(&path, 0o600);
        }
        let approvers = Self { gap, keys };
        for site in [&approvers.gap.lab, &approvers.gap.cluster] {
            site.adopt(|policy| approvers.ask(policy, k, of));
        }
        approvers
    }

    fn ask(&self, policy: &mut Policy, k: u32, of: &[&str]) {
        for (person, keys) in PERSONS {
            let keys = keys.iter().map(|key| self.key(key).public().unwrap()).collect();
            policy.persons.push(Person { name: person.parse().unwrap(), organisation: None, keys });
        }
        for site in &mut policy.sites {
            let works = if site.name.as_str() == "lab" { &["bob"][..] } else { &["carol", "dave", "erin"] };
            site.persons.extend(works.iter().map(|name| name.parse().unwrap()));
        }
        let tent = &mut policy.tents[0];
        tent.members = ["lab", "cluster-b"].map(|site| site.parse().unwrap()).to_vec();
        let of = of.iter().map(|name| name.parse().unwrap()).collect();
        tent.approvals = Some(Approvals { k, of, not_exporter: true });
    }

    pub fn key(&self, name: &str) -> &SigningKey {
        &self.keys[name]
    }

    pub fn key_file(&self, name: &str) -> PathBuf {
        self.gap.path(&format!("{name}.key"))
    }

    /// Approves with somebody's key what `subject` is, the bundle's digest compared.
    pub fn approve(&self, site: &Site, name: &str, subject: &Path, bundle: &str) -> Run {
        let mut command = site.command(["approve", "--json"]);
        run(command.arg(subject).arg("--key").arg(self.key_file(name)).args(["--bundle", bundle]))
    }
}

/// The digest of the bundle in this folder.
pub fn digest(bundle: &Path) -> String {
    gapvault_formats::ids::BundleId::of(&std::fs::read(bundle.join("seal.json")).unwrap()).to_string()
}
