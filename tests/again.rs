//! A volume that was lost, made again under a seal that supersedes the old one.

use crate::support::kill::{at_many_points, copy_tree, leftovers};
use crate::support::{Gap, Run, Site, assert_same_tree, gapvault, noise, run, snapshot, write_sample};
use gapvault_core::clock::Clock;
use gapvault_core::export::{Again, ExportOptions, Parity, again};
use gapvault_core::observe::Silent;
use gapvault_core::sign::own_key;
use gapvault_core::vault::{Access, Vault};
use std::fs;
use std::path::{Path, PathBuf};

/// A bundle on two media, `a` and `b`.
struct Pair {
    gap: Gap,
    source: PathBuf,
    id: String,
}

impl Pair {
    fn new(more: &[&str]) -> Self {
        let gap = Gap::new();
        let source = gap.path("source");
        write_sample(&source);
        fs::write(source.join("noise"), noise(3, 2 << 20)).unwrap();
        for medium in ["a", "b", "c", "d"] {
            fs::create_dir(gap.path(medium)).unwrap();
        }
        let mut command =
            gap.lab.command(["export", "--name", "m:1", "--tent", "aurora", "--pack-size", "64K", "--json"]);
        command.arg(&source).arg("--to").arg(gap.path("a")).arg("--to").arg(gap.path("b")).args(more);
        let id = run(&mut command).expect(0).json()["bundle"].as_str().unwrap().to_owned();
        Self { gap, source, id }
    }

    fn again(&self, id: &str, volume: &str, to: &str) -> Run {
        let mut command = self.gap.lab.command(["export", "--json", "--again", id, "--volume", volume, "--to"]);
        run(command.arg(self.gap.path(to)))
    }

    /// Whether these media together come to the source, in a vault of its own.
    #[track_caller]
    fn arrives(&self, media: &[PathBuf]) {
        let vault = self.gap.path("tried");
        let _ = fs::remove_dir_all(&vault);
        let _ = fs::remove_dir_all(self.gap.path("out"));
        copy_tree(&self.gap.cluster.vault, &vault);
        let site = Site { vault };
        run(site.command(["verify"]).args(media)).expect(0);
        run(site.command(["import"]).args(media)).expect(0);
        run(site.command(["checkout", "m:1"]).arg(self.gap.path("out"))).expect(0);
        assert_same_tree(&self.source, &self.gap.path("out"));
    }

    fn media(&self, names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(|name| self.gap.path(name)).collect()
    }
}

fn bundle(run: &Run) -> String {
    run.json()["bundle"].as_str().unwrap().to_owned()
}

#[test]
fn the_new_set_arrives_and_the_old_one_still_does() {
    for more in [[].as_slice(), &["--parity", "10%"]] {
        let pair = Pair::new(more);
        let first = pair.again(&pair.id[..12], "2", "c").expect(0);
        pair.arrives(&pair.media(&["a", "c"]));
        pair.arrives(&pair.media(&["a", "b"]));
        let list = pair.gap.lab.run(["list", "--json"]).expect(0).json();
        assert_eq!(list["bundles"].as_array().unwrap().len(), 1, "{list:#}");
        assert_eq!(list["bundles"][0]["bundle"], bundle(&first));
        let log = pair.gap.lab.run(["log"]).expect(0).out;
        assert!(log.contains(&format!("bundle {} was superseded by {}", pair.id, bundle(&first))), "{log}");

        // The other one is lost too, and named by the seal that does not count any more.
        let second = pair.again(&pair.id, "1", "d").expect(0);
        assert_ne!(bundle(&first), bundle(&second));
        pair.arrives(&pair.media(&["d", "c"]));
        assert_eq!(pair.gap.lab.run(["list", "--json"]).expect(0).json()["bundles"].as_array().unwrap().len(), 1);
        // Done is done: the same command again changes nothing.
        let before = (snapshot(&pair.gap.path("d")), pair.gap.lab.snapshot());
        let same = pair.again(&pair.id, "1", "d").expect(0);
        assert_eq!(bundle(&same), bundle(&second));
        assert!(before == (snapshot(&pair.gap.path("d")), pair.gap.lab.snapshot()));
    }
}

#[test]
fn what_can_t_be_made_again_is_refused_with_the_reason_and_nothing_is_written() {
    let pair = Pair::new(&[]);
    pair.again(&pair.id, "3", "c").refused(2, "has no volume 3 (it has: 1, 2)");
    pair.again("0000", "2", "c").refused(1, "holds no bundle 0000");
    fs::write(pair.source.join("noise"), noise(4, 2 << 20)).unwrap();
    fs::write(pair.source.join("new"), "x").unwrap();
    pair.again(&pair.id, "2", "c").refused(1, "the source has changed since: new, noise");
    // The same size and time, and other bytes.
    let pair = Pair::new(&[]);
    let time = fs::metadata(pair.source.join("noise")).unwrap().modified().unwrap();
    fs::write(pair.source.join("noise"), noise(4, 2 << 20)).unwrap();
    fs::File::options().write(true).open(pair.source.join("noise")).unwrap().set_modified(time).unwrap();
    pair.again(&pair.id, "2", "c").refused(1, "noise changed while it was exported");
    assert!(snapshot(&pair.gap.path("c")).iter().all(|(path, _)| !path.ends_with("seal.json")));
    pair.gap
        .lab
        .run(["export", "--again", &pair.id, "--to", pair.gap.path("d").to_str().unwrap()])
        .refused(1, "no whole volume");
    assert!(snapshot(&pair.gap.path("d")).is_empty());

    let spare = Pair::new(&["--spare-volumes", "1"]);
    spare.again(&spare.id, "2", "c").refused(1, "`gapvault repair`");
    assert!(snapshot(&spare.gap.path("c")).is_empty());

    let brief = Pair::new(&[]);
    let request = Again {
        bundle: brief.id.parse().unwrap(),
        volume: Some("2".parse().unwrap()),
        medium: brief.gap.path("c"),
        options: ExportOptions {
            threads: 1,
            pack_size: 1 << 20,
            memory: None,
            read_back: true,
            follow_links: false,
            overcommit: false,
            parity: Parity::None,
            restart: false,
            post_quantum: false,
        },
    };
    let later = Clock::fixed(Clock::SYSTEM.now().plus(31 * 86_400).unwrap());
    let mut vault = Vault::open(&brief.gap.lab.vault, Access::Write, later).unwrap();
    let key = own_key(&vault).unwrap();
    let refused = again(&mut vault, &request, &*key, &Silent).unwrap_err();
    assert!(refused.to_string().contains("it has expired"), "{refused}");
    assert!(snapshot(&brief.gap.path("c")).is_empty());
}

#[test]
fn a_volume_that_parity_makes_up_for_need_not_be_brought() {
    for (more, hint) in [
        (["--spare-volumes", "1"].as_slice(), "`gapvault import` of these media together mends it"),
        (&[], "`gapvault export --again BUNDLE --volume N`"),
    ] {
        let pair = Pair::new(more);
        run(pair.gap.cluster.command(["verify"]).arg(pair.gap.path("a"))).refused(5, hint);
    }
}

#[test]
fn a_journal_that_does_not_know_everything_is_refused() {
    let pair = Pair::new(&[]);
    let exports = pair.gap.lab.vault.join("exports");
    let journal = fs::read_dir(exports).unwrap().next().unwrap().unwrap().path().join("journal");
    let whole = fs::read(&journal).unwrap();
    for cut in [whole.len() - 1, whole.len() * 9 / 10, whole.len() / 2] {
        fs::write(&journal, &whole[..cut]).unwrap();
        pair.again(&pair.id, "2", "c").refused(1, "the journal of its export is damaged");
    }
    assert!(snapshot(&pair.gap.path("c")).is_empty());
    fs::write(&journal, &whole).unwrap();
    pair.again(&pair.id, "2", "c").expect(0);
    pair.arrives(&pair.media(&["a", "c"]));
}

#[test]
fn killed_anywhere_the_same_command_ends_it() {
    let pair = Pair::new(&["--parity", "10%"]);
    let gap = &pair.gap;
    let mut count = 0;
    let command = |room: &Path| {
        let mut command = gapvault();
        command.arg("--vault").arg(room.join("lab")).args(["export", "--again", &pair.id, "--volume", "2", "--to"]);
        command.arg(room.join("c"));
        command
    };
    let new = || {
        count += 1;
        let room = gap.path(&format!("room-{count}"));
        fs::create_dir(&room).unwrap();
        copy_tree(&gap.lab.vault, &room.join("lab"));
        fs::create_dir(room.join("c")).unwrap();
        (room.clone(), command(&room))
    };
    at_many_points(new, |room, point, _| {
        // Another export to that medium takes it for no volume that lacks its seal only.
        let other = gap.path("other");
        let _ = fs::remove_dir_all(&other);
        copy_tree(&room, &other);
        let lab = Site { vault: other.join("lab") };
        let mut export = lab.command(["export", "--name", "x:1", "--tent", "aurora"]);
        run(export.arg(pair.source.join("vocab.txt")).arg("--to").arg(other.join("c"))).expect(0);
        let label = fs::read_dir(gap.path("a/gapvault")).unwrap().next().unwrap().unwrap().file_name();
        if other.join("c/gapvault").join(label).join("seal.json").exists() {
            let verified = run(gap.cluster.command(["verify"]).arg(gap.path("a")).arg(other.join("c")));
            assert_eq!(verified.code, 0, "{verified:#?} at {point}");
        }

        let ended = run(&mut command(&room));
        assert_eq!(ended.code, 0, "{ended:#?} at {point}");
        pair.arrives(&[gap.path("a"), room.join("c")]);
        let list = Site { vault: room.join("lab") }.run(["list", "--json"]).expect(0).json();
        assert_eq!(list["bundles"].as_array().unwrap().len(), 1, "{list:#} at {point}");
        assert!(leftovers(&room).is_empty(), "{:?} at {point}", leftovers(&room));
        fs::remove_dir_all(room).unwrap();
    });
}
