//! Where people read who approved a bundle, who signed it, and which seal it is.

use crate::support::approvers::{Approvers, digest};
use crate::support::{gapvault, run};
use std::fs;
use std::path::Path;

const OF: [&str; 3] = ["bob", "carol", "dave"];

#[test]
fn who_signed_what_is_needed_and_who_approved_are_in_what_people_read() {
    let approvers = Approvers::new(2, &OF);
    let gap = &approvers.gap;
    let source = gap.path("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("notes.txt"), "text").unwrap();
    let export = || {
        let mut command = gap.lab.command(["export", "--name", "model:v1", "--tent", "aurora"]);
        run(command.arg(&source).arg("--to").arg(&gap.stick)).expect(0)
    };
    let exported = export();
    for text in ["signed   by lab, key ", "needs    approvals of 2 of bob, carol, dave: `gapvault approve MEDIUM`"] {
        assert!(exported.out.contains(text), "no {text:?} in {exported:#?}");
    }
    let bundle = fs::read_dir(gap.stick.join("gapvault")).unwrap().next().unwrap().unwrap().path();
    let id = digest(&bundle);
    // The digest of a seal that nobody judged is told, too.
    let unjudged = run(gapvault().arg("list").arg(&gap.stick)).expect(0);
    assert!(unjudged.out.contains(&id[..16]), "{unjudged:#?}");
    let by_bob = |name: &str| approvers.approve(&gap.lab, name, &gap.stick, &id).expect(0);
    by_bob("bob");
    approvers.approve(&gap.cluster, "carol", &gap.stick, &id).expect(0);
    for command in ["list", "show"] {
        let on_stick = gap.on_stick(command).expect(0);
        for name in ["bob", "carol", &id[..16]] {
            assert!(on_stick.out.contains(name), "{command}: no {name} in {on_stick:#?}");
        }
    }
    gap.import().expect(0);
    let told = |site: &crate::support::Site, args: &[&str], texts: &[&str]| {
        let told = site.run(args).expect(0);
        texts.iter().for_each(|text| assert!(told.out.contains(text), "{args:?}: no {text:?} in {told:#?}"));
    };
    told(&gap.cluster, &["list"], &["approved by bob, carol", &id[..16]]);
    told(&gap.cluster, &["log"], &["approved by bob, carol"]);
    told(&gap.cluster, &["show", "model:v1"], &["approved by bob\n", "approved by carol\n"]);
    // The lab's log has seen bob alone.
    told(&gap.lab, &["list"], &["approved by bob, bundle"]);
    told(&gap.lab, &["show", "model:v1"], &["approved by bob\n"]);

    // Another bundle with the same name: warned of, and told apart where it matters.
    let second = export();
    assert!(
        second.err.contains("warning: model:v1 of this tent was exported before") && second.err.contains(&id),
        "{second:#?}"
    );
    let several = gap.lab.run(["show", "model:v1"]).refused(2, "is in several bundles");
    assert_eq!(several.err.matches(" by lab)").count(), 2, "{several:#?}");
}

#[test]
fn a_seal_that_another_took_the_place_of_is_not_approved() {
    let approvers = Approvers::new(1, &OF);
    let gap = &approvers.gap;
    let bundle = gap.export_sample();
    let id = digest(&bundle);
    let other = gap.path("other");
    fs::create_dir(&other).unwrap();
    run(gap.lab.command(["export", "--again", &id, "--volume", "1", "--to"]).arg(&other)).expect(0);
    let later = digest(&other.join("gapvault").join(bundle.file_name().unwrap()));
    let took = format!("bundle {later} took its place");
    approvers.approve(&gap.lab, "bob", &gap.stick, &id).refused(4, &took);
    approvers.approve(&gap.lab, "bob", Path::new(&id[..12]), &id).refused(4, &took);
    let explained = run(gap.lab.command(["explain"]).arg(&gap.stick));
    assert!(explained.out.contains(&took), "{explained:#?}");
    approvers.approve(&gap.lab, "bob", &other, &later).expect(0);
}

#[test]
fn whoever_approves_without_a_vault_is_told_through_which() {
    let room = tempfile::tempdir().unwrap();
    run(gapvault().arg("approve").arg(room.path())).refused(2, "no vault is named");
    let hint = run(gapvault().arg("approve").arg(room.path())).err;
    assert!(hint.contains("the vault of a member or auditor site"), "{hint}");
}
