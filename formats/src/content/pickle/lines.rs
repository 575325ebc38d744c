//! The arguments that are lines: numbers as loosely as Python reads them, texts, names.

use super::opcodes::{GLOBAL, INST};

/// The longest text and line that are kept.
pub(super) const KEPT: usize = 200;
/// Digits of the largest number that is told from others.
const DIGITS: usize = 18;

/// Whether `byte` may go on the line behind `op`. What a reader of pickles takes for a number is wider than this
/// world's numbers: bases, spaces, underscores, and whatever follows a NUL.
pub(super) fn fits(op: u8, line: &[u8], byte: u8) -> bool {
    let loose = || line.contains(&0) || byte == 0 || is_blank(byte) || b"+-_".contains(&byte);
    match op {
        b'I' | b'L' | b'F' => loose() || byte.is_ascii_alphanumeric() || byte == b'.',
        b'g' | b'p' => loose() || byte.is_ascii_digit(),
        b'S' => !line.is_empty() || matches!(byte, b'\'' | b'"'),
        GLOBAL | INST => is_of_name(byte),
        _ => true,
    }
}

/// Keeps a byte of a line.
pub(super) fn keep(op: u8, line: &mut Vec<u8>, byte: u8) {
    if line.len() < KEPT {
        line.push(byte);
    } else if let (b'S', Some(last), false) = (op, line.last_mut(), is_blank(byte)) {
        // How it ends must be known.
        *last = byte;
    }
}

/// Whether a whole line could be the argument of `op`.
pub(super) fn is_argument(op: u8, line: &[u8]) -> bool {
    let digit = || line.iter().any(u8::is_ascii_digit);
    match op {
        // To C, what begins with a NUL is an empty text, and that is 0.
        b'I' => digit() || line.first() == Some(&0),
        b'L' | b'g' | b'p' => digit(),
        b'F' => digit() || line.to_ascii_lowercase().windows(3).any(|w| w == b"inf" || w == b"nan"),
        b'S' => {
            let text = line.trim_ascii_end();
            text.len() >= 2 && text.first() == text.last()
        }
        _ => true,
    }
}

/// The number in the memo that a line gives; `None` if it is none that is told from others.
pub(super) fn number(line: &[u8]) -> Option<u64> {
    let text = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let digits = || text.iter().filter(|byte| byte.is_ascii_digit()).skip_while(|digit| **digit == b'0');
    // A negative one is never there.
    let known = line.len() < KEPT && digits().count() <= DIGITS;
    known.then(|| digits().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// Whether it is the name of a module or of something in it. What a pickle imports has names, or there is nothing to
/// import; lines of a text hardly ever are names.
pub(super) fn is_name(name: &[u8]) -> bool {
    let text = std::str::from_utf8(name);
    // Cut in the middle of a character.
    let cut = || name.len() >= KEPT - 3 && text.is_err_and(|fault| fault.error_len().is_none());
    name.first().is_some_and(|first| !first.is_ascii_digit())
        && name.iter().all(|byte| is_of_name(*byte))
        && (text.is_ok() || cut())
}

/// Whether a byte may stand in a name: letters, digits, and all that is not ASCII.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-') || byte >= 0x80
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c)
}
