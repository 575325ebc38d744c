//! A cluster under attack by its own exporter: forged bundles are refused, cheaply, and leave nothing behind.

use super::hostile::{Forge, folder};
use super::{Gap, Run, run, snapshot};
use gapvault_formats::ids::BundleId;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Address space that the program gets, in KiB. An honest bundle is imported and checked out in it.
const MEMORY: u64 = 256 << 10;
/// Processor time that the program gets, in seconds: debug builds are slow, bombs would take far longer.
const TIME: u64 = 20;

/// A lie, and how it is refused: what to change, the exit code, and what the message says.
pub type Case = (&'static str, fn(&mut Forge), i32, &'static str);

/// A gap whose lab lies.
pub struct Siege {
    pub gap: Gap,
    number: u64,
}

impl Siege {
    /// Two sites and a stick.
    pub fn new() -> Self {
        Self { gap: Gap::new(), number: 1_000 }
    }

    /// An honest bundle with a number of its own.
    pub fn forge(&mut self) -> Forge {
        self.number += 1;
        Forge::new(&self.gap, self.number)
    }

    /// Tries every lie at import.
    #[track_caller]
    pub fn import_refuses(&mut self, cases: &[Case]) {
        self.import_refuses_each(cases.iter().map(|(name, lie, code, text)| (*name, *lie, *code, *text)));
    }

    /// Tries every lie at import; for those that are made.
    #[track_caller]
    pub fn import_refuses_each<'a>(
        &mut self,
        cases: impl IntoIterator<Item = (impl Display, impl FnOnce(&mut Forge), i32, &'a str)>,
    ) {
        self.each(cases, expect_refused_import);
    }

    /// Tries every lie at checkout; none of them can be noticed before.
    #[track_caller]
    pub fn checkout_refuses(&mut self, cases: &[Case]) {
        let cases = cases.iter().map(|(name, lie, code, text)| (*name, *lie, *code, *text));
        self.each(cases, |gap, forge, code, text| {
            let bundle = forge.write(&gap.stick);
            run(&mut bounded(gap.cluster.command(["import"]).arg(&gap.stick))).expect(0);
            expect_refused_checkout(gap, forge, &bundle, code, text)
        });
    }

    #[track_caller]
    fn each<'a>(
        &mut self,
        cases: impl IntoIterator<Item = (impl Display, impl FnOnce(&mut Forge), i32, &'a str)>,
        check: impl Fn(&Gap, &Forge, i32, &str) -> Result<(), String>,
    ) {
        let mut failed = String::new();
        for (name, lie, code, text) in cases {
            let mut forge = self.forge();
            lie(&mut forge);
            if let Err(fault) = check(&self.gap, &forge, code, text) {
                failed.push_str(&format!("\n{name}: {fault}"));
            }
        }
        assert!(failed.is_empty(), "{failed}");
    }
}

/// The same command with bounds: the shell sets them and becomes the program. Over the memory an allocation fails and
/// the program aborts; over the time it is killed. Neither gives an exit code that a case expects.
pub fn bounded(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -v {MEMORY}; ulimit -t {TIME}; exec \"$0\" \"$@\""));
    shell.arg(command.get_program()).args(command.get_args()).env_remove("GAPVAULT_DIR");
    shell
}

/// Imports a forged bundle: it is refused with this code and text, and nothing stays of it but a log entry.
fn expect_refused_import(gap: &Gap, forge: &Forge, code: i32, text: &str) -> Result<(), String> {
    let bundle = forge.write(&gap.stick);
    let (vault, stick) = (without_log(gap), snapshot(&gap.stick));
    let entries = log(gap);
    let refused = run(&mut bounded(gap.cluster.command(["import"]).arg(&gap.stick)));
    expect_refusal(&refused, code, text)?;
    let new = &log(gap)[entries.len()..];
    let entry: serde_json::Value = serde_json::from_str(new).map_err(|e| format!("not one log entry: {e} in {new}"))?;
    let named = entry["event"]["refused"]["bundle"].as_str() == Some(&bundle.to_string());
    same(named, "the log does not name the refused bundle")?;
    same(without_log(gap) == vault, "the vault has changed")?;
    same(snapshot(&gap.stick) == stick, "the medium has changed")
}

/// Checks a forged artifact out: it is refused with this code and text, and nothing stays of it.
fn expect_refused_checkout(gap: &Gap, forge: &Forge, bundle: &BundleId, code: i32, text: &str) -> Result<(), String> {
    let room = gap.path("models");
    std::fs::create_dir_all(room.join("neighbour")).unwrap();
    let (vault, before) = (gap.cluster.snapshot(), snapshot(&room));
    let mut command = gap.cluster.command(["checkout", &forge.artifact, "--threads", "2"]);
    command.arg(room.join("out")).arg("--bundle").arg(bundle.to_string());
    let refused = run(&mut bounded(&command));
    expect_refusal(&refused, code, text)?;
    same(gap.cluster.snapshot() == vault, "the vault has changed")?;
    same(snapshot(&room) == before, "something is left beside the destination")
}

fn expect_refusal(run: &Run, code: i32, text: &str) -> Result<(), String> {
    same(run.code == code, &format!("expected exit code {code}: {run:?}"))?;
    same(run.err.contains(text), &format!("no {text:?} in {run:?}"))?;
    same(run.err.contains("\nhint: "), &format!("no hint in {run:?}"))?;
    same(!run.err.chars().any(|c| c.is_control() && c != '\n'), &format!("control characters in {run:?}"))
}

fn same(holds: bool, fault: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(fault.to_owned()) }
}

fn log(gap: &Gap) -> String {
    std::fs::read_to_string(gap.cluster.vault.join("log/entries.jsonl")).unwrap()
}

fn without_log(gap: &Gap) -> Vec<(PathBuf, Vec<u8>)> {
    let all = gap.cluster.snapshot().into_iter();
    all.map(|(path, bytes)| if path.starts_with("log") { (path, Vec::new()) } else { (path, bytes) }).collect()
}

/// Imports and checks out a forged bundle within the same bounds.
pub fn expect_admitted(gap: &Gap, forge: &Forge, destination: &Path) {
    let bundle = forge.write(&gap.stick);
    run(&mut bounded(gap.cluster.command(["verify"]).arg(&gap.stick))).expect(0);
    run(&mut bounded(gap.cluster.command(["import"]).arg(&gap.stick))).expect(0);
    let mut command = gap.cluster.command(["checkout", &forge.artifact, "--threads", "2"]);
    run(&mut bounded(command.arg(destination).arg("--bundle").arg(bundle.to_string()))).expect(0);
    assert!(folder(&gap.stick, &forge.label).join("seal.json").exists());
}
