//! Exports to media as they are: real file systems of every kind and size, full, read-only, pulled, swapped.

use crate::support::images::mounting;
use crate::support::{Gap, Run, noise};

/// What the scripts have in common: an export of `$ROOM/source`, how it must end, and how to stop in its middle.
const SHELL: &str = r#"
    said() {
        cat "$ROOM/said" >&2
        test "$code" = "$1" || { echo "FAILED: exit $code instead of $1" >&2; exit 1; }
        grep -qF -- "$2" "$ROOM/said" || { echo "FAILED: it is not said: $2" >&2; exit 1; }
    }
    # try CODE TEXT COMMAND…
    try() { code=0 wanted=$1 text=$2; shift 2; "$@" >"$ROOM/said" 2>&1 || code=$?; said "$wanted" "$text"; }
    export_to() {
        "$GAPVAULT" --vault "$LAB" export "$ROOM/source" --name m:1 --tent aurora --pack-size 64K --json "$@"
    }
    # begin PACKS MEDIUM ARGUMENTS…: an export that is stopped once so many packs are on that medium.
    begin() {
        least=$1 where=$2; shift 2
        "$GAPVAULT" --vault "$LAB" export "$ROOM/source" --name m:1 --tent aurora --pack-size 64K --json "$@" \
            >"$ROOM/said" 2>&1 & running=$!
        until test "$(find "$where" -name '*.age' | grep -c packs)" -ge "$least"; do
            kill -0 $running || { cat "$ROOM/said" >&2; exit 1; }
        done
        kill -STOP $running
    }
    # end CODE TEXT: that export goes on to its end.
    end() { code=0; kill -CONT $running; wait $running || code=$?; said "$1" "$2"; }
    number() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$ROOM/said"; }
    packs() { (cd "$1" && find . -path '*/packs/*' -name '*.age' -exec sha256sum {} + | sort); }
    # How many packs of the list $1 are still the same in $2.
    same() { packs "$2" >"$ROOM/now"; comm -12 "$1" "$ROOM/now" | wc -l; }
    import() { "$GAPVAULT" --vault "$CLUSTER" import "$@" >&2; }
    arrived() {
        "$GAPVAULT" --vault "$CLUSTER" checkout m:1 "$ROOM/out" >&2
        diff -r "$ROOM/source" "$ROOM/out" >&2
    }
    empty() { test -z "$(find "$@" -mindepth 1 ! -name lost+found)" || { find "$@" >&2; exit 1; }; }
"#;

/// Runs a script on a source of `mebibytes` of noise.
fn on_sticks(claim: &str, mebibytes: usize, script: &str) -> Option<Run> {
    let gap = Gap::new();
    let source = gap.path("source");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("noise"), noise(7, mebibytes << 20)).unwrap();
    std::fs::write(source.join("text"), "the same again\n".repeat(50_000)).unwrap();
    Some(mounting(&gap, claim, &format!("{SHELL}\n{script}"))?.expect(0))
}

#[test]
fn media_of_mixed_kinds_and_sizes_take_what_they_have_room_for() {
    for more in ["", "--parity 10%"] {
        let script = format!(
            r#"image ext4 16M "$ROOM/a"; image exfat 8M "$ROOM/b"; image btrfs 128M "$ROOM/c"; image xfs 300M "$ROOM/d"
            try 0 '"read_back":"proven"' export_to {more} --to "$ROOM/a" --to "$ROOM/b" --to "$ROOM/c" --to "$ROOM/d"
            for medium in a b c d; do
                ls "$ROOM/$medium"/gapvault/*/seal.json "$ROOM/$medium"/gapvault/*/index.age >&2
                test "$(packs "$ROOM/$medium" | wc -l)" -gt 0
            done
            import "$ROOM/d" "$ROOM/b" "$ROOM/a" "$ROOM/c"; arrived"#
        );
        on_sticks("media of mixed kinds", 30, &script);
    }
}

#[test]
fn media_that_are_too_small_are_refused_and_one_more_goes_on() {
    let script = r#"image ext4 16M "$ROOM/a"; image exfat 16M "$ROOM/b"; image ext4 48M "$ROOM/c"
        try 6 "has room for" export_to --to "$ROOM/a"; empty "$ROOM/a"
        try 6 "the media have room for" export_to --to "$ROOM/a" --to "$ROOM/b"; empty "$ROOM/a" "$ROOM/b"
        try 6 "the media are full" export_to --overcommit --to "$ROOM/a" --to "$ROOM/b"
        grep -qF "with one more --to goes on" "$ROOM/said"
        packs "$ROOM/a" >"$ROOM/on_a"; packs "$ROOM/b" >"$ROOM/on_b"
        try 0 '"volumes"' export_to --to "$ROOM/a" --to "$ROOM/b" --to "$ROOM/c"
        kept=$(number packs_kept); test "$kept" -gt 200
        test "$(($(same "$ROOM/on_a" "$ROOM/a") + $(same "$ROOM/on_b" "$ROOM/b")))" = "$kept"
        import "$ROOM/a" "$ROOM/b" "$ROOM/c"; arrived"#;
    on_sticks("media that are too small", 40, script);
}

#[test]
fn a_medium_that_the_plan_says_is_just_large_enough_is() {
    // $1: a file of so many blocks of 64 KiB; what is left is what the export has.
    let fill = r#"
        fill() { rm -f "$STICK/fill"; dd if=/dev/zero of="$STICK/fill" bs=64K count="$1" status=none; sync -f "$STICK"; }
        fits() { fill "$1"; export_to $more --dry-run --to "$STICK" >/dev/null 2>&1; }
    "#;
    for (kind, size, more) in
        [("ext4", "32M", ""), ("ext4", "32M", "--parity 5%"), ("exfat", "32M", ""), ("xfs", "300M", "")]
    {
        let script = format!(
            r#"{fill} more="{more}"; image {kind} {size} "$STICK"
            low=0 high=$(($(df --output=avail "$STICK" | tail -1) / 64))
            while test $((low + 1)) -lt $high; do
                middle=$(((low + high) / 2)); if fits $middle; then low=$middle; else high=$middle; fi
            done
            fill $low; try 0 '"packs"' export_to $more --to "$STICK"
            import "$STICK"; arrived
            # So it is for one that broke off.
            rm -rf "$STICK/gapvault"; begin 20 "$STICK" $more --to "$STICK"; kill -KILL $running; wait $running || true
            try 0 '"packs"' export_to $more --to "$STICK"; test "$(number packs_kept)" -ge 19
            # With ever less room it is full, and goes on when there is some again.
            for less in 2 6 20 60; do
                rm -rf "$STICK/gapvault"; fill $((low + less)); code=0
                export_to $more --restart --overcommit --to "$STICK" >"$ROOM/said" 2>&1 || code=$?
                case $code in 0) ;; 6) rm "$STICK/fill"; try 0 '"packs"' export_to $more --overcommit --to "$STICK" ;;
                *) said 0 ;; esac
                "$GAPVAULT" --vault "$CLUSTER" verify "$STICK" >&2
            done"#
        );
        on_sticks(&format!("an {kind} that is just large enough"), 6, &script);
    }
}

#[test]
fn a_limit_of_file_sizes_is_seen_before_anything_is_written() {
    // In blocks of 512 bytes: less than a pack; less than a parity pack; more than any.
    let script = r#"image ext4 48M "$STICK"
        limited() { (ulimit -f "$1"; shift; trap "$1" XFSZ; shift; export_to --to "$STICK" "$@"); }
        for signal in - ''; do
            try 6 "holds files of at most 50 KiB" limited 100 "$signal"; empty "$STICK"
            try 6 "a pack has up to" limited 136 "$signal" --parity 5%; empty "$STICK"
        done
        try 0 '"packs"' limited 4000 - --parity 5%
        import "$STICK"; arrived"#;
    on_sticks("a limit of file sizes", 4, script);
}

#[test]
fn a_read_only_medium_is_named_and_the_export_goes_on_when_it_is_not() {
    let script = r#"image ext4 64M "$STICK"; image ext4 64M "$ROOM/other"
        mount -o remount,ro "$STICK"
        try 6 "$STICK" export_to --to "$ROOM/other" --to "$STICK"; empty "$ROOM/other"
        mount -o remount,rw "$STICK"
        begin 20 "$STICK" --to "$STICK"
        # Not while a file is being written.
        until mount -o remount,ro "$STICK" 2>/dev/null; do
            kill -CONT $running; sleep 0.002; kill -STOP $running
        done
        end 6 "$STICK"
        grep -qF "Read-only file system" "$ROOM/said"; grep -qF "packs are kept" "$ROOM/said"
        mount -o remount,rw "$STICK"; packs "$STICK" >"$ROOM/before"
        try 0 '"packs"' export_to --to "$STICK"
        test "$(number packs_kept)" -ge 20; test "$(same "$ROOM/before" "$STICK")" = "$(number packs_kept)"
        import "$STICK"; arrived"#;
    on_sticks("a medium that becomes read-only", 30, script);
}

#[test]
fn a_medium_whose_driver_dies_is_named_and_goes_on_when_it_is_back() {
    let script = r#"image ext4 48M "$ROOM/other"; image exfat 48M "$STICK"
        for more in "" "--parity 5%"; do
            rm -rf "$ROOM/other/gapvault" "$STICK/gapvault"
            begin 20 "$STICK" --restart $more --to "$ROOM/other" --to "$STICK"
            kill_drivers
            end 6 "$STICK"; grep -qF "packs are kept" "$ROOM/said"
            # It does not go on without it, either.
            try 6 "$STICK" export_to $more --to "$ROOM/other" --to "$STICK"
            umount -l "$STICK"; empty "$STICK"
            try 6 "$STICK" export_to $more --to "$ROOM/other" --to "$STICK"
            empty "$STICK"
            mount_image exfat "$STICK"; packs "$STICK" >"$ROOM/before"; packs "$ROOM/other" >"$ROOM/others"
            try 0 '"packs"' export_to $more --to "$ROOM/other" --to "$STICK"
            kept=$(number packs_kept); test "$kept" -gt 20
            test "$(($(same "$ROOM/before" "$STICK") + $(same "$ROOM/others" "$ROOM/other")))" = "$kept"
            "$GAPVAULT" --vault "$CLUSTER" verify "$ROOM/other" "$STICK" >&2
        done
        import "$ROOM/other" "$STICK"; arrived"#;
    on_sticks("a driver that dies", 24, script);
}

#[test]
fn nothing_is_written_to_the_folder_below_a_medium_that_is_pulled() {
    let script = r#"image ext4 64M "$STICK"
        begin 20 "$STICK" --to "$STICK"
        umount -l "$STICK"
        end 6 "$STICK"; empty "$STICK"
        try 6 "medium $STICK is not there any more" export_to --to "$STICK"; empty "$STICK"
        mount_image ext4 "$STICK"
        try 0 '"packs"' export_to --to "$STICK"; test "$(number packs_kept)" -ge 20
        import "$STICK"; arrived"#;
    on_sticks("a medium that is pulled", 24, script);
}

/// Images `v1` to `v4`, of which the first is in at `$STICK`, and a command that puts the next one in.
const SWAPPED: &str = r#"
    for n in 1 2 3 4; do
        image ext4 16M "$STICK"; umount "$STICK"; mv "$image" "$ROOM/v$n"
    done
    cat >"$ROOM/next" <<'NEXT'
        umount "$GAPVAULT_MEDIUM"; mount -o loop "$ROOM/v$GAPVAULT_VOLUME" "$GAPVAULT_MEDIUM"; echo "$GAPVAULT_VOLUME" >>"$ROOM/asked"
NEXT
    put_in() { umount "$STICK" || true; mount -o loop "$ROOM/v$1" "$STICK"; }
    export_swapped() { export_to --to "$STICK" --volume-size 12M "$@" </dev/null; }
    put_in 1
"#;

#[test]
fn media_are_swapped_one_after_the_other() {
    for more in ["", "--parity 10%"] {
        let script = format!(
            r#"{SWAPPED}
            try 0 '"sealed":true' export_swapped {more} --next-medium ". $ROOM/next"
            test "$(tr '\n' ' ' <"$ROOM/asked")" = "2 3 "
            bundle=$(sed -n 's/.*"bundle":"\([0-9a-f]*\)".*/\1/p' "$ROOM/said")
            for n in 1 2 3; do
                put_in $n; test "$(du -sm "$STICK/gapvault" | cut -f1)" -le 12
                ls "$STICK"/gapvault/*/SHA256SUMS.$n >&2
                test $n = 3 || test ! -e "$STICK"/gapvault/*/seal.json
            done
            put_in 1; try 5 "nothing was copied" "$GAPVAULT" --vault "$CLUSTER" import "$STICK"
            # An earlier one gets the seal when it is put in again; one without a volume of it does not.
            try 0 "" "$GAPVAULT" --vault "$LAB" export --again "$bundle" --to "$STICK"
            ls "$STICK"/gapvault/*/seal.json >&2
            put_in 4; try 1 "no whole volume of it" "$GAPVAULT" --vault "$LAB" export --again "$bundle" --to "$STICK"
            for n in 1 3; do put_in $n; try 5 "missing" "$GAPVAULT" --vault "$CLUSTER" import "$STICK"; done
            put_in 2; import "$STICK"; arrived"#
        );
        on_sticks("media that are swapped", 27, &script);
    }
}

#[test]
fn a_wrong_medium_is_told_and_nobody_to_ask_is_incomplete() {
    let script = format!(
        r#"{SWAPPED}
        try 5 "the medium for volume 2 was not put in" export_swapped
        grep -qF "packs are kept" "$ROOM/said"
        try 5 "another volume of this bundle is in" export_swapped --next-medium true
        try 5 "was not put in" export_swapped --next-medium false
        mkdir "$ROOM/full"; mount -o loop "$ROOM/v4" "$ROOM/full"
        dd if=/dev/zero of="$ROOM/full/fill" bs=64K count=400 status=none 2>/dev/null || true; umount "$ROOM/full"
        try 5 "no room for a pack" export_swapped --next-medium 'umount "$GAPVAULT_MEDIUM"; mount -o loop "$ROOM/v4" "$GAPVAULT_MEDIUM"'
        put_in 1
        try 5 "is not there any more" export_swapped --next-medium 'umount "$GAPVAULT_MEDIUM"'
        empty "$STICK"; mount -o loop "$ROOM/v1" "$STICK"
        try 0 '"volumes"' export_swapped --next-medium ". $ROOM/next"
        import "$STICK" || true; for n in 1 2; do put_in $n; import "$STICK" || true; done; arrived"#
    );
    on_sticks("a wrong medium", 27, &script);
}

/// A medium that is full early takes part in few groups, and in no parity for which it has no room.
#[test]
fn a_spare_volume_is_made_of_media_of_which_one_is_small() {
    let script = r#"for medium in a b c; do mkdir "$ROOM/$medium"; done
        mount -t tmpfs -o size=12m tmpfs "$ROOM/a" && mount -t tmpfs -o size=12m tmpfs "$ROOM/b" || exit 99
        mount -t tmpfs -o size=2m tmpfs "$ROOM/c" || exit 99
        try 0 '"parity_packs"' export_to --spare-volumes 1 --to "$ROOM/a" --to "$ROOM/b" --to "$ROOM/c"
        import "$ROOM/b" "$ROOM/c"; arrived"#;
    on_sticks("a spare volume of mixed sizes", 6, script);
}
