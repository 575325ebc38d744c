//! The names of formats, as a policy writes them, and sets of them.

use crate::names::shorten;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// A name that stands for no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no content format (there are: {})", Formats::all())]
pub struct UnknownFormat {
    /// What was found, shortened.
    pub name: String,
}

macro_rules! formats {
    ($($(#[$doc:meta])* $format:ident = $name:literal,)*) => {
        /// What a file can be recognised as, by its bytes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Format {
            $($(#[$doc])* $format,)*
        }

        impl Format {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$format,)*];

            /// The name that a policy writes.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$format => $name,)*
                }
            }
        }
    };
}

formats! {
    /// Tensors behind a JSON header; its beginning is looked at.
    Safetensors = "safetensors",
    /// A model of llama.cpp, by its magic number and version.
    Gguf = "gguf",
    /// An older model of llama.cpp, by its magic number.
    Ggml = "ggml",
    /// An ONNX model. It has no magic number: its first fields are those of one, up to a graph.
    Onnx = "onnx",
    /// One array of numpy.
    Npy = "npy",
    /// A zip of numpy arrays alone.
    Npz = "npz",
    /// HDF5, Keras's older models among it.
    Hdf5 = "hdf5",
    /// Python pickles from the first byte on.
    Pickle = "pickle",
    /// A zip that has a pickle among its members, or the pickles of torch before it used zip.
    Torch = "torch",
    /// A zip archive, also behind other bytes.
    Zip = "zip",
    /// A tar archive.
    Tar = "tar",
    /// Compressed by gzip.
    Gzip = "gzip",
    /// Compressed by zstd.
    Zstd = "zstd",
    /// Compressed by xz.
    Xz = "xz",
    /// Compressed by lzma alone.
    Lzma = "lzma",
    /// Compressed by bzip2.
    Bzip2 = "bzip2",
    /// A zlib stream.
    Zlib = "zlib",
    /// An lz4 frame.
    Lz4 = "lz4",
    /// A 7z archive.
    SevenZip = "7z",
    /// A rar archive.
    Rar = "rar",
    /// Parquet.
    Parquet = "parquet",
    /// An Arrow or Feather file.
    Arrow = "arrow",
    /// TensorFlow's records: the checksum of the first length is right.
    Tfrecord = "tfrecord",
    /// An SQLite database.
    Sqlite = "sqlite",
    /// PDF.
    Pdf = "pdf",
    /// JSON, as far as it was looked at.
    Json = "json",
    /// One JSON value a line, as far as it was looked at.
    Jsonl = "jsonl",
    /// UTF-8 without control characters, as far as it was looked at.
    Text = "text",
    /// PNG.
    Png = "png",
    /// JPEG.
    Jpeg = "jpeg",
    /// GIF.
    Gif = "gif",
    /// WebP.
    Webp = "webp",
    /// A program or library of Linux.
    Elf = "elf",
    /// A program or library of Windows.
    Pe = "pe",
    /// WebAssembly.
    Wasm = "wasm",
    /// Begins with `#!`.
    Script = "script",
    /// No bytes.
    Empty = "empty",
    /// None of these.
    Other = "other",
}

impl Format {
    /// What files of this format are besides. One line of JSON is both kinds of it.
    const fn besides(self) -> &'static [Self] {
        match self {
            Self::Json => &[Self::Text, Self::Jsonl],
            Self::Jsonl => &[Self::Text, Self::Json],
            _ => self.general(),
        }
    }

    /// What everything of this format is an example of.
    const fn general(self) -> &'static [Self] {
        match self {
            Self::Npz => &[Self::Zip],
            Self::Torch => &[Self::Zip, Self::Pickle],
            Self::Json | Self::Jsonl | Self::Script => &[Self::Text],
            _ => &[],
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;
    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.iter().copied().find(|format| format.name() == name);
        found.ok_or_else(|| UnknownFormat { name: shorten(name) })
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// A set of formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Formats(u64);

impl Formats {
    /// Every format.
    #[must_use]
    pub fn all() -> Self {
        Format::ALL.iter().copied().collect()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `format` is among them.
    #[must_use]
    pub fn contains(self, format: Format) -> bool {
        self.0 & Self::bit(format) != 0
    }

    /// Those in it, in the order of [`Format`].
    pub fn iter(self) -> impl Iterator<Item = Format> {
        Format::ALL.iter().copied().filter(move |format| self.contains(*format))
    }

    /// The first that none of `allowed` stands for. A more general format stands for those that are more special (text
    /// for JSON), and a special one for those that every such file has besides (npz for zip).
    #[must_use]
    pub fn beyond(self, allowed: &[Format]) -> Option<Format> {
        let stands_for = |allowed: &Format, format: Format| {
            let special = self.contains(*allowed) && allowed.besides().contains(&format);
            *allowed == format || format.general().contains(allowed) || special
        };
        self.iter().find(|format| !allowed.iter().any(|allowed| stands_for(allowed, *format)))
    }

    pub(super) fn insert(&mut self, format: Format) {
        self.0 |= Self::bit(format);
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    const fn bit(format: Format) -> u64 {
        1 << format as u32
    }
}

impl FromIterator<Format> for Formats {
    fn from_iter<I: IntoIterator<Item = Format>>(formats: I) -> Self {
        let mut set = Self::default();
        formats.into_iter().for_each(|format| set.insert(format));
        set
    }
}

impl fmt::Display for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Format::name).collect();
        f.pad(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_lower_case_and_read_back() {
        assert!(Format::ALL.len() <= 64);
        for format in Format::ALL {
            let name = format.name();
            assert_eq!(name.parse(), Ok(*format));
            assert!(name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{name}");
        }
        assert_eq!(Formats::all().iter().count(), Format::ALL.len());
        assert!("Zip".parse::<Format>().is_err());
        let unknown = "tensors".parse::<Format>().unwrap_err().to_string();
        assert!(unknown.contains("\"tensors\" is no content format (there are: safetensors, gguf"), "{unknown}");
    }

    #[test]
    fn what_is_several_things_must_be_allowed_as_each() {
        use Format::{Json, Jsonl, Npz, Safetensors, Text, Torch, Zip};
        let set = |formats: &[Format]| formats.iter().copied().collect::<Formats>();
        assert_eq!(set(&[Text, Json]).beyond(&[Text]), None, "JSON is text");
        assert_eq!(set(&[Text, Json, Jsonl]).beyond(&[Jsonl]), None, "one line may be taken for either");
        assert_eq!(set(&[Text, Json]).beyond(&[Jsonl]), Some(Json));
        assert_eq!(set(&[Zip, Npz]).beyond(&[Npz]), None, "every npz is a zip");
        assert_eq!(set(&[Zip]).beyond(&[Npz]), Some(Zip));
        assert_eq!(set(&[Safetensors, Zip]).beyond(&[Safetensors]), Some(Zip), "two things at once");
        assert_eq!(set(&[Zip, Torch]).beyond(&[Zip]), None);
        assert_eq!(set(&[Text]).beyond(&[]), Some(Text));
    }
}
