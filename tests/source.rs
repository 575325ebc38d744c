//! What an export takes from its source, and what it refuses before it writes anything.

use crate::support::tools::{above_modes, bound_by_modes, skip};
use crate::support::{Gap, Run, assert_same_tree, run, set_mode, snapshot, write_sample};
use std::ffi::OsStr;
use std::fs::{create_dir, create_dir_all, write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// Exports the folder that `make` fills, and expects that nothing at all comes of it.
fn refused(make: impl FnOnce(&Path), more: &[&str]) -> Run {
    let gap = Gap::new();
    let source = gap.path("source");
    create_dir(&source).unwrap();
    write(source.join("weights"), b"weights").unwrap();
    make(&source);
    let before = gap.lab.snapshot();
    let run = gap.export(&source, "refused:1", more);
    assert!(snapshot(&gap.stick).is_empty(), "something was left on the medium: {run:#?}");
    assert!(gap.lab.snapshot() == before, "the vault changed: {run:#?}");
    run
}

#[test]
fn special_files_are_refused_by_their_path() {
    let fifo = |at: &Path| run(std::process::Command::new("mkfifo").arg(at)).expect(0);
    refused(|s| drop(fifo(&s.join("pipe"))), &[]).refused(2, "source/pipe is a fifo");
    let socket = |at: &Path| UnixListener::bind(at).unwrap();
    refused(|s| drop(socket(&s.join("talk"))), &[]).refused(2, "source/talk is a socket");
    let device = |s: &Path| symlink("/dev/null", s.join("sink")).unwrap();
    refused(device, &["--follow-links"]).refused(2, "/dev/null is a device");
}

#[test]
fn bits_that_give_power_are_refused() {
    for mode in [0o4755, 0o2755, 0o1644] {
        let run = refused(|s| set_mode(&s.join("weights"), mode), &[]);
        let run = run.refused(2, &format!("source/weights has mode {mode:o}"));
        assert!(run.err.contains("hint: chmod it"), "{run:#?}");
    }
}

#[test]
fn hostile_names_are_refused_with_a_hint() {
    let cases = [
        ("a\\b", "has a backslash"),
        ("a\nb", "has a control character"),
        ("a\u{1b}[2Jb", "has a control character"),
        ("gpj\u{202e}.exe", "has a bidirectional or invisible character"),
        ("nul.txt", "reserved device name"),
    ];
    for (name, fault) in cases {
        let run = refused(|s| write(s.join(name), b"").unwrap(), &[]).refused(2, fault);
        assert!(run.err.contains("hint: rename it"), "{run:#?}");
        let tricky = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!run.err.contains(tricky), "the message itself plays the trick: {run:#?}");
    }
    let run = refused(|s| write(s.join(OsStr::from_bytes(b"caf\xe9")), b"").unwrap(), &[]);
    let run = run.refused(2, "has a name that is not UTF-8");
    assert!(run.err.contains("hint: rename it"), "{run:#?}");
}

#[test]
fn names_that_meet_on_other_file_systems_are_refused() {
    for (one, other) in [("Readme", "README"), ("caf\u{e9}", "cafe\u{301}"), ("a", "a.")] {
        let both = |s: &Path| [one, other].iter().for_each(|name| write(s.join(name), b"").unwrap());
        refused(both, &[]).refused(2, "two spellings of one name");
    }
}

#[test]
fn a_catalogue_that_could_not_be_written_is_refused_before_the_content_is() {
    let long = format!("note={}", "x".repeat(5000));
    for more in [["--note", "a=b\nc"], ["--note", &long], ["--licence", "MIT\u{7}"]] {
        refused(|_| (), &more).refused(2, "has a control character or is over 4096 bytes");
    }
}

#[test]
fn links_that_leave_the_tree_are_refused_and_followed_if_asked() {
    let outside = |s: &Path| {
        write(s.parent().unwrap().join("outside"), b"secret").unwrap();
        symlink("../outside", s.join("link")).unwrap();
    };
    let run = refused(outside, &[]).refused(2, "source/link points to ../outside");
    assert!(run.err.contains("leaves the artifact") && run.err.contains("hint: --follow-links"), "{run:#?}");
    refused(|s| symlink("/etc/hostname", s.join("link")).unwrap(), &[]).refused(2, "is absolute");
    refused(|s| symlink("x/../../y", s.join("link")).unwrap(), &[]).refused(2, "has a '.' or '..' component");
}

#[test]
fn links_that_lead_nowhere_or_round_in_circles_are_not_followed() {
    let follow = &["--follow-links"];
    refused(|s| symlink("gone", s.join("link")).unwrap(), follow).refused(2, "source/link leads nowhere");
    refused(|s| symlink("link", s.join("link")).unwrap(), follow).refused(2, "source/link leads nowhere");
    let circle = |s: &Path| {
        create_dir(s.join("a")).unwrap();
        symlink("..", s.join("a/up")).unwrap();
    };
    refused(circle, follow).refused(2, "source/a/up leads back to a folder that it stands in");
}

#[test]
fn a_model_cache_crosses_with_its_links_followed() {
    let gap = Gap::new();
    let cache = gap.path("models--tiny");
    let snapshots = cache.join("snapshots/0a1b2c");
    for folder in [cache.join("blobs"), snapshots.join("onnx"), gap.path("plain/onnx")] {
        create_dir_all(folder).unwrap();
    }
    let files = [("config.json", "c0ffee"), ("model.safetensors", "deadbeef"), ("onnx/model.onnx", "deadbeef")];
    for (name, blob) in files {
        write(cache.join("blobs").join(blob), blob.repeat(20_000)).unwrap();
        let ups = "../".repeat(2 + name.matches('/').count());
        symlink(format!("{ups}blobs/{blob}"), snapshots.join(name)).unwrap();
        write(gap.path("plain").join(name), blob.repeat(20_000)).unwrap();
    }
    gap.export(&snapshots, "tiny:1", &[]).refused(2, "--follow-links exports what links point to instead");
    let told = gap.export(&snapshots, "tiny:1", &["--follow-links"]).expect(0).json();
    assert_eq!(told["chunks"].as_u64(), Some(3));
    assert_eq!(told["unique_chunks"].as_u64(), Some(2), "the blob that two links point to is stored once");
    gap.import().expect(0);
    gap.checkout("tiny:1", "out").expect(0);
    assert_same_tree(&gap.path("plain"), &gap.path("out"));
}

#[test]
fn the_whole_model_cache_crosses_with_its_links_as_they_are() {
    let gap = Gap::new();
    let cache = gap.path("models--tiny");
    create_dir_all(cache.join("snapshots/0a1b2c")).unwrap();
    create_dir(cache.join("blobs")).unwrap();
    write(cache.join("blobs/c0ffee"), b"{}").unwrap();
    symlink("../../blobs/c0ffee", cache.join("snapshots/0a1b2c/config.json")).unwrap();
    gap.export(&cache, "cache:1", &[]).expect(0);
    gap.import().expect(0);
    gap.checkout("cache:1", "out").expect(0);
    assert_same_tree(&cache, &gap.path("out"));
}

#[test]
fn a_file_that_may_not_be_read_fails_the_export() {
    let gap = Gap::new();
    let source = gap.path("source");
    create_dir(&source).unwrap();
    write(source.join("secret"), b"weights").unwrap();
    set_mode(&source.join("secret"), 0o000);
    let mut command = gap.lab.command(["export"]);
    command.arg(&source).args(["--name", "x:1", "--tent", "aurora", "--to"]).arg(&gap.stick);
    let Some(mut command) = bound_by_modes(&command) else {
        return skip("a file that may not be read", "file modes don't bind this process");
    };
    let run = run(&mut command).refused(1, "source/secret: Permission denied");
    assert!(run.err.contains("hint: check who owns it"), "{run:#?}");
    assert!(snapshot(&gap.stick).is_empty());
    // The skip above must not hide that the helper does nothing.
    assert!(above_modes() == (command.get_program() == "setpriv"));
}

#[test]
fn neither_a_vault_nor_the_medium_is_exported() {
    let gap = Gap::new();
    write_sample(&gap.path("sample"));
    let lab = gap.lab.vault.clone();
    for (path, fault) in [
        (lab.clone(), "is a vault"),
        (lab.join("secrets"), "is a vault"),
        (lab.join("secrets/ssh.key"), "is a vault"),
        (gap.stick.clone(), "is the medium"),
        (gap.room.path().to_owned(), "is "),
    ] {
        gap.export(&path, "model:v1", &[]).refused(2, fault);
        assert_eq!(snapshot(&gap.stick), []);
    }
}
