//! Identities at rest: behind a passphrase or a plugin, opened when one is needed and not before.

use crate::rekey_identity::{export, rekey};
use crate::support::tools::tool;
use crate::support::{Gap, Run, Site, assert_same_tree, run, set_mode};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn file(gap: &Gap, name: &str, text: &str) -> PathBuf {
    let path = gap.path(name);
    fs::write(&path, text).unwrap();
    path
}

fn protect(site: &Site, how: &[&str], path: Option<&Path>) -> Run {
    let mut command = site.command(["keys", "protect", "--json"]);
    command.args(how).args(path);
    run(&mut command)
}

/// Files in which an identity can be read as it is.
fn plain(site: &Site) -> Vec<PathBuf> {
    let all = crate::support::walk(&site.vault);
    all.into_iter().filter(|path| fs::read(path).unwrap().windows(15).any(|w| w == b"AGE-SECRET-KEY-")).collect()
}

/// Runs a program that asks for a passphrase on its terminal, and types this one as often as it asks.
fn typing(passphrase: &str, command: &[&str], folder: &Path) -> Run {
    let script = r#"
import os, pty, sys
secret, command = sys.argv[1], sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
seen = b""
while True:
    try:
        part = os.read(terminal, 1024)
    except OSError:
        break
    if not part:
        break
    seen += part
    if b"passphrase" in seen.lower() and seen.rstrip().endswith(b":") or b"same again:" in seen:
        os.write(terminal, secret.encode() + b"\n")
        sys.stdout.buffer.write(seen)
        seen = b""
sys.stdout.buffer.write(seen)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;
    run(tool("python3").args(["-c", script, passphrase]).args(command).current_dir(folder))
}

#[test]
fn a_passphrase_is_asked_for_when_an_identity_is_needed_and_not_before() {
    let gap = Gap::new();
    let source = export(&gap, "model:v1", &[]);
    let (passphrase, wrong) = (file(&gap, "passphrase", "correct horse\nignored\n"), file(&gap, "wrong", "battery\n"));
    let kept = protect(&gap.cluster, &["--new-passphrase-file"], Some(&passphrase)).expect(0).json();
    assert_eq!(kept["protection"], "passphrase");
    assert_eq!(plain(&gap.cluster), [] as [PathBuf; 0]);
    for name in ["age.key", "age-pq.key"] {
        let path = gap.cluster.vault.join("secrets").join(name);
        assert!(fs::read(&path).unwrap().starts_with(b"age-encryption.org/v1\n-> scrypt "));
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    // Nobody is asked for these; there is nobody.
    for args in
        [&["list"][..], &["log"], &["card"], &["keys"], &["tent", "list"], &["pending"], &["recovery", "set", "none"]]
    {
        gap.cluster.run(args).expect(0);
    }
    let import = |more: &[&Path]| {
        let mut command = gap.cluster.command(["import"]);
        command.arg(&gap.stick);
        for file in more {
            command.arg("--passphrase-file").arg(file);
        }
        run(&mut command)
    };
    assert!(import(&[]).refused(2, "is protected by a passphrase").err.contains("--passphrase-file"));
    import(&[&wrong]).refused(1, "does not open with this passphrase");
    import(&[&passphrase]).expect(0);
    let out = gap.path("out");
    let mut checkout = gap.cluster.command(["checkout", "model:v1", "--passphrase-file"]);
    run(checkout.arg(&passphrase).arg(&out)).expect(0);
    assert_same_tree(&source, &out);

    // The stock age opens it.
    let path = gap.cluster.vault.join("secrets/age.key");
    let opened = typing("correct horse", &["age", "-d", path.to_str().unwrap()], gap.room.path()).expect(0);
    assert!(opened.out.contains("AGE-SECRET-KEY-1"), "{opened:#?}");

    // What changes the identities keeps them protected.
    let mut renew = gap.cluster.command(["rekey", "--identity", "--passphrase-file"]);
    run(renew.arg(&passphrase)).expect(0);
    assert_eq!(plain(&gap.cluster), [] as [PathBuf; 0]);
    let mut none = gap.cluster.command(["keys", "protect", "--none", "--passphrase-file"]);
    run(none.arg(&passphrase)).expect(0);
    assert_eq!(plain(&gap.cluster).len(), 2);
    rekey(&gap.cluster, &["--wraps"]).expect(0);
}

#[test]
fn an_exporting_vault_asks_nobody() {
    let gap = Gap::new();
    let passphrase = file(&gap, "passphrase", "correct horse\n");
    protect(&gap.lab, &["--new-passphrase-file"], Some(&passphrase)).expect(0);
    let empty = file(&gap, "empty", "\n");
    protect(&gap.cluster, &["--new-passphrase-file"], Some(&empty)).refused(2, "an empty passphrase");
    let source = export(&gap, "model:v1", &[]);
    gap.import().expect(0);
    gap.checkout("model:v1", "out").expect(0);
    assert_same_tree(&source, &gap.path("out"));
    gap.lab.run(["show", "model:v1"]).refused(2, "is protected by a passphrase");
}

#[test]
fn what_the_stock_age_protected_opens_and_a_terminal_is_asked() {
    let gap = Gap::new();
    export(&gap, "model:v1", &[]);
    let path = gap.cluster.vault.join("secrets/age.key");
    let stock = ["age", "-p", "-o", "stock.age", path.to_str().unwrap()];
    typing("battery staple", &stock, gap.room.path()).expect(0);
    fs::rename(gap.path("stock.age"), &path).unwrap();
    set_mode(&path, 0o600);
    let vault = gap.cluster.vault.to_str().unwrap();
    let import = [env!("CARGO_BIN_EXE_gapvault"), "--vault", vault, "import", gap.stick.to_str().unwrap()];
    let run = typing("battery staple", &import, gap.room.path()).expect(0);
    assert!(run.out.contains("passphrase of ") && !run.out.contains("battery"), "{run:#?}");
    assert_eq!(gap.cluster.run(["list", "--json"]).expect(0).json()["bundles"].as_array().unwrap().len(), 1);
}

/// A plugin that wraps the file key with a fixed byte: it proves the wiring, and that the user is told and asked.
const PLUGIN: &str = r#"#!/usr/bin/env python3
import base64, sys
mask = bytes([0x5a] * 16)
xor = lambda key: bytes(a ^ b for a, b in zip(key, mask))
encode = lambda data: base64.b64encode(data).decode().rstrip("=")

def receive():
    head = sys.stdin.readline()
    if not head:
        sys.exit(0)
    words, body = head.rstrip("\n").split(" ")[1:], ""
    while True:
        line = sys.stdin.readline().rstrip("\n")
        body += line
        if len(line) < 64:
            return words, base64.b64decode(body + "=" * (-len(body) % 4))

def send(words, body=b""):
    text = encode(body)
    lines = [text[at:at + 64] for at in range(0, len(text), 64)] or [""]
    if len(lines[-1]) == 64:
        lines.append("")
    print("-> " + " ".join(words), *lines, sep="\n", flush=True)

def ask(words, body=b""):
    send(words, body)
    return receive()

got, key = [], None
while True:
    words, body = receive()
    if words[0] == "done":
        break
    got.append((words, body))
machine = sys.argv[1]
if machine == "--age-plugin=recipient-v1":
    assert any(words == ["add-recipient", "age1xor1qqqq"] for words, _ in got), got
    key = next(body for words, body in got if words[0] == "wrap-file-key")
    ask(["recipient-stanza", "0", "xor", "argument"], xor(key))
else:
    assert any(words == ["add-identity", "AGE-PLUGIN-XOR-1QQQQ"] for words, _ in got), got
    ask(["msg"], b"touch it")
    ask(["surprise"])
    for words, body in got:
        if words[:3] == ["recipient-stanza", "0", "xor"] and len(body) == 16:
            ask(["file-key", "0"], xor(body))
            break
    else:
        ask(["error", "internal"], b"no such key")
send(["done"])
"#;

struct Plugin {
    program: PathBuf,
    identity: PathBuf,
}

impl Plugin {
    fn new(gap: &Gap) -> Self {
        tool("python3");
        let program = file(gap, "age-plugin-xor", PLUGIN);
        set_mode(&program, 0o755);
        let identity = file(gap, "xor.txt", "# a stub\nAGE-PLUGIN-XOR-1QQQQ\n");
        Self { program, identity }
    }

    fn protect(&self, site: &Site, recipient: &str) -> Run {
        let mut command = site.command(["keys", "protect", "--plugin", recipient, "--plugin-identity"]);
        run(command.arg(&self.identity).arg("--plugin-program").arg(&self.program))
    }
}

#[test]
fn a_plugin_opens_the_vault_that_its_configuration_names_it_for() {
    let gap = Gap::new();
    let source = export(&gap, "model:v1", &[]);
    let plugin = Plugin::new(&gap);
    plugin.protect(&gap.cluster, "age1xor1qqqq").expect(0);
    assert_eq!(plain(&gap.cluster), [] as [PathBuf; 0]);
    let config = gap.cluster.vault.join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains(plugin.program.to_str().unwrap()) && !text.contains("before"), "{text}");
    assert_eq!(gap.cluster.run(["keys", "--json"]).expect(0).json()["protection"], "plugin");

    let import = gap.import().expect(0);
    assert_eq!(import.err.matches("says: touch it").count(), 1, "one unlock a command: {import:#?}");
    gap.checkout("model:v1", "out").expect(0);
    assert_same_tree(&source, &gap.path("out"));
    rekey(&gap.cluster, &["--identity"]).expect(0);
    assert_eq!(plain(&gap.cluster), [] as [PathBuf; 0]);

    let show = |text: &str, code| gap.cluster.run(["show", "model:v1"]).refused(code, text);
    fs::remove_file(&config).unwrap();
    show("the vault's config.toml names no plugin", 2);
    fs::write(&config, &text).unwrap();
    set_mode(&config, 0o622);
    show("or may be written to by others", 4);
    set_mode(&config, 0o600);
    fs::write(&config, format!("{text}surprise = 1\n")).unwrap();
    show("unknown field", 2);
    fs::write(&config, text.replace(plugin.program.to_str().unwrap(), "age-plugin-xor")).unwrap();
    show("is not an absolute path", 2);
    fs::write(&config, text.replace("xor.txt", "other.txt")).unwrap();
    show("other.txt", 1);
    fs::remove_file(&config).unwrap();
    std::os::unix::fs::symlink(&plugin.identity, &config).unwrap();
    show("is no configuration file", 2);
    fs::remove_file(&config).unwrap();
    fs::write(&config, &text).unwrap();
    for (program, fault) in [
        ("#!/bin/sh\nexit 0\n", "plugin "),
        ("#!/bin/sh\necho nonsense; cat >/dev/null\n", "not of the plugin protocol"),
        ("#!/bin/sh\nprintf -- '-> error internal\\nYnJva2Vu\\n-> done\\n\\n'; cat >/dev/null\n", "failed: broken"),
        ("#!/bin/sh\nprintf -- '-> done\\n\\n'; cat >/dev/null\n", "did not open or seal anything"),
    ] {
        fs::write(&plugin.program, program).unwrap();
        show(fault, 1);
    }
    fs::write(&plugin.program, PLUGIN).unwrap();
    let mut none = gap.cluster.command(["keys", "protect", "--none"]);
    run(&mut none).expect(0);
    assert!(!config.exists());
    gap.cluster.run(["show", "model:v1"]).expect(0);
}

#[test]
fn a_plugin_that_does_not_open_what_it_sealed_changes_nothing() {
    let gap = Gap::new();
    let plugin = Plugin::new(&gap);
    let identities =
        || ["age.key", "age-pq.key"].map(|name| fs::read(gap.cluster.vault.join("secrets").join(name)).unwrap());
    let before = identities();
    plugin.protect(&gap.cluster, "age1qqqq").refused(2, "is no recipient of a plugin");
    fs::write(&plugin.program, PLUGIN.replacen("xor(body)", "body", 1)).unwrap();
    plugin.protect(&gap.cluster, "age1xor1qqqq").refused(1, "what was sealed anew does not open again");
    assert!(identities() == before && !gap.cluster.vault.join("config.toml").exists());
    gap.cluster.run(["list"]).expect(0);
}
