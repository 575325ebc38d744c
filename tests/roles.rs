//! Who may read what: members everything, auditors catalogues, everybody else nothing.

use crate::support::{Gap, Run, Site, run, snapshot};
use std::path::Path;

/// A bundle for the cluster, and a site that is an auditor of its tent.
fn audited() -> (Gap, Site) {
    let gap = Gap::new();
    let audit = Site::new(gap.room.path(), "audit");
    gap.lab.trust(&audit, "auditor");
    audit.trust(&gap.lab, "exporter");
    crate::support::write_sample(&gap.path("sample"));
    gap.export(&gap.path("sample"), "model:v1", &["--pack-size", "64K", "--note", "run=1234"]).expect(0);
    (gap, audit)
}

fn on(site: &Site, command: &str, what: &Path) -> Run {
    run(site.command([command]).arg(what))
}

#[test]
fn an_auditor_sees_everything_that_moved_and_none_of_its_content() {
    let (gap, audit) = audited();
    let shown = on(&audit, "show", &gap.stick).expect(0).out;
    let told = ["model:v1", "shards/model.safetensors", "config.json", "run=1234", "cluster-b", "auditor  audit"];
    for text in told.iter().chain(&["signed by lab", "it may read the catalogue, not the content"]) {
        assert!(shown.contains(text), "no {text:?} in\n{shown}");
    }
    assert!(on(&audit, "list", &gap.stick).expect(0).out.contains("model:v1"));
    on(&audit, "verify", &gap.stick).expect(0);

    let imported = on(&audit, "import", &gap.stick).expect(0);
    assert!(imported.out.contains("the catalogue was imported, not the content"), "{imported:#?}");
    let vault = audit.snapshot();
    assert!(!vault.iter().any(|(path, _)| path.to_str().unwrap().contains("packs")), "an auditor holds packs");
    assert!(on(&audit, "import", &gap.stick).expect(0).out.contains("already"));

    assert!(audit.run(["list"]).expect(0).out.contains("catalogue, sealed"));
    let shown = audit.run(["show", "model:v1"]).expect(0).out;
    assert!(shown.contains("shards/model.safetensors") && shown.contains("it holds the catalogue"), "{shown}");
    let run = run(audit.command(["checkout", "model:v1"]).arg(gap.path("out")));
    let run = run.refused(4, "audit is an auditor of tent aurora: it may read the catalogue of model:v1");
    assert!(run.err.contains("hint: ") && !gap.path("out").exists(), "{run:#?}");
}

#[test]
fn a_member_still_gets_everything_beside_an_auditor() {
    let (gap, _) = audited();
    gap.import().expect(0);
    gap.checkout("model:v1", "out").expect(0);
    crate::support::assert_same_tree(&gap.path("sample"), &gap.path("out"));
}

#[test]
fn a_site_that_it_is_not_for_learns_nothing_and_takes_nothing() {
    let (gap, _) = audited();
    let other = Site::new(gap.room.path(), "cluster-c");
    other.trust(&gap.lab, "exporter");
    for (command, code) in [("show", 0), ("list", 0), ("import", 4)] {
        let run = on(&other, command, &gap.stick).expect(code);
        assert!(!format!("{run:?}").contains("model:v1"), "{run:#?}");
    }
    assert!(snapshot(&other.vault.join("bundles")).is_empty());
}

#[test]
fn the_exporting_vault_shows_what_it_sent_and_keeps_no_content() {
    let (gap, _) = audited();
    let shown = gap.lab.run(["show", "model:v1"]).expect(0).out;
    assert!(shown.contains("exported from tent aurora to cluster-b, audit"), "{shown}");
    assert!(gap.lab.run(["list"]).expect(0).out.contains("exported"));
    let run = run(gap.lab.command(["checkout", "model:v1"]).arg(gap.path("out")));
    run.refused(1, "keeps its catalogue, not its content");
    let before = gap.lab.snapshot();
    let run = on(&gap.lab, "import", &gap.stick).refused(2, "this vault exported bundle");
    assert!(run.err.contains("hint: import it at another site"), "{run:#?}");
    assert!(gap.lab.snapshot() == before);
}

#[test]
fn who_is_trusted_with_nothing_can_do_nothing() {
    let gap = Gap::new();
    let stranger = Site::new(gap.room.path(), "stranger");
    gap.export_sample();
    let export = |site: &Site, tent: &str| {
        let mut command = site.command(["export", "--name", "x:1", "--tent", tent, "--to"]);
        run(command.arg(&gap.stick).arg(gap.path("sample")))
    };
    export(&stranger, "aurora").refused(4, "the policy has no tent aurora");
    // A member is no exporter.
    export(&gap.cluster, "aurora").refused(4, "cluster-b is not an exporter of tent aurora");
    gap.lab.run(["tent", "new", "lonely"]).expect(0);
    export(&gap.lab, "lonely").refused(4, "has no member or auditor at another site");
    on(&stranger, "import", &gap.stick).refused(4, "signed by no key that this policy knows");
    let shown = on(&stranger, "show", &gap.stick).expect(0).out;
    assert!(shown.contains("NOT TRUSTED") && !shown.contains("model:v1"), "{shown}");
}

#[test]
fn what_the_tent_does_not_allow_is_not_exported() {
    let (gap, audit) = audited();
    let far = Site::new(gap.room.path(), "far");
    gap.lab.trust(&far, "member");
    far.trust(&gap.lab, "exporter");
    let sample = gap.path("sample");
    gap.lab.adopt(|policy| {
        policy.tents[0].destinations = Some(vec!["far".parse().unwrap()]);
        policy.tents[0].valid_days = Some(7);
    });
    std::fs::remove_dir_all(&gap.stick).unwrap();
    std::fs::create_dir(&gap.stick).unwrap();
    let long = gap.export(&sample, "model:v2", &["--valid-for", "8d"]);
    let long = long.refused(4, "bundles of tent aurora are valid for at most 7 days");
    assert!(long.err.contains("hint: ") && snapshot(&gap.stick).is_empty(), "{long:#?}");
    // What nobody asked for is as long as the tent allows.
    let made = gap.export(&sample, "model:v2", &[]).expect(0).json();
    assert_eq!(made["destinations"], serde_json::json!(["far", "audit"]), "{made:#}");
    // Destinations bind content alone: auditors read what goes to any of them.
    on(&audit, "import", &gap.stick).expect(0);
    assert!(audit.run(["show", "model:v2"]).expect(0).out.contains("shards/model.safetensors"));
    on(&far, "import", &gap.stick).expect(0);
    gap.import().refused(4, "not for this site (cluster-b)");
}
