//! How each kind of vector is read: one function a folder.

use crate::authenticator::Authenticator;
use crate::fixtures;
use gapvault_formats::agefile::Header;
use gapvault_formats::card::Card;
use gapvault_formats::catalogue::{CatalogueReader, CatalogueWriter};
use gapvault_formats::coding::Coder;
use gapvault_formats::custody::LogHead;
use gapvault_formats::ids::{LabelKey, Nonce, TentKey};
use gapvault_formats::index::{self, IndexReader};
use gapvault_formats::keys::Keys;
use gapvault_formats::names::ArtifactRef;
use gapvault_formats::padding;
use gapvault_formats::parity::{Encoder, Geometry, Table};
use gapvault_formats::person_card::AnyCard;
use gapvault_formats::policy::Policy;
use gapvault_formats::records::{RecordReader, RecordWriter};
use gapvault_formats::relpath::{LinkTarget, RelPath};
use gapvault_formats::seal::Seal;
use gapvault_formats::sshsig::{Namespace, PublicKey, Signature};
use gapvault_formats::time::Time;
use serde::Serialize;
use std::fmt::Display;
use std::str::FromStr;

/// What reading gives: the same value written again, where there is one encoding, or the words of the refusal.
pub(crate) type Outcome = Result<Option<Vec<u8>>, String>;

/// Reads a vector of the given kind.
pub(crate) fn read(kind: &str, bytes: &[u8]) -> Outcome {
    match kind {
        "seal" => seal(bytes),
        "catalogue" => catalogue(bytes),
        "index" => index(bytes),
        "record" => record(bytes),
        "chunk" => chunk(bytes),
        "parity" => parity(bytes),
        "keys" => keys(bytes),
        "card" => card(bytes),
        "person-card" => person_card(bytes),
        "policy" => Policy::parse(bytes).map(|_| None).map_err(say),
        "log" => log(bytes),
        "checkpoint" => checkpoint(bytes),
        "sshsig" => sshsig(bytes),
        "age-header" => {
            Header::read(bytes).and_then(|header| header.expect(header.suite, 1)).map(|()| None).map_err(say)
        }
        "path" => path(bytes),
        "link" => link(bytes),
        "artifact" => text::<ArtifactRef>(bytes),
        "time" => text::<Time>(bytes),
        "public-key" => text::<PublicKey>(bytes),
        "derived" => derived(bytes),
        _ => panic!("no vectors of kind {kind:?}"),
    }
}

fn say(error: impl Display) -> String {
    error.to_string()
}

fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("vectors of this kind are text")
}

/// A kind whose type is read from the whole text and prints it again.
fn text<T: FromStr<Err: Display> + Display>(bytes: &[u8]) -> Outcome {
    let value: T = utf8(bytes).parse().map_err(say)?;
    Ok(Some(value.to_string().into_bytes()))
}

fn seal(bytes: &[u8]) -> Outcome {
    let seal = Seal::parse(bytes).map_err(say)?;
    seal.to_bytes().map(Some).map_err(say)
}

fn catalogue(bytes: &[u8]) -> Outcome {
    let mut reader = CatalogueReader::new(bytes).map_err(say)?;
    let mut writer = CatalogueWriter::new(Vec::new(), reader.head().clone()).map_err(say)?;
    while let Some(record) = reader.next_record().map_err(say)? {
        writer.write(&record).map_err(say)?;
    }
    writer.finish().map(Some).map_err(say)
}

fn index(bytes: &[u8]) -> Outcome {
    let mut reader = IndexReader::new(bytes).map_err(say)?;
    let head = reader.head().clone();
    let end = index::End { chunks: head.chunks, files: head.files };
    let mut records = vec![index::Record::Head(head)];
    while let Some(record) = reader.next_record().map_err(say)? {
        records.push(record);
    }
    records.push(index::Record::End(end));
    Ok(Some(sequence(&records)))
}

/// Records of an index one by one, without the rules that hold between them.
fn record(bytes: &[u8]) -> Outcome {
    let (mut reader, mut records) = (RecordReader::new(bytes), Vec::<index::Record>::new());
    while let Some(record) = reader.next_record().map_err(say)? {
        records.push(record);
    }
    Ok(Some(sequence(&records)))
}

/// The bytes of a CBOR sequence.
pub(crate) fn sequence<T: Serialize>(records: &[T]) -> Vec<u8> {
    let mut writer = RecordWriter::new(Vec::new());
    records.iter().for_each(|record| writer.write(record).unwrap());
    writer.into_inner()
}

/// A `chunk` record of an index, then the coded bytes that it stands for; its id is keyed with the fixtures' tent key.
fn chunk(mut bytes: &[u8]) -> Outcome {
    let Some(index::Record::Chunk(row)) = RecordReader::new(&mut bytes).next_record().map_err(say)? else {
        panic!("a vector of this kind begins with a chunk record");
    };
    let mut plain = vec![0; row.length as usize];
    Coder::new().unwrap().decode(row.coding, bytes, &mut plain).map_err(say)?;
    if fixtures::tent_key().chunk_id(&plain) == row.id { Ok(None) } else { Err("another chunk".to_owned()) }
}

/// A line with the packs' lengths and the number of parity packs, then the packs, then the parity packs' files. Shards
/// of these vectors are one stripe.
fn parity(bytes: &[u8]) -> Outcome {
    let end = bytes.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    let mut lengths: Vec<usize> = utf8(&bytes[..end]).split_whitespace().map(|word| word.parse().unwrap()).collect();
    let parity = lengths.pop().unwrap();
    let longest = lengths.iter().copied().max().unwrap_or_default() as u64;
    let geometry = Geometry::new(lengths.len(), parity, longest).map_err(say)?;
    let packs_end = end + lengths.iter().sum::<usize>();
    let (mut encoder, mut table, mut at) = (Encoder::new(geometry), Table::new(geometry), end);
    for (shard, length) in lengths.iter().enumerate() {
        let mut stripe = bytes[at..at + length].to_vec();
        stripe.resize(geometry.stripe_length(0), 0);
        encoder.add(&stripe).map_err(say)?;
        table.add(shard, 0, &stripe);
        at += length;
    }
    let recovery: Vec<_> = encoder.finish().map_err(say)?.iter().map(<[u8]>::to_vec).collect();
    recovery.iter().enumerate().for_each(|(index, stripe)| table.add(geometry.data() + index, 0, stripe));
    let files = recovery.iter().flat_map(|stripe| [stripe, table.as_bytes()].concat());
    Ok(Some(bytes[..packs_end].iter().copied().chain(files).collect()))
}

fn keys(bytes: &[u8]) -> Outcome {
    let keys = Keys::parse(utf8(bytes)).map_err(say)?;
    Ok(Some(keys.expose_text().as_bytes().to_vec()))
}

fn card(bytes: &[u8]) -> Outcome {
    let card = Card::parse(bytes).map_err(say)?;
    Ok(Some(card.to_text().into_bytes()))
}

/// The title decides which kind of card it is read as.
fn person_card(bytes: &[u8]) -> Outcome {
    let card = AnyCard::parse(bytes).map_err(say)?;
    Ok(Some(card.to_text().into_bytes()))
}

fn log(bytes: &[u8]) -> Outcome {
    let (mut head, mut again) = (LogHead::EMPTY, Vec::new());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let (entry, next) = head.follow(line).map_err(say)?;
        let (line, ..) = head.append(entry.time, entry.event).map_err(say)?;
        again.extend(line);
        head = next;
    }
    Ok(Some(again))
}

/// Signed with the P-256 key; ECDSA as this crate does it gives one signature for one message.
fn checkpoint(bytes: &[u8]) -> Outcome {
    let key = fixtures::signing_key(fixtures::P256);
    let head = LogHead::from_checkpoint(bytes, &key.public().unwrap()).map_err(say)?;
    head.to_checkpoint(&key).map(|text| Some(text.into_bytes())).map_err(say)
}

/// A signature over [`fixtures::SIGNED`] as a seal, expected of the fixture's key that it says it is of, else of the
/// P-256 key.
fn sshsig(bytes: &[u8]) -> Outcome {
    let signature = Signature::parse(bytes).map_err(say)?;
    let keys = [fixtures::P256, fixtures::ED25519];
    let in_files = keys.map(fixtures::public);
    let in_security_keys = keys.map(|key| Authenticator::new(key).text());
    let real = [fixtures::SK_P256, fixtures::SK_ED25519].map(str::to_owned);
    let known = [in_files, in_security_keys, real].concat().into_iter().map(|text| text.parse().unwrap());
    let known: Vec<PublicKey> = known.collect();
    let expected = known.iter().find(|key| *key == signature.key()).unwrap_or(&known[0]);
    signature.verify(expected, Namespace::Seal, fixtures::SIGNED).map(|()| None).map_err(say)
}

fn path(bytes: &[u8]) -> Outcome {
    let path = RelPath::new(utf8(bytes)).map_err(say)?;
    Ok(Some(path.as_str().as_bytes().to_vec()))
}

/// One line for where the link stands, the rest is its target.
fn link(bytes: &[u8]) -> Outcome {
    let (at, target) = utf8(bytes).split_once('\n').expect("a path, a line feed and a target");
    let target = LinkTarget::new(&RelPath::new(at).unwrap(), target).map_err(say)?;
    Ok(Some(format!("{at}\n{}", target.as_str()).into_bytes()))
}

/// Values that follow from others: on each line the name of the rule, what goes in, what comes out.
fn derived(bytes: &[u8]) -> Outcome {
    let mut again = String::new();
    for line in utf8(bytes).lines() {
        let words: Vec<_> = line.split(' ').collect();
        let (given, value) = match words[..] {
            ["padded", length, _] => (length.to_owned(), padding::padded(length.parse().unwrap()).to_string()),
            ["pin", key, _] => (key.to_owned(), TentKey::from_hex(key).unwrap().pin().to_string()),
            ["chunk-id", key, ascii, _] => {
                let id = TentKey::from_hex(key).unwrap().chunk_id(ascii.as_bytes());
                (format!("{key} {ascii}"), id.to_string())
            }
            ["tag", key, nonce, tent, _] => {
                let number: Nonce = nonce.parse().unwrap();
                let tag = LabelKey::from_hex(key).unwrap().tag(&number, &tent.parse().unwrap());
                (format!("{key} {nonce} {tent}"), tag.to_string())
            }
            _ => panic!("no such rule: {line}"),
        };
        again += &format!("{} {given} {value}\n", words[0]);
    }
    Ok(Some(again.into_bytes()))
}
