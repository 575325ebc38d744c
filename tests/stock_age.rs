//! The stock `age` opens what the library seals, and the library what the stock `age` seals.

use crate::support::run;
use crate::support::tools::tool;
use gapvault_formats::agefile::{BLOCK, BlockOpener, BlockSealer, Header, Identity, OpenReader, Recipient, SealWriter};
use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// No block, a part of one, whole ones with and without a rest, and many.
const LENGTHS: [usize; 8] = [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000, 5_000_001];

struct Room {
    folder: tempfile::TempDir,
    identity: Identity,
}

impl Room {
    /// A folder with a key that `age-keygen` made.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        run(tool("age-keygen").arg("-o").arg(&key)).expect(0);
        let text = fs::read_to_string(key).unwrap();
        let secret = text.lines().find(|line| !line.starts_with('#')).unwrap();
        Self { identity: Identity::from_secret(secret).unwrap(), folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn plain(&self, length: usize) -> Vec<u8> {
        let plain: Vec<u8> = (0..length as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect();
        fs::write(self.path("plain"), &plain).unwrap();
        plain
    }

    /// What the stock `age` makes of a sealed file; by its standard output, as for no bytes it makes no file.
    fn age_opens(&self, sealed: &Path) -> Result<Vec<u8>, String> {
        let output = tool("age").arg("-d").arg("-i").arg(self.path("key")).arg(sealed).output().unwrap();
        if output.status.success() { Ok(output.stdout) } else { Err(String::from_utf8_lossy(&output.stderr).into()) }
    }

    fn age_seals(&self, recipients: &[Recipient]) -> PathBuf {
        let sealed = self.path("stock.age");
        let mut age = tool("age");
        for recipient in recipients {
            age.arg("-r").arg(recipient.to_string());
        }
        run(age.arg("-o").arg(&sealed).arg(self.path("plain"))).expect(0);
        sealed
    }
}

#[test]
fn age_keygen_and_the_library_know_the_same_keys() {
    let room = Room::new();
    let stock = run(tool("age-keygen").arg("-y").arg(room.path("key"))).expect(0);
    assert_eq!(stock.out.trim(), room.identity.recipient().to_string());
    let own = Identity::generate();
    fs::write(room.path("own"), own.expose_secret().as_bytes()).unwrap();
    let stock = run(tool("age-keygen").arg("-y").arg(room.path("own"))).expect(0);
    assert_eq!(stock.out.trim(), own.recipient().to_string());
}

#[test]
fn the_stock_age_opens_what_the_library_seals() {
    let room = Room::new();
    let sealed = room.path("sealed.age");
    for length in LENGTHS {
        let plain = room.plain(length);
        let recipients = [Identity::generate().recipient(), room.identity.recipient()];
        let mut writer = SealWriter::new(File::create(&sealed).unwrap(), &recipients).unwrap();
        writer.write_all(&plain).unwrap();
        writer.finish().unwrap();
        assert!(room.age_opens(&sealed).unwrap() == plain, "{length}");
    }
}

#[test]
fn the_stock_age_opens_blocks_that_were_sealed_from_the_last_to_the_first() {
    let room = Room::new();
    let sealed = room.path("sealed.age");
    for length in LENGTHS {
        let plain = room.plain(length);
        let sealer = BlockSealer::new([&room.identity.recipient()]).unwrap();
        let mut blocks: Vec<_> = plain.chunks(BLOCK).map(<[u8]>::to_vec).collect();
        if blocks.is_empty() {
            blocks.push(Vec::new());
        }
        let last = blocks.len() - 1;
        for (number, block) in blocks.iter_mut().enumerate().rev() {
            let tag = sealer.seal(number as u64, number == last, block).unwrap();
            block.extend(tag);
        }
        fs::write(&sealed, [sealer.head(), &blocks.concat()].concat()).unwrap();
        assert!(room.age_opens(&sealed).unwrap() == plain, "{length}");
    }
}

#[test]
fn the_stock_age_refuses_what_the_library_sealed_once_it_is_cut() {
    let room = Room::new();
    let sealed = room.path("sealed.age");
    let mut writer = SealWriter::new(Vec::new(), [&room.identity.recipient()]).unwrap();
    writer.write_all(&room.plain(2 * BLOCK)).unwrap();
    let whole = writer.finish().unwrap();
    for end in [whole.len() - 1, whole.len() - BLOCK - 16] {
        fs::write(&sealed, &whole[..end]).unwrap();
        assert!(room.age_opens(&sealed).is_err(), "{end}");
    }
}

#[test]
fn the_library_opens_what_the_stock_age_seals() {
    let room = Room::new();
    for length in LENGTHS {
        let plain = room.plain(length);
        for recipients in
            [vec![room.identity.recipient()], vec![Identity::generate().recipient(), room.identity.recipient()]]
        {
            let sealed = room.age_seals(&recipients);
            let count = recipients.len() as u64;
            let header = Header::read(File::open(&sealed).unwrap()).unwrap();
            let size = fs::metadata(&sealed).unwrap().len();
            assert_eq!((header.recipients, header.plaintext_length(size)), (count, Some(length as u64)));

            let open = || BufReader::new(File::open(&sealed).unwrap());
            let mut reader = OpenReader::new(open(), &room.identity, count).unwrap();
            let mut back = Vec::new();
            reader.read_to_end(&mut back).unwrap();
            assert!(back == plain, "{length}");
            for at in [length, length / 2, 0] {
                let mut back = Vec::new();
                reader.go_to(at as u64).unwrap();
                reader.read_to_end(&mut back).unwrap();
                assert!(back == plain[at..], "{length} from {at}");
            }

            let opener = BlockOpener::new(open(), &room.identity, count).unwrap();
            let file = fs::read(&sealed).unwrap();
            let mut blocks: Vec<_> =
                file[opener.payload_offset() as usize..].chunks(BLOCK + 16).map(<[u8]>::to_vec).collect();
            let last = blocks.len() - 1;
            for (number, block) in blocks.iter_mut().enumerate().rev() {
                let opened = opener.open(number as u64, number == last, block).unwrap();
                assert!(*opened == plain[number * BLOCK..length.min((number + 1) * BLOCK)], "{length}, block {number}");
            }
        }
    }
}
