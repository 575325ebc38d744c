//! Catalogues with entries that would leave the artifact, hide, collide, or do more than be there.

use crate::support::hostile::{Forge, entry::*};
use crate::support::siege::Siege;

#[test]
fn paths_that_leave_or_deceive_are_refused() {
    let long = "x".repeat(256);
    let deep = ["d"; 129].join("/");
    let huge = ["a component of forty characters or so...."; 100].join("/");
    let cases = [
        ("..", "has a '.' or '..' component"),
        ("../x", "has a '.' or '..' component"),
        ("dir/../../x", "has a '.' or '..' component"),
        ("zeros/.", "has a '.' or '..' component"),
        ("/etc/cron.d/x", "is absolute"),
        ("", "is empty"),
        ("z//x", "has an empty component"),
        ("zeros/", "has an empty component"),
        ("zero\0s", "has a control character"),
        ("zero\ns", "has a control character"),
        ("zero\u{1b}[2Js", "has a control character"),
        ("zero\u{9b}s", "has a control character"),
        ("zero\u{202e}nib.s", "has a bidirectional or invisible character"),
        ("zero\u{2066}s", "has a bidirectional or invisible character"),
        ("zero\u{200b}s", "has a bidirectional or invisible character"),
        ("zero\u{e0041}s", "has a bidirectional or invisible character"),
        ("z\\..\\x", "has a backslash"),
        ("NUL", "is a reserved device name"),
        ("z/aux.txt", "is a reserved device name"),
        ("com1", "is a reserved device name"),
        ("z/LPT¹.log", "is a reserved device name"),
        (&long, "has a component over 255 bytes"),
        (&deep, "is nested over 128 deep"),
        (&huge, "is over 4000 bytes"),
    ];
    let lie = |path: &str| {
        let path = path.to_owned();
        move |f: &mut Forge| f.catalogue.set(ZEROS, "path", path)
    };
    Siege::new().import_refuses_each(cases.map(|(path, fault)| (format!("{path:?}"), lie(path), 3, fault)));
}

#[test]
fn entries_that_cannot_stand_where_they_do_are_refused() {
    Siege::new().import_refuses(&[
        (
            "case",
            |f| f.catalogue.add_before(A, "dir/A.bin"),
            3,
            "dir/a.bin and a sibling are two spellings of one name",
        ),
        ("dot", |f| f.catalogue.add_after(B, "dir/b.bin."), 3, "dir/b.bin. and a sibling are two spellings"),
        ("space", |f| f.catalogue.add_after(B, "dir/b.bin "), 3, "dir/b.bin  and a sibling are two spellings"),
        (
            "sharp s",
            |f| {
                f.catalogue.add_before(ZEROS, "zeroSS");
                f.catalogue.set(ZEROS + 1, "path", "zero\u{df}");
            },
            3,
            "zero\u{df} and a sibling are two spellings of one name",
        ),
        (
            "NFC and NFD",
            |f| {
                f.catalogue.add_before(ZEROS, "ze\u{301}ros");
                f.catalogue.set(ZEROS + 1, "path", "z\u{e9}ros");
            },
            3,
            "z\u{e9}ros and a sibling are two spellings of one name",
        ),
        (
            "a folder and a file",
            |f| f.catalogue.add_before(DIR, "Dir"),
            3,
            "dir and a sibling are two spellings of one name",
        ),
        ("twice", |f| f.catalogue.add_after(A, "dir/a.bin"), 3, "dir/a.bin does not come after dir/a.bin"),
        ("out of order", |f| f.catalogue.set(B, "path", "dir/0"), 3, "dir/0 does not come after dir/a.bin"),
        ("a folder gone back to", |f| f.catalogue.set(ZEROS, "path", "dir/z"), 3, "dir/z does not come after latest"),
        ("no parent", |f| f.catalogue.set(ZEROS, "path", "zoo/x"), 3, "zoo/x stands in \"zoo\", which is not a folder"),
        (
            "in a file",
            |f| f.catalogue.add_after(B, "dir/b.bin/x"),
            3,
            "dir/b.bin/x stands in \"dir/b.bin\", which is not a folder",
        ),
        (
            "in a link",
            |f| f.catalogue.set(ZEROS, "path", "latest/x"),
            3,
            "latest/x stands in \"latest\", which is not a folder",
        ),
        (
            "in another artifact's folder",
            |f| {
                let (artifact, file) = (f.catalogue.records[ARTIFACT].clone(), f.catalogue.records[ZEROS].clone());
                f.catalogue.records.splice(END..END, [artifact, file]);
                f.catalogue.set(END, "artifact.version", "other");
                f.catalogue.set(END + 1, "path", "dir/x");
                f.catalogue.set(HEAD, "totals.artifacts", 2);
            },
            3,
            "dir/x stands in \"dir\", which is not a folder of this artifact",
        ),
        (
            "before an artifact",
            |f| drop(f.catalogue.records.remove(ARTIFACT)),
            3,
            "catalogue: an entry before the first artifact",
        ),
        (
            "one artifact twice",
            |f| f.catalogue.records.insert(END, f.catalogue.records[ARTIFACT].clone()),
            3,
            "two artifacts are named model:v",
        ),
    ]);
}

#[test]
fn links_that_leave_the_artifact_are_refused() {
    let cases = [
        ("../x", "leaves the artifact"),
        ("..", "leaves the artifact"),
        ("/etc/passwd", "is absolute"),
        ("dir/../../x", "has a '.' or '..' component"),
        ("./dir", "has a '.' or '..' component"),
        ("", "is empty"),
        ("dir\0/x", "has a control character"),
        ("dir\u{202e}", "has a bidirectional or invisible character"),
    ];
    let lie = |target: &'static str| move |f: &mut Forge| f.catalogue.set(LINK, "target", target);
    let mut siege = Siege::new();
    siege.import_refuses_each(cases.map(|(target, fault)| (format!("{target:?}"), lie(target), 3, fault)));
    siege.import_refuses(&[(
        "further down",
        |f| {
            f.catalogue.set(LINK, "path", "dir/link");
            f.catalogue.set(LINK, "target", "../../x");
        },
        3,
        "link dir/link: path \"../../x\" leaves the artifact",
    )]);
}

#[test]
fn modes_beyond_permissions_are_refused() {
    let modes = [0o4755, 0o2755, 0o1777, 0o100_644, u64::from(u32::MAX)];
    let lie = |entry: usize, mode: u64| move |f: &mut Forge| f.catalogue.set(entry, "mode", mode);
    let cases = modes.iter().flat_map(|mode| [(ZEROS, mode), (DIR, mode)]);
    let cases =
        cases.map(|(entry, mode)| (format!("{mode:o}"), lie(entry, *mode), 3, "only permission bits are allowed"));
    Siege::new().import_refuses_each(cases);
}
