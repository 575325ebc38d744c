//! Killed anywhere on its way into force, a policy is in force or it is not, and the vault works on.

use crate::support::kill::{at_many_points, copy_tree, leftovers};
use crate::support::policy::Roots;
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
