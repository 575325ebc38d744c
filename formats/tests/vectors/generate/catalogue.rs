//! Vectors of the catalogue's records: SPEC 6.

use super::{Kind, altered, example, replaced, with, without};
use crate::fixtures;
use crate::kinds::sequence;
use gapvault_formats::catalogue::{Artifact, File, Folder, Head, Note, Provenance, Reader, Record, Totals};
use gapvault_formats::ids::BundleId;

pub(super) fn vectors() -> Kind {
    let mut kind = Kind::new("catalogue", "cbor");
    kind.valid("two_files_and_a_link", sequence(&example::catalogue()));
    kind.valid("nothing", sequence(&of(Vec::new())));
    kind.valid("an_artifact_without_entries", sequence(&of(vec![Record::Artifact(example::artifact())])));
    kind.valid("a_folder_right_before_what_it_holds", entries(vec![dir("a"), file("a/c"), file("a-b"), file("a.b")]));
    kind.valid("everything_that_an_exporter_can_tell", sequence(&of(vec![Record::Artifact(told())])));
    kind.valid("hybrid_recipients", replaced(&example::catalogue(), 0, Record::Head(hybrid_head())));
    sequences(&mut kind);
    heads(&mut kind);
    provenance(&mut kind);
    trees(&mut kind);
    names(&mut kind);
    kind
}

/// The head of a catalogue of the suite `age-pq`.
fn hybrid_head() -> Head {
    let mut head = example::catalogue_head();
    for (reader, recipient) in head.readers.iter_mut().zip(fixtures::recipients_pq()) {
        reader.recipient = fixtures::recipient(&recipient);
    }
    head
}

/// A catalogue of these records, with the totals that they come to.
fn of(records: Vec<Record>) -> Vec<Record> {
    let mut totals = Totals::default();
    for record in &records {
        match record {
            Record::Artifact(_) => totals.artifacts += 1,
            Record::Folder(_) => totals.folders += 1,
            Record::Link(_) => totals.links += 1,
            Record::File(file) => {
                totals.files += 1;
                totals.bytes = totals.bytes.saturating_add(file.size);
            }
            Record::Head(_) | Record::End(_) => {}
        }
    }
    let head = Record::Head(Head { totals, ..example::catalogue_head() });
    [vec![head], records, vec![Record::End(totals)]].concat()
}

/// The bytes of a catalogue of one artifact with these entries.
fn entries(entries: Vec<Record>) -> Vec<u8> {
    sequence(&of([vec![Record::Artifact(example::artifact())], entries].concat()))
}

fn file(path: &str) -> Record {
    Record::File(example::file(path, b"x"))
}

fn dir(path: &str) -> Record {
    Record::Folder(example::folder(path))
}

fn link(path: &str, target: &str) -> Record {
    Record::Link(example::link(path, target))
}

fn told() -> Artifact {
    let note = Note { key: "trained on".to_owned(), value: "日本語 and others".to_owned() };
    let provenance = Provenance {
        licence: Some("Apache-2.0".to_owned()),
        parents: vec![BundleId::of(b"parent")],
        notes: vec![note],
        ..example::artifact().provenance
    };
    Artifact { artifact: "org/tiny:1".parse().unwrap(), provenance }
}

fn sequences(kind: &mut Kind) {
    let good = example::catalogue();
    let last = good.len() - 1;
    let bytes = sequence(&good);
    kind.invalid("empty", "");
    kind.invalid("head_missing", without(&good, 0));
    kind.invalid("second_head", with(&good, 1, good[0].clone()));
    kind.invalid("artifact_missing", without(&good, 1));
    kind.invalid("artifact_twice", with(&good, last, good[1].clone()));
    kind.invalid("link_missing", without(&good, 3));
    kind.invalid("file_missing", without(&good, 5));
    kind.invalid("file_too_many", with(&good, last, file("x")));
    kind.invalid("folder_too_many", with(&good, last, dir("x")));
    kind.invalid("link_too_many", with(&good, last, link("x", "y")));
    kind.invalid("end_missing", without(&good, last));
    kind.invalid("record_after_the_end", with(&good, last + 1, file("x")));
    kind.invalid("second_end", with(&good, last, good[last].clone()));
    kind.invalid("cut_off_in_a_record", &bytes[..bytes.len() - 1]);
    kind.invalid("trailing_byte", [bytes, vec![0]].concat());
    let end = Record::End(Totals { files: 3, ..example::catalogue_head().totals });
    kind.invalid("end_with_other_totals", replaced(&good, last, end));
}

fn heads(kind: &mut Kind) {
    let head = example::catalogue_head;
    let totals = head().totals;
    let reader = || head().readers.swap_remove(0);
    let elsewhere = Reader { site: "elsewhere".parse().unwrap(), ..reader() };
    for (claim, head) in [
        ("format_2", Head { format: 2, ..head() }),
        ("1001_artifacts", Head { totals: Totals { artifacts: 1001, ..totals }, ..head() }),
        ("20000001_entries", Head { totals: Totals { files: 20_000_000, ..totals }, ..head() }),
        ("entries_over_2_to_the_64", Head { totals: Totals { files: u64::MAX, ..totals }, ..head() }),
        ("2_to_the_53_bytes", Head { totals: Totals { bytes: 1 << 53, ..totals }, ..head() }),
        ("more_bytes_than_the_head_says", Head { totals: Totals { bytes: 1, ..totals }, ..head() }),
        ("fewer_bytes_than_the_head_says", Head { totals: Totals { bytes: 1 << 40, ..totals }, ..head() }),
        ("recipients_of_two_suites", Head { readers: vec![reader(), hybrid_head().readers.swap_remove(1)], ..head() }),
        ("recipient_twice", Head { readers: vec![reader(), elsewhere], ..head() }),
    ] {
        kind.invalid(claim, replaced(&example::catalogue(), 0, Record::Head(head)));
    }
    let overflow = File { size: u64::MAX, ..example::file("a", b"") };
    kind.invalid("bytes_over_2_to_the_64", entries(vec![Record::File(overflow), file("b")]));
}

fn provenance(kind: &mut Kind) {
    let told = || told().provenance;
    let note = |key: &str, value: &str| vec![Note { key: key.to_owned(), value: value.to_owned() }];
    let parent = BundleId::of(b"parent");
    let long = "x".repeat(4097);
    for (claim, provenance) in [
        ("host_with_a_control_character", Provenance { host: "host\x1b[2J".to_owned(), ..told() }),
        ("tool_with_a_newline", Provenance { tool: "a\nb".to_owned(), ..told() }),
        ("licence_over_4096_bytes", Provenance { licence: Some(long.clone()), ..told() }),
        ("note_key_with_a_control_character", Provenance { notes: note("a\u{85}b", ""), ..told() }),
        ("note_value_over_4096_bytes", Provenance { notes: note("a", &long), ..told() }),
        ("101_notes", Provenance { notes: vec![note("", "").remove(0); 101], ..told() }),
        ("101_parents", Provenance { parents: vec![parent; 101], ..told() }),
    ] {
        let artifact = Artifact { provenance, ..example::artifact() };
        kind.invalid(claim, sequence(&of(vec![Record::Artifact(artifact)])));
    }
}

fn trees(kind: &mut Kind) {
    let mode = |mode| vec![Record::Folder(Folder { mode, ..example::folder("a") })];
    for (claim, records) in [
        ("path_out_of_order", vec![file("b"), file("a")]),
        ("path_twice", vec![file("a"), file("a")]),
        ("folder_after_what_sorts_behind_it", vec![dir("a"), file("a-b"), file("a/c")]),
        ("parent_missing", vec![file("a/b")]),
        ("parent_is_a_file", vec![file("a"), file("a/b")]),
        ("parent_is_a_link", vec![link("a", "b"), file("a/b")]),
        ("names_that_differ_in_case", vec![file("README"), file("readme")]),
        ("names_that_differ_in_case_beyond_ascii", vec![file("É"), file("é")]),
        ("names_that_differ_in_case_folding", vec![file("strasse"), file("straße")]),
        ("names_that_differ_in_normal_form", vec![file("e\u{301}"), file("\u{e9}")]),
        ("names_that_differ_in_a_trailing_dot", vec![file("a"), file("a.")]),
        ("names_that_differ_in_a_trailing_space", vec![file("a"), file("a ")]),
        ("setuid", mode(0o4755)),
        ("setgid", mode(0o2755)),
        ("sticky", mode(0o1777)),
        ("file_type_in_the_mode", mode(0o040_755)),
        ("link_that_leaves", vec![dir("a"), link("a/b", "../../c")]),
        ("link_that_is_absolute", vec![link("a", "/etc/passwd")]),
    ] {
        kind.invalid(claim, entries(records));
    }
}

/// Names that no writer of this crate can be made to write: put in over a harmless name of the same length. What begins
/// with a stray letter begins with the length that CBOR gives before a text: `g` is 7, `h` is 8.
fn names(kind: &mut Kind) {
    let good = sequence(&of(vec![Record::Artifact(told()), dir("folder"), file("folder/file")]));
    let swap = |from: &str, to: &str| {
        let (from, to) = (from.as_bytes(), to.as_bytes());
        assert_eq!(from.len(), to.len());
        let at = good.windows(from.len()).position(|window| window == from).unwrap();
        [&good[..at], to, &good[at + to.len()..]].concat()
    };
    for (claim, from, to) in [
        ("path_with_dotdot", "folder/file", "folder/../x"),
        ("path_that_is_absolute", "folder/file", "/older/file"),
        ("path_with_a_control_character", "folder/file", "folder\n/ile"),
        ("artifact_name_with_dotdot", "org/tiny", "o/../iny"),
        ("tent_name_in_upper_case", "aurora", "AURORA"),
        ("person_name_that_begins_with_a_dot", "lab-exporter", ".ab-exporter"),
        ("recipient_that_is_none", fixtures::CLUSTER, &altered(fixtures::CLUSTER, "age1h8", "age1h9")),
        ("recipient_in_upper_case", fixtures::CLUSTER, &fixtures::CLUSTER.to_uppercase()),
        ("unknown_role", "rolegauditor", "rolegadviser"),
        ("unknown_field", "licence", "license"),
        ("unknown_record", "hartifact", "hartefact"),
    ] {
        kind.invalid(claim, swap(from, to));
    }
}
