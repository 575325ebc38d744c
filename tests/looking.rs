//! Looking: at a medium with and without a vault, at what a vault holds, and at one of several of the same name.

use crate::support::{Gap, gapvault, run, snapshot, write_sample};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

fn noted() -> (Gap, PathBuf, Value) {
    let gap = Gap::new();
    write_sample(&gap.path("sample"));
    let more = ["--note", "run=1234", "--note", "loss=0.5", "--licence", "Apache-2.0", "--parent", &"ab".repeat(32)];
    let told = gap.export(&gap.path("sample"), "llama/ft:v1", &more).expect(0).json();
    let bundle = PathBuf::from(told["path"].as_str().unwrap());
    (gap, bundle, told)
}

#[test]
fn show_names_files_digests_provenance_signer_bundle_and_rule() {
    let (gap, _, told) = noted();
    gap.import().expect(0);
    let sum = |name: &str| run(std::process::Command::new("sha256sum").arg(gap.path("sample").join(name))).expect(0);
    let digest = sum("shards/model.safetensors").out[..64].to_owned();
    let text = gap.cluster.run(["show", "llama/ft:v1"]).expect(0).out;
    let parent = "ab".repeat(32);
    let bundle = told["bundle"].as_str().unwrap();
    let wanted = [
        "llama/ft:v1  4 files",
        "shards/model.safetensors",
        "config.json",
        "shards/",
        &digest,
        "run=1234",
        "loss=0.5",
        "Apache-2.0",
        &parent,
        "gapvault 0.",
        "signed   by lab (site lab), key ",
        bundle,
        "number 1",
        "admitted by tent aurora: exporters lab (policy epoch 2)",
        "member   cluster-b",
        "644         180",
    ];
    for wanted in wanted {
        assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
    }

    let json = gap.cluster.run(["show", "llama/ft:v1", "--json"]).expect(0).json();
    let entries = json["entries"].as_array().unwrap();
    let paths: Vec<_> = entries.iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["config.json", "empty", "shards", "shards/model.safetensors", "vocab.txt"]);
    assert_eq!((&entries[3]["sha256"], &entries[3]["kind"]), (&digest.into(), &"file".into()));
    assert_eq!(json["provenance"]["notes"][1]["value"], "0.5");
    assert_eq!((&json["custody"]["bundle"], &json["custody"]["exporter"]), (&told["bundle"], &"lab".into()));
    assert_eq!(json["custody"]["rule"], "tent aurora: exporters lab");
}

#[test]
fn without_a_vault_a_medium_tells_what_is_public_and_no_more() {
    let (gap, bundle, told) = noted();
    let label = bundle.file_name().unwrap().to_str().unwrap();
    let look = |args: &[&str]| run(gapvault().args(args).arg(&gap.stick)).expect(0);
    for (args, wanted) in [
        (&["list"][..], &[label][..]),
        (
            &["show"],
            &[
                label,
                told["bundle"].as_str().unwrap(),
                "signed   seal@gapvault by key",
                "NOT TRUSTED: trust was not judged",
            ],
        ),
        (&["verify", "--integrity-only"], &["is whole", "signed   seal@gapvault by key", "TRUST WAS NOT JUDGED"]),
    ] {
        for json in [&[][..], &["--json"]] {
            let run = look(&[args, json].concat());
            for secret in ["llama", "aurora", "cluster-b", "\"lab\"", "by lab", "shards", "1234"] {
                assert!(!run.out.contains(secret), "{args:?} gives {secret:?} away: {run:#?}");
            }
            if json.is_empty() {
                wanted.iter().for_each(|text| assert!(run.out.contains(text), "no {text:?} in {run:#?}"));
            }
        }
    }
    let told = look(&["verify", "--integrity-only", "--json"]).json();
    assert_eq!(told["bundles"][0]["trust_judged"], false);
    assert_eq!(told["bundles"][0]["signers"][0]["namespace"], "seal@gapvault");
    assert!(told["bundles"][0]["trust"].is_null());
}

#[test]
fn with_a_vault_a_medium_tells_everything_before_it_is_imported_and_nothing_changes() {
    let (gap, _, _) = noted();
    let before = (gap.cluster.snapshot(), snapshot(&gap.stick));
    for command in ["list", "show"] {
        assert!(gap.on_stick(command).expect(0).out.contains("llama/ft:v1"));
    }
    let verified = gap.on_stick("verify").expect(0).out;
    assert!(verified.contains("signed   by lab, exporter of tent aurora"), "{verified}");
    assert!(before == (gap.cluster.snapshot(), snapshot(&gap.stick)));
    gap.import().expect(0);
    assert!(gap.on_stick("list").expect(0).out.contains("(in this vault)"));
    assert!(gap.on_stick("show").expect(0).out.contains("this vault holds it already"));
}

#[test]
fn integrity_only_asks_no_policy_even_where_there_is_one() {
    let (gap, bundle, _) = noted();
    let stranger = crate::support::Site::new(gap.room.path(), "stranger");
    run(stranger.command(["verify"]).arg(&gap.stick)).refused(4, "signed by no key that this policy knows");
    let whole = run(stranger.command(["verify", "--integrity-only"]).arg(&gap.stick)).expect(0);
    assert!(whole.out.contains("TRUST WAS NOT JUDGED"), "{whole:#?}");
    let index = bundle.join("index.age");
    let mut bytes = fs::read(&index).unwrap();
    bytes[1000] ^= 1;
    fs::write(&index, bytes).unwrap();
    run(gapvault().args(["verify", "--integrity-only"]).arg(&gap.stick)).refused(3, "index.age");
}

#[test]
fn of_two_artifacts_of_one_name_the_bundle_says_which() {
    let gap = Gap::new();
    let bundles = ["one", "two"].map(|content| {
        fs::write(gap.path("file"), content).unwrap();
        let told = gap.export(&gap.path("file"), "model:v1", &[]).expect(0).json();
        (content, told["bundle"].as_str().unwrap().to_owned())
    });
    gap.import().expect(0);
    for command in [&["show", "model:v1"][..], &["checkout", "model:v1", gap.path("any").to_str().unwrap()]] {
        let run = gap.cluster.run(command).refused(2, "model:v1 is in several bundles");
        assert!(bundles.iter().all(|(_, bundle)| run.err.contains(bundle)) && run.err.contains("--bundle"), "{run:#?}");
    }
    for (content, bundle) in &bundles {
        assert!(gap.cluster.run(["show", "model:v1", "--bundle", bundle]).expect(0).out.contains(bundle));
        let to = gap.path(content);
        run(gap.cluster.command(["checkout", "model:v1", "--bundle", bundle]).arg(&to)).expect(0);
        assert_eq!(fs::read_to_string(to.join("file")).unwrap(), *content);
    }
    let other = "ef".repeat(32);
    let unknown = gap.cluster.run(["show", "model:v1", "--bundle", &other]);
    unknown.refused(1, &format!("this vault holds no bundle {other}"));
    gap.cluster.run(["show", "model:v2"]).refused(1, "this vault holds no artifact model:v2");
    gap.cluster.run(["show", "model:v1", "--bundle", ""]).refused(2, "several bundles of this vault begin with");
    gap.cluster.run(["show", "model:v1", "--bundle", &bundles[0].1[..16]]).expect(0);
}

#[test]
fn a_bundles_own_folder_can_be_named_and_a_label_picks_one() {
    let (gap, bundle, _) = noted();
    gap.export(&gap.path("sample"), "other:v1", &[]).expect(0);
    let label = bundle.file_name().unwrap().to_str().unwrap();
    let shown = run(gap.cluster.command(["show"]).arg(&bundle)).expect(0).out;
    assert!(shown.contains("llama/ft:v1") && !shown.contains("other:v1"), "{shown}");
    let imported = run(gap.cluster.command(["import", "--label", label]).arg(&gap.stick)).expect(0).out;
    assert!(imported.contains("llama/ft:v1") && !imported.contains("other:v1"), "{imported}");
    run(gap.cluster.command(["import", "--label", "20000101-0"]).arg(&gap.stick))
        .refused(2, "has no bundle 20000101-0");
}

#[test]
fn a_damaged_bundle_hides_no_other_from_who_looks() {
    let (gap, first, _) = noted();
    gap.export(&gap.path("sample"), "other:v1", &[]).expect(0);
    fs::write(first.join("seal.json"), b"{}").unwrap();
    for command in ["list", "show"] {
        let run = gap.on_stick(command).refused(3, "does not fit seal.json");
        assert!(run.out.contains("other:v1"), "{run:#?}");
    }
    let label = first.file_name().unwrap().to_str().unwrap();
    let run = gap.cluster.run(["show", gap.stick.to_str().unwrap(), "--label", label]).expect(3);
    assert!(!run.out.contains("other:v1"), "{run:#?}");
}

#[test]
fn what_is_not_mounted_is_the_mediums_failure() {
    let gap = Gap::new();
    // `show` also takes artifacts, so what is no folder is none to it.
    for command in ["list", "verify", "import"] {
        run(gap.cluster.command([command]).arg(gap.path("unmounted"))).refused(6, "is not a folder");
    }
}

#[test]
fn a_seal_in_a_medium_s_top_folder_hides_nothing() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    fs::copy(bundle.join("seal.json"), gap.stick.join("seal.json")).unwrap();
    gap.on_stick("verify").expect(0);
    gap.import().expect(0);
}
