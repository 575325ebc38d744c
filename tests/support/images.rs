//! Real file systems in files, mounted in namespaces of one test alone. Whatever becomes of the test, the namespaces end
//! with it, and with them all processes, mounts and loop devices in them.

use super::tools::skip;
use super::{Gap, Run, gapvault, run};
use std::process::Command;

/// What scripts may use beside `$GAPVAULT`, `$LAB`, `$CLUSTER`, `$STICK` and `$ROOM`.
const PRELUDE: &str = r#"
    PATH=$PATH:/usr/sbin:/sbin
    cannot() { echo "CANNOT: $*" >&2; exit 99; }
    needed() { for tool; do command -v "$tool" >/dev/null || cannot "$tool is missing"; done; }
    # image KIND SIZE FOLDER: an empty file system of that kind and size (ext4, xfs, btrfs, exfat), mounted there.
    # $loop is its device, $image its file.
    image() {
        image="$ROOM/$(basename "$3").$1" made="mkfs.$1"
        needed "$made" losetup mount
        truncate -s "$2" "$image"
        case $1 in
            ext4) mkfs.ext4 -q -m 0 "$image" ;;
            xfs) mkfs.xfs -q "$image" ;;
            *) "$made" "$image" ;;
        esac >&2 || cannot "$made fails"
        mount_image "$1" "$3"
    }
    # mount_image KIND FOLDER: $image again.
    mount_image() {
        mkdir -p "$2"
        loop=$(losetup --find --show "$image") || cannot "no loop device"
        code=0
        case $1 in
            exfat) needed mount.exfat-fuse; mount.exfat-fuse "$loop" "$2" >&2 || code=1 ;;
            *) mount "$loop" "$2" || code=1 ;;
        esac
        # It goes when nobody uses it any more: at the latest when all of this ends.
        losetup --detach "$loop"
        test $code = 0 || cannot "$1 can't be mounted"
    }
    # Kills the drivers of all FUSE file systems in here.
    kill_drivers() {
        for comm in /proc/[0-9]*/comm; do
            case $(cat "$comm" 2>&-) in mount.exfat*) pid=${comm#/proc/}; kill -KILL "${pid%/comm}" ;; esac
        done
    }
"#;

/// Runs `script` by `sh -eu` with `$GAPVAULT`, `$LAB`, `$CLUSTER`, `$STICK`, `$ROOM` and the functions above; it may
/// mount things, and exits with 99 where it can't. `None`, said aloud, where this machine does not let it.
pub fn mounting(gap: &Gap, claim: &str, script: &str) -> Option<Run> {
    let Some(mut command) = namespaces(&format!("{PRELUDE}\n{script}")) else {
        skip(claim, "no mount namespace can be made here");
        return None;
    };
    command.env_remove("GAPVAULT_DIR").env("GAPVAULT", gapvault().get_program()).env("ROOM", gap.room.path());
    command.env("LAB", &gap.lab.vault).env("CLUSTER", &gap.cluster.vault).env("STICK", &gap.stick);
    let run = run(&mut command);
    if run.code == 99 {
        let why = run.err.lines().find_map(|line| line.strip_prefix("CANNOT: "));
        skip(claim, why.unwrap_or("nothing can be mounted here"));
        return None;
    }
    Some(run)
}

/// A command that runs `sh -eu -c script` as the first process of its own namespaces.
fn namespaces(script: &str) -> Option<Command> {
    const APART: [&str; 5] = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let unshare = |more: &[&str], program: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(more).args(APART).args(program);
        command
    };
    let ways: [&[&str]; 2] = [&[], &["--map-root-user"]];
    let permitted = |more: &&&[&str]| super::tools::have("unshare") && run(&mut unshare(more, &["true"])).code == 0;
    ways.iter().find(permitted).map(|more| unshare(more, &["sh", "-euc", script]))
}
