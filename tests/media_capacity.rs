//! Media that are not what they say, and what proves that one is.

use crate::support::images::mounting;
use crate::support::{Gap, Run, gapvault, noise, run};
use serde_json::Value;

/// Runs `media --probe-capacity` on a new image in `script`, where it is `$PROBE`.
fn capacity(claim: &str, script: &str) -> Option<Run> {
    let gap = Gap::new();
    let script = format!(
        r#"PROBE="$GAPVAULT media --quick --json --probe-capacity $STICK"; code=0
        {script} || code=$?
        ls -A "$STICK" | grep -v "^lost+found$" | sed "s/^/LEFT: /" >&2; exit $code"#
    );
    mounting(&gap, claim, &script)
}

fn told(run: &Run) -> Value {
    run.json()["media"][0].clone()
}

#[test]
fn an_honest_medium_is_proven_to_its_last_block() {
    for (kind, size, least) in
        [("ext4", "48M", 36 << 20), ("xfs", "320M", 200 << 20), ("btrfs", "128M", 40 << 20), ("exfat", "48M", 44 << 20)]
    {
        let script = format!(r#"image {kind} {size} "$STICK"; $PROBE"#);
        let Some(run) = capacity(&format!("the capacity of {kind}"), &script) else { continue };
        assert!(!run.err.contains("LEFT: "), "{run:#?}");
        let told = told(&run.expect(0));
        let capacity = &told["capacity"];
        assert_eq!((&capacity["honest"], &capacity["read_back"]), (&true.into(), &"proven".into()), "{kind}: {told}");
        assert_eq!((&capacity["written"], &capacity["first_bad"]), (&capacity["intact"], &Value::Null), "{told}");
        let (written, free) = (capacity["written"].as_u64().unwrap(), told["free"].as_u64().unwrap());
        assert!((least..=free).contains(&written), "{kind}: {told}");
    }
}

#[test]
fn a_medium_in_memory_is_honest_and_proves_nothing() {
    let script = r#"mount -t tmpfs -o size=8m tmpfs "$STICK" || exit 99; $PROBE"#;
    let Some(run) = capacity("a capacity in memory", script) else { return };
    let told = told(&run.expect(0));
    assert_eq!((&told["capacity"]["honest"], &told["capacity"]["read_back"]), (&true.into(), &"unproven".into()));
}

#[test]
fn a_medium_that_drops_what_it_is_given_is_caught() {
    // The second block of 4 MiB is never written, and the medium says that it was. Before it a block is tried alone.
    let script = r#"image ext4 48M "$STICK"; needed strace
        strace -qq -o /dev/null true || cannot "strace may not trace"
        strace -f -qq -o /dev/null -e trace=pwrite64 -e inject=pwrite64:retval=4194304:when=3 $PROBE"#;
    let Some(run) = capacity("a medium that drops what it is given", script) else { return };
    let run = run.refused(6, "does not keep what it is given");
    assert!(!run.err.contains("LEFT: "), "{run:#?}");
    assert!(run.err.contains("hint: it is worn out, or smaller than it says: use another"), "{run:#?}");
    let told = told(&run);
    let capacity = &told["capacity"];
    let lost = capacity["written"].as_u64().unwrap() - capacity["intact"].as_u64().unwrap();
    assert_eq!((lost, &capacity["honest"]), (4 << 20, &false.into()), "{told}");
    // One byte in 256 is right by chance.
    assert!((4 << 20..(4 << 20) + 9).contains(&capacity["first_bad"]["at"].as_u64().unwrap()), "{told}");
}

#[test]
fn a_medium_smaller_than_it_says_is_caught() {
    // Its device ends where the memory behind it does, long before what the file system was made for.
    for kind in ["ext4", "exfat"] {
        let script = format!(
            r#"mount -t tmpfs -o size=24m tmpfs "$ROOM/lab" || exit 99; room=$ROOM; ROOM=$ROOM/lab
            image {kind} 64M "$STICK"; $PROBE"#
        );
        let Some(run) = capacity(&format!("a small device under {kind}"), &script) else { continue };
        // Whether the first write beyond fails or is lost depends on the driver.
        let run = run.refused(6, "hint: it is worn out, or smaller than it says");
        let capacity = &told(&run)["capacity"];
        assert_eq!(capacity["honest"], false, "{kind}: {capacity}");
        assert!(capacity["intact"].as_u64() <= Some(24 << 20), "{kind}: {capacity}");
    }
}

#[test]
fn a_probe_that_is_stopped_removes_what_it_wrote_and_one_that_is_killed_has_the_next_do_it() {
    let begin = r#"
        image xfs 320M "$STICK"
        begin() {
            $PROBE >"$ROOM/out" 2>&1 & pid=$!
            until ls "$STICK"/.gapvault-probe-*/000000 >/dev/null 2>&1; do kill -0 $pid; done
        }
        begin"#;
    let stopped = format!("{begin}; kill -TERM $pid; wait $pid || code=$?; cat \"$ROOM/out\"; (exit $code)");
    let Some(run) = capacity("a probe that is stopped", &stopped) else { return };
    assert!(run.err.is_empty() && run.out.contains("interrupted: the capacity is not known"), "{run:#?}");
    run.expect(1);

    let left = "find \"$STICK\" -name 000000 | sed 's/^/FOUND: /' >&2";
    let killed = format!("{begin}; kill -KILL $pid; wait $pid || true; {left}; $PROBE");
    let Some(run) = capacity("a probe that is killed", &killed) else { return };
    assert!(run.err.contains("FOUND: ") && !run.err.contains("LEFT: "), "{run:#?}");
    assert_eq!(told(&run.expect(0))["capacity"]["honest"], true);
}

#[test]
fn reading_back_through_a_driver_is_proven_by_what_its_device_reads() {
    let gap = Gap::new();
    std::fs::write(gap.path("noise"), noise(1, 4 << 20)).unwrap();
    let export = |hidden: &str| {
        format!(
            r#"image exfat 64M "$STICK"; {hidden}
            "$GAPVAULT" --vault "$LAB" export "$ROOM/noise" --name m:1 --tent aurora --to "$STICK" --pack-size 64K --json"#
        )
    };
    let Some(run) = mounting(&gap, "reading back through FUSE", &export("")) else { return };
    assert_eq!(run.expect(0).json()["read_back"], "proven");
    // Where the device can't be seen, what came back may have come from memory.
    let Some(run) = mounting(&gap, "reading back through FUSE", &export(r#"mount --bind /dev/zero "$loop""#)) else {
        return;
    };
    assert_eq!(run.expect(0).json()["read_back"], "unproven");
}

/// A folder whose medium is not mounted is on the disk of this machine, which must not be filled.
#[test]
fn what_is_not_mounted_is_not_filled() {
    let gap = Gap::new();
    let refused = run(gapvault().args(["media", "--quick", "--probe-capacity"]).arg(&gap.stick));
    let refused = refused.refused(2, "nothing is mounted at ");
    assert!(refused.err.contains("hint: mount the medium first, or insist with --not-mounted"), "{refused:#?}");
    assert!(crate::support::snapshot(&gap.stick).is_empty());
}
