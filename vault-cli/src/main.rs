//! The program `gapvault`: one voice around the library, which is silent.

mod ask;
mod cli;
mod commands;
mod failure;
mod progress;
mod text;
mod ui;

use clap::Parser;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    // A file over the limit on this process is an error of the write then, and not the end of the program. Without the
    // handler it stays the end.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ui::answer_arguments(&error),
    };
    let ui = ui::Ui::new(cli.global.json, cli.global.progress);
    match commands::run(cli, &ui) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ui.fail(&failure),
    }
}
