//! Killed anywhere, an approval is there or it is not, and the bundle is none the worse for it.

use crate::support::approvers::{Approvers, digest};
use crate::support::kill::{at_many_points, copy_tree, leftovers};
use crate::support::reseal::approval_path;
use crate::support::{Site, gapvault, run, snapshot};
use std::fs;

#[test]
fn from_within_the_folder_of_the_bundle() {
    let approvers = Approvers::new(1, &["carol"]);
    let gap = &approvers.gap;
    let bundle = gap.export_sample();
    let id = digest(&bundle);
    let before = snapshot(&bundle);
    let (key, approval) = (approvers.key_file("carol"), approval_path(&bundle, approvers.key("carol")));
    let (folder, name) = (bundle.strip_prefix(&gap.stick).unwrap(), approval.file_name().unwrap());
    let mut count = 0;
    let new = || {
        count += 1;
        let room = gap.path(&format!("room-{count}"));
        fs::create_dir(&room).unwrap();
        copy_tree(&gap.cluster.vault, &room.join("cluster"));
        copy_tree(&gap.stick, &room.join("stick"));
        let mut command = gapvault();
        command.current_dir(room.join("stick").join(folder)).arg("--vault").arg(room.join("cluster"));
        command.args(["approve", ".", "--bundle", &id, "--key"]).arg(&key);
        (room, command)
    };
    at_many_points(new, |room, point, ended| {
        let (cluster, stick) = (Site { vault: room.join("cluster") }, room.join("stick"));
        let bundle = stick.join(folder);
        let is_there = bundle.join(name).exists();
        assert!(!ended || is_there, "{point}");
        let mut now = snapshot(&bundle);
        now.retain(|(path, _)| path.as_os_str() != name);
        assert!(now == before, "another file in the bundle's folder at {point}");
        // Whole, whatever stands beside it: nothing is missing but the approval.
        let code = run(cluster.command(["verify"]).arg(&stick)).code;
        assert_eq!(code, if is_there { 0 } else { 4 }, "{point}");
        let mut again = cluster.command(["approve", "--bundle", &id, "--key"]);
        run(again.arg(&key).arg(&stick)).expect(0);
        run(cluster.command(["import"]).arg(&stick)).expect(0);
        assert!(leftovers(&stick).is_empty() && leftovers(&cluster.vault).is_empty(), "{point}");
        fs::remove_dir_all(room).unwrap();
    });
}
