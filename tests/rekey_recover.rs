//! Recovering: not while the vault's identities are there; and what it set aside goes with `--forget-old`.

use crate::rekey_identity::{export, recovery, rekey};
use crate::support::{Gap, Run, assert_same_tree, run};
use gapvault_formats::agefile::Suite;
use std::fs;
use std::path::{Path, PathBuf};

fn recover(gap: &Gap, files: &[PathBuf]) -> Run {
    let mut command = gap.cluster.command(["rekey", "--json", "--identity"]);
    for file in files {
        command.arg("--recover").arg(file);
    }
    run(&mut command)
}

/// Files of identities that a recovery set aside.
fn aside(gap: &Gap) -> Vec<PathBuf> {
    let all = crate::support::walk(&gap.cluster.vault.join("secrets"));
    let is_aside = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().contains(".key.");
    all.into_iter().filter(is_aside).collect()
}

#[test]
fn a_vault_that_has_its_identities_is_not_recovered() {
    let gap = Gap::new();
    let files = Suite::ALL.map(|suite| recovery(&gap, &gap.cluster, suite));
    let source = export(&gap, "model:v1", &[]);
    gap.import().expect(0);
    let before = gap.cluster.snapshot();
    let refused = recover(&gap, &files).refused(2, "the vault's identities are here");
    assert!(refused.err.contains("leave out --recover"), "{refused:#?}");
    assert!(gap.cluster.snapshot() == before, "something was changed");

    // Once one of them is damaged or lost, or can't be opened without asking, it goes on.
    let age = gap.cluster.vault.join("secrets/age.key");
    fs::write(&age, "nothing\n").unwrap();
    recover(&gap, &files).expect(0);
    fs::remove_file(&age).unwrap();
    recover(&gap, &files).expect(0);
    protect(&gap, "correct horse");
    recover(&gap, &files).expect(0);
    gap.checkout("model:v1", "out").expect(0);
    assert_same_tree(&source, &gap.path("out"));
}

#[test]
fn a_recovery_goes_on_with_the_recovery_identity_of_the_other_suite() {
    let gap = Gap::new();
    let [classic, later] = Suite::ALL.map(|suite| recovery(&gap, &gap.cluster, suite));
    let sources = [export(&gap, "model:v1", &[]), export(&gap, "model:v2", &["--post-quantum"])];
    gap.import().expect(0);
    for name in ["age.key", "age-pq.key"] {
        fs::remove_file(gap.cluster.vault.join("secrets").join(name)).unwrap();
    }
    let first = recover(&gap, std::slice::from_ref(&classic)).expect(4);
    assert!(first.err.contains("bundles underway to the old card can't be opened any more"), "{first:#?}");
    // The new identities are there; one bundle still needs the other file. What is underway to them stays readable.
    let second = recover(&gap, std::slice::from_ref(&later)).expect(0);
    assert!(!second.err.contains("underway"), "{second:#?}");
    assert_eq!(gap.cluster.run(["keys", "--json"]).expect(0).json()["older"], 2);
    for (name, source) in ["model:v1", "model:v2"].iter().zip(&sources) {
        let to = name.replace(':', " ");
        gap.checkout(name, &to).expect(0);
        assert_same_tree(source, &gap.path(&to));
    }
    recover(&gap, &[classic, later]).refused(2, "the vault's identities are here");
}

fn protect(gap: &Gap, passphrase: &str) {
    let file = gap.path("passphrase");
    fs::write(&file, passphrase).unwrap();
    run(gap.cluster.command(["keys", "protect", "--new-passphrase-file"]).arg(&file)).expect(0);
}

#[test]
fn what_a_recovery_set_aside_is_forgotten_too() {
    let gap = Gap::new();
    let files = Suite::ALL.map(|suite| recovery(&gap, &gap.cluster, suite));
    let source = export(&gap, "model:v1", &[]);
    gap.import().expect(0);
    let forget = || rekey(&gap.cluster, &["--forget-old"]).expect(0).json();
    // The one is lost; the other, still good, is set aside.
    fs::remove_file(gap.cluster.vault.join("secrets/age.key")).unwrap();
    recover(&gap, &files).expect(0);
    assert_eq!(aside(&gap).len(), 1);
    let strange = gap.cluster.vault.join("secrets/age.key.bak");
    fs::write(&strange, "somebody's own\n").unwrap();
    let forgotten = forget();
    assert_eq!(forgotten["forgotten"], 1, "{forgotten:#}");
    assert_eq!(forgotten["set_aside"][0]["identities"], 1, "{forgotten:#}");
    assert_eq!(aside(&gap), std::slice::from_ref(&strange), "what no recovery set aside is nobody's business");
    fs::remove_file(strange).unwrap();
    assert_eq!(forget()["forgotten"], 0);

    protect(&gap, "correct horse");
    recover(&gap, &files).expect(0);
    assert_eq!(aside(&gap).len(), 2);
    let kept = gap.cluster.run(["keys"]).expect(0).out;
    assert!(kept.contains("2 files"), "{kept}");
    // What can't be looked into is said, and goes.
    let told = gap.cluster.run(["rekey", "--forget-old"]).expect(0).out;
    assert_eq!(told.matches("protected, so nobody looked into it").count(), 2, "{told}");
    assert_eq!(aside(&gap), [] as [PathBuf; 0]);
    gap.checkout("model:v1", "out").expect(0);
    assert_same_tree(&source, &gap.path("out"));
}

#[test]
fn what_was_set_aside_stays_while_a_bundle_may_need_it() {
    let gap = Gap::new();
    let files = [recovery(&gap, &gap.cluster, Suite::X25519)];
    export(&gap, "model:v1", &["--post-quantum"]);
    gap.import().expect(0);
    protect(&gap, "correct horse");
    // There is no recovery identity of its suite: it is as it was, and may open again when the passphrase is found.
    recover(&gap, &files).expect(4);
    assert_eq!(aside(&gap).len(), 2);
    rekey(&gap.cluster, &["--forget-old"]).expect(4);
    assert_eq!(aside(&gap).len(), 2);
    assert!(aside(&gap).iter().all(|path| Path::new(path).is_file()));
}
