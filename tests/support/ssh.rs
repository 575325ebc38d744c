//! OpenSSH keys as people have them: in files, in ssh-agent, in a security key. The security key is OpenSSH's own in
//! software, of the Debian package openssh-tests.

use super::policy::with_epoch;
use super::tools::{skip, tool};
use super::{Gap, Run, Site, run};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where openssh-tests puts the library that plays a security key.
const PROVIDER: &str = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so";

/// The library that plays a security key; says aloud that a claim is not tried where it is missing.
pub fn provider(claim: &str) -> Option<&'static Path> {
    let path = Path::new(PROVIDER);
    if !path.is_file() {
        skip(claim, "no security key in software is here (package openssh-tests; scripts/test installs it for root)");
    }
    path.is_file().then_some(path)
}

/// `ssh-keygen` without a terminal to ask on, with the security key.
pub fn ssh_keygen() -> Command {
    without_terminal(&tool("ssh-keygen"))
}

/// The same command in a session of its own, where nothing but `SSH_ASKPASS` can be asked, without what tells of agents and
/// displays here, and with the security key.
pub fn without_terminal(command: &Command) -> Command {
    let mut apart = tool("setsid");
    apart.arg("--wait").arg(command.get_program()).args(command.get_args());
    for name in ["GAPVAULT_DIR", "SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "DISPLAY", "WAYLAND_DISPLAY"] {
        apart.env_remove(name);
    }
    apart.env("SSH_SK_PROVIDER", PROVIDER).stdin(Stdio::null());
    apart
}

/// A new key of `ssh-keygen -t …`, called `name`, in `folder`; gives its private file.
pub fn new_key(folder: &Path, name: &str, how: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let passphrase: &[&str] = if how.contains(&"-N") { &[] } else { &["-N", ""] };
    run(ssh_keygen().args(["-q", "-C", name, "-f"]).arg(&path).args(how).args(passphrase)).expect(0);
    path
}

/// The `.pub` file beside a private one.
pub fn public_file(private: &Path) -> PathBuf {
    PathBuf::from(format!("{}.pub", private.display()))
}

/// The public half as gapvault writes it.
pub fn public(private: &Path) -> String {
    let text = std::fs::read_to_string(public_file(private)).unwrap();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

/// A program that gives an answer for a passphrase or PIN, and notes each time in `<name>.asked`.
pub fn askpass(folder: &Path, name: &str, answer: &str) -> PathBuf {
    script(folder, name, &format!("echo \"$1\" >> \"$0.asked\"\necho '{answer}'\n"))
}

/// How often it was asked.
pub fn asked(askpass: &Path) -> usize {
    std::fs::read_to_string(format!("{}.asked", askpass.display())).map_or(0, |text| text.lines().count())
}

/// A script of `sh`.
pub fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
    super::set_mode(&path, 0o755);
    path
}

/// A real ssh-agent, which ends with the test.
pub struct Agent {
    child: Child,
    pub socket: PathBuf,
}

impl Agent {
    /// One that knows no key yet; its socket is in `folder`.
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same, with more in its environment.
    pub fn start_with(folder: &Path, environment: &[(&str, &Path)]) -> Self {
        let socket = folder.join("agent.socket");
        let mut agent = without_terminal(tool("ssh-agent").arg("-D").arg("-a").arg(&socket));
        let child =
            agent.envs(environment.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let agent = Self { child, socket };
        let begun = Instant::now();
        // 1: it answers, and has no key.
        while run(agent.ssh_add().arg("-l")).code != 1 {
            assert!(begun.elapsed() < Duration::from_secs(20), "ssh-agent does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
        agent
    }

    /// Gives it a key.
    pub fn add(&self, private: &Path) {
        run(self.ssh_add().arg("-q").arg(private)).expect(0);
    }

    /// Gives it what a PKCS #11 library signs with.
    pub fn add_token(&self, module: &str, askpass: &Path) {
        let mut add = self.ssh_add();
        add.env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force");
        run(add.args(["-s", module])).expect(0);
    }

    fn ssh_add(&self) -> Command {
        let mut command = without_terminal(&tool("ssh-add"));
        command.env("SSH_AUTH_SOCK", &self.socket);
        command
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It is this test's own child; what has ended already needs no killing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Site {
    /// Edits the policy as people do, signs it with the vault's own key and puts it in force.
    pub fn edit_policy(&self, edit: impl FnOnce(String) -> String) {
        let path = self.vault.join("policy.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let next = with_epoch(&text, self.epoch() + 1);
        std::fs::write(&path, edit(next)).unwrap();
        self.run(["policy", "sign", "--yes"]).expect(0);
        self.run(["policy", "apply", "--yes"]).expect(0);
    }

    /// Makes somebody with these keys an exporter of tent `aurora`.
    pub fn know_exporter(&self, name: &str, keys: &[String]) {
        self.edit_policy(|text| {
            let text = text.replace("exporters = [\"lab\"]", &format!("exporters = [\"lab\", \"{name}\"]"));
            format!("{text}\n{}", person(name, keys))
        });
    }
}

/// Somebody in a policy.
pub fn person(name: &str, keys: &[String]) -> String {
    let keys: Vec<_> = keys.iter().map(|key| format!("  \"{key}\",\n")).collect();
    format!("[[person]]\nname = \"{name}\"\nkeys = [\n{}]\n", keys.concat())
}

impl Gap {
    /// Exports the sample with a key, as `name`.
    pub fn export_with(&self, key: &Path, name: &str) -> Command {
        let source = self.path("sample");
        if !source.exists() {
            super::write_sample(&source);
        }
        let mut command = self.lab.command(["export", "--json", "--name", name, "--tent", "aurora"]);
        command.args(["--pack-size", "64K", "--to"]).arg(&self.stick).arg("--key").arg(key).arg(&source);
        without_terminal(&command)
    }
}

/// What stock `ssh-keygen` says of a signature by `person`, whose keys are in `allowed`.
pub fn stock_verify(
    (allowed, person): (&Path, &str),
    namespace: &str,
    message: &Path,
    signature: &Path,
    more: &[&str],
) -> Run {
    let mut command = tool("ssh-keygen");
    command.args(["-Y", "verify", "-I", person, "-n", namespace, "-f"]).arg(allowed).arg("-s").arg(signature);
    command.args(more).stdin(std::fs::File::open(message).unwrap());
    run(&mut command)
}
