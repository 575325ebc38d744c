//! Tents whose bundles are sealed to post-quantum recipients, and to nothing else.

use crate::support::hostile::seal_to;
use crate::support::reseal::{files, read_seal, reseal};
use crate::support::rules::aurora;
use crate::support::tools::tool;
use crate::support::{Gap, Run, Site, assert_same_tree, noise, run, snapshot, write_sample};
use gapvault_formats::agefile::{Header, Identity, OpenReader, Recipient, Suite};
use gapvault_formats::card::Card;
use gapvault_formats::catalogue::{CatalogueReader, CatalogueWriter};
use gapvault_formats::ids::LabelKey;
use gapvault_formats::keys::Keys;
use gapvault_formats::policy;
use gapvault_formats::table::{self, TableWriter};
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

/// A gap whose tent asks for it on both sides.
fn gap() -> Gap {
    let gap = Gap::new();
    gap.lab.post_quantum(true);
    gap.cluster.post_quantum(true);
    gap
}

fn age_files(bundle: &Path) -> Vec<String> {
    files(bundle).into_iter().filter(|name| name.ends_with(".age")).collect()
}

fn header(path: &Path) -> Header {
    Header::read(fs::read(path).unwrap().as_slice()).unwrap()
}

fn identity(site: &Site) -> Identity {
    Identity::from_secret(fs::read_to_string(site.vault.join("secrets/age-pq.key")).unwrap().trim_end()).unwrap()
}

fn plain(path: &Path, identity: &Identity) -> Vec<u8> {
    let (mut plain, sealed) = (Vec::new(), fs::read(path).unwrap());
    let recipients = Header::read(sealed.as_slice()).unwrap().recipients;
    OpenReader::new(Cursor::new(sealed), identity, recipients).unwrap().read_to_end(&mut plain).unwrap();
    plain
}

/// The bundle's keys, as the cluster opens them.
fn keys(gap: &Gap, bundle: &Path) -> Keys {
    Keys::parse(std::str::from_utf8(&plain(&bundle.join("keys.age"), &identity(&gap.cluster))).unwrap()).unwrap()
}

/// Import and verify refuse the bundle with this text, and nothing of it stays.
#[track_caller]
fn assert_refused(gap: &Gap, what: &str, code: i32, text: &str) -> Run {
    let verified = gap.on_stick("verify");
    assert!(verified.code == code && verified.err.contains(text), "{what}: {verified:#?}");
    assert_import_refused(gap, what, code, text)
}

/// Import does, and nothing of it stays. (What it takes a key to see, verify does not look for.)
#[track_caller]
fn assert_import_refused(gap: &Gap, what: &str, code: i32, text: &str) -> Run {
    let bundles = || snapshot(&gap.cluster.vault.join("bundles"));
    let before = bundles();
    let imported = gap.import();
    assert!(imported.code == code && imported.err.contains(text), "{what}: {imported:#?}");
    assert!(bundles() == before, "{what}");
    let pending = gap.cluster.vault.join("pending");
    assert!(!pending.exists() || snapshot(&pending).is_empty(), "{what}");
    imported
}

#[test]
fn a_bundle_of_such_a_tent_is_of_that_suite_in_every_part_and_comes_out_as_it_went_in() {
    let gap = gap();
    let bundle = gap.export_sample();
    assert_eq!(read_seal(&bundle).predicate().suite, Suite::PostQuantum);
    let sealed = age_files(&bundle);
    assert!(sealed.len() > 5, "{sealed:?}");
    for name in sealed {
        assert_eq!(header(&bundle.join(&name)).suite, Suite::PostQuantum, "{name}");
    }
    assert_eq!(keys(&gap, &bundle).identity.suite(), Suite::PostQuantum);
    let recover = fs::read_to_string(bundle.join("RECOVER.txt")).unwrap();
    assert!(recover.contains("age (1.3 or later)") && recover.contains("secrets/age-pq.key"), "{recover}");

    gap.on_stick("verify").expect(0);
    let shown = gap.on_stick("show").expect(0).out;
    assert!(shown.contains("sealed   with the suite age-pq") && shown.contains("(age1pq1"), "{shown}");
    assert!(shown.lines().all(|line| line.len() < 200), "{shown}");
    gap.import().expect(0);
    gap.checkout("model:v1", "out").expect(0);
    assert_same_tree(&gap.path("sample"), &gap.path("out"));
    // The lab knows what it made, too.
    assert!(gap.lab.run(["show", "model:v1"]).expect(0).out.contains("shards/model.safetensors"));
}

#[test]
fn a_classic_bundle_is_refused_there_and_taken_elsewhere() {
    let gap = Gap::new();
    gap.cluster.post_quantum(true);
    let bundle = gap.export_sample();
    assert_eq!(read_seal(&bundle).predicate().suite, Suite::X25519);
    let text = "it is sealed with the suite age-x25519, and tent aurora asks for age-pq";
    let refused = assert_refused(&gap, "classic", 4, text);
    assert!(refused.err.contains("hint: ") && refused.err.contains("--post-quantum"), "{refused:#?}");

    // The lab's tent does not ask for it: whoever exports may.
    fs::remove_dir_all(gap.stick.join("gapvault")).unwrap();
    gap.export(&gap.path("sample"), "model:v2", &["--post-quantum"]).expect(0);
    gap.import().expect(0);
    gap.checkout("model:v2", "out").expect(0);
    assert_same_tree(&gap.path("sample"), &gap.path("out"));

    // A tent without the rule takes both.
    gap.cluster.post_quantum(false);
    gap.export(&gap.path("sample"), "model:v3", &[]).expect(0);
    gap.import().expect(0);
    gap.checkout("model:v3", "classic").expect(0);
    // What was admitted before stays when the rule comes.
    gap.cluster.post_quantum(true);
    gap.checkout("model:v3", "still").expect(0);
}

#[test]
fn a_seal_that_says_another_suite_than_the_stanzas_is_refused() {
    for (asks, says) in [(true, Suite::X25519), (false, Suite::PostQuantum)] {
        let gap = Gap::new();
        gap.lab.post_quantum(asks);
        let bundle = gap.export_sample();
        reseal(&bundle, &gap.lab.signing_key(), |predicate| predicate.suite = says);
        let text = format!("expected was {says}");
        assert_refused(&gap, "another suite", 3, &text);
    }
}

#[test]
fn one_file_sealed_to_classic_recipients_is_refused() {
    let gap = gap();
    let (bundle, lab) = (gap.export_sample(), gap.lab.signing_key());
    let (own, member, keys) = (keys(&gap, &bundle).identity, identity(&gap.cluster), bundle.join("keys.age"));
    let somebody = |count: u64| -> Vec<Recipient> { (0..count).map(|_| Identity::generate().recipient()).collect() };
    for name in age_files(&bundle) {
        let path = bundle.join(&name);
        let (good, recipients) = (fs::read(&path).unwrap(), header(&path).recipients);
        let content = plain(&path, if path == keys { &member } else { &own });
        fs::write(&path, seal_to(&somebody(recipients), &content)).unwrap();
        reseal(&bundle, &lab, |_| ());
        assert_refused(&gap, &name, 3, "an age header of the suite age-x25519, expected was age-pq");

        // One stanza more, or one in the place of another.
        let (lines, begin) = (header_lines(&good), header(&path).length as usize);
        let stranger = header_lines(&seal_to(&somebody(1), b""))[1..3].concat();
        for (what, removed) in [("added", 1..1), ("put in the place of another", 1..3)] {
            let mut lines = lines.clone();
            lines.splice(removed, [stranger.clone()]);
            fs::write(&path, [lines.concat().as_bytes(), &good[begin..]].concat()).unwrap();
            reseal(&bundle, &lab, |_| ());
            assert_refused(&gap, &format!("{name}: {what}"), 3, "an age header");
        }
        fs::write(&path, good).unwrap();
    }
    reseal(&bundle, &lab, |_| ());
    gap.import().expect(0);
}

fn header_lines(age: &[u8]) -> Vec<String> {
    let length = Header::read(age).unwrap().length as usize;
    std::str::from_utf8(&age[..length]).unwrap().split_inclusive('\n').map(str::to_owned).collect()
}

#[test]
fn a_classic_identity_among_the_keys_is_refused() {
    let gap = gap();
    let bundle = gap.export_sample();
    let keys = Keys { identity: Identity::generate(), ..keys(&gap, &bundle) };
    let members = [&gap.lab, &gap.cluster].map(|site| identity(site).recipient());
    fs::write(bundle.join("keys.age"), seal_to(&members, keys.expose_text().as_bytes())).unwrap();
    reseal(&bundle, &gap.lab.signing_key(), |_| ());
    assert_import_refused(&gap, "keys", 3, "its identity's suite is age-x25519, by the seal it is age-pq");
}

#[test]
fn a_catalogue_that_lists_classic_recipients_is_refused() {
    let gap = gap();
    let bundle = gap.export_sample();
    let (path, own) = (bundle.join("catalogue.age"), keys(&gap, &bundle).identity);
    let sealed = fs::read(&path).unwrap();
    let opened = table::open(sealed.as_slice(), &own, 1).unwrap();
    let mut reader = CatalogueReader::new(opened).unwrap();
    let mut head = reader.head().clone();
    for reader in &mut head.readers {
        reader.recipient = Identity::generate().recipient();
    }
    let out = TableWriter::new(Vec::new(), [&own.recipient()]).unwrap();
    let mut writer = CatalogueWriter::new(out, head).unwrap();
    while let Some(record) = reader.next_record().unwrap() {
        writer.write(&record).unwrap();
    }
    fs::write(&path, writer.finish().unwrap().finish().unwrap()).unwrap();
    reseal(&bundle, &gap.lab.signing_key(), |_| ());
    assert_import_refused(&gap, "catalogue", 3, "has a recipient of the suite age-x25519, expected was age-pq");
}

/// Stock `age` is of any version here: one before 1.3 must not leave a person in the dark.
#[test]
fn recover_py_opens_it_or_says_which_age_it_takes() {
    let gap = gap();
    let bundle = gap.export_sample();
    let version = run(tool("age").arg("--version")).expect(0).out;
    let minor = version.trim().trim_start_matches('v').strip_prefix("1.").and_then(|rest| rest.split('.').next());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/recover.py");
    let recover = |key: &str| {
        let key = gap.cluster.vault.join("secrets").join(key);
        run(tool("python3").arg(&script).arg(&bundle).arg("--identity").arg(key).arg("--out").arg(gap.path("out")))
    };
    let old = minor.is_some_and(|minor| minor.parse().is_ok_and(|minor: u32| minor < 3));
    // A classic key opens it with no age.
    for key in if old { ["age.key", "age-pq.key"].as_slice() } else { &["age.key"] } {
        recover(key).refused(1, "suite age-pq, which takes an identity AGE-SECRET-KEY-PQ-1 and age 1.3 or later");
        assert!(!gap.path("out").exists());
    }
    if !old {
        recover("age-pq.key").expect(0);
        assert_same_tree(&gap.path("sample"), &gap.path("out/model:v1"));
    }
}

#[test]
fn an_auditor_reads_the_catalogue_of_such_a_bundle_and_nothing_else() {
    let gap = gap();
    let audit = Site::new(gap.room.path(), "audit");
    gap.lab.trust(&audit, "auditor");
    audit.trust(&gap.lab, "exporter");
    audit.trust(&audit, "auditor");
    audit.post_quantum(true);
    let bundle = gap.export_sample();
    assert_eq!(header(&bundle.join("catalogue.age")).recipients, 2);
    run(audit.command(["import"]).arg(&gap.stick)).expect(0);
    let shown = audit.run(["show", "model:v1"]).expect(0).out;
    assert!(shown.contains("shards/model.safetensors") && shown.contains("auditor of the tent"), "{shown}");
    run(audit.command(["checkout", "model:v1"]).arg(gap.path("out"))).expect(4);
}

/// A medium of two is lost: its packs come from parity, or are made again.
#[test]
fn lost_volumes_come_back_in_the_same_suite() {
    let gap = gap();
    let (source, media) = (gap.path("source"), ["a", "b", "c"].map(|name| gap.path(name)));
    write_sample(&source);
    fs::write(source.join("noise"), noise(3, 1 << 20)).unwrap();
    media.iter().for_each(|medium| fs::create_dir(medium).unwrap());
    let export = |name: &str, media: &[PathBuf], more: &[&str]| {
        let mut command =
            gap.lab.command(["export", "--name", name, "--tent", "aurora", "--pack-size", "64K", "--json"]);
        for medium in media {
            command.arg("--to").arg(medium);
        }
        run(command.arg(&source).args(more)).expect(0).json()["bundle"].as_str().unwrap().to_owned()
    };
    let import = |media: &[PathBuf], name: &str| {
        run(gap.cluster.command(["import"]).args(media)).expect(0);
        gap.checkout(name, name).expect(0);
        assert_same_tree(&source, &gap.path(name));
    };
    export("spare:1", &media, &["--spare-volumes", "1"]);
    import(&media[..2], "spare:1");
    media.iter().for_each(|medium| fs::remove_dir_all(medium.join("gapvault")).unwrap());

    let id = export("again:1", &media[..2], &[]);
    fs::remove_dir_all(media[1].join("gapvault")).unwrap();
    let mut again = gap.lab.command(["export", "--again", &id, "--volume", "2", "--to"]);
    run(again.arg(&media[2])).expect(0);
    import(&[media[0].clone(), media[2].clone()], "again:1");
}

#[test]
fn a_volume_is_not_made_again_in_a_suite_that_the_tent_no_longer_takes() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    let id = gap.lab.run(["list", "--json"]).expect(0).json();
    let id = id.to_string().split("\"bundle\":\"").nth(1).unwrap()[..64].to_owned();
    gap.lab.post_quantum(true);
    fs::remove_dir_all(&bundle).unwrap();
    let mut again = gap.lab.command(["export", "--again", &id, "--volume", "1", "--to"]);
    run(again.arg(&gap.stick)).refused(1, "its tent asks for post-quantum bundles by now");
}

#[test]
fn as_many_readers_as_a_header_has_room_for_and_no_more() {
    let gap = gap();
    let add = |count: usize| {
        gap.lab.change_policy(|policy| {
            let key = policy.persons[0].keys[0].clone();
            let site = |n: usize| {
                let card = Card {
                    site: format!("site-{n}").parse().unwrap(),
                    person: "somebody".parse().unwrap(),
                    key: key.clone(),
                    recipient: Identity::generate().recipient(),
                    label_key: LabelKey::from_bytes([n as u8; 32]),
                    recipient_pq: Identity::generate_for(Suite::PostQuantum).recipient(),
                };
                policy::Site { persons: Vec::new(), ..policy::Site::of_card(&card) }
            };
            let before = policy.sites.len();
            let sites: Vec<_> = (before..before + count).map(site).collect();
            aurora(policy).members.extend(sites.iter().map(|site| site.name.clone()));
            policy.sites.extend(sites);
        });
    };
    add(78);
    let bundle = gap.export_sample();
    assert_eq!(header(&bundle.join("keys.age")).recipients, 80);
    gap.import().expect(0);
    add(1);
    let refused = gap.export(&gap.path("sample"), "model:v2", &[]);
    refused.refused(2, "too many sites with the role member: a bundle of the suite age-pq has room for 80");
}
