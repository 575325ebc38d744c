//! Giving a tent content rules, as the root person of a vault.

use super::Site;
use gapvault_formats::custody::{Event, LogHead};
use gapvault_formats::ids::PolicyDigest;
use gapvault_formats::policy::{ContentRules, Policy, Tent};
use gapvault_formats::sshsig::Namespace;
use std::fs;

impl Site {
    /// Puts these content rules of tent `aurora` in force.
    pub fn set_content(&self, content: &ContentRules) {
        self.change_policy(|policy| {
            let aurora = |tent: &&mut Tent| tent.name.as_str() == "aurora";
            policy.tents.iter_mut().find(aurora).unwrap().content = content.clone();
        });
    }

    /// Puts another policy in force.
    pub fn change_policy(&self, change: impl FnOnce(&mut Policy)) {
        let (key, log) = (self.signing_key(), self.vault.join("log"));
        let lines = fs::read(log.join("entries.jsonl")).unwrap();
        let mut head = LogHead::EMPTY;
        let mut last = None;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let (entry, next) = head.follow(line).unwrap();
            head = next;
            last = Some(entry.time);
        }
        let folder = self.vault.join("policy");
        let newest =
            super::walk(&folder).into_iter().filter(|path| path.extension().is_some_and(|e| e == "toml")).max();
        let mut policy = Policy::parse(&fs::read(newest.unwrap()).unwrap()).unwrap();
        change(&mut policy);
        policy.epoch += 1;
        let text = policy.to_text().unwrap();
        let path = folder.join(format!("{:06}.toml", policy.epoch));
        fs::write(&path, &text).unwrap();
        let signature = key.sign(Namespace::Policy, text.as_bytes()).unwrap();
        fs::write(path.with_extension("toml.sig"), signature).unwrap();
        let event = Event::Policy {
            epoch: policy.epoch,
            digest: PolicyDigest::of(text.as_bytes()),
            change: "other rules".to_owned(),
            signed: Vec::new(),
        };
        let (line, _, head) = head.append(last.unwrap(), event).unwrap();
        fs::write(log.join("entries.jsonl"), [lines, line].concat()).unwrap();
        fs::write(log.join("checkpoint"), head.to_checkpoint(&key).unwrap()).unwrap();
    }
}
