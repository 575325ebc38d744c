//! What files hold, by their bytes: refused at export, and at checkout whatever the exporter's own rules were.

use crate::support::untouched::Before;
use crate::support::{Gap, Run, assert_same_tree, run, set_mode, snapshot};
use gapvault_formats::content::Format;
use gapvault_formats::policy::ContentRules;
use std::path::Path;
use std::process::Command;

/// Files made by python3: those in the folder `refused` bear pickles or hide what they hold.
fn make(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/support/pickles.py");
    run(Command::new("python3").arg(script).arg(folder)).expect(0);
}

fn names(folder: &Path) -> Vec<String> {
    let names = snapshot(folder).into_iter().map(|(path, _)| path.to_str().unwrap().to_owned());
    names.collect()
}

/// Why the cluster's log says that something was refused last; it is the log's last entry.
fn refused(gap: &Gap) -> String {
    let event = gap.cluster.last_event()["refused"].clone();
    assert_eq!(event["epoch"], gap.cluster.epoch(), "{event:#}");
    event["reason"].as_str().unwrap().to_owned()
}

fn allowing() -> ContentRules {
    ContentRules { pickle: true, ..ContentRules::default() }
}

/// What an export of one path would come to.
fn tried(gap: &Gap, path: &Path) -> Run {
    gap.export(path, "model:v1", &["--dry-run"])
}

#[test]
fn what_bears_pickles_or_hides_them_is_not_exported() {
    let gap = Gap::new();
    let files = gap.path("files");
    make(&files);
    let imports = "which imports posix.system";
    let in_member = format!("bears a pickle in its member archive/notes.txt, {imports}");
    for (name, reason) in [
        ("calls-0.safetensors", format!("pickle, text: bears a pickle, {imports}")),
        ("calls-5.safetensors", format!("pickle: bears a pickle, {imports}")),
        ("two.bin", imports.to_owned()),
        ("no-end", imports.to_owned()),
        ("data-4.json", "pickle: bears a pickle".to_owned()),
        ("torch-old.bin", format!("pickle, torch: bears a pickle, {imports}")),
        ("torch.safetensors", format!("torch, zip: {in_member}")),
        ("torch-deflated.gguf", in_member.clone()),
        ("torch-large.bin", in_member.clone()),
        ("torch-behind.txt", in_member.clone()),
        ("torch-before.bin", in_member.clone()),
        ("zip-in-zip.bin", format!("in its member inner.docx / archive/notes.txt, {imports}")),
        ("zip-in-deflated-zip.bin", format!("in its member inner / archive/notes.txt, {imports}")),
        ("encrypted.zip", "zip: can't be looked into in its member secret: it is encrypted".to_owned()),
        ("method.zip", "it is packed by a method that is not known here".to_owned()),
        ("disagreeing.zip", "programs would find different things in it".to_owned()),
        ("miscounted.zip", "programs would find different things in it".to_owned()),
        ("two-directories.zip", "programs would find different things in it".to_owned()),
        ("broken.zip", "zip: can't be looked into: it is damaged".to_owned()),
        ("objects.npy", "npy: bears Python objects as a pickle".to_owned()),
        ("fields.npy", "npy: bears Python objects as a pickle".to_owned()),
        ("objects.npz", "npz, zip: bears Python objects as a pickle in its member y.npy".to_owned()),
        ("tar.gz", format!("gzip: bears a pickle in its member weights.bin, {imports}")),
        ("tar-of-zip.tar.gz", format!("in its member b / archive/notes.txt, {imports}")),
        ("broken.tar", "tar: can't be looked into: it is damaged".to_owned()),
        ("pickle.gz", format!("gzip: bears a pickle, {imports}")),
        ("joblib.z", format!("zlib: bears a pickle, {imports}")),
        ("pickle.bz2", "bzip2: can't be looked into: bzip2 is not unpacked here".to_owned()),
        ("pickle.lzma", "lzma is not unpacked here".to_owned()),
        ("broken.gz", "gzip: can't be looked into: it is damaged".to_owned()),
        ("deep.gz", "it holds containers in too many containers".to_owned()),
    ] {
        let path = files.join("refused").join(name);
        let run = tried(&gap, &path).refused(4, &reason);
        assert!(run.err.contains(&format!("error: the content rules of tent aurora refuse {}: ", path.display())));
    }
    // None of the others is taken either.
    for name in names(&files.join("refused")) {
        tried(&gap, &files.join("refused").join(name)).expect(4);
    }
    gap.export(&files.join("taken"), "model:v1", &[]).expect(0);
}

#[test]
fn a_refusal_names_files_and_writes_nothing() {
    let gap = Gap::new();
    let files = gap.path("files");
    make(&files);
    let before = (gap.lab.snapshot(), snapshot(&gap.stick));
    let all = names(&files.join("refused"));
    let told = gap.export(&files, "model:v1", &[]).refused(4, &format!("refuse {} files\n  ", all.len()));
    assert!(told.err.contains(&format!("\n  and {} more\n", all.len() - 20)), "{told:#?}");
    assert!(told.err.contains("hint: pickles run code when they are loaded: convert weights to safetensors"));
    assert_eq!(before, (gap.lab.snapshot(), snapshot(&gap.stick)));

    gap.lab.set_content(&allowing());
    gap.export(&files, "model:v1", &[]).expect(0);
}

#[test]
fn a_checkout_keeps_the_rules_of_its_own_site() {
    let gap = Gap::new();
    let source = gap.path("source");
    crate::support::write_sample(&source);
    std::fs::write(source.join("shards/model.pt"), b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.").unwrap();
    // A large one, which is written in parts; and one that its owner can't read.
    let large = [b"\x80\x02]K\x01a0".as_slice(), b"cos\nsystem\n)R.", &crate::support::noise(1, 9 << 20)].concat();
    std::fs::write(source.join("large.bin"), large).unwrap();
    std::fs::write(source.join("secret"), b"cos\nsystem\n(tR.").unwrap();
    gap.lab.set_content(&allowing());
    gap.export(&source, "model:v1", &[]).expect(0);
    gap.on_stick("verify").expect(0);
    gap.on_stick("show").expect(0);
    gap.import().expect(0);
    gap.cluster.run(["show", "model:v1"]).expect(0);

    let before = (Before::of(&gap.cluster), names(gap.room.path()));
    let run = gap.checkout("model:v1", "out").refused(4, "the content rules of tent aurora refuse 3 files\n");
    for line in ["large.bin: pickle: bears a pickle, which imports os.system", "secret: ", "shards/model.pt: "] {
        assert!(run.err.contains(&format!("\n  {line}")), "{run:#?}");
    }
    before.0.expect_refused_only(&gap.cluster, "something was left");
    assert_eq!(before.1, names(gap.room.path()), "something was left");
    let reason = refused(&gap);
    assert!(reason.starts_with("checkout of model:v1: the content rules of tent aurora refuse 3 files: "), "{reason}");
    assert!(reason.contains("large.bin: pickle: bears a pickle, which imports os.system"), "{reason}");
    // It came in all the same, and what is said of that is as before.
    let again = gap.import().expect(0).out;
    assert!(again.contains("still admitted") && !again.contains("refused"), "{again}");
    assert!(!gap.on_stick("explain").expect(0).out.contains("refuse"));

    gap.cluster.set_content(&allowing());
    gap.checkout("model:v1", "out").expect(0);
    assert_same_tree(&source, &gap.path("out"));
}

#[test]
fn read_only_files_and_folders_are_looked_at_too() {
    let gap = Gap::new();
    let source = gap.path("source");
    std::fs::create_dir_all(source.join("closed")).unwrap();
    std::fs::write(source.join("closed/secret"), b"cos\nsystem\n(tR.").unwrap();
    set_mode(&source.join("closed/secret"), 0o444);
    set_mode(&source.join("closed"), 0o555);
    gap.lab.set_content(&allowing());
    gap.export(&source, "model:v1", &[]).expect(0);
    gap.import().expect(0);
    gap.checkout("model:v1", "out").refused(4, "closed/secret: pickle, text: bears a pickle");
    assert!(!gap.path("out").exists());
}

#[test]
fn formats_and_sizes_are_held_to_the_tent_at_both_ends() {
    let gap = Gap::new();
    let source = gap.path("source");
    crate::support::write_sample(&source);
    let tensors = |more: &[Format]| {
        let allowed = [Format::Safetensors, Format::Json, Format::Empty].iter().chain(more).copied().collect();
        ContentRules { allowed: Some(allowed), ..ContentRules::default() }
    };
    let not_text = "vocab.txt: text: text is not among the formats that are allowed (safetensors, json, empty)";
    gap.lab.set_content(&tensors(&[]));
    tried(&gap, &source).refused(4, not_text);
    gap.lab.set_content(&tensors(&[Format::Text]));
    gap.export(&source, "model:v1", &[]).expect(0);
    gap.import().expect(0);

    let no = |rules: &ContentRules, text: &str| {
        gap.cluster.set_content(rules);
        gap.checkout("model:v1", "out").refused(4, text);
        assert!(!gap.path("out").exists());
        gap.lab.set_content(rules);
        tried(&gap, &source).refused(4, text);
    };
    no(&tensors(&[]), not_text);
    no(
        &ContentRules { forbidden: vec![Format::Json], ..ContentRules::default() },
        "config.json: json, jsonl, text: json is forbidden",
    );
    let ceiling = ContentRules { file_bytes: Some(150_000), ..ContentRules::default() };
    no(&ceiling, "shards/model.safetensors: 180");
    let ceiling = ContentRules { bundle_bytes: Some(200_000), ..ContentRules::default() };
    no(&ceiling, "bytes in all files of the bundle: they may have 200000");
}

#[test]
fn without_its_tent_nothing_is_checked_out() {
    let gap = Gap::new();
    gap.export_sample();
    gap.import().expect(0);
    gap.cluster.change_policy(|policy| policy.tents.clear());
    let run = gap.checkout("model:v1", "out").refused(4, "the policy has no tent aurora, which model:v1 is of");
    assert!(run.err.contains("hint: ") && !gap.path("out").exists(), "{run:#?}");
    let reason = "checkout of model:v1: the policy has no tent aurora, which model:v1 is of";
    assert_eq!(refused(&gap), reason);
    assert!(gap.cluster.run(["log"]).expect(0).out.contains(reason));
}

#[test]
fn a_lost_volume_is_made_again_under_the_rules_of_today() {
    let gap = Gap::new();
    let source = gap.path("source");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("model.pt"), b"cos\nsystem\n(tR.").unwrap();
    gap.lab.set_content(&allowing());
    let made = gap.export(&source, "model:v1", &[]).expect(0).json();
    let (bundle, path) = (made["bundle"].as_str().unwrap(), made["path"].as_str().unwrap());
    std::fs::remove_dir_all(path).unwrap();
    let again = || {
        let mut command = gap.lab.command(["export", "--again", bundle, "--volume", "1", "--to"]);
        run(command.arg(&gap.stick))
    };
    gap.lab.set_content(&ContentRules::default());
    again().refused(4, "model.pt: pickle, text: bears a pickle, which imports os.system");
    gap.lab.set_content(&allowing());
    again().expect(0);
}
