//! A damaged set is written anew, to the bit, and nothing but that.

use crate::support::kill::at_many_points;
use crate::support::reseal::{read_seal, reseal, reseal_bytes};
use crate::support::tools::skip;
use crate::support::untouched::promptly;
use crate::support::volumes::{Layout, Volumes, export, on};
use crate::support::{Gap, Run, gapvault, run, snapshot};
use gapvault_formats::parity::stripe_sum;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

const ONE: Layout = Layout::new(1, 2, 2);

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at % bytes.len();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

fn new_media(gap: &Gap, count: usize) -> Vec<PathBuf> {
    let media: Vec<_> = (0..count).map(|n| gap.path(&format!("new{n}"))).collect();
    for medium in &media {
        let _ = fs::remove_dir_all(medium);
        fs::create_dir(medium).unwrap();
    }
    media
}

fn repair(gap: &Gap, from: &[PathBuf], to: &[PathBuf]) -> Run {
    let mut command = gap.cluster.command(["repair"]);
    command.args(from);
    for medium in to {
        command.arg("--to").arg(medium);
    }
    run(&mut command)
}

fn damage(volumes: &Volumes) {
    flip(&volumes.pack(0), 9);
    fs::remove_file(volumes.pack(3)).unwrap();
    fs::remove_file(volumes.parity(1)).unwrap();
    flip(&volumes.parity(2), 66_000);
}

#[test]
fn a_damaged_bundle_is_written_anew_to_the_bit() {
    let gap = Gap::new();
    let volumes = export(&gap, 12, ONE);
    let damaged = volumes.copied(&gap, "damaged");
    damage(&damaged);
    flip(&damaged.bundles[0].join("SHA256SUMS.1"), 9);
    let (before, vault) = (snapshot(&damaged.media[0]), gap.cluster.snapshot());
    let new = new_media(&gap, 1);
    let told = repair(&gap, &damaged.media, &new).expect(0);
    for name in ["packs/0000/000000.age", "packs/0000/000003.age", "parity/0000/000001.rs", "SHA256SUMS.1"] {
        assert!(told.out.contains(&format!("mended   {name}")), "{told:#?}");
    }
    assert!(
        told.out.lines().any(|l| l.contains("SHA256SUMS.1 (") && l.ends_with("made anew from the seal")),
        "{told:#?}"
    );
    assert!(snapshot(&new[0]) == snapshot(&volumes.media[0]), "not as it was");
    assert!(snapshot(&damaged.media[0]) == before && gap.cluster.snapshot() == vault);
    // Not over what is there, and not over what it is read from.
    repair(&gap, &damaged.media, &new).refused(2, "exists, and is no repair of this bundle that broke off");
    repair(&gap, &damaged.media, &damaged.media).refused(2, "exists");
    on(&gap, "verify", &[&new[0]]).expect(0);
}

#[test]
fn a_set_is_written_to_one_medium_or_to_as_many() {
    let gap = Gap::new();
    let volumes = export(&gap, 12, Layout::new(3, 1, 8));
    let damaged = volumes.copied(&gap, "damaged");
    // One medium is lost, and another one rots a little.
    flip(&damaged.pack(0), 9);
    let rest = damaged.media[..2].to_vec();
    let new = new_media(&gap, 3);
    let told = repair(&gap, &rest, &new);
    let told = told.expect(0);
    assert!(told.out.contains("mended   SHA256SUMS.3"), "{told:#?}");
    for (new, old) in new.iter().zip(&volumes.media) {
        assert!(snapshot(new) == snapshot(old), "{}", new.display());
    }
    let one = new_media(&gap, 1);
    repair(&gap, &rest, &one).expect(0);
    on(&gap, "verify", &[&one[0]]).expect(0);
    on(&gap, "import", &[&one[0]]).expect(0);
    repair(&gap, &rest, &new_media(&gap, 2)).refused(2, "2 media to write to, the bundle has 3 volumes");
}

#[test]
fn a_repair_that_broke_off_goes_on() {
    let gap = Gap::new();
    let volumes = export(&gap, 12, ONE);
    let damaged = volumes.copied(&gap, "damaged");
    damage(&damaged);
    for n in [2, 4] {
        flip(&damaged.pack(n), 9);
    }
    let new = new_media(&gap, 1);
    let lost = repair(&gap, &damaged.media, &new).refused(3, "the worst stripe lacks");
    assert!(lost.err.contains("packs 0, 2, 4"), "{lost:#?}");
    let folder = new[0].join("gapvault").join(volumes.label());
    assert!(!folder.join("seal.json").exists() && folder.join("packs/0000/000001.age").exists());
    fs::write(folder.join("packs/0000/000001.age"), "rotten").unwrap();
    fs::write(folder.join("packs/0000/000005.age.part"), "torn").unwrap();
    // With a copy of the medium that has what this one lacks.
    repair(&gap, &[damaged.media[0].clone(), volumes.media[0].clone()], &new).expect(0);
    assert!(snapshot(&new[0]) == snapshot(&volumes.media[0]));

    let taken = new_media(&gap, 1);
    fs::create_dir_all(taken[0].join("gapvault").join(volumes.label())).unwrap();
    fs::write(taken[0].join("gapvault").join(volumes.label()).join("notes.txt"), "mine").unwrap();
    repair(&gap, &volumes.media, &taken).refused(2, "exists");
    assert!(
        run(gapvault().args(["repair", "--integrity-only"]).args(&volumes.media).arg("--to").arg(gap.path("none")))
            .code
            == 6
    );
}

#[test]
fn a_killed_repair_leaves_no_bundle_and_goes_on() {
    let gap = Gap::new();
    let volumes = export(&gap, 6, ONE);
    let damaged = volumes.copied(&gap, "damaged");
    flip(&damaged.pack(0), 9);
    fs::remove_file(damaged.parity(1)).unwrap();
    let mut count = 0;
    let repair = |to: &Path| {
        let mut command = gap.cluster.command(["repair"]);
        command.args(&damaged.media).arg("--to").arg(to);
        command
    };
    let new = || {
        count += 1;
        let to = gap.path(&format!("new-{count}"));
        fs::create_dir(&to).unwrap();
        let command = repair(&to);
        (to, command)
    };
    at_many_points(new, |to, point, ended| {
        let sealed = to.join("gapvault").join(volumes.label()).join("seal.json").exists();
        assert!(sealed || !ended, "{point}");
        if sealed {
            assert_eq!(on(&gap, "verify", &[&to]).code, 0, "{point}");
        } else {
            assert_eq!(run(&mut repair(&to)).code, 0, "{point}");
        }
        assert!(snapshot(&to) == snapshot(&volumes.media[0]), "{point}");
        fs::remove_dir_all(to).unwrap();
    });
}

/// A trusted exporter whose parity does not fit the packs: nothing of it gets in, the digests decide.
#[test]
fn parity_that_lies_mends_nothing() {
    let gap = Gap::new();
    let lab = gap.lab.signing_key();
    let volumes = export(&gap, 12, ONE);
    let lied = |prefix: &str, lie: &dyn Fn(&mut Vec<u8>)| {
        let copy = volumes.copied(&gap, prefix);
        for n in 0..4 {
            let mut bytes = fs::read(copy.parity(n)).unwrap();
            lie(&mut bytes);
            fs::write(copy.parity(n), bytes).unwrap();
        }
        reseal(&copy.bundles[0], &lab, |_| {});
        copy
    };
    // The table calls what is altered good.
    flip(&volumes.pack(0), 9);
    let altered = stripe_sum(&fs::read(volumes.pack(0)).unwrap()[..65_536]);
    flip(&volumes.pack(0), 9);
    let tables = lied("tables", &|bytes| {
        let table = bytes.len() - 8 * 8 * 2;
        bytes[table..table + 8].copy_from_slice(&altered);
    });
    let shards = lied("shards", &|bytes| bytes[..65_536].fill(7));
    for copy in [&tables, &shards] {
        // Whole packs need no parity.
        let whole = read_seal(&copy.bundles[0]);
        assert!(whole.predicate().parity.is_some());
        flip(&copy.pack(0), 9);
        let import = on(&gap, "import", &[&copy.media[0]]).expect(3);
        assert!(import.err.contains("packs/0000/000000.age"), "{import:#?}");
        gap.cluster.run(["pending", "--drop", &copy.label()]).expect(0);
    }
    // A size that the group does not give it.
    let text = String::from_utf8(fs::read(volumes.bundles[0].join("seal.json")).unwrap()).unwrap();
    let line = text.lines().find(|line| line.contains("parity/0000/000000.rs")).unwrap();
    let size = line.split("\"size\":").nth(1).unwrap().split('}').next().unwrap();
    let other = line.replace(size, &(size.parse::<u64>().unwrap() + 64).to_string());
    let sized = volumes.copied(&gap, "sized");
    reseal_bytes(&sized.bundles[0], &lab, text.replace(line, &other).as_bytes());
    on(&gap, "import", &[&sized.media[0]]).refused(3, "a parity pack has not the size that its group gives it");
    assert!(!gap.cluster.vault.join("pending").exists());
}

#[test]
fn links_and_fifos_for_parity_are_never_followed() {
    let gap = Gap::new();
    let volumes = export(&gap, 12, ONE);
    let things: [fn(&Path); 3] = [
        |path| mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
        |path| symlink("/dev/zero", path).unwrap(),
        |path| symlink("000001.rs", path).unwrap(),
    ];
    for thing in things {
        let copy = volumes.copied(&gap, "copy");
        let path = copy.parity(0);
        fs::remove_file(&path).unwrap();
        thing(&path);
        let before = gap.cluster.snapshot();
        let verify = promptly(gap.cluster.command(["verify"]).arg(&copy.media[0]));
        verify.refused(3, "parity/0000/000000.rs of bundle");
        flip(&copy.pack(0), 9);
        let import = promptly(gap.cluster.command(["import"]).arg(&copy.media[0]));
        import.refused(3, "is not a regular file: links are never followed");
        assert!(!gap.cluster.vault.join("pending").exists());
        assert_eq!(gap.cluster.snapshot().len(), before.len());
    }
    let copy = volumes.copied(&gap, "copy");
    fs::rename(copy.bundles[0].join("parity"), gap.path("aside")).unwrap();
    symlink(gap.path("aside"), copy.bundles[0].join("parity")).unwrap();
    on(&gap, "import", &[&copy.media[0]]).refused(3, "parity of bundle");
}

#[test]
fn a_medium_that_dies_is_named_and_the_rest_goes_on() {
    let gap = Gap::new();
    if !crate::support::kill::strace_works() {
        return skip("a medium that dies", "strace is not here or may not trace");
    }
    let volumes = export(&gap, 16, Layout::new(2, 0, 0));
    let mut traced = std::process::Command::new("strace");
    traced.args(["-qq", "-f", "-o", "/dev/null"]);
    for n in 9..16 {
        traced.arg("-P").arg(volumes.pack(n));
    }
    traced.args(["-e", "trace=read,pread64", "-e", "inject=read,pread64:error=EIO"]);
    traced.arg(env!("CARGO_BIN_EXE_gapvault")).arg("--vault").arg(&gap.cluster.vault).arg("import");
    let died = run(traced.args(&volumes.media)).refused(6, "died while it was read");
    assert!(died.err.contains(volumes.media[1].to_str().unwrap()), "{died:#?}");
    assert!(gap.cluster.run(["pending"]).expect(0).out.contains("here     9 of "));
    let media: Vec<_> = volumes.media.iter().collect();
    on(&gap, "import", &media).expect(0);
}
