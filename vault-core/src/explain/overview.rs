//! Who could bring what into a vault and out of it, by its policy, and what can never come together.

use crate::bundle::{asked, has_key, join};
use crate::vault::Vault;
use gapvault_formats::ids::{CardFingerprint, KeyFingerprint};
use gapvault_formats::names::{PersonName, SiteName, TentName};
use gapvault_formats::policy::{ContentRules, Person, Policy, Site, Tent};
use gapvault_formats::sshsig::{PublicKey, Touch};
use serde::Serialize;

/// The policy in force, as it answers who could do what.
#[derive(Clone, Debug, Serialize)]
pub struct Overview {
    /// The site whose vault this is.
    pub site: SiteName,
    /// The epoch in force.
    pub epoch: u64,
    /// Who may change the policy.
    pub root: RootView,
    /// Every tent.
    pub tents: Vec<TentView>,
    /// Keys that count no more.
    pub revoked: Vec<KeyView>,
    /// What no signatures could bring about, of the policy itself.
    pub never: Vec<String>,
}

/// Who may change the policy.
#[derive(Clone, Debug, Serialize)]
pub struct RootView {
    /// How many of them it takes.
    pub threshold: u32,
    /// Who they are.
    pub persons: Vec<PersonView>,
    /// What their signatures must show.
    pub signatures: Touch,
}

/// Somebody who signs.
#[derive(Clone, Debug, Serialize)]
pub struct PersonView {
    /// The name.
    pub name: PersonName,
    /// The keys.
    pub keys: Vec<KeyView>,
    /// Where the person works.
    pub sites: Vec<SiteName>,
}

/// A key.
#[derive(Clone, Debug, Serialize)]
pub struct KeyView {
    /// Its fingerprint.
    pub fingerprint: KeyFingerprint,
    /// Its type, as OpenSSH calls it.
    pub kind: String,
    /// Whether it is held by a security key.
    pub security_key: bool,
    /// Whether it counts no more.
    pub revoked: bool,
}

/// Somewhere that bundles go to or come from.
#[derive(Clone, Debug, Serialize)]
pub struct SiteView {
    /// The name.
    pub name: SiteName,
    /// Its card.
    pub card: CardFingerprint,
    /// Who works there.
    pub persons: Vec<PersonName>,
}

/// A tent and what it would take.
#[derive(Clone, Debug, Serialize)]
pub struct TentView {
    /// The name.
    pub name: TentName,
    /// Whether this site is a member or auditor of it; `None` if it is neither.
    pub own_role: Option<&'static str>,
    /// Whether this vault's own person exports in it.
    pub exports_here: bool,
    /// Why nothing that they export could be admitted, if so.
    pub barred_here: Option<String>,
    /// Whose bundles are admitted.
    pub exporters: Vec<PersonView>,
    /// How many must approve; 0 if nobody need.
    pub approvals: u32,
    /// Of whom.
    pub approvers: Vec<PersonView>,
    /// Whether an exporter's own approval counts for nothing.
    pub not_exporter: bool,
    /// What signatures must show.
    pub signatures: Touch,
    /// The longest validity, in days.
    pub valid_days: Option<u32>,
    /// Whether bundles must be sealed with the post-quantum suite.
    pub post_quantum: bool,
    /// What files may be.
    pub content: ContentRules,
    /// The only members that content may go to; `None` for all of them. Auditors get every catalogue.
    pub destinations: Option<Vec<SiteName>>,
    /// Who reads content.
    pub members: Vec<SiteView>,
    /// Who reads catalogues.
    pub auditors: Vec<SiteView>,
    /// What no signatures could bring about.
    pub never: Vec<String>,
}

/// What the policy in force lets happen.
#[must_use]
pub fn overview(vault: &Vault) -> Overview {
    let policy = vault.policy();
    let root = RootView {
        threshold: policy.root.threshold,
        persons: policy.root.persons.iter().map(|name| person_view(policy, name)).collect(),
        signatures: policy.root.signatures,
    };
    let able = able(policy, &policy.root.persons, policy.root.signatures);
    let mut never = Vec::new();
    if able.len() < root.threshold as usize {
        let (needed, who) = (root.threshold, join(&able));
        never.push(format!("another policy: it takes {needed} root persons, and only these could sign: {who}"));
    }
    let own = (&vault.card().site, &vault.card().person);
    Overview {
        site: own.0.clone(),
        epoch: policy.epoch,
        root,
        tents: policy.tents.iter().map(|tent| tent_view(policy, tent, own)).collect(),
        revoked: policy.revocations.iter().map(|revocation| key_view(policy, &revocation.key)).collect(),
        never,
    }
}

fn tent_view(policy: &Policy, tent: &Tent, (site, person): (&SiteName, &PersonName)) -> TentView {
    let sites = |names: &[SiteName]| names.iter().filter_map(|name| policy.site(name)).map(site_view).collect();
    let persons = |names: &[PersonName]| names.iter().map(|name| person_view(policy, name)).collect();
    let own_role =
        if tent.members.contains(site) { Some("member") } else { tent.auditors.contains(site).then_some("auditor") };
    TentView {
        name: tent.name.clone(),
        own_role,
        exports_here: tent.exporters.contains(person),
        barred_here: barred(policy, tent, person).filter(|_| tent.exporters.contains(person)),
        exporters: persons(&tent.exporters),
        approvals: tent.approvals.as_ref().map_or(0, |rule| rule.k),
        approvers: tent.approvals.as_ref().map_or_else(Vec::new, |rule| persons(&rule.of)),
        not_exporter: tent.approvals.as_ref().is_some_and(|rule| rule.not_exporter),
        signatures: tent.signatures,
        valid_days: tent.valid_days,
        post_quantum: tent.post_quantum,
        content: tent.content.clone(),
        destinations: tent.destinations.clone(),
        members: sites(&tent.members),
        auditors: sites(&tent.auditors),
        never: never(policy, tent, site),
    }
}

/// What can never come together in a tent.
fn never(policy: &Policy, tent: &Tent, own: &SiteName) -> Vec<String> {
    let mut never = Vec::new();
    if tent.exporters.is_empty() {
        never.push("any bundle: it has no exporters".to_owned());
    }
    // Bundles of those who work here are for this site whatever the list says.
    let exports = |person: &PersonName| tent.exporters.contains(person);
    let is_home = policy.site(own).is_some_and(|site| site.persons.iter().any(exports));
    if tent.destinations.is_some() && !tent.may_go_to(own) && !is_home {
        never.push(format!("a bundle for this site ({own}): its destinations are others"));
    }
    let barred = tent.exporters.iter().filter_map(|exporter| Some((exporter, barred(policy, tent, exporter)?)));
    never.extend(barred.map(|(exporter, why)| format!("a bundle of {exporter}: {why}")));
    never
}

/// Why no bundle of this exporter could be admitted, if so.
fn barred(policy: &Policy, tent: &Tent, exporter: &PersonName) -> Option<String> {
    if able(policy, std::slice::from_ref(exporter), tent.signatures).is_empty() {
        return Some(format!("none of the keys counts ({}, not revoked)", asked(tent.signatures)));
    }
    let rule = tent.approvals.as_ref()?;
    let mut could = able(policy, &rule.of, tent.signatures);
    could.retain(|person| !(rule.not_exporter && person == exporter));
    let who = join(&could);
    (could.len() < rule.k as usize)
        .then(|| format!("it takes {} approvals, and only these could give one: {who}", rule.k))
}

/// Those of `names` who have a key that counts: not revoked, and of a kind that can show what is asked for.
fn able(policy: &Policy, names: &[PersonName], needs: Touch) -> Vec<PersonName> {
    names.iter().filter(|name| has_key(policy, name, needs, None)).cloned().collect()
}

fn person<'p>(policy: &'p Policy, name: &PersonName) -> Option<&'p Person> {
    policy.persons.iter().find(|person| person.name == *name)
}

fn person_view(policy: &Policy, name: &PersonName) -> PersonView {
    let keys = person(policy, name).into_iter().flat_map(|person| &person.keys);
    let works_at = policy.sites.iter().filter(|site| site.persons.contains(name));
    PersonView {
        name: name.clone(),
        keys: keys.map(|key| key_view(policy, key)).collect(),
        sites: works_at.map(|site| site.name.clone()).collect(),
    }
}

fn key_view(policy: &Policy, key: &PublicKey) -> KeyView {
    let text = key.to_string();
    KeyView {
        fingerprint: key.fingerprint(),
        kind: text.split(' ').next().unwrap_or_default().to_owned(),
        security_key: key.is_security_key(),
        revoked: policy.is_revoked(key, None),
    }
}

fn site_view(site: &Site) -> SiteView {
    SiteView { name: site.name.clone(), card: site.card, persons: site.persons.clone() }
}
