//! The header, read and counted before the age crate sees it.

use super::payload::{BLOCK, NONCE, TAG};
use super::{AgeError, Suite};
use crate::limits;
use std::io::{BufRead, BufReader, Read, Take};

/// An age header, counted but not judged by any key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What its stanzas are of: all of one suite.
    pub suite: Suite,
    /// How many of them there are, grease not counted: at least 1.
    pub recipients: u64,
    /// Bytes up to the payload.
    pub length: u64,
}

impl Header {
    /// Reads a header from `input`, which is read a little further than the header goes.
    ///
    /// # Errors
    /// [`AgeError::Header`], [`AgeError::Stanza`], [`AgeError::Malformed`] and [`AgeError::NoRecipients`] for what this
    /// format does not have, [`AgeError::Io`].
    pub fn read(input: impl Read) -> Result<Self, AgeError> {
        Lines::new(BufReader::new(input)).header()
    }

    /// The same, with the file's bytes up to its first block: the header and the nonce behind it. Nothing else is read.
    pub(super) fn read_head(input: impl BufRead) -> Result<(Self, Vec<u8>), AgeError> {
        let mut lines = Lines::new(input);
        let header = lines.header()?;
        Ok((header, lines.with_nonce()?))
    }

    /// How many bytes an age file of `size` bytes with this header holds; `None` if no age file has that size.
    #[must_use]
    pub fn plaintext_length(self, size: u64) -> Option<u64> {
        const SEALED: u64 = (BLOCK + TAG) as u64;
        let payload = size.checked_sub(self.length)?.checked_sub(NONCE as u64)?;
        let tag = TAG as u64;
        let plaintext = payload.checked_sub(payload.div_ceil(SEALED) * tag)?;
        // An empty plaintext has one block; every other has no empty block at its end.
        (payload >= tag && (payload == tag || payload % SEALED != tag)).then_some(plaintext)
    }

    /// Whether it is of this suite and has as many recipients as the seal gives.
    pub fn expect(self, suite: Suite, recipients: u64) -> Result<(), AgeError> {
        if self.suite != suite {
            return Err(AgeError::Suite { actual: self.suite, expected: suite });
        }
        let (actual, expected) = (self.recipients, recipients);
        if actual == expected { Ok(()) } else { Err(AgeError::StanzaCount { actual, expected }) }
    }
}

/// Reads LF-ended ASCII lines, at most as many bytes as a header may have, and keeps them.
struct Lines<R> {
    input: Take<R>,
    bytes: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn new(input: R) -> Self {
        Self { input: input.take(limits::AGE_HEADER_BYTES), bytes: Vec::new() }
    }

    fn next(&mut self) -> Result<String, AgeError> {
        let mut line = Vec::new();
        self.input.read_until(b'\n', &mut line)?;
        self.bytes.extend_from_slice(&line);
        match line.pop() {
            Some(b'\n') if line.is_ascii() => String::from_utf8(line).map_err(|_| AgeError::Header),
            _ => Err(AgeError::Header),
        }
    }

    fn header(&mut self) -> Result<Header, AgeError> {
        if self.next()? != "age-encryption.org/v1" {
            return Err(AgeError::Header);
        }
        let (mut suite, mut recipients, mut grease) = (None, 0, 0);
        let mut line = self.next()?;
        while let Some(stanza) = line.strip_prefix("-> ") {
            let mut words = stanza.split(' ');
            let kind = words.next().unwrap_or_default();
            let own = Suite::ALL.into_iter().find(|suite| suite.stanza() == kind);
            match own {
                // SPEC 4.5: the first says which suite it is, and no other is of another.
                Some(own) if *suite.get_or_insert(own) == own => recipients += 1,
                // SPEC 4.5: at most one stanza of grease beside the suite's own.
                None if kind.ends_with("-grease") && grease == 0 => grease += 1,
                _ => return Err(AgeError::Stanza(crate::names::shorten(kind))),
            }
            let body = self.body()?;
            if let Some(suite) = own {
                suite.check(words, &body)?;
            }
            line = self.next()?;
        }
        if !line.starts_with("--- ") {
            return Err(AgeError::Header);
        }
        let suite = suite.ok_or(AgeError::NoRecipients)?;
        Ok(Header { suite, recipients, length: self.bytes.len() as u64 })
    }

    /// The lines of a stanza's body: full ones, then one that is not.
    fn body(&mut self) -> Result<Vec<String>, AgeError> {
        let mut body = Vec::new();
        loop {
            let line = self.next()?;
            if line.starts_with('-') || line.len() > 64 {
                return Err(AgeError::Header);
            }
            let full = line.len() == 64;
            body.push(line);
            if !full {
                return Ok(body);
            }
        }
    }

    /// What was read, and the payload's nonce behind it.
    fn with_nonce(mut self) -> Result<Vec<u8>, AgeError> {
        // The limit so far was the header's alone.
        self.input.set_limit(NONCE as u64);
        let head = self.bytes.len() + NONCE;
        self.input.read_to_end(&mut self.bytes)?;
        if self.bytes.len() == head { Ok(self.bytes) } else { Err(AgeError::CutOff) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sealed;
    use super::super::{BlockOpener, Identity};
    use super::*;

    /// Of no key in particular.
    const STANZA: &str = "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc
EmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U
";

    #[test]
    fn as_many_recipients_as_a_suite_may_have_fit_and_are_counted() {
        for suite in Suite::ALL {
            let recipient = Identity::generate_for(suite).recipient();
            let recipients = vec![recipient; suite.most_recipients() as usize];
            let header = Header::read(sealed(&recipients, b"").as_slice()).unwrap();
            header.expect(suite, suite.most_recipients()).unwrap();
            let [other] = Suite::ALL.into_iter().filter(|other| *other != suite).collect::<Vec<_>>()[..] else {
                panic!()
            };
            let refused = header.expect(other, suite.most_recipients());
            assert!(
                matches!(refused, Err(AgeError::Suite { actual, expected }) if actual == suite && expected == other)
            );
        }
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
        let huge = format!("age-encryption.org/v1\n{}", STANZA.repeat(100_000)).into_bytes();
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

    #[test]
    fn a_head_ends_behind_its_nonce_and_no_shorter_one_opens() {
        let identity = Identity::generate();
        let file = sealed(&[identity.recipient()], b"weights");
        let (header, head) = Header::read_head(file.as_slice()).unwrap();
        assert_eq!(head, file[..header.length as usize + NONCE]);
        for cut in header.length as usize..head.len() {
            assert!(matches!(BlockOpener::new(&file[..cut], &identity, 1), Err(AgeError::CutOff)), "{cut}");
        }
        BlockOpener::new(head.as_slice(), &identity, 1).unwrap();
    }

    #[test]
    fn a_header_as_long_as_the_limit_still_has_its_nonce_read() {
        let full = "A".repeat(64) + "\n";
        let mut text = format!("age-encryption.org/v1\n{STANZA}-> x-grease\n");
        while text.len() + full.len() + 1 + 66 <= limits::AGE_HEADER_BYTES as usize {
            text += &full;
        }
        text += "\n--- ";
        text += &"m".repeat(limits::AGE_HEADER_BYTES as usize - text.len() - 1);
        text += "\n";
        let file = [text.as_bytes(), &[7; NONCE], b"blocks"].concat();
        let (header, head) = Header::read_head(file.as_slice()).unwrap();
        assert_eq!(header.length, limits::AGE_HEADER_BYTES);
        assert_eq!(head, file[..text.len() + NONCE]);
        let longer = [&text.as_bytes()[..text.len() - 1], b"m\n", &[7; NONCE]].concat();
        assert!(matches!(Header::read_head(longer.as_slice()), Err(AgeError::Header)));
    }
}
