//! Trust is given to a card whose fingerprint somebody compared, and to nothing else.

use crate::support::tools::{have, skip, tool};
use crate::support::{Gap, Run, Site, gapvault, run};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

/// A vault, and a card that it does not know yet.
struct Meeting {
    gap: Gap,
    card: PathBuf,
    fingerprint: String,
}

impl Meeting {
    fn new() -> Self {
        let gap = Gap::new();
        let (card, fingerprint) = card_of(&gap, &Site::new(gap.room.path(), "cluster-c"));
        Self { gap, card, fingerprint }
    }

    fn trust(&self, card: &Path, more: &[&str]) -> Run {
        run(self.gap.lab.command(["trust"]).arg(card).args(["--tent", "aurora"]).args(more))
    }

    /// Trusts `card` and expects that the vault stays as it is.
    #[track_caller]
    fn refused(&self, card: &Path, more: &[&str], code: i32, text: &str) {
        let before = self.gap.lab.snapshot();
        let run = self.trust(card, more).refused(code, text);
        assert!(self.gap.lab.snapshot() == before, "the vault changed: {run:#?}");
        assert!(code != 4 || run.err.contains("\nhint: "), "{run:#?}");
    }
}

/// The file of a site's card, and what `sha256sum` prints of it.
fn card_of(gap: &Gap, site: &Site) -> (PathBuf, String) {
    let path = site.vault.with_extension("its-card");
    let card = site.run(["card"]).expect(0);
    std::fs::write(&path, &card.out).unwrap();
    let fingerprint = sum(&path);
    assert!(card.err.contains(&fingerprint), "{card:#?}");
    assert!(path.starts_with(gap.room.path()));
    (path, fingerprint)
}

fn sum(path: &Path) -> String {
    run(tool("sha256sum").arg(path)).expect(0).out[..64].to_owned()
}

#[test]
fn the_fingerprint_is_compared_before_anything_changes() {
    let m = Meeting::new();
    let other = "0".repeat(64);
    let cases: [(&[&str], i32, &str); 5] = [
        (&["--role", "member"], 2, "there is no terminal to confirm the fingerprint on"),
        (&["--role", "member", "--fingerprint", &other], 4, &m.fingerprint),
        (&["--role", "member", "--fingerprint", &m.fingerprint[..63]], 2, "expected 64 hex digits"),
        (&["--role", "owner", "--fingerprint", &m.fingerprint], 2, "possible values: member, auditor, exporter"),
        (&["--fingerprint", &m.fingerprint], 2, "--role <ROLE>"),
    ];
    for (more, code, text) in cases {
        m.refused(&m.card, more, code, text);
    }
    let good = ["--role", "member", "--fingerprint", &m.fingerprint];
    assert_eq!(m.trust(&m.card, &good).expect(0).out, "cluster-c is now member of tent aurora\n");
    let before = m.gap.lab.snapshot();
    assert_eq!(m.trust(&m.card, &good).expect(0).out, "cluster-c was member of tent aurora already\n");
    assert!(m.gap.lab.snapshot() == before);
}

#[test]
fn a_card_that_was_edited_is_refused_even_by_its_own_fingerprint() {
    let m = Meeting::new();
    let text = std::fs::read_to_string(&m.card).unwrap();
    let cases = [
        (text.replace('\n', "\r\n"), "bytes are not as gapvault writes them"),
        (text.clone() + "\n", "bytes are not as gapvault writes them"),
        (text.clone() + "extra = 1\n", "unknown field `extra`"),
        (text.replace("format = 1", "format = 2"), "a card of format 2"),
        (String::new(), "not a gapvault card"),
        ("x".repeat(20_000), "not a gapvault card"),
    ];
    for (text, fault) in cases {
        let path = m.gap.path("edited.card");
        std::fs::write(&path, text).unwrap();
        m.refused(&path, &["--role", "member", "--fingerprint", &sum(&path)], 3, fault);
    }
    m.refused(&m.gap.path("no.card"), &["--role", "member", "--fingerprint", &m.fingerprint], 1, "can't read");
}

#[test]
fn one_key_is_either_member_or_auditor() {
    let m = Meeting::new();
    let (cluster, of_cluster) = card_of(&m.gap, &m.gap.cluster);
    m.refused(&cluster, &["--role", "auditor", "--fingerprint", &of_cluster], 4, "is both member and auditor");
    m.trust(&m.card, &["--role", "auditor", "--fingerprint", &m.fingerprint]).expect(0);
    m.refused(&m.card, &["--role", "member", "--fingerprint", &m.fingerprint], 4, "is both member and auditor");

    // The same keys under another name, or other keys under the same name.
    let renamed = m.gap.path("renamed.card");
    let text = std::fs::read_to_string(&cluster).unwrap();
    std::fs::write(&renamed, text.replace("site = \"cluster-b\"", "site = \"cluster-d\"")).unwrap();
    m.refused(&renamed, &["--role", "auditor", "--fingerprint", &sum(&renamed)], 4, "two sites have one recipient");
    std::fs::create_dir(m.gap.path("elsewhere")).unwrap();
    let (namesake, its) = card_of(&m.gap, &Site::new(&m.gap.path("elsewhere"), "cluster-b"));
    m.refused(
        &namesake,
        &["--role", "member", "--fingerprint", &its],
        4,
        "the policy knows a person cluster-b with other keys",
    );
}

#[test]
fn on_a_terminal_a_person_is_asked() {
    if !have("script") {
        return skip("the question on a terminal", "`script` of util-linux is missing");
    }
    let m = Meeting::new();
    for (answer, code, said) in
        [("n\n", 4, "not confirmed"), ("\n", 4, "not confirmed"), ("maybe\n", 4, "not confirmed")]
    {
        let before = m.gap.lab.snapshot();
        let run = on_terminal(&m, answer).expect(code);
        assert!(run.out.contains(&m.fingerprint) && run.out.contains(said), "{run:#?}");
        assert!(m.gap.lab.snapshot() == before, "{answer:?} changed the vault");
    }
    let run = on_terminal(&m, "y\n").expect(0);
    assert!(run.out.contains("card of site cluster-c, person cluster-c"), "{run:#?}");
    assert!(run.out.contains(&m.fingerprint) && run.out.contains("cluster-c is now member of tent aurora"), "{run:#?}");
}

/// Runs `trust` on a terminal of its own, with somebody who types `answer`. Everything it shows is in `out`.
fn on_terminal(m: &Meeting, answer: &str) -> Run {
    let line = r#""$GAPVAULT" --vault "$VAULT" trust "$CARD" --tent aurora --role member"#;
    let mut command = tool("script");
    command.args(["-qec", line, "/dev/null"]).env_remove("GAPVAULT_DIR").env("GAPVAULT", gapvault().get_program());
    command.env("VAULT", &m.gap.lab.vault).env("CARD", &m.card).env("SHELL", "/bin/sh");
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = process.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

#[test]
fn what_was_trusted_can_be_taken_back() {
    let gap = Gap::new();
    gap.export_sample();
    let untrust = |site: &crate::support::Site, name: &str, role: &str| {
        site.run(["untrust", name, "--tent", "aurora", "--role", role])
    };
    untrust(&gap.cluster, "lab", "exporter").expect(0);
    gap.import().refused(4, "bundle");
    untrust(&gap.cluster, "lab", "exporter").refused(2, "lab is no exporter of tent aurora");
    untrust(&gap.lab, "cluster-b", "member").expect(0);
    gap.export(&gap.path("sample"), "model:v2", &[]).refused(4, "no member or auditor at another site");
    let log = gap.lab.run(["log"]).expect(0).out;
    for change in
        ["cluster-b (cluster-b, card ", "is member of tent aurora", "cluster-b is no longer member of tent aurora"]
    {
        assert!(log.contains(change), "no {change:?} in\n{log}");
    }
}

#[test]
fn a_fingerprint_may_be_written_in_groups_and_capitals() {
    let meeting = Meeting::new();
    let digits = meeting.fingerprint.to_uppercase();
    let groups: Vec<_> = digits.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap()).collect();
    let args = ["--tent", "aurora", "--role", "member", "--fingerprint", &groups.join(" ")];
    run(meeting.gap.cluster.command(["trust"]).arg(&meeting.card).args(args)).expect(0);
}
