//! Opens and seals age files as the library does: what `scripts/age-pq-peer` holds against another implementation.
//!
//! usage: `age-file recipient IDENTITY_FILE`, `age-file open IDENTITY_FILE FILE`, `age-file seal RECIPIENTS_FILE FILE`
//!
//! An identity file has one on its last line, a recipients file one on each. What comes out goes to stdout.

use gapvault_formats::agefile::{Header, Identity, OpenReader, Recipient, SealWriter};
use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let mut out = io::stdout().lock();
    match words[..] {
        ["recipient", key] => writeln!(out, "{}", identity(key)?.recipient())?,
        ["open", key, file] => {
            let header = Header::read(File::open(file)?)?;
            let mut opened = OpenReader::new(BufReader::new(File::open(file)?), &identity(key)?, header.recipients)?;
            io::copy(&mut opened, &mut out)?;
        }
        ["seal", recipients, file] => {
            let recipients = fs::read_to_string(recipients)?;
            let recipients = recipients.lines().map(str::parse).collect::<Result<Vec<Recipient>, _>>()?;
            let mut sealed = SealWriter::new(out, &recipients)?;
            io::copy(&mut File::open(file)?, &mut sealed)?;
            sealed.finish()?.flush()?;
        }
        _ => return Err("usage: age-file recipient KEY | open KEY FILE | seal RECIPIENTS FILE".into()),
    }
    Ok(())
}

fn identity(path: &str) -> Result<Identity, Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    Ok(Identity::from_secret(text.lines().last().ok_or("an empty identity file")?)?)
}
