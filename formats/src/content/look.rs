//! Looking at a file and at what it holds, container in container.

use super::input::{Input, Meter, Span, Watched};
use super::{Format, Formats, Hidden, Pickle, Seen, Why, magic, npy, packed, tar, zip};
use std::cell::RefCell;
use std::io::{self, Read, Seek};

/// Containers in one another that are looked into.
const DEPTH: u32 = 6;
/// What may be read and unpacked of a file: so many times its size, and so much more.
const TIMES: u64 = 64;
const BESIDE: u64 = 1 << 30;
/// The largest zip archive that is unpacked into memory to be looked into.
const ZIP_IN_MEMORY: u64 = 16 << 20;
/// Characters of a member's name that are told.
const NAME: usize = 100;

/// Looks at `length` bytes.
///
/// Reads the beginnings of what is there, the directories of zip archives, and all of a compressed tar archive, which
/// has none; what it reads and unpacks is at most 64 times `length` and 1 GiB. It fails only if reading does.
pub fn look(file: impl Read + Seek, length: u64) -> io::Result<Seen> {
    let meter = Meter::new(length.saturating_mul(TIMES).saturating_add(BESIDE));
    let file = RefCell::new(file);
    let mut span = Span::new(&file, &meter, length);
    let mut search = Search { meter: &meter, seen: Seen::default() };
    let place = Place { above: None, name: None, depth: 0 };
    let found = search.look(&mut span, &place);
    if let Some(fault) = meter.take_fault() {
        return Err(fault);
    }
    let mut seen = search.seen;
    match found {
        Ok(formats) => seen.formats = formats,
        // Over its limit, which is noted; what it is itself was known before.
        Err(Stop(formats)) => seen.formats = formats,
    }
    Ok(seen)
}

/// Nothing more is read: the file itself failed, or too much would have to be unpacked.
pub(super) struct Stop(Formats);

/// A search under way.
pub(super) struct Search<'s> {
    pub(super) meter: &'s Meter,
    seen: Seen,
}

/// Where in a file something was found.
pub(super) struct Place<'a> {
    above: Option<&'a Place<'a>>,
    name: Option<String>,
    pub(super) depth: u32,
}

impl Place<'_> {
    /// That of a member of what stands here.
    pub(super) fn member(&self, name: &str) -> Place<'_> {
        Place { above: Some(self), name: Some(name.chars().take(NAME).collect()), depth: self.depth + 1 }
    }

    /// That of what this unpacks to.
    pub(super) fn unpacked(&self) -> Place<'_> {
        Place { above: Some(self), name: None, depth: self.depth + 1 }
    }

    fn path(&self) -> Vec<String> {
        let mut path = self.above.map_or_else(Vec::new, Place::path);
        path.extend(self.name.clone());
        path
    }
}

impl Search<'_> {
    /// Looks at something inside of something else. An error only if nothing more should be read.
    pub(super) fn look_inside(&mut self, input: &mut dyn Input, place: &Place<'_>) -> io::Result<Formats> {
        match self.look(input, place) {
            Ok(formats) => {
                self.seen.inside.extend(formats);
                Ok(formats)
            }
            Err(Stop(formats)) => {
                self.seen.inside.extend(formats);
                Err(io::ErrorKind::Other.into())
            }
        }
    }

    /// Notes that something can't be looked into.
    pub(super) fn hidden(&mut self, place: &Place<'_>, why: Why) {
        self.seen.hidden.get_or_insert_with(|| Hidden { member: place.path(), why });
    }

    fn look(&mut self, input: &mut dyn Input, place: &Place<'_>) -> Result<Formats, Stop> {
        let mut watched = Watched::new(input);
        let mut formats = Formats::default();
        let looked = self.look_at(&mut watched, &mut formats, place);
        if watched.walker.is_pickle() {
            formats.insert(Format::Pickle);
            if watched.walker.is_torch() {
                formats.insert(Format::Torch);
            }
            let imports = watched.walker.into_imports();
            self.pickle(Pickle { member: place.path(), objects: false, imports });
        }
        if formats.is_empty() {
            formats.insert(Format::Other);
        }
        let why = match looked {
            Ok(None) => return Ok(formats),
            Ok(Some(why)) => why,
            Err(_) if self.meter.is_over() => Why::TooMuch,
            Err(_) => Why::Damaged,
        };
        if self.meter.has_fault() {
            return Err(Stop(formats));
        }
        self.hidden(place, why);
        if self.meter.is_over() { Err(Stop(formats)) } else { Ok(formats) }
    }

    fn look_at(
        &mut self,
        watched: &mut Watched<'_>,
        formats: &mut Formats,
        place: &Place<'_>,
    ) -> io::Result<Option<Why>> {
        let begun = watched.begin();
        let length = watched.length();
        *formats = magic::by_head(watched.head(), length);
        let whole = watched.head().len() < super::input::HEAD;
        if formats.is_empty() || *formats == [Format::Script].into_iter().collect() {
            formats.extend(magic::by_text(watched.head(), whole));
        }
        begun?;
        if watched.head().is_empty() {
            formats.insert(Format::Empty);
            return Ok(None);
        }
        let mut why = None;
        if formats.contains(Format::Npy) {
            match npy::objects(watched.head()) {
                npy::Elements::Plain => {}
                npy::Elements::Objects => self.pickle(Pickle { member: place.path(), objects: true, imports: vec![] }),
                npy::Elements::Unknown => why = Some(Why::Damaged),
            }
        }
        let whole_span = length.and_then(|length| watched.piece(0, length));
        if let Some(span) = &whole_span {
            let mut end = [0; 4];
            let ends = span.read_at(span.size().saturating_sub(4), &mut end)? && matches!(&end, b"PAR1" | b"PARE");
            if ends && watched.head().starts_with(&end) && span.size() > 8 {
                formats.insert(Format::Parquet);
            }
        }
        if let Some(span) = whole_span {
            let found = zip::find(&span, formats.contains(Format::Zip))?;
            if let Some(directory) = found {
                formats.insert(Format::Zip);
                why = why.or(self.zip(&span, directory, formats, place)?);
            }
        } else if formats.contains(Format::Zip) {
            why = why.or(self.zip_in_memory(watched, formats, place)?);
        }
        let packed = formats.iter().filter(|format| is_packed(*format)).count();
        if packed > 0 {
            why = if place.depth == DEPTH {
                why.or(Some(Why::TooDeep))
            } else if packed > 1 {
                // One program would take it for this, another for that.
                why.or(Some(Why::Ambiguous))
            } else if formats.contains(Format::Tar) {
                why.or(tar::look(self, watched, place)?)
            } else {
                why.or(packed::look(self, watched, *formats, place)?)
            };
        }
        watched.finish()?;
        Ok(why)
    }

    fn zip(
        &mut self,
        span: &Span<'_>,
        directory: Result<zip::Directory, Why>,
        formats: &mut Formats,
        place: &Place<'_>,
    ) -> io::Result<Option<Why>> {
        let directory = match directory {
            Ok(_) if place.depth == DEPTH => return Ok(Some(Why::TooDeep)),
            Ok(directory) => directory,
            Err(why) => return Ok(Some(why)),
        };
        let members = zip::look(self, span, &directory, place)?;
        formats.extend(members.formats);
        Ok(members.why)
    }

    /// An archive that is compressed itself: its directory stands at its end.
    fn zip_in_memory(
        &mut self,
        watched: &mut Watched<'_>,
        formats: &mut Formats,
        place: &Place<'_>,
    ) -> io::Result<Option<Why>> {
        let Some(bytes) = packed::read_all(watched, ZIP_IN_MEMORY)? else { return Ok(Some(Why::TooMuch)) };
        let length = bytes.len() as u64;
        let file = RefCell::new(io::Cursor::new(bytes));
        let span = Span::new(&file, self.meter, length);
        match zip::find(&span, true)? {
            Some(directory) => self.zip(&span, directory, formats, place),
            None => Ok(Some(Why::Damaged)),
        }
    }

    /// Keeps what tells most.
    fn pickle(&mut self, found: Pickle) {
        let better =
            self.seen.pickle.as_ref().is_none_or(|known| known.imports.is_empty() && !found.imports.is_empty());
        if better {
            self.seen.pickle = Some(found);
        }
    }
}

/// Whether something is wrapped in this format; zip is not among them, as its directory stands at its end.
fn is_packed(format: Format) -> bool {
    use Format::{Bzip2, Gzip, Lz4, Lzma, Rar, SevenZip, Tar, Xz, Zlib, Zstd};
    matches!(format, Tar | Gzip | Zstd | Xz | Lzma | Bzip2 | Zlib | Lz4 | SevenZip | Rar)
}
