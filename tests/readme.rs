//! README's commands, as they stand there.

use crate::support::{run, write_sample};
use std::process::Command;

#[test]
fn the_commands_in_readme_work() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let blocks: Vec<_> = readme.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 6, "README has other blocks of commands than this test knows");
    let room = tempfile::tempdir().unwrap();
    write_sample(&room.path().join("checkpoint"));
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_gapvault")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    shell.args(["-euxo", "pipefail", "-c", &blocks.concat()]);
    run(shell.current_dir(room.path()).env("PATH", path).env_remove("GAPVAULT_DIR")).expect(0);
}
