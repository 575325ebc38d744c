//! Exports that people sign with keys of their own.

use crate::support::ssh::{
    Agent, asked, askpass, new_key, provider, public, public_file, script, stock_verify, without_terminal,
};
use crate::support::token::Token;
use crate::support::{Gap, Run, run, snapshot};
use gapvault_formats::sshsig::{PublicKey, Signature};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A gap at which ana exports with the keys that are named so.
struct Ana {
    gap: Gap,
}

impl Ana {
    fn new(keys: &[(&str, &[&str])]) -> Self {
        let gap = Gap::new();
        let publics: Vec<_> = keys.iter().map(|(name, how)| public(&new_key(gap.room.path(), name, how))).collect();
        for site in [&gap.lab, &gap.cluster] {
            site.know_exporter("ana", &publics);
        }
        Self { gap }
    }

    fn export(&self, key: &str, name: &str) -> Command {
        self.gap.export_with(&self.gap.path(key), name)
    }

    /// What was exported is a bundle of ana's with this key, for stock tools and at the other side.
    fn expect_hers(&self, exported: &Run, key: &str, name: &str) {
        let key: PublicKey = public(&self.gap.path(key)).parse().unwrap();
        let bundle = PathBuf::from(exported.json()["path"].as_str().unwrap());
        let sig = bundle.join(format!("seal.json.{}.sig", key.fingerprint()));
        let signatures = snapshot(&bundle).into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "sig"));
        assert_eq!(signatures.count(), 1, "of {key}");
        let allowed = self.gap.path("allowed_signers");
        fs::write(&allowed, format!("ana namespaces=\"seal@gapvault\" {key}\n")).unwrap();
        stock_verify((&allowed, "ana"), "seal@gapvault", &bundle.join("seal.json"), &sig, &[]).expect(0);
        assert!(fs::read_to_string(bundle.join("RECOVER.txt")).unwrap().contains(&key.fingerprint().to_string()));

        let event = |log: &Run, kind: &str| {
            let entries = log.json()["entries"].as_array().unwrap().clone();
            entries.iter().filter_map(|entry| entry["event"].get(kind).cloned()).next_back().unwrap()
        };
        self.gap.import().expect(0);
        for (site, kind) in [(&self.gap.lab, "exported"), (&self.gap.cluster, "imported")] {
            let event = event(&site.run(["log", "--json"]).expect(0), kind);
            assert_eq!((&event["exporter"], &event["key"]), (&"ana".into(), &key.to_string().into()), "{kind}");
            // The catalogue must name her too.
            site.run(["show", name]).expect(0);
        }
        fs::remove_dir_all(&bundle).unwrap();
    }

    /// The stick has no bundle.
    #[track_caller]
    fn expect_no_bundle(&self) {
        assert!(snapshot(&self.gap.stick).iter().all(|(path, _)| !path.ends_with("seal.json")));
    }
}

#[test]
fn keys_in_files_and_in_an_agent_seal_and_are_asked_for_once() {
    let ana = Ana::new(&[
        ("p256", &["-t", "ecdsa", "-b", "256"]),
        ("ed25519", &["-t", "ed25519"]),
        ("secret", &["-t", "ed25519", "-N", "open sesame"]),
        ("pem", &["-t", "ecdsa", "-b", "256", "-m", "PEM", "-N", "open sesame"]),
        ("agent", &["-t", "ecdsa", "-b", "256"]),
    ]);
    for key in ["p256", "ed25519"] {
        let name = format!("{key}:1");
        ana.expect_hers(&run(&mut ana.export(key, &name)).expect(0), key, &name);
    }
    // A public key stands for the private one beside it.
    ana.expect_hers(&run(&mut ana.export("p256.pub", "beside:1")).expect(0), "p256", "beside:1");
    for key in ["secret", "pem"] {
        let (name, ask) = (format!("{key}:1"), askpass(ana.gap.room.path(), &format!("ask-{key}"), "open sesame"));
        ana.expect_hers(&run(ana.export(key, &name).env("SSH_ASKPASS", &ask)).expect(0), key, &name);
        assert_eq!(asked(&ask), 1, "{key}");
    }
    let agent = Agent::start(ana.gap.room.path());
    agent.add(&ana.gap.path("agent"));
    fs::rename(ana.gap.path("agent"), ana.gap.path("elsewhere")).unwrap();
    let socket = &agent.socket;
    ana.expect_hers(
        &run(ana.export("agent.pub", "agent:1").env("SSH_AUTH_SOCK", socket)).expect(0),
        "agent",
        "agent:1",
    );
    // Without the agent, and with one that does not have it.
    run(&mut ana.export("agent.pub", "agent:2")).refused(1, "ssh-agent did not sign");
    fs::rename(ana.gap.path("p256"), ana.gap.path("p256-elsewhere")).unwrap();
    run(ana.export("p256.pub", "agent:3").env("SSH_AUTH_SOCK", socket)).refused(1, "`ssh-add FILE` gives it one");
    ana.expect_no_bundle();
}

#[test]
fn a_key_on_a_token_seals_by_way_of_an_agent() {
    let ana = Ana::new(&[("card", &["-t", "ecdsa", "-b", "256", "-m", "PKCS8"])]);
    let Some(token) = Token::new(ana.gap.room.path(), "keys on PIV cards and other PKCS #11 tokens") else { return };
    token.take(&ana.gap.path("card"));
    let agent = token.agent();
    let mut export = ana.export("card.pub", "card:1");
    ana.expect_hers(&run(export.env("SSH_AUTH_SOCK", &agent.socket)).expect(0), "card", "card:1");
    // The key is nowhere else.
    run(&mut ana.export("card.pub", "card:2")).refused(1, "ssh-agent did not sign");
}

#[test]
fn security_keys_seal_with_one_touch_and_a_bundle_says_what_they_showed() {
    if provider("security keys seal with one touch").is_none() {
        return;
    }
    let ana = Ana::new(&[
        ("sk-p256", &["-t", "ecdsa-sk"]),
        ("sk-ed25519", &["-t", "ed25519-sk"]),
        ("sk-verified", &["-t", "ed25519-sk", "-O", "verify-required"]),
        ("sk-untouched", &["-t", "ecdsa-sk", "-O", "no-touch-required"]),
        ("file", &["-t", "ed25519"]),
    ]);
    let pin = askpass(ana.gap.room.path(), "pin", "1234");
    for key in ["sk-p256", "sk-ed25519", "sk-verified"] {
        let name = format!("{key}:1");
        let exported = run(ana.export(key, &name).env("SSH_ASKPASS", &pin)).expect(0);
        assert_eq!(exported.err.matches("Confirm user presence").count(), 1, "{exported:#?}");
        ana.expect_hers(&exported, key, &name);
    }
    assert_eq!(asked(&pin), 1, "only one of them asks for a PIN");
    let agent = Agent::start(ana.gap.room.path());
    agent.add(&ana.gap.path("sk-p256"));
    fs::rename(ana.gap.path("sk-p256"), ana.gap.path("stub")).unwrap();
    let mut by_agent = ana.export("sk-p256.pub", "agent:1");
    ana.expect_hers(&run(by_agent.env("SSH_AUTH_SOCK", &agent.socket)).expect(0), "sk-p256", "agent:1");

    // One that nobody touched counts for nothing, whatever ssh-keygen thinks.
    run(&mut ana.export("sk-untouched", "untouched:1")).refused(4, "the security key was not touched");
    ana.expect_no_bundle();
    // Where the tent asks for more, a touch does not do, and a key in a file is refused before anything is written.
    let needs = |text: String, what: &str| text.replace("[[tent]]\n", &format!("[[tent]]\nsignatures = \"{what}\"\n"));
    ana.gap.lab.edit_policy(|text| needs(text, "verification"));
    let before = (snapshot(&ana.gap.stick), ana.gap.lab.run(["log"]).out);
    run(&mut ana.export("file", "file:1")).refused(4, "asks for signatures by security keys");
    assert!(before == (snapshot(&ana.gap.stick), ana.gap.lab.run(["log"]).out));
    run(&mut ana.export("sk-ed25519", "touched:1")).refused(4, "that show more of the person");
    ana.expect_no_bundle();
    let verified = run(ana.export("sk-verified", "verified:1").env("SSH_ASKPASS", &pin)).expect(0);
    let bundle = PathBuf::from(verified.json()["path"].as_str().unwrap());
    let sig = snapshot(&bundle).into_iter().find(|(path, _)| path.extension().is_some_and(|e| e == "sig")).unwrap();
    assert!(Signature::parse(&sig.1).unwrap().shown().verification);
}

#[test]
fn keys_that_may_not_export_are_refused_before_anything_is_written() {
    let ana = Ana::new(&[("hers", &["-t", "ed25519"]), ("lost", &["-t", "ed25519"])]);
    let lost = public(&ana.gap.path("lost"));
    let visitor = public(&new_key(ana.gap.room.path(), "visitor", &["-t", "ed25519"]));
    ana.gap.lab.edit_policy(|text| {
        let person = crate::support::ssh::person("visitor", &[visitor]);
        format!("{text}\n{person}\n[[revocation]]\nkey = \"{lost}\"\n")
    });
    new_key(ana.gap.room.path(), "rsa", &["-t", "rsa"]);
    new_key(ana.gap.room.path(), "p384", &["-t", "ecdsa", "-b", "384"]);
    new_key(ana.gap.room.path(), "stranger", &["-t", "ed25519"]);
    fs::write(ana.gap.path("text"), "no key\n").unwrap();
    fs::write(ana.gap.path("long"), "x".repeat(1 << 20)).unwrap();
    let before = (snapshot(&ana.gap.stick), ana.gap.lab.snapshot());
    for (key, code, why) in [
        ("stranger", 4, "to no person"),
        ("stranger.pub", 4, "to no person"),
        ("visitor", 4, "visitor"),
        ("lost", 4, "revokes key"),
        ("rsa", 2, "RSA keys are not taken"),
        ("rsa.pub", 2, "has no OpenSSH key of a type"),
        ("p384", 2, "has no OpenSSH key of a type"),
        ("text", 2, "has no OpenSSH key of a type"),
        ("long", 2, "has no OpenSSH key of a type"),
        ("missing", 1, "can't read key"),
    ] {
        run(&mut ana.export(key, "refused:1")).refused(code, why);
        assert!(before == (snapshot(&ana.gap.stick), ana.gap.lab.snapshot()), "{key}");
    }
}

#[test]
fn what_ssh_keygen_gives_back_counts_only_if_it_is_what_was_asked_for() {
    let ana = Ana::new(&[("hers", &["-t", "ed25519", "-N", "secret"])]);
    let room = ana.gap.room.path();
    let wrong = askpass(room, "wrong", "guess");
    run(ana.export("hers", "m:1").env("SSH_ASKPASS", &wrong)).refused(1, "was the passphrase right?");
    assert_eq!(asked(&wrong), 1);
    run(&mut ana.export("hers", "m:1")).refused(1, "ssh-keygen did not sign");

    let tools = ana.gap.path("tools");
    fs::create_dir(&tools).unwrap();
    new_key(room, "other", &["-t", "ed25519"]);
    let path = |first: &Path| format!("{}:{}", first.display(), std::env::var("PATH").unwrap());
    let real = "PATH=${PATH#*:} exec ssh-keygen";
    for (what, answer, code, why) in [
        ("nothing", "cat >/dev/null".to_owned(), 1, "counts for nothing: not an armoured SSH signature"),
        ("too much", "cat >/dev/null; yes".to_owned(), 1, "ssh-keygen did not sign"),
        ("not even the message", "echo hello".to_owned(), 1, "counts for nothing"),
        (
            "another key's",
            format!("{real} -q -Y sign -n seal@gapvault -f {}", room.join("other").display()),
            1,
            "another key",
        ),
        ("a failure", "cat >/dev/null; exit 7".to_owned(), 1, "did not sign"),
    ] {
        script(&tools, "ssh-keygen", &answer);
        let refused = run(ana.export("hers", "m:1").env("PATH", path(&tools))).refused(code, why);
        assert!(refused.err.contains("written packs are kept"), "{what}: {refused:#?}");
        ana.expect_no_bundle();
    }
    // Another namespace, and another message, with the very key.
    let good = askpass(room, "good", "secret");
    for (how, why) in [
        (format!("{real} -q -Y sign -n approve@gapvault -f {}", room.join("hers").display()), "signed for"),
        (
            format!(
                "{{ cat; echo; }} | (PATH=${{PATH#*:}}; ssh-keygen -q -Y sign -n seal@gapvault -f {})",
                room.join("hers").display()
            ),
            "does not fit the signed bytes",
        ),
    ] {
        script(&tools, "ssh-keygen", &how);
        run(ana.export("hers", "m:1").env("PATH", path(&tools)).env("SSH_ASKPASS", &good)).refused(1, why);
        ana.expect_no_bundle();
    }
    fs::remove_file(tools.join("ssh-keygen")).unwrap();
    let folders = std::env::var_os("PATH").unwrap();
    let setsid = std::env::split_paths(&folders).map(|folder| folder.join("setsid")).find(|path| path.is_file());
    std::os::unix::fs::symlink(setsid.unwrap(), tools.join("setsid")).unwrap();
    run(ana.export("hers", "m:1").env("PATH", &tools)).refused(1, "ssh-keygen is needed");
    // All that was missing is the signature: the same command goes on with what is written.
    let done = run(ana.export("hers", "m:1").env("SSH_ASKPASS", &good)).expect(0);
    assert!(done.json()["packs_kept"].as_u64().is_some_and(|kept| kept > 0), "{done:#?}");
    ana.expect_hers(&done, "hers", "m:1");
}

#[test]
fn a_wait_for_a_person_ends_when_somebody_wants_to_stop() {
    let ana = Ana::new(&[("hers", &["-t", "ed25519", "-N", "secret"])]);
    let tools = ana.gap.path("tools");
    fs::create_dir(&tools).unwrap();
    script(&tools, "ssh-keygen", "echo $$ > \"$0.pid\"\nwhile :; do sleep 0.1; done\n");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let mut command = ana.export("hers", "m:1");
    let child = command.env("PATH", path).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let note = tools.join("ssh-keygen.pid");
    let begun = Instant::now();
    let waiting = loop {
        if let Some(pid) = fs::read_to_string(&note).ok().and_then(|text| text.trim().parse::<u32>().ok()) {
            break pid;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it never asks");
        std::thread::sleep(Duration::from_millis(10));
    };
    run(Command::new("kill").args(["-TERM", &child.id().to_string()])).expect(0);
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && told.contains("interrupted"), "{output:?}");
    assert!(!Path::new(&format!("/proc/{waiting}")).exists(), "ssh-keygen is left behind");
    ana.expect_no_bundle();
}

#[test]
fn a_lost_volume_takes_the_key_that_sealed() {
    let ana = Ana::new(&[("hers", &["-t", "ed25519"]), ("second", &["-t", "ed25519"])]);
    let second = ana.gap.path("b");
    fs::create_dir(&second).unwrap();
    let exported = run(ana.export("hers", "m:1").arg("--to").arg(&second)).expect(0).json();
    let bundle = exported["bundle"].as_str().unwrap().to_owned();
    let fresh = ana.gap.path("c");
    fs::create_dir(&fresh).unwrap();
    let again = |key: Option<&str>| {
        let mut command = ana.gap.lab.command(["export", "--json", "--again", &bundle, "--volume", "2", "--to"]);
        command.arg(&fresh);
        key.map(|key| command.arg("--key").arg(ana.gap.path(key)));
        run(&mut without_terminal(&command))
    };
    for other in [None, Some("second")] {
        again(other).refused(4, "it was sealed with key");
        assert!(snapshot(&fresh).is_empty());
    }
    again(Some("hers")).expect(0);
    fs::remove_dir_all(&second).unwrap();
    run(ana.gap.cluster.command(["import"]).arg(&ana.gap.stick).arg(&fresh)).expect(0);
    ana.gap.checkout("m:1", "out").expect(0);
}

#[test]
fn a_card_of_a_person_needs_no_vault() {
    let room = tempfile::tempdir().unwrap();
    let (one, two) = (new_key(room.path(), "one", &["-t", "ed25519"]), new_key(room.path(), "two", &["-t", "ecdsa"]));
    let card = |keys: &[&Path]| {
        let mut command = crate::support::gapvault();
        command.args(["card", "--person", "ana"]);
        for key in keys {
            command.arg("--key").arg(key);
        }
        run(&mut command)
    };
    // Either half tells the public one.
    let made = card(&[&public_file(&one), &two]).expect(0);
    let parsed = gapvault_formats::person_card::PersonCard::parse(made.out.as_bytes()).unwrap();
    assert_eq!(parsed.person().as_str(), "ana");
    assert_eq!(parsed.keys().iter().map(ToString::to_string).collect::<Vec<_>>(), [public(&one), public(&two)]);
    assert!(made.err.contains(&format!("card fingerprint {}", parsed.fingerprint())), "{made:#?}");
    card(&[&one, &public_file(&one)]).refused(2, "stands twice on the card");
    card(&[&room.path().join("none")]).refused(1, "can't read key");
    card(&[]).refused(2, "--key");
    run(crate::support::gapvault().args(["card", "--key"]).arg(&one)).refused(2, "--person");
}

#[test]
fn a_key_that_is_no_file_is_not_waited_for() {
    let gap = Gap::new();
    let fifo = gap.path("fifo.pub");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    run(&mut gap.export_with(&fifo, "model:v1")).refused(2, "has no OpenSSH key");
}
