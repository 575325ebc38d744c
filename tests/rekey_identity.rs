//! A vault's identities renewed, lost and recovered: what it holds can be opened all the time.

use crate::support::kill::{Threads, at_system_calls, copy_tree, leftovers, strace_works};
use crate::support::{Gap, Run, Site, assert_same_tree, gapvault, run};
use gapvault_formats::agefile::{Header, Suite};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

/// Exports a folder of one file as `name`; gives the folder.
pub(crate) fn export(gap: &Gap, name: &str, more: &[&str]) -> PathBuf {
    let source = gap.path(&name.replace(':', "-"));
    fs::create_dir_all(&source).unwrap();
    fs::write(source.join("config.json"), format!("{{\"name\": \"{name}\"}}")).unwrap();
    gap.export(&source, name, more).expect(0);
    source
}

/// Expects that the cluster gives back what `source` was exported as.
#[track_caller]
fn assert_checks_out(gap: &Gap, name: &str, source: &Path) {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let to = format!("out {}", COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    gap.checkout(name, &to).expect(0);
    assert_same_tree(source, &gap.path(&to));
}

pub(crate) fn rekey(site: &Site, args: &[&str]) -> Run {
    run(site.command(["rekey", "--json"]).args(args))
}

/// Makes a recovery identity and names it to a vault; gives its file.
pub(crate) fn recovery(gap: &Gap, site: &Site, suite: Suite) -> PathBuf {
    let out = gap.path(&format!("recovery-{suite}"));
    let mut command = gapvault();
    command.args(["recovery", "new", "--out"]).arg(&out);
    if suite == Suite::PostQuantum {
        command.arg("--post-quantum");
    }
    let recipient = run(&mut command).expect(0).out;
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    site.run(["recovery", "set", recipient.trim()]).expect(0);
    out
}

/// Everything that looks at what the vault knows without opening anything.
fn what_needs_no_identity_works(gap: &Gap) {
    let before = gap.cluster.snapshot();
    let alone: [&[&str]; 9] = [
        &["log"],
        &["policy", "show"],
        &["policy", "check"],
        &["card"],
        &["tent", "list"],
        &["list"],
        &["pending"],
        &["explain"],
        &["keys"],
    ];
    for command in alone {
        gap.cluster.run(command).expect(0);
    }
    for command in ["verify", "explain"] {
        run(gap.cluster.command([command]).arg(&gap.stick)).expect(0);
    }
    assert!(gap.cluster.snapshot() == before);
}

fn lose_identities(site: &Site) {
    for name in ["age.key", "age-pq.key"] {
        fs::remove_file(site.vault.join("secrets").join(name)).unwrap();
    }
}

/// Every secret and every wrap is its owner's alone.
fn assert_modes(site: &Site) {
    for folder in ["secrets", "wraps"] {
        for path in crate::support::walk(&site.vault.join(folder)) {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", path.display());
        }
    }
}

#[test]
fn a_renewed_identity_opens_what_came_before_and_what_was_underway() {
    let gap = Gap::new();
    let first = export(&gap, "model:v1", &[]);
    gap.import().expect(0);
    let before = gap.cluster.run(["card"]).expect(0);
    let second = export(&gap, "model:v2", &[]);

    let renewed = rekey(&gap.cluster, &["--identity"]).expect(0).json();
    let card = gap.cluster.run(["card"]).expect(0);
    assert_ne!(card.out, before.out);
    assert!(card.err.contains(renewed["card_fingerprint"].as_str().unwrap()), "{card:#?}");
    assert_eq!(gap.cluster.run(["keys", "--json"]).expect(0).json()["older"], 2);
    // Sealed to the old card, and still underway.
    gap.import().expect(0);
    assert_checks_out(&gap, "model:v1", &first);
    assert_checks_out(&gap, "model:v2", &second);

    assert_eq!(rekey(&gap.cluster, &["--forget-old"]).expect(0).json()["forgotten"], 2);
    assert_eq!(gap.cluster.run(["keys", "--json"]).expect(0).json()["older"], 0);
    assert_checks_out(&gap, "model:v1", &first);
    assert_checks_out(&gap, "model:v2", &second);
    assert!(gap.cluster.run(["show", "model:v1"]).expect(0).out.contains("config.json"));
    assert_eq!(rekey(&gap.cluster, &["--forget-old"]).expect(0).json()["forgotten"], 0);

    export(&gap, "model:v3", &[]);
    gap.import().refused(4, "neither keys.age nor catalogue.age is sealed to this vault's key");
    // Once the lab has the new card, its bundles are for that.
    let path = gap.path("new.card");
    fs::write(&path, &card.out).unwrap();
    let fingerprint = renewed["card_fingerprint"].as_str().unwrap();
    run(gap.lab.command(["trust"]).arg(&path).args(["--renew", "--fingerprint", fingerprint])).expect(0);
    fs::remove_dir_all(gap.stick.join("gapvault")).unwrap();
    let third = export(&gap, "model:v4", &[]);
    gap.import().expect(0);
    assert_checks_out(&gap, "model:v4", &third);
    assert_modes(&gap.cluster);
}

#[test]
fn what_a_vault_made_itself_opens_after_its_identity_was_renewed() {
    let gap = Gap::new();
    export(&gap, "model:v1", &[]);
    let renewed = gap.lab.run(["rekey", "--identity"]).expect(0);
    assert!(renewed.out.contains("`gapvault trust CARD --renew`"), "{renewed:#?}");
    // Its own entry in its own policy is renewed with it.
    assert_eq!(rekey(&gap.lab, &["--forget-old"]).expect(0).json()["forgotten"], 2);
    assert!(gap.lab.run(["show", "model:v1"]).expect(0).out.contains("config.json"));
    export(&gap, "model:v2", &[]);
    assert!(gap.lab.run(["show", "model:v2"]).expect(0).out.contains("config.json"));
    gap.import().expect(0);
    gap.checkout("model:v2", "out").expect(0);
}

#[test]
fn a_lost_identity_is_made_up_for_by_the_recovery_identity() {
    let gap = Gap::new();
    let files = Suite::ALL.map(|suite| recovery(&gap, &gap.cluster, suite));
    let classic = export(&gap, "model:v1", &[]);
    let hybrid = export(&gap, "model:v2", &["--post-quantum"]);
    gap.import().expect(0);
    lose_identities(&gap.cluster);
    what_needs_no_identity_works(&gap);
    for needing in [&["show", "model:v1"][..], &["rekey", "--identity"], &["rekey", "--forget-old"]] {
        let refused = gap.cluster.run(needing).refused(3, "age.key is missing from the vault");
        assert!(refused.err.contains("`gapvault rekey --identity --recover FILE`"), "{refused:#?}");
    }
    run(gap.cluster.command(["checkout", "model:v2"]).arg(gap.path("none"))).refused(3, "age-pq.key is missing");

    let stranger = gap.path("stranger.key");
    run(gapvault().args(["recovery", "new", "--out"]).arg(&stranger)).expect(0);
    let with = |files: &[&PathBuf]| {
        let mut command = gap.cluster.command(["rekey", "--json", "--identity"]);
        for file in files {
            command.arg("--recover").arg(file);
        }
        run(&mut command)
    };
    with(&[&stranger]).refused(4, "holds no identity of this vault's recovery recipient age1");
    let recovered = with(&[&files[0], &files[1]]).expect(0);
    assert!(recovered.err.contains("bundles underway to the old card can't be opened any more"), "{recovered:#?}");
    assert_checks_out(&gap, "model:v1", &classic);
    assert_checks_out(&gap, "model:v2", &hybrid);
    assert_modes(&gap.cluster);
    // It still opens with the recovery identity, were it lost again.
    lose_identities(&gap.cluster);
    with(&[&files[0], &files[1]]).expect(0);
    assert_checks_out(&gap, "model:v1", &classic);
}

#[test]
fn without_a_recovery_identity_nobody_is_let_in() {
    let gap = Gap::new();
    export(&gap, "model:v1", &[]);
    gap.import().expect(0);
    let file = gap.path("recovery.key");
    run(gapvault().args(["recovery", "new", "--out"]).arg(&file)).expect(0);
    lose_identities(&gap.cluster);
    let before = gap.cluster.snapshot();
    let recover = run(gap.cluster.command(["rekey", "--identity", "--recover"]).arg(&file));
    assert!(recover.refused(4, "this vault has no recovery recipient").err.contains("\nhint: "));
    let shown = gap.cluster.run(["show", "model:v1"]).refused(3, "age.key is missing from the vault");
    assert!(shown.err.contains("no recovery recipient was set") && !shown.err.contains("--recover"), "{shown:#?}");
    assert!(gap.cluster.snapshot() == before);
}

#[test]
fn a_bundle_is_wrapped_for_recipients_of_its_own_suite_alone() {
    let gap = Gap::new();
    recovery(&gap, &gap.cluster, Suite::X25519);
    let mut expected = Vec::new();
    for (name, suite, more) in
        [("model:v1", Suite::X25519, &[][..]), ("model:v2", Suite::PostQuantum, &["--post-quantum"])]
    {
        export(&gap, name, more);
        // The vault itself and, where there is one of the suite, the recovery identity.
        expected.push((suite, if suite == Suite::X25519 { 2 } else { 1 }));
    }
    gap.import().expect(0);
    let mut found = Vec::new();
    for entry in fs::read_dir(gap.cluster.vault.join("wraps")).unwrap() {
        let header = Header::read(File::open(entry.unwrap().path().join("keys.age")).unwrap()).unwrap();
        found.push((header.suite, header.recipients));
    }
    found.sort_by_key(|(suite, _)| *suite as u8);
    assert_eq!(found, expected);
    let told = rekey(&gap.cluster, &["--wraps"]).expect(0).json();
    let told: Vec<_> = told["bundles"].as_array().unwrap().iter().map(|bundle| bundle["recovery"].clone()).collect();
    assert!(told.contains(&true.into()) && told.contains(&false.into()), "{told:?}");
    let human = gap.cluster.run(["rekey", "--wraps"]).expect(0).out;
    assert!(human.contains("can't be recovered: no recovery recipient of its suite"), "{human}");
}

/// Killed anywhere, the one card or the other counts and everything opens; run again, all is renewed.
#[test]
fn a_killed_rekey_leaves_everything_readable() {
    if !strace_works() {
        return;
    }
    let gap = Gap::new();
    let source = export(&gap, "model:v1", &[]);
    gap.import().expect(0);
    let rooms = gap.path("rooms");
    fs::create_dir(&rooms).unwrap();
    let mut count = 0;
    let mut cards = std::collections::BTreeSet::new();
    let old = gap.cluster.run(["card"]).expect(0).out;
    let new = || {
        count += 1;
        let vault = rooms.join(count.to_string());
        copy_tree(&gap.cluster.vault, &vault);
        let command = Site { vault: vault.clone() }.command(["rekey", "--identity"]);
        (Site { vault }, command)
    };
    at_system_calls("KILL", Threads::Main, new, |cluster, point, status| {
        assert!(status.success() || status.signal() == Some(9), "{status} at {point}");
        let out = cluster.vault.with_extension("out");
        run(cluster.command(["checkout", "model:v1"]).arg(&out)).expect(0);
        assert_same_tree(&source, &out);
        cards.insert(cluster.run(["card"]).expect(0).out == old);

        rekey(&cluster, &["--wraps"]).expect(0);
        rekey(&cluster, &["--forget-old"]).expect(0);
        fs::remove_dir_all(&out).unwrap();
        run(cluster.command(["checkout", "model:v1"]).arg(&out)).expect(0);
        assert!(leftovers(&cluster.vault).is_empty(), "{:?} at {point}", leftovers(&cluster.vault));
        assert!(!cluster.vault.join("card.next.toml").exists(), "{point}");
        let wraps: Vec<_> =
            fs::read_dir(cluster.vault.join("wraps")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(wraps.len(), 1, "{wraps:?} at {point}");
        for path in [&cluster.vault, &out] {
            fs::remove_dir_all(path).unwrap();
        }
    });
    assert_eq!(cards.len(), 2, "killed before the new card counted, and after");
}
