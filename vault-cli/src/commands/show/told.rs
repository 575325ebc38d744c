//! What `show --json` tells.

use gapvault_core::formats::catalogue::{File, Folder, Head, Link, Provenance, Reader};
use gapvault_core::formats::custody::{Exported, Imported};
use gapvault_core::formats::ids::{BundleId, KeyFingerprint};
use gapvault_core::formats::names::{ArtifactRef, PersonName, SiteName};
use gapvault_core::formats::seal::Predicate;
use gapvault_core::list::{self, Described, Listed, OnMedium, Shown, ShownHeld};
use gapvault_core::vouched;
use serde::Serialize;

/// An artifact of the vault.
#[derive(Serialize)]
pub(super) struct Held {
    #[serde(flatten)]
    artifact: Artifact,
    readers: Vec<Reader>,
    custody: Custody,
    approved_by: Vec<PersonName>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase", tag = "direction")]
enum Custody {
    Exported(Box<Exported>),
    Imported(Box<Imported>),
}

#[derive(Serialize)]
struct Artifact {
    artifact: ArtifactRef,
    provenance: Provenance,
    files: u64,
    bytes: u64,
    entries: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
enum Entry {
    Folder(Folder),
    File(File),
    Link(Link),
}

/// A bundle on a medium.
#[derive(Serialize)]
pub(super) struct Bundle {
    bundle: Option<BundleId>,
    public: Option<Predicate>,
    size: u64,
    signers: Vec<KeyFingerprint>,
    trusted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    approved_by: Vec<PersonName>,
    catalogue: Option<Catalogue>,
}

/// A catalogue that another vault vouches for.
#[derive(Serialize)]
pub(super) struct Vouched {
    bundle: BundleId,
    public: Predicate,
    vouched_by: SiteName,
    exporter: PersonName,
    /// Why the policy would not admit what the exporter exports there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    untrusted: Option<String>,
    catalogue: Catalogue,
}

#[derive(Serialize)]
struct Catalogue {
    #[serde(flatten)]
    head: Head,
    content_readable: bool,
    artifacts: Vec<Artifact>,
}

impl From<ShownHeld> for Held {
    fn from(held: ShownHeld) -> Self {
        let ShownHeld { shown, head, listed, approved } = held;
        let custody = match listed {
            Listed::Exported(exported) => Custody::Exported(exported),
            Listed::Imported(imported) => Custody::Imported(imported),
        };
        Self { artifact: shown.into(), readers: head.readers, custody, approved_by: approved }
    }
}

impl From<Shown> for Artifact {
    fn from(shown: Shown) -> Self {
        let Shown { artifact, moved, entries } = shown;
        let entries = entries.into_iter().map(|entry| match entry {
            list::Entry::Folder(folder) => Entry::Folder(folder),
            list::Entry::File(file) => Entry::File(file),
            list::Entry::Link(link) => Entry::Link(link),
        });
        Self {
            artifact: artifact.artifact,
            provenance: artifact.provenance,
            files: moved.files,
            bytes: moved.bytes,
            entries: entries.collect(),
        }
    }
}

impl From<OnMedium> for Bundle {
    fn from(on_medium: OnMedium) -> Self {
        let OnMedium { public, trust, catalogue, .. } = on_medium;
        let (rule, approved_by, reason) = match trust {
            Ok(trust) => (Some(trust.rule), trust.approved.into_iter().map(|approval| approval.person).collect(), None),
            Err(untrusted) => (None, Vec::new(), Some(untrusted.reason)),
        };
        let catalogue = catalogue.map(|Described { head, member, artifacts }| Catalogue {
            head,
            content_readable: member,
            artifacts: artifacts.into_iter().map(Artifact::from).collect(),
        });
        Self {
            bundle: public.as_ref().map(|p| p.bundle),
            size: public.as_ref().map_or(0, |p| p.seal.total_size()),
            signers: public.iter().flat_map(|p| &p.signers).map(|s| s.key.fingerprint()).collect(),
            public: public.map(|p| p.seal.predicate().clone()),
            trusted: rule.is_some(),
            reason,
            rule,
            approved_by,
            catalogue,
        }
    }
}

impl From<vouched::Vouched> for Vouched {
    fn from(vouched: vouched::Vouched) -> Self {
        let vouched::Vouched { bundle, predicate, by, exporter, untrusted, head, artifacts } = vouched;
        let artifacts = artifacts.into_iter().map(Artifact::from).collect();
        let catalogue = Catalogue { head, content_readable: false, artifacts };
        Self { bundle, public: predicate, vouched_by: by, exporter, untrusted, catalogue }
    }
}
