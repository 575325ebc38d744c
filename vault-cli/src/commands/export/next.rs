//! Having the next medium put in: by a command, or by somebody at the terminal.

use crate::ui::Ui;
use gapvault_core::export::Changer;
use gapvault_core::formats::names::VolumeName;
use std::path::Path;
use std::process::{Command, Stdio};

/// Who puts the next medium in.
#[derive(Debug)]
pub(super) struct Next<'a> {
    command: Option<String>,
    ui: &'a Ui,
}

impl<'a> Next<'a> {
    pub(super) fn new(command: Option<String>, ui: &'a Ui) -> Self {
        Self { command, ui }
    }
}

impl Changer for Next<'_> {
    fn change(&self, wanted: &VolumeName, path: &Path, problem: Option<&str>) -> bool {
        match &self.command {
            // A command that put the wrong one in once would do so for ever.
            Some(_) if problem.is_some() => {
                self.ui.note(&format!("the command for the next medium: {}", problem.unwrap_or_default()));
                false
            }
            Some(command) => run(command, wanted, path),
            None => {
                let problem = problem.map_or(String::new(), |problem| format!("{problem}. "));
                let question = format!("{problem}put in the medium for volume {wanted} at {}", path.display());
                self.ui.wait_for_enter(&question)
            }
        }
    }
}

fn run(command: &str, wanted: &VolumeName, path: &Path) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).env("GAPVAULT_VOLUME", wanted.as_str()).env("GAPVAULT_MEDIUM", path);
    // What it says must not be taken for the result.
    shell.stdin(Stdio::null()).stdout(Stdio::null());
    shell.status().is_ok_and(|status| status.success())
}
