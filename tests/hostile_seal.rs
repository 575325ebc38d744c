//! Seals that no gapvault writes, and seals that the policy does not admit: signed by an exporter whom the cluster trusts.

use crate::support::siege::Siege;
use crate::support::untouched::drop_pending;
use gapvault_formats::ids::DestinationTag;
use serde_json::{Value, json};

#[test]
fn seals_that_contradict_themselves_are_refused() {
    Siege::new().import_refuses(&[
        (
            "another format",
            |f| f.on_predicate = |p| p["format"] = json!(2),
            3,
            "seal.json: format is \"2\", this program reads \"1\"",
        ),
        (
            "a suite to come",
            |f| f.on_predicate = |p| p["suite"] = json!("age-mlkem768x25519"),
            3,
            "unknown variant `age-mlkem768x25519`",
        ),
        ("number 0", |f| f.predicate.number = 0, 3, "seal.json: its number is out of range"),
        ("number 2^53", |f| f.predicate.number = 1 << 53, 3, "seal.json: its number is out of range"),
        (
            "over before it began",
            |f| f.predicate.expires = f.predicate.created,
            3,
            "seal.json: it expires before it was created",
        ),
        ("for nobody", |f| f.predicate.destinations.clear(), 3, "seal.json: it has no destination"),
        (
            "for one site twice",
            |f| f.predicate.destinations.push(f.predicate.destinations[0]),
            3,
            "seal.json: its destination tags are not in order",
        ),
        (
            "for 501 sites",
            |f| f.predicate.destinations = (0..501_u16).map(tag).collect(),
            3,
            "seal.json: it has too many destinations",
        ),
        (
            "packs for two",
            |f| f.predicate.stanzas.pack = 2,
            3,
            "seal.json: index and packs must be sealed to the bundle's identity alone",
        ),
        ("keys for nobody", |f| f.predicate.stanzas.keys = 0, 3, "seal.json: the keys' recipients are out of range"),
        (
            "a catalogue for 1,001",
            |f| f.predicate.stanzas.catalogue = 1_001,
            3,
            "seal.json: the catalogue's recipients are out of range",
        ),
        (
            "built on another",
            |f| f.on_predicate = |p| p["builds_on"] = json!(["0".repeat(64)]),
            3,
            "seal.json: builds_on is reserved",
        ),
        ("with parity", |f| f.on_predicate = |p| p["parity"] = json!({"data": 3}), 3, "seal.json is not of the format"),
        ("packs of 1 byte", |f| f.predicate.stream.pack = 1, 3, "seal.json: its packs have a length out of range"),
        (
            "packs of 2^63 bytes",
            |f| f.predicate.stream.pack = 1 << 63,
            3,
            "seal.json: its packs have a length out of range",
        ),
        ("no packs at all", |f| f.predicate.stream.pack = 0, 3, "seal.json: its packs have a length out of range"),
        ("a stream of 2^62 bytes", |f| f.predicate.stream.length = 1 << 62, 3, "seal.json: it has too many packs"),
        ("a stream that is not padded", |f| f.predicate.stream.length -= 1, 3, "seal.json: its stream is not padded"),
        (
            "a pack on two volumes",
            |f| f.predicate.volumes[0].packs = vec![(0, 1), (0, 2)],
            3,
            "seal.json: its volumes do not hold each pack once",
        ),
        (
            "a pack on no volume",
            |f| f.predicate.volumes[0].packs = vec![(0, 1)],
            3,
            "seal.json: its volumes do not hold each pack once",
        ),
        (
            "packs backwards",
            |f| f.predicate.volumes[0].packs = vec![(2, 0)],
            3,
            "seal.json: its volumes do not hold each pack once",
        ),
        (
            "2^64 packs",
            |f| f.predicate.volumes[0].packs = vec![(0, u64::MAX)],
            3,
            "seal.json: its volumes do not hold each pack once",
        ),
        ("no volume", |f| f.predicate.volumes.clear(), 3, "seal.json: its volumes are out of range"),
        (
            "a volume that climbs",
            |f| f.on_predicate = |p| p["volumes"][0]["name"] = json!("../../x"),
            3,
            "seal.json is not of the format: volume name \"../../x\"",
        ),
        (
            "another folder",
            |f| f.on_predicate = |p| p["label"] = json!("elsewhere"),
            3,
            "seal.json is the seal of bundle elsewhere, its folder is forged-",
        ),
        (
            "a folder that climbs",
            |f| f.on_predicate = |p| p["label"] = json!("../x"),
            3,
            "seal.json is not of the format: label \"../x\"",
        ),
    ]);
}

fn tag(n: u16) -> DestinationTag {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&n.to_be_bytes());
    DestinationTag::from_bytes(bytes)
}

#[test]
fn seals_that_name_other_files_are_refused() {
    let mut siege = Siege::new();
    siege.import_refuses(&[
        (
            "upwards",
            |f| f.on_seal = |s| s.replace("\"RECOVER.txt\"", "\"../../x\""),
            3,
            "seal.json names a file \"../../x\", which no bundle has",
        ),
        (
            "absolute",
            |f| f.on_seal = |s| s.replace("\"RECOVER.txt\"", "\"/etc/passwd\""),
            3,
            "seal.json names a file \"/etc/passwd\"",
        ),
        (
            "itself",
            |f| f.on_seal = |s| s.replace("\"RECOVER.txt\"", "\"seal.json\""),
            3,
            "seal.json names a file \"seal.json\"",
        ),
        (
            "a pack on another way",
            |f| f.on_seal = |s| s.replace("packs/0000/000001", "packs/../packs/0000/000001"),
            3,
            "seal.json names a file \"packs/../packs/0000/000001.age\"",
        ),
        (
            "a pack in another folder",
            |f| f.on_seal = |s| s.replace("packs/0000/000001", "packs/0001/000001"),
            3,
            "seal.json names a file \"packs/0001/000001.age\"",
        ),
        (
            "a pack too many",
            |f| f.on_files = |_, files| drop(files.insert("packs/0000/000002.age".to_owned(), Vec::new())),
            3,
            "seal.json: its subjects are not the files of this bundle: packs/0000/000002.age",
        ),
        (
            "a pack less",
            |f| f.on_files = |_, files| drop(files.remove("packs/0000/000001.age")),
            3,
            "seal.json: its subjects are not the files of this bundle: packs/0000/000001.age",
        ),
        (
            "no keys",
            |f| f.on_files = |_, files| drop(files.remove("keys.age")),
            3,
            "seal.json: its subjects are not the files of this bundle: keys.age",
        ),
        ("one file twice", |f| f.on_seal = twice, 3, "seal.json: its subjects are not the files of this bundle"),
        (
            "out of order",
            |f| f.on_seal = |s| s.replacen("RECOVER.txt", "keys.age", 1),
            3,
            "seal.json: its subjects are not the files of this bundle: RECOVER.txt",
        ),
        (
            "a size of 2^63",
            |f| f.on_seal = |s| size(&s, "keys.age", "9223372036854775808"),
            3,
            "seal.json: keys.age has 9223372036854775808 bytes, the limit is 262144",
        ),
        (
            "a size of 2^64",
            |f| f.on_seal = |s| size(&s, "keys.age", "18446744073709551616"),
            3,
            "seal.json is not of the format",
        ),
        (
            "a pack of 3 GiB",
            |f| f.on_seal = |s| size(&s, "packs/0000/000000.age", "3221225472"),
            3,
            "seal.json: packs/0000/000000.age has 3221225472 bytes, the limit is 2147483648",
        ),
    ]);
    // A file that is not the seal's is damage, as far as anybody can know: what is good waits, and is no bundle.
    let lies: [fn(String) -> String; 2] = [|s| size(&s, "RECOVER.txt", "9"), other_digest];
    for lie in lies {
        let mut forge = siege.forge();
        forge.on_seal = lie;
        forge.write(&siege.gap.stick);
        siege.gap.import().refused(3, "RECOVER.txt of bundle");
        drop_pending(&siege.gap.cluster, "RECOVER.txt is another");
    }
}

fn twice(seal: String) -> String {
    let line = seal.lines().nth(1).unwrap().to_owned();
    seal.replacen(&line, &format!("{line}\n{line}"), 1)
}

/// The seal with another size of one file.
fn size(seal: &str, name: &str, size: &str) -> String {
    let change = |line: &str| match line.split_once("\"size\":") {
        Some((before, after)) if line.contains(name) => {
            format!("{before}\"size\":{size}{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        _ => line.to_owned(),
    };
    seal.lines().map(|line| change(line) + "\n").collect()
}

fn other_digest(seal: String) -> String {
    let at = seal.find("RECOVER.txt").unwrap();
    let digest = at + seal[at..].find("sha256\":\"").unwrap() + 9;
    format!("{}{}{}", &seal[..digest], "0".repeat(64), &seal[digest + 64..])
}

#[test]
fn seals_in_another_form_are_refused() {
    Siege::new().import_refuses(&[
        (
            "a field more",
            |f| f.on_predicate = |p| p["also"] = json!(1),
            3,
            "seal.json is not of the format: unknown field `also`",
        ),
        (
            "a field less",
            |f| f.on_predicate = |p| drop(p.as_object_mut().unwrap().shift_remove("expires")),
            3,
            "seal.json is not of the format: missing field `expires`",
        ),
        (
            "a field of the statement more",
            |f| f.on_seal = |s| s.replacen('{', "{\"also\":1,", 1),
            3,
            "seal.json is not of the format: unknown field `also`",
        ),
        (
            "a field twice",
            |f| f.on_seal = |s| s.replace("\"number\":", "\"number\":1,\"number\":"),
            3,
            "seal.json is not of the format: duplicate field `number`",
        ),
        ("another statement", |f| f.on_seal = |s| s.replace("Statement/v1", "Statement/v2"), 3, "seal.json: _type is"),
        ("another predicate", |f| f.on_seal = |s| s.replace("seal:v1", "seal:v2"), 3, "seal.json: predicateType is"),
        (
            "a space",
            |f| f.on_seal = |s| s.replace("\"number\":", "\"number\": "),
            3,
            "seal.json is not in its canonical layout",
        ),
        ("another order", |f| f.on_predicate = first_field_last, 3, "seal.json is not in its canonical layout"),
        (
            "an escape",
            |f| f.on_seal = |s| s.replace("RECOVER", "\\u0052ECOVER"),
            3,
            "seal.json is not in its canonical layout",
        ),
        (
            "a number with a point",
            |f| f.on_predicate = |p| p["number"] = json!(1.5),
            3,
            "seal.json is not of the format",
        ),
        ("something behind it", |f| f.on_seal = |s| s + "{}", 3, "seal.json is not of the format: trailing characters"),
        ("nothing", |f| f.on_seal = |_| String::new(), 3, "seal.json is not of the format"),
        ("arrays in each other", |f| f.on_seal = |_| "[".repeat(1_000_000), 3, "seal.json is not of the format"),
    ]);
}

fn first_field_last(predicate: &mut Value) {
    let fields = predicate.as_object_mut().unwrap();
    let format = fields.shift_remove("format").unwrap();
    fields.insert("format".to_owned(), format);
}
