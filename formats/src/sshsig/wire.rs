//! The fields that OpenSSH's formats are made of: RFC 4251, section 5.

/// What was not read yet.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next `count` bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        self.bytes(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// A length and as many bytes.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.bytes(usize::try_from(length).ok()?)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.string()?).ok()
    }

    /// A number of the size of a curve's: positive, in the one encoding that it has.
    pub(super) fn scalar(&mut self) -> Option<&'a [u8]> {
        let bytes = self.string()?;
        let digits = match bytes {
            [0, digits @ ..] if digits.first().is_some_and(|first| *first >= 0x80) => digits,
            [1..0x80, ..] => bytes,
            _ => return None,
        };
        (digits.len() <= 32).then_some(digits)
    }

    /// Whether all was read.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
