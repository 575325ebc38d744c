//! Whoever sits at the terminal, asked for what opens the vault's identities; or a file that has the answer.

use crate::text::printable;
use crate::ui::{eprint_line, eprint_part};
use gapvault_core::unlock::{Ask, AskError, Wanted};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The longest passphrase in bytes.
const LONGEST: u64 = 4096;

/// The person at the terminal.
#[derive(Debug)]
pub(crate) struct Person {
    /// A file with the passphrase in its first line.
    pub(crate) passphrase_file: Option<PathBuf>,
}

impl Ask for Person {
    fn secret(&self, wanted: Wanted<'_>) -> Result<Zeroizing<String>, AskError> {
        match (wanted, &self.passphrase_file) {
            (Wanted::Passphrase(_), Some(file)) => first_line(file),
            (Wanted::Passphrase(path), None) => typed(&format!("passphrase of {}: ", path.display()), true),
            (Wanted::Plugin { program, prompt, secret }, _) => {
                typed(&format!("{} asks: {} ", program.display(), prompt.trim_end()), secret)
            }
        }
    }

    fn tell(&self, program: &Path, text: &str) {
        eprint_line(&printable(&format!("{} says: {}", program.display(), text.trim_end())));
    }

    fn confirm(&self, program: &Path, text: &str, yes: &str, no: Option<&str>) -> Result<bool, AskError> {
        let no = no.unwrap_or("no");
        let question = format!("{} asks: {} [y: {yes}, n: {no}] ", program.display(), text.trim_end());
        Ok(matches!(typed(&question, false)?.trim(), "y" | "Y" | "yes"))
    }
}

/// A new passphrase, from a file or typed twice.
pub(crate) fn new_passphrase(file: Option<&Path>) -> Result<Zeroizing<String>, AskError> {
    if let Some(file) = file {
        return first_line(file);
    }
    loop {
        let passphrase = typed("new passphrase: ", true)?;
        if passphrase == typed("the same again: ", true)? {
            return Ok(passphrase);
        }
        eprint_line("the two differ");
    }
}

fn first_line(path: &Path) -> Result<Zeroizing<String>, AskError> {
    let failed = |source| AskError::read(path, source);
    let mut line = Zeroizing::new(String::new());
    let file = File::open(path).map_err(failed)?;
    BufReader::new(file.take(LONGEST + 2)).read_line(&mut line).map_err(failed)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    if line.len() as u64 > LONGEST {
        return Err(failed(io::Error::other("its first line is too long for a passphrase")));
    }
    Ok(line)
}

/// What is typed up to Enter. What nobody may see is not shown, and Ctrl-C still ends the question.
fn typed(question: &str, hidden: bool) -> Result<Zeroizing<String>, AskError> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(AskError::Nobody);
    }
    // First: whoever answers at once is neither shown nor lost.
    let _hidden = hidden.then(Hidden::begin).transpose().map_err(|_| AskError::Nobody)?;
    eprint_part(&printable(question));
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST as usize));
    let mut stdin = stdin.lock();
    loop {
        let mut byte = [0];
        match stdin.read(&mut byte) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Ok(1) => match byte[0] {
                b'\n' | b'\r' => break,
                // Ctrl-C and, with nothing before it, Ctrl-D; they come as bytes while nothing is shown.
                3 => return Err(declined()),
                4 if text.is_empty() => return Err(declined()),
                8 | 127 if hidden => drop(text.pop()),
                byte if text.len() < LONGEST as usize => text.push(byte),
                _ => {}
            },
            _ => return Err(declined()),
        }
    }
    if hidden {
        eprint_line("");
    }
    let text = std::str::from_utf8(&text).map_err(|_| AskError::Declined)?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn declined() -> AskError {
    eprint_line("");
    AskError::Declined
}

/// While it lives, the terminal shows nothing of what is typed and gives every key at once.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> rustix::io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing any more.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}
