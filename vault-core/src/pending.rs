//! What waits in a vault: imports of which some volumes are still to come.

use crate::bundle::{Bundle, Purpose, judge, volume_files};
use crate::error::{FsError, explain};
use crate::fs::Folder;
use crate::list::Untrusted;
use crate::numbers::Numbers;
use crate::vault::Vault;
use gapvault_formats::ids::BundleId;
use gapvault_formats::limits;
use gapvault_formats::names::{Label, PersonName, TentName, VolumeName};
use gapvault_formats::seal::{BundleFile, SEAL_NAME, Seal, Subject};

/// An import that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingImport {
    /// Its seal's digest.
    pub bundle: BundleId,
    /// Bytes of its files that are here.
    pub held: u64,
    /// What its seal says; `None` if it was killed before it had one: bring its media again.
    pub sealed: Option<PendingSeal>,
}

/// What the seal of an import that waits says, judged anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingSeal {
    /// Its label.
    pub label: Label,
    /// Bytes of the whole.
    pub size: u64,
    /// How many packs it has.
    pub packs: u64,
    /// The packs that are not here.
    pub missing: Numbers,
    /// The volumes that have them.
    pub volumes: Vec<VolumeName>,
    /// Whose it is and for which tent; or why the policy does not admit it now.
    pub trust: Result<(PersonName, TentName), Untrusted>,
}

/// Why what waits can't be told or removed.
#[derive(Debug, thiserror::Error)]
pub enum PendingError {
    /// The vault's files can't be read or removed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Nothing of that name waits.
    #[error("no import of {which} waits in this vault")]
    NotPending {
        /// What was asked for.
        which: String,
    },
    /// Several do.
    #[error("several imports that wait are called {which}")]
    Several {
        /// What was asked for.
        which: String,
    },
}

explain!(PendingError, pass: [Fs], {
    Self::NotPending { .. } => (Usage, Some("`gapvault pending` lists what waits")),
    Self::Several { .. } => (Usage, Some("name its bundle; `gapvault pending` lists what waits")),
});

/// Every import that waits, by the digests of their seals.
pub fn pending(vault: &Vault) -> Result<Vec<PendingImport>, PendingError> {
    let tell = |id| tell(vault, id);
    vault.pending()?.into_iter().map(tell).collect()
}

/// Removes what waits of a bundle, named by its label or the first digits of its digest; tells what it was.
pub fn drop_pending(vault: &mut Vault, which: &str) -> Result<PendingImport, PendingError> {
    let is_it = |import: &PendingImport| {
        import.bundle.to_string().starts_with(which)
            || import.sealed.as_ref().is_some_and(|sealed| sealed.label.as_str() == which)
    };
    let mut found: Vec<_> = pending(vault)?.into_iter().filter(is_it).collect();
    let which = gapvault_formats::names::shorten(which);
    match (found.pop(), found.is_empty()) {
        (Some(import), true) => {
            vault.pend(&import.bundle, &[])?.0.discard()?;
            Ok(import)
        }
        (Some(_), false) => Err(PendingError::Several { which }),
        (None, _) => Err(PendingError::NotPending { which }),
    }
}

/// The seals of imports that wait under a label. They are judged as those on media are.
pub(crate) fn waiting(vault: &Vault, label: &Label) -> Vec<Bundle> {
    // What can't be read there waits for nothing.
    let ids = vault.pending().unwrap_or_default();
    let sealed = ids.into_iter().filter_map(|id| sealed(vault, id));
    sealed.filter(|(bundle, _)| bundle.label == *label).map(|(bundle, _)| bundle).collect()
}

/// An import that waits, if its seal is there.
fn sealed(vault: &Vault, id: BundleId) -> Option<(Bundle, Seal)> {
    let folder = Folder::open(&vault.pending_path(&id)).ok()?;
    let bytes = folder.read(SEAL_NAME, limits::SEAL_BYTES).ok()??;
    let seal = Seal::parse(&bytes).ok().filter(|_| BundleId::of(&bytes) == id)?;
    Some((Bundle { label: seal.predicate().label.clone(), folder, sealed: true }, seal))
}

fn tell(vault: &Vault, bundle: BundleId) -> Result<PendingImport, PendingError> {
    let path = vault.pending_path(&bundle);
    let Some((found, seal)) = sealed(vault, bundle) else {
        let files = walkdir::WalkDir::new(&path).into_iter().filter_map(Result::ok);
        let held = files.filter_map(|f| f.metadata().ok()).filter(std::fs::Metadata::is_file).map(|m| m.len()).sum();
        return Ok(PendingImport { bundle, held, sealed: None });
    };
    // By their sizes: they are hashed when the import goes on.
    let is_here = |s: &&Subject| path.join(s.file.to_string()).metadata().is_ok_and(|m| m.len() == s.size);
    let held = seal.subjects().iter().filter(is_here).map(|s| s.size).sum();
    let lacks = |file: &BundleFile| seal.subject(file).is_some_and(|s| !is_here(&s));
    let predicate = seal.predicate();
    let missing: Numbers = (0..predicate.stream.packs()).filter(|n| lacks(&BundleFile::Pack(*n))).collect();
    let is_missing = |v: &_| volume_files(&seal, v).any(|file| matches!(file, BundleFile::Pack(_)) && lacks(&file));
    let volumes = predicate.volumes.iter().filter(|v| is_missing(v)).map(|v| v.name.clone()).collect();
    let trust = match judge(vault, &found, &[], Purpose::Admit) {
        Ok(judged) => Ok((judged.exporter, judged.addressed.tent)),
        Err(error) => Err(Untrusted::from(&error)),
    };
    let (label, size, packs) = (predicate.label.clone(), seal.total_size(), predicate.stream.packs());
    Ok(PendingImport { bundle, held, sealed: Some(PendingSeal { label, size, packs, missing, volumes, trust }) })
}
