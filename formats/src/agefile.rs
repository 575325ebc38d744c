//! Plain age v1 files: their headers are counted before the age crate sees them, their payloads stream.
//!
//! Source of the format: C2SP `age.md`.

use crate::limits;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use zeroize::Zeroizing;

/// Who a bundle's files are sealed to, and how. One suite per bundle, never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Suite {
    /// X25519 recipients.
    #[serde(rename = "age-x25519")]
    X25519,
}

/// Why an age file or key is refused.
#[derive(Debug, thiserror::Error)]
pub enum AgeError {
    /// Not `age1…` or `AGE-SECRET-KEY-1…`.
    #[error("not an age X25519 {0}")]
    Key(&'static str),
    /// No age header, or one over the limit.
    #[error("no well-formed age header within {} bytes", limits::AGE_HEADER_BYTES)]
    Header,
    /// Stanzas of another suite, or more grease than one.
    #[error("an age header with a stanza of type {0:?}, which this suite does not have")]
    Stanza(String),
    /// Another number of stanzas than the seal gives: a recipient was added or removed.
    #[error("an age header with {actual} recipients, the seal gives {expected}")]
    StanzaCount {
        /// Counted in the header.
        actual: u64,
        /// Given by the seal.
        expected: u64,
    },
    /// None of the stanzas opens with this identity.
    #[error("not sealed to this key")]
    NotARecipient,
    /// Nobody to seal to.
    #[error("no recipients")]
    NoRecipients,
    /// The header's or the payload's authentication failed.
    #[error("damaged or forged: {0}")]
    Broken(String),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A public key that files are sealed to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Recipient(age::x25519::Recipient);

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}
impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}
impl std::str::FromStr for Recipient {
    type Err = AgeError;
    fn from_str(text: &str) -> Result<Self, AgeError> {
        let key: age::x25519::Recipient = text.parse().map_err(|_| AgeError::Key("recipient"))?;
        // SPEC 6.1: a point of low order is nobody's key.
        let good = key.to_string() == text && !crate::low_order::is_low_order(text);
        if good { Ok(Self(key)) } else { Err(AgeError::Key("recipient")) }
    }
}
impl serde::Serialize for Recipient {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> serde::Deserialize<'de> for Recipient {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A private key that opens what is sealed to its recipient.
#[derive(Clone)]
pub struct Identity(age::x25519::Identity);

impl Identity {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(age::x25519::Identity::generate())
    }

    /// From its `AGE-SECRET-KEY-1…` line.
    pub fn from_secret(text: &str) -> Result<Self, AgeError> {
        text.parse().map(Self).map_err(|_| AgeError::Key("identity"))
    }

    /// Its `AGE-SECRET-KEY-1…` line.
    #[must_use]
    pub fn expose_secret(&self) -> Zeroizing<String> {
        use age::secrecy::ExposeSecret;
        self.0.to_string().expose_secret().to_owned().into()
    }

    /// Its public half.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(secret)")
    }
}

/// An age header, counted but not judged by any key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Stanzas of the suite.
    pub recipients: u64,
    /// Bytes up to the payload.
    pub length: u64,
}

impl Header {
    /// Reads a header from `input` and stops behind it.
    pub fn read(input: impl Read) -> Result<Self, AgeError> {
        let mut lines = Lines { input: BufReader::new(input.take(limits::AGE_HEADER_BYTES)), length: 0 };
        if lines.next()? != "age-encryption.org/v1" {
            return Err(AgeError::Header);
        }
        let (mut recipients, mut grease) = (0, 0);
        let mut line = lines.next()?;
        while let Some(stanza) = line.strip_prefix("-> ") {
            match stanza.split(' ').next() {
                Some("X25519") => recipients += 1,
                // SPEC 4.5: at most one stanza of grease beside the suite's own.
                Some(kind) if kind.ends_with("-grease") && grease == 0 => grease += 1,
                kind => return Err(AgeError::Stanza(crate::names::shorten(kind.unwrap_or_default()))),
            }
            loop {
                line = lines.next()?;
                if line.starts_with('-') || line.len() > 64 {
                    return Err(AgeError::Header);
                }
                if line.len() < 64 {
                    break;
                }
            }
            line = lines.next()?;
        }
        if line.starts_with("--- ") { Ok(Self { recipients, length: lines.length }) } else { Err(AgeError::Header) }
    }

    /// How many bytes an age file of `size` bytes with this header holds; `None` if no age file has that size.
    #[must_use]
    pub fn plaintext_length(self, size: u64) -> Option<u64> {
        const NONCE: u64 = 16;
        const TAG: u64 = 16;
        const BLOCK: u64 = (64 << 10) + TAG;
        let payload = size.checked_sub(self.length)?.checked_sub(NONCE)?;
        let plaintext = payload.checked_sub(payload.div_ceil(BLOCK) * TAG)?;
        // An empty plaintext has one block; every other has no empty block at its end.
        (payload >= TAG && (payload == TAG || payload % BLOCK != TAG)).then_some(plaintext)
    }

    /// Whether it has as many recipients as the seal gives.
    pub fn expect(self, expected: u64) -> Result<(), AgeError> {
        let actual = self.recipients;
        if actual == expected { Ok(()) } else { Err(AgeError::StanzaCount { actual, expected }) }
    }
}

/// Reads LF-ended ASCII lines; the limit is on the reader below.
struct Lines<R> {
    input: BufReader<R>,
    length: u64,
}

impl<R: Read> Lines<R> {
    fn next(&mut self) -> Result<String, AgeError> {
        let mut line = Vec::new();
        self.length += self.input.read_until(b'\n', &mut line)? as u64;
        match line.pop() {
            Some(b'\n') if line.is_ascii() => String::from_utf8(line).map_err(|_| AgeError::Header),
            _ => Err(AgeError::Header),
        }
    }
}

/// Seals what is written to it; [`SealWriter::finish`] ends the file.
pub struct SealWriter<W: Write>(age::stream::StreamWriter<W>);

impl<W: Write> SealWriter<W> {
    /// Writes an age header for `recipients` to `out`.
    pub fn new<'a>(out: W, recipients: impl IntoIterator<Item = &'a Recipient>) -> Result<Self, AgeError> {
        let recipients = recipients.into_iter().map(|r| &r.0 as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(recipients).map_err(|_| AgeError::NoRecipients)?;
        Ok(Self(encryptor.wrap_output(out)?))
    }

    /// Seals the last block and gives the writer back.
    pub fn finish(self) -> io::Result<W> {
        self.0.finish()
    }
}

impl<W: Write> Write for SealWriter<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> fmt::Debug for SealWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealWriter")
    }
}

/// Opens what was sealed. Every block is authenticated before it is given out.
pub struct OpenReader<R>(age::stream::StreamReader<R>);

impl<R: BufRead + Seek> OpenReader<R> {
    /// Counts the header's recipients, then opens the file with `identity`. `input` stands at its beginning.
    pub fn new(mut input: R, identity: &Identity, recipients: u64) -> Result<Self, AgeError> {
        let begin = input.stream_position()?;
        Header::read(&mut input)?.expect(recipients)?;
        input.seek(SeekFrom::Start(begin))?;
        // Not `new`: for a header of 120 KiB it took 11.6 s, this 0.15 s.
        let decryptor = age::Decryptor::new_buffered(input).map_err(refuse)?;
        let reader = decryptor.decrypt(std::iter::once(&identity.0 as &dyn age::Identity)).map_err(refuse)?;
        Ok(Self(reader))
    }

    /// Goes to `offset` of the plaintext. The caller has bounded it by what the seal says the file holds: the reader
    /// below panics when it is sent past the end.
    pub fn go_to(&mut self, offset: u64) -> io::Result<()> {
        self.0.seek(SeekFrom::Start(offset)).map(drop)
    }
}

fn refuse(error: age::DecryptError) -> AgeError {
    match error {
        age::DecryptError::NoMatchingKeys => AgeError::NotARecipient,
        age::DecryptError::Io(e) => AgeError::Io(e),
        // Its further lines guess at the reason.
        other => AgeError::Broken(other.to_string().lines().next().unwrap_or_default().to_owned()),
    }
}

impl<R: Read> Read for OpenReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl<R> fmt::Debug for OpenReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenReader")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn sealed(recipients: &[Recipient], plain: &[u8]) -> Vec<u8> {
        let mut w = SealWriter::new(Vec::new(), recipients).unwrap();
        w.write_all(plain).unwrap();
        w.finish().unwrap()
    }

    #[test]
    fn recipients_are_counted_and_only_they_open() {
        let (a, b, c) = (Identity::generate(), Identity::generate(), Identity::generate());
        let file = sealed(&[a.recipient(), b.recipient()], b"weights");
        let header = Header::read(file.as_slice()).unwrap();
        assert_eq!((header.recipients, header.plaintext_length(file.len() as u64)), (2, Some(7)));
        let mut plain = Vec::new();
        OpenReader::new(Cursor::new(&file), &a, 2).unwrap().read_to_end(&mut plain).unwrap();
        assert_eq!(plain, b"weights");
        assert!(matches!(
            OpenReader::new(Cursor::new(&file), &a, 1),
            Err(AgeError::StanzaCount { actual: 2, expected: 1 })
        ));
        assert!(matches!(OpenReader::new(Cursor::new(&file), &c, 2), Err(AgeError::NotARecipient)));
    }

    #[test]
    fn a_size_tells_the_length_inside() {
        let identity = Identity::generate();
        for length in [0u64, 1, 65_535, 65_536, 65_537, 131_072, 200_000] {
            let file = sealed(&[identity.recipient()], &vec![0; length as usize]);
            let header = Header::read(file.as_slice()).unwrap();
            assert_eq!(header.plaintext_length(file.len() as u64), Some(length));
        }
        let header = Header::read(sealed(&[identity.recipient()], b"").as_slice()).unwrap();
        for impossible in [0, header.length + 16, header.length + 31, header.length + 16 + 65_536 + 32] {
            assert_eq!(header.plaintext_length(impossible), None, "{impossible}");
        }
    }

    #[test]
    fn hostile_headers_are_refused_before_they_are_parsed() {
        let huge = [b"age-encryption.org/v1\n".as_slice(), &b"-> X25519 AAAA\nAAAA\n".repeat(100_000)].concat();
        assert!(matches!(Header::read(huge.as_slice()), Err(AgeError::Header)));
        let line = [b"age-encryption.org/v1\n-> X25519 ".as_slice(), &[b'A'; 1 << 20]].concat();
        assert!(matches!(Header::read(line.as_slice()), Err(AgeError::Header)));
        for (kind, body) in [("scrypt", "AAAA"), ("ssh-rsa", "AAAA")] {
            let text = format!("age-encryption.org/v1\n-> {kind} x\n{body}\n--- mac\n");
            assert!(matches!(Header::read(text.as_bytes()), Err(AgeError::Stanza(_))), "{kind}");
        }
        let greased = "age-encryption.org/v1\n-> a-grease\n\n-> b-grease\n\n--- mac\n";
        assert!(matches!(Header::read(greased.as_bytes()), Err(AgeError::Stanza(_))));
        assert!(matches!(Header::read(b"".as_slice()), Err(AgeError::Header)));
    }
}
