//! A lab, a cluster and a stick, and a way to run the program on them.

pub mod approvers;
pub mod bench;
pub mod hostile;
pub mod images;
pub mod kill;
pub mod policy;
pub mod reseal;
pub mod rules;
pub mod siege;
pub mod ssh;
pub mod table;
pub mod token;
pub mod tools;
pub mod trees;
pub mod untouched;
pub mod volumes;

use gapvault_core::clock::Clock;
use gapvault_core::vault::{Access, Vault, VaultError};
use gapvault_formats::time::Time;
use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// What a run of the program came to.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    /// The one JSON object on stdout.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e} in {self:#?}"))
    }

    /// Expects an exit code, and tells everything if it is another.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Expects an exit code and a text on stderr.
    #[track_caller]
    pub fn refused(self, code: i32, text: &str) -> Self {
        let run = self.expect(code);
        assert!(run.err.contains(text), "no {text:?} in {run:#?}");
        run
    }
}

/// The program as a command, without a vault from the environment.
pub fn gapvault() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gapvault"));
    command.env_remove("GAPVAULT_DIR");
    command
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Run {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

/// A site's vault.
#[derive(Debug)]
pub struct Site {
    pub vault: PathBuf,
}

impl Site {
    /// Makes the vault of `site` in `room`.
    pub fn new(room: &Path, site: &str) -> Self {
        let vault = room.join(site);
        run(gapvault().arg("init").arg(&vault).args(["--site", site])).expect(0);
        Self { vault }
    }

    /// A command on this vault.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = gapvault();
        command.arg("--vault").arg(&self.vault).args(args);
        command
    }

    /// Runs the program on this vault.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        run(&mut self.command(args))
    }

    /// Trusts another site with a role in tent `aurora`, its fingerprint compared.
    pub fn trust(&self, other: &Site, role: &str) {
        let card = other.run(["card"]).expect(0);
        let path = self.vault.with_extension("card");
        std::fs::write(&path, &card.out).unwrap();
        let fingerprint = card.err.trim().rsplit(' ').next().unwrap();
        let args = ["--tent", "aurora", "--role", role, "--fingerprint", fingerprint];
        run(self.command(["trust"]).arg(path).args(args)).expect(0);
    }

    /// Where this vault's own signature over a policy file stands.
    pub fn policy_signature(&self, policy: &Path) -> PathBuf {
        let key = self.signing_key().public().unwrap().fingerprint();
        PathBuf::from(format!("{}.{key}.sig", policy.display()))
    }

    /// The vault by way of the library, at a time of its clock.
    pub fn open_at(&self, access: Access, now: Time) -> Vault {
        // A program that another test starts has this one's locks until it has become itself.
        for _ in 0..200 {
            match Vault::open(&self.vault, access, Clock::fixed(now)) {
                Err(VaultError::Locked { .. }) => std::thread::sleep(std::time::Duration::from_millis(10)),
                opened => return opened.unwrap(),
            }
        }
        panic!("{} stays locked", self.vault.display());
    }

    /// Everything in the vault, by path, for comparing before and after.
    pub fn snapshot(&self) -> Vec<(PathBuf, Vec<u8>)> {
        snapshot(&self.vault)
    }
}

/// Everything below a folder: paths with contents, in order; of a link its target, of a folder nothing.
pub fn snapshot(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = std::fs::symlink_metadata(&path).unwrap().file_type();
            let content = if kind.is_symlink() {
                std::fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
            } else if kind.is_dir() {
                folders.push(path.clone());
                Vec::new()
            } else if kind.is_file() {
                std::fs::read(&path).unwrap()
            } else {
                b"special".to_vec()
            };
            all.push((path.strip_prefix(root).unwrap().to_owned(), content));
        }
    }
    all.sort();
    all
}

/// The files below a folder that something may be writing to.
pub fn walk(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    let paths = entries.filter_map(Result::ok).map(|e| e.path());
    paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// A lab that exports tent `aurora` to a cluster, over a folder that plays the stick.
#[derive(Debug)]
pub struct Gap {
    pub room: TempDir,
    pub lab: Site,
    pub cluster: Site,
    pub stick: PathBuf,
}

impl Gap {
    /// Two vaults that trust each other's cards, and an empty stick.
    pub fn new() -> Self {
        let room = tempfile::tempdir().unwrap();
        let (lab, cluster) = (Site::new(room.path(), "lab"), Site::new(room.path(), "cluster-b"));
        lab.run(["tent", "new", "aurora"]).expect(0);
        lab.trust(&cluster, "member");
        cluster.trust(&lab, "exporter");
        let stick = room.path().join("stick");
        std::fs::create_dir(&stick).unwrap();
        Self { room, lab, cluster, stick }
    }

    /// A path in the room that all this happens in.
    pub fn path(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    /// Exports a path as `name` to the stick, with more arguments.
    pub fn export(&self, path: &Path, name: &str, more: &[&str]) -> Run {
        let mut command = self.lab.command(["export", "--json"]);
        command.arg(path).args(["--name", name, "--tent", "aurora", "--to"]).arg(&self.stick).args(more);
        run(&mut command)
    }

    /// Exports a small checkpoint as `model:v1`; gives the bundle's folder on the stick.
    pub fn export_sample(&self) -> PathBuf {
        let source = self.path("sample");
        write_sample(&source);
        let run = self.export(&source, "model:v1", &["--pack-size", "64K"]).expect(0);
        PathBuf::from(run.json()["path"].as_str().unwrap())
    }

    /// Runs a command of the cluster on the stick.
    pub fn on_stick(&self, command: &str) -> Run {
        run(self.cluster.command([command]).arg(&self.stick))
    }

    /// Imports everything on the stick.
    pub fn import(&self) -> Run {
        self.on_stick("import")
    }

    /// Checks an artifact out to a new folder of that name in the room.
    pub fn checkout(&self, name: &str, to: &str) -> Run {
        run(self.cluster.command(["checkout", name]).arg(self.path(to)))
    }
}

/// A few files of several packs of 64 KiB: text, a real safetensors header with two tensors, noise, an empty file.
pub fn write_sample(root: &Path) {
    std::fs::create_dir_all(root.join("shards")).unwrap();
    std::fs::write(root.join("config.json"), br#"{"hidden_size": 64}"#).unwrap();
    std::fs::write(root.join("empty"), b"").unwrap();
    let header = br#"{"a":{"dtype":"U8","shape":[100000],"data_offsets":[0,100000]},"b":{"dtype":"U8","shape":[80000],"data_offsets":[100000,180000]}}"#;
    let mut shard = (header.len() as u64).to_le_bytes().to_vec();
    shard.extend_from_slice(header);
    shard.extend(noise(1, 180_000));
    std::fs::write(root.join("shards/model.safetensors"), shard).unwrap();
    std::fs::write(root.join("vocab.txt"), "token ".repeat(20_000)).unwrap();
}

/// Bytes without any pattern, always the same for a seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Whether two trees hold the same: names, contents, links, and modes as far as this process's umask goes.
#[track_caller]
pub fn assert_same_tree(a: &Path, b: &Path) {
    let (left, right) = (snapshot(a), snapshot(b));
    let names = |tree: &[(PathBuf, Vec<u8>)]| tree.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&left), names(&right));
    let umask = umask();
    for ((path, one), (_, other)) in left.iter().zip(&right) {
        assert!(one == other, "{} differs", path.display());
        let kind_and_mode = |root: &Path| std::fs::symlink_metadata(root.join(path)).unwrap().mode() & !umask;
        let (one, other) = (kind_and_mode(a), kind_and_mode(b));
        assert!(one == other, "{} has mode {one:o} and {other:o}", path.display());
    }
}

/// The permission bits that new files don't get.
fn umask() -> u32 {
    let folder = tempfile::tempdir().unwrap();
    let probe = folder.path().join("probe");
    std::fs::create_dir(&probe).unwrap();
    !std::fs::metadata(probe).unwrap().mode() & 0o777
}

/// Sets the mode of a file or folder.
pub fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
