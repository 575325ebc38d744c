//! Killed at many points, a command leaves nothing half-made to be seen, and run again it comes to the right end.

use crate::support::kill::{at_many_points, copy_tree, leftovers};
use crate::support::{Gap, Run, Site, assert_same_tree, gapvault, noise, run, snapshot, write_sample};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Rooms of their own for each run, numbered.
struct Rooms {
    all: PathBuf,
    count: u32,
}

impl Rooms {
    fn new(gap: &Gap) -> Self {
        let all = gap.path("rooms");
        std::fs::create_dir(&all).unwrap();
        Self { all, count: 0 }
    }

    fn next(&mut self) -> PathBuf {
        self.count += 1;
        let room = self.all.join(self.count.to_string());
        std::fs::create_dir(&room).unwrap();
        room
    }
}

/// Two MiB more than the sample, for many packs.
fn write_source(gap: &Gap) -> PathBuf {
    let source = gap.path("source");
    write_sample(&source);
    std::fs::write(source.join("noise"), noise(3, 2 << 20)).unwrap();
    source
}

fn export_source(gap: &Gap) -> PathBuf {
    let source = write_source(gap);
    gap.export(&source, "model:v1", &["--pack-size", "64K"]).expect(0);
    source
}

#[test]
fn a_killed_export_leaves_no_bundle_and_the_next_one_clears_up() {
    let gap = Gap::new();
    let source = write_source(&gap);
    let mut rooms = Rooms::new(&gap);
    let export = |room: &Path| {
        let mut command = gapvault();
        command.arg("--vault").arg(room.join("lab")).arg("export").arg(&source);
        command.args(["--name", "model:v1", "--tent", "aurora", "--pack-size", "64K", "--to"]).arg(room.join("stick"));
        command
    };
    let new = || {
        let room = rooms.next();
        copy_tree(&gap.lab.vault, &room.join("lab"));
        std::fs::create_dir(room.join("stick")).unwrap();
        let command = export(&room);
        (room, command)
    };
    at_many_points(new, |room, point, ended| {
        let (stick, lab) = (room.join("stick"), Site { vault: room.join("lab") });
        let sealed = bundles(&stick, "seal.json");
        match (sealed.len(), bundles(&stick, "").len()) {
            (1, 1) => assert_eq!(verify(&gap, &stick).code, 0, "{point}"),
            (0, 1) => {
                verify(&gap, &stick).refused(5, "has no seal");
                import(&gap, &stick).refused(5, "has no seal on this medium: nothing was copied");
            }
            (0, 0) => assert!(verify(&gap, &stick).expect(1).err.contains("holds no gapvault bundle"), "{point}"),
            other => panic!("{other:?} at {point}"),
        }
        assert!(!ended || sealed.len() == 1, "{point}");

        // The same command ends what was begun; only a bundle that is whole already is followed by another.
        run(&mut export(&room)).expect(0);
        let expected = sealed.len() + 1;
        assert_eq!(bundles(&stick, "seal.json").len(), expected, "{point}");
        assert_eq!(bundles(&stick, "").len(), expected, "an unsealed bundle is left at {point}");
        assert_eq!(listed(&lab), bundles(&stick, "seal.json"), "{point}");
        assert_eq!(verify(&gap, &stick).code, 0, "{point}");
        assert!(leftovers(&room).is_empty(), "{:?} at {point}", leftovers(&room));
        std::fs::remove_dir_all(room).unwrap();
    });
}

#[test]
fn a_killed_import_admits_nothing_and_the_next_one_ends_it() {
    let gap = Gap::new();
    let source = export_source(&gap);
    let mut rooms = Rooms::new(&gap);
    let import = |vault: &Path| {
        let mut command = gapvault();
        command.arg("--vault").arg(vault).arg("import").arg(&gap.stick);
        command
    };
    let new = || {
        let vault = rooms.next().join("cluster");
        copy_tree(&gap.cluster.vault, &vault);
        let command = import(&vault);
        (Site { vault }, command)
    };
    at_many_points(new, |cluster, point, ended| {
        let held = listed(&cluster);
        assert!(held.len() <= 1 && (!ended || held.len() == 1), "{held:?} at {point}");
        if held.is_empty() {
            let early = checkout(&cluster, "early");
            assert_eq!(early.code, 1, "{early:?} at {point}");
        }
        run(&mut import(&cluster.vault)).expect(0);
        assert_eq!(listed(&cluster).len(), 1, "{point}");
        assert!(leftovers(&cluster.vault).is_empty(), "{:?} at {point}", leftovers(&cluster.vault));
        checkout(&cluster, "out").expect(0);
        assert_same_tree(&source, &cluster.vault.with_file_name("out"));
        std::fs::remove_dir_all(cluster.vault.parent().unwrap()).unwrap();
    });
}

#[test]
fn a_killed_checkout_shows_nothing_and_the_next_one_clears_up() {
    let gap = Gap::new();
    let source = export_source(&gap);
    gap.import().expect(0);
    let mut rooms = Rooms::new(&gap);
    let command = |room: &Path| {
        let mut command = gap.cluster.command(["checkout", "model:v1"]);
        command.arg(room.join("out"));
        command
    };
    let new = || {
        let room = rooms.next();
        // Neither is a leftover of a checkout to `out`.
        std::fs::create_dir(room.join(".other.gapvault-00000000")).unwrap();
        std::fs::create_dir(room.join(".out.gapvault-notes")).unwrap();
        let command = command(&room);
        (room, command)
    };
    at_many_points(new, |room, point, ended| {
        let out = room.join("out");
        let whole = out.exists();
        assert!(!ended || whole, "{point}");
        if whole {
            assert_same_tree(&source, &out);
        }
        for left in names(&room).iter().filter(|name| is_half(name)) {
            let left = room.join(left);
            let is_closed = mode(&left) == 0o700;
            let (left, whole) = (snapshot(&left), snapshot(&source));
            assert!(left.is_empty() || left == whole || is_closed, "{point}: anybody may look into it");
        }
        run(&mut command(&room)).expect(if whole { 2 } else { 0 });
        assert_same_tree(&source, &out);
        assert_eq!(mode(&out), mode(&room), "{point}: both as the umask leaves them");
        let names = names(&room);
        assert_eq!(names, [".other.gapvault-00000000", ".out.gapvault-notes", "out"], "{point}");
        std::fs::remove_dir_all(room).unwrap();
    });
    // However often it was killed, the log opens and follows.
    gap.cluster.run(["log"]).expect(0);
}

/// Whether a folder is what a killed checkout to `out` left.
fn is_half(name: &str) -> bool {
    name.strip_prefix(".out.gapvault-").is_some_and(|digits| digits.len() == 8)
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_log_entry_that_was_torn_is_none() {
    let gap = Gap::new();
    gap.export_sample();
    let path = gap.cluster.vault.join("log/entries.jsonl");
    let whole = std::fs::read(&path).unwrap();
    for torn in [b"{".as_slice(), b"{\"seq\":9,\"prev\"", &noise(1, 5_000)] {
        let torn: Vec<u8> = torn.iter().copied().filter(|b| *b != b'\n').collect();
        std::fs::write(&path, [whole.as_slice(), &torn].concat()).unwrap();
        assert!(listed(&gap.cluster).is_empty());
    }
    gap.import().expect(0);
    assert_eq!(listed(&gap.cluster).len(), 1);
    assert!(std::fs::read(&path).unwrap().starts_with(&whole));
}

/// The labels of the bundles on a medium that have a file of this name.
fn bundles(stick: &Path, file: &str) -> Vec<String> {
    let top = stick.join("gapvault");
    if !top.exists() {
        return Vec::new();
    }
    names(&top).into_iter().filter(|label| top.join(label).join(file).exists()).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The labels of the bundles that a vault lists.
fn listed(site: &Site) -> Vec<String> {
    let json = site.run(["list", "--json"]).expect(0).json();
    let rows = json["bundles"].as_array().unwrap();
    let mut labels: Vec<_> = rows.iter().map(|row| row["label"].as_str().unwrap().to_owned()).collect();
    labels.sort();
    labels
}

fn verify(gap: &Gap, stick: &Path) -> Run {
    run(gap.cluster.command(["verify"]).arg(stick))
}

fn import(gap: &Gap, stick: &Path) -> Run {
    run(gap.cluster.command(["import"]).arg(stick))
}

fn checkout(site: &Site, to: &str) -> Run {
    run(site.command(["checkout", "model:v1"]).arg(site.vault.with_file_name(to)))
}
