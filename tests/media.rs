//! Media that are full, too small or read-only. They are mounted in a namespace of this test alone.

use crate::support::images::mounting;
use crate::support::kill::lied_to;
use crate::support::tools::skip;
use crate::support::{Gap, noise, run, snapshot, write_sample};

const TINY: &str = r#"
    tiny() { mount -t tmpfs -o size="$1" tmpfs "$2" || exit 99; }
    export_sample() { "$GAPVAULT" --vault "$LAB" export "$ROOM/sample" --name m:1 --tent aurora --to "$STICK" "$@"; }
"#;

#[test]
fn a_medium_without_room_is_refused_before_anything_is_written() {
    let gap = Gap::new();
    write_sample(&gap.path("sample"));
    let before = gap.lab.snapshot();
    let script =
        format!("{TINY} tiny 256k \"$STICK\"; code=0; export_sample || code=$?; ls -AR \"$STICK\"; exit $code");
    let Some(run) = mounting(&gap, "a medium without room", &script) else { return };
    let run = run.refused(6, "has room for 256 KiB, up to ");
    assert!(run.err.contains("hint: ") && run.out.lines().count() == 1, "{run:#?}");
    assert!(gap.lab.snapshot() == before);
}

#[test]
fn a_medium_that_runs_full_holds_no_bundle() {
    let gap = Gap::new();
    write_sample(&gap.path("sample"));
    let export =
        "code=0; export_sample --overcommit --pack-size 64K || code=$?; find \"$STICK\" -mindepth 1; exit $code";
    for (size, packs) in [("16k", 0), ("100k", 0), ("250k", 0), ("400k", 2)] {
        let script = format!("{TINY} tiny {size} \"$STICK\"; {export}");
        let Some(run) = mounting(&gap, "a medium that runs full", &script) else { return };
        let run = run.refused(6, "the media are full");
        assert!(run.err.contains("hint: the same command with one more --to goes on"), "{size}: {run:#?}");
        assert_eq!(run.out.lines().filter(|name| name.ends_with(".age")).count(), packs, "{size}: {run:#?}");
        assert!(packs > 0 || run.out.is_empty(), "{size}: {run:#?}");
        let held = gap.lab.run(["list", "--json"]).expect(0).json();
        assert_eq!(held["bundles"].as_array().map(Vec::len), Some(0), "{size}");
    }
    // With room, the same comes to a bundle.
    let script = format!("{TINY} tiny 4m \"$STICK\"; {export}");
    let Some(run) = mounting(&gap, "a medium that runs full", &script) else { return };
    assert!(run.expect(0).out.contains("seal.json"));
}

#[test]
fn a_vault_without_room_is_refused_before_anything_is_copied() {
    let gap = Gap::new();
    gap.export_sample();
    let script = format!(
        r#"{TINY} mkdir "$ROOM/tiny"; tiny 1m "$ROOM/tiny"; cp -a "$CLUSTER" "$ROOM/tiny/vault"; cd "$ROOM/tiny/vault"
        look() {{ find . | sort; find . -type f -exec sha256sum {{}} + | sort; }}
        look > "$ROOM/before"; code=0; "$GAPVAULT" --vault . import "$STICK" || code=$?; look > "$ROOM/after"; exit $code"#
    );
    let Some(run) = mounting(&gap, "a vault without room", &script) else { return };
    run.refused(6, "has room for ");
    let look = |name| std::fs::read_to_string(gap.path(name)).unwrap();
    assert!(look("before").contains("entries.jsonl"));
    assert_eq!(look("before"), look("after"));
}

#[test]
fn a_checkout_without_room_is_refused_before_anything_is_written() {
    let gap = Gap::new();
    gap.export_sample();
    gap.import().expect(0);
    let script = format!(
        r#"{TINY} mkdir "$ROOM/tiny"; tiny 1m "$ROOM/tiny"; code=0
        "$GAPVAULT" --vault "$CLUSTER" checkout model:v1 "$ROOM/tiny/out" || code=$?; ls -A "$ROOM/tiny"; exit $code"#
    );
    let Some(run) = mounting(&gap, "a checkout without room", &script) else { return };
    assert_eq!(run.refused(6, "has room for ").out, "");
}

#[test]
fn a_read_only_medium_is_verified_and_imported_and_not_exported_to() {
    let gap = Gap::new();
    gap.export_sample();
    let before = snapshot(&gap.stick);
    let script = r#"
        mount --bind "$STICK" "$STICK" && mount -o remount,bind,ro "$STICK" || exit 99
        ! touch "$STICK/probe" 2>&- || exit 99
        "$GAPVAULT" --vault "$CLUSTER" verify "$STICK"
        "$GAPVAULT" --vault "$CLUSTER" import "$STICK"
        "$GAPVAULT" --vault "$LAB" export "$ROOM/sample" --name m:2 --tent aurora --to "$STICK"
    "#;
    let Some(run) = mounting(&gap, "a read-only medium", script) else { return };
    let run = run.refused(6, "Read-only file system");
    assert!(run.out.contains("is whole") && run.out.contains("imported model:v1"), "{run:#?}");
    assert!(run.err.contains("hint: mount it for writing"), "{run:#?}");
    assert!(snapshot(&gap.stick) == before);
    assert!(!gap.lab.run(["list"]).expect(0).out.contains("m:2"));
    gap.checkout("model:v1", "out").expect(0);
}

#[test]
fn a_medium_that_gives_other_bytes_back_is_refused_at_once() {
    let gap = Gap::new();
    std::fs::write(gap.path("noise"), noise(1, 4 << 20)).unwrap();
    let export = |more: &[&str]| {
        let mut command = gap.lab.command(["export", "--name", "m:1", "--tent", "aurora", "--pack-size", "64K"]);
        command.arg(gap.path("noise")).arg("--to").arg(&gap.stick).args(more);
        command
    };
    // Only what is read back is read at an offset, but for the libraries that the program begins with: fewer than that.
    let lied_to = |command| lied_to(&command, "pread64", 4096, 20);
    let Some(mut lied) = lied_to(export(&[])) else {
        return skip("a medium that lies", "strace is not here or may not trace");
    };
    let refused = run(&mut lied).refused(6, "came back from the medium with SHA-256 ");
    assert!(refused.err.contains("hint: this medium does not keep what is written to it"), "{refused:#?}");
    assert!(!snapshot(&gap.stick).iter().any(|(path, _)| path.ends_with("seal.json")));
    // Nobody who does not read it back would notice; and who does, finds an honest one so.
    let mut unread = lied_to(export(&["--no-read-back", "--json"])).unwrap();
    assert_eq!(run(&mut unread).expect(0).json()["read_back"], "skipped");
    let read = run(&mut export(&["--json"])).expect(0).json();
    assert!(["proven", "unproven"].contains(&read["read_back"].as_str().unwrap()), "{read}");
}

#[test]
fn a_file_system_in_memory_proves_nothing() {
    let gap = Gap::new();
    write_sample(&gap.path("sample"));
    let script = format!("{TINY} tiny 4m \"$STICK\"; export_sample --json");
    let Some(run) = mounting(&gap, "a medium in memory", &script) else { return };
    assert_eq!(run.expect(0).json()["read_back"], "unproven");
}
