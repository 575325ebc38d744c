//! The numbers that the specification gives are those that the code gives.

use gapvault_formats::ids::{LabelKey, Nonce, TentKey, to_hex};
use gapvault_formats::padding::padded;
use gapvault_formats::parity::{Encoder, Geometry};

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
    assert_eq!(block("index"), to_hex(include_bytes!("../vectors/valid/index/two_chunks.cbor")));
}

#[test]
fn bytes_of_the_example_parity_pack() {
    let vector = include_bytes!("../vectors/valid/parity/three_packs_and_two.bin");
    let packs = [(1..=33).collect(), b"ab".to_vec(), b"hello\n".to_vec()].concat();
    let behind = [b"33 2 6 2\n".to_vec(), packs].concat();
    let [first, _]: [&[u8]; 2] =
        vector.strip_prefix(&behind[..]).unwrap().chunks(104).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(block("parity"), to_hex(first));
}

#[test]
fn factors_of_the_example_parity_packs() {
    // A data shard of one symbol, which stands for 1, gives its factors.
    let mut encoder = Encoder::new(Geometry::new(3, 2, 64).unwrap());
    for (j, row) in table("### 15.1 ").iter().enumerate() {
        for shard in 0..3 {
            let mut bytes = [0; 64];
            bytes[0] = u8::from(shard == j);
            encoder.add(&bytes).unwrap();
        }
        let recovery = encoder.finish().unwrap();
        let factors: Vec<_> = recovery.iter().map(|bytes| to_hex(&[bytes[32], bytes[0]])).collect();
        assert_eq!(row[1..], factors, "{}", row[0]);
    }
}

/// The bytes in the block of the specification with this name, as hex. What stands behind the bytes of a line says what
/// they mean, after two spaces or more.
fn block(name: &str) -> String {
    let rest = SPEC.split(&format!("```{name}\n")).nth(1).expect("the block is there");
    let bytes = |line: &str| line.trim_start().split("  ").next().unwrap_or_default().replace(' ', "");
    rest.split("```").next().unwrap_or_default().lines().map(bytes).collect()
}
