//! Ending the program in the middle of its work: at every system call that changes a file system, or after a while.

use super::snapshot;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The system calls that make something durable or visible; those that this machine does not have are passed over.
const CALLS: [&str; 9] =
    ["fsync", "syncfs", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "unlink", "unlinkat"];

/// Runs `command` again and again, killed at another point each time; `check` looks at what is left. It is told at which
/// point that was, and whether the run came to its end nevertheless.
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
    for threads in [Threads::Main, Threads::All] {
        at_system_calls("KILL", threads, &mut command, |place, point, status| {
            check(place, point, expect_killed(status, point));
        });
    }
}

/// Whose system calls count; each thread counts for itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threads {
    Main,
    All,
}

/// Runs `command` again and again, each time sending it a signal at another system call; without strace it says so and
/// does nothing.
pub fn at_system_calls<T>(
    signal: &str,
    threads: Threads,
    mut command: impl FnMut() -> (T, Command),
    mut check: impl FnMut(T, &str, ExitStatus),
) {
    if !strace_works() {
        eprintln!("SKIPPED: strace is not here or may not trace, so nothing was stopped at its system calls");
        return;
    }
    let counts = count_calls(&command().1, threads);
    assert!(!counts.is_empty(), "nothing to stop at");
    for (call, count) in counts {
        // The first and the last, and some between, where the work repeats itself.
        for n in (1..=count).filter(|n| *n < 8 || *n + 8 > count || n % 8 == 0) {
            let (place, command) = command();
            let status = inject(&command, threads, call, signal, n).status().unwrap();
            check(place, &format!("{call} number {n} of {count}, {threads:?}"), status);
        }
    }
}

/// How often the busiest thread of a run makes each call.
fn count_calls(command: &Command, threads: Threads) -> Vec<(&'static str, usize)> {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let calls = CALLS.map(|call| format!("?{call}")).join(",");
    let mut traced = strace(threads);
    traced.arg("-o").arg(trace.path()).args(["-e", &format!("trace={calls}")]);
    assert!(quiet(run_by(&mut traced, command)).status().unwrap().success());
    let trace = std::fs::read_to_string(trace.path()).unwrap();
    let count = |call: &str| {
        let mut by_thread = BTreeMap::<&str, usize>::new();
        for line in trace.lines() {
            // `PID call(…`, and the call alone if only one thread is followed.
            let (thread, made) = line.split_once(' ').filter(|_| threads == Threads::All).unwrap_or(("", line));
            if made.trim_start().strip_prefix(call).is_some_and(|rest| rest.starts_with('(')) {
                *by_thread.entry(thread).or_default() += 1;
            }
        }
        by_thread.into_values().max().unwrap_or(0)
    };
    CALLS.into_iter().map(|call| (call, count(call))).filter(|(_, count)| *count > 0).collect()
}

/// Whether a run came to its end; otherwise it was killed, and did not fail in another way.
fn expect_killed(status: ExitStatus, point: &str) -> bool {
    let killed = status.signal() == Some(9);
    assert!(killed || status.success(), "{status} at {point}");
    !killed
}

/// The same command under strace, which sends it a signal as a thread begins `call` for the n-th time.
fn inject(command: &Command, threads: Threads, call: &str, signal: &str, n: usize) -> Command {
    let mut traced = strace(threads);
    traced.args(["-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
    traced.arg(format!("inject={call}:signal={signal}:when={n}"));
    quiet(run_by(&mut traced, command));
    traced
}

/// The same command under strace, which does not make `call` for the n-th time but says that it gave `answer`; `None`
/// without strace.
pub fn lied_to(command: &Command, call: &str, answer: u64, n: usize) -> Option<Command> {
    if !strace_works() {
        return None;
    }
    let mut traced = strace(Threads::All);
    traced.args(["-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
    traced.arg(format!("inject={call}:retval={answer}:when={n}"));
    run_by(&mut traced, command);
    Some(traced)
}

/// Lets strace run `command`, in the same folder.
fn run_by<'s>(strace: &'s mut Command, command: &Command) -> &'s mut Command {
    if let Some(folder) = command.get_current_dir() {
        strace.current_dir(folder);
    }
    strace.arg(command.get_program()).args(command.get_args())
}

fn strace(threads: Threads) -> Command {
    let mut strace = Command::new("strace");
    strace.arg("-qq").env_remove("GAPVAULT_DIR");
    if threads == Threads::All {
        strace.arg("-f");
    }
    strace
}

/// Whether strace is installed and allowed.
pub fn strace_works() -> bool {
    quiet(strace(Threads::All).args(["-o", "/dev/null", "true"])).status().is_ok_and(|s| s.success())
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
