//! The plan of an export: what it says, and that nothing is written before it is carried out.

use crate::support::images::mounting;
use crate::support::{Gap, Run, noise, run, snapshot};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

struct Planned {
    gap: Gap,
    source: PathBuf,
}

impl Planned {
    fn new() -> Self {
        let gap = Gap::new();
        let source = gap.path("source");
        fs::create_dir(&source).unwrap();
        fs::create_dir(gap.path("other")).unwrap();
        Self { gap, source }
    }

    fn export(&self, more: &[&str]) -> Command {
        let mut command = self.gap.lab.command(["export", "--name", "m:1", "--tent", "aurora"]);
        command.arg(&self.source).arg("--to").arg(&self.gap.stick).args(more);
        command
    }

    fn dry(&self, more: &[&str]) -> Run {
        let media = [&self.gap.stick, &self.gap.path("other")].map(|medium| snapshot(medium));
        let before = (media, self.gap.lab.snapshot());
        let run = run(self.export(more).arg("--dry-run")).expect(0);
        let media = [&self.gap.stick, &self.gap.path("other")].map(|medium| snapshot(medium));
        assert!(before == (media, self.gap.lab.snapshot()), "a dry run has written something");
        run
    }

    fn plan(&self, more: &[&str]) -> Value {
        self.dry(&[more, &["--json"]].concat()).json()["plan"].clone()
    }
}

fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_dry_run_tells_the_plan_and_writes_nothing() {
    let planned = Planned::new();
    fs::write(planned.source.join("noise"), noise(1, 3 << 20)).unwrap();
    let told = planned.dry(&["--pack-size", "64K"]);
    for part in
        ["1 file of 3.00 MiB", "volume 1", "no mount point: a folder on another file system", "nothing was written"]
    {
        assert!(told.out.contains(part), "no {part:?} in {told:#?}");
    }
    let other = planned.gap.path("other");
    let plan = planned.plan(&["--pack-size", "64K", "--to", other.to_str().unwrap()]);
    assert_eq!((whole(&plan["files"]), whole(&plan["plain_bytes"])), (1, 3 << 20));
    assert_eq!((&plan["fits"], &plan["goes_on"]), (&true.into(), &Value::Null));
    let volumes = plan["volumes"].as_array().unwrap();
    assert_eq!(volumes.len(), 2);
    for volume in volumes {
        assert_eq!((&volume["shares_room"], &volume["is_mount_point"]), (&true.into(), &false.into()));
    }
    let alone = planned.plan(&["--pack-size", "64K"]);
    // Half of it each, as far as nobody else uses that file system meanwhile.
    let (shared, alone) = (whole(&volumes[0]["packs"]), whole(&alone["volumes"][0]["packs"]));
    assert!(shared * 2 <= alone + alone / 10 && shared * 2 + alone / 10 >= alone, "{shared} and {alone}");
}

#[test]
fn what_a_plan_expects_is_near_what_comes_of_it() {
    for (name, bytes) in [
        ("noise", noise(1, 6 << 20)),
        ("text", "the same line again and again\n".repeat(200_000).into_bytes()),
        ("half", [noise(1, 3 << 20), vec![7; 3 << 20]].concat()),
    ] {
        let planned = Planned::new();
        fs::write(planned.source.join("file"), bytes).unwrap();
        let plan = planned.plan(&["--pack-size", "64K"]);
        let exported = run(planned.export(&["--pack-size", "64K", "--json"]).arg("--no-read-back")).expect(0).json();
        let came = whole(&exported["coded_bytes"]) + whole(&exported["padding_bytes"]);
        let (likely, most) = (whole(&plan["bytes_likely"]), whole(&plan["bytes_most"]));
        let tolerance = most / 10;
        assert!(came <= most && likely <= most, "{name}: {came} of {plan:#}");
        assert!(likely <= came + tolerance && came <= likely + tolerance, "{name}: {came} of {plan:#}");
    }
}

#[test]
fn a_plan_knows_an_export_that_broke_off_and_volumes_to_come() {
    let planned = Planned::new();
    fs::write(planned.source.join("noise"), noise(1, 9 << 20)).unwrap();
    let plan = planned.plan(&["--pack-size", "64K", "--volume-size", "2M"]);
    let volumes = whole(&plan["volumes_likely"]);
    assert!((5..=8).contains(&volumes), "{plan:#}");
    let swapped = ["--pack-size", "64K", "--volume-size", "2M"];
    run(&mut planned.export(&swapped)).refused(5, "the medium for volume 2 was not put in");
    let told = planned.dry(&swapped);
    assert!(told.out.contains("goes on with"), "{told:#?}");
    let plan = planned.plan(&swapped);
    assert!(whole(&plan["goes_on"]["packs"]) > 10, "{plan:#}");
}

#[test]
fn a_plan_counts_the_room_of_one_file_system_once() {
    let gap = Gap::new();
    let source = gap.path("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("noise"), noise(1, 20 << 20)).unwrap();
    let script = r#"image ext4 24M "$STICK"; mkdir "$STICK/a" "$STICK/b"
        export_to() { "$GAPVAULT" --vault "$LAB" export "$ROOM/source" --name m:1 --tent aurora --pack-size 64K "$@"; }
        export_to --to "$STICK/a" --to "$STICK/b" --overcommit --dry-run --json
        export_to --to "$STICK/a" --to "$STICK/b""#;
    let Some(run) = mounting(&gap, "two media on one file system", script) else { return };
    let run = run.refused(6, "the media have room for");
    let plan = &run.json()["plan"];
    assert_eq!(plan["fits"], false, "{plan:#}");
    assert!(whole(&plan["room"]) < 24 << 20, "{plan:#}");
}
