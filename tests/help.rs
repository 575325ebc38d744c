//! Help texts change on purpose only, and completions know every command.

use crate::support::{gapvault, run};
use std::collections::BTreeMap;
use std::path::Path;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/snapshots/help");
const BLESS: &str = "GAPVAULT_BLESS=1 cargo test -p gapvault --test it help";

/// What `--help` prints, without the blanks at the ends of its lines.
fn help(path: &[&str], columns: &str) -> String {
    let text = run(gapvault().args(path).arg("--help").env("COLUMNS", columns)).expect(0).out;
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The commands that a help text names.
fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // Long descriptions go on in lines that are further in.
    let names = listed.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    names.map(|line| line.split(' ').next().unwrap().to_owned()).filter(|name| name != "help").collect()
}

/// The program's own commands, without those below them.
pub fn all_commands() -> Vec<String> {
    let commands = commands(&help(&[], "100"));
    assert!(commands.len() > 10, "{commands:?}");
    commands
}

/// Every help text, by the name of its file.
fn every_help(columns: &str) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let mut paths: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(path) = paths.pop() {
        let text = help(&path.iter().map(String::as_str).collect::<Vec<_>>(), columns);
        paths.extend(commands(&text).into_iter().map(|command| [path.clone(), vec![command]].concat()));
        let name = if path.is_empty() { "gapvault".to_owned() } else { path.join("-") };
        texts.insert(format!("{name}.txt"), text);
    }
    texts
}

#[test]
fn help_is_as_it_was() {
    let folder = Path::new(FOLDER);
    let texts = every_help("100");
    if std::env::var_os("GAPVAULT_BLESS").is_some() {
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir_all(folder).unwrap();
        texts.iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).unwrap());
    }
    for (name, text) in &texts {
        let known = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(
            *text == known,
            "tests/snapshots/help/{name} is not what the program prints; if it should be, run\n  {BLESS}\n{text}"
        );
    }
    for known in std::fs::read_dir(folder).unwrap() {
        let name = known.unwrap().file_name().into_string().unwrap();
        assert!(texts.contains_key(&name), "no command has the help text {name} any more; run\n  {BLESS}");
    }
}

#[test]
fn examples_can_be_copied_from_a_narrow_terminal() {
    for (name, text) in every_help("80") {
        let examples =
            text.lines().skip_while(|line| !line.starts_with("Example") && *line != "Across the gap:").skip(1);
        let examples: Vec<_> = examples.take_while(|line| !line.is_empty()).collect();
        // `tent new` and `tent list` are shown where `tent` is.
        assert!(!examples.is_empty() || name.starts_with("tent-"), "{name} shows no example:\n{text}");
        for line in examples {
            let begins = ["  gapvault ", "  sha256sum ", "    "].iter().any(|begin| line.starts_with(begin));
            assert!(begins, "{name}: an example was wrapped at {line:?}");
        }
    }
}

#[test]
fn completions_name_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(gapvault().args(["completions", shell])).expect(0).out;
        for command in all_commands() {
            assert!(script.contains(&command), "{shell}: no {command}");
        }
        assert!(script.contains("integrity-only"), "{shell}: no options");
    }
    let script = run(gapvault().args(["completions", "bash"])).expect(0).out;
    run(std::process::Command::new("bash").args(["-c", &script])).expect(0);
}
