//! What goes in comes out: any tree, any number of paths, and nothing of it twice.

use crate::support::trees::{Unlock, any_tree, safetensors, write_tree};
use crate::support::{Gap, Run, assert_same_tree, noise, run, snapshot};
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn any_tree_comes_out_as_it_went_in_and_its_source_is_not_touched() {
    let gap = Gap::new();
    let _unlock = Unlock(gap.room.path().to_owned());
    let case = Cell::new(0);
    let config = Config { cases: 16, failure_persistence: None, max_shrink_iters: 64, ..Config::default() };
    let crossed = TestRunner::new(config).run(&any_tree(), |tree| {
        case.set(case.get() + 1);
        let (name, source, out) =
            (format!("tree:{}", case.get()), format!("in-{}", case.get()), format!("out-{}", case.get()));
        write_tree(&gap.path(&source), &tree);
        let before = states(&gap.path(&source));
        gap.export(&gap.path(&source), &name, &["--pack-size", "64K"]).expect(0);
        gap.on_stick("verify").expect(0);
        gap.import().expect(0);
        gap.checkout(&name, &out).expect(0);
        assert_same_tree(&gap.path(&source), &gap.path(&out));
        assert_eq!(before, states(&gap.path(&source)));
        std::fs::remove_dir_all(gap.stick.join("gapvault")).unwrap();
        Ok(())
    });
    crossed.unwrap();
}

/// Everything that tells whether a file was touched, its time of last access left out.
fn states(root: &Path) -> Vec<(std::path::PathBuf, u32, i64, i64, u64, u64)> {
    let state = |path: std::path::PathBuf| {
        let m = std::fs::symlink_metadata(root.join(&path)).unwrap();
        (path, m.mode(), m.mtime(), m.mtime_nsec(), m.ino(), m.len())
    };
    snapshot(root).into_iter().map(|(path, _)| state(path)).collect()
}

#[test]
fn one_folder_is_the_root_and_several_paths_stand_in_it() {
    let gap = Gap::new();
    let (folder, file) = (gap.path("run/weights"), gap.path("notes.md"));
    std::fs::create_dir_all(folder.join("empty")).unwrap();
    std::fs::write(folder.join("a"), b"a").unwrap();
    std::fs::write(&file, b"notes").unwrap();
    let dotted = folder.join("empty/..");
    let slashed = gap.path("run/weights/");
    let cases: [(&str, &[&Path], &[&str]); 5] = [
        ("folder:1", &[&folder], &["a", "empty"]),
        ("file:1", &[&file], &["notes.md"]),
        ("both:1", &[&folder, &file], &["notes.md", "weights", "weights/a", "weights/empty"]),
        ("slashed:1", &[&slashed, &file], &["notes.md", "weights", "weights/a", "weights/empty"]),
        ("dotted:1", &[&dotted, &file], &["notes.md", "weights", "weights/a", "weights/empty"]),
    ];
    for (name, paths, expected) in cases {
        export(&gap, paths, name).expect(0);
        gap.import().expect(0);
        gap.checkout(name, name).expect(0);
        let out = snapshot(&gap.path(name));
        let found: Vec<_> = out.iter().map(|(path, _)| path.to_str().unwrap()).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn two_paths_of_one_name_are_refused() {
    let gap = Gap::new();
    let (one, other) = (gap.path("one/config.json"), gap.path("other/config.json"));
    for path in [&one, &other] {
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"{}").unwrap();
    }
    export(&gap, &[&one, &other], "twice:1").refused(2, "other/config.json and another of the given paths");
    assert!(snapshot(&gap.stick).is_empty());
}

#[test]
fn an_empty_folder_is_an_artifact() {
    let gap = Gap::new();
    std::fs::create_dir(gap.path("nothing")).unwrap();
    gap.export(&gap.path("nothing"), "nothing:1", &[]).expect(0);
    gap.import().expect(0);
    gap.checkout("nothing:1", "out").expect(0);
    assert_same_tree(&gap.path("nothing"), &gap.path("out"));
}

#[test]
fn the_same_content_is_stored_once() {
    let gap = Gap::new();
    let shard = safetensors(7, &[300_000, 200_000]);
    let write = |name: &str, files: &[&[u8]]| {
        std::fs::create_dir(gap.path(name)).unwrap();
        for (number, bytes) in files.iter().enumerate() {
            std::fs::write(gap.path(name).join(number.to_string()), bytes).unwrap();
        }
        gap.export(&gap.path(name), &format!("{name}:1"), &["--pack-size", "64K"]).expect(0).json()
    };
    let number = |json: &serde_json::Value, field: &str| json[field].as_u64().unwrap();
    let once = write("once", &[&shard]);
    let thrice = write("thrice", &[&shard, &shard, &shard]);
    assert_eq!(number(&once, "chunks"), number(&once, "unique_chunks"));
    assert_eq!(number(&thrice, "chunks"), 3 * number(&once, "chunks"));
    assert_eq!(number(&thrice, "unique_chunks"), number(&once, "unique_chunks"));
    assert_eq!(number(&thrice, "packs"), number(&once, "packs"));
    assert_eq!(number(&thrice, "plain_bytes"), 3 * shard.len() as u64);
    assert!(number(&thrice, "size") < number(&once, "size") + 1000, "{once} {thrice}");

    // A tensor that another file has too is found, whatever stands around it.
    let other = safetensors(7, &[300_000]);
    let shared = write("shared", &[&shard, &other]);
    assert_eq!(number(&shared, "chunks") - number(&shared, "unique_chunks"), 1);
}

#[test]
fn what_does_not_get_smaller_is_not_coded_and_what_does_is() {
    let gap = Gap::new();
    let size = |name: &str, bytes: &[u8]| {
        std::fs::write(gap.path(name), bytes).unwrap();
        gap.export(&gap.path(name), &format!("{name}:1"), &[]).expect(0).json()["size"].as_u64().unwrap()
    };
    // Catalogue and index are 64 KiB each at least, padding is 12 % at most.
    let (noisy, texty) = (size("noise", &noise(3, 1 << 20)), size("text", &b"token ".repeat(175_000)));
    assert!((1 << 20..(1 << 20) * 9 / 8 + (140 << 10)).contains(&noisy), "{noisy}");
    assert!(texty < 220 << 10, "{texty}");
}

fn export(gap: &Gap, paths: &[&Path], name: &str) -> Run {
    let mut command = gap.lab.command(["export"]);
    command.args(paths).args(["--name", name, "--tent", "aurora", "--to"]).arg(&gap.stick);
    run(&mut command)
}

/// Parts of many packs each, read by many threads.
fn many_packs(gap: &Gap) -> PathBuf {
    let source = gap.path("many");
    std::fs::create_dir(&source).unwrap();
    for seed in 0..40 {
        std::fs::write(source.join(seed.to_string()), noise(seed, 1_200_000)).unwrap();
    }
    gap.export(&source, "many:v1", &["--pack-size", "64K"]).expect(0);
    gap.import().expect(0);
    source
}

/// Checks `many:v1` out with 16 threads, and no more open files than `files`.
fn checkout_with_open_files(gap: &Gap, files: u32, to: &str) -> Run {
    let mut limited = Command::new("sh");
    limited.args(["-euc", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")]);
    let command = gap.cluster.command(["checkout", "many:v1", "--threads", "16"]);
    limited.arg(command.get_program()).args(command.get_args()).arg(gap.path(to));
    run(limited.env_remove("GAPVAULT_DIR"))
}

#[test]
fn open_packs_do_not_add_up_with_the_threads() {
    let gap = Gap::new();
    let source = many_packs(&gap);
    checkout_with_open_files(&gap, 150, "restored").expect(0);
    assert_same_tree(&source, &gap.path("restored"));
}

#[test]
fn a_limit_of_the_system_is_not_taken_for_damage() {
    let gap = Gap::new();
    many_packs(&gap);
    let run = checkout_with_open_files(&gap, 40, "restored").refused(1, "Too many open files");
    assert!(!run.err.contains("damaged"), "{run:#?}");
    assert!(!gap.path("restored").exists());
}
