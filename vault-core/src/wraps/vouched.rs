//! Catalogues for auditors who came after their bundles: what a vault sealed anew to them, with the bundle's seal, in
//! folders that can be carried. The vault vouches for each and not the exporter: it signed the list of wraps, which names
//! the seal by its digest.

use super::read::{Wrapped, read_list};
use super::write::put_in_place;
use super::{WrapError, find as find_wraps};
use crate::bundle::{Claims, Wanted, catalogue_of};
use crate::error::{FsError, explain};
use crate::fs::{Folder, OpenError, create_folder, remove_tree, sync_folder, write_replacing};
use crate::list::{Shown, shown};
use crate::vault::{Vault, VaultError};
use gapvault_formats::agefile::AgeError;
use gapvault_formats::catalogue::Head;
use gapvault_formats::ids::{BundleId, KeyFingerprint};
use gapvault_formats::limits;
use gapvault_formats::names::{PersonName, SiteName};
use gapvault_formats::policy::{Person, Policy, Site, Tent};
use gapvault_formats::seal::{Predicate, SEAL_NAME, Seal, SealError};
use gapvault_formats::sshsig::{PublicKey, Signature, SshError};
use gapvault_formats::wraps::{CATALOGUE_NAME, LIST_NAME, SIGNATURE_NAME, Wraps};
use std::path::{Path, PathBuf};

/// Where a medium has its bundles.
const SHELF: &str = "gapvault";
/// Everything that such a folder has.
const NAMES: [&str; 4] = [SEAL_NAME, CATALOGUE_NAME, LIST_NAME, SIGNATURE_NAME];

/// The most such folders that are looked for in one.
const MOST: usize = 10_000;

/// Why such a catalogue is not written, or not believed.
#[derive(Debug, thiserror::Error)]
pub enum VouchedError {
    /// Reading or writing failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The vault's identities are not opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The wraps, or what they hold, are refused.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// A vault keeps folders of the same names.
    #[error("{} is in a vault", path.display())]
    InVault {
        /// The folder.
        path: PathBuf,
    },
    /// Something else stands where a catalogue would go.
    #[error("{} is there already, and is no catalogue for auditors", path.display())]
    Occupied {
        /// Where.
        path: PathBuf,
    },
    /// There is nothing sealed to other auditors.
    #[error("bundle {bundle} has no catalogue for other auditors")]
    NoCatalogue {
        /// Which bundle.
        bundle: BundleId,
    },
    /// More folders than are looked at together.
    #[error("{} has over {MOST} catalogues", path.display())]
    TooMany {
        /// Where they are.
        path: PathBuf,
    },
    /// The seal is missing, too long or no regular file.
    #[error("{} is missing, too long or no regular file", path.display())]
    NoSeal {
        /// Where it should be.
        path: PathBuf,
    },
    /// Not a seal.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The signature over the list is none.
    #[error("{}: {fault}", path.display())]
    Signature {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: SshError,
    },
    /// No site that the policy knows vouches for it.
    #[error(
        "bundle {bundle}: its catalogue is vouched for by key {key}, which is on the card of no site of this policy"
    )]
    UnknownSite {
        /// Which bundle.
        bundle: BundleId,
        /// Who signed.
        key: KeyFingerprint,
    },
    /// The key counts no more.
    #[error("bundle {bundle}: its catalogue is vouched for by key {key}, which the policy revokes")]
    Revoked {
        /// Which bundle.
        bundle: BundleId,
        /// Who signed.
        key: KeyFingerprint,
    },
    /// Its seal is for no tent in which the policy has that site.
    #[error("bundle {bundle} is for no tent that {site} is member or auditor of by this policy")]
    Unaddressed {
        /// Which bundle.
        bundle: BundleId,
        /// The site that vouches for it.
        site: SiteName,
    },
    /// Nobody that the policy knows exported it.
    #[error("bundle {bundle} was exported with key {key}, which the policy gives to nobody")]
    UnknownExporter {
        /// Which bundle.
        bundle: BundleId,
        /// The exporter's key.
        key: KeyFingerprint,
    },
}

explain!(VouchedError, pass: [Fs, Vault], {
    Self::Wrap(WrapError::Age { fault: AgeError::NotARecipient, .. }) => (Refused, Some("once the site that holds the bundle trusts this one as an auditor of the tent, `gapvault rekey --wraps --to DIR` there writes one for it")),
    Self::Wrap(error) => (error.kind(), Some("it is not as its site wrote it: have it written again with `gapvault rekey --wraps --to DIR`")),
    Self::InVault { .. } => (Usage, Some("name a folder on a medium; nothing was written")),
    Self::Occupied { .. } => (Usage, Some("move it away, or name another folder; it is as it was")),
    Self::NoCatalogue { .. } => (Usage, Some("`gapvault trust CARD --tent TENT --role auditor`, then `gapvault rekey --wraps`, seals catalogues to an auditor")),
    Self::TooMany { .. } => (Usage, Some("name one of its folders")),
    Self::NoSeal { .. } | Self::Seal(_) | Self::Signature { .. } => (Damaged, Some("have it written again: `gapvault rekey --wraps --to DIR`")),
    Self::UnknownSite { .. } => (Refused, Some("trust the card of the site that it comes from: `gapvault trust CARD --tent TENT --role member`")),
    Self::Revoked { .. } => (Refused, Some("have another site that holds the bundle vouch for it")),
    Self::Unaddressed { .. } => (Refused, Some("`gapvault tent list` shows the tents; `gapvault trust CARD --tent TENT --role member` names a site of one")),
    Self::UnknownExporter { .. } => (Refused, Some("trust the exporter's card, if that is whom it should come from: `gapvault trust CARD --tent TENT --role exporter`")),
});

/// A catalogue that some vault vouches for.
#[derive(Clone, Debug)]
pub struct Vouched {
    /// The bundle.
    pub bundle: BundleId,
    /// What its seal says.
    pub predicate: Predicate,
    /// The site whose vault vouches for it.
    pub by: SiteName,
    /// Who exported the bundle.
    pub exporter: PersonName,
    /// Why the policy would not admit what that person exports there now, whatever it did before.
    pub untrusted: Option<String>,
    /// Who and for whom, by the catalogue.
    pub head: Head,
    /// Everything in it.
    pub artifacts: Vec<Shown>,
}

/// Writes the catalogue of a bundle for auditors who came later to a folder of its own in `to`, in the place of an earlier
/// one; gives its path.
pub fn write(vault: &Vault, bundle: &BundleId, to: &Path) -> Result<PathBuf, VouchedError> {
    let wrapped = find_wraps(vault, bundle)?.filter(Wrapped::has_catalogue);
    let wrapped = wrapped.ok_or(VouchedError::NoCatalogue { bundle: *bundle })?;
    let seal = read_seal(&Folder::open(&vault.bundle_path(bundle))?)?;
    let (new, place) = (to.join(format!(".new-{bundle}")), to.join(bundle.to_string()));
    expect_outside(to)?;
    expect_replaceable(&place)?;
    create_folder(to, 0o777)?;
    remove_tree(&new)?;
    create_folder(&new, 0o777)?;
    let made = fill(&wrapped, &seal, &new).and_then(|()| Ok(put_in_place(&new, &place)?));
    let cleared = remove_tree(&new);
    made?;
    cleared?;
    sync_folder(to)?;
    Ok(place)
}

/// Refuses a folder in a vault: what it keeps of a bundle has the name that a catalogue would get.
pub fn expect_outside(to: &Path) -> Result<(), VouchedError> {
    // As far as it is there; the rest is made.
    let there = to.ancestors().find_map(|folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        folder.canonicalize().ok()
    });
    let is_vault = |folder: &Path| folder.join("card.toml").exists() && folder.join("log/entries.jsonl").exists();
    match there {
        Some(whole) if whole.ancestors().any(is_vault) => Err(VouchedError::InVault { path: to.to_owned() }),
        _ => Ok(()),
    }
}

/// Refuses to replace what is not such a catalogue and nothing else.
fn expect_replaceable(place: &Path) -> Result<(), VouchedError> {
    let occupied = || VouchedError::Occupied { path: place.to_owned() };
    match std::fs::symlink_metadata(place) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Ok(metadata) if metadata.is_dir() => {}
        _ => return Err(occupied()),
    }
    let names = Folder::open(place)?.entries(NAMES.len())?;
    let is_own = |names: Vec<(String, bool)>| names.iter().all(|(name, _)| NAMES.contains(&name.as_str()));
    if names.is_some_and(is_own) { Ok(()) } else { Err(occupied()) }
}

fn fill(wrapped: &Wrapped, seal: &[u8], folder: &Path) -> Result<(), VouchedError> {
    let (list, signature) = wrapped.signed_list()?;
    wrapped.copy_catalogue_file(folder, 0o644)?;
    for (name, bytes) in [(SEAL_NAME, seal), (LIST_NAME, &list), (SIGNATURE_NAME, &signature)] {
        write_replacing(&folder.join(name), bytes, 0o644)?;
    }
    Ok(sync_folder(folder)?)
}

/// The folders with such catalogues: `path` itself, or those in it. A medium with bundles, or a bundle's folder, is none of
/// them, whatever else stands there.
pub fn find(path: &Path) -> Result<Vec<PathBuf>, VouchedError> {
    let whole = path.canonicalize().map_err(FsError::at("can't find", path))?;
    let is_shelf = |folder: &Path| folder.file_name().is_some_and(|name| name == SHELF);
    if path.join(SHELF).is_dir() || is_shelf(&whole) || whole.parent().is_some_and(is_shelf) {
        return Ok(Vec::new());
    }
    let is_one = |folder: &Path| folder.join(LIST_NAME).is_file() && folder.join(SEAL_NAME).is_file();
    if is_one(path) {
        return Ok(vec![path.to_owned()]);
    }
    let names = Folder::open(path)?.entries_where(MOST, |name| name.parse::<BundleId>().is_ok())?;
    let names = names.ok_or_else(|| VouchedError::TooMany { path: path.to_owned() })?;
    let folders = names.into_iter().map(|(name, _)| path.join(name));
    Ok(folders.filter(|folder| is_one(folder)).collect())
}

/// Reads such a catalogue, if a site that the policy knows vouches for it and it is sealed to this vault.
pub fn read(vault: &Vault, path: &Path) -> Result<Vouched, VouchedError> {
    let folder = Folder::open(path)?;
    let bytes = read_seal(&folder)?;
    let (bundle, policy) = (BundleId::of(&bytes), vault.policy());
    let (list, signature) = read_list(&folder)?;
    let signed = Signature::parse(&signature);
    let key = signed.map_err(|fault| VouchedError::Signature { path: path.join(SIGNATURE_NAME), fault })?.key().clone();
    // A card proves nothing of the key on it, so several may have one.
    let sites: Vec<_> = policy.sites.iter().filter(|site| site.card_key == key).collect();
    let first = sites.first().ok_or_else(|| VouchedError::UnknownSite { bundle, key: key.fingerprint() })?;
    if policy.is_revoked(&key, None) {
        return Err(VouchedError::Revoked { bundle, key: key.fingerprint() });
    }
    let list = Wraps::verify(&list, &signature, &key, &bundle);
    let list = list.map_err(|fault| WrapError::List { path: path.to_owned(), fault })?;
    // SPEC 11.5: the list names the seal, and until somebody known has signed it nothing is parsed.
    let seal = Seal::parse(&bytes)?;
    let predicate = seal.predicate();
    let found = sites.iter().find_map(|site| Some((site, tent_of(policy, site, predicate)?)));
    let (site, tent) = found.ok_or_else(|| VouchedError::Unaddressed { bundle, site: first.name.clone() })?;
    let exporter = policy.person_of(&predicate.exporter);
    let exporter =
        exporter.ok_or_else(|| VouchedError::UnknownExporter { bundle, key: predicate.exporter.fingerprint() })?;
    let claims = Claims { tent: &tent.name, exporter: &exporter.name };
    let identities = vault.age_identities(predicate.suite)?;
    let (head, artifacts) = Wrapped::new(folder, list)
        .catalogue(identities, |input| catalogue_of(input, &seal, Wanted::Entries, claims))?;
    Ok(Vouched {
        bundle,
        predicate: predicate.clone(),
        by: site.name.clone(),
        exporter: exporter.name.clone(),
        untrusted: untrusted(policy, tent, exporter, &predicate.exporter, &bundle),
        head,
        artifacts: artifacts.into_iter().map(shown).collect(),
    })
}

/// Why the policy would not take a bundle of this exporter in the tent.
fn untrusted(policy: &Policy, tent: &Tent, person: &Person, key: &PublicKey, bundle: &BundleId) -> Option<String> {
    if policy.is_revoked(key, Some(bundle)) {
        return Some(format!("the policy revokes the key of {} that sealed it", person.name));
    }
    (!tent.exporters.contains(&person.name)).then(|| format!("{} is no exporter of tent {}", person.name, tent.name))
}

fn read_seal(folder: &Folder) -> Result<Vec<u8>, VouchedError> {
    match folder.read(SEAL_NAME, limits::SEAL_BYTES) {
        Ok(Some(bytes)) => Ok(bytes),
        Err(OpenError::Fs(error)) => Err(error.into()),
        _ => Err(VouchedError::NoSeal { path: folder.path().join(SEAL_NAME) }),
    }
}

/// The tent that a seal is for, by the tag of `site`, which reads what it vouches for.
fn tent_of<'p>(policy: &'p Policy, site: &Site, predicate: &Predicate) -> Option<&'p Tent> {
    policy
        .tents
        .iter()
        .filter(|tent| tent.members.contains(&site.name) || tent.auditors.contains(&site.name))
        .find(|tent| predicate.destinations.binary_search(&site.label_key.tag(&predicate.nonce, &tent.name)).is_ok())
}
