//! Files that change while they are exported: the library is shown a change between its first chunk and its last.

use crate::support::{Gap, snapshot};
use gapvault_core::clock::Clock;
use gapvault_core::error::{Explain, Kind};
use gapvault_core::export::{ExportError, ExportOptions, ExportRequest, Media, NoChanger, Parity, SourceError, export};
use gapvault_core::observe::{Event, Observer, Phase};
use gapvault_core::sign::own_key;
use gapvault_core::vault::{Access, Vault};
use gapvault_formats::catalogue::Provenance;
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, Once};

/// Something that is done to the source.
type Change<'a> = &'a (dyn Fn(&Path) + Sync);

/// Changes the source when the first bytes of it are done.
struct Meddler<'a> {
    once: Once,
    change: Change<'a>,
    source: &'a Path,
}

impl Observer for Meddler<'_> {
    fn event(&self, event: Event<'_>) {
        if matches!(event, Event::Advance { .. }) {
            self.once.call_once(|| (self.change)(self.source));
        }
    }
}

fn request(source: &Path, stick: &Path) -> ExportRequest {
    let provenance =
        Provenance { host: "here".into(), tool: "test".into(), licence: None, parents: Vec::new(), notes: Vec::new() };
    ExportRequest {
        artifact: "changing:1".parse().unwrap(),
        paths: vec![source.to_owned()],
        tent: "aurora".parse().unwrap(),
        media: Media::Together(vec![stick.to_owned()]),
        provenance,
        valid_for: Some(3600),
        // One worker: while it is busy with the change, the reader waits for buffers before the end of the file.
        options: ExportOptions {
            threads: 1,
            pack_size: 1 << 20,
            memory: None,
            read_back: true,
            follow_links: false,
            overcommit: true,
            parity: Parity::None,
            restart: false,
            post_quantum: false,
        },
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_fails_the_export() {
    let open = |source: &Path| OpenOptions::new().write(true).open(source.join("big")).unwrap();
    let changes: [(&str, Change<'_>); 6] = [
        ("grows", &|s| open(s).set_len(BIG + 1).unwrap()),
        ("shrinks", &|s| open(s).set_len(BIG - 1).unwrap()),
        ("is emptied", &|s| open(s).set_len(0).unwrap()),
        ("is written over", &|s| open(s).write_all(b"other bytes").unwrap()),
        ("is replaced", &|s| {
            std::fs::copy(s.join("big"), s.join("new")).unwrap();
            std::fs::rename(s.join("new"), s.join("big")).unwrap();
        }),
        ("is followed by one that changes", &|s| std::fs::write(s.join("later"), b"other").unwrap()),
    ];
    for (name, change) in changes {
        let (gap, result) = export_while(change);
        match result {
            Err(error @ ExportError::Source(SourceError::Changed { .. })) => {
                assert_eq!(error.kind(), Kind::Other, "{name}");
                assert!(error.hint().is_some_and(|hint| hint.contains("export again")), "{name}");
            }
            other => panic!("a file that {name}: {other:?}"),
        }
        assert!(snapshot(&gap.stick).is_empty(), "a file that {name} leaves something on the medium");
        let held = gap.lab.run(["list", "--json"]).expect(0).json();
        assert_eq!(held["bundles"].as_array().map(Vec::len), Some(0), "a file that {name} leaves a bundle");
    }
}

#[test]
fn a_file_that_goes_away_before_its_turn_fails_the_export() {
    let (gap, result) = export_while(&|s| std::fs::remove_file(s.join("later")).unwrap());
    let error = result.unwrap_err().to_string();
    assert!(error.contains("later: No such file"), "{error}");
    assert!(snapshot(&gap.stick).is_empty());
}

#[test]
fn a_file_that_does_not_change_is_exported() {
    let (gap, result) = export_while(&|_| ());
    result.unwrap();
    gap.import().expect(0);
}

/// Bytes of the file that changes: many times what one worker's buffers hold. Most of them are a hole.
const BIG: u64 = 96 << 20;

fn export_while(change: Change<'_>) -> (Gap, Result<(), ExportError>) {
    let gap = Gap::new();
    let source = gap.path("source");
    std::fs::create_dir(&source).unwrap();
    let big = std::fs::File::create(source.join("big")).unwrap();
    big.set_len(BIG).unwrap();
    std::fs::write(source.join("later"), b"small").unwrap();
    // A clock tick of the file system may be shorter than this test.
    for name in ["big", "later"] {
        let file = OpenOptions::new().write(true).open(source.join(name)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
    }
    let mut vault = Vault::open(&gap.lab.vault, Access::Write, Clock::SYSTEM).unwrap();
    let meddler = Meddler { once: Once::new(), change, source: &source };
    let key = own_key(&vault).unwrap();
    let result = export(&mut vault, &request(&source, &gap.stick), &*key, &NoChanger, &meddler).map(drop);
    drop(vault);
    (gap, result)
}

/// Adds up what a stretch of work tells.
#[derive(Default)]
struct Sum(Mutex<Vec<Stretch>>);

struct Stretch {
    phase: Phase,
    medium: Option<usize>,
    total: u64,
    done: u64,
    ended: bool,
}

impl Observer for Sum {
    fn event(&self, event: Event<'_>) {
        let mut stretches = self.0.lock().unwrap();
        let at = |of| stretches.iter().position(|s| s.medium == of && !s.ended).unwrap();
        match event {
            Event::Medium { .. } => {}
            Event::Begin { phase, total, medium } => {
                stretches.push(Stretch { phase, medium, total, done: 0, ended: false });
            }
            Event::Advance { bytes, medium } => {
                let at = at(medium);
                stretches[at].done += bytes;
            }
            Event::End { medium } => {
                let at = at(medium);
                stretches[at].ended = true;
            }
        }
    }
}

#[test]
fn progress_comes_to_exactly_what_it_said_was_ahead() {
    use gapvault_core::{bundle, checkout, import, verify};
    let gap = Gap::new();
    crate::support::write_sample(&gap.path("sample"));
    let (mut lab, mut cluster) =
        [&gap.lab, &gap.cluster].map(|site| Vault::open(&site.vault, Access::Write, Clock::SYSTEM).unwrap()).into();
    let sum = Sum::default();
    let request = request(&gap.path("sample"), &gap.stick);
    let key = own_key(&lab).unwrap();
    export(&mut lab, &request, &*key, &NoChanger, &sum).unwrap();
    let found = bundle::gather(std::slice::from_ref(&gap.stick)).unwrap();
    verify::verify(Some(&cluster), &found[0], &sum).unwrap();
    import::import(&mut cluster, &found[0], &sum).unwrap();
    let options = checkout::CheckoutOptions { threads: 2 };
    checkout::checkout(&mut cluster, &request.artifact, None, &gap.path("out"), options, &sum).unwrap();
    let stretches = sum.0.into_inner().unwrap();
    let phases: BTreeSet<_> = stretches.iter().map(|s| s.phase.name()).collect();
    let expected = ["walk", "content", "export", "write", "readback", "verify", "describe", "import", "checkout"];
    assert_eq!(phases, expected.into());
    for Stretch { phase, total, done, ended, .. } in stretches {
        // How much goes to which medium is seen when it is there.
        assert!(done == total || phase == Phase::Write && done > 0, "{phase:?}: {done} of {total}");
        assert!(ended && (phase == Phase::Walk || total > 0), "{phase:?}");
    }
}

/// Falls over at the first bytes that are done.
struct Faulty;

impl Observer for Faulty {
    fn event(&self, event: Event<'_>) {
        assert!(!matches!(event, Event::Advance { .. }), "on purpose");
    }
}

/// Runs work that panics, on a thread of its own: it ends, instead of waiting for what the thread that panicked had.
#[track_caller]
fn assert_panics_soon(work: impl FnOnce() + Send + 'static) {
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        let _ = ended.send(result.is_err());
    });
    assert_eq!(end.recv_timeout(std::time::Duration::from_secs(60)), Ok(true));
}

#[test]
fn a_thread_that_panics_does_not_leave_the_others_waiting() {
    use gapvault_core::checkout::{CheckoutOptions, checkout};
    let gap = Gap::new();
    let source = gap.path("source");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("big"), crate::support::noise(1, 64 << 20)).unwrap();
    let open = |path: &Path| Vault::open(path, Access::Write, Clock::SYSTEM).unwrap();

    let other = gap.path("other");
    std::fs::create_dir(&other).unwrap();
    let (mut lab, asked) = (open(&gap.lab.vault), request(&source, &other));
    let key = own_key(&lab).unwrap();
    assert_panics_soon(move || drop(export(&mut lab, &asked, &*key, &NoChanger, &Faulty)));

    gap.export(&source, "big:v1", &[]).expect(0);
    let set = gapvault_core::bundle::gather(std::slice::from_ref(&gap.stick)).unwrap().remove(0);
    let mut cluster = open(&gap.cluster.vault);
    assert_panics_soon(move || drop(gapvault_core::import::import(&mut cluster, &set, &Faulty)));
    gap.import().expect(0);
    let (mut cluster, out) = (open(&gap.cluster.vault), gap.path("out"));
    let options = CheckoutOptions { threads: 1 };
    assert_panics_soon(move || drop(checkout(&mut cluster, &"big:v1".parse().unwrap(), None, &out, options, &Faulty)));
}
