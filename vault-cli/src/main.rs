//! The program `gapvault`: one voice around the library, which is silent.

mod cli;
mod commands;
mod failure;
mod progress;
mod text;
mod ui;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
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
