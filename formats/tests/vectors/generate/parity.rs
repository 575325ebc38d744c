//! Vectors of parity packs: SPEC 5.6. The code that makes them is held to the definition in tests/parity_code.rs.

use super::Kind;
use crate::kinds;

pub(super) fn vectors() -> Kind {
    let mut kind = Kind::new("parity", "bin");
    let counting: Vec<u8> = (1..=33).collect();
    kind.valid("three_packs_and_two", coded(&[&counting, b"ab", b"hello\n"], 2));
    kind.valid("one_pack_and_one", coded(&[b"alone"], 1));
    // Blocks of four, of which neither recovery nor the last block of data fills one.
    let packs: Vec<Vec<u8>> = (0..10u8).map(|pack| (0..100 + pack).map(|n| (pack * 25) ^ (n * 2)).collect()).collect();
    let packs: Vec<&[u8]> = packs.iter().map(Vec::as_slice).collect();
    kind.valid("ten_packs_and_three", coded(&packs, 3));

    kind.invalid("no_parity", "1 0\n0");
    kind.invalid("more_parity_than_packs", "1 1 3\n00");
    kind.invalid("of_empty_packs", "0 0 1\n");
    kind.invalid("over_1024_shards", "1 ".repeat(1024) + "1\n");
    kind.invalid("over_2_gib", "1 2147483648 1\n0");
    kind
}

/// Packs and, behind them, their parity packs.
fn coded(packs: &[&[u8]], parity: usize) -> Vec<u8> {
    let lengths: String = packs.iter().map(|pack| format!("{} ", pack.len())).collect();
    let head = format!("{lengths}{parity}\n").into_bytes();
    kinds::read("parity", &[head, packs.concat()].concat()).expect("a group in bounds").expect("one encoding")
}
