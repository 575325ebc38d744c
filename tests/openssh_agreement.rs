//! Stock `ssh-keygen -Y verify` and gapvault come to one verdict on a signature. Where gapvault is stricter, this says so;
//! what gapvault takes, `ssh-keygen` takes too.

use crate::support::run;
use crate::support::ssh::{new_key, provider, public, ssh_keygen, stock_verify};
use gapvault_formats::sshsig::{Namespace, PublicKey, Signature, SshError, Touch};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What the signatures among the vectors are made over.
const SIGNED: &[u8] = b"gapvault test vector\n";
const NAMESPACES: [Namespace; 3] = [Namespace::Seal, Namespace::Approve, Namespace::Policy];

/// Persons with their keys, and keys that are revoked, as both sides know them.
struct Known {
    room: TempDir,
    keys: BTreeMap<String, Vec<PublicKey>>,
    revoked: Vec<PublicKey>,
}

impl Known {
    fn new(keys: BTreeMap<String, Vec<PublicKey>>, revoked: Vec<PublicKey>) -> Self {
        let room = tempfile::tempdir().unwrap();
        let namespaces = NAMESPACES.map(Namespace::as_str).join(",");
        let line = |name: &String, key: &PublicKey| format!("{name} namespaces=\"{namespaces}\" {key}\n");
        let lines = keys.iter().flat_map(|(name, keys)| keys.iter().map(move |key| line(name, key)));
        fs::write(room.path().join("allowed"), lines.collect::<String>()).unwrap();
        let revoked_lines: String = revoked.iter().map(|key| format!("{key}\n")).collect();
        fs::write(room.path().join("revoked"), revoked_lines).unwrap();
        Self { room, keys, revoked }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    /// What gapvault says of a signature that should be `person`'s.
    fn ours(&self, (person, namespace): (&str, Namespace), message: &[u8], signature: &[u8]) -> Result<(), SshError> {
        let signature = Signature::parse(signature)?;
        let known = self.keys.get(person).into_iter().flatten().find(|key| *key == signature.key());
        let key = known.filter(|key| !self.revoked.contains(key)).ok_or(SshError::OtherKey)?;
        signature.verify(key, namespace, message)
    }

    /// What `ssh-keygen` says of it.
    fn theirs(&self, (person, namespace): (&str, Namespace), message: &[u8], signature: &[u8]) -> bool {
        let (text, file) = (self.path("message"), self.path("signature"));
        fs::write(&text, message).unwrap();
        fs::write(&file, signature).unwrap();
        let revoked = self.path("revoked");
        let more = ["-r", revoked.to_str().unwrap()];
        stock_verify((&self.path("allowed"), person), namespace.as_str(), &text, &file, &more).code == 0
    }

    /// One verdict, or gapvault alone refuses, for one of the reasons in `stricter`. Gives the verdict of gapvault.
    #[track_caller]
    fn agree(
        &self,
        claim: &str,
        whose: (&str, Namespace),
        (message, signature): (&[u8], &[u8]),
        stricter: &[Stricter],
    ) -> Result<(), SshError> {
        let (ours, theirs) = (self.ours(whose, message, signature), self.theirs(whose, message, signature));
        match &ours {
            Ok(()) => assert!(theirs, "{claim}: gapvault takes what ssh-keygen refuses"),
            Err(error) if theirs => {
                let reason = Stricter::of(error);
                let is_known = reason.is_some_and(|reason| stricter.contains(&reason));
                assert!(is_known, "{claim}: ssh-keygen takes it, gapvault says: {error}");
            }
            Err(_) => {}
        }
        ours
    }
}

/// Where gapvault may refuse what `ssh-keygen` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stricter {
    /// A security key was not touched.
    Presence,
    /// The armour, or what it stands for, is in another than the one form; or a security key's flags say that there is more.
    Form,
    /// A security key signed as it does in web browsers.
    Type,
}

impl Stricter {
    fn of(error: &SshError) -> Option<Self> {
        match error {
            SshError::NoPresence => Some(Self::Presence),
            SshError::Armour => Some(Self::Form),
            SshError::Type { .. } => Some(Self::Type),
            _ => None,
        }
    }
}

/// The vectors on which gapvault may be stricter, by their names; all others have one verdict.
fn stricter(name: &str) -> &'static [Stricter] {
    const FORM: [&str; 14] = [
        "text_behind",
        "newline_behind",
        "no_newline_at_the_end",
        "lines_of_64_characters",
        "lines_of_76_characters",
        "one_long_line",
        "space_at_the_end_of_a_line",
        "empty_line_inside",
        "two_signatures",
        "over_16_kib",
        "not_utf8",
        "reserved_is_not_empty",
        "version_0",
        "number_with_a_zero_more",
    ];
    match name {
        "sk_p256_of_a_web_browser" => &[Stricter::Type],
        _ if FORM.contains(&name) => &[Stricter::Form],
        _ if name.ends_with("not_touched") && !name.contains("_said_of_") => &[Stricter::Presence],
        _ if name.ends_with("_attested_data") || name.ends_with("_extensions") => &[Stricter::Form],
        _ => &[],
    }
}

#[test]
fn every_vector_has_one_verdict_but_for_what_is_named() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/vectors");
    let read = |root: &str| {
        let files = fs::read_dir(vectors.join(root).join("sshsig")).unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "sig"));
        let named = |path: PathBuf| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap());
        files.map(named).collect::<BTreeMap<_, _>>()
    };
    let (valid, invalid) = (read("valid"), read("invalid"));
    let keys = valid.values().map(|bytes| Signature::parse(bytes).unwrap().key().clone()).collect();
    let known = Known::new(BTreeMap::from([("exporter".to_owned(), keys)]), Vec::new());
    let mut presence = 0;
    for (name, bytes) in valid.iter().chain(&invalid) {
        let verdict = known.agree(name, ("exporter", Namespace::Seal), (SIGNED, bytes), stricter(name));
        assert_eq!(verdict.is_ok(), valid.contains_key(name), "{name}: {verdict:?}");
        presence += usize::from(verdict == Err(SshError::NoPresence));
    }
    assert!(valid.len() > 8 && invalid.len() > 50 && presence >= 4);
}

/// Signatures that `ssh-keygen` makes here, of each type of key that there is.
struct Made {
    known: Known,
    /// By the name of their key.
    private: BTreeMap<&'static str, PathBuf>,
    _files: TempDir,
}

impl Made {
    fn new(claim: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let mut kinds: Vec<(&str, &[&str])> = vec![
            ("p256", &["-t", "ecdsa", "-b", "256"]),
            ("ed25519", &["-t", "ed25519"]),
            ("revoked", &["-t", "ed25519"]),
        ];
        if provider(claim).is_some() {
            kinds.push(("sk-p256", &["-t", "ecdsa-sk"]));
            kinds.push(("sk-ed25519", &["-t", "ed25519-sk"]));
            kinds.push(("sk-verified", &["-t", "ecdsa-sk", "-O", "verify-required"]));
            kinds.push(("sk-untouched", &["-t", "ed25519-sk", "-O", "no-touch-required"]));
        }
        let new = |(name, how): (&'static str, &[&str])| (name, new_key(files.path(), name, how));
        let private: BTreeMap<_, _> = kinds.into_iter().map(new).collect();
        let key = |name: &str| public(&private[name]).parse::<PublicKey>().unwrap();
        let keys = private.keys().map(|name| ((*name).to_owned(), vec![key(name)])).collect();
        let known = Known::new(keys, vec![key("revoked")]);
        Self { known, private, _files: files }
    }

    /// As stock `ssh-keygen` signs, with more options.
    fn sign(&self, private: &Path, namespace: &str, message: &[u8], more: &[&str]) -> Vec<u8> {
        let (text, ask) = (self.known.path("text"), self.known.path("ask"));
        fs::write(&text, message).unwrap();
        crate::support::ssh::script(ask.parent().unwrap(), "ask", "echo 1234\n");
        let mut command = ssh_keygen();
        command.args(["-q", "-Y", "sign", "-n", namespace, "-f"]).arg(private).args(more);
        command.env("SSH_ASKPASS", &ask).env("SSH_ASKPASS_REQUIRE", "force");
        run(command.stdin(fs::File::open(&text).unwrap())).expect(0).out.into_bytes()
    }
}

#[test]
fn signatures_of_every_kind_of_key_have_one_verdict() {
    let made = Made::new("signatures of security keys have one verdict");
    let message = b"{\"_type\":\"a seal\"}\n";
    let mut good = 0;
    for (name, private) in &made.private {
        for namespace in NAMESPACES {
            let signature = made.sign(private, namespace.as_str(), message, &[]);
            let agree = |claim: &str, whose, what| {
                made.known.agree(&format!("{name} {namespace} {claim}"), whose, what, &[Stricter::Presence])
            };
            let verdict = agree("good", (name, namespace), (message, &signature));
            match *name {
                "sk-untouched" => assert_eq!(verdict, Err(SshError::NoPresence)),
                "revoked" => assert_eq!(verdict, Err(SshError::OtherKey)),
                _ => {
                    assert_eq!(verdict, Ok(()), "{name} {namespace}");
                    good += 1;
                }
            }
            let shown = Signature::parse(&signature).unwrap().shown();
            assert_eq!(Touch::Presence.is_met_by(shown), name.starts_with("sk-") && *name != "sk-untouched", "{name}");
            assert_eq!(Touch::Verification.is_met_by(shown), *name == "sk-verified", "{name}");
            for other in NAMESPACES.into_iter().filter(|other| *other != namespace) {
                assert!(agree("in another namespace", (name, other), (message, &signature)).is_err());
            }
            assert!(agree("over other bytes", (name, namespace), (b"other\n", &signature)).is_err());
            for other in made.private.keys().filter(|other| *other != name) {
                assert!(agree("as another person's", (other, namespace), (message, &signature)).is_err());
            }
            assert!(agree("as a stranger's", ("stranger", namespace), (message, &signature)).is_err());
        }
    }
    assert_eq!(good, 3 * (made.private.len() - 1 - usize::from(made.private.len() > 3)));
    // What nobody is known to have.
    for how in [&["-t", "rsa"][..], &["-t", "ecdsa", "-b", "384"], &["-t", "ed25519"]] {
        let folder = tempfile::tempdir().unwrap();
        let private = new_key(folder.path(), "unknown", how);
        let signature = made.sign(&private, "seal@gapvault", message, &[]);
        let whose = ("p256", Namespace::Seal);
        assert!(made.known.agree("of an unknown key", whose, (message, &signature), &[]).is_err(), "{how:?}");
    }
    let short = made.sign(&made.private["p256"], "seal@gapvault", message, &["-O", "hashalg=sha256"]);
    assert_eq!(made.known.agree("SHA-256", ("p256", Namespace::Seal), (message, &short), &[]), Ok(()));
    assert!(made.known.agree("empty", ("p256", Namespace::Seal), (message, b""), &[]).is_err());
}

#[test]
fn no_flipped_bit_makes_gapvault_take_what_ssh_keygen_refuses() {
    let made = Made::new("flipped bits in signatures of security keys");
    let message = b"a message\n";
    let signatures: Vec<_> = ["p256", "ed25519", "sk-p256", "sk-verified", "sk-ed25519"]
        .into_iter()
        .filter_map(|name| made.private.get_key_value(name))
        .map(|(name, private)| (*name, made.sign(private, "seal@gapvault", message, &[])))
        .collect();
    let mut runner = TestRunner::new(Config { cases: 160, failure_persistence: None, ..Config::default() });
    let places = (0..signatures.len(), any::<prop::sample::Index>(), 0..8u32, any::<bool>());
    let tried = runner.run(&places, |(which, place, bit, inside)| {
        let (name, good) = &signatures[which];
        let bad = if inside {
            let mut blob = decoded(good);
            let at = place.index(blob.len());
            blob[at] ^= 1 << bit;
            armoured(&blob)
        } else {
            let mut bad = good.clone();
            let at = place.index(bad.len());
            bad[at] ^= 1 << bit;
            bad
        };
        let claim = format!("{name}: {}", String::from_utf8_lossy(&bad));
        let allowed = [Stricter::Form, Stricter::Presence];
        prop_assert!(made.known.agree(&claim, (name, Namespace::Seal), (message, &bad), &allowed).is_err());
        Ok(())
    });
    tried.unwrap();
}

/// What armour stands for.
fn decoded(armoured: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(armoured).unwrap();
    let digits: Vec<u8> = text.lines().filter(|line| !line.starts_with('-')).flat_map(str::bytes).collect();
    let value = |digit: u8| DIGITS.iter().position(|known| *known == digit).unwrap_or(0);
    let group = |group: &[u8]| {
        let bits = group.iter().fold(0, |bits, digit| bits << 6 | value(*digit));
        let kept = group.iter().filter(|digit| **digit != b'=').count() * 6 / 8;
        [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8][..kept].to_vec()
    };
    digits.chunks(4).flat_map(group).collect()
}

/// The bytes in canonical armour.
fn armoured(blob: &[u8]) -> Vec<u8> {
    let mut digits = Vec::new();
    for group in blob.chunks(3) {
        let bits = group.iter().chain([0, 0].iter()).take(3).fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        digits.extend((0..4).map(|n| if n <= group.len() { DIGITS[bits >> (18 - 6 * n) & 63] } else { b'=' }));
    }
    let mut text = b"-----BEGIN SSH SIGNATURE-----\n".to_vec();
    for line in digits.chunks(70) {
        text.extend(line);
        text.push(b'\n');
    }
    text.extend(b"-----END SSH SIGNATURE-----\n");
    text
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
