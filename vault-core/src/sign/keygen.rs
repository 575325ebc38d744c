//! Signing by way of `ssh-keygen -Y sign`.
//!
//! The message goes to its standard input and the signature comes from its standard output; nothing is written to disk.
//! Its standard error is this process's, so that whoever runs this reads what it says.

use super::{SignError, Signer};
use crate::observe::Observer;
use gapvault_formats::limits;
use gapvault_formats::sshsig::{Namespace, PublicKey, Signature};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often it is looked whether the signature is there, or somebody wants to stop.
const LOOK: Duration = Duration::from_millis(20);
/// How long it may take to put the terminal back in order when it is to stop.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the private half is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// In the file that is named, or in the security key that it tells of.
    File,
    /// In ssh-agent, which may have it from a card.
    Agent,
}

/// A key that `ssh-keygen` signs with.
pub(super) struct Keygen<'a> {
    path: PathBuf,
    public: PublicKey,
    way: Way,
    observer: &'a dyn Observer,
}

impl<'a> Keygen<'a> {
    pub(super) fn new(path: PathBuf, public: PublicKey, way: Way, observer: &'a dyn Observer) -> Self {
        Self { path, public, way, observer }
    }

    fn start(&self, namespace: Namespace) -> Result<Child, SignError> {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-Y", "sign", "-n", namespace.as_str(), "-f"]).arg(&self.path);
        if self.way == Way::Agent {
            command.arg("-U");
        }
        // Its input is the message: without these it would take its first line for a passphrase or PIN where there is no
        // terminal, and not ask on the terminal where there is a display too.
        command.env("SSH_ASKPASS_REQUIRE", if has_terminal() { "never" } else { "force" });
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => SignError::NoKeygen { path: self.path.clone() },
            _ => SignError::Run(error),
        })
    }

    /// Waits for the end, which comes soon when somebody wants to stop.
    fn wait(&self, child: &mut Child) -> Result<ExitStatus, SignError> {
        let mut stopping: Option<Instant> = None;
        loop {
            if let Some(status) = child.try_wait().map_err(SignError::Run)? {
                return if self.observer.cancelled() { Err(SignError::Interrupted) } else { Ok(status) };
            }
            match stopping {
                Some(since) if since.elapsed() > PATIENCE => child.kill().map_err(SignError::Run)?,
                Some(_) => {}
                None if self.observer.cancelled() => {
                    // Not killed at once: it may have switched off the terminal's echo.
                    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                        // It may have ended by itself.
                        let _ = kill_process(pid, Signal::TERM);
                    }
                    stopping = Some(Instant::now());
                }
                None => {}
            }
            std::thread::sleep(LOOK);
        }
    }

    fn failed(&self) -> SignError {
        match self.way {
            Way::Agent => SignError::Agent { key: self.public.fingerprint() },
            Way::File if self.public.is_security_key() => SignError::SecurityKey { path: self.path.clone() },
            Way::File => SignError::File { path: self.path.clone() },
        }
    }
}

impl Signer for Keygen<'_> {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, namespace: Namespace, message: &[u8]) -> Result<String, SignError> {
        let mut child = self.start(namespace)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (status, answer) = std::thread::scope(|scope| {
            // What it does not read is no fault of its own: it says by its status whether it signed.
            scope.spawn(move || input.map(|mut input| input.write_all(message)));
            let answer = scope.spawn(move || output.map_or_else(|| Ok(Vec::new()), read_answer));
            let status = self.wait(&mut child);
            (status, answer.join().unwrap_or_else(|_| Err(ErrorKind::Other.into())))
        });
        if !status?.success() {
            return Err(self.failed());
        }
        let answer = answer.map_err(SignError::Run)?;
        let verified = Signature::parse(&answer).and_then(|s| s.verify(&self.public, namespace, message));
        verified.map_err(SignError::Answer)?;
        // What parses is ASCII.
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    fn asks(&self) -> bool {
        true
    }
}

/// One byte more than a signature has at most: what is longer is none.
fn read_answer(output: impl Read) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    output.take(limits::SIGNATURE_BYTES + 1).read_to_end(&mut answer)?;
    Ok(answer)
}

/// Whether there is a terminal to ask on, whatever is redirected.
fn has_terminal() -> bool {
    File::options().read(true).write(true).open(Path::new("/dev/tty")).is_ok()
}
