//! Whether a policy admits a bundle: who signed it, for which tent, for whom, when, and whether its number was seen.

use super::find::Bundle;
use super::seal::{self, SealReadError, SealedBundle};
use super::supersede::are_one_bundle;
use crate::error::explain;
use crate::fs::Folder;
use crate::vault::Vault;
use gapvault_formats::agefile::Suite;
use gapvault_formats::custody::{Event, Imported};
use gapvault_formats::ids::BundleId;
use gapvault_formats::limits;
use gapvault_formats::names::{PersonName, SiteName, TentName};
use gapvault_formats::policy::{Person, Tent};
use gapvault_formats::seal::{SEAL_NAME, Seal};
use gapvault_formats::sshsig::PublicKey;
use gapvault_formats::time::Time;

/// A seal created this long after the clock is refused, in seconds.
const FUTURE: i64 = 48 * 3600;

/// Somebody that a bundle is for, as far as this vault knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressed {
    /// The tent.
    pub tent: TentName,
    /// The sites whose tags this vault recognises, this one among them if it is for this one.
    pub sites: Vec<SiteName>,
    /// How many more it is for.
    pub unknown: usize,
}

impl std::fmt::Display for Addressed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&join(&self.sites))?;
        match self.unknown {
            0 => Ok(()),
            1 => f.write_str(" and 1 site that this vault does not know"),
            n => write!(f, " and {n} sites that this vault does not know"),
        }
    }
}

/// A bundle that the policy admits.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) sealed: SealedBundle,
    pub(crate) seal: Seal,
    pub(crate) exporter: PersonName,
    pub(crate) addressed: Addressed,
    pub(crate) rule: String,
    pub(crate) epoch: u64,
    /// What this vault's log holds of it already: the same seal, or another of the same bundle.
    pub(crate) admitted: Option<BundleId>,
}

/// What a bundle is judged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be looked at or verified, by anybody who knows the exporter.
    Look,
    /// To be brought into this vault.
    Admit,
}

/// Why a bundle is not admitted.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The seal or a signature is damaged.
    #[error(transparent)]
    Seal(#[from] SealReadError),
    /// Nobody whom the policy knows signed it.
    #[error("seal.json is signed by no key that this policy knows (found: {found})")]
    UnknownSigner {
        /// The fingerprints of the keys that did.
        found: String,
    },
    /// Nobody signed it, or the signature was left behind.
    #[error("there is no signature beside seal.json")]
    NoSignature,
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
    /// Past its time.
    #[error("it expired at {expires}, and it is {now} or later")]
    Expired {
        /// When.
        expires: Time,
        /// The later of the clock and the newest bundle admitted.
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
    /// Sealed to keys that the tent does not take.
    #[error("it is sealed with the suite {actual}, and tent {tent} asks for {}", Suite::PostQuantum)]
    NotPostQuantum {
        /// Which tent.
        tent: TentName,
        /// What its seal says.
        actual: Suite,
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
}

explain!(JudgeError, pass: [Seal], {
    Self::UnknownSigner { .. } | Self::UnknownExporter { .. } =>
        (Refused, Some("if you know this exporter, compare its card's fingerprint and run `gapvault trust CARD --tent TENT --role exporter`")),
    Self::NoSignature | Self::NoExporterSignature { .. } => (Refused, Some("somebody removed or replaced a signature: have the bundle exported again")),
    Self::NotAnExporter { .. } => (Refused, Some("`gapvault trust CARD --tent TENT --role exporter` allows it, if it should be allowed")),
    Self::Unaddressed => (Refused, Some("it was made for other sites, or for a tent that this vault has not been told of")),
    Self::NotForUs { .. } => (Refused, Some("have it exported again after the lab ran `gapvault trust CARD` with this site's card")),
    Self::Expired { .. } => (Refused, Some("have it exported again")),
    Self::Future { .. } => (Refused, Some("check the clocks of this host and of the exporting one")),
    Self::NotPostQuantum { .. } => (Refused, Some("have it exported again after the lab's policy asks for it too: `post_quantum = true` in the tent, or `gapvault export --post-quantum`")),
    Self::Replayed { .. } => (Refused, Some("two seals with one number mean that a vault was restored or a key stolen: ask the exporter")),
});

/// Reads a bundle's seal and decides by the vault's policy. Reads nothing else of the bundle.
pub(crate) fn judge(vault: &Vault, bundle: &Bundle, purpose: Purpose) -> Result<Judged, JudgeError> {
    let sealed = seal::read(&bundle.folder)?;
    let policy = vault.policy();
    // SPEC 4.4: the signature by somebody known comes before anything in the seal is believed.
    if !sealed.signers.iter().any(|s| policy.person_of(&s.key).is_some()) {
        if sealed.signers.is_empty() {
            return Err(JudgeError::NoSignature);
        }
        let found: Vec<_> = sealed.signers.iter().map(|s| s.key.fingerprint().to_string()).collect();
        return Err(JudgeError::UnknownSigner { found: found.join(", ") });
    }
    let seal = sealed.parse(bundle)?;
    let key = &seal.predicate().exporter;
    if !sealed.sealed_by(key) {
        return Err(JudgeError::NoExporterSignature { exporter: key.fingerprint().to_string() });
    }
    let Some(person) = policy.person_of(key) else {
        return Err(JudgeError::UnknownExporter { exporter: key.fingerprint().to_string() });
    };
    let (tent, addressed) = tent_of(vault, &seal, person)?;
    if purpose == Purpose::Admit {
        expect_for_us(vault, &addressed)?;
    }
    let earlier =
        imports(vault).find(|i| (i.number, &i.tent, &i.key) == (seal.predicate().number, &addressed.tent, key));
    // SPEC 13.9: another seal of the bundle that was admitted is no second use of its number.
    if let Some(other) = earlier.filter(|i| i.bundle != sealed.id && !is_one_with(vault, &seal, &i.bundle)) {
        let (number, person, tent) = (seal.predicate().number, person.name.clone(), addressed.tent);
        return Err(JudgeError::Replayed { number, person, tent, other: other.bundle });
    }
    let admitted = earlier.map(|i| i.bundle);
    // What the log has admitted stays admitted: importing it again is no refusal, just nothing to do.
    if admitted.is_none() {
        expect_in_time(vault, &seal)?;
        expect_suite(tent, &seal)?;
    }
    let rule = format!("tent {}: exporters {}", tent.name, join(&tent.exporters));
    let (exporter, epoch) = (person.name.clone(), policy.epoch);
    Ok(Judged { sealed, seal, exporter, addressed, rule, epoch, admitted })
}

/// Whether `seal` is of one bundle with one that the log admitted, by the seal that the vault has of that.
fn is_one_with(vault: &Vault, seal: &Seal, admitted: &BundleId) -> bool {
    let stored = Folder::open(&vault.bundle_path(admitted)).ok();
    let bytes = stored.and_then(|folder| folder.read(SEAL_NAME, limits::SEAL_BYTES).ok().flatten());
    // The log's digest vouches for it.
    let bytes = bytes.filter(|bytes| BundleId::of(bytes) == *admitted);
    bytes.and_then(|bytes| Seal::parse(&bytes).ok()).is_some_and(|stored| are_one_bundle(&stored, seal))
}

/// Reads a bundle's seal and names its signers, with no policy: nobody is trusted.
pub(crate) fn unjudged(bundle: &Bundle) -> Result<(SealedBundle, Seal), SealReadError> {
    let sealed = seal::read(&bundle.folder)?;
    let seal = sealed.parse(bundle)?;
    Ok((sealed, seal))
}

/// The tent that the seal's tags stand for, in which `person` is an exporter, and the sites that they are for.
fn tent_of<'v>(vault: &'v Vault, seal: &Seal, person: &Person) -> Result<(&'v Tent, Addressed), JudgeError> {
    let policy = vault.policy();
    let predicate = seal.predicate();
    let addressed = |tent: &Tent| {
        let tagged = policy.sites.iter().filter(|site| {
            predicate.destinations.binary_search(&site.label_key.tag(&predicate.nonce, &tent.name)).is_ok()
        });
        let sites: Vec<_> = tagged.map(|site| site.name.clone()).collect();
        let unknown = predicate.destinations.len().saturating_sub(sites.len());
        Addressed { tent: tent.name.clone(), sites, unknown }
    };
    let mut named = None;
    for tent in &policy.tents {
        let addressed = addressed(tent);
        if addressed.sites.is_empty() {
            continue;
        }
        if tent.exporters.contains(&person.name) {
            return Ok((tent, addressed));
        }
        named.get_or_insert(tent);
    }
    match named {
        Some(tent) => Err(JudgeError::NotAnExporter {
            person: person.name.clone(),
            tent: tent.name.clone(),
            exporters: join(&tent.exporters),
        }),
        None => Err(JudgeError::Unaddressed),
    }
}

fn expect_for_us(vault: &Vault, addressed: &Addressed) -> Result<(), JudgeError> {
    let own = &vault.card().site;
    if addressed.sites.contains(own) {
        return Ok(());
    }
    let (sites, tent) = (addressed.to_string(), addressed.tent.clone());
    Err(JudgeError::NotForUs { sites, tent, own: own.clone() })
}

// SPEC 13.3: the floor keeps a clock that was set back from reviving what has expired.
fn expect_in_time(vault: &Vault, seal: &Seal) -> Result<(), JudgeError> {
    let clock = vault.clock().now();
    let (created, expires) = (seal.predicate().created, seal.predicate().expires);
    if clock.plus(FUTURE).is_some_and(|latest| created > latest) {
        return Err(JudgeError::Future { created, now: clock });
    }
    let floor = imports(vault).map(|i| i.created).max();
    let now = floor.map_or(clock, |floor| clock.max(floor));
    if now >= expires { Err(JudgeError::Expired { expires, now }) } else { Ok(()) }
}

/// What the seal says is held against the stanzas when the files are looked at.
fn expect_suite(tent: &Tent, seal: &Seal) -> Result<(), JudgeError> {
    let actual = seal.predicate().suite;
    if !tent.post_quantum || actual == Suite::PostQuantum {
        return Ok(());
    }
    Err(JudgeError::NotPostQuantum { tent: tent.name.clone(), actual })
}

fn imports(vault: &Vault) -> impl Iterator<Item = &Imported> {
    vault.log().iter().filter_map(|entry| match &entry.event {
        Event::Imported(imported) => Some(&**imported),
        _ => None,
    })
}

fn join(names: &[impl std::fmt::Display]) -> String {
    if names.is_empty() {
        return "nobody".to_owned();
    }
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Judged {
    /// The exporter's key.
    pub(crate) fn key(&self) -> &PublicKey {
        &self.seal.predicate().exporter
    }
}
