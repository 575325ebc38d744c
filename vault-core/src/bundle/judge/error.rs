//! Why a policy does not admit a bundle.

use super::approvals::Shortfall;
use crate::bundle::SealReadError;
use crate::error::explain;
use crate::vault::VaultError;
use gapvault_formats::agefile::Suite;
use gapvault_formats::ids::{BundleId, KeyFingerprint};
use gapvault_formats::names::{PersonName, SiteName, TentName};
use gapvault_formats::sshsig::Touch;
use gapvault_formats::time::Time;

/// Why a bundle is not admitted.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The seal or a signature is damaged.
    #[error(transparent)]
    Seal(#[from] SealReadError),
    /// The vault's own policies can't be read.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Nobody whom the policy knows signed it.
    #[error("seal.json is signed by no key that this policy knows (found: {found})")]
    UnknownSigner {
        /// The fingerprints of the keys that did.
        found: String,
    },
    /// Nobody signed it, or the signature was left behind.
    #[error("there is no signature beside seal.json")]
    NoSignature,
    /// Whoever signed it, signed with a key that counts no more.
    #[error("seal.json is signed with the key {key} of {}, which is revoked{}", told(person), because(reason))]
    Revoked {
        /// The key.
        key: KeyFingerprint,
        /// Whose it is, if the policy still says so.
        person: Option<PersonName>,
        /// Why, by the policy.
        reason: Option<String>,
    },
    /// Others may have signed it, the exporter whom it names did not.
    #[error("seal.json names the exporter's key {exporter}, but has no seal@gapvault signature of that key")]
    NoExporterSignature {
        /// The key's fingerprint.
        exporter: String,
    },
    /// The exporter's key is not in the policy, though another signer's is.
    #[error("seal.json names an exporter whose key {exporter} this policy does not know")]
    UnknownExporter {
        /// The key's fingerprint.
        exporter: String,
    },
    /// A known person who may not do this.
    #[error("{person} signed it for tent {tent}, whose exporters are: {exporters}")]
    NotAnExporter {
        /// Who signed.
        person: PersonName,
        /// For which tent.
        tent: TentName,
        /// Who may.
        exporters: String,
    },
    /// No destination tag that any site of this policy would recognise.
    #[error("none of its destination tags is of a site and tent that this policy knows")]
    Unaddressed,
    /// It could be judged by the rules of either.
    #[error("its destination tags are of two tents of its exporter, {first} and {second}")]
    TwoTents {
        /// One.
        first: TentName,
        /// The other.
        second: TentName,
    },
    /// For others.
    #[error("it is for {sites} in tent {tent}, not for this site ({own})")]
    NotForUs {
        /// For whom.
        sites: String,
        /// In which tent.
        tent: TentName,
        /// Who we are.
        own: SiteName,
    },
    /// For somebody to whom the tent sends nothing.
    #[error("it is for {sites}, to whom bundles of tent {tent} may not go (they may go to {allowed} and its auditors)")]
    Destination {
        /// The sites that it should not be for.
        sites: String,
        /// The tent.
        tent: TentName,
        /// The members that content may go to.
        allowed: String,
    },
    /// A signature that shows less of its maker than the tent asks for.
    #[error("the signature of {person} shows {shows}, tent {tent} asks for {}", asked(*needs))]
    Touch {
        /// The exporter.
        person: PersonName,
        /// The tent.
        tent: TentName,
        /// What the signature shows.
        shows: &'static str,
        /// What it should.
        needs: Touch,
    },
    /// Sealed with another suite than the tent asks for.
    #[error("it is sealed with the suite {actual}, and tent {tent} asks for {}", Suite::PostQuantum)]
    Suite {
        /// The tent.
        tent: TentName,
        /// What its seal says.
        actual: Suite,
    },
    /// Valid for too long.
    #[error("it is valid from {created} to {expires}, bundles of tent {tent} for at most {days} days")]
    Validity {
        /// When it was sealed.
        created: Time,
        /// When it ends.
        expires: Time,
        /// The tent.
        tent: TentName,
        /// The most, in days.
        days: u32,
    },
    /// Past its time.
    #[error("it expired at {expires}, and it is {now} or later")]
    Expired {
        /// When.
        expires: Time,
        /// The later of the clock and what must be past.
        now: Time,
    },
    /// Before its time.
    #[error("it was created at {created}, over 48 hours after this host's clock ({now})")]
    Future {
        /// When.
        created: Time,
        /// The clock.
        now: Time,
    },
    /// Another bundle had this number.
    #[error("its number {number} from {person} in tent {tent} was used by bundle {other}, admitted before")]
    Replayed {
        /// The number.
        number: u64,
        /// The exporter.
        person: PersonName,
        /// The tent.
        tent: TentName,
        /// The bundle that was admitted with it.
        other: BundleId,
    },
    /// Too few have approved it.
    #[error(transparent)]
    Approvals(Box<Shortfall>),
}

explain!(JudgeError, pass: [Seal, Vault, Approvals], {
    Self::UnknownSigner { .. } | Self::UnknownExporter { .. } =>
        (Refused, Some("if you know this exporter, compare its card's fingerprint and run `gapvault trust CARD --tent TENT --role exporter`")),
    Self::NoSignature | Self::NoExporterSignature { .. } => (Refused, Some("somebody removed or replaced a signature: have the bundle exported again")),
    Self::Revoked { .. } => (Refused, Some("whoever has that key may have made it: have the bundle exported again with another key, or have the policy except this very seal")),
    Self::NotAnExporter { .. } => (Refused, Some("`gapvault trust CARD --tent TENT --role exporter` allows it, if it should be allowed")),
    Self::TwoTents { .. } => (Refused, Some("no export makes such a seal: ask its exporter what made it")),
    Self::Unaddressed => (Refused, Some("it was made for other sites, or for a tent that this vault has not been told of")),
    Self::NotForUs { .. } => (Refused, Some("have it exported again after the lab ran `gapvault trust CARD` with this site's card")),
    Self::Destination { .. } => (Refused, Some("have it exported again under the policy that is in force here, or have the policy changed")),
    Self::Touch { .. } => (Refused, Some("have it exported again, signed with a security key as the tent asks for")),
    Self::Suite { .. } => (Refused, Some("have it exported again after the lab's policy asks for it too: `post_quantum = true` in the tent, or `gapvault export --post-quantum`")),
    Self::Validity { .. } => (Refused, Some("have it exported again with a shorter `--valid-for`")),
    Self::Expired { .. } => (Refused, Some("have it exported again")),
    Self::Future { .. } => (Refused, Some("check the clocks of this host and of the exporting one")),
    Self::Replayed { .. } => (Refused, Some("two seals with one number mean that a vault was restored or a key stolen: ask the exporter")),
});

fn told(person: &Option<PersonName>) -> String {
    person.as_ref().map_or_else(|| "nobody whom this policy knows".to_owned(), ToString::to_string)
}

fn because(reason: &Option<String>) -> String {
    reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"))
}

/// What a rule about signatures asks for.
pub(crate) fn asked(touch: Touch) -> &'static str {
    match touch {
        Touch::Any => "any signature",
        Touch::Presence => "a security key that was touched",
        Touch::Verification => "a security key that verified its holder (fingerprint or PIN)",
    }
}
