//! The numbers that the specification gives are those that the code gives.

use gapvault_formats::ids::{LabelKey, Nonce, TentKey, to_hex};
use gapvault_formats::padding::padded;

const SPEC: &str = include_str!("../SPEC.md");

/// The rows of the first table behind `heading`, without its head, cell by cell.
fn table(heading: &str) -> Vec<Vec<String>> {
    let section = SPEC.split(heading).nth(1).expect("the section is there");
    let rows = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().replace(['`', ','], "")).collect();
    rows.skip(2).map(cells).collect()
}

#[test]
fn padded_lengths() {
    let rows = table("### 5.3 ");
    assert!(rows.len() > 5);
    for row in rows {
        let (length, expected): (u64, u64) = (row[0].parse().unwrap(), row[4].parse().unwrap());
        assert_eq!(padded(length), expected, "padded({length})");
    }
}

#[test]
fn values_of_the_example() {
    let key = TentKey::from_bytes([0x22; 32]);
    let tag = LabelKey::from_bytes([0x33; 32]).tag(&Nonce::from_bytes([0x11; 32]), &"aurora".parse().unwrap());
    let expected = [
        key.chunk_id(b"hello\n").to_string(),
        key.chunk_id(&[0; 4096]).to_string(),
        key.pin().to_string(),
        tag.to_string(),
    ];
    let values: Vec<_> = table("## 15 ").into_iter().map(|mut row| row.remove(1)).collect();
    assert_eq!(values, expected);
}

#[test]
fn bytes_of_the_example_index() {
    let block = SPEC.split("```index\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the block is there");
    // What stands behind the bytes of a line says what they mean, after two spaces or more.
    let bytes = |line: &str| line.trim_start().split("  ").next().unwrap_or_default().replace(' ', "");
    let hex: String = block.lines().map(bytes).collect();
    assert_eq!(hex, to_hex(include_bytes!("../vectors/valid/index/two_chunks.cbor")));
}
