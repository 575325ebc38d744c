//! Where people read who approved a bundle, who signed it, and which seal it is.

use crate::support::approvers::{Approvers, digest};
use crate::support::{gapvault, run};
use std::fs;
use std::path::Path;

const OF: [&str; 3] = ["bob", "carol", "dave"];

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
