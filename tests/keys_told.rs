//! Recipients as people read them: those of 2,000 characters are shortened, and in full where a program reads or where
//! they are carried on.

use crate::support::{Gap, gapvault, run};
use std::fs;

#[test]
fn long_recipients_are_shortened_for_people_alone() {
    let gap = Gap::new();
    let new = |name: &str| {
        let made = run(gapvault().args(["recovery", "new", "--post-quantum", "--out"]).arg(gap.path(name))).expect(0);
        made.out.trim().to_owned()
    };
    let (first, second) = (new("first"), new("second"));
    assert!(first.len() > 1000 && first.starts_with("age1pq1"), "what is named to a vault is whole");
    let passphrase = gap.path("passphrase");
    fs::write(&passphrase, "correct horse\n").unwrap();
    let passphrase = passphrase.to_str().unwrap();
    for args in [
        &["recovery", "set", &first][..],
        &["recovery", "set", &second, "--yes"],
        &["keys"],
        &["log"],
        &["keys", "protect", "--new-passphrase-file", passphrase],
    ] {
        let told = gap.cluster.run(args).expect(0);
        let longest = told.out.lines().chain(told.err.lines()).map(str::len).max().unwrap();
        assert!(longest < 300 && told.out.contains("age1pq1"), "{args:?}: {told:#?}");
    }
    let told = gap.cluster.run(["keys", "--json"]).expect(0).json();
    assert_eq!(told["recovery"][0], second.as_str());
    assert!(told["recipients"][1].as_str().unwrap().len() > 1000, "{told:#}");
    let own = told["recipients"][1].as_str().unwrap();
    let refused = gap.cluster.run(["recovery", "set", own, "--yes"]).refused(2, "is this vault's own recipient");
    assert!(refused.err.lines().all(|line| line.len() < 300), "{refused:#?}");
}
