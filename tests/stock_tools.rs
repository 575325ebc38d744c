//! A bundle opens without gapvault: what RECOVER.txt says is done as it stands there, and compared.

use crate::support::tools::tool;
use crate::support::{Gap, Run, Site, assert_same_tree, run, snapshot, write_sample};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A bundle of several packs with everything in it that an artifact can have, and a reader with stock tools.
struct Reader {
    gap: Gap,
    bundle: PathBuf,
    home: PathBuf,
}

impl Reader {
    fn new() -> Self {
        let gap = Gap::new();
        let source = gap.path("sample");
        write_sample(&source);
        fs::create_dir_all(source.join("logs/none")).unwrap();
        fs::write(source.join("run it.sh"), "#!/bin/sh\n").unwrap();
        crate::support::set_mode(&source.join("run it.sh"), 0o755);
        fs::copy(source.join("shards/model.safetensors"), source.join("shards/copy.safetensors")).unwrap();
        symlink("shards/model.safetensors", source.join("latest")).unwrap();
        symlink("../config.json", source.join("shards/config.json")).unwrap();
        let run = gap.export(&source, "model:v1", &["--pack-size", "64K"]).expect(0);
        let bundle = PathBuf::from(run.json()["path"].as_str().unwrap());
        assert!(bundle.join("packs/0000/000002.age").exists(), "the sample has several packs");

        let home = gap.path("home");
        fs::create_dir_all(home.join("opened")).unwrap();
        let line = format!("exporter namespaces=\"seal@gapvault\" {}\n", signing_key(&gap.lab));
        fs::write(home.join("allowed_signers"), line).unwrap();
        fs::copy(gap.cluster.vault.join("secrets/age.key"), home.join("member.key")).unwrap();
        Self { gap, bundle, home }
    }

    /// Runs the indented lines of RECOVER.txt in the bundle's folder, each shown before it runs.
    fn recover(&self) -> Run {
        for name in ["ssh-keygen", "sha256sum", "age", "zstd"] {
            tool(name);
        }
        let text = fs::read_to_string(self.bundle.join("RECOVER.txt")).unwrap();
        let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
        // The line of the example file is no command.
        let commands: Vec<_> = lines.into_iter().filter(|line| !line.starts_with("exporter ")).collect();
        assert!(commands.len() >= 6, "{text}");
        let mut shell = tool("sh");
        shell.args(["-ex", "-c", &commands.join("\n")]).current_dir(&self.bundle).env("HOME", &self.home);
        run(&mut shell)
    }

    fn opened(&self, name: &str) -> PathBuf {
        self.home.join("opened").join(name)
    }
}

/// The SSH key on a site's card, as `ssh-keygen` takes it.
fn signing_key(site: &Site) -> String {
    let card = site.run(["card"]).expect(0).out;
    let line = card.lines().find_map(|line| line.strip_prefix("key = ")).unwrap();
    line.trim_matches('"').to_owned()
}

/// The records of a CBOR sequence, byte strings as hex.
fn records(path: &Path) -> Vec<Value> {
    let bytes = fs::read(path).unwrap();
    let (mut rest, mut records) = (bytes.as_slice(), Vec::new());
    while !rest.is_empty() {
        records.push(json(ciborium::from_reader(&mut rest).unwrap()));
    }
    records
}

fn json(value: ciborium::Value) -> Value {
    use ciborium::Value as Cbor;
    match value {
        Cbor::Bytes(bytes) => gapvault_formats::ids::to_hex(&bytes).into(),
        Cbor::Text(text) => text.into(),
        Cbor::Integer(number) => u64::try_from(number).unwrap().into(),
        Cbor::Bool(bool) => bool.into(),
        Cbor::Array(items) => items.into_iter().map(json).collect(),
        Cbor::Map(pairs) => pairs.into_iter().map(|(key, value)| (key.into_text().unwrap(), json(value))).collect(),
        Cbor::Null => Value::Null,
        other => panic!("{other:?} in a record"),
    }
}

/// The records of one kind.
fn of_kind(records: &[Value], kind: &str) -> Vec<Value> {
    records.iter().filter_map(|record| record.get(kind).cloned()).collect()
}

#[test]
fn the_lines_of_recover_txt_check_and_open_a_bundle() {
    let reader = Reader::new();
    let before = snapshot(&reader.gap.stick);
    let run = reader.recover().expect(0);
    assert!(run.out.contains("Good \"seal@gapvault\" signature for exporter"), "{run:#?}");
    assert!(run.out.contains("packs/0000/000002.age: OK") && run.out.contains("catalogue.age: OK"), "{run:#?}");
    assert!(snapshot(&reader.gap.stick) == before);

    // What came out is what the program says of the artifact.
    reader.gap.import().expect(0);
    let shown = reader.gap.cluster.run(["show", "model:v1", "--json"]).expect(0).json();
    let catalogue = records(&reader.opened("catalogue.cbor"));
    let mut entries = Vec::new();
    for record in &catalogue {
        let (kind, fields) = record.as_object().unwrap().iter().next().unwrap();
        if ["folder", "file", "link"].contains(&kind.as_str()) {
            let mut entry = fields.as_object().unwrap().clone();
            entry.insert("kind".into(), kind.clone().into());
            entries.push(Value::Object(entry));
        }
    }
    assert!(entries.len() > 8, "{entries:#?}");
    assert_eq!(Value::Array(entries), shown["entries"]);
    assert_eq!(of_kind(&catalogue, "artifact")[0]["provenance"], shown["provenance"]);
    assert_eq!(of_kind(&catalogue, "head")[0]["readers"], shown["readers"]);

    // The stream has the length that seal and index give it.
    let seal: Value = serde_json::from_slice(&fs::read(reader.bundle.join("seal.json")).unwrap()).unwrap();
    let index = records(&reader.opened("index.cbor"));
    let stream = fs::read(reader.opened("stream")).unwrap();
    assert_eq!(seal["predicate"]["stream"]["length"], stream.len());
    let content = of_kind(&index, "head")[0]["stream"].as_u64().unwrap() as usize;
    assert!(stream[content..].iter().all(|byte| *byte == 0), "what follows the chunks is padding");

    // And the files come together from it by their recipes.
    let files = of_kind(&catalogue, "file");
    for (number, file) in files.iter().enumerate() {
        let bytes = rebuild(&index, &stream, number);
        let sha256 = gapvault_formats::ids::to_hex(&Sha256::digest(&bytes));
        assert_eq!(file["sha256"], sha256, "{file}");
        let source = reader.gap.path("sample").join(file["path"].as_str().unwrap());
        assert!(fs::read(source).unwrap() == bytes, "{file}");
    }
}

/// A file's bytes: the chunks of its recipe, decoded by `zstd`.
fn rebuild(index: &[Value], stream: &[u8], file: usize) -> Vec<u8> {
    let chunks = of_kind(index, "chunk");
    let recipes = of_kind(index, "recipe").into_iter().filter(|recipe| recipe["file"] == file);
    let mut bytes = Vec::new();
    for run in recipes.flat_map(|recipe| recipe["runs"].as_array().unwrap().clone()) {
        let number = |field: &str| run[field].as_u64().unwrap() as usize;
        for chunk in &chunks[number("first")..number("first") + number("count")] {
            let number = |field: &str| chunk[field].as_u64().unwrap() as usize;
            let stored = &stream[number("offset")..number("offset") + number("stored")];
            let plain = match chunk["coding"].as_str().unwrap() {
                "store" => stored.to_vec(),
                "zstd" => unzstd(stored),
                other => panic!("the sample has nothing to code as {other}"),
            };
            assert_eq!(plain.len(), number("length"));
            bytes.extend(plain);
        }
    }
    bytes
}

fn unzstd(frame: &[u8]) -> Vec<u8> {
    let mut process = tool("zstd").args(["-dcq"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(frame).unwrap());
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success());
        output.stdout
    })
}

#[test]
fn the_lines_of_recover_txt_stop_at_the_first_altered_byte() {
    let reader = Reader::new();
    let cases = [
        ("seal.json", "ssh-keygen"),
        ("SHA256SUMS.1", "grep"),
        ("packs/0000/000001.age", "sha256sum"),
        ("keys.age", "sha256sum"),
        ("RECOVER.txt", "sha256sum"),
    ];
    for (name, stopped_by) in cases {
        let path = reader.bundle.join(name);
        let whole = fs::read(&path).unwrap();
        let mut altered = whole.clone();
        // In RECOVER.txt this hits the prose.
        altered[20] ^= 1;
        fs::write(&path, &altered).unwrap();
        let run = reader.recover();
        fs::write(&path, &whole).unwrap();
        assert_ne!(run.code, 0, "{name}: {run:#?}");
        let last = run.err.lines().rfind(|line| line.starts_with("+ ")).unwrap();
        assert!(last.starts_with(&format!("+ {stopped_by} ")), "{name} went on to {last:?}: {run:#?}");
        assert!(snapshot(&reader.home.join("opened")).is_empty(), "{name}: something was opened");
    }
    reader.recover().expect(0);
}

#[test]
fn the_lines_of_recover_txt_refuse_a_stranger_and_a_wrong_identity() {
    let reader = Reader::new();
    let stranger = Site::new(reader.gap.room.path(), "stranger");
    let (signers, key) = (reader.home.join("allowed_signers"), reader.home.join("member.key"));
    let (good_signers, good_key) = (fs::read(&signers).unwrap(), fs::read(&key).unwrap());
    fs::write(&signers, format!("exporter namespaces=\"seal@gapvault\" {}\n", signing_key(&stranger))).unwrap();
    assert_ne!(reader.recover().code, 0);
    let other_namespace = format!("exporter namespaces=\"policy@gapvault\" {}\n", signing_key(&reader.gap.lab));
    fs::write(&signers, other_namespace).unwrap();
    assert_ne!(reader.recover().code, 0);
    fs::write(&signers, good_signers).unwrap();
    fs::copy(stranger.vault.join("secrets/age.key"), &key).unwrap();
    let run = reader.recover();
    assert!(run.code != 0 && run.err.contains("no identity matched"), "{run:#?}");
    fs::write(&key, good_key).unwrap();
    reader.recover().expect(0);
}

#[test]
fn an_auditors_identity_opens_the_catalogue_and_nothing_else() {
    let gap = Gap::new();
    let audit = Site::new(gap.room.path(), "audit");
    gap.lab.trust(&audit, "auditor");
    let bundle = gap.export_sample();
    let key = audit.vault.join("secrets/age.key");
    let open = |name: &str| {
        run(tool("age").arg("-d").arg("-i").arg(&key).arg("-o").arg(gap.path("plain")).arg(bundle.join(name)))
    };
    open("catalogue.age").expect(0);
    run(tool("zstd").arg("-dq").arg(gap.path("plain")).arg("-o").arg(gap.path("catalogue.cbor"))).expect(0);
    let files = of_kind(&records(&gap.path("catalogue.cbor")), "file");
    assert!(files.iter().any(|file| file["path"] == "shards/model.safetensors"), "{files:#?}");
    for name in ["keys.age", "index.age", "packs/0000/000000.age", "packs/0000/000001.age"] {
        open(name).refused(1, "no identity matched");
    }
}

#[test]
fn ssh_keygen_agrees_with_every_signature_in_a_vault() {
    let reader = Reader::new();
    let lab = &reader.gap.lab;
    let signers = reader.gap.path("signers");
    fs::write(&signers, format!("lab {}\n", signing_key(lab))).unwrap();
    // A checkpoint file is what was signed, and the signature behind it.
    let checkpoint = fs::read_to_string(lab.vault.join("log/checkpoint")).unwrap();
    let at = checkpoint.find("-----BEGIN").unwrap();
    let (said, signature) = (reader.gap.path("said"), reader.gap.path("said.sig"));
    fs::write(&said, &checkpoint[..at]).unwrap();
    fs::write(&signature, &checkpoint[at..]).unwrap();

    let mut signed = vec![(said, signature, "checkpoint@gapvault")];
    for (path, _) in snapshot(&lab.vault.join("policy")) {
        if path.extension().is_some_and(|extension| extension == "toml") {
            let path = lab.vault.join("policy").join(path);
            signed.push((path.clone(), lab.policy_signature(&path), "policy@gapvault"));
        }
    }
    assert!(signed.len() > 2, "{signed:?}");
    for (message, signature, namespace) in signed {
        let keygen = |what: &[&str], namespace: &str, message: &Path| {
            let mut command = tool("ssh-keygen");
            command.args(what).args(["-n", namespace, "-s"]).arg(&signature).stdin(fs::File::open(message).unwrap());
            run(&mut command)
        };
        let signers = signers.to_str().unwrap();
        for what in [&["-Y", "check-novalidate"][..], &["-Y", "verify", "-f", signers, "-I", "lab"]] {
            let good = keygen(what, namespace, &message).expect(0);
            assert!(good.out.contains(&format!("Good \"{namespace}\" signature")), "{good:#?}");
            assert_ne!(keygen(what, "seal@gapvault", &message).code, 0, "{message:?} counts in another namespace");
            let other = keygen(what, namespace, Path::new(signers));
            assert_ne!(other.code, 0, "the signature of {message:?} fits other bytes");
        }
    }
}

#[test]
fn recover_py_restores_what_checkout_does() {
    let reader = Reader::new();
    reader.gap.import().expect(0);
    reader.gap.checkout("model:v1", "out").expect(0);
    recover_py(&reader, "recovered").expect(0);
    assert_same_tree(&reader.gap.path("out"), &reader.gap.path("recovered"));
    assert_same_tree(&reader.gap.path("sample"), &reader.gap.path("recovered"));
}

#[test]
fn recover_py_restores_nothing_from_an_altered_bundle() {
    let reader = Reader::new();
    for name in ["seal.json", "keys.age", "catalogue.age", "index.age", "packs/0000/000002.age"] {
        let path = reader.bundle.join(name);
        let whole = fs::read(&path).unwrap();
        let mut altered = whole.clone();
        altered[whole.len() / 2] ^= 1;
        fs::write(&path, &altered).unwrap();
        recover_py(&reader, "recovered").refused(1, "nothing was restored");
        assert!(!reader.gap.path("recovered").exists(), "{name}");
        fs::write(&path, &whole).unwrap();
    }
    recover_py(&reader, "recovered").expect(0);
}

fn recover_py(reader: &Reader, to: &str) -> Run {
    for name in ["age", "zstd"] {
        tool(name);
    }
    let mut command = tool("python3");
    command.arg("-B").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/recover.py")).arg(&reader.bundle);
    command.arg("--identity").arg(reader.home.join("member.key")).args(["--artifact", "model:v1", "--out"]);
    run(command.arg(reader.gap.path(to)))
}
