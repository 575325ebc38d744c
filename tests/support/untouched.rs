//! Refusals, looked at from all sides: exit code, message, time, and that nothing was left behind.

use super::reseal::{files, read_seal};
use super::{Gap, Run, Site, run, snapshot};
use gapvault_formats::ids::MediumDigest;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How long a refusal may take, in seconds. It takes a hundredth; what waits for a fifo takes for ever.
const PROMPTLY: &str = "20";

/// Runs a command under a time limit; one that does not end by itself has exit code 124.
pub fn promptly(command: &Command) -> Run {
    let mut limited = Command::new("timeout");
    limited.args(["--kill-after=1", PROMPTLY]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    run(&mut limited)
}

/// A vault as it was at some time.
#[derive(Debug)]
pub struct Before {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Before {
    pub fn of(site: &Site) -> Self {
        Self { files: site.snapshot().into_iter().collect() }
    }

    /// Expects that the vault is the same to the byte.
    #[track_caller]
    pub fn expect_same(&self, site: &Site, what: &str) {
        self.expect_same_but(site, what, |_| false);
    }

    /// Expects that the vault is the same, but for at most one `refused` entry at the end of its log.
    #[track_caller]
    pub fn expect_refused_only(&self, site: &Site, what: &str) {
        self.expect_same_but(site, what, |path| path.starts_with("log"));
        let log = std::fs::read(site.vault.join("log/entries.jsonl")).unwrap();
        let added = log.strip_prefix(self.files[Path::new("log/entries.jsonl")].as_slice());
        let added = String::from_utf8_lossy(added.unwrap_or_else(|| panic!("{what}: log entries were changed")));
        // A clock that was set back for the test is told of beside it.
        let added: Vec<_> = added.lines().filter(|entry| !entry.contains(r#""event":{"clock-back":"#)).collect();
        assert!(added.len() <= 1, "{what}: more than one entry: {added:?}");
        assert!(added.iter().all(|entry| entry.contains(r#""event":{"refused":"#)), "{what}: {added:?}");
    }

    /// Expects that the vault is the same, but for entries at the end of its log.
    #[track_caller]
    pub fn expect_log_only(&self, site: &Site, what: &str) {
        self.expect_same_but(site, what, |path| path.starts_with("log"));
        let log = std::fs::read(site.vault.join("log/entries.jsonl")).unwrap();
        assert!(log.starts_with(&self.files[Path::new("log/entries.jsonl")]), "{what}: log entries were changed");
    }

    #[track_caller]
    fn expect_same_but(&self, site: &Site, what: &str, but: impl Fn(&Path) -> bool) {
        let after: BTreeMap<_, _> = site.snapshot().into_iter().collect();
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&self.files), names(&after), "{what}: files came or went");
        for (path, bytes) in after.iter().filter(|(path, _)| !but(path)) {
            assert!(self.files[path] == *bytes, "{what}: {} of the vault was changed", path.display());
        }
    }
}

/// Expects that `verify` and `import` both refuse the stick with this exit code, saying `text`; that the cluster then
/// holds what it held before, and that neither wrote to the stick.
#[track_caller]
pub fn assert_refused(gap: &Gap, what: &str, code: i32, text: &str) {
    let (vault, stick) = (Before::of(&gap.cluster), snapshot(&gap.stick));
    expect(gap, what, "verify", code, text);
    vault.expect_same(&gap.cluster, what);
    expect(gap, what, "import", code, text);
    vault.expect_refused_only(&gap.cluster, what);
    assert!(stick == snapshot(&gap.stick), "{what}: the stick was changed");
    let list = gap.cluster.run(["list"]).expect(0);
    assert!(list.out.contains("this vault holds nothing"), "{what}: {list:#?}");
}

/// The same for damage that another medium, or the same one at another time, may make good: what is whole may wait in the
/// vault, and nothing else does. It is dropped again.
#[track_caller]
pub fn assert_damaged(gap: &Gap, what: &str, code: i32, text: &str) {
    let (vault, stick) = (Before::of(&gap.cluster), snapshot(&gap.stick));
    expect(gap, what, "verify", code, text);
    vault.expect_same(&gap.cluster, what);
    expect(gap, what, "import", code, text);
    drop_pending(&gap.cluster, what);
    vault.expect_refused_only(&gap.cluster, what);
    assert!(stick == snapshot(&gap.stick), "{what}: the stick was changed");
}

/// Expects that all that waits in a vault is as its seal says, then drops it.
#[track_caller]
pub fn drop_pending(site: &Site, what: &str) {
    assert!(site.run(["list"]).expect(0).out.contains("this vault holds nothing"), "{what}");
    let Ok(waiting) = std::fs::read_dir(site.vault.join("pending")) else { return };
    for path in waiting.map(|entry| entry.unwrap().path()) {
        let seal = read_seal(&path);
        for name in files(&path).into_iter().filter(|name| !name.starts_with("seal.json")) {
            let subject = seal.subject(&name.parse().unwrap()).unwrap_or_else(|| panic!("{what}: {name} waits"));
            let bytes = std::fs::read(path.join(&name)).unwrap();
            assert!(MediumDigest::of(&bytes) == subject.sha256, "{what}: a damaged {name} waits");
        }
        let id = path.file_name().unwrap().to_str().unwrap();
        site.run(["pending", "--drop", id]).expect(0);
    }
    assert!(!site.vault.join("pending").exists(), "{what}");
}

/// The same for what only a reader with a key can notice: `import` alone.
#[track_caller]
pub fn assert_import_refused(gap: &Gap, what: &str, code: i32, text: &str) {
    let vault = Before::of(&gap.cluster);
    expect(gap, what, "import", code, text);
    vault.expect_refused_only(&gap.cluster, what);
}

#[track_caller]
fn expect(gap: &Gap, what: &str, command: &str, code: i32, text: &str) {
    let mut on_stick = gap.cluster.command([command]);
    on_stick.arg(&gap.stick);
    let run = promptly(&on_stick);
    assert_eq!(run.code, code, "{what}: {command}: {run:#?}");
    assert!(run.err.contains(text), "{what}: {command}: no {text:?} in {run:#?}");
    assert!(run.err.contains("\nhint: "), "{what}: {command}: no hint in {run:#?}");
}
