//! Vaults whose policy several persons sign.

use super::{Run, Site, run};
use gapvault_formats::ids::PolicyDigest;
use gapvault_formats::sshsig::{Namespace, SigningKey};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A lab, and the vault of somebody called bob.
#[derive(Debug)]
pub struct Roots {
    pub room: TempDir,
    pub lab: Site,
    pub bob: Site,
}

impl Roots {
    /// Two vaults that know nothing of each other.
    pub fn apart() -> Self {
        let room = tempfile::tempdir().unwrap();
        let (lab, bob) = (Site::new(room.path(), "lab"), Site::new(room.path(), "bob"));
        Self { room, lab, bob }
    }

    /// The lab's policies take the signatures of the lab's person and of bob from epoch 2 on.
    pub fn together() -> Self {
        let roots = Self::apart();
        roots.lab.trust_card(&roots.bob, &["--role", "root", "--threshold", "2"]).expect(0);
        roots.bob_signs().expect(0);
        roots.lab.run(["policy", "apply"]).expect(0);
        roots
    }

    /// Bob signs the lab's working copy with the key of his own vault.
    pub fn bob_signs(&self) -> Run {
        self.bob.signs_for(&self.lab)
    }

    /// A path in the room that all this happens in.
    pub fn path(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }
}

impl Site {
    pub fn working_copy(&self) -> PathBuf {
        self.vault.join("policy.toml")
    }

    /// The policy file in force.
    pub fn policy_file(&self) -> PathBuf {
        self.vault.join(format!("policy/{:06}.toml", self.epoch()))
    }

    /// Signs another vault's working copy with the key of this one, compared with the policy in force there.
    pub fn signs_for(&self, other: &Site) -> Run {
        let (copy, base) = (other.working_copy(), other.policy_file());
        run(self.command(["policy", "sign", "--yes"]).arg(copy).arg("--base").arg(base))
    }

    /// The file of this site's card, beside its vault, and its fingerprint.
    pub fn card_file(&self) -> (PathBuf, String) {
        let card = self.run(["card"]).expect(0);
        let path = self.vault.with_extension("own-card");
        std::fs::write(&path, &card.out).unwrap();
        (path, card.err.trim().rsplit(' ').next().unwrap().to_owned())
    }

    /// Trusts another site's card, its fingerprint compared.
    pub fn trust_card(&self, other: &Site, how: &[&str]) -> Run {
        let (card, fingerprint) = other.card_file();
        run(self.command(["trust"]).arg(card).args(how).args(["--fingerprint", &fingerprint]))
    }

    /// The epoch in force.
    pub fn epoch(&self) -> u64 {
        self.run(["policy", "show", "--json"]).expect(0).json()["policy"]["epoch"].as_u64().unwrap()
    }

    /// Edits the working copy as people do.
    pub fn edit(&self, edit: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(self.working_copy()).unwrap();
        let edited = edit(text.clone());
        assert_ne!(text, edited, "nothing was edited");
        std::fs::write(self.working_copy(), edited).unwrap();
    }

    /// Puts this site's signature beside a policy file, whatever the program thinks of it.
    pub fn sign_by_hand(&self, policy: &Path, namespace: Namespace) {
        let signature = self.signing_key().sign(namespace, &std::fs::read(policy).unwrap()).unwrap();
        std::fs::write(self.policy_signature(policy), signature).unwrap();
    }

    /// The signature files beside its working copy, and whatever else is named like them.
    pub fn beside_working_copy(&self) -> Vec<String> {
        let names = std::fs::read_dir(&self.vault).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("policy.toml.")).collect()
    }

    /// What its log says of the policy in force.
    pub fn last_policy(&self) -> serde_json::Value {
        let log = self.run(["log", "--json"]).expect(0).json();
        let mut events = log["entries"].as_array().unwrap().iter().rev().map(|entry| &entry["event"]["policy"]);
        events.find(|policy| !policy.is_null()).unwrap().clone()
    }

    /// The last entry of its log.
    pub fn last_event(&self) -> serde_json::Value {
        let log = self.run(["log", "--json"]).expect(0).json();
        log["entries"].as_array().unwrap().last().unwrap()["event"].clone()
    }
}

/// The text of the policy in force with another epoch, as what follows it.
pub fn with_epoch(text: &str, epoch: u64) -> String {
    following(text, epoch, &PolicyDigest::of(text.as_bytes()).to_string())
}

/// The text with another epoch and another policy that it follows.
pub fn following(text: &str, epoch: u64, previous: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("previous = "));
    let line = |line: &str| match line.starts_with("epoch = ") {
        true => format!("epoch = {epoch}\nprevious = \"{previous}\"\n"),
        false => format!("{line}\n"),
    };
    lines.map(line).collect()
}

/// The digest of a policy file.
pub fn digest(path: &Path) -> String {
    PolicyDigest::of(&std::fs::read(path).unwrap()).to_string()
}

/// A new key's signature over a policy file, beside it.
pub fn stranger_signs(policy: &Path) -> String {
    let key = SigningKey::generate().unwrap();
    let signature = key.sign(Namespace::Policy, &std::fs::read(policy).unwrap()).unwrap();
    let name = format!("{}.{}.sig", policy.display(), key.public().unwrap().fingerprint());
    std::fs::write(&name, signature).unwrap();
    name
}
