//! `gapvault completions`

use crate::cli::Cli;
use crate::failure::Failure;
use crate::ui::Ui;
use clap::CommandFactory;
use clap_complete::Shell;
use serde::Serialize;

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  gapvault completions bash \\\n    > ~/.local/share/bash-completion/completions/gapvault"
)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

#[derive(Serialize)]
struct Made<'a> {
    shell: String,
    script: &'a str,
}

pub(crate) fn run(args: &CompletionsArgs, ui: &Ui) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "gapvault", &mut script);
    let script = String::from_utf8_lossy(&script);
    ui.result(&Made { shell: args.shell.to_string(), script: &script }, &script)
}
