//! Tells what `look` makes of each of many inputs: what `scripts/fuzz-pickles` holds against Python's own readers.
//!
//! stdin: for each input its length, 4 bytes, little-endian, then its bytes. stdout: for each a line of three fields, kept
//! apart by tabs: `pickle` or `-`, why something can't be looked into or `-`, and what it is.

use gapvault_formats::content::look;
use std::io::{self, BufWriter, Cursor, Read, Write};

fn main() -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut length = [0; 4];
    let mut bytes = Vec::new();
    while input.read_exact(&mut length).is_ok() {
        bytes.resize(u32::from_le_bytes(length) as usize, 0);
        input.read_exact(&mut bytes)?;
        let seen = look(Cursor::new(&bytes), bytes.len() as u64)?;
        let pickle = if seen.pickle.is_some() { "pickle" } else { "-" };
        let hidden = seen.hidden.map_or_else(|| "-".to_owned(), |hidden| hidden.why.to_string());
        writeln!(out, "{pickle}\t{hidden}\t{}", seen.formats)?;
        // Whoever asks waits for the answer.
        out.flush()?;
    }
    Ok(())
}
