//! A bundle's medium made again: a lost volume from the source, under a seal that supersedes the old one; or what
//! describes the bundle, for a volume that was written before there was a seal.

use super::allowed::no_tent;
use super::content;
use super::describe::{Signing, describe_on, sign};
use super::done::VolumeDone;
use super::error::NO_VOLUME;
use super::journal::{Begin, Kept};
use super::leftovers::{complete, exported_as, has_volume, newest, take_places};
use super::pack::FullPack;
use super::pipeline::remake_lost;
use super::regenerate::{Lost, Remake};
use super::resume::{self, Unfinished};
use super::run::{open_identity, seal_all, worse, written};
use super::shape::Shape;
use super::shares::Sizes;
use super::slots::{NoChanger, Terms};
use super::source::walk;
use super::target::{Target, bundle_path};
use super::volumes::Volumes;
use super::{ExportError, ExportOptions, Exporter, Interruption, Outcome, Proof, Spanning, Written};
use crate::bundle::check_room;
use crate::error::FsError;
use crate::fs::Aligned;
use crate::held::{self, HeldError};
use crate::observe::{Event, Observer, Phase};
use crate::pool::{Buffers, Stop};
use crate::sign::Signer;
use crate::vault::Vault;
use gapvault_formats::agefile::{AgeError, Identity, Suite};
use gapvault_formats::custody::{self, Exported};
use gapvault_formats::ids::BundleId;
use gapvault_formats::limits;
use gapvault_formats::names::VolumeName;
use gapvault_formats::seal::{BundleFile, SEAL_NAME, Seal, Subject};
use gapvault_formats::time::Time;
use gapvault_formats::{padding, recover, sums};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What to write again.
#[derive(Clone, Debug)]
pub struct Again {
    /// The bundle, which this vault made. One that was sealed anew since is the same under its new seal.
    pub bundle: BundleId,
    /// The volume that is lost; `None` if the medium holds one already and lacks what describes the bundle.
    pub volume: Option<VolumeName>,
    /// The medium's top folder.
    pub medium: PathBuf,
    /// How to work. Pack size, parity and links are as they were.
    pub options: ExportOptions,
}

/// The bundle of this vault's making whose digest begins like this, be it one that was sealed anew since.
pub fn find_made(vault: &Vault, beginning: &str) -> Result<BundleId, ExportError> {
    let made = vault.log().iter().filter_map(|entry| match &entry.event {
        custody::Event::Exported(exported) => Some(exported.bundle),
        _ => None,
    });
    let named: Vec<_> = made.filter(|id| id.to_string().starts_with(beginning)).collect();
    let bundles: BTreeSet<_> = named.iter().map(|id| newest(vault, *id)).collect();
    let beginning = gapvault_formats::names::shorten(beginning);
    match named.as_slice() {
        [] => Err(HeldError::NoBundle { beginning }.into()),
        _ if bundles.len() > 1 => Err(HeldError::SeveralBundles { beginning }.into()),
        [first, ..] => Ok(*first),
    }
}

/// Writes a medium of a bundle again. A lost volume takes a new seal, which `signer` must sign with the key of the old.
pub fn again(
    vault: &mut Vault,
    request: &Again,
    signer: &dyn Signer,
    observer: &dyn Observer,
) -> Result<Outcome, ExportError> {
    take_places(vault)?;
    let bundle = newest(vault, request.bundle);
    let not_made = ExportError::NotAgain { bundle, fault: "this vault did not make it" };
    let exported = exported_as(vault, &bundle).cloned().ok_or(not_made)?;
    let path = bundle_path(&request.medium, &exported.label);
    if bundle != request.bundle && has_volume(vault, &bundle, &path)? {
        // The same was asked for before, and done but for the seal at most.
        return describe_again(vault, request, &exported);
    }
    let request = &Again { bundle, ..request.clone() };
    match &request.volume {
        Some(volume) => remake_volume(vault, request, &exported, volume, (signer, observer)),
        None => describe_again(vault, request, &exported),
    }
}

/// The seal that `request` would let a new one take the place of, if it would: what approves that approves the new one not.
pub fn voids(vault: &Vault, request: &Again) -> Result<Option<BundleId>, ExportError> {
    let bundle = newest(vault, request.bundle);
    let Some(exported) = exported_as(vault, &bundle).filter(|_| request.volume.is_some()) else { return Ok(None) };
    let path = bundle_path(&request.medium, &exported.label);
    let is_done = bundle != request.bundle && has_volume(vault, &bundle, &path)?;
    Ok((!is_done).then_some(bundle))
}

/// Gives a volume that was written before there was a seal what describes the bundle.
fn describe_again(vault: &Vault, request: &Again, exported: &Exported) -> Result<Outcome, ExportError> {
    let fault = |fault| ExportError::NotAgain { bundle: request.bundle, fault };
    if !has_volume(vault, &exported.bundle, &bundle_path(&request.medium, &exported.label))? {
        return Err(fault(NO_VOLUME));
    }
    let target = Target::create(&request.medium, &exported.label, request.options.read_back)?;
    complete(vault, &exported.bundle, target)?;
    already(vault, exported)
}

/// What can be said of a bundle that was made before.
pub(super) fn already(vault: &Vault, exported: &Exported) -> Result<Outcome, ExportError> {
    let seal = stored_seal(vault, &exported.bundle)?;
    Ok(Outcome {
        exported: exported.clone(),
        volumes: Vec::new(),
        proof: Proof::Skipped,
        packs: seal.predicate().stream.packs(),
        kept: 0,
        parity_packs: seal.predicate().parity.as_ref().map_or(0, gapvault_formats::seal::Parity::packs),
        figures: None,
    })
}

/// The vault's copy of a seal, which must be the one that the log names.
pub(super) fn stored_seal(vault: &Vault, bundle: &BundleId) -> Result<Seal, ExportError> {
    let path = vault.bundle_path(bundle).join(SEAL_NAME);
    let bytes = std::fs::read(&path).map_err(FsError::at("can't read", &path))?;
    if bytes.len() as u64 > limits::SEAL_BYTES || BundleId::of(&bytes) != *bundle {
        return Err(ExportError::NotAgain { bundle: *bundle, fault: "the vault's copy of its seal was altered" });
    }
    Ok(Seal::parse(&bytes)?)
}

/// A volume that is lost, by the seal that it stood under.
struct Volume {
    name: VolumeName,
    packs: Vec<u64>,
    /// Its parity packs.
    parity: Vec<u64>,
}

impl Volume {
    fn find(seal: &Seal, bundle: &BundleId, name: &VolumeName) -> Result<Self, ExportError> {
        let predicate = seal.predicate();
        let numbers = |ranges: &[(u64, u64)]| ranges.iter().flat_map(|(first, end)| *first..*end).collect::<Vec<_>>();
        let Some(at) = predicate.volumes.iter().position(|volume| volume.name == *name) else {
            let known: Vec<_> = predicate.volumes.iter().map(|v| v.name.to_string()).collect();
            return Err(ExportError::NoVolume { bundle: *bundle, volume: name.clone(), known: known.join(", ") });
        };
        let mut packs = numbers(&predicate.volumes[at].packs);
        packs.sort_unstable();
        let parity = predicate.parity.as_ref().map_or_else(Vec::new, |parity| numbers(&parity.volumes[at].packs));
        // Fresh packs are other bytes: parity on another volume would not fit them any more.
        let own: BTreeSet<_> = packs.iter().copied().collect();
        for (first, group) in predicate.parity.iter().flat_map(gapvault_formats::seal::Parity::numbered) {
            let within = group.numbers().filter(|n| own.contains(n)).count() as u64;
            let placed = parity.contains(&first);
            if (within > 0 || placed) && (within != group.count() || !placed) {
                let fault = "its parity goes over several volumes: `gapvault repair` makes a lost one from the others";
                return Err(ExportError::NotAgain { bundle: *bundle, fault });
            }
        }
        Ok(Self { name: name.clone(), packs, parity })
    }

    fn holds(&self, file: &BundleFile) -> bool {
        match file {
            BundleFile::Pack(n) => self.packs.binary_search(n).is_ok(),
            BundleFile::Parity(n) => self.parity.contains(n),
            BundleFile::Sums(name) => *name == self.name,
            _ => false,
        }
    }
}

fn remake_volume(
    vault: &mut Vault,
    request: &Again,
    exported: &Exported,
    name: &VolumeName,
    (signer, observer): Signing<'_>,
) -> Result<Outcome, ExportError> {
    let fault = |fault| ExportError::NotAgain { bundle: request.bundle, fault };
    let now = vault.clock().now();
    if exported.expires <= now {
        return Err(fault("it has expired"));
    }
    let exporter = same_exporter(vault, exported, signer)?;
    let old = stored_seal(vault, &request.bundle)?;
    let tent = vault.policy().tent(&exported.tent);
    if old.predicate().suite == Suite::X25519 && tent.is_some_and(|tent| tent.post_quantum) {
        return Err(fault("its tent asks for post-quantum bundles by now, and this is none"));
    }
    let volume = Volume::find(&old, &request.bundle, name)?;
    super::target::check(&request.medium)?;
    let state = resume::state(vault, &exported.label)?.ok_or(fault("the journal of its export is gone"))?;
    observer.event(Event::Begin { phase: Phase::Walk, total: 0, medium: None });
    let source = walk(&state.begin.paths, &[&request.medium], state.begin.follow_links, observer)?;
    observer.event(Event::End { medium: None });
    let policy = vault.policy();
    let tent = policy.tent(&exported.tent).ok_or_else(|| no_tent(policy, &exported.tent))?;
    content::check(tent, &source, request.options.threads, observer)?;
    let unfinished = Unfinished::of(state, &source)?;
    // What it does not know of, it would make zeros of.
    let content = unfinished.rows.last().map_or(0, |row| row.chunk.offset + u64::from(row.chunk.stored));
    let stream = &old.predicate().stream;
    if (unfinished.laid_out(), padding::padded(content)) != (stream.packs(), stream.length) {
        return Err(fault("the journal of its export is damaged"));
    }
    let begin = unfinished.begin.clone();
    let options = ExportOptions { pack_size: begin.pack_size, ..request.options };
    let too_little = |least| ExportError::Memory { least, given: options.memory.unwrap_or(0) };
    let shape = Shape::new(options, 1).map_err(too_little)?;
    // What an earlier attempt has left there needs no room any more.
    let folder = bundle_path(&request.medium, &exported.label);
    let there = |file: &BundleFile| folder.join(file.to_string()).symlink_metadata().map_or(0, |m| m.len());
    let needs = old.subjects().iter().filter(|s| volume.needs(&s.file));
    check_room(&request.medium, needs.map(|s| s.size.saturating_sub(there(&s.file))).sum())?;

    let terms = Terms {
        label: exported.label.clone(),
        exporter: exporter.key.fingerprint(),
        suite: begin.suite,
        spanning: Spanning::Together,
        sizes: Sizes::new(FullPack::longest(begin.pack_size), begin.parity, &[&request.medium])?,
        reserve: 0,
        read_back: options.read_back,
        threads: shape.threads,
        likely: volume.packs.len() as u64 * begin.pack_size,
        mounted: Vec::new(),
    };
    let mut target = Target::create(&request.medium, &exported.label, options.read_back)?;
    let (kept, lost) = keep_whole(&mut target, &volume, &unfinished.packs, observer)?;
    let kept_before = kept.len() as u64;
    let journal = unfinished.journal(vault)?;
    let Unfinished { rows, packs, .. } = unfinished;
    let remake = Remake {
        source: &source,
        tent_key: &vault.load_tent_key(&exported.tent, &begin.tent_key)?,
        recipient: identity_of(vault, &begin, &request.bundle)?.recipient(),
        pack_size: begin.pack_size,
        rows: &rows,
        packs: packs.len() as u64,
        lost: &lost,
    };
    let volumes =
        Volumes::new(&terms, vec![target], journal, (kept, Vec::new(), lost.as_slice()), (&NoChanger, observer))?;
    let volumes = volumes.with_parity_from(volume.parity.first().copied().unwrap_or(0));
    write_lost(&remake, shape, &volumes, observer)?;
    volumes.finish()?;
    let (mut targets, done, fresh, _) = volumes.into_parts();
    let done = done.into_iter().next().ok_or(fault("nothing of it was written"))?;
    let signing = (&exporter, (signer, observer));
    let (outcome, described) = seal_again(vault, (exported, &old), &volume, (&mut targets, &done, fresh), signing)?;
    seal_all(&mut targets, &described)?;
    Ok(Outcome { kept: kept_before, ..outcome })
}

/// The bundle's identity: as its journal has it or, if that is sealed to an identity which was forgotten since, from the
/// bundle's keys or their wrap.
fn identity_of(vault: &Vault, begin: &Begin, bundle: &BundleId) -> Result<Identity, ExportError> {
    let unopened = match open_identity(vault, begin) {
        Err(error @ ExportError::Age(AgeError::NotARecipient)) => error,
        opened => return opened,
    };
    let Some(held) = vault.held().find(|held| held.bundle() == *bundle) else { return Err(unopened) };
    let held::Sealed { folder, seal } = held::sealed(vault, held)?;
    let Some(found) = held::keys(vault, held, &folder, &seal, vault.age_identities(begin.suite)?)? else {
        return Err(unopened);
    };
    found.check(&folder, &seal)?;
    Ok(found.keys.identity)
}

/// The exporter of the old seal, who must still be one.
fn same_exporter(vault: &Vault, exported: &Exported, signer: &dyn Signer) -> Result<Exporter, ExportError> {
    let (actual, expected) = (signer.public().fingerprint(), exported.key.fingerprint());
    if actual != expected {
        return Err(ExportError::OtherKey { actual, expected });
    }
    let tent = vault.policy().tent(&exported.tent);
    let fault = "its tent is no more";
    Exporter::find(vault, signer, tent.ok_or(ExportError::NotAgain { bundle: exported.bundle, fault })?)
}

impl Volume {
    /// Whether a file stands on its medium.
    fn needs(&self, file: &BundleFile) -> bool {
        let common = [BundleFile::Recover, BundleFile::Catalogue, BundleFile::Index, BundleFile::Keys];
        self.holds(file) || common.contains(file)
    }
}

/// Packs of the volume that an earlier attempt has left whole on the medium, and those that must be made.
fn keep_whole(
    target: &mut Target,
    volume: &Volume,
    packs: &BTreeMap<u64, Kept>,
    observer: &dyn Observer,
) -> Result<(BTreeMap<u64, Kept>, Vec<Lost>), ExportError> {
    let (mut kept, mut lost) = (BTreeMap::new(), Vec::new());
    for number in &volume.packs {
        observer.interruption()?;
        match packs.get(number) {
            Some(pack) if target.check(*number, pack.size, pack.sha256)? == super::prove::Checked::Whole => {
                kept.insert(*number, Kept { volume: 0, group: None, ..*pack });
            }
            _ => lost.push(Lost { number: *number, medium: Some(0), group: None }),
        }
    }
    target.keep_only(&kept.keys().copied().collect())?;
    Ok((kept, lost))
}

fn write_lost(
    remake: &Remake<'_>,
    shape: Shape,
    volumes: &Volumes<'_>,
    observer: &dyn Observer,
) -> Result<(), ExportError> {
    let stop = Stop::new(observer);
    let longest = FullPack::longest(remake.pack_size);
    let buffers = Buffers::new(shape.packs, || Aligned::with_capacity(longest as usize));
    std::thread::scope(|scope| {
        scope.spawn(|| stop.run(|| volumes.write(0, &buffers, &stop)));
        stop.run(|| remake_lost(remake, shape.threads, &buffers, volumes, &stop));
        volumes.shares.close();
    });
    stop.into_result(ExportError::Interrupted).map_err(|error| volumes.noted(error))
}

/// Describes and signs the bundle with the fresh volume, and logs it in the place of the old one.
fn seal_again(
    vault: &mut Vault,
    (exported, old): (&Exported, &Seal),
    volume: &Volume,
    (targets, done, fresh): (&mut [Target], &VolumeDone, Vec<Subject>),
    signing: (&Exporter, Signing<'_>),
) -> Result<(Outcome, super::describe::Described), ExportError> {
    let copy = vault.bundle_path(&exported.bundle);
    let staging = vault.stage(exported.label.as_str())?;
    let made = (|| {
        let mut listed = [fresh, done.files.clone()].concat();
        for target in targets.iter_mut() {
            let recover = recover::text(&exported.label, &exported.key.fingerprint(), old.predicate().suite);
            listed.extend(describe_on(target, &copy, &recover)?);
            listed.sort_by_cached_key(|s| s.file.to_string());
            let list = target.file(BundleFile::Sums(volume.name.clone()), sums::text(&listed).as_bytes())?;
            listed.push(list);
        }
        for file in [BundleFile::Catalogue, BundleFile::Index, BundleFile::Keys] {
            copy_durably(&copy, staging.path(), &file.to_string())?;
        }
        let others = old.subjects().iter().filter(|s| !volume.needs(&s.file)).cloned();
        let mut predicate = old.predicate().clone();
        predicate.created = later(vault.clock().now(), predicate.created);
        predicate.supersedes = Some(exported.bundle);
        sign(others.chain(listed).collect(), predicate, staging.path(), targets, signing)
    })();
    let described = match made {
        Ok(described) => described,
        Err(error) => {
            staging.discard()?;
            return Err(error);
        }
    };
    let created = later(vault.clock().now(), exported.created);
    let new = Exported { bundle: described.id, created, size: described.size, ..exported.clone() };
    crate::wraps::carry_over(vault, &exported.bundle, &described.id)?;
    staging.place(&described.id)?;
    vault.record(custody::Event::Exported(Box::new(new.clone())))?;
    take_places(vault)?;
    let volumes: Vec<Written> = vec![written(done, true)];
    let proof = targets.iter().map(Target::proof).fold(Proof::Proven, worse);
    let outcome = Outcome {
        exported: new,
        packs: old.predicate().stream.packs(),
        kept: 0,
        parity_packs: volume.parity.len() as u64,
        volumes,
        proof,
        figures: None,
    };
    Ok((outcome, described))
}

/// The time now, and later than `before`: the later of two seals is the one that counts.
fn later(now: Time, before: Time) -> Time {
    before.plus(1).map_or(now, |least| now.max(least))
}

fn copy_durably(from: &Path, to: &Path, name: &str) -> Result<(), ExportError> {
    let path = from.join(name);
    let mut input = std::fs::File::open(&path).map_err(FsError::at("can't read", &path))?;
    let out = to.join(name);
    let mut file = crate::fs::Durable::create(&out, 0o600)?;
    std::io::copy(&mut input, &mut file).map_err(FsError::at("can't write", &out))?;
    Ok(file.commit()?)
}
