//! The whole job needs no network, and never asks for one.

use crate::support::tools::{apart, have, skip};
use crate::support::{gapvault, run, write_sample};
use std::path::Path;
use std::process::Command;

/// From two new vaults to files that came across, by the program alone.
const JOB: &str = r#"
    g() { "$GAPVAULT" "$@"; }
    g init lab --site lab; g init cluster --site cluster-b; mkdir stick
    g --vault lab card > lab.card; g --vault cluster card > cluster.card
    sum() { sha256sum "$1" | cut -c1-64; }
    g --vault lab tent new aurora
    g --vault lab trust cluster.card --tent aurora --role member --fingerprint "$(sum cluster.card)"
    g --vault cluster trust lab.card --tent aurora --role exporter --fingerprint "$(sum lab.card)"
    g --vault lab export sample --name model:v1 --tent aurora --to stick --pack-size 64K
    g --vault cluster list stick; g --vault cluster show stick; g verify --integrity-only stick
    g --vault cluster verify stick; g --vault cluster import stick
    g --vault cluster list; g --vault cluster show model:v1; g --vault cluster checkout model:v1 out
    g --vault cluster log; diff -r sample out
"#;

/// The command in a new folder with a sample in it.
fn at(room: &Path, command: &mut Command) -> crate::support::Run {
    write_sample(&room.join("sample"));
    run(command.current_dir(room).env("GAPVAULT", gapvault().get_program()).env_remove("GAPVAULT_DIR"))
}

#[test]
fn the_whole_job_is_done_without_a_network() {
    let room = tempfile::tempdir().unwrap();
    // Nothing but a loopback that is down: two lines of heading, one of `lo`.
    let alone = "test \"$(grep -c . /proc/self/net/dev)\" = 3";
    let Some(mut command) = apart("--net", &format!("{alone}; {JOB}")) else {
        return skip("the whole job without a network", "no network namespace can be made here");
    };
    let run = at(room.path(), &mut command).expect(0);
    assert!(run.out.contains("checked out model:v1"), "{run:#?}");
}

#[test]
fn no_run_asks_for_an_internet_socket() {
    let traced = |script: &str| {
        let room = tempfile::tempdir().unwrap();
        let mut command = Command::new("strace");
        command.args(["-f", "-e", "trace=socket,connect", "-o", "trace", "bash", "-euc", script]);
        let run = at(room.path(), &mut command);
        (run, std::fs::read_to_string(room.path().join("trace")).unwrap_or_default())
    };
    let internet = |trace: &str| trace.contains("AF_INET") || trace.contains("AF_PACKET");
    // That the tracer would see one is tried first.
    if !have("strace") || !internet(&traced("exec 3<> /dev/udp/127.0.0.1/9").1) {
        return skip("no internet socket", "strace is missing or can't trace here");
    }
    let (run, trace) = traced(JOB);
    run.expect(0);
    assert!(trace.matches("exited with 0").count() > 15, "{trace}");
    assert!(!internet(&trace), "{trace}");
}
