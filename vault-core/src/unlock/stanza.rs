//! Stanzas of the plugin protocol: a line of words, then base64 in lines of 64 characters, the last of them shorter.
//!
//! Source: C2SP `age-plugin.md`; a stanza there is that of an age header.

use base64ct::{Base64Unpadded, Encoding};
use std::io::{self, BufRead, Read, Write};
use zeroize::Zeroizing;

/// Characters of a line of base64.
const LINE: usize = 64;
/// The longest stanza that is read, in bytes: a plugin is a local program, but none of them has more to say.
const LONGEST: u64 = 64 << 10;

/// A command or an answer to one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) words: Vec<String>,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Message {
    /// What kind it is: its first word.
    pub(super) fn kind(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// Its body as text, for people.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Writes a stanza and lets it go at once.
pub(super) fn send<S: AsRef<str>>(out: &mut impl Write, words: &[S], body: &[u8]) -> io::Result<()> {
    let mut text = Zeroizing::new(String::from("->"));
    for word in words {
        text.push(' ');
        text.push_str(word.as_ref());
    }
    text.push('\n');
    let base64 = Zeroizing::new(Base64Unpadded::encode_string(body));
    let mut rest = base64.as_str();
    // A full last line is followed by an empty one.
    while rest.len() >= LINE {
        let (line, more) = rest.split_at(LINE);
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str(rest);
    text.push('\n');
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Reads a stanza.
pub(super) fn receive(input: &mut impl BufRead) -> io::Result<Message> {
    let mut input = input.take(LONGEST);
    let head = line(&mut input)?;
    let words: Vec<_> = head.strip_prefix("-> ").ok_or_else(malformed)?.split(' ').map(str::to_owned).collect();
    if words.iter().any(String::is_empty) {
        return Err(malformed());
    }
    let mut base64 = Zeroizing::new(String::new());
    loop {
        let line = line(&mut input)?;
        if line.len() > LINE {
            return Err(malformed());
        }
        base64.push_str(&line);
        if line.len() < LINE {
            break;
        }
    }
    let body = Base64Unpadded::decode_vec(&base64).map_err(|_| malformed())?;
    Ok(Message { words, body: Zeroizing::new(body) })
}

fn line(input: &mut impl BufRead) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    input.read_line(&mut line)?;
    match line.pop() {
        Some('\n') if line.is_ascii() => Ok(line),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Err(malformed()),
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what it says is not of the plugin protocol")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_sent_is_received(body in prop::collection::vec(any::<u8>(), 0..300), word in "[!-~]{1,20}") {
            let mut sent = Vec::new();
            send(&mut sent, &["add-recipient", &word], &body).unwrap();
            let message = receive(&mut sent.as_slice()).unwrap();
            prop_assert_eq!(message.words, ["add-recipient".to_owned(), word]);
            prop_assert_eq!(&*message.body, &body);
        }
    }

    #[test]
    fn what_is_no_stanza_is_refused() {
        let long = format!("-> x\n{}\n\n", "A".repeat(65));
        for bad in ["", "-> x", "-> x\n", "x\n\n", "-> x  y\n\n", "-> x\n!!\n", "-> x\nAAA=\n", &long] {
            assert!(receive(&mut bad.as_bytes()).is_err(), "{bad:?}");
        }
        let endless = [b"-> x\n".as_slice(), &[b"A".repeat(64), b"\n".to_vec()].concat().repeat(2000)].concat();
        assert!(receive(&mut endless.as_slice()).is_err());
    }
}
