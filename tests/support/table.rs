//! Sealed tables written by hand: CBOR records that can be changed, and zstd frames that say little and hold much.

use ciborium::Value;

/// A CBOR sequence, record by record, each as its bytes.
#[derive(Clone, Default)]
pub struct Table {
    pub records: Vec<Vec<u8>>,
    /// What stands behind the records' zstd frame.
    pub frames: Vec<u8>,
}

impl Table {
    /// The given records.
    pub fn of(records: &[impl serde::Serialize]) -> Self {
        Self { records: records.iter().map(cbor).collect(), frames: Vec::new() }
    }

    /// Changes a field of a record; the field's place is written as in `totals.files`.
    pub fn set(&mut self, record: usize, place: &str, value: impl Into<Value>) {
        self.edit(record, place, |field| *field = value.into());
    }

    /// Adds a field at the end of a map in a record; an empty place is the record's own map.
    pub fn add(&mut self, record: usize, place: &str, name: &str) {
        self.edit(record, place, |map| map.as_map_mut().unwrap().push((name.into(), 1.into())));
    }

    /// Changes what stands at a place of a record.
    pub fn edit(&mut self, record: usize, place: &str, change: impl FnOnce(&mut Value)) {
        let mut value: Value = ciborium::from_reader(self.records[record].as_slice()).unwrap();
        let mut field = &mut value.as_map_mut().unwrap()[0].1;
        for name in place.split('.').filter(|name| !name.is_empty()) {
            field = match (field, name.parse::<usize>()) {
                (Value::Array(items), Ok(number)) => &mut items[number],
                (Value::Map(fields), _) => {
                    let found = fields.iter_mut().find(|(key, _)| key.as_text() == Some(name));
                    &mut found.unwrap_or_else(|| panic!("no {place}")).1
                }
                _ => panic!("no {place}"),
            };
        }
        change(field);
        self.records[record] = cbor(&value);
    }

    /// Puts a copy of a record behind it, with another path.
    pub fn add_after(&mut self, record: usize, path: &str) {
        self.records.insert(record + 1, self.records[record].clone());
        self.set(record + 1, "path", path);
    }

    /// Puts a copy of a record before it, with another path.
    pub fn add_before(&mut self, record: usize, path: &str) {
        self.records.insert(record, self.records[record].clone());
        self.set(record, "path", path);
    }

    /// The records as a zstd frame, and what stands behind it.
    pub fn compressed(&self) -> Vec<u8> {
        let mut bytes = zstd_raw(&self.records.concat());
        bytes.extend_from_slice(&self.frames);
        bytes
    }
}

/// A CBOR map.
pub fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

/// The CBOR of a value.
pub fn cbor(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

/// The largest block of a zstd frame, and its window here.
const BLOCK: usize = 128 << 10;

/// A zstd frame of raw blocks.
pub fn zstd_raw(bytes: &[u8]) -> Vec<u8> {
    zstd_bomb(bytes, 0, 0)
}

/// A zstd frame of `bytes` and then `blocks` times 128 KiB of one byte: four bytes on the medium for each block.
pub fn zstd_bomb(bytes: &[u8], byte: u8, blocks: usize) -> Vec<u8> {
    const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
    const WINDOW_128_KIB: u8 = 0x38;
    const RAW: usize = 0;
    const RUN: usize = 1;
    let mut out = MAGIC.to_vec();
    out.extend([0, WINDOW_128_KIB]);
    let mut block = |kind: usize, size: usize, bytes: &[u8], last: bool| {
        let header = usize::from(last) | kind << 1 | size << 3;
        out.extend_from_slice(&header.to_le_bytes()[..3]);
        out.extend_from_slice(bytes);
    };
    for part in bytes.chunks(BLOCK) {
        block(RAW, part.len(), part, false);
    }
    for _ in 0..blocks {
        block(RUN, BLOCK, &[byte], false);
    }
    block(RAW, 0, b"", true);
    out
}
