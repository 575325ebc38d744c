//! Whether the elements of a numpy array are Python objects, which stand in the file as a pickle.
//!
//! Source: numpy's description of its format. The header is a Python literal; what is not plainly the type of a number,
//! text or time counts as objects.

/// The longest header that is read. Numpy itself reads no more than 10,000 characters unless it is told to.
const HEADER: usize = 10_000;
/// How deep types may hold types.
const DEPTH: u32 = 8;

/// What an array is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Elements {
    /// Numbers, texts, times.
    Plain,
    /// Python objects, or what is not known.
    Objects,
    /// The header is no header.
    Unknown,
}

/// What the elements of the array are that begins with `head`.
pub(super) fn objects(head: &[u8]) -> Elements {
    let header = match head.get(6) {
        Some(1) => little(head, 8, 2).map(|length| (10, length)),
        Some(2 | 3) => little(head, 8, 4).map(|length| (12, length)),
        _ => None,
    };
    let text = header
        .filter(|(_, length)| *length <= HEADER)
        .and_then(|(begin, length)| std::str::from_utf8(head.get(begin..begin + length)?).ok());
    let Some(descr) = text.and_then(|text| Parser { rest: text }.header()) else { return Elements::Unknown };
    if is_plain(&descr, DEPTH) { Elements::Plain } else { Elements::Objects }
}

fn little(head: &[u8], begin: usize, length: usize) -> Option<usize> {
    super::magic::little(head, begin, length).and_then(|length| usize::try_from(length).ok())
}

/// Whether it is the type of plain elements: a code, or a list of fields with a name, a type and perhaps a shape.
fn is_plain(descr: &Literal, depth: u32) -> bool {
    match descr {
        Literal::Text(code) => is_code(code),
        Literal::Many(fields) if depth > 0 => fields.iter().all(|field| match field {
            Literal::Many(parts) => parts.get(1).is_some_and(|part| is_plain(part, depth - 1)),
            _ => false,
        }),
        _ => false,
    }
}

/// Whether it is an order of bytes, a letter, a size, and of times a unit.
fn is_code(code: &str) -> bool {
    let code = code.strip_prefix(['<', '>', '|', '=']).unwrap_or(code);
    let mut rest = code.chars();
    let letter = rest.next().is_some_and(|letter| "biufcmMSUVa?".contains(letter));
    let rest = rest.as_str();
    let size = rest.split_once('[').map_or(rest, |(size, unit)| if unit.ends_with(']') { size } else { "x" });
    letter && size.chars().all(|c| c.is_ascii_digit())
}

/// A Python literal, as far as numpy writes them.
#[derive(Debug)]
enum Literal {
    Text(String),
    /// A list or tuple.
    Many(Vec<Literal>),
    /// A number, truth value or nothing.
    Word,
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    /// The value of `descr` in a dictionary that is all there is.
    fn header(mut self) -> Option<Literal> {
        let mut descr = None;
        self.expect('{')?;
        while !self.takes('}') {
            let Literal::Text(key) = self.value(0)? else { return None };
            self.expect(':')?;
            let value = self.value(DEPTH)?;
            // Given twice, the last counts in Python.
            if key == "descr" && descr.replace(value).is_some() {
                return None;
            }
            if !self.takes(',') {
                self.expect('}')?;
                break;
            }
        }
        self.rest.trim().is_empty().then_some(descr)?
    }

    fn value(&mut self, depth: u32) -> Option<Literal> {
        self.rest = self.rest.trim_start();
        let first = self.rest.chars().next()?;
        match first {
            '\'' | '"' => {
                let (text, rest) = self.rest[1..].split_once(first)?;
                // Escapes, and two texts in a row, would spell something else.
                let next = rest.trim_start().chars().next();
                if text.contains('\\') || matches!(next, Some('\'' | '"')) {
                    return None;
                }
                self.rest = rest;
                Some(Literal::Text(text.to_owned()))
            }
            '(' | '[' if depth > 0 => {
                let end = if first == '(' { ')' } else { ']' };
                self.rest = &self.rest[1..];
                let mut items = Vec::new();
                while !self.takes(end) {
                    items.push(self.value(depth - 1)?);
                    if !self.takes(',') {
                        self.expect(end)?;
                        break;
                    }
                }
                Some(Literal::Many(items))
            }
            _ => {
                let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(self.rest.len());
                let word = &self.rest[..end];
                let known = matches!(word, "True" | "False" | "None");
                let number = word.trim_start_matches('-').trim_end_matches('L');
                let is_number = !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit());
                self.rest = &self.rest[end..];
                (known || is_number).then_some(Literal::Word)
            }
        }
    }

    fn takes(&mut self, c: char) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, c: char) -> Option<()> {
        self.takes(c).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(descr: &str) -> Elements {
        let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (2, 3), }}   \n");
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        objects(&[b"\x93NUMPY\x01\0".as_slice(), &length, header.as_bytes()].concat())
    }

    #[test]
    fn arrays_of_numbers_and_texts_are_plain() {
        for descr in [
            "'<f4'",
            "'|b1'",
            "'<U12'",
            "'<M8[ns]'",
            "[('Open', '<f8'), ('a', '<i4', (3,))]",
            "\"<V2\"",
            "[('nested', [('x', '<f2')]), (('title', 'name'), '|S3')]",
        ] {
            assert_eq!(elements(descr), Elements::Plain, "{descr}");
        }
    }

    #[test]
    fn what_could_be_objects_is_not_plain() {
        for descr in [
            "'|O'",
            "'O'",
            "'object'",
            "'i4,O'",
            "'(2,)O'",
            "[('a', '<f4'), ('b', '|O')]",
            "'2O'",
            "'<f4,|O'",
            "[('a', [('b', 'O8')])]",
            "'int64'",
            "('O', (2,))",
            "[('a',)]",
            "None",
            "'<M8[O'",
        ] {
            assert_eq!(elements(descr), Elements::Objects, "{descr}");
        }
    }

    #[test]
    fn what_python_would_read_in_another_way_is_not_guessed_at() {
        for descr in [
            "'\\x7cO'",
            "'|' 'O'",
            "'<f4', 'descr': '|O'",
            "b'<f4'",
            "'<f4",
            "f4",
            "'<f4'}, {'a': 1",
            "((((((((((('O')))))))))))",
        ] {
            assert_eq!(elements(descr), Elements::Unknown, "{descr}");
        }
        for head in [b"\x93NUMPY\x04\0\x00\x00".as_slice(), b"\x93NUMPY", b"\x93NUMPY\x01\0\xff\xff{"] {
            assert_eq!(objects(head), Elements::Unknown);
        }
    }
}
