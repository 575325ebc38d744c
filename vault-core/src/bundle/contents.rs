//! What a bundle holds, by its keys, catalogue and index, each checked against the seal and against the others.

use super::files::{BundleError, read_sealed};
use super::witness::{Witness, Witnessed};
use crate::error::{FsError, explain};
use crate::fs::{Folder, OpenError};
use gapvault_formats::agefile::{AgeError, Identity, OpenReader};
use gapvault_formats::catalogue::{self, Artifact, CatalogueError, CatalogueReader, Head, Role};
use gapvault_formats::coding::Coding;
use gapvault_formats::custody::Moved;
use gapvault_formats::ids::ChunkId;
use gapvault_formats::index::{self, IndexError, IndexReader, Run};
use gapvault_formats::keys::{Keys, KeysError};
use gapvault_formats::names::{ArtifactRef, PersonName, TentName};
use gapvault_formats::padding;
use gapvault_formats::seal::{BundleFile, Seal};
use gapvault_formats::table;
use std::io::{BufRead, BufReader, Cursor, Read, Write};

/// Why a bundle's descriptions are refused, though their bytes are those of the seal.
#[derive(Debug, thiserror::Error)]
pub enum ContentsError {
    /// A file is missing or damaged.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// An age file does not open.
    #[error("{file}: {fault}")]
    Age {
        /// Which file.
        file: BundleFile,
        /// Why.
        fault: AgeError,
    },
    /// Not a keys file.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The catalogue is refused.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The index is refused.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Members have the bundle's identity from its keys, and this was not sealed to it.
    #[error("{file} is not sealed to the identity in keys.age")]
    OtherIdentity {
        /// Which file.
        file: BundleFile,
    },
    /// Two of the descriptions contradict each other.
    #[error("{file}: its {field} is {actual}, by the {other} it is {expected}")]
    Mismatch {
        /// Where.
        file: BundleFile,
        /// What.
        field: &'static str,
        /// What it says.
        actual: String,
        /// What else says otherwise.
        other: &'static str,
        /// What that says.
        expected: String,
    },
}

explain!(ContentsError, pass: [Bundle], {
    Self::Age { fault: AgeError::NotARecipient, .. } => (Refused, Some("it is sealed to other keys than this vault's")),
    Self::Age { .. } | Self::OtherIdentity { .. } | Self::Keys(_) | Self::Catalogue(_) | Self::Index(_)
    | Self::Mismatch { .. } =>
        (Damaged, Some("its exporter signed something that no gapvault writes: do not use it, and ask the exporter")),
});

/// What to keep while the descriptions are read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted<'a> {
    /// Summaries only.
    Summaries,
    /// Every entry of every artifact.
    Entries,
    /// The entries and recipes of this artifact.
    Artifact(&'a ArtifactRef),
}

/// A file to restore.
#[derive(Clone, Debug)]
pub(crate) struct FileEntry {
    pub(crate) file: catalogue::File,
    /// Its chunks; empty unless recipes were wanted.
    pub(crate) runs: Vec<Run>,
}

/// Something in an artifact.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Folder(catalogue::Folder),
    File(FileEntry),
    Link(catalogue::Link),
}

/// An artifact and, where they were wanted, its entries.
#[derive(Clone, Debug)]
pub(crate) struct ArtifactContents {
    pub(crate) artifact: Artifact,
    pub(crate) moved: Moved,
    pub(crate) entries: Vec<Entry>,
    /// The number of its first file in the whole bundle.
    first_file: u64,
}

/// A chunk in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ChunkRow {
    pub(crate) id: ChunkId,
    pub(crate) offset: u64,
    pub(crate) stored: u32,
    pub(crate) length: u32,
    pub(crate) coding: Coding,
}

/// What a bundle holds.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    pub(crate) head: Head,
    pub(crate) artifacts: Vec<ArtifactContents>,
    /// The chunk table, if recipes were wanted.
    pub(crate) chunks: Vec<ChunkRow>,
}

/// The keys of a bundle; `None` if they are sealed to none of `identities`.
pub(crate) fn open_keys(folder: &Folder, seal: &Seal, identities: &[Identity]) -> Result<Option<Keys>, ContentsError> {
    let file = BundleFile::Keys;
    let bytes = read_sealed(folder, seal, &file)?;
    let mut text = zeroize::Zeroizing::new(String::new());
    let stanzas = seal.predicate().stanzas.keys;
    let opened = with_any(identities, |identity| OpenReader::new(Cursor::new(&bytes), identity, stanzas))
        .and_then(|mut reader| Ok(reader.read_to_string(&mut text)?));
    match opened {
        Ok(_) => {}
        Err(AgeError::NotARecipient) => return Ok(None),
        Err(fault) => return Err(ContentsError::Age { file, fault }),
    }
    let keys = Keys::parse(&text)?;
    expect(&file, "nonce", &keys.nonce, "seal", &seal.predicate().nonce)?;
    expect(&file, "identity's suite", &keys.identity.suite(), "seal", &seal.predicate().suite)?;
    Ok(Some(keys))
}

/// Opens with the first of `identities` that the file is sealed to.
pub(crate) fn with_any<T>(
    identities: &[Identity],
    mut open: impl FnMut(&Identity) -> Result<T, AgeError>,
) -> Result<T, AgeError> {
    let opened = identities.iter().map(&mut open).find(|opened| !matches!(opened, Err(AgeError::NotARecipient)));
    opened.unwrap_or(Err(AgeError::NotARecipient))
}

/// Who may have made a bundle, by its signature and tags.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claims<'a> {
    pub(crate) tent: &'a TentName,
    pub(crate) exporter: &'a PersonName,
}

/// Reads the catalogue and, with the bundle's keys, the index; keeps what is `wanted`, checks everything.
///
/// The files' digests against the seal have been checked by the caller. An auditor gives its own identities instead
/// of keys.
pub(crate) fn load(
    folder: &Folder,
    seal: &Seal,
    readers: &[Identity],
    keys: Option<&Keys>,
    claims: Claims<'_>,
    wanted: Wanted<'_>,
) -> Result<Contents, ContentsError> {
    let own = keys.map(|keys| std::slice::from_ref(&keys.identity));
    let (head, mut artifacts, sizes) = load_catalogue(folder, seal, own.unwrap_or(readers), wanted, own.is_some())?;
    expect_claims(&head, claims)?;
    let Some(keys) = keys else { return Ok(Contents { head, artifacts, chunks: Vec::new() }) };
    expect(&BundleFile::Keys, "tent", &keys.tent, "destination tag", claims.tent)?;
    let chunks = load_index(folder, seal, &keys.identity, &sizes, wanted, &mut artifacts)?;
    Ok(Contents { head, artifacts, chunks })
}

/// Reads a catalogue that was sealed anew, in the same way.
pub(crate) fn catalogue_of(
    input: impl BufRead,
    seal: &Seal,
    wanted: Wanted<'_>,
    claims: Claims<'_>,
) -> Result<(Head, Vec<ArtifactContents>), ContentsError> {
    let (head, artifacts, _) = read_catalogue(input, seal, wanted, false)?;
    expect_claims(&head, claims)?;
    Ok((head, artifacts))
}

fn expect_claims(head: &Head, claims: Claims<'_>) -> Result<(), ContentsError> {
    expect(&BundleFile::Catalogue, "tent", &head.tent, "destination tag", claims.tent)?;
    expect(&BundleFile::Catalogue, "person", &head.person, "policy", claims.exporter)
}

fn load_catalogue(
    folder: &Folder,
    seal: &Seal,
    identities: &[Identity],
    wanted: Wanted<'_>,
    member: bool,
) -> Result<(Head, Vec<ArtifactContents>, Vec<u64>), ContentsError> {
    let file = BundleFile::Catalogue;
    let stanzas = seal.predicate().stanzas.catalogue;
    let opened = sealed_to_any(folder, &file, identities, |input, identity| table::open(input, identity, stanzas));
    let (input, witness) = opened.map_err(|error| match error {
        ContentsError::Age { fault: AgeError::NotARecipient, file } if member => ContentsError::OtherIdentity { file },
        error => error,
    })?;
    let read = read_catalogue(input, seal, wanted, member)?;
    witness.expect(folder, seal, &file)?;
    Ok(read)
}

/// Copies the plaintext of the bundle's catalogue, which one of `identities` opens.
pub(crate) fn copy_catalogue(
    folder: &Folder,
    seal: &Seal,
    identities: &[Identity],
    out: &mut dyn Write,
) -> Result<(), ContentsError> {
    let file = BundleFile::Catalogue;
    let failed = |source: std::io::Error| FsError::at("can't copy", &folder.path().join(file.to_string()))(source);
    let opened = sealed_to_any(folder, &file, identities, |input, identity| {
        OpenReader::new(input, identity, seal.predicate().stanzas.catalogue)
    });
    let (mut input, witness) = opened?;
    std::io::copy(&mut input, out).map_err(|e| BundleError::from(failed(e)))?;
    Ok(witness.expect(folder, seal, &file)?)
}

/// Opens a file of the bundle with the first of `identities` that it is sealed to, each time anew from its first byte:
/// what is used is what the witness saw.
fn sealed_to_any<T>(
    folder: &Folder,
    file: &BundleFile,
    identities: &[Identity],
    open_age: impl Fn(BufReader<Witnessed>, &Identity) -> Result<T, AgeError>,
) -> Result<(T, Witness), ContentsError> {
    for identity in identities {
        let (input, witness) = open(folder, file)?;
        match open_age(input, identity) {
            Err(AgeError::NotARecipient) => {}
            Err(fault) => return Err(ContentsError::Age { file: file.clone(), fault }),
            Ok(opened) => return Ok((opened, witness)),
        }
    }
    Err(ContentsError::Age { file: file.clone(), fault: AgeError::NotARecipient })
}

/// Reads the records of a catalogue, whichever file they stand in, and holds them against the seal.
fn read_catalogue(
    input: impl BufRead,
    seal: &Seal,
    wanted: Wanted<'_>,
    member: bool,
) -> Result<(Head, Vec<ArtifactContents>, Vec<u64>), ContentsError> {
    let file = BundleFile::Catalogue;
    let stanzas = &seal.predicate().stanzas;
    let mut reader = CatalogueReader::new(input)?;
    let head = reader.head().clone();
    expect(&file, "nonce", &head.nonce, "seal", &seal.predicate().nonce)?;
    head.expect_suite(seal.predicate().suite)?;
    // SPEC 13.5: a hidden recipient would be a stanza that the catalogue does not list.
    let count = |role| head.readers.iter().filter(|r| r.role == role).count() as u64;
    expect(&file, "number of members", &count(Role::Member), "seal", &stanzas.keys)?;
    expect(&file, "number of auditors", &(count(Role::Auditor) + 1), "seal", &stanzas.catalogue)?;

    let mut artifacts: Vec<ArtifactContents> = Vec::new();
    let (mut sizes, mut files) = (Vec::new(), 0);
    while let Some(record) = reader.next_record()? {
        if let catalogue::Record::Artifact(artifact) = record {
            let moved = Moved { artifact: artifact.artifact.clone(), files: 0, bytes: 0 };
            artifacts.push(ArtifactContents { artifact, moved, entries: Vec::new(), first_file: files });
            continue;
        }
        // The reader refuses entries before the first artifact.
        let Some(artifact) = artifacts.last_mut() else { continue };
        let keep = match wanted {
            Wanted::Summaries => false,
            Wanted::Entries => true,
            Wanted::Artifact(name) => artifact.artifact.artifact == *name,
        };
        let entry = match record {
            catalogue::Record::File(file) => {
                files += 1;
                artifact.moved.files += 1;
                artifact.moved.bytes += file.size;
                if member {
                    sizes.push(file.size);
                }
                Entry::File(FileEntry { file, runs: Vec::new() })
            }
            catalogue::Record::Folder(folder) => Entry::Folder(folder),
            catalogue::Record::Link(link) => Entry::Link(link),
            catalogue::Record::Head(_) | catalogue::Record::Artifact(_) | catalogue::Record::End(_) => continue,
        };
        if keep {
            artifact.entries.push(entry);
        }
    }
    Ok((head, artifacts, sizes))
}

/// Whether `identity` is the one that the bundle's index is sealed to.
pub(crate) fn opens_index(folder: &Folder, seal: &Seal, identity: &Identity) -> Result<(), ContentsError> {
    let file = BundleFile::Index;
    let stanzas = seal.predicate().stanzas.index;
    match OpenReader::new(open(folder, &file)?.0, identity, stanzas) {
        Ok(_) => Ok(()),
        Err(AgeError::NotARecipient) => Err(ContentsError::OtherIdentity { file }),
        Err(fault) => Err(ContentsError::Age { file, fault }),
    }
}

fn load_index(
    folder: &Folder,
    seal: &Seal,
    identity: &Identity,
    sizes: &[u64],
    wanted: Wanted<'_>,
    artifacts: &mut [ArtifactContents],
) -> Result<Vec<ChunkRow>, ContentsError> {
    let file = BundleFile::Index;
    let (input, witness) = open(folder, &file)?;
    let stanzas = seal.predicate().stanzas.index;
    let input = table::open(input, identity, stanzas).map_err(|fault| match fault {
        AgeError::NotARecipient => ContentsError::OtherIdentity { file: file.clone() },
        fault => ContentsError::Age { file: file.clone(), fault },
    })?;
    let mut reader = IndexReader::new(input)?;
    let head = reader.head().clone();
    expect(&file, "nonce", &head.nonce, "seal", &seal.predicate().nonce)?;
    expect(&file, "number of files", &head.files, "catalogue", &(sizes.len() as u64))?;
    expect(&file, "padded stream", &padding::padded(head.stream), "seal", &seal.predicate().stream.length)?;

    let mut into = match wanted {
        Wanted::Artifact(name) => artifacts.iter_mut().find(|a| a.artifact.artifact == *name),
        Wanted::Summaries | Wanted::Entries => None,
    };
    // Without a wish for recipes the lengths alone are needed, to hold the recipes against the sizes.
    let (mut rows, mut ends) = (Vec::new(), vec![0u64]);
    let mut length = 0;
    let mut files = into.as_mut().map(|a| {
        let first = a.first_file;
        let files = a.entries.iter_mut().filter_map(|e| match e {
            Entry::File(f) => Some(f),
            Entry::Folder(_) | Entry::Link(_) => None,
        });
        (first, files.peekable())
    });
    while let Some(record) = reader.next_record()? {
        match record {
            index::Record::Chunk(c) => {
                ends.push(ends.last().copied().unwrap_or(0) + u64::from(c.length));
                if files.is_some() {
                    let index::Chunk { id, offset, stored, length, coding } = c;
                    rows.push(ChunkRow { id, offset, stored, length, coding });
                }
            }
            index::Record::Recipe(recipe) => {
                for run in &recipe.runs {
                    // The reader has checked that runs lie within the table, and files within the catalogue.
                    let bytes = ends[(run.first + run.count) as usize] - ends[run.first as usize];
                    let size = sizes[recipe.file as usize];
                    // At once, and not at the end: the sum of a hostile recipe's runs has no bound.
                    length = add_up_to(length, bytes, size, &file)?;
                }
                if let Some((first, wanted)) = files.as_mut()
                    && recipe.file >= *first
                    && let Some(entry) = wanted.peek_mut()
                {
                    entry.runs.extend_from_slice(&recipe.runs);
                    if !recipe.more {
                        wanted.next();
                    }
                }
                if !recipe.more {
                    expect(&file, "length of a recipe", &length, "catalogue", &sizes[recipe.file as usize])?;
                    length = 0;
                }
            }
            index::Record::Head(_) | index::Record::End(_) => {}
        }
    }
    witness.expect(folder, seal, &file)?;
    Ok(rows)
}

fn add_up_to(length: u64, bytes: u64, size: u64, file: &BundleFile) -> Result<u64, ContentsError> {
    let sum = length.saturating_add(bytes);
    if sum > size {
        expect(file, "length of a recipe", &sum, "catalogue", &size)?
    }
    Ok(sum)
}

fn open(folder: &Folder, file: &BundleFile) -> Result<(BufReader<Witnessed>, Witness), BundleError> {
    let name = file.to_string();
    let file = folder.file(&name).map_err(|e: OpenError| BundleError::opening(folder, &name, e))?;
    let (file, witness) = Witnessed::new(file);
    Ok((BufReader::with_capacity(128 << 10, file), witness))
}

fn expect<T: PartialEq + std::fmt::Display>(
    file: &BundleFile,
    field: &'static str,
    actual: &T,
    other: &'static str,
    expected: &T,
) -> Result<(), ContentsError> {
    if actual == expected {
        return Ok(());
    }
    let (actual, expected) = (actual.to_string(), expected.to_string());
    Err(ContentsError::Mismatch { file: file.clone(), field, actual, other, expected })
}
