//! Ending the program in the middle of its work: at every system call that changes a file system, or after a while.

use super::snapshot;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The system calls that make something durable or visible.
const POINTS: [&str; 6] = ["fsync", "rename", "renameat2", "mkdir", "unlink", "syncfs"];

/// Runs `command` again and again, each time killed a little later, until it is not killed any more; `check` looks at
/// what is left each time. It is told at which point that was, and whether the run came to its end nevertheless.
///
/// `command` makes a new place to work in for each run.
pub fn at_many_points<T>(mut command: impl FnMut() -> (T, Command), mut check: impl FnMut(T, &str, bool)) {
    let (first, mut whole) = command();
    let begun = Instant::now();
    assert!(quiet(&mut whole).status().unwrap().success(), "{whole:?}");
    let length = begun.elapsed();
    check(first, "its end", true);
    for part in 0..8 {
        let (place, mut command) = command();
        let point = format!("{part} eighths of the time");
        let ended = expect_killed(killed_after(&mut command, length * part / 8), &point);
        check(place, &point, ended);
    }
    at_system_calls("KILL", command, |place, point, status| {
        let ended = expect_killed(status, point);
        check(place, point, ended);
        ended
    });
}

/// Runs `command` again and again, each time sending it a signal a few system calls later, until `check` says that it
/// came to its end; without strace it says so and does nothing.
pub fn at_system_calls<T>(
    signal: &str,
    mut command: impl FnMut() -> (T, Command),
    mut check: impl FnMut(T, &str, ExitStatus) -> bool,
) {
    if !strace_works() {
        eprintln!("SKIPPED: strace is not here or may not trace, so nothing was stopped at its system calls");
        return;
    }
    let mut stopped = 0;
    for call in POINTS {
        // One by one at first, then in larger steps: the work repeats itself.
        for n in (1..8).chain((8..).step_by(5)) {
            let (place, command) = command();
            let status = inject(&command, call, signal, n).status().unwrap();
            if check(place, &format!("{call} number {n}"), status) {
                break;
            }
            stopped += 1;
        }
    }
    assert!(stopped > 0, "never stopped");
}

/// Whether a run came to its end; otherwise it was killed, and did not fail in another way.
fn expect_killed(status: ExitStatus, point: &str) -> bool {
    let killed = status.signal() == Some(9);
    assert!(killed || status.success(), "{status} at {point}");
    !killed
}

/// The same command under strace, which sends it a signal as it begins `call` for the n-th time.
fn inject(command: &Command, call: &str, signal: &str, n: u32) -> Command {
    let mut traced = Command::new("strace");
    // Each thread counts for itself: of signals that are not deadly, one is to come, not one a thread.
    if signal == "KILL" {
        traced.arg("-f");
    }
    traced.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
    traced.arg(format!("inject={call}:signal={signal}:when={n}"));
    traced.arg(command.get_program()).args(command.get_args()).env_remove("GAPVAULT_DIR");
    quiet(&mut traced);
    traced
}

/// Whether strace is installed and allowed.
fn strace_works() -> bool {
    quiet(Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"])).status().is_ok_and(|s| s.success())
}

fn killed_after(command: &mut Command, time: Duration) -> ExitStatus {
    let mut child = quiet(command).spawn().unwrap();
    std::thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap()
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

/// Starts a command and waits until `begun` holds, while it goes on. It must not be over by then.
#[track_caller]
pub fn start_until(command: &mut Command, begun: impl Fn() -> bool) -> Child {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !begun() {
        assert!(child.try_wait().unwrap().is_none(), "over too early: {command:?}");
        assert!(Instant::now() < deadline, "never began: {command:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

/// Sends a signal by its name.
pub fn signal(child: &Child, name: &str) {
    let kill = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// Copies a tree of files and folders, modes included.
pub fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Every name below a folder that a finished command does not leave there.
pub fn leftovers(root: &Path) -> Vec<PathBuf> {
    let left = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".part") || name.starts_with(".staging-") || name.contains(".gapvault-")
    };
    snapshot(root).into_iter().map(|(path, _)| path).filter(|path| left(path)).collect()
}
