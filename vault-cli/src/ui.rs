//! The one place that prints: results on stdout, everything else on stderr.

use crate::failure::Failure;
use crate::progress::{Progress, ProgressMode};
use crate::text::{printable, printable_json};
use gapvault_core::observe::Observer;
use serde::Serialize;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// How this run talks.
#[derive(Debug)]
pub(crate) struct Ui {
    json: bool,
    progress: Progress,
}

impl Ui {
    pub(crate) fn new(json: bool, progress: ProgressMode) -> Self {
        Self { json, progress: Progress::new(progress) }
    }

    /// Shows what the library does while it works, and stops it when Ctrl-C is pressed.
    pub(crate) fn observer(&self) -> &Progress {
        self.progress.stop_on_signals();
        &self.progress
    }

    /// Tells a result: `human` is the text for people, `object` the one object of `--json`.
    pub(crate) fn result(&self, object: &impl Serialize, human: &str) -> Result<(), Failure> {
        if self.json {
            let text = serde_json::to_string(object).map_err(|e| Failure::io("can't write JSON", &e.into()))?;
            self.print(&format!("{}\n", printable_json(&text)))
        } else {
            self.print(human)
        }
    }

    /// Tells a person something beside the result.
    pub(crate) fn note(&self, text: &str) {
        eprint_line(text);
    }

    /// Tells a failure and gives its exit code.
    pub(crate) fn fail(&self, failure: &Failure) -> ExitCode {
        self.progress.clear();
        eprint_line(&format!("error: {}", printable(&failure.message)));
        for detail in &failure.details {
            eprint_line(&format!("  {}", printable(detail)));
        }
        if let Some(hint) = &failure.hint {
            eprint_line(&format!("hint: {}", printable(hint)));
        }
        if self.json && !failure.told {
            // The exit code says it even if nobody reads the object.
            let _ = self.tell_failure(failure);
        }
        ExitCode::from(failure.exit_code())
    }

    fn tell_failure(&self, failure: &Failure) -> Result<(), Failure> {
        #[derive(Serialize)]
        struct Failed<'a> {
            error: &'a Failure,
        }
        self.result(&Failed { error: failure }, "")
    }

    /// Whether there is somebody to ask.
    pub(crate) fn can_ask(&self) -> bool {
        io::stdin().is_terminal()
    }

    /// Asks a yes-or-no question; `None` where there is nobody to ask.
    pub(crate) fn ask(&self, question: &str) -> Option<bool> {
        if !io::stdin().is_terminal() {
            return None;
        }
        eprint_part(&format!("{question} [y/N] "));
        let mut answer = String::new();
        let length = io::stdin().lock().read_line(&mut answer).ok()?;
        if length == 0 {
            // The end of the input leaves the cursor behind the question.
            eprint_line("");
        }
        Some(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// Says what is about to be done, to people; `--json` has it in its object.
    pub(crate) fn explain(&self, text: &str) {
        if !self.json && !self.progress.is_for_programs() {
            eprint_part(text);
        }
    }

    /// Asks for something to be done and waits until Enter says that it is; `false` where there is nobody to ask.
    pub(crate) fn wait_for_enter(&self, request: &str) -> bool {
        if !io::stdin().is_terminal() {
            return false;
        }
        eprint_part(&format!("{} and press Enter ", printable(request)));
        let (say, answer) = std::sync::mpsc::channel();
        // A line is read to its end whatever happens: so Ctrl-C is looked for beside it.
        std::thread::spawn(move || {
            let length = io::stdin().lock().read_line(&mut String::new());
            // Nobody listens any more if the work was stopped meanwhile.
            let _ = say.send(length.is_ok_and(|length| length > 0));
        });
        while !self.observer().cancelled() {
            match answer.recv_timeout(Duration::from_millis(100)) {
                Ok(answer) => return answer,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        eprint_line("");
        false
    }

    fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // Whoever read it has seen enough.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => done.map_err(|e| Failure::io("can't write to standard output", &e)),
        }
    }
}

/// Answers arguments that are no command: help, the version, or what is wrong with them.
pub(crate) fn answer_arguments(error: &clap::Error) -> ExitCode {
    // Where nobody listens there is nobody to tell.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let message = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    let failure = Failure::usage(message, "`gapvault help` shows the commands and their arguments");
    // Arguments that did not parse can't say what they mean by it; this is the only thing that it can be.
    if std::env::args_os().any(|argument| argument == "--json") {
        let _ = Ui::new(true, ProgressMode::None).tell_failure(&failure);
    }
    ExitCode::from(failure.exit_code())
}

/// A line to stderr; where that is closed there is nobody to tell.
pub(crate) fn eprint_line(text: &str) {
    eprint_part(&format!("{text}\n"));
}

pub(crate) fn eprint_part(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
