//! A client of the age plugin protocol: a program of this machine wraps and unwraps the file key of one age file, most
//! often with the help of a hardware key.
//!
//! The age crate has a client too. It looks its program up in the environment, prints what passes (the file key too) if
//! a variable there says so, and brings crates of its own; this one runs the program that the vault's own configuration
//! names and nothing else.
//!
//! Source: C2SP `age-plugin.md`.

use super::stanza::{Message, receive, send};
use super::{Ask, AskError, PluginConfig, Wanted};
use crate::error::explain;
use age_core::format::{FileKey, Stanza};
use age_core::secrecy::ExposeSecret;
use base64ct::{Base64Unpadded, Encoding};
use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What it may say between the two of its phases, at most: nothing needs more.
const MESSAGES: usize = 1000;

/// Why a plugin did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// It can't be run, or breaks off.
    #[error("plugin {}: {source}", program.display())]
    Io {
        /// Its program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It says why.
    #[error("plugin {} failed: {fault}", program.display())]
    Failed {
        /// Its program.
        program: PathBuf,
        /// In its words.
        fault: String,
    },
    /// It came to its end without an answer.
    #[error("plugin {} did not open or seal anything", program.display())]
    Nothing {
        /// Its program.
        program: PathBuf,
    },
}

explain!(PluginError, pass: [], {
    Self::Io { .. } => (Other, Some("config.toml in the vault names the program; run it by hand to see whether it works here")),
    Self::Failed { .. } | Self::Nothing { .. } => (Other, Some("is the hardware key there that the vault is sealed to?")),
});

/// A plugin's recipient: what is sealed to it opens with the hardware key.
pub(crate) struct PluginRecipient<'a> {
    pub(super) config: &'a PluginConfig,
    pub(super) ask: &'a dyn Ask,
    /// What went wrong; the age crate has no words for it.
    pub(super) fault: &'a RefCell<Option<PluginError>>,
}

/// A plugin's identity: the stub that tells it which hardware key to use.
pub(crate) struct PluginIdentity<'a> {
    pub(super) config: &'a PluginConfig,
    /// The stub's line.
    pub(super) stub: &'a str,
    pub(super) ask: &'a dyn Ask,
    pub(super) fault: &'a RefCell<Option<PluginError>>,
}

impl age::Recipient for PluginRecipient<'_> {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        let wrapped = Session::start(self.config, "recipient-v1", self.ask).and_then(|session| {
            session.end_of(|session| {
                session.send(&["add-recipient", &self.config.recipient], &[])?;
                session.send(&["wrap-file-key"], file_key.expose_secret())?;
                session.send(&["extension-labels"], &[])?;
                session.send(&["done"], &[])?;
                session.wrapped()
            })
        });
        wrapped.map_err(|fault| {
            self.fault.replace(Some(fault));
            age::EncryptError::Io(io::ErrorKind::Other.into())
        })
    }
}

impl age::Identity for PluginIdentity<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, age::DecryptError>> {
        let unwrapped = Session::start(self.config, "identity-v1", self.ask).and_then(|session| {
            session.end_of(|session| {
                session.send(&["add-identity", self.stub], &[])?;
                for stanza in stanzas {
                    let words = ["recipient-stanza", "0", &stanza.tag].into_iter();
                    let words: Vec<_> = words.chain(stanza.args.iter().map(String::as_str)).collect();
                    session.send(&words, &stanza.body)?;
                }
                session.send(&["done"], &[])?;
                session.unwrapped()
            })
        });
        Some(unwrapped.map_err(|fault| {
            self.fault.replace(Some(fault));
            age::DecryptError::KeyDecryptionFailed
        }))
    }
}

/// A plugin at work.
struct Session<'a> {
    program: &'a PathBuf,
    ask: &'a dyn Ask,
    child: Child,
    input: BufReader<ChildStdout>,
    output: ChildStdin,
}

impl<'a> Session<'a> {
    fn start(config: &'a PluginConfig, machine: &str, ask: &'a dyn Ask) -> Result<Self, PluginError> {
        let failed = |source| PluginError::Io { program: config.program.clone(), source };
        let mut command = Command::new(&config.program);
        command.arg(format!("--age-plugin={machine}")).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(failed)?;
        let (Some(output), Some(input)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("both were asked for as pipes");
        };
        Ok(Self { program: &config.program, ask, child, input: BufReader::new(input), output })
    }

    /// Does the work and sees to it that the program is gone afterwards.
    fn end_of<T>(mut self, work: impl FnOnce(&mut Self) -> Result<T, PluginError>) -> Result<T, PluginError> {
        let done = work(&mut self);
        let Self { mut child, output, .. } = self;
        // The end of its input ends it; one that failed may not be listening any more.
        drop(output);
        if done.is_err() {
            let _ = child.kill();
        }
        let _ = child.wait();
        done
    }

    fn failed(&self, source: io::Error) -> PluginError {
        PluginError::Io { program: self.program.clone(), source }
    }

    fn send(&mut self, words: &[&str], body: &[u8]) -> Result<(), PluginError> {
        send(&mut self.output, words, body).map_err(|e| self.failed(e))
    }

    /// What it answers until it is done, but for what it asks on the way.
    fn answers(&mut self) -> Result<Vec<Message>, PluginError> {
        let (mut answers, mut fault) = (Vec::new(), None);
        for _ in 0..MESSAGES {
            let message = receive(&mut self.input).map_err(|e| self.failed(e))?;
            match message.kind() {
                "done" => match fault {
                    Some(fault) => return Err(PluginError::Failed { program: self.program.clone(), fault }),
                    None => return Ok(answers),
                },
                "error" => {
                    fault.get_or_insert(message.text());
                    self.send(&["ok"], &[])?;
                }
                "recipient-stanza" | "labels" | "file-key" => {
                    answers.push(message);
                    self.send(&["ok"], &[])?;
                }
                _ => self.answer(&message)?,
            }
        }
        Err(self.failed(io::Error::new(io::ErrorKind::InvalidData, "it does not stop talking")))
    }

    /// Passes on what it says and asks.
    fn answer(&mut self, message: &Message) -> Result<(), PluginError> {
        let text = message.text();
        let secret = match message.kind() {
            "msg" => {
                self.ask.tell(self.program, &text);
                return self.send(&["ok"], &[]);
            }
            "confirm" => return self.confirm(message, &text),
            "request-secret" => true,
            "request-public" => false,
            _ => return self.send(&["unsupported"], &[]),
        };
        match self.ask.secret(Wanted::Plugin { program: self.program, prompt: &text, secret }) {
            Ok(answer) => self.send(&["ok"], answer.as_bytes()),
            Err(_) => self.send(&["fail"], &[]),
        }
    }

    fn confirm(&mut self, message: &Message, text: &str) -> Result<(), PluginError> {
        let label = |at: usize| {
            let bytes = message.words.get(at).and_then(|word| Base64Unpadded::decode_vec(word).ok());
            bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        let (yes, no) = (label(1).unwrap_or_else(|| "yes".to_owned()), label(2));
        match self.ask.confirm(self.program, text, &yes, no.as_deref()) {
            Ok(true) => self.send(&["ok", "yes"], &[]),
            Ok(false) => self.send(&["ok", "no"], &[]),
            Err(AskError::Nobody | AskError::Declined | AskError::Fs(_)) => self.send(&["fail"], &[]),
        }
    }

    fn wrapped(&mut self) -> Result<(Vec<Stanza>, HashSet<String>), PluginError> {
        let (mut stanzas, mut labels) = (Vec::new(), HashSet::new());
        for Message { words, body } in self.answers()? {
            match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                ["recipient-stanza", "0", tag, args @ ..] => {
                    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
                    stanzas.push(Stanza { tag: (*tag).to_owned(), args, body: body.to_vec() });
                }
                ["labels", all @ ..] => labels.extend(all.iter().map(|label| (*label).to_owned())),
                _ => return Err(self.nothing()),
            }
        }
        if stanzas.is_empty() { Err(self.nothing()) } else { Ok((stanzas, labels)) }
    }

    fn unwrapped(&mut self) -> Result<FileKey, PluginError> {
        let answers = self.answers()?;
        let [Message { words, body }] = answers.as_slice() else { return Err(self.nothing()) };
        if words.as_slice() != ["file-key", "0"] {
            return Err(self.nothing());
        }
        let copied = FileKey::try_init_with_mut(|key| {
            if body.len() != key.len() {
                return Err(());
            }
            key.copy_from_slice(body);
            Ok(())
        });
        copied.map_err(|()| self.nothing())
    }

    fn nothing(&self) -> PluginError {
        PluginError::Nothing { program: self.program.clone() }
    }
}
