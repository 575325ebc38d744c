//! How fast age files are sealed and opened on one core, against the age crate's own payload code.
//!
//! `cargo bench -p gapvault-formats --bench age_payload` prints MB/s (10^6 bytes of plaintext a second), the median of
//! the rounds; each round measures all, so that a busy machine slows all of them down.

use gapvault_formats::agefile::{BLOCK, BlockOpener, BlockSealer, Identity, OpenReader, SealWriter, TAG};
use std::io::{Cursor, Read, Write};
use std::time::Instant;

const LENGTH: usize = 64 << 20;
const ROUNDS: usize = 15;
/// What is handed over at a time: a chunk's size.
const PART: usize = 4 << 20;

/// A name, and what is measured under it.
type Case = (&'static str, fn(&mut Bench));

struct Bench {
    identity: Identity,
    age_identity: age::x25519::Identity,
    age_recipient: age::x25519::Recipient,
    plain: Vec<u8>,
    sealed: Vec<u8>,
    /// Both are used over and over: a fresh one would measure the kernel.
    out: Vec<u8>,
    part: Vec<u8>,
}

impl Bench {
    fn age_seals(&mut self) {
        let recipient = std::iter::once(&self.age_recipient as &dyn age::Recipient);
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let mut writer = age::Encryptor::with_recipients(recipient).unwrap().wrap_output(out).unwrap();
        self.plain.chunks(PART).for_each(|part| writer.write_all(part).unwrap());
        self.out = writer.finish().unwrap();
    }

    fn writer_seals(&mut self) {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let mut writer = SealWriter::new(out, [&self.identity.recipient()]).unwrap();
        self.plain.chunks(PART).for_each(|part| writer.write_all(part).unwrap());
        self.out = writer.finish().unwrap();
    }

    /// As a pipeline does it: the plaintext is laid where the pack will be, and sealed there.
    fn blocks_seal(&mut self) {
        let sealer = BlockSealer::new([&self.identity.recipient()]).unwrap();
        self.out.clear();
        self.out.extend_from_slice(sealer.head());
        let last = LENGTH / BLOCK - 1;
        for (number, plain) in self.plain.chunks(BLOCK).enumerate() {
            let begin = self.out.len();
            self.out.extend_from_slice(plain);
            let tag = sealer.seal(number as u64, number == last, &mut self.out[begin..]).unwrap();
            self.out.extend_from_slice(&tag);
        }
    }

    fn age_opens(&mut self) {
        let decryptor = age::Decryptor::new_buffered(self.sealed.as_slice()).unwrap();
        let mut reader = decryptor.decrypt(std::iter::once(&self.age_identity as &dyn age::Identity)).unwrap();
        (0..LENGTH / PART).for_each(|_| reader.read_exact(&mut self.part).unwrap());
        assert_eq!(reader.read(&mut self.part).unwrap(), 0);
    }

    fn reader_opens(&mut self) {
        let mut reader = OpenReader::new(Cursor::new(&self.sealed), &self.identity, 1).unwrap();
        (0..LENGTH / PART).for_each(|_| reader.read_exact(&mut self.part).unwrap());
        assert_eq!(reader.read(&mut self.part).unwrap(), 0);
    }

    fn blocks_open(&mut self) {
        let opener = BlockOpener::new(self.sealed.as_slice(), &self.identity, 1).unwrap();
        let last = LENGTH / BLOCK - 1;
        let block = &mut self.part[..BLOCK + TAG];
        for (number, sealed) in self.sealed[opener.payload_offset() as usize..].chunks(BLOCK + TAG).enumerate() {
            block.copy_from_slice(sealed);
            opener.open(number as u64, number == last, block).unwrap();
        }
    }
}

fn main() {
    let identity = Identity::generate();
    let age_identity: age::x25519::Identity = identity.expose_secret().parse().unwrap();
    let plain: Vec<u8> = (0..LENGTH as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect();
    let mut bench = Bench {
        age_recipient: age_identity.to_public(),
        age_identity,
        identity,
        plain,
        sealed: Vec::new(),
        out: Vec::with_capacity(LENGTH + LENGTH / 1000),
        part: vec![0; PART],
    };
    bench.writer_seals();
    bench.sealed = bench.out.clone();

    let cases: [Case; 6] = [
        ("age crate, StreamWriter", Bench::age_seals),
        ("SealWriter", Bench::writer_seals),
        ("BlockSealer", Bench::blocks_seal),
        ("age crate, StreamReader", Bench::age_opens),
        ("OpenReader", Bench::reader_opens),
        ("BlockOpener", Bench::blocks_open),
    ];
    let mut speeds = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for ((_, run), speeds) in cases.iter().zip(&mut speeds) {
            let begin = Instant::now();
            run(&mut bench);
            speeds.push(LENGTH as f64 / 1e6 / begin.elapsed().as_secs_f64());
        }
    }
    // Of three cases each, the age crate's comes first.
    let mut base = 1.0;
    for (i, ((name, _), mut speeds)) in cases.iter().zip(speeds).enumerate() {
        speeds.sort_by(f64::total_cmp);
        let (median, best) = (speeds[ROUNDS / 2], speeds[ROUNDS - 1]);
        if i % 3 == 0 {
            base = median;
            println!(
                "{:28} {:>8} {:>8} {:>6}",
                if i == 0 { "seal, MB/s" } else { "open, MB/s" },
                "median",
                "best",
                "ratio"
            );
        }
        println!("{name:28} {median:8.0} {best:8.0} {:6.2}", median / base);
    }
}
