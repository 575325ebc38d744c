//! What a tar header and the records of an extended one say.

/// A block; headers have one, and whatever stands in an archive begins with one.
pub(super) const BLOCK: usize = 512;
/// What begins to be too large for a header's own field.
const LARGE: u64 = 1 << 33;

/// More than the bytes of a block can add up to.
const LARGEST_SUM: u64 = 1 << 18;

/// What one block says.
#[derive(Debug)]
pub(super) enum Header {
    /// Nothing but zeros: here most readers end.
    Zeros,
    /// Not a header.
    None,
    /// A header to some readers, or to all of them but of different sizes.
    Odd,
    Entry {
        kind: u8,
        size: u64,
        name: String,
    },
}

/// A number as it is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Number(u64),
    /// A number below zero, or nothing but spaces: that makes no difference but in a size.
    Other,
    /// Readers differ in what it is.
    Odd,
}

pub(super) fn parse(block: &[u8]) -> Header {
    if block.iter().all(|byte| *byte == 0) {
        return Header::Zeros;
    }
    // Some writers add up signed bytes.
    let is_sum =
        |said: u64| said < LARGEST_SUM && [false, true].map(|signed| sum(block, signed)).contains(&(said as i64));
    let said = match field(&block[148..156]) {
        Field::Number(said) if is_sum(said) => said,
        Field::Number(_) | Field::Other => return Header::None,
        // Signed bytes of noise add up to about 0: what is no text is no number, and without a digit nothing is.
        Field::Odd if spelled(&block[148..156]).into_iter().any(|said| said > 0 && is_sum(said)) => return Header::Odd,
        Field::Odd => return Header::None,
    };
    // Mode, owners, time, device: some readers pass over a header where one of these is no number.
    let others = [100..108, 108..116, 116..124, 136..148, 329..337, 337..345];
    if others.into_iter().any(|at| field(&block[at]) == Field::Odd) {
        return if said == 0 { Header::None } else { Header::Odd };
    }
    let Field::Number(size) = field(&block[124..136]) else { return Header::Odd };
    let name = block[..100].split(|byte| *byte == 0).next().unwrap_or_default();
    let kind = block[156];
    // Folders before there was a kind for them: some readers take what follows for content, others for the next header.
    if size > 0 && matches!(kind, 0 | b'0') && name.ends_with(b"/") {
        return Header::Odd;
    }
    Header::Entry { kind, size, name: String::from_utf8_lossy(name).into_owned() }
}

fn sum(block: &[u8], signed: bool) -> i64 {
    let value = |(at, byte): (usize, &u8)| match at {
        148..156 => i64::from(b' '),
        _ if signed => i64::from(byte.cast_signed()),
        _ => i64::from(*byte),
    };
    block.iter().enumerate().map(value).sum()
}

/// Octal digits with spaces before them and spaces or NULs behind; or for what is large a big-endian number behind a bit
/// that says so.
fn field(field: &[u8]) -> Field {
    match field {
        [0x80, number @ ..] => {
            let (high, low) = number.split_at(number.len().saturating_sub(8));
            let fits = high.iter().all(|byte| *byte == 0);
            if fits { Field::Number(low.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))) } else { Field::Odd }
        }
        [0xff, ..] => Field::Other,
        _ if field.iter().all(|byte| *byte == 0) => Field::Number(0),
        _ => {
            let text = field.trim_ascii_start();
            let digits = text.iter().take_while(|byte| (b'0'..=b'7').contains(*byte));
            let (number, length) =
                digits.fold((0, 0), |(n, length), digit| (n << 3 | u64::from(digit - b'0'), length + 1));
            let ends = text[length..].iter().all(|byte| matches!(byte, 0 | b' '));
            match (ends, length) {
                (true, 0) => Field::Other,
                (true, _) => Field::Number(number),
                (false, _) => Field::Odd,
            }
        }
    }
}

/// Whatever number some reader may find in a field: up to a NUL or past it; with signs, bases and underscores, or up to
/// the first of them; in the digits of base 64 that GNU tar wrote for a while.
fn spelled(field: &[u8]) -> [u64; 4] {
    let is_digit = |byte: &&u8| (b'0'..=b'7').contains(*byte);
    let octal = |n: u64, digit: &u8| n << 3 | u64::from(digit - b'0');
    let up_to = field.split(|byte| *byte == 0).next().unwrap_or_default();
    if !up_to.is_ascii() {
        return [0; 4];
    }
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let sign = |byte: &&u8| !matches!(**byte, b'+' | b'-');
    let base_64 = field.iter().skip_while(sign).skip(1).map_while(|byte| value(*byte));
    [
        up_to.iter().filter(is_digit).fold(0, octal),
        field.iter().filter(is_digit).fold(0, octal),
        field.iter().skip_while(|byte| !is_digit(byte)).take_while(is_digit).fold(0, octal),
        base_64.fold(0, |n, digit| n << 6 | u64::from(digit)),
    ]
}

/// What an extended header changes of the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extended {
    pub(super) size: Option<u64>,
    /// The content does not begin with its first byte.
    pub(super) sparse: bool,
}

impl Extended {
    /// The size of a member whose own header says `size`; `None` if readers differ. Writers give another where it does
    /// not fit there, and only then is a reader known to look here.
    pub(super) fn size(self, size: u64) -> Option<u64> {
        match self.size {
            Some(said) if said != size && said < LARGE => None,
            said => Some(said.unwrap_or(size)),
        }
    }
}

/// What the records `<length> <key>=<value>⏎` of an extended header say; `None` if they are none, or if readers differ.
pub(super) fn records_of(mut records: &[u8]) -> Option<Extended> {
    let mut said = Extended::default();
    while records.first().is_some_and(|byte| *byte != 0) {
        let space = records.iter().position(|byte| *byte == b' ')?;
        let length = usize::try_from(decimal(&records[..space])?).ok()?;
        let record = records.get(space + 1..length)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        if key == b"size" && said.size.replace(decimal(value)?).is_some() {
            return None;
        }
        said.sparse |= key.starts_with(b"GNU.sparse") || key == b"SUN.holesdata";
        records = &records[length..];
    }
    // Some readers look for more up to the end of the block.
    records.iter().all(|byte| *byte == 0).then_some(said)
}

fn decimal(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}
