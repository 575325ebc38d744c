//! Keys, packs and chunks that are not what the signed descriptions say.

use crate::support::hostile::{Files, Forge, entry, pack_name, row, seal_to, split_header};
use crate::support::siege::{Siege, expect_admitted};
use crate::support::table::{map, zstd_bomb};
use gapvault_formats::agefile::{Identity, Recipient};
use gapvault_formats::ids::Nonce;

#[test]
fn descriptions_of_different_bundles_are_refused() {
    Siege::new().import_refuses(&[
        ("the keys of another bundle", |f| f.keys.nonce = Nonce::from_bytes([9; 32]), 3, "keys.age: its nonce is 0909"),
        (
            "the catalogue of another bundle",
            |f| f.catalogue.set(entry::HEAD, "nonce", vec![9; 32]),
            3,
            "catalogue.age: its nonce is 0909",
        ),
        (
            "the index of another bundle",
            |f| f.index.set(row::HEAD, "nonce", vec![9; 32]),
            3,
            "index.age: its nonce is 0909",
        ),
        (
            "the keys of another tent",
            |f| f.keys.tent = "borealis".parse().unwrap(),
            3,
            "keys.age: its tent is borealis, by the destination tag it is aurora",
        ),
        (
            "the catalogue of another tent",
            |f| f.catalogue.set(entry::HEAD, "tent", "borealis"),
            3,
            "catalogue.age: its tent is borealis, by the destination tag it is aurora",
        ),
        (
            "the catalogue of another person",
            |f| f.catalogue.set(entry::HEAD, "person", "somebody"),
            3,
            "catalogue.age: its person is somebody, by the policy it is lab",
        ),
    ]);
}

#[test]
fn keys_in_another_form_are_refused() {
    const FORM: &str = "keys: not the five lines of a gapvault keys file";
    Siege::new().import_refuses(&[
        ("nothing", |f| f.on_keys = |_| String::new(), 3, FORM),
        ("another version", |f| f.on_keys = |text| text.replace("keys 1", "keys 2"), 3, FORM),
        ("other line ends", |f| f.on_keys = |text| text.replace('\n', "\r\n"), 3, FORM),
        ("a line more", |f| f.on_keys = |text| format!("{text}\n"), 3, FORM),
        ("a line less", |f| f.on_keys = |text| text.replace("# tent: aurora\n", ""), 3, FORM),
        ("a longer key", |f| f.on_keys = |text| text.replace("# tent-key: ", "# tent-key: 00"), 3, FORM),
        ("another kind of identity", |f| f.on_keys = |text| text.replace("AGE-SECRET", "AGE-PLUGIN"), 3, FORM),
        ("100,000 lines", |f| f.on_keys = |text| text.repeat(1_000), 3, FORM),
    ]);
}

#[test]
fn readers_that_are_not_the_stanzas_are_refused() {
    Siege::new().import_refuses(&[
        ("a hidden member", |f| f.members.push(somebody()), 3, "keys.age of bundle"),
        (
            "a member that the catalogue hides",
            |f| {
                f.members.push(somebody());
                f.predicate.stanzas.keys = 2;
            },
            3,
            "catalogue.age: its number of members is 1, by the seal it is 2",
        ),
        (
            "a member listed twice to hide another",
            |f| {
                f.members.push(somebody());
                f.predicate.stanzas.keys = 2;
                f.catalogue.edit(entry::HEAD, "readers", |readers| {
                    let twice = readers.as_array().unwrap()[0].clone();
                    readers.as_array_mut().unwrap().push(twice);
                });
            },
            3,
            "catalogue: two readers have the recipient age1",
        ),
        (
            "a member listed as an auditor",
            |f| f.catalogue.set(entry::HEAD, "readers.0.role", "auditor"),
            3,
            "catalogue.age: its number of members is 0, by the seal it is 1",
        ),
        (
            "a hidden reader of the catalogue",
            |f| f.on_files = |f, files| reseal(files, "catalogue.age", &[own(f), somebody()], b""),
            3,
            "catalogue.age of bundle",
        ),
        (
            "a hidden reader of the index",
            |f| f.on_files = |f, files| reseal(files, "index.age", &[own(f), somebody()], b""),
            3,
            "index.age of bundle",
        ),
        (
            "a hidden reader of a pack",
            |f| f.on_files = |f, files| reseal(files, &pack_name(1), &[own(f), somebody()], &[0; 34_816]),
            3,
            "packs/0000/000001.age of bundle",
        ),
    ]);
}

#[test]
fn descriptions_sealed_to_others_are_refused() {
    Siege::new().import_refuses(&[
        (
            "everything",
            |f| f.members = vec![somebody()],
            4,
            "neither keys.age nor catalogue.age is sealed to this vault's key",
        ),
        (
            "the catalogue",
            |f| f.on_files = |_, files| reseal(files, "catalogue.age", &[somebody()], b""),
            3,
            "catalogue.age is not sealed to the identity in keys.age",
        ),
        (
            "the index",
            |f| f.on_files = |_, files| reseal(files, "index.age", &[somebody()], b""),
            3,
            "index.age is not sealed to the identity in keys.age",
        ),
    ]);
}

#[test]
fn packs_of_another_length_are_refused() {
    Siege::new().import_refuses(&[
        (
            "a byte less",
            |f| f.on_files = |f, files| reseal(files, &pack_name(0), &[own(f)], &[0; 65_535]),
            3,
            "packs/0000/000000.age of bundle",
        ),
        (
            "a byte more",
            |f| f.on_files = |f, files| reseal(files, &pack_name(0), &[own(f)], &[0; 65_537]),
            3,
            "does not hold 65536 bytes of stream",
        ),
        (
            "nothing",
            |f| f.on_files = |f, files| reseal(files, &pack_name(1), &[own(f)], b""),
            3,
            "does not hold 34816 bytes of stream",
        ),
        ("the other pack", |f| f.on_files = swap_packs, 3, "packs/0000/000000.age of bundle"),
        (
            "no age file",
            |f| f.on_files = |_, files| drop(files.insert(pack_name(1), vec![0; 40_000])),
            3,
            "no well-formed age header",
        ),
        (
            "a byte behind it",
            |f| f.on_files = |_, files| files.get_mut(&pack_name(1)).unwrap().push(0),
            3,
            "does not hold 34816 bytes of stream",
        ),
    ]);
}

#[test]
fn content_that_is_not_what_was_signed_is_refused_at_checkout() {
    Siege::new().checkout_refuses(&[
        (
            "a pack for somebody else",
            |f| f.on_files = |_, files| reseal(files, &pack_name(0), &[somebody()], &[0; 65_536]),
            3,
            "packs/0000/000000.age of bundle",
        ),
        (
            "a pack that does not authenticate",
            |f| f.on_files = |_, files| *files.get_mut(&pack_name(1)).unwrap().last_mut().unwrap() ^= 1,
            3,
            "packs/0000/000001.age of bundle",
        ),
        (
            "a pack whose header is longer than it is",
            |f| f.on_files = longer_header,
            3,
            "packs/0000/000001.age of bundle",
        ),
        ("another chunk id", |f| f.index.set(row::SECOND, "id", vec![9; 32]), 3, "the index says 0909"),
        ("another chunk under an id", |f| f.stream[70_000] ^= 1, 3, "decodes to "),
        ("another file digest", |f| f.catalogue.set(entry::ZEROS, "sha256", vec![9; 32]), 3, "zeros has SHA-256 "),
        ("chunks in another order", in_another_order, 3, "dir/a.bin has SHA-256 "),
        (
            "another file of several chunks",
            |f| f.catalogue.set(entry::A, "sha256", vec![9; 32]),
            3,
            "dir/a.bin has SHA-256 ",
        ),
        ("padding for a chunk", |f| f.stream.truncate(100_000), 3, "does not decode: not a zstd chunk of 500000 bytes"),
        ("a longer chunk", |f| third_length(f, 500_001), 3, "does not decode: not a zstd chunk of 500001 bytes"),
        ("a shorter chunk", |f| third_length(f, 499_999), 3, "does not decode: not a zstd chunk of 499999 bytes"),
    ]);
}

#[test]
fn chunks_that_are_not_one_frame_of_their_length_are_refused_at_checkout() {
    const MALFORMED: &str = "does not decode: not a zstd chunk of 500000 bytes";
    Siege::new().checkout_refuses(&[
        ("two frames", |f| f.code_zeros(&[zeros(250_000), zeros(250_000)].concat()), 3, MALFORMED),
        ("half a frame", |f| f.code_zeros(&zeros(500_000)[..20]), 3, MALFORMED),
        ("a frame and a byte", |f| f.code_zeros(&[zeros(500_000), vec![0]].concat()), 3, MALFORMED),
        ("a frame and a skippable one", |f| f.code_zeros(&[zeros(500_000), SKIPPABLE.to_vec()].concat()), 3, MALFORMED),
        ("a skippable frame", |f| f.code_zeros(&SKIPPABLE), 3, MALFORMED),
        ("noise", |f| f.code_zeros(&[0x55; 100]), 3, MALFORMED),
        ("8 GiB", |f| f.code_zeros(&zstd_bomb(b"", 0, 65_536)), 3, MALFORMED),
        ("8 GiB that say 500,000 bytes", |f| f.code_zeros(&bomb_that_lies(500_000)), 3, MALFORMED),
        ("8 GiB that say 2^32 - 1 bytes", |f| f.code_zeros(&bomb_that_lies(u32::MAX)), 3, MALFORMED),
    ]);
}

/// What the lies above begin from is no lie.
#[test]
fn a_frame_of_another_compressor_decodes() {
    let mut siege = Siege::new();
    let mut forge = siege.forge();
    forge.code_zeros(&zeros(500_000));
    expect_admitted(&siege.gap, &forge, &siege.gap.path("out"));
}

/// A skippable frame of four bytes.
const SKIPPABLE: [u8; 12] = [0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];

fn zeros(length: usize) -> Vec<u8> {
    let mut out = zstd_bomb(b"", 0, length / (128 << 10));
    let rest = length % (128 << 10);
    // The last block is an empty one of raw bytes: a run takes its place.
    out.truncate(out.len() - 3);
    out.extend_from_slice(&(1 | 1 << 1 | rest << 3).to_le_bytes()[..3]);
    out.push(0);
    out
}

/// The same bomb with a header that gives a size and no window.
fn bomb_that_lies(size: u32) -> Vec<u8> {
    let bomb = zstd_bomb(b"", 0, 65_536);
    const ONE_SEGMENT_SIZE_OF_FOUR_BYTES: u8 = 0xA0;
    [&bomb[..4], &[ONE_SEGMENT_SIZE_OF_FOUR_BYTES], &size.to_le_bytes(), &bomb[6..]].concat()
}

/// A key that nobody here has.
fn somebody() -> Recipient {
    Identity::generate().recipient()
}

fn own(f: &Forge) -> Recipient {
    f.keys.identity.recipient()
}

fn reseal(files: &mut Files, name: &str, recipients: &[Recipient], plain: &[u8]) {
    files.insert(name.to_owned(), seal_to(recipients, plain));
}

fn swap_packs(_: &Forge, files: &mut Files) {
    let (first, second) = (files[&pack_name(0)].clone(), files[&pack_name(1)].clone());
    files.insert(pack_name(0), second);
    files.insert(pack_name(1), first);
}

/// The line that ends the header takes bytes that then count as header, not as content.
fn longer_header(_: &Forge, files: &mut Files) {
    let (header, payload) = split_header(&files[&pack_name(1)]);
    let longer = [&header[..header.len() - 1], b"AAAAAAAA\n", payload].concat();
    files.insert(pack_name(1), longer);
}

fn in_another_order(f: &mut Forge) {
    f.index.edit(row::RECIPE_A, "runs", |runs| {
        let run = |first: u64| map([("first", first.into()), ("count", 1.into())]);
        *runs = vec![run(1), run(0)].into();
    });
}

/// Another length of the last chunk, and of the file that it makes.
fn third_length(f: &mut Forge, length: u64) {
    f.index.set(row::THIRD, "length", length);
    f.catalogue.set(entry::ZEROS, "size", length);
    f.catalogue.set(entry::HEAD, "totals.bytes", 140_000 + length);
    f.catalogue.set(entry::END, "bytes", 140_000 + length);
}
