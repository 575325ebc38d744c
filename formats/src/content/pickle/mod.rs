//! Whether bytes are pickles: the instructions are followed one by one, and nothing is ever made of them.
//!
//! A pickle is a program. What it calls is called while it is read, so one that breaks off, or goes on in nonsense, has
//! done its work: it need not reach its end to count. Text may look like a few instructions; so what counts is
//!
//! - a call of something that was imported, or filling it with something that is not imported too, a number or nothing;
//! - an import, where the protocol is named (2 and later do) or an instruction or its number has bytes that no text has;
//! - reaching the end, in a pickle that names its protocol;
//! - reaching the end of the file with the end of a pickle.

mod lines;
mod opcodes;
mod stack;
#[cfg(test)]
mod tests;

use lines::KEPT;
use opcodes::{Argument, GLOBAL, INST, Step};
use stack::{Halt, Stack};

/// Instructions are followed for so many bytes, long texts not counted. What held so far is a pickle.
const FOLLOWED: u64 = 64 << 20;
/// For so many more bytes, once it is known to be one, to tell more of what it imports.
const NAMES_WITHIN: u64 = 64 << 10;
/// So many imports are told.
const IMPORTS: usize = 5;
/// The number that torch's pickles began with before it used zip, as bytes of a pickled number.
const TORCH: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Follows the instructions of what may be pickles, in pieces as they come.
#[derive(Debug)]
pub(super) struct Walker {
    state: State,
    stack: Stack,
    /// Bytes that were followed, and how many before it was known to be a pickle.
    followed: u64,
    known_at: Option<u64>,
    /// Whether this pickle names its protocol.
    protocol: bool,
    /// Whether it or one before imports anything, and whether by what is a name.
    import: bool,
    by_name: bool,
    /// Whether what was followed has bytes that no text has.
    binary: bool,
    /// Whether a pickle has just ended, and nothing follows so far.
    between: bool,
    imports: Vec<String>,
    torch: bool,
}

/// Where it is.
#[derive(Debug)]
enum State {
    /// Before an instruction.
    Instruction,
    /// In a number of `need` bytes.
    Number { op: u8, argument: Argument, need: u8, have: u8, value: u64 },
    /// In a text, with `left` bytes to go; `kept` if it is short.
    Text { op: u8, left: u64, kept: Option<Vec<u8>> },
    /// In a line; `first` if it is the second.
    Line { op: u8, first: Option<Vec<u8>>, line: Vec<u8> },
    /// It was no instruction, or enough is known.
    Over,
}

impl Default for Walker {
    fn default() -> Self {
        Self {
            state: State::Instruction,
            stack: Stack::default(),
            followed: 0,
            known_at: None,
            protocol: false,
            import: false,
            by_name: false,
            binary: false,
            between: false,
            imports: Vec::new(),
            torch: false,
        }
    }
}

impl Walker {
    /// Whether more bytes would change nothing.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// How many bytes from here on need not be shown to it.
    pub(super) fn can_skip(&self) -> u64 {
        match &self.state {
            State::Text { left, kept: None, .. } => *left,
            _ => 0,
        }
    }

    /// So many bytes were skipped, at most [`Self::can_skip`].
    pub(super) fn skip(&mut self, bytes: u64) {
        if let State::Text { left, .. } = &mut self.state {
            *left -= bytes;
            if *left == 0 {
                self.end_text();
            }
        }
    }

    /// The next bytes.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_over() {
            let used = match &mut self.state {
                State::Text { left, kept, .. } => {
                    let used = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    if let Some(kept) = kept {
                        kept.extend_from_slice(&bytes[..used]);
                    }
                    *left -= used as u64;
                    if *left == 0 {
                        self.end_text();
                    }
                    used
                }
                _ => {
                    self.count();
                    self.byte(bytes[0]);
                    1
                }
            };
            bytes = &bytes[used..];
        }
    }

    /// The file ends here.
    pub(super) fn end(&mut self) {
        // A line that the file's end cuts is one without its last byte, for want of a line feed.
        if let State::Line { op: GLOBAL | INST, first: Some(_), line } = &mut self.state
            && line.len() > 1
        {
            line.pop();
            let line = std::mem::take(line);
            self.end_line(line);
        }
        if self.between && matches!(self.state, State::Instruction) {
            self.known();
        }
        self.state = State::Over;
    }

    /// Whether it is a pickle, as far as it has come.
    pub(super) fn is_pickle(&self) -> bool {
        self.known_at.is_some()
    }

    /// Whether it begins as torch's files did before they were zip archives.
    pub(super) fn is_torch(&self) -> bool {
        self.torch
    }

    /// What it would import, the first few.
    pub(super) fn into_imports(self) -> Vec<String> {
        self.imports
    }

    fn count(&mut self) {
        self.followed += 1;
        if self.followed > FOLLOWED {
            self.known_at.get_or_insert(self.followed);
        }
        let enough = |known| self.followed > known + NAMES_WITHIN || self.imports.len() == IMPORTS;
        if self.known_at.is_some_and(enough) {
            self.state = State::Over;
        }
    }

    fn byte(&mut self, byte: u8) {
        if byte.is_ascii_control() && !matches!(byte, 0x08..=0x0d | 0x1b) {
            self.binary = true;
            self.no_text();
        }
        match &mut self.state {
            State::Instruction => self.begin(byte),
            State::Number { op, argument, need, have, value } => {
                *value |= u64::from(byte) << (8 * *have);
                *have += 1;
                if *have == *need {
                    let (op, value) = (*op, *value);
                    if let Argument::Counted(bytes) = *argument {
                        self.begin_text(op, bytes, value);
                    } else {
                        self.step(op, Some(value), None);
                    }
                }
            }
            State::Line { line, .. } if byte == b'\n' => {
                let line = std::mem::take(line);
                self.end_line(line);
            }
            State::Line { op, line, .. } => {
                let anything = self.protocol && matches!(*op, GLOBAL | INST);
                if anything || lines::fits(*op, line, byte) {
                    lines::keep(*op, line, byte);
                } else {
                    self.state = State::Over;
                }
            }
            State::Text { .. } | State::Over => {}
        }
    }

    fn begin(&mut self, op: u8) {
        // A line feed behind the end, as editors leave it.
        if self.between && self.import && op.is_ascii_whitespace() {
            return;
        }
        self.between = false;
        self.state = match opcodes::argument(op) {
            None => State::Over,
            Some(Argument::None) => return self.step(op, None, None),
            Some(argument @ (Argument::Fixed(need) | Argument::Counted(need))) => {
                State::Number { op, argument, need, have: 0, value: 0 }
            }
            Some(Argument::Line | Argument::TwoLines) => State::Line { op, first: None, line: Vec::new() },
        };
    }

    fn begin_text(&mut self, op: u8, bytes: u8, left: u64) {
        let too_long = if bytes == 8 || opcodes::is_signed(op) { left >> (8 * bytes - 1) } else { 0 };
        if too_long > 0 || self.is_pickle() && left > NAMES_WITHIN {
            self.state = State::Over;
            return;
        }
        let kept = (left <= KEPT as u64).then(Vec::new);
        self.state = State::Text { op, left, kept };
        if left == 0 {
            self.end_text();
        }
    }

    fn end_text(&mut self) {
        if let State::Text { op, kept, .. } = std::mem::replace(&mut self.state, State::Instruction) {
            self.torch |= op == 0x8a && kept.as_deref() == Some(&TORCH);
            self.step(op, None, kept.as_deref());
        }
    }

    fn end_line(&mut self, line: Vec<u8>) {
        let State::Line { op, first, .. } = std::mem::replace(&mut self.state, State::Instruction) else { return };
        match (op, first) {
            (GLOBAL | INST, None) => self.state = State::Line { op, first: Some(line), line: Vec::new() },
            (GLOBAL | INST, Some(module)) => {
                let names = lines::is_name(&module) && lines::is_name(&line);
                if !(self.protocol || names) {
                    self.state = State::Over;
                    return;
                }
                let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                self.imports(&text(&module), &text(&line));
                self.step(op, None, None);
            }
            (op, _) if !lines::is_argument(op, &line) => self.state = State::Over,
            (b'S', _) => {
                let text = line.trim_ascii_end();
                let inner = &text[1..text.len() - 1];
                self.step(op, None, Some(inner));
            }
            (op, _) => self.step(op, lines::number(&line), Some(&line)),
        }
    }

    fn step(&mut self, op: u8, number: Option<u64>, text: Option<&[u8]>) {
        self.state = State::Instruction;
        match opcodes::step(op, number, text, &mut self.stack) {
            Ok(Step::On) => {}
            Ok(Step::Import(module, name)) => {
                let (module, name) = (self.stack.text(module).to_owned(), self.stack.text(name).to_owned());
                self.imports(&module, &name);
            }
            // Hardly any program gives such numbers, and bytes of weights look like them.
            Ok(Step::Extension) if self.protocol => self.imports("?", "?"),
            Ok(Step::Extension) => {}
            // Nothing is called but what was imported, and what a reader puts there by itself has no name here.
            Ok(Step::Call) if self.import => self.known(),
            Ok(Step::Call) => {}
            Ok(Step::Protocol) => self.protocol = true,
            Ok(Step::Stop) => {
                if self.protocol {
                    self.known();
                }
                self.stack.clear();
                (self.protocol, self.between) = (false, true);
            }
            Err(Halt::Deep) => {
                self.known();
                self.state = State::Over;
            }
            Err(Halt::Fault) => self.state = State::Over,
        }
    }

    fn imports(&mut self, module: &str, name: &str) {
        self.import = true;
        self.by_name |= lines::is_name(module.as_bytes()) && lines::is_name(name.as_bytes());
        if self.protocol {
            self.known();
        }
        self.no_text();
        let import = format!("{module}.{name}");
        if self.imports.len() < IMPORTS && !self.imports.contains(&import) {
            self.imports.push(import);
        }
    }

    /// An import makes a pickle of what is no text.
    fn no_text(&mut self) {
        if self.binary && self.by_name {
            self.known();
        }
    }

    fn known(&mut self) {
        self.known_at.get_or_insert(self.followed);
    }
}
