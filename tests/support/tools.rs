//! Stock tools, and places where a process has less than it usually has.

use super::run;
use std::io::Write;
use std::process::Command;

/// Whether a program of this name can be run.
pub fn have(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

/// A stock tool as a command. The test fails where it is missing, and says what is.
#[track_caller]
pub fn tool(name: &str) -> Command {
    assert!(have(name), "{name} is missing: these tests need it, and scripts/test installs it");
    Command::new(name)
}

/// Says aloud that something can't be tried on this machine; the harness would swallow what is printed otherwise.
pub fn skip(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}: {why}");
}

/// A command that runs `sh -eu -c script` in a namespace of its own (`--net`, `--mount`), as root there; `None` where
/// that is not permitted.
pub fn apart(namespace: &str, script: &str) -> Option<Command> {
    let unshare = |more: &[&str], program: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(more).arg(namespace).args(program);
        command
    };
    let ways: [&[&str]; 2] = [&[], &["--map-root-user"]];
    let permitted = |more: &&&[&str]| have("unshare") && run(&mut unshare(more, &["true"])).code == 0;
    ways.iter().find(permitted).map(|more| unshare(more, &["sh", "-euc", script]))
}

/// Whether this process may read what file modes forbid.
pub fn above_modes() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("forbidden");
    std::fs::write(&path, b"").unwrap();
    super::set_mode(&path, 0o000);
    std::fs::File::open(&path).is_ok()
}

/// The same command as a process that file modes bind even if this one is root; `None` where that can't be had.
pub fn bound_by_modes(command: &Command) -> Option<Command> {
    let mut bound = Command::new("setpriv");
    if above_modes() {
        bound.args(["--bounding-set=-dac_override,-dac_read_search", "--"]);
        if !have("setpriv") || run(Command::new("setpriv").args(bound.get_args()).arg("true")).code != 0 {
            return None;
        }
        bound.arg(command.get_program());
    } else {
        bound = Command::new(command.get_program());
    }
    bound.args(command.get_args()).env_remove("GAPVAULT_DIR");
    Some(bound)
}
