//! Policies with rules that a test wants, put in force as the vault's own person would.

use super::Site;
use gapvault_formats::custody::{Event, LogHead};
use gapvault_formats::ids::PolicyDigest;
use gapvault_formats::policy::{Policy, Tent};
use gapvault_formats::sshsig::Namespace;
use std::fs;
use std::io::Write;

impl Site {
    /// Says whether tent `aurora` takes and makes post-quantum bundles alone.
    pub fn post_quantum(&self, is: bool) {
        self.edit_policy(|policy| aurora(policy).post_quantum = is);
    }

    /// Puts a changed policy in force.
    pub fn edit_policy(&self, edit: impl FnOnce(&mut Policy)) {
        let log = self.vault.join("log/entries.jsonl");
        let mut head = LogHead::EMPTY;
        let mut time = None;
        for line in fs::read(&log).unwrap().split_inclusive(|byte| *byte == b'\n') {
            let (entry, next) = head.follow(line).unwrap();
            (head, time) = (next, Some(entry.time));
        }
        let mut epochs: Vec<_> = fs::read_dir(self.vault.join("policy")).unwrap().map(|e| e.unwrap().path()).collect();
        epochs.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        let mut policy = Policy::parse(&fs::read(epochs.iter().max().unwrap()).unwrap()).unwrap();
        edit(&mut policy);
        policy.epoch += 1;
        let (key, text) = (self.signing_key(), policy.to_text().unwrap());
        let path = self.vault.join(format!("policy/{:06}.toml", policy.epoch));
        fs::write(&path, &text).unwrap();
        let signature = key.sign(Namespace::Policy, text.as_bytes()).unwrap();
        fs::write(path.with_extension("toml.sig"), signature).unwrap();
        let digest = PolicyDigest::of(text.as_bytes());
        let event =
            Event::Policy { epoch: policy.epoch, digest, change: "a rule".to_owned(), signed: policy.root.persons };
        let (line, _, head) = head.append(time.unwrap(), event).unwrap();
        fs::File::options().append(true).open(&log).unwrap().write_all(&line).unwrap();
        fs::write(self.vault.join("log/checkpoint"), head.to_checkpoint(&key).unwrap()).unwrap();
    }
}

/// The tent that the tests are about.
pub fn aurora(policy: &mut Policy) -> &mut Tent {
    policy.tents.iter_mut().find(|tent| tent.name.as_str() == "aurora").unwrap()
}
