//! Killed anywhere on its way into force, a policy is in force or it is not, and the vault works on.

use crate::support::kill::{at_many_points, copy_tree, leftovers};
use crate::support::policy::{Roots, with_epoch};
use crate::support::{Site, gapvault, run};
use std::fs;

#[test]
fn a_policy_is_in_force_or_it_is_not() {
    let roots = Roots::together();
    roots.lab.run(["tent", "new", "aurora"]).expect(0);
    roots.bob_signs().expect(0);
    let carried = roots.path("carried.toml");
    fs::copy(roots.lab.working_copy(), &carried).unwrap();
    roots.lab.sign_by_hand(&carried, gapvault_formats::sshsig::Namespace::Policy);
    roots.bob.sign_by_hand(&carried, gapvault_formats::sshsig::Namespace::Policy);
    // From outside, while something else stands in the working copy.
    roots.lab.edit(|text| text + "# a note\n");
    let note = fs::read(roots.lab.working_copy()).unwrap();
    let mut count = 0;
    let new = || {
        count += 1;
        let vault = roots.path(&format!("lab-{count}"));
        copy_tree(&roots.lab.vault, &vault);
        let mut command = gapvault();
        command.arg("--vault").arg(&vault).args(["policy", "apply"]).arg(&carried);
        (vault, command)
    };
    at_many_points(new, |vault, point, ended| {
        let lab = Site { vault };
        let epoch = lab.epoch();
        assert!(epoch == 2 || epoch == 3, "epoch {epoch} at {point}");
        assert!(!ended || epoch == 3, "{point}");
        // Half-way between log and working copy, who only looks is told of no rollback.
        let checked = lab.run(["policy", "check"]);
        assert!(!checked.err.contains("does not follow"), "{checked:#?} at {point}");
        // What somebody wrote is not lost, in whichever place.
        let places = [lab.working_copy(), lab.vault.join("policy.replaced.toml")];
        assert!(places.iter().any(|path| fs::read(path).is_ok_and(|text| text == note)), "the note is lost at {point}");
        run(lab.command(["policy", "apply"]).arg(&carried)).expect(0);
        assert_eq!(lab.epoch(), 3, "{point}");
        // Nothing half-made is in the way of the next.
        let told = lab.run(["tent", "new", "borealis", "--json"]);
        assert!(told.code == 0, "{told:#?} at {point}");
        assert!(leftovers(&lab.vault).is_empty(), "{:?} at {point}", leftovers(&lab.vault));
        fs::remove_dir_all(&lab.vault).unwrap();
    });
}

#[test]
fn a_change_of_one_person_is_in_force_or_it_is_not() {
    let roots = Roots::apart();
    let mut count = 0;
    let new = || {
        count += 1;
        let vault = roots.path(&format!("lab-{count}"));
        copy_tree(&roots.lab.vault, &vault);
        let mut command = gapvault();
        command.arg("--vault").arg(&vault).args(["tent", "new", "aurora"]);
        (vault, command)
    };
    at_many_points(new, |vault, point, ended| {
        let lab = Site { vault };
        let epoch = lab.epoch();
        assert!(epoch == 1 || epoch == 2, "epoch {epoch} at {point}");
        assert!(!ended || epoch == 2, "{point}");
        lab.run(["tent", "set", "aurora", "--valid-days", "30"]).expect(if epoch == 2 { 0 } else { 2 });
        if epoch == 1 {
            lab.run(["tent", "new", "aurora"]).expect(0);
        }
        let in_force = fs::read(lab.vault.join(format!("policy/{:06}.toml", lab.epoch()))).unwrap();
        assert_eq!(fs::read(lab.working_copy()).unwrap(), in_force, "{point}");
        // The tent's key comes after the policy; if it is only half there, the first export makes it.
        let left: Vec<_> = leftovers(&lab.vault).into_iter().filter(|path| !path.starts_with("secrets")).collect();
        assert!(lab.beside_working_copy().is_empty() && left.is_empty(), "{left:?} at {point}");
        fs::remove_dir_all(&lab.vault).unwrap();
    });
}

#[test]
fn a_working_copy_that_was_not_renewed_proposes_nothing() {
    let roots = Roots::apart();
    let Roots { lab, .. } = &roots;
    let earlier = fs::read(lab.working_copy()).unwrap();
    lab.run(["tent", "new", "aurora"]).expect(0);
    // As a command leaves it that is killed after the log's entry.
    fs::write(lab.working_copy(), &earlier).unwrap();
    for command in ["check", "diff"] {
        lab.run(["policy", command]).expect(0);
    }
    lab.run(["policy", "sign", "--yes"]).refused(2, "this is the policy in force");
    assert!(lab.run(["policy", "apply"]).expect(0).out.contains("epoch 2 is in force already"));
}

#[test]
fn what_cannot_be_kept_stops_a_policy_before_it_is_in_force() {
    let roots = Roots::apart();
    let Roots { lab, .. } = &roots;
    let carried = roots.path("carried.toml");
    let text = fs::read_to_string(lab.working_copy()).unwrap();
    fs::write(&carried, with_epoch(&text, 2)).unwrap();
    lab.sign_by_hand(&carried, gapvault_formats::sshsig::Namespace::Policy);
    lab.edit(|text| text + "# a note\n");
    let kept = lab.vault.join("policy.replaced.toml");
    fs::create_dir(&kept).unwrap();
    fs::write(kept.join("in the way"), "").unwrap();
    let failed = run(lab.command(["policy", "apply"]).arg(&carried));
    assert!(failed.code != 0 && failed.err.contains("policy.replaced.toml"), "{failed:#?}");
    assert_eq!(lab.epoch(), 1);
    fs::remove_dir_all(&kept).unwrap();
    run(lab.command(["policy", "apply"]).arg(&carried)).expect(0);
    assert_eq!((lab.epoch(), fs::read_to_string(kept).unwrap()), (2, text + "# a note\n"));
}
