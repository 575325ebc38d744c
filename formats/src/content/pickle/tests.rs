use super::*;
use proptest::prelude::*;

/// What the walker makes of a file, fed in pieces of `piece` bytes.
fn walked(bytes: &[u8], piece: usize) -> Option<Vec<String>> {
    let mut walker = Walker::default();
    bytes.chunks(piece).for_each(|bytes| walker.follow(bytes));
    walker.end();
    walker.is_pickle().then(|| walker.into_imports())
}

#[track_caller]
fn is(bytes: &[u8], imports: &[&str]) {
    let found = walked(bytes, bytes.len().max(1));
    assert_eq!(found.as_deref(), Some(imports.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice()));
}

#[track_caller]
fn is_not(bytes: &[u8]) {
    assert_eq!(walked(bytes, bytes.len().max(1)), None, "{}", String::from_utf8_lossy(bytes));
}

/// What Python's pickler writes of an object whose `__reduce__` gives `os.system` and `true`, protocols 0 to 4; 5 is as 4.
const CALLS: [&[u8]; 5] = [
    b"cposix\nsystem\np0\n(Vtrue\np1\ntp2\nRp3\n.",
    b"cposix\nsystem\nq\x00(X\x04\x00\x00\x00trueq\x01tq\x02Rq\x03.",
    b"\x80\x02cposix\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.",
    b"\x80\x03cposix\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.",
    b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94.",
];

/// What it writes of a dictionary of a list, floats, a truth value and texts, protocols 0, 2 and 5, as far as it calls
/// nothing.
const DATA: [&[u8]; 4] = [
    b"(dp0\nVa\np1\n(lp2\nI1\naF2.5\naNaI01\nasVc\np9\n(Vt\np10\ntp11\ns.",
    b"}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01G@\x04\x00\x00\x00\x00\x00\x00NI01\neX\x01\x00\x00\x00cq\t(X\x01\x00\x00\x00tq\ntq\x0bu.",
    b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01G@\x04\x00\x00\x00\x00\x00\x00N\x88eu.",
    b"\x80\x05\x95-\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94]\x94(K\x01G@\x04\x00\x00\x00\x00\x00\x00N\x88e\x8c\x01b\x94C\x02xy\x94\x8c\x01c\x94\x8c\x01t\x94\x85\x94u.",
];

#[test]
fn pickles_of_all_protocols_are_recognised() {
    for call in CALLS {
        is(call, &["posix.system"]);
    }
    for data in DATA {
        is(data, &[]);
    }
    is(b"(lp0\n.", &[]);
    is(b"I1\n.", &[]);
}

#[test]
fn what_calls_something_need_not_end() {
    for call in CALLS {
        let after_call = call.iter().rposition(|op| *op == b'R').unwrap() + 1;
        is(&call[..after_call], &["posix.system"]);
        is(&[&call[..after_call], b"\xff not a pickle any more"].concat(), &["posix.system"]);
    }
    // In other words: by class, by mark, by filling, by adding to something that was imported.
    is(b"(S'true'\nios\nsystem\n", &["os.system"]);
    is(b"(cos\nsystem\nS'true'\no\xff", &["os.system"]);
    is(b"cos\nsystem\n)\x81\xff", &["os.system"]);
    is(b"c__main__\nx\n(S'a'\nS'b'\ndb\xff", &["__main__.x"]);
    is(b"csys\npath\nS'/x'\na\xff", &["sys.path"]);
    is(b"csys\npath\np0\n0g0\nS'/x'\na\xff", &["sys.path"]);
    is(b"csys\nmodules\nS'os'\nNs\xff", &["sys.modules"]);
    is(b"csys\npath\n(S'/x'\ne\xff", &["sys.path"]);
    is(b"csys\npath\n(NS'/x'\nu\xff", &["sys.path"]);
    // An import alone counts where the protocol is named; only then can no text be taken for it.
    is(b"\x80\x02cevil\nx\n\xff", &["evil.x"]);
    is(b"N0N0N0\x80\x04\x8c\x01a\x8c\x01b\x93\xff", &["a.b"]);
    is(b"\x80\x02\x82\x01\xff", &["?.?"]);
}

#[test]
fn numbers_are_read_as_loosely_as_python_does() {
    for number in ["I 0x1f", "I1_0", "L-3L", "I5\0whatever!", "F-inf", "F 1e3 "] {
        is(&[number.as_bytes(), b"\n0", CALLS[0]].concat(), &["posix.system"]);
    }
}

#[test]
fn what_python_goes_past_does_not_end_the_walk() {
    let call = CALLS[0];
    for before in [
        // Building on anything, with nothing.
        b"]Nb".as_slice(),
        b"K\x01)b",
        b"Va\n}b",
        b"(lN}\x86b",
        // To C, no number at all.
        b"I\0\n",
        b"I\0what?\n",
        // A mark is popped like anything else.
        b"(0",
        b"((N1",
        b"]p-0\n",
        b"\x95\0\0\0\0\0\0\0\0",
        b"C\x01a\x98",
    ] {
        is(&[before, call].concat(), &["posix.system"]);
    }
    let blanks = vec![b' '; 400];
    is(&[b"S'a".as_slice(), &blanks, b"b'", &blanks, b"\n0", call].concat(), &["posix.system"]);
}

#[test]
fn a_memo_is_what_was_put_there_last() {
    let last = b"(Vtrue\ntR";
    for put in [
        b"Va\np0\n0cos\nsystem\np0\n0g0\n".as_slice(),
        // Numbers too large to be told apart, or followed by a NUL, spaces, zeros.
        b"Va\np1000000000000000000007\n0cos\nsystem\np1000000000000000000008\n0g1000000000000000000008\n",
        b"Va\np1\n0Va\np17\n0cos\nsystem\np1\x007\n0g1\x007\n",
        b"Va\np12\n0cos\nsystem\np 1_2 \n0g+0012\n",
        // The next number is that of things in the memo, not of times that something was put there.
        b"Va\np0\np0\n0Va\np2\n0Va\np1\n0cos\nsystem\n\x940h\x03",
        b"Va\np1\n0cos\nsystem\n\x940h\x01",
        b"Va\np0\np0\n0cos\nsystem\n\x940Va\np2\n0h\x01",
    ] {
        is(&[put, last].concat(), &["os.system"]);
    }
    let zeros = vec![b'0'; 300];
    is(&[b"Va\np1\n0cos\nsystem\np".as_slice(), &zeros, b"1\n0g1\n", last].concat(), &["os.system"]);
    // A reader may be used again, and then keeps what it has.
    is(&[b"cos\nsystem\np0\n.Va\n\x940g0\n", last.as_slice()].concat(), &["os.system"]);
    // More than is remembered.
    let many: String = (0..2_000).map(|n| format!("Va\np{n}\n0")).collect();
    is(&[many.as_bytes(), b"cos\nsystem\np5\n0g5\n", last].concat(), &["os.system"]);
}

#[test]
fn what_is_imported_may_be_a_text() {
    is(b"cos\n__name__\nVsystem\n\x93(Vtrue\ntR", &["os.__name__", "?.system"]);
}

#[test]
fn a_line_may_end_with_the_file() {
    is(b"(Vtrue\nios\nsystemX", &["os.system"]);
    is(b"\x80\x02cevil\nmainX", &["evil.main"]);
    is_not(b"(Vtrue\nios\ns");
    is_not(b"config\nmodel");
}

#[test]
fn an_import_alone_counts_in_what_is_no_text() {
    is(b"cevil\nx\nq\0", &["evil.x"]);
    is(b"K\x010cevil\nx\n?", &["evil.x"]);
    is(b"Vevil\nq\0Vx\n\x93", &["evil.x"]);
    is(b"cevil\nx\n.", &["evil.x"]);
    is(b"cevil\nx\np0\n.\r\n", &["evil.x"]);
    is_not(b"cevil\nx\np0\n. and text");
}

#[test]
fn one_after_the_other() {
    is(&[DATA[0], CALLS[0]].concat(), &["posix.system"]);
    is(&[DATA[0], DATA[1], DATA[0]].concat(), &[]);
    is_not(&[DATA[0], b"and text".as_slice()].concat());
    is(&[DATA[2], b"and raw bytes".as_slice()].concat(), &[]);
    // A long text that is skipped, then a call.
    let long = [b"B\x00\x00\x10\x00".as_slice(), &vec![b'x'; 1 << 20], b"0", CALLS[0]].concat();
    is(&long, &["posix.system"]);
}

#[test]
fn torch_before_zip_is_known_by_its_number() {
    let mut walker = Walker::default();
    walker.follow(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.");
    assert!(walker.is_pickle() && walker.is_torch());
}

#[test]
fn the_first_few_imports_are_told() {
    let names = ["a", "b", "c", "d", "e", "f", "g"].map(|name| format!("cm\n{name}\n)R0"));
    is(names.concat().as_bytes(), &["m.a", "m.b", "m.c", "m.d", "m.e"]);
    // By name from the memo.
    let memo = b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94h\x00\x8c\x05popen\x94\x93\x94.";
    is(memo, &["os.system", "os.popen"]);
}

#[test]
fn text_and_weights_are_no_pickles() {
    for text in [
        "",
        "comment\nof a file\n",
        "cat\ndog\nelephant\n",
        "import os\nimport sys\n",
        "Verbs\nare\nfun\n",
        "# title\n",
        "{\"a\": 1}",
        "[1, 2, 3]",
        "Name,Id\nx,1\n",
        "(defun f (x)\n  x)\n",
        "(in-package :foo)\n(defun x ())\n",
        "Notes.",
        "In the beginning.\n",
        "Python is great\n",
        "N\n.\n",
        "}\n",
        "]]\n",
        "The quick brown fox\n",
        "Good news. There is more.\n",
        "clang\nversion\n",
        "config\nmodel\nReadme\n",
        "Ib\n.",
        "config\nmodel\nName\n",
        "cat\ndog\ncow\nhorse\nape\n",
        "cat\ndog\ncow\nhorse\nbird\n",
        "cat\ndog\ncow\nhorse\nRabbit\n",
        "cat\ndog\n(cow\nhorse\neel\n",
        "cache\nbuild\n.git\n",
        "(included\n30969\nAuto\n",
        "count\nmean\np50\np99\n",
        "class\nname\n\u{e9}t\u{e9}\n",
    ] {
        is_not(text.as_bytes());
    }
    for bytes in [
        // The length of a safetensors header, by chance that of a protocol and of an import.
        b"\x80\x02\0\0\0\0\0\0{\"a\":1}".as_slice(),
        b"c\0\0\0\0\0\0\0{\"__metadata__\":{}}\n",
        b"\x7fELF",
        b"\x82\x01)R\xff",
        b"\x80\x04",
        b"\x80\x7f.",
        &[0x80; 100],
        &[0; 100],
    ] {
        is_not(bytes);
    }
}

#[test]
fn a_stack_without_end_counts_as_a_pickle() {
    is(&vec![b'('; 1 << 20], &[]);
    is(&vec![b'N'; 1 << 20], &[]);
}

proptest! {
    #[test]
    fn whatever_is_fed_in_whatever_pieces_comes_to_the_same(
        which in 0..CALLS.len(), at in 0usize..200, change in proptest::collection::vec(any::<u8>(), 0..20), piece in 1usize..40,
    ) {
        let mut bytes = CALLS[which].to_vec();
        let at = at.min(bytes.len());
        bytes.splice(at..at, change);
        prop_assert_eq!(walked(&bytes, piece), walked(&bytes, bytes.len()));
    }

    #[test]
    fn a_call_behind_any_data_is_found(data in proptest::collection::vec(0..DATA.len(), 0..4), call in 0..CALLS.len()) {
        let mut bytes = data.into_iter().flat_map(|n| DATA[n].to_vec()).collect::<Vec<_>>();
        bytes.extend(CALLS[call]);
        prop_assert_eq!(walked(&bytes, 7), Some(vec!["posix.system".to_owned()]));
    }
}
