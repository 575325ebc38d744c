//! Every bound on what is read from outside, in one place.
//!
//! A length, count or depth that comes from a medium passes one of these before anything is allocated or believed.

/// The longest `seal.json` in bytes: room for 999,999 packs.
pub const SEAL_BYTES: u64 = 256 << 20;
/// The longest detached signature in bytes.
pub const SIGNATURE_BYTES: u64 = 16 << 10;
/// The longest name of what a security key signs for, in bytes.
pub const SK_APPLICATION_BYTES: usize = 256;
/// The most signatures beside one seal.
pub const SIGNATURES: usize = 64;
/// The longest age header in bytes; the age crate parses longer ones in quadratic time.
pub const AGE_HEADER_BYTES: u64 = 128 << 10;
/// The longest catalogue or index file in bytes.
pub const SEALED_TABLE_BYTES: u64 = 64 << 30;
/// The longest `keys.age` in bytes.
pub const KEYS_BYTES: u64 = 256 << 10;
/// The longest `RECOVER.txt` in bytes.
pub const RECOVER_BYTES: u64 = 64 << 10;
/// The longest `SHA256SUMS.<volume>` in bytes.
pub const SUMS_BYTES: u64 = 256 << 20;
/// The longest pack file in bytes; media with a 4 GiB file limit hold it.
pub const PACK_BYTES: u64 = 2 << 30;
/// The most packs in a bundle: six decimal digits.
pub const PACKS: u64 = 999_999;
/// The most shards in a group of packs with parity: data packs and parity packs together.
pub const GROUP_SHARDS: usize = 1_024;
/// The shortest length of stream in a pack, in bytes.
pub const PACK_STREAM_MIN: u64 = 64 << 10;
/// The longest length of stream in a pack, in bytes.
pub const PACK_STREAM_MAX: u64 = 1 << 30;
/// The most parity packs in a bundle: six decimal digits.
pub const PARITY_PACKS: u64 = 999_999;
/// The most volumes of a bundle.
pub const VOLUMES: usize = 1_000;
/// The most destinations of a bundle.
pub const DESTINATIONS: usize = 500;
/// The most recipient stanzas in one age file of the suite `age-x25519`.
pub const STANZAS: u64 = 1_000;
/// The most recipient stanzas in one age file of the suite `age-pq`: they have 1,557 bytes each, and a header holds 84.
pub const STANZAS_PQ: u64 = 80;
/// The longest record of a catalogue or index in bytes.
pub const RECORD_BYTES: u64 = 1 << 20;
/// The largest zstd window that a reader allocates for a catalogue or index: 2 to this power bytes.
pub const ZSTD_WINDOW_LOG: u32 = 23;
/// The most artifacts in a bundle.
pub const ARTIFACTS: u64 = 1_000;
/// The most entries (files, folders, links) in a bundle.
pub const ENTRIES: u64 = 20_000_000;
/// The most chunks in a bundle: 64 TiB at a mebibyte each. A reader holds 8 bytes of each.
pub const CHUNKS: u64 = 1 << 26;
/// The longest chunk in bytes, before coding.
pub const CHUNK_BYTES: u32 = 4 << 20;
/// The longest path in bytes.
pub const PATH_BYTES: usize = 4_000;
/// The longest name of a file or folder in bytes.
pub const NAME_BYTES: usize = 255;
/// The deepest nesting of folders.
pub const PATH_DEPTH: usize = 128;
/// The most runs in one recipe record; longer recipes span records.
pub const RECIPE_RUNS: usize = 4_096;
/// The most runs in all recipes together. A reader holds 16 bytes of each of the artifact that it checks out.
pub const RUNS: u64 = 1 << 25;
/// The most bytes in all paths and link targets together.
pub const PATHS_BYTES: u64 = 1 << 30;
/// The most notes on an artifact.
pub const NOTES: usize = 100;
/// The longest free text (a note's value, a host, a licence) in bytes.
pub const TEXT_BYTES: usize = 4_096;
/// The longest card file in bytes.
pub const CARD_BYTES: u64 = 16 << 10;
/// The most keys on a person's card.
pub const CARD_KEYS: usize = 16;
/// The longest policy file in bytes.
pub const POLICY_BYTES: u64 = 4 << 20;
/// The most persons in a policy.
pub const POLICY_PERSONS: usize = 10_000;
/// The most sites in a policy.
pub const POLICY_SITES: usize = 1_000;
/// The most tents in a policy.
pub const POLICY_TENTS: usize = 1_000;
/// The longest name of an organisation in a policy, in bytes.
pub const ORGANISATION_BYTES: usize = 64;
/// The longest line of the custody log in bytes.
pub const LOG_LINE_BYTES: usize = 4 << 20;
/// The longest header of a safetensors file that is read for its tensor boundaries, in bytes.
pub const SAFETENSORS_HEADER_BYTES: u64 = 32 << 20;
/// The largest whole number that every JSON reader holds exactly.
pub const JSON_INTEGER: u64 = (1 << 53) - 1;
