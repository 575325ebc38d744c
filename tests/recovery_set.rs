//! The recovery recipient named, replaced and taken away: by the owner alone, and not unawares.

use crate::rekey_identity::{export, recovery};
use crate::support::{Gap, gapvault, run};
use gapvault_formats::agefile::Suite;
use std::fs;

fn recipient(gap: &Gap, name: &str) -> String {
    let out = gap.path(name);
    run(gapvault().args(["recovery", "new", "--out"]).arg(out)).expect(0).out.trim().to_owned()
}

#[test]
fn a_recovery_recipient_is_not_replaced_unawares() {
    let gap = Gap::new();
    let (first, second) = (recipient(&gap, "first"), recipient(&gap, "second"));
    gap.cluster.run(["recovery", "set", &first]).expect(0);
    let before = gap.cluster.snapshot();
    for other in [second.as_str(), "none"] {
        let refused = gap.cluster.run(["recovery", "set", other]).refused(2, "there is no terminal to ask on");
        assert!(refused.err.contains(&first) && refused.err.contains("--yes"), "{refused:#?}");
    }
    assert!(gap.cluster.snapshot() == before);
    // The same again takes nothing away.
    gap.cluster.run(["recovery", "set", &first]).expect(0);
    let told = gap.cluster.run(["recovery", "set", &second, "--yes", "--json"]).expect(0).json();
    assert_eq!((&told["replaced"][0], &told["recovery"][0]), (&first.as_str().into(), &second.as_str().into()));
    gap.cluster.run(["recovery", "set", "none", "--yes"]).expect(0);
}

#[test]
fn only_who_opens_the_identities_names_a_recovery_recipient() {
    let gap = Gap::new();
    let (passphrase, new) = (gap.path("passphrase"), recipient(&gap, "new"));
    fs::write(&passphrase, "correct horse\n").unwrap();
    run(gap.cluster.command(["keys", "protect", "--new-passphrase-file"]).arg(&passphrase)).expect(0);
    let before = gap.cluster.snapshot();
    gap.cluster.run(["recovery", "set", &new]).refused(2, "is protected by a passphrase");
    assert!(gap.cluster.snapshot() == before);
    run(gap.cluster.command(["recovery", "set", &new, "--passphrase-file"]).arg(&passphrase)).expect(0);
}

#[test]
fn a_recovery_recipient_of_one_suite_is_told_to_be_none_of_the_other() {
    let gap = Gap::new();
    let text = "bundles of the suite age-pq can't be recovered";
    let set = |on: &str| gap.cluster.run(["tent", "set", "aurora", "--post-quantum", on]).expect(0);
    assert!(!set("true").err.contains(text), "nobody asked for recovery at all");
    recovery(&gap, &gap.cluster, Suite::X25519);
    set("false");
    assert!(set("true").err.contains(text));
    export(&gap, "model:v1", &["--post-quantum"]);
    assert!(gap.import().expect(0).out.contains(text));
    recovery(&gap, &gap.cluster, Suite::PostQuantum);
    set("false");
    assert!(!set("true").err.contains(text));
}

#[test]
fn what_is_held_to_content_rules_later_is_said_before() {
    let gap = Gap::new();
    export(&gap, "model:v1", &[]);
    gap.cluster.run(["tent", "set", "aurora", "--forbid-format", "json"]).expect(0);
    let text = "  content  is held to the rules of tent aurora at checkout: any format; never json; no pickles";
    for command in ["verify", "explain", "import"] {
        let told = run(gap.cluster.command([command]).arg(&gap.stick)).expect(0);
        assert!(told.out.contains(text), "{command}: {told:#?}");
    }
    gap.checkout("model:v1", "out").refused(4, "the content rules of tent aurora refuse config.json");
}
