//! Exports that broke off: the same command goes on, keeps what is whole, and never comes to a bundle that is not.

use crate::support::kill::{at_many_points, copy_tree, leftovers, signal, start_until};
use crate::support::{Gap, Run, Site, assert_same_tree, gapvault, noise, run, set_mode, snapshot, walk, write_sample};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A lab and its media in a folder, of which copies can be made.
struct Room {
    at: PathBuf,
    source: PathBuf,
    media: usize,
    more: Vec<&'static str>,
}

impl Room {
    fn new(gap: &Gap, at: &str, source: &Path, media: usize, more: &[&'static str]) -> Self {
        let at = gap.path(at);
        fs::create_dir(&at).unwrap();
        copy_tree(&gap.lab.vault, &at.join("lab"));
        let room = Self { at, source: source.to_owned(), media, more: more.to_vec() };
        room.media().iter().for_each(|medium| fs::create_dir(medium).unwrap());
        room
    }

    fn copy(&self, to: &str) -> Self {
        let at = self.at.with_file_name(to);
        let _ = fs::remove_dir_all(&at);
        copy_tree(&self.at, &at);
        Self { at, source: self.source.clone(), media: self.media, more: self.more.clone() }
    }

    fn lab(&self) -> Site {
        Site { vault: self.at.join("lab") }
    }

    fn media(&self) -> Vec<PathBuf> {
        (0..self.media).map(|n| self.at.join(format!("m{n}"))).collect()
    }

    fn export(&self) -> Command {
        let mut command = gapvault();
        command.arg("--vault").arg(self.at.join("lab")).arg("export").arg(&self.source);
        command.args(["--name", "m:1", "--tent", "aurora", "--pack-size", "64K", "--json"]).args(&self.more);
        self.media().iter().for_each(|medium| {
            command.arg("--to").arg(medium);
        });
        command
    }

    /// Begins the export and kills it when so many packs are there.
    fn begin(&self, packs: usize) {
        let mut child = start_until(&mut self.export(), || self.packs().len() >= packs);
        signal(&child, "KILL");
        child.wait().unwrap();
    }

    /// The packs on all media.
    fn packs(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut packs = BTreeMap::new();
        for path in self.media().iter().flat_map(|medium| walk(&medium.join("gapvault"))) {
            let is_pack = path.to_str().is_some_and(|path| path.contains("/packs/") && path.ends_with(".age"));
            // One that is renamed meanwhile comes later.
            if let (true, Ok(bytes)) = (is_pack, fs::read(&path)) {
                packs.insert(path, bytes);
            }
        }
        packs
    }

    /// Whether the media hold one whole bundle that comes out as the source.
    #[track_caller]
    fn expect_whole(&self, gap: &Gap) {
        let cluster = self.at.join("cluster");
        let _ = fs::remove_dir_all(&cluster);
        copy_tree(&gap.cluster.vault, &cluster);
        let (cluster, out) = (Site { vault: cluster }, self.at.join("out"));
        let _ = fs::remove_dir_all(&out);
        run(cluster.command(["verify"]).args(self.media())).expect(0);
        run(cluster.command(["import"]).args(self.media())).expect(0);
        run(cluster.command(["checkout", "m:1"]).arg(&out)).expect(0);
        assert_same_tree(&self.source, &out);
        for medium in self.media() {
            let labels: Vec<_> = fs::read_dir(medium.join("gapvault")).unwrap().map(|e| e.unwrap().path()).collect();
            assert!(labels.len() == 1 && labels[0].join("seal.json").exists(), "{labels:?}");
        }
        assert!(leftovers(&self.at).is_empty(), "{:?}", leftovers(&self.at));
    }

    fn journal(&self) -> PathBuf {
        let exports = fs::read_dir(self.at.join("lab/exports")).unwrap();
        let journals: Vec<_> = exports.map(|e| e.unwrap().path().join("journal")).collect();
        assert_eq!(journals.len(), 1, "{journals:?}");
        journals[0].clone()
    }
}

/// A chunk over many small packs, small files by the hundreds, duplicates, text.
fn write_source(gap: &Gap) -> PathBuf {
    let source = gap.path("source");
    write_sample(&source);
    fs::write(source.join("long"), noise(3, 5 << 20)).unwrap();
    fs::write(source.join("again"), noise(3, 5 << 20)).unwrap();
    fs::create_dir(source.join("many")).unwrap();
    for n in 0..300 {
        fs::write(source.join(format!("many/{n}")), noise(n % 200, 2000 + n as usize)).unwrap();
    }
    fs::write(source.join("zeros"), noise(9, 3 << 20)).unwrap();
    source
}

/// How many packs are as they were.
fn same(before: &BTreeMap<PathBuf, Vec<u8>>, after: &BTreeMap<PathBuf, Vec<u8>>) -> u64 {
    before.iter().filter(|(path, bytes)| after.get(*path) == Some(bytes)).count() as u64
}

fn kept(run: &Run) -> u64 {
    run.json()["packs_kept"].as_u64().unwrap()
}

#[test]
fn an_export_to_two_media_with_parity_killed_anywhere_goes_on() {
    let gap = Gap::new();
    let source = gap.path("source");
    write_sample(&source);
    fs::write(source.join("noise"), noise(3, 1 << 20)).unwrap();
    let mut count = 0;
    let new = || {
        count += 1;
        let room = Room::new(&gap, &format!("room-{count}"), &source, 2, &["--parity", "10%"]);
        let command = room.export();
        (room, command)
    };
    at_many_points(new, |room, point, ended| {
        let sealed = room.media().iter().filter(|m| walk(m).iter().any(|p| p.ends_with("seal.json"))).count();
        assert!(!ended || sealed == 2, "{point}");
        if sealed < 2 {
            let before = room.packs();
            let json = run(&mut room.export());
            assert_eq!(json.code, 0, "{json:?} at {point}");
            if sealed == 0 && !json.json()["coded_bytes"].is_null() {
                assert_eq!(same(&before, &room.packs()), kept(&json), "{point}");
            }
        }
        room.expect_whole(&gap);
        fs::remove_dir_all(&room.at).unwrap();
    });
}

#[test]
fn packs_that_are_damaged_cut_or_gone_are_made_again_and_the_others_kept() {
    let gap = Gap::new();
    let source = write_source(&gap);
    let ways: [(&str, usize, &[&'static str]); 4] = [
        ("one", 1, &["--threads", "1"]),
        ("percent", 2, &["--parity", "7%", "--threads", "3"]),
        ("spare", 3, &["--spare-volumes", "1", "--threads", "2"]),
        ("pair", 2, &["--spare-volumes", "1", "--threads", "2"]),
    ];
    for (name, media, more) in ways {
        let mut room = Room::new(&gap, name, &source, media, more);
        room.begin(40);
        // Several of the same medium among them.
        let packs: Vec<_> = room.packs().into_keys().filter(|path| path.starts_with(room.at.join("m0"))).collect();
        for (n, path) in packs.iter().enumerate().filter(|(n, _)| n % 3 == 0) {
            match n % 4 {
                0 => fs::remove_file(path).unwrap(),
                1 => fs::write(path, b"").unwrap(),
                2 => fs::OpenOptions::new().write(true).open(path).unwrap().set_len(66_000).unwrap(),
                _ => {
                    let mut bytes = fs::read(path).unwrap();
                    bytes[5000] ^= 1;
                    fs::write(path, bytes).unwrap();
                }
            }
        }
        let before = room.packs();
        // By another number of threads.
        *room.more.last_mut().unwrap() = "4";
        let ended = run(&mut room.export()).expect(0);
        assert!(kept(&ended) > 15, "{name}: {ended:#?}");
        assert_eq!(same(&before, &room.packs()), kept(&ended), "{name}");
        room.expect_whole(&gap);
        if more[0] == "--spare-volumes" {
            // Any one of them is expendable, those with packs that were made again as well.
            for lost in room.media() {
                let other = room.copy("lost");
                let lost = other.at.join(lost.file_name().unwrap());
                let cluster = other.at.join("cluster");
                fs::remove_dir_all(&cluster).unwrap();
                fs::remove_dir_all(other.at.join("out")).unwrap();
                copy_tree(&gap.cluster.vault, &cluster);
                let cluster = Site { vault: cluster };
                run(cluster.command(["import"]).args(other.media().iter().filter(|m| **m != lost))).expect(0);
                run(cluster.command(["checkout", "m:1"]).arg(other.at.join("out"))).expect(0);
                assert_same_tree(&source, &other.at.join("out"));
            }
        }
    }
}

#[test]
fn a_medium_that_is_lost_in_the_middle_is_replaced_by_another() {
    let gap = Gap::new();
    let source = write_source(&gap);
    for (name, media, more) in [("none", 2, [].as_slice()), ("spare", 3, &["--spare-volumes", "1"])] {
        let room = Room::new(&gap, name, &source, media, more);
        room.begin(40);
        fs::remove_dir_all(room.at.join("m1")).unwrap();
        fs::create_dir(room.at.join("m1")).unwrap();
        let before = room.packs();
        let ended = run(&mut room.export()).expect(0);
        assert!(kept(&ended) == before.len() as u64 || kept(&ended) > 10, "{ended:#?}");
        room.expect_whole(&gap);
    }
}

#[test]
fn a_source_that_has_changed_is_refused_by_name_until_it_is_as_it_was() {
    let gap = Gap::new();
    let source = write_source(&gap);
    let past = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    for twin in ["again", "long"] {
        fs::File::options().write(true).open(source.join(twin)).unwrap().set_modified(past).unwrap();
    }
    let room = Room::new(&gap, "room", &source, 1, &[]);
    room.begin(30);
    let times = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let put_back = |path: &Path, time| fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    type Change<'a> = (&'static str, Box<dyn Fn() + 'a>, Box<dyn Fn() + 'a>);
    let at = |name: &str| source.join(name);
    let vocab = times(&at("vocab.txt"));
    let text = fs::read(at("vocab.txt")).unwrap();
    let changes: [Change<'_>; 6] = [
        ("new", Box::new(|| fs::write(at("new"), "x").unwrap()), Box::new(|| fs::remove_file(at("new")).unwrap())),
        (
            "many/7",
            Box::new(|| fs::rename(at("many/7"), gap.path("7")).unwrap()),
            Box::new(|| fs::rename(gap.path("7"), at("many/7")).unwrap()),
        ),
        ("empty", Box::new(|| set_mode(&at("empty"), 0o600)), Box::new(|| set_mode(&at("empty"), 0o644))),
        ("shards", Box::new(|| set_mode(&at("shards"), 0o700)), Box::new(|| set_mode(&at("shards"), 0o755))),
        (
            "link",
            Box::new(|| std::os::unix::fs::symlink("empty", at("link")).unwrap()),
            Box::new(|| fs::remove_file(at("link")).unwrap()),
        ),
        (
            "vocab.txt",
            Box::new(|| fs::write(at("vocab.txt"), "x").unwrap()),
            Box::new(|| {
                fs::write(at("vocab.txt"), &text).unwrap();
                put_back(&at("vocab.txt"), vocab);
            }),
        ),
    ];
    let before = snapshot(&room.media()[0]);
    for (name, change, back) in changes {
        change();
        let refused = run(&mut room.export()).refused(1, "the source has changed since: ");
        assert!(refused.err.contains(name) && refused.err.contains("hint: put it back as it was"), "{refused:#?}");
        assert!(snapshot(&room.media()[0]) == before, "{name}");
        back();
    }
    // Other bytes under the same size and time are noticed where they are read.
    let twins = ["again", "long"].map(at);
    let time = times(&twins[0]);
    let write_both = |bytes: &[u8]| {
        for twin in &twins {
            fs::write(twin, bytes).unwrap();
            put_back(twin, time);
        }
    };
    let bytes = fs::read(&twins[0]).unwrap();
    write_both(&noise(4, 5 << 20));
    let refused = run(&mut room.export()).expect(1);
    assert!(refused.err.contains("changed while it was exported"), "{refused:#?}");
    assert!(walk(&room.media()[0]).iter().all(|path| !path.ends_with("seal.json")));
    write_both(&bytes);
    assert!(kept(&run(&mut room.export()).expect(0)) >= 29);
    room.expect_whole(&gap);
}

#[test]
fn another_way_to_export_the_same_is_refused_and_restart_begins_anew() {
    let gap = Gap::new();
    let source = write_source(&gap);
    let mut room = Room::new(&gap, "room", &source, 1, &[]);
    room.begin(30);
    let before = snapshot(&room.media()[0]);
    for other in [["--pack-size", "128K"], ["--parity", "3%"], ["--volume-size", "64M"]] {
        let mut command = room.export();
        // The last one given of an option that is given twice is refused by the parser: take the first away.
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let twice = arguments.iter().position(|a| a == other[0]);
        if let Some(at) = twice {
            command = gapvault();
            command.args(&arguments[..at]).args(&arguments[at + 2..]);
        }
        let refused = run(command.args(other)).refused(2, "it was begun in another way: ");
        assert!(refused.err.contains("--restart"), "{refused:#?}");
        assert!(snapshot(&room.media()[0]) == before);
    }
    room.more = vec!["--restart"];
    let ended = run(&mut room.export()).expect(0);
    assert_eq!(kept(&ended), 0);
    room.expect_whole(&gap);
}

/// Where the records of a journal end.
fn records(journal: &[u8]) -> Vec<usize> {
    let mut ends = vec![0];
    while let Some(head) = journal.get(*ends.last().unwrap()..).filter(|rest| rest.len() >= 20) {
        let length = u32::from_le_bytes(head[..4].try_into().unwrap()) as usize;
        ends.push(ends.last().unwrap() + 20 + length);
    }
    ends
}

#[test]
fn a_journal_that_is_torn_or_altered_never_leads_to_a_broken_bundle() {
    let gap = Gap::new();
    let source = write_source(&gap);
    let room = Room::new(&gap, "room", &source, 2, &[]);
    room.begin(20);
    let whole = fs::read(room.journal()).unwrap();
    let ends = records(&whole);
    let middle = whole.len() / 2;
    let cuts = [0, 10, ends[1], ends[3] - 1, ends[ends.len() / 2], middle, ends[ends.len() - 2], whole.len() - 1];
    for cut in cuts {
        let copy = room.copy("cut");
        fs::write(copy.journal(), &whole[..cut]).unwrap();
        run(&mut copy.export()).expect(0);
        copy.expect_whole(&gap);
    }
    for flip in [0, 4, 30, ends[1] + 2, middle, ends[ends.len() - 3] + 25, whole.len() - 3] {
        let copy = room.copy("flipped");
        let mut altered = whole.clone();
        altered[flip] ^= 0x40;
        fs::write(copy.journal(), altered).unwrap();
        run(&mut copy.export()).expect(0);
        copy.expect_whole(&gap);
    }
    // A record left out, given twice, or of another journal.
    let other = Room::new(&gap, "other", &source, 2, &[]);
    other.begin(20);
    let third = ends[3]..ends[4];
    let foreign = fs::read(other.journal()).unwrap();
    for altered in [
        [&whole[..ends[3]], &whole[ends[4]..]].concat(),
        [&whole[..ends[4]], &whole[third.clone()], &whole[ends[4]..]].concat(),
        foreign,
        [&whole[..], &whole[third]].concat(),
    ] {
        let copy = room.copy("altered");
        fs::write(copy.journal(), altered).unwrap();
        run(&mut copy.export()).expect(0);
        copy.expect_whole(&gap);
    }
}

#[test]
fn rows_whose_pack_was_not_noted_any_more_belong_to_no_pack() {
    let gap = Gap::new();
    let source = write_source(&gap);
    let room = Room::new(&gap, "room", &source, 2, &[]);
    room.begin(20);
    let whole = fs::read(room.journal()).unwrap();
    let ends = records(&whole);
    let mut tried = 0;
    for cut in ends.windows(2).filter(|record| whole[record[0] + 20..record[1]].windows(4).any(|w| w == b"Rows")) {
        tried += 1;
        if tried > 4 {
            break;
        }
        let copy = room.copy("cut");
        fs::write(copy.journal(), &whole[..cut[1]]).unwrap();
        let id = run(&mut copy.export()).expect(0).json()["bundle"].as_str().unwrap().to_owned();
        // What is made again by that journal must be what was there.
        for (volume, medium) in ["1", "2"].iter().zip(copy.media()) {
            fs::remove_dir_all(&medium).unwrap();
            fs::create_dir(&medium).unwrap();
            let lab = copy.lab();
            run(lab.command(["export", "--again", &id, "--volume", volume, "--to"]).arg(&medium)).expect(0);
        }
        copy.expect_whole(&gap);
    }
    assert!(tried > 1);
}

/// Volumes at one place: the one that is full is moved away, and the next is empty.
const SWAP: &str = r#"mv "$GAPVAULT_MEDIUM" "$GAPVAULT_MEDIUM-$((GAPVAULT_VOLUME-1))"; mkdir "$GAPVAULT_MEDIUM""#;

#[test]
fn swapped_media_go_on_with_the_volume_that_was_being_written_or_waited_for() {
    let gap = Gap::new();
    let source = write_source(&gap);
    let die = format!(
        r#"test -e "$GAPVAULT_MEDIUM-died" || {{ touch "$GAPVAULT_MEDIUM-died"; kill -KILL $PPID; exit 1; }}; {SWAP}"#
    );
    for (name, parity) in [("swapped", "--overcommit"), ("parity", "--parity=5%")] {
        let room = Room::new(&gap, name, &source, 1, &["--volume-size", "4M", parity]);
        let with = |script: &str| {
            let mut command = room.export();
            command.arg("--next-medium").arg(script);
            command
        };
        // Killed while it waits for volume 2.
        assert_eq!(run(&mut with(&die)).code, -1);
        // Killed in the middle of volume 2.
        let (away, now) = (room.at.join("m0-1"), room.at.join("m0"));
        let begun =
            || away.exists() && walk(&now).iter().filter(|p| p.extension().is_some_and(|e| e == "age")).count() > 9;
        let mut child = start_until(&mut with(SWAP), begun);
        signal(&child, "KILL");
        child.wait().unwrap();
        let before = walk(&now).len();
        let ended = run(&mut with(SWAP)).expect(0);
        assert!(kept(&ended) > 40 && before > 9, "{ended:#?}");
        let volumes = ended.json()["volumes"].as_array().unwrap().len();
        assert!(volumes > 2, "{ended:#?}");
        let mut media = vec![now.clone()];
        media.extend((1..volumes).map(|n| room.at.join(format!("m0-{n}"))));
        for medium in &media {
            let sealed = walk(medium).iter().any(|path| path.ends_with("seal.json"));
            assert_eq!(sealed, *medium == now);
        }
        run(gap.cluster.command(["verify"]).args(&media)).expect(0);
        let cluster = Site { vault: room.at.join("cluster") };
        copy_tree(&gap.cluster.vault, &cluster.vault);
        for medium in &media {
            run(cluster.command(["import"]).arg(medium)).expect(if medium == media.last().unwrap() { 0 } else { 5 });
        }
        run(cluster.command(["checkout", "m:1"]).arg(room.at.join("out"))).expect(0);
        assert_same_tree(&source, &room.at.join("out"));
    }
}

/// What others put on the medium between two runs is never followed.
#[test]
fn links_on_the_medium_are_not_followed_when_an_export_goes_on_or_is_given_up() {
    let gap = Gap::new();
    let source = gap.path("source");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("noise"), noise(9, 24 << 20)).unwrap();
    let mut command = gap.lab.command(["export", "--name", "m:1", "--tent", "aurora", "--pack-size", "64K"]);
    command.arg(&source).arg("--to").arg(&gap.stick);
    let begun = || walk(&gap.stick).iter().filter(|p| p.extension().is_some_and(|e| e == "age")).count() > 3;
    let child = start_until(&mut command, begun);
    signal(&child, "KILL");
    drop(child.wait_with_output().unwrap());
    let bundle = std::fs::read_dir(gap.stick.join("gapvault")).unwrap().next().unwrap().unwrap();
    let outside = gap.path("outside");
    std::fs::rename(bundle.path().join("packs"), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, bundle.path().join("packs")).unwrap();
    let before = snapshot(&outside);
    run(&mut command).refused(3, "is not a folder: links on a medium are never followed");
    assert!(snapshot(&outside) == before);

    let label = bundle.file_name().into_string().unwrap();
    let other = gap.path("other-stick");
    std::fs::create_dir(&other).unwrap();
    std::os::unix::fs::symlink(gap.stick.join("gapvault"), other.join("gapvault")).unwrap();
    let drop = run(gap.lab.command(["pending", "--drop", &label, "--on"]).arg(&other));
    drop.refused(3, "is not a folder: links on a medium are never followed");
    assert!(bundle.path().exists());
    run(gap.lab.command(["pending", "--drop", &label, "--on"]).arg(&gap.stick)).expect(0);
    assert!(!bundle.path().exists() && snapshot(&outside) == before);
    // It can be named again for another medium.
    run(gap.lab.command(["pending", "--drop", &label, "--on"]).arg(&gap.stick)).expect(0);
}
