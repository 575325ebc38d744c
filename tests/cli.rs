//! How the program answers: exit codes, messages with hints, JSON, progress, pipes that break and disks that are full.

use crate::help::all_commands;
use crate::support::{Gap, Run, gapvault, run, snapshot};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// Everything that a gap is good for, as arguments: the site's vault, the arguments, the exit code to expect.
fn every_command(gap: &Gap) -> Vec<(Command, i32)> {
    crate::support::write_sample(&gap.path("sample"));
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (stick, sample, out) = (text(&gap.stick), text(&gap.path("sample")), text(&gap.path("out")));
    std::fs::create_dir(gap.path("new")).unwrap();
    let (new, recovery) = (text(&gap.path("new")), text(&gap.path("recovery.key")));
    let (card, third) = (text(&gap.lab.vault.with_extension("card")), text(&gap.path("third")));
    let (lab, cluster) = (&gap.lab, &gap.cluster);
    let vaultless = |args: &[&str]| {
        let mut command = gapvault();
        command.args(args);
        command
    };
    let wrong = "0".repeat(64);
    let right = lab
        .run(["trust", &card, "--tent", "aurora", "--role", "member", "--fingerprint", &wrong])
        .refused(4, "has fingerprint");
    let right = right.err.split("fingerprint ").nth(1).unwrap()[..64].to_owned();
    // A tent whose bundles its other member approves, and one of them.
    let (vetted, key) = (text(&gap.path("vetted")), text(&gap.cluster.vault.join("secrets/ssh.key")));
    std::fs::create_dir(&vetted).unwrap();
    lab.run(["tent", "new", "vetted"]).expect(0);
    lab.run(["trust", &card, "--tent", "vetted", "--role", "member", "--fingerprint", &right]).expect(0);
    lab.run(["tent", "set", "vetted", "--approvals", "1", "--of", "cluster-b"]).expect(0);
    let made =
        lab.run(["export", &sample, "--name", "model:v0", "--tent", "vetted", "--json", "--to", &vetted]).expect(0);
    let digest = crate::support::approvers::digest(std::path::Path::new(made.json()["path"].as_str().unwrap()));
    let approve = ["approve", &vetted, "--key", &key];
    let export = ["export", &sample, "--name", "model:v1", "--to", &stick, "--tent"];
    vec![
        (vaultless(&["init", &third, "--site", "third"]), 0),
        (vaultless(&["init", &third, "--site", "third"]), 2),
        (vaultless(&["init", &third, "--site", "No Such Name"]), 2),
        (lab.command(["card"]), 0),
        (vaultless(&["card"]), 2),
        (lab.command(["tent", "list"]), 0),
        (lab.command(["tent", "new", "borealis"]), 0),
        (lab.command(["tent", "new", "aurora"]), 2),
        (lab.command(["trust", &card, "--tent", "aurora", "--role", "member", "--fingerprint", &right]), 0),
        (lab.command(["trust", &card, "--tent", "aurora", "--role", "member", "--fingerprint", &wrong]), 4),
        (vaultless(&["media", "--quick", &stick]), 0),
        (vaultless(&["media", "/no/such/medium"]), 6),
        (lab.command([&export[..], &["nowhere"]].concat()), 4),
        (lab.command([&export[..], &["aurora"]].concat()), 0),
        (lab.command(["explain"]), 0),
        (lab.command(["explain", &vetted]), 4),
        (lab.command(["explain", &digest[..12]]), 4),
        (lab.command(approve), 2),
        (lab.command([&approve[..], &["--bundle", &wrong]].concat()), 4),
        (lab.command([&approve[..], &["--bundle", &digest]].concat()), 0),
        (lab.command([&approve[..], &["--bundle", &digest]].concat()), 0),
        (lab.command(["explain", &vetted]), 0),
        (cluster.command(["verify", &stick]), 0),
        (vaultless(&["verify", &stick]), 2),
        (vaultless(&["verify", &stick, "--integrity-only"]), 0),
        (cluster.command(["verify", &sample]), 1),
        (cluster.command(["import", &stick, "--label", "nothing"]), 2),
        (cluster.command(["import", &stick]), 0),
        (cluster.command(["import", &stick]), 0),
        (lab.command(["import", &stick]), 2),
        (cluster.command(["repair", &stick, "--to", &new]), 0),
        (cluster.command(["repair", &stick, "--to", &new]), 2),
        (vaultless(&["repair", &stick, "--to", &new]), 2),
        (cluster.command(["pending"]), 0),
        (cluster.command(["pending", "--drop", "nothing"]), 2),
        (cluster.command(["list"]), 0),
        (cluster.command(["list", &stick]), 0),
        (vaultless(&["list", &stick]), 0),
        (cluster.command(["list", &sample]), 1),
        (cluster.command(["show", "model:v1"]), 0),
        (cluster.command(["show", &stick]), 0),
        (cluster.command(["show", "model:v2"]), 1),
        (cluster.command(["show", "not a name"]), 2),
        (cluster.command(["checkout", "model:v1", &out]), 0),
        (cluster.command(["checkout", "model:v1", &out]), 2),
        (cluster.command(["untrust", "nobody", "--tent", "aurora", "--role", "member"]), 2),
        (cluster.command(["untrust", "lab", "--tent", "aurora", "--role", "exporter"]), 0),
        (cluster.command(["policy", "show"]), 0),
        (cluster.command(["policy", "check"]), 0),
        (cluster.command(["policy", "diff"]), 0),
        (cluster.command(["policy", "apply"]), 0),
        (cluster.command(["policy", "sign"]), 2),
        (vaultless(&["policy", "check", &sample]), 4),
        (vaultless(&["policy", "sign"]), 2),
        (cluster.command(["policy", "export-ssh", &new]), 0),
        (lab.command(["tent", "set", "aurora", "--valid-days", "30"]), 0),
        (cluster.command(["revoke", "lab"]), 0),
        (cluster.command(["revoke", "cluster-b"]), 4),
        (cluster.command(["keys"]), 0),
        (cluster.command(["keys", "protect", "--none"]), 0),
        (vaultless(&["recovery", "new", "--out", &recovery]), 0),
        (vaultless(&["recovery", "new", "--out", &recovery]), 2),
        (cluster.command(["recovery", "set", "none"]), 0),
        (cluster.command(["recovery", "set", "nobody"]), 2),
        (cluster.command(["rekey", "--wraps"]), 0),
        (cluster.command(["rekey", "--tent", "nowhere"]), 2),
        (cluster.command(["log"]), 0),
        (vaultless(&["--vault", &sample, "log"]), 2),
        (vaultless(&["completions", "zsh"]), 0),
        (vaultless(&["completions", "cmd.exe"]), 2),
        (vaultless(&["no-such-command"]), 2),
        (vaultless(&["export"]), 2),
    ]
}

#[test]
fn with_json_every_answer_is_one_object() {
    let gap = Gap::new();
    let mut tried = BTreeSet::new();
    for (mut command, code) in every_command(&gap) {
        command.arg("--json");
        let run = run(&mut command).expect(code);
        let mut objects = serde_json::Deserializer::from_str(&run.out).into_iter::<Value>();
        let object = objects.next().unwrap_or_else(|| panic!("no object: {command:?} {run:#?}")).unwrap();
        assert!(object.is_object() && objects.next().is_none(), "{command:?} {run:#?}");
        assert!(run.out.ends_with("}\n"), "{command:?} {run:#?}");
        if code != 0 {
            // Of several bundles or media each tells its own.
            let places = [&object["bundles"][0]["error"], &object["media"][0]["error"], &object["error"]];
            let error = places.into_iter().find(|error| !error.is_null()).unwrap();
            assert!(error["kind"].is_string() && error["message"].is_string(), "{command:?} {object:#}");
            let told = error["message"].as_str().unwrap().lines().next().unwrap();
            assert!(run.err.contains(told), "{command:?} {run:#?}");
        } else {
            assert!(object["error"].is_null(), "{command:?} {object:#}");
            let words: Vec<_> = command.get_args().filter_map(|word| word.to_str()).map(str::to_owned).collect();
            tried.extend(all_commands().into_iter().filter(|name| words.contains(name)));
        }
    }
    assert_eq!(tried, all_commands().into_iter().collect(), "a command was never tried");
}

#[test]
fn a_failure_is_one_error_line_and_a_hint() {
    let gap = Gap::new();
    for (mut command, code) in every_command(&gap) {
        let run = run(&mut command).expect(code);
        if code == 0 {
            assert!(!run.err.contains("error"), "{command:?} {run:#?}");
            continue;
        }
        // What does not hold is what was asked for there.
        let is_answer = command.get_args().any(|word| word == "explain");
        assert!(run.out.is_empty() || is_answer, "{command:?} {run:#?}");
        let lines: Vec<_> = run.err.lines().collect();
        let message = lines[0].strip_prefix("error: ").unwrap_or_else(|| panic!("{command:?} {run:#?}"));
        assert!(!message.ends_with('.') && !run.err.contains("Error {"), "{command:?} {run:#?}");
        let helped = lines.iter().any(|line| line.starts_with("hint: ") || line.starts_with("For more information"));
        assert!(helped, "no hint: {command:?} {run:#?}");
    }
}

#[test]
fn a_bundle_without_its_seal_is_incomplete_and_touches_nothing() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    fs::remove_file(bundle.join("seal.json")).unwrap();
    let before = gap.cluster.snapshot();
    for command in ["verify", "import"] {
        let run = gap.on_stick(command).refused(5, "has no seal");
        assert!(run.err.contains("hint: its export broke off, or another volume of it carries the seal"), "{run:#?}");
    }
    for command in ["list", "show"] {
        let run = gap.on_stick(command).expect(0);
        assert!(run.out.contains("it has no seal"), "{run:#?}");
    }
    assert!(gap.cluster.snapshot() == before);
}

#[test]
fn a_missing_pack_is_incomplete_and_a_damaged_one_is_damage() {
    let gap = Gap::new();
    let pack = gap.export_sample().join("packs/0000/000001.age");
    let mut bytes = fs::read(&pack).unwrap();
    fs::remove_file(&pack).unwrap();
    gap.on_stick("verify").refused(5, "packs/0000/000001.age");
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&pack, bytes).unwrap();
    gap.on_stick("verify").refused(3, "packs/0000/000001.age");
}

#[test]
fn the_first_failure_among_several_bundles_does_not_hide_the_others() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    gap.export(&gap.path("sample"), "model:v2", &[]).expect(0);
    fs::remove_file(bundle.join("seal.json")).unwrap();
    let told = run(gap.cluster.command(["import", "--json"]).arg(&gap.stick)).expect(5).json();
    let bundles = told["bundles"].as_array().unwrap();
    assert_eq!(bundles.len(), 2);
    let errors: Vec<_> = bundles.iter().filter(|bundle| !bundle["error"].is_null()).collect();
    assert_eq!(errors.len(), 1, "{told:#}");
    assert_eq!(errors[0]["error"]["kind"], "incomplete", "{told:#}");
    assert!(gap.cluster.run(["list"]).expect(0).out.contains("model:v2"));
}

#[test]
fn the_environment_names_the_vault_and_the_command_line_overrides_it() {
    let gap = Gap::new();
    let site = |command: &mut Command| run(command.env("GAPVAULT_DIR", &gap.lab.vault)).expect(0).out;
    assert!(site(gapvault().arg("card")).contains("site = \"lab\""));
    assert!(site(&mut gap.cluster.command(["card"])).contains("site = \"cluster-b\""));
}

#[test]
fn json_progress_grows_from_nothing_to_its_total() {
    let gap = Gap::new();
    crate::support::write_sample(&gap.path("sample"));
    let (stick, sample, out) = (gap.stick.to_str().unwrap(), gap.path("sample"), gap.path("out"));
    let (sample, out) = (sample.to_str().unwrap(), out.to_str().unwrap());
    let cases: [(_, &[&str], &[&str]); 3] = [
        (&gap.cluster, &["verify", stick], &["verify"]),
        (&gap.cluster, &["import", stick], &["describe", "import"]),
        (&gap.cluster, &["checkout", "m:1", out], &["checkout", "content"]),
    ];
    let export = ["export", sample, "--name", "m:1", "--tent", "aurora", "--to", stick];
    let told = run(gap.lab.command(export).args(["--progress", "json"])).expect(0);
    let events: Vec<Value> = told.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for phase in ["walk", "content", "export", "write", "readback"] {
        let of_phase: Vec<_> = events.iter().filter(|event| event["phase"] == phase).collect();
        assert!(of_phase.len() >= 2, "{phase}: {events:#?}");
        // What is about one medium names it.
        let on_medium = ["write", "readback"].contains(&phase);
        assert!(of_phase.iter().all(|event| (event["medium"] == stick) == on_medium), "{phase}: {events:#?}");
        assert!(phase == "write" || of_phase.last().unwrap()["bytes"] == of_phase[0]["total"], "{events:#?}");
    }
    for (site, args, phases) in cases {
        let run = run(site.command(args).args(["--progress", "json"])).expect(0);
        let events: Vec<Value> = run.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut ended = Vec::new();
        let mut last: Option<&Value> = None;
        for event in &events {
            let number = |field: &str| event[field].as_u64().unwrap();
            match (event["event"].as_str().unwrap(), last) {
                ("begin", None) => assert_eq!(number("bytes"), 0),
                ("advance" | "end", Some(last)) => {
                    assert_eq!((&event["phase"], &event["total"]), (&last["phase"], &last["total"]));
                    assert!(last["bytes"].as_u64().unwrap() <= number("bytes"), "{run:#?}");
                    assert!(last["seconds"].as_f64().unwrap() <= event["seconds"].as_f64().unwrap(), "{run:#?}");
                }
                _ => panic!("{event} out of turn in {run:#?}"),
            }
            last = (event["event"] != "end").then_some(event);
            if last.is_none() {
                assert_eq!(number("bytes"), number("total"), "{run:#?}");
                ended.push(event["phase"].as_str().unwrap());
            }
        }
        assert_eq!(ended, phases, "{run:#?}");
    }
}

#[test]
fn without_a_terminal_nothing_moves_on_stderr() {
    let gap = Gap::new();
    gap.export_sample();
    for how in [&[][..], &["--progress", "none"]] {
        let run = run(gap.cluster.command(["verify"]).arg(&gap.stick).args(how)).expect(0);
        assert_eq!(run.err, "");
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let gap = Gap::new();
    gap.export_sample();
    gap.import().expect(0);
    for args in
        [&["list"][..], &["log"], &["log", "--json"], &["show", "model:v1"], &["completions", "bash"], &["--help"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = into(gap.cluster.command(args), writer);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn a_full_disk_under_stdout_is_an_error_and_no_panic() {
    let gap = Gap::new();
    for args in [&["list"][..], &["log"], &["log", "--json"], &["completions", "bash"], &["tent", "list"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let run = into(gap.cluster.command(args), full);
        let run = run.refused(6, "error: can't write to standard output: No space left on device");
        assert!(!run.err.contains("panicked"), "{run:#?}");
    }
}

fn into(mut command: Command, stdout: impl Into<std::process::Stdio>) -> Run {
    let child = command.stdout(stdout).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    Run { code: output.status.code().unwrap_or(-1), out: String::new(), err: String::from_utf8(output.stderr).unwrap() }
}

#[test]
fn arguments_out_of_range_are_refused_before_anything_is_written() {
    let gap = Gap::new();
    crate::support::write_sample(&gap.path("sample"));
    let before = gap.lab.snapshot();
    let cases: [(&[&str], i32, &str); 9] = [
        (&["--pack-size", "63K"], 2, "must be a multiple of 64 KiB"),
        (&["--pack-size", "2G"], 2, "must be a multiple of 64 KiB"),
        (&["--pack-size", "lots"], 2, "expected a size like 64M or 1G"),
        (&["--valid-for", "0d"], 2, "expected a span like 30d"),
        (&["--valid-for", "999999999d"], 2, "can't be valid for"),
        (&["--note", "no equals sign"], 2, "expected KEY=VALUE"),
        (&["--parent", "abc"], 2, "expected 64 lowercase hex digits"),
        (&["--threads", "many"], 2, "invalid digit"),
        (&["/no/such/file"], 1, "/no/such/file: No such file"),
    ];
    for (more, code, text) in cases {
        gap.export(&gap.path("sample"), "x:1", more).refused(code, text);
        assert!(snapshot(&gap.stick).is_empty(), "{more:?}");
    }
    for name in ["no-version", "../up:1", "a//b:1", "x:", ":1", "x:1:2", "-x:1"] {
        gap.export(&gap.path("sample"), name, &[]).expect(2);
    }
    let mut nowhere = gap.lab.command(["export", "--name", "x:1", "--tent", "aurora", "--to", "/no/such/medium"]);
    run(nowhere.arg(gap.path("sample"))).refused(6, "/no/such/medium is not a folder");
    assert!(gap.lab.snapshot() == before);
}
