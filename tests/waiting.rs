//! What waits in a vault while other things happen: other bundles, other policies, other hands in its folder.

use crate::support::kill::{copy_tree, signal, start_until};
use crate::support::reseal::reseal_bytes;
use crate::support::volumes::{Layout, Volumes, export, export_as, on};
use crate::support::{Gap, Site, assert_same_tree, gapvault, run, snapshot};
use gapvault_formats::ids::BundleId;
use gapvault_formats::seal::Seal;
use gapvault_formats::time::Time;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

const TWO: Layout = Layout::new(2, 0, 0);

fn waiting(gap: &Gap, volumes: &Volumes) -> PathBuf {
    gap.cluster.vault.join("pending").join(volumes.id().to_string())
}

fn pending(gap: &Gap) -> String {
    gap.cluster.run(["pending"]).expect(0).out
}

#[track_caller]
fn expect_out(gap: &Gap, name: &str, volumes: &Volumes) {
    let out = gap.path("out");
    let _ = fs::remove_dir_all(&out);
    gap.checkout(name, "out").expect(0);
    assert_same_tree(&volumes.source, &out);
}

#[test]
fn two_bundles_wait_at_once_and_end_in_either_order() {
    let gap = Gap::new();
    let one = export(&gap, 6, TWO);
    let other = export_as(&gap, "w", "other:v1", 5, TWO);
    let before = gap.path("before");
    copy_tree(&gap.cluster.vault, &before);
    for order in [[&one, &other], [&other, &one]] {
        fs::remove_dir_all(&gap.cluster.vault).unwrap();
        copy_tree(&before, &gap.cluster.vault);
        let all = on(&gap, "import", &[&one.media[0], &other.media[1]]).expect(5);
        assert!(all.out.contains(&one.label()) && all.out.contains(&other.label()), "{all:#?}");
        assert_eq!(pending(&gap).matches("bundle ").count(), 2);
        let [first, last] = order;
        let rest = |v: &Volumes| if v.id() == one.id() { v.media[1].clone() } else { v.media[0].clone() };
        on(&gap, "import", &[&rest(first)]).expect(0);
        assert!(pending(&gap).contains(&last.label()) && !pending(&gap).contains(&first.label()));
        on(&gap, "import", &[&rest(last)]).expect(0);
        assert!(pending(&gap).contains("nothing waits"));
        expect_out(&gap, "model:v1", &one);
        expect_out(&gap, "other:v1", &other);
    }
}

#[test]
fn a_program_reads_what_an_import_waits_for() {
    let gap = Gap::new();
    let volumes = export(&gap, 9, Layout::new(3, 0, 0));
    let json =
        |media: &[PathBuf]| run(gap.cluster.command(["import", "--json"]).args(media)).json()["bundles"][0].clone();
    let told = json(&volumes.media[1..2]);
    assert_eq!(told["error"]["kind"], "incomplete", "{told:#}");
    assert_eq!(told["missing_packs"], serde_json::json!([[0, 3], [6, 9]]), "{told:#}");
    assert_eq!(told["missing_volumes"], serde_json::json!(["1", "3"]), "{told:#}");
    assert_eq!((&told["packs"], &told["damaged_packs"]), (&9.into(), &serde_json::json!([])), "{told:#}");
    let waits = gap.cluster.run(["pending", "--json"]).expect(0).json()["imports"][0].clone();
    for field in ["packs", "missing_packs", "missing_volumes", "label"] {
        assert_eq!(waits[field], told[field], "{field}");
    }
    fs::write(volumes.pack(0), "rotten").unwrap();
    let told = json(&volumes.media);
    assert_eq!((&told["error"]["kind"], &told["damaged_packs"]), (&"damaged".into(), &serde_json::json!([[0, 1]])));
}

#[test]
fn that_media_may_help_each_other_is_said_where_they_may() {
    let gap = Gap::new();
    // Parity over all media, and on one medium alone.
    let help = "if one is lost, put in as many of the others together";
    let across = export(&gap, 8, Layout::new(4, 2, 2));
    let told = on(&gap, "import", &[&across.media[0]]).expect(5);
    assert!(told.err.contains(help) && told.err.contains("(volumes 2 to 4)"), "{told:#?}");
    on(&gap, "import", &[&across.media[0], &across.media[2], &across.media[3]]).expect(0);
    expect_out(&gap, "model:v1", &across);
    let none = export_as(&gap, "w", "other:v1", 6, TWO);
    let told = on(&gap, "import", &[&none.media[0]]).expect(5);
    assert!(!told.err.contains(help) && told.err.contains("`gapvault pending` lists what waits"), "{told:#?}");
}

#[test]
fn an_exporter_who_lost_trust_is_refused_and_what_waits_is_kept() {
    let gap = Gap::new();
    let volumes = export(&gap, 6, TWO);
    on(&gap, "import", &[&volumes.media[0]]).expect(5);
    let held = snapshot(&waiting(&gap, &volumes));
    gap.cluster.run(["untrust", "lab", "--tent", "aurora", "--role", "exporter"]).expect(0);
    on(&gap, "import", &[&volumes.media[1]]).expect(4);
    assert!(snapshot(&waiting(&gap, &volumes)) == held);
    gap.cluster.trust(&gap.lab, "exporter");

    on(&gap, "import", &[&volumes.media[1]]).expect(0);
    expect_out(&gap, "model:v1", &volumes);
}

#[test]
fn what_expires_while_it_waits_is_refused_and_kept_until_somebody_drops_it() {
    let gap = Gap::new();
    let volumes = export(&gap, 6, TWO);
    // Its exporter seals it once more, to expire soon.
    let until = {
        let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        Time::from_unix(seconds as i64 + 4).unwrap()
    };
    let mut predicate = volumes.seal.predicate().clone();
    predicate.expires = until;
    let seal = Seal::new(volumes.seal.subjects().to_vec(), predicate).unwrap().to_bytes().unwrap();
    for bundle in &volumes.bundles {
        reseal_bytes(bundle, &gap.lab.signing_key(), &seal);
    }
    on(&gap, "import", &[&volumes.media[0]]).expect(5);
    std::thread::sleep(std::time::Duration::from_secs(5));
    let waits = gap.cluster.vault.join("pending").join(BundleId::of(&seal).to_string());
    let held = snapshot(&waits);
    on(&gap, "import", &[&volumes.media[1]]).refused(4, "expire");
    assert!(snapshot(&waits) == held && pending(&gap).contains("REFUSED"));
    gap.cluster.run(["pending", "--drop", &volumes.label()]).expect(0);
    assert!(pending(&gap).contains("nothing waits"));
}

/// A second seal under the same label, signed by an exporter who is trusted, but of another bundle.
#[test]
fn another_bundle_under_the_label_of_one_that_waits_does_it_no_harm() {
    let gap = Gap::new();
    let volumes = export(&gap, 6, TWO);
    on(&gap, "import", &[&volumes.media[0]]).expect(5);
    let held = snapshot(&waiting(&gap, &volumes));
    let hostile = volumes.copied(&gap, "h");
    let mut predicate = volumes.seal.predicate().clone();
    predicate.number += 1;
    predicate.created = predicate.created.plus(1).unwrap();
    for supersedes in [None, Some(volumes.id()), Some(BundleId::of(b"another"))] {
        predicate.supersedes = supersedes;
        let seal = Seal::new(volumes.seal.subjects().to_vec(), predicate.clone()).unwrap().to_bytes().unwrap();
        for bundle in &hostile.bundles {
            reseal_bytes(bundle, &gap.lab.signing_key(), &seal);
        }
        let media: Vec<_> = hostile.media.iter().collect();
        // It is a bundle of its own, whatever its label: it is brought in, and what waits goes on waiting.
        on(&gap, "import", &media).expect(0);
        assert!(snapshot(&waiting(&gap, &volumes)) == held, "{supersedes:?}");
    }
    on(&gap, "import", &[&volumes.media[1]]).expect(0);
    let listed = gap.cluster.run(["list", "--json"]).expect(0).json();
    assert_eq!(listed["bundles"].as_array().map(Vec::len), Some(2));
}

/// Who can write to a vault's folder must not make an import write or remove anything outside of it, or hang.
#[test]
fn a_link_or_fifo_where_an_import_waits_leads_nowhere() {
    let gap = Gap::new();
    let volumes = export(&gap, 6, TWO);
    let outside = gap.path("outside");
    fs::create_dir_all(outside.join("deep")).unwrap();
    fs::write(outside.join("deep/precious"), "mine").unwrap();
    let before = snapshot(&outside);
    fs::create_dir_all(gap.cluster.vault.join("pending")).unwrap();
    symlink(&outside, waiting(&gap, &volumes)).unwrap();
    on(&gap, "import", &[&volumes.media[0]]).expect(5);
    assert!(snapshot(&outside) == before && !waiting(&gap, &volumes).is_symlink());

    let seal = waiting(&gap, &volumes).join("seal.json");
    fs::remove_file(&seal).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&seal).status();
    assert!(made.is_ok_and(|status| status.success()));
    on(&gap, "import", &[&volumes.media[0], &volumes.media[1]]).expect(0);
    expect_out(&gap, "model:v1", &volumes);
}

#[test]
fn what_others_did_in_its_folder_is_noticed_and_done_again() {
    let gap = Gap::new();
    let volumes = export(&gap, 6, TWO);
    let import = |n: usize| on(&gap, "import", &[&volumes.media[n]]);
    import(0).expect(5);
    let folder = waiting(&gap, &volumes);
    let outside = gap.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("precious"), "mine").unwrap();
    let pack = |n: u64| folder.join(format!("packs/0000/{n:06}.age"));
    let tamper: [(&str, &dyn Fn()); 7] = [
        ("altered", &|| fs::write(pack(0), vec![7; fs::metadata(pack(0)).unwrap().len() as usize]).unwrap()),
        ("a link for a pack", &|| {
            fs::remove_file(pack(1)).unwrap();
            symlink(volumes.pack(1), pack(1)).unwrap();
        }),
        ("a folder for a pack", &|| {
            fs::remove_file(pack(1)).unwrap();
            fs::create_dir(pack(1)).unwrap();
            fs::write(pack(1).join("deep"), "x").unwrap();
        }),
        ("more files", &|| {
            fs::write(folder.join("extra"), "x").unwrap();
            fs::write(folder.join("packs/000000.age"), "x").unwrap();
            symlink(outside.join("precious"), folder.join("precious")).unwrap();
        }),
        ("a link for a folder", &|| {
            fs::rename(folder.join("packs/0000"), outside.join("0000")).unwrap();
            symlink(outside.join("0000"), folder.join("packs/0000")).unwrap();
        }),
        ("another catalogue", &|| fs::write(folder.join("catalogue.age"), "x").unwrap()),
        ("a file for a folder", &|| {
            fs::remove_dir_all(folder.join("packs")).unwrap();
            fs::write(folder.join("packs"), "x").unwrap();
        }),
    ];
    for (what, tamper) in tamper {
        tamper();
        import(0).refused(5, "3 of 6 packs are in the vault");
        for n in 0..3 {
            assert!(fs::symlink_metadata(pack(n)).unwrap().is_file(), "{what}: {n}");
            assert!(fs::read(pack(n)).unwrap() == fs::read(volumes.pack(n)).unwrap(), "{what}: {n}");
        }
        let _ = fs::remove_dir_all(outside.join("0000"));
        assert_eq!(fs::read(outside.join("precious")).unwrap(), b"mine", "{what}");
    }
    import(1).expect(0);
    expect_out(&gap, "model:v1", &volumes);
    let held = gap.cluster.vault.join("bundles").join(volumes.id().to_string());
    assert!(!held.join("extra").exists() && !held.join("precious").is_symlink());
}

/// Another seal in the folder of what waits, or none, is no seal of it.
#[test]
fn a_seal_that_waits_is_believed_for_nothing() {
    let gap = Gap::new();
    let volumes = export(&gap, 6, Layout { swapped: true, ..TWO });
    on(&gap, "import", &[&volumes.media[1]]).expect(5);
    let seal = waiting(&gap, &volumes).join("seal.json");
    let kept = fs::read(&seal).unwrap();
    let other = export_as(&gap, "w", "other:v1", 3, TWO);
    for bytes in [b"{}".to_vec(), fs::read(other.bundles[0].join("seal.json")).unwrap(), Vec::new()] {
        fs::write(&seal, bytes).unwrap();
        assert!(pending(&gap).contains("without a seal"));
        // Without its seal, the volume that has none is no volume of anything.
        on(&gap, "import", &[&volumes.media[0]]).refused(5, "nothing was copied");
    }
    fs::write(&seal, &kept).unwrap();
    // Nor is one whose signature is not there.
    for entry in fs::read_dir(waiting(&gap, &volumes)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "sig") {
            fs::remove_file(path).unwrap();
        }
    }
    let unsigned = on(&gap, "import", &[&volumes.media[0]]);
    assert!([3, 4].contains(&unsigned.code), "{unsigned:#?}");
    // The medium with the seal makes it whole again.
    on(&gap, "import", &[&volumes.media[1]]).expect(5);
    on(&gap, "import", &[&volumes.media[0]]).expect(0);
    expect_out(&gap, "model:v1", &volumes);
}

#[test]
fn files_that_change_between_two_readings_are_noticed() {
    let gap = Gap::new();
    let volumes = export(&gap, 160, TWO);
    let mut import = gap.cluster.command(["import"]);
    import.arg(&volumes.media[0]);
    let packs = waiting(&gap, &volumes).join("packs/0000");
    let child = start_until(&mut import, || fs::read_dir(&packs).is_ok_and(|packs| packs.count() > 3));
    signal(&child, "STOP");
    // One that was read, the seal, and the last one, which was not.
    let kept: Vec<_> = [0, 79].map(|n| (volumes.pack(n), fs::read(volumes.pack(n)).unwrap())).into();
    let seal = volumes.bundles[0].join("seal.json");
    let sealed = fs::read(&seal).unwrap();
    for (path, _) in &kept {
        fs::write(path, "another").unwrap();
    }
    fs::write(&seal, "{}").unwrap();
    signal(&child, "CONT");
    let code = child.wait_with_output().unwrap().status.code();
    assert_eq!(code, Some(3));
    for (path, bytes) in &kept {
        fs::write(path, bytes).unwrap();
    }
    fs::write(&seal, sealed).unwrap();
    on(&gap, "import", &[&volumes.media[0], &volumes.media[1]]).expect(0);
    expect_out(&gap, "model:v1", &volumes);
}

#[test]
fn of_two_imports_at_once_one_is_told_to_wait() {
    let gap = Gap::new();
    let one = export(&gap, 160, TWO);
    let other = export_as(&gap, "w", "other:v1", 6, TWO);
    let mut import = gap.cluster.command(["import"]);
    import.args(&one.media);
    let packs = waiting(&gap, &one).join("packs/0000");
    let child = start_until(&mut import, || fs::read_dir(&packs).is_ok_and(|packs| packs.count() > 3));
    signal(&child, "STOP");
    let second = run(gap.cluster.command(["import"]).args(&other.media));
    let same = run(gap.cluster.command(["import"]).args(&one.media));
    signal(&child, "CONT");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    second.refused(1, "is in use by another command");
    same.refused(1, "is in use by another command");
    run(gap.cluster.command(["import"]).args(&other.media)).expect(0);
    expect_out(&gap, "model:v1", &one);
    expect_out(&gap, "other:v1", &other);
}

/// Names of volumes are told, not reckoned with.
#[test]
fn volumes_of_odd_names_are_told_as_they_are() {
    let gap = Gap::new();
    let volumes = export(&gap, 3, Layout { swapped: true, ..TWO });
    let folder = &volumes.bundles[0];
    for name in ["99999999", "00000001", "zzzzzzzz", "999999999999999999999", "-1", "2"] {
        fs::write(folder.join(format!("SHA256SUMS.{name}")), "").unwrap();
    }
    let told = on(&gap, "import", &[&volumes.media[0]]).expect(5);
    assert!(told.err.contains("these are volumes 1, 2, 99999999, 00000001, zzzzzzzz"), "{told:#?}");
    let site = Site { vault: gap.cluster.vault.clone() };
    assert!(site.run(["pending"]).expect(0).out.contains("nothing waits"));
    run(gapvault().args(["verify", "--integrity-only"]).args(&volumes.media)).refused(3, "not named by its seal");
}
