//! Reading coded chunks out of packs.

use super::CheckoutError;
use crate::bundle::{BundleError, ChunkRow, check_header};
use crate::fs::Folder;
use crate::held::HeldError;
use gapvault_formats::agefile::OpenReader;
use gapvault_formats::ids::BundleId;
use gapvault_formats::keys::Keys;
use gapvault_formats::seal::{BundleFile, Seal};
use std::fs::File;
use std::io::{BufReader, Read, Seek};

/// Where chunks come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) folder: &'a Folder,
    pub(super) seal: &'a Seal,
    pub(super) bundle: BundleId,
    pub(super) keys: &'a Keys,
}

/// Reads from the stream, holding the pack open that it read from last.
pub(super) struct StreamReader<'a> {
    source: Source<'a>,
    open: Option<OpenPack>,
}

struct OpenPack {
    number: u64,
    reader: OpenReader<BufReader<File>>,
    /// Where in the stream the reader stands.
    position: u64,
}

impl<'a> StreamReader<'a> {
    pub(super) fn new(source: Source<'a>) -> Self {
        Self { source, open: None }
    }

    /// The coded bytes of a chunk, into `coded` (cleared first). The index has been held against the stream's length.
    pub(super) fn read(&mut self, chunk: &ChunkRow, coded: &mut Vec<u8>) -> Result<(), CheckoutError> {
        coded.clear();
        let stream = self.source.seal.predicate().stream;
        let (mut at, mut left) = (chunk.offset, u64::from(chunk.stored));
        while left > 0 {
            let number = at / stream.pack;
            let end = number * stream.pack + stream.pack_length(number);
            let part = left.min(end.saturating_sub(at));
            let fault = |fault: String| CheckoutError::Pack { pack: number, bundle: self.source.bundle, fault };
            if part == 0 {
                return Err(fault("it ends before a chunk that the index puts there".to_owned()));
            }
            let mut pack = match self.open.take().filter(|pack| pack.number == number) {
                Some(pack) => pack,
                None => open(&self.source, number)?,
            };
            if pack.position != at {
                pack.reader.go_to(at - number * stream.pack).map_err(|e| fault(e.to_string()))?;
            }
            let read = (&mut pack.reader).take(part).read_to_end(coded).map_err(|e| fault(e.to_string()))?;
            if (read as u64) < part {
                return Err(fault("it breaks off".to_owned()));
            }
            at += part;
            left -= part;
            pack.position = at;
            self.open = Some(pack);
        }
        Ok(())
    }
}

/// Opens a pack. Its header and the length inside are checked by the seal, so that no seek can leave it.
fn open(source: &Source<'_>, number: u64) -> Result<OpenPack, CheckoutError> {
    let file = BundleFile::Pack(number);
    let name = file.to_string();
    let held = |e: BundleError| CheckoutError::Held(HeldError::Bundle(e));
    let missing = || BundleError::Missing { path: source.folder.path().to_owned(), file: name.clone() };
    let subject = source.seal.subject(&file).ok_or_else(|| held(missing()))?;
    let mut input = source.folder.file(&name).map_err(|e| held(BundleError::opening(source.folder, &name, e)))?;
    let fault = |fault: String| CheckoutError::Pack { pack: number, bundle: source.bundle, fault };
    let actual = input.metadata().map_err(|e| fault(e.to_string()))?.len();
    if actual != subject.size {
        let (path, expected) = (source.folder.path().to_owned(), subject.size);
        return Err(held(BundleError::Size { path, file, actual, expected }));
    }
    check_header(source.folder.path(), source.seal, subject, &mut input).map_err(held)?;
    input.rewind().map_err(|e| fault(e.to_string()))?;
    let stanzas = source.seal.predicate().stanzas.pack;
    let input = BufReader::with_capacity(128 << 10, input);
    let reader = OpenReader::new(input, &source.keys.identity, stanzas).map_err(|e| fault(e.to_string()))?;
    Ok(OpenPack { number, reader, position: number * source.seal.predicate().stream.pack })
}
