//! `gapvault media`: what it says of real file systems.

use crate::support::images::mounting;
use crate::support::tools::{bound_by_modes, skip};
use crate::support::trees::Unlock;
use crate::support::{Gap, Run, gapvault, noise, run, set_mode, snapshot};
use serde_json::Value;

/// The media of a run's object.
#[track_caller]
fn media(run: &Run) -> Vec<Value> {
    run.json()["media"].as_array().unwrap().clone()
}

/// Runs `script`, which ends with `media --json` of one medium; gives what that says.
#[track_caller]
fn probed(claim: &str, script: &str) -> Option<Value> {
    let gap = Gap::new();
    let run = mounting(&gap, claim, script)?.expect(0);
    Some(media(&run).remove(0))
}

const ALL: [&str; 7] = ["fsync", "folder_fsync", "rename", "rename_new", "direct", "hard_links", "chmod"];

/// An image of this kind, probed; there is nothing on it afterwards that was not there before.
fn probed_image(kind: &str, size: &str) -> Option<Value> {
    let script = format!(
        r#"image {kind} {size} "$STICK"; before=$(ls -A "$STICK"); "$GAPVAULT" media "$STICK" --json
        test "$before" = "$(ls -A "$STICK")""#
    );
    let probe = probed(&format!("probing {kind}"), &script)?;
    assert_eq!(probe["mount_point"], probe["path"], "{probe}");
    for name in ["is_mount_point", "writable"] {
        assert_eq!(probe[name], true, "{name} of {probe}");
    }
    assert_eq!((&probe["read_only"], &probe["obstacle"]), (&false.into(), &Value::Null), "{probe}");
    assert!(probe["source"].as_str().unwrap().starts_with("/dev/loop"), "{probe}");
    assert!(probe["free"].as_u64() <= probe["total"].as_u64() && probe["write_rate"].as_u64() > Some(0), "{probe}");
    Some(probe)
}

#[test]
fn kernel_file_systems_are_known_and_can_do_everything() {
    for (kind, size, largest) in
        [("ext4", "64M", 16 << 40), ("xfs", "320M", i64::MAX as u64), ("btrfs", "128M", i64::MAX as u64)]
    {
        let Some(probe) = probed_image(kind, size) else { continue };
        assert_eq!(probe["file_system"], kind);
        if kind == "ext4" {
            // Its blocks are as large as its maker finds right for the size.
            assert!([4 << 40, 8 << 40, largest].map(Some).contains(&probe["largest_file"].as_u64()), "{probe}");
        } else {
            assert_eq!(probe["largest_file"], largest, "{probe}");
        }
        for name in ALL {
            assert_eq!(probe[name], true, "{name} of {kind}: {probe}");
        }
    }
}

#[test]
fn what_a_driver_outside_of_the_kernel_can_t_do_is_said() {
    let Some(probe) = probed_image("exfat", "64M") else { return };
    assert!(probe["file_system"].as_str().unwrap().starts_with("fuse"), "{probe}");
    assert_eq!(probe["largest_file"], Value::Null, "which file system it drives is not known: {probe}");
    for (name, works) in [("fsync", true), ("rename", true), ("rename_new", false), ("hard_links", false)] {
        assert_eq!(probe[name], works, "{name}: {probe}");
    }
}

#[test]
fn a_folder_of_a_larger_file_system_is_no_mount_point() {
    let script = r#"mount -t tmpfs -o size=8m tmpfs "$STICK" || exit 99
        mkdir "$STICK/not mounted"; "$GAPVAULT" media "$STICK/not mounted" "$STICK" "#;
    let Some(probe) = probed("not a mount point", &format!("{script} --json")) else { return };
    assert_eq!((&probe["is_mount_point"], &probe["file_system"]), (&false.into(), &"tmpfs".into()), "{probe}");
    assert_eq!((&probe["free"], &probe["total"]), (&probe["total"], &(8 << 20).into()), "{probe}");
    let gap = Gap::new();
    let Some(run) = mounting(&gap, "not a mount point", script) else { return };
    let run = run.expect(0);
    let stick = gap.stick.display();
    assert!(
        run.out.contains(&format!("NOT HERE: this is a folder of what is mounted at {stick}, from tmpfs")),
        "{run:#?}"
    );
    assert!(run.out.contains("mounted           here, from tmpfs"), "{run:#?}");
}

#[test]
fn a_bind_mount_and_one_over_another_are_told_apart() {
    let script = r#"
        mount -t tmpfs -o size=8m below "$STICK" && mkdir "$STICK/part" "$ROOM/bound" || exit 99
        mount --bind "$STICK/part" "$ROOM/bound"; mount -t tmpfs -o size=9m above "$STICK"
        "$GAPVAULT" media --quick --json "$ROOM/bound" "$STICK""#;
    let gap = Gap::new();
    let Some(run) = mounting(&gap, "bind mounts", script) else { return };
    let media = media(&run.expect(0));
    assert_eq!([&media[0]["source"], &media[1]["source"]], ["below", "above"]);
    assert!(media.iter().all(|m| m["is_mount_point"] == true && m["write_rate"] == Value::Null), "{media:#?}");
}

#[test]
fn names_of_whoever_mounted_it_play_no_tricks() {
    let script = r#"
        name=$(printf 'a b\033[2J\\c'); mkdir "$ROOM/$name"; mount -t tmpfs "$name" "$ROOM/$name" || exit 99
        "$GAPVAULT" media --quick "$ROOM/$name" "#;
    let gap = Gap::new();
    let Some(run) = mounting(&gap, "hostile names", script) else { return };
    let run = run.expect(0);
    assert!(run.out.contains("here, from a b\\u{1b}[2J\\c") && !run.out.contains('\u{1b}'), "{run:#?}");
    let Some(probe) = probed("hostile names", &format!("{script} --json")) else { return };
    assert_eq!((&probe["source"], &probe["is_mount_point"]), (&"a b\u{1b}[2J\\c".into(), &true.into()));
}

#[test]
fn a_read_only_medium_is_an_answer_and_nothing_is_tried() {
    for (kind, size) in [("ext4", "64M"), ("exfat", "64M")] {
        let remount = match kind {
            "exfat" => {
                "umount \"$STICK\"; sleep 1; loop=$(losetup -f --show -r \"$image\"); mount.exfat-fuse -o ro $loop \"$STICK\" >&2; losetup -d $loop"
            }
            _ => "mount -o remount,ro \"$STICK\"",
        };
        let script = format!(r#"image {kind} {size} "$STICK"; {remount}; "$GAPVAULT" media "$STICK" --json"#);
        let Some(probe) = probed(&format!("read-only {kind}"), &script) else { continue };
        assert_eq!((&probe["read_only"], &probe["writable"]), (&true.into(), &false.into()), "{probe}");
        for name in ALL.into_iter().chain(["obstacle", "write_rate"]) {
            assert_eq!(probe[name], Value::Null, "{name} of {kind}: {probe}");
        }
    }
}

#[test]
fn a_full_medium_is_one_that_could_be_written_to() {
    for (kind, size) in [("ext4", "16M"), ("exfat", "16M"), ("tmpfs", "1m")] {
        let make = match kind {
            "tmpfs" => r#"mount -t tmpfs -o size=1m tmpfs "$STICK" || exit 99"#.to_owned(),
            _ => format!(r#"image {kind} {size} "$STICK""#),
        };
        // Every block and, on ext4, every name that a folder's own block holds.
        let fill = r#"dd if=/dev/zero of="$STICK/full" bs=64k 2>&- || true; dd if=/dev/zero of="$STICK/rest" bs=512 2>&- || true; sync"#;
        let look =
            r#"before=$(ls -A "$STICK"); "$GAPVAULT" media "$STICK" --json; test "$before" = "$(ls -A "$STICK")""#;
        let Some(probe) = probed(&format!("full {kind}"), &format!("{make}; {fill}; {look}")) else { continue };
        assert_eq!((&probe["read_only"], &probe["writable"]), (&false.into(), &true.into()), "{kind}: {probe}");
        assert_eq!((&probe["free"], &probe["write_rate"]), (&0.into(), &Value::Null), "{kind}: {probe}");
        assert!(probe["obstacle"].as_str().unwrap().contains("No space left"), "{kind}: {probe}");
    }
}

#[test]
fn a_medium_that_this_user_may_not_write_to_is_an_answer_too() {
    let gap = Gap::new();
    let _unlock = Unlock(gap.stick.clone());
    set_mode(&gap.stick, 0o555);
    let mut command = gapvault();
    command.args(["media", "--json"]).arg(&gap.stick);
    let Some(mut command) = bound_by_modes(&command) else {
        return skip("a medium without permission", "file modes can't be made to bind this process");
    };
    let probe = media(&run(&mut command).expect(0)).remove(0);
    assert_eq!((&probe["read_only"], &probe["writable"]), (&false.into(), &false.into()), "{probe}");
    assert!(ALL.iter().all(|name| probe[name] == Value::Null), "{probe}");
}

#[test]
fn what_is_no_folder_fails_and_the_others_are_told_all_the_same() {
    let gap = Gap::new();
    std::fs::write(gap.path("file"), b"").unwrap();
    for path in [gap.path("file"), gap.path("nothing")] {
        let run = run(gap.lab.command(["media", "--quick", "--json"]).arg(&path).arg(&gap.stick));
        let run = run.expect(6);
        assert!(run.err.contains("is not a folder\nhint: mount the medium"), "{run:#?}");
        let media = media(&run);
        assert_eq!((&media[0]["error"]["kind"], &media[1]["fsync"]), (&"medium".into(), &true.into()), "{media:#?}");
    }
}

#[test]
fn a_medium_whose_driver_was_killed_is_gone() {
    let gap = Gap::new();
    let script = r#"image exfat 16M "$STICK"; kill_drivers; "$GAPVAULT" media "$STICK""#;
    let Some(run) = mounting(&gap, "a killed driver", script) else { return };
    // Whoever asks while it dies is told something else than whoever asks later.
    run.refused(6, "hint: check that the medium is still connected");
}

#[test]
fn a_limit_on_the_process_is_told_and_survived() {
    let gap = Gap::new();
    std::fs::write(gap.path("noise"), noise(1, 4 << 20)).unwrap();
    let script = r#"ulimit -f 2048; "$GAPVAULT" media --quick --json "$STICK"
        "$GAPVAULT" --vault "$LAB" export "$ROOM/noise" --name m:1 --tent aurora --to "$STICK" --pack-size 2M"#;
    let Some(run) = mounting(&gap, "a limit on files", script) else { return };
    let told: Value = serde_json::from_str(run.out.lines().next().unwrap()).unwrap();
    assert_eq!(told["media"][0]["process_limit"], 1 << 20, "{told}");
    run.refused(6, "holds files of at most 1.0 MiB here, a pack has up to 2.0 MiB");
    assert!(snapshot(&gap.stick).is_empty());
}
