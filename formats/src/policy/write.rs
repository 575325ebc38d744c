//! The text of a policy: what people review, so names stand first, long keys last, and each kind of table says what it is.

use super::{Approvals, ContentRules, Person, Policy, Revocation, Root, Site, Tent};
use crate::sshsig::Touch;
use std::fmt::{Display, Write};

/// Stands above the first line.
pub(super) const ABOUT: &str = "\
# The policy of a gapvault vault: who may do what. What it does not allow is denied.
# After a change by hand: raise `epoch` by one, let `previous` be the digest of the policy in force (`gapvault policy show`),
# then `gapvault policy check`; root persons sign it with `gapvault policy sign`.
";
/// Stands above the root.
pub(super) const ABOUT_ROOT: &str = "# Who signs the next policy, and how many of them it takes.\n";
/// Stands above the first person.
pub(super) const ABOUT_PERSONS: &str =
    "# Persons sign exports, approvals and policies. They are counted, never their keys.\n";
/// Stands above the first site.
pub(super) const ABOUT_SITES: &str = "\
# Sites receive. Bundles are sealed to a site's keys, which are those of its card; who works there shares its roles.
";
/// Stands above the first tent.
pub(super) const ABOUT_TENTS: &str = "\
# Tents are compartments. Members read content, auditors catalogues only; bundles of exporters are admitted.
";
/// Stands above the first revocation.
pub(super) const ABOUT_REVOCATIONS: &str = "\
# Keys that count no more, lost or stolen: nothing that they signed is admitted, but the seals excepted here.
";

/// Lists are broken to one name a line past this many characters.
pub(super) const WIDTH: usize = 100;

/// The whole file.
pub(super) fn text(policy: &Policy) -> String {
    let Policy { format, epoch, previous, time, reset_clock, root, persons, sites, tents, revocations } = policy;
    let mut out = Out(ABOUT.to_owned());
    out.field("format", format);
    out.field("epoch", epoch);
    if let Some(previous) = previous {
        out.text("previous", previous);
    }
    if let Some(time) = time {
        out.text("time", time);
    }
    out.flag("reset_clock", *reset_clock);
    out.root(root);
    persons.iter().enumerate().for_each(|(i, person)| out.person(person, i == 0));
    sites.iter().enumerate().for_each(|(i, site)| out.site(site, i == 0));
    tents.iter().enumerate().for_each(|(i, tent)| out.tent(tent, i == 0));
    revocations.iter().enumerate().for_each(|(i, revocation)| out.revocation(revocation, i == 0));
    out.0
}

macro_rules! tables {
    ($($name:ident: $kind:ty;)*) => {$(
        /// One such table as it is written behind others.
        pub(super) fn $name(table: &$kind, is_first: bool) -> String {
            let mut out = Out(String::new());
            out.$name(table, is_first);
            out.0
        }
    )*};
}
tables! {
    person: Person;
    site: Site;
    tent: Tent;
    revocation: Revocation;
}

struct Out(String);

impl Out {
    fn head(&mut self, about: &str, table: &str, is_first: bool) {
        let about = if is_first { about } else { "" };
        // Writing to a String can't fail.
        let _ = write!(self.0, "\n{about}{table}\n");
    }

    fn field(&mut self, name: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name} = {value}");
    }

    fn text(&mut self, name: &str, value: impl Display) {
        self.field(name, quoted(&value.to_string()));
    }

    fn flag(&mut self, name: &str, value: bool) {
        if value {
            self.field(name, value);
        }
    }

    fn list(&mut self, name: &str, items: &[impl Display]) {
        let items: Vec<_> = items.iter().map(|item| quoted(&item.to_string())).collect();
        self.field(name, list(name.len() + 3, &items));
    }

    fn touch(&mut self, touch: Touch) {
        if touch != Touch::Any {
            self.text("signatures", touch);
        }
    }

    fn root(&mut self, root: &Root) {
        let Root { threshold, persons, signatures } = root;
        self.head(ABOUT_ROOT, "[root]", true);
        self.field("threshold", threshold);
        self.list("persons", persons);
        self.touch(*signatures);
    }

    fn person(&mut self, person: &Person, is_first: bool) {
        let Person { name, organisation, keys } = person;
        self.head(ABOUT_PERSONS, "[[person]]", is_first);
        self.text("name", name);
        if let Some(organisation) = organisation {
            self.text("organisation", organisation);
        }
        self.list("keys", keys);
    }

    fn site(&mut self, site: &Site, is_first: bool) {
        let Site { name, persons, card, card_person, card_key, recipient, label_key, recipient_pq } = site;
        self.head(ABOUT_SITES, "[[site]]", is_first);
        self.text("name", name);
        if !persons.is_empty() {
            self.list("persons", persons);
        }
        self.text("card", card);
        self.text("card_person", card_person);
        self.text("card_key", card_key);
        self.text("label_key", label_key.expose_hex().as_str());
        self.text("recipient", recipient);
        // The last, because it is long.
        self.text("recipient_pq", recipient_pq);
    }

    fn tent(&mut self, tent: &Tent, is_first: bool) {
        let Tent {
            name,
            members,
            auditors,
            exporters,
            destinations,
            approvals,
            signatures,
            valid_days,
            post_quantum,
            content,
        } = tent;
        self.head(ABOUT_TENTS, "[[tent]]", is_first);
        self.text("name", name);
        self.list("members", members);
        self.list("auditors", auditors);
        self.list("exporters", exporters);
        if let Some(destinations) = destinations {
            self.list("destinations", destinations);
        }
        if let Some(Approvals { k, of, not_exporter }) = approvals {
            let of: Vec<_> = of.iter().map(|person| quoted(person.as_str())).collect();
            let not_exporter = if *not_exporter { "" } else { ", not_exporter = false" };
            self.field("approvals", format!("{{ k = {k}, of = [{}]{not_exporter} }}", of.join(", ")));
        }
        self.touch(*signatures);
        if let Some(days) = valid_days {
            self.field("valid_days", days);
        }
        self.flag("post_quantum", *post_quantum);
        if *content != ContentRules::default() {
            self.content(content);
        }
    }

    fn content(&mut self, rules: &ContentRules) {
        let ContentRules { allowed, forbidden, pickle, file_bytes, bundle_bytes } = rules;
        let _ = writeln!(self.0, "[tent.content]");
        if let Some(allowed) = allowed {
            self.list("allowed", allowed);
        }
        if !forbidden.is_empty() {
            self.list("forbidden", forbidden);
        }
        self.flag("pickle", *pickle);
        for (name, bytes) in [("file_bytes", file_bytes), ("bundle_bytes", bundle_bytes)] {
            if let Some(bytes) = bytes {
                self.field(name, bytes);
            }
        }
    }

    fn revocation(&mut self, revocation: &Revocation, is_first: bool) {
        let Revocation { key, reason, except } = revocation;
        self.head(ABOUT_REVOCATIONS, "[[revocation]]", is_first);
        self.text("key", key);
        if let Some(reason) = reason {
            self.text("reason", reason);
        }
        if !except.is_empty() {
            self.list("except", except);
        }
    }
}

/// A list on one line, or one item a line if it gets long `behind` so many characters.
pub(super) fn list(behind: usize, items: &[String]) -> String {
    let line = format!("[{}]", items.join(", "));
    if items.is_empty() || behind + line.chars().count() <= WIDTH {
        return line;
    }
    let lines: String = items.iter().map(|item| format!("  {item},\n")).collect();
    format!("[\n{lines}]")
}

/// A text as TOML has it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
