//! A medium that goes away in the middle of an import: named, the rest kept, and the same command goes on.

use crate::support::images::mounting;
use crate::support::volumes::{Layout, Volumes, export};
use crate::support::{Gap, Run, assert_same_tree};

/// Volume 1 stands on an image, in $MEDIUM, volume 2 in a folder. `import_until` starts an import of both and stops it as
/// soon as some packs wait in the vault; `go_on` lets it go on, waits for it, and gives its exit code in $code.
const PLACES: &str = r#"
    MEDIUM=$ROOM/medium
    waiting() { find "$CLUSTER/pending" -name "*.age" -path "*/packs/*" | wc -l; }
    import() { "$GAPVAULT" --vault "$CLUSTER" import "$MEDIUM" "$ROOM/v2"; }
    import_until() {
        import & import=$!
        tries=0
        while test "$(waiting 2>&-)" -lt "$1"; do
            tries=$((tries + 1)); test $tries -lt 30000 || { echo "never began" >&2; exit 1; }
        done
        kill -STOP $import
    }
    go_on() { code=0; kill -CONT $import; wait $import || code=$?; }
"#;

/// Enough packs to be in the middle of them for a while.
const PACKS: usize = 160;

/// Two volumes, and `script` run where the first of them stands on an image of that kind.
fn two_volumes(kind: &str, claim: &str, script: &str) -> Option<(Gap, Volumes, Run)> {
    let gap = Gap::new();
    let volumes = export(&gap, PACKS, Layout::new(2, 0, 0));
    // Unmounted once, so that all of it is in the image, whatever becomes of its driver.
    let prepare = format!(
        r#"image {kind} 64M "$MEDIUM"; cp -r "$ROOM/v1/." "$MEDIUM"; umount "$MEDIUM"; mount_image {kind} "$MEDIUM""#
    );
    let run = mounting(&gap, claim, &format!("{PLACES}\n{prepare}\n{script}"))?;
    Some((gap, volumes, run))
}

#[track_caller]
fn expect_whole(gap: &Gap, volumes: &Volumes) {
    gap.checkout("model:v1", "out").expect(0);
    assert_same_tree(&volumes.source, &gap.path("out"));
    assert!(!gap.cluster.vault.join("pending").exists());
}

/// What `field=` says in a script's output.
#[track_caller]
fn told(run: &Run, field: &str) -> usize {
    let line = run.out.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {field} in {run:#?}")).trim().parse().unwrap()
}

#[test]
fn a_medium_that_dies_in_the_middle_is_named_and_the_same_command_goes_on() {
    let script = r#"
        import_until 12; kill_drivers; go_on; echo "died=$code"
        echo "kept=$(waiting)"; "$GAPVAULT" --vault "$CLUSTER" pending; "$GAPVAULT" --vault "$CLUSTER" list
        code=0; import || code=$?; echo "gone=$code"
        umount -l "$MEDIUM"; mount_image exfat "$MEDIUM"; import"#;
    let Some((gap, volumes, run)) = two_volumes("exfat", "a medium that dies under an import", script) else { return };
    let run = run.expect(0);
    assert_eq!((told(&run, "died"), told(&run, "gone")), (6, 6), "{run:#?}");
    let medium = gap.path("medium");
    let medium = medium.display();
    assert!(run.err.contains(&format!("medium {medium} died while it was read: ")), "{run:#?}");
    assert!(run.err.contains("run the same command: what was copied whole is kept"), "{run:#?}");
    // All of the other volume came, and of this one what had come before.
    let kept = told(&run, "kept");
    assert!((PACKS / 2..PACKS).contains(&kept), "{kept} packs were kept");
    assert!(run.out.contains("missing  volume 1: packs ") && run.out.contains("holds nothing"), "{run:#?}");
    expect_whole(&gap, &volumes);
}

#[test]
fn a_medium_that_is_unmounted_in_the_middle_loses_nothing() {
    // Whoever asks is told that it is in use; whoever insists waits for the import, or ends it.
    let script = r#"
        import_until 12; ! umount "$MEDIUM" 2>&- || { echo "unmounted while it is read" >&2; exit 1; }
        umount -l "$MEDIUM"; go_on; echo "ended=$code"
        echo "kept=$(waiting 2>&-)"; mount_image ext4 "$MEDIUM"; import"#;
    let Some((gap, volumes, run)) = two_volumes("ext4", "a medium that is unmounted", script) else { return };
    let run = run.expect(0);
    match told(&run, "ended") {
        0 => assert!(run.out.contains("is in this vault already"), "{run:#?}"),
        6 => assert!(told(&run, "kept") >= PACKS / 2, "{run:#?}"),
        code => panic!("{code} of {run:#?}"),
    }
    expect_whole(&gap, &volumes);
}

/// As when a stick is pulled: the file system is still mounted, and nothing can be read from its device.
#[test]
fn a_device_that_is_gone_under_its_file_system_is_a_medium_that_died() {
    let script = r#"
        cp "$image" "$ROOM/copy"; import_until 12; truncate -s 0 "$image"; sync; echo 3 >/proc/sys/vm/drop_caches || cannot "drop pages"
        go_on; echo "died=$code"; echo "kept=$(waiting)"
        umount -l "$MEDIUM" || true; image=$ROOM/copy; mount_image ext4 "$MEDIUM"; import"#;
    let Some((gap, volumes, run)) = two_volumes("ext4", "a device that is gone", script) else { return };
    let run = run.expect(0);
    assert_eq!(told(&run, "died"), 6, "{run:#?}");
    assert!(run.err.contains(&format!("medium {} died while it was read: ", gap.path("medium").display())), "{run:#?}");
    assert!(told(&run, "kept") >= PACKS / 2, "{run:#?}");
    expect_whole(&gap, &volumes);
}
