//! How fast an export could be at most: the primitives that every chunk passes, without files, channels or waiting.
//!
//! usage: `cargo bench --bench roofline [-- FILE [THREADS]]`, with the whole path of FILE
//!
//! FILE gives the bytes, best bf16 weights (up to 512 MiB of them; without a file, some are made), in chunks of 4 MiB.
//! The chain of all primitives is timed, and each of them alone, on one thread and on THREADS (as many as the machine
//! runs at once). Every rate is in GB of *plain* bytes a second, also where fewer bytes are handled, so that the inverse
//! rates of the links add up to the inverse rate of the chain. Prints one JSON object.

use gapvault_formats::agefile::{BLOCK, BlockSealer, Identity};
use gapvault_formats::coding::{Coder, Coding};
use gapvault_formats::ids::TentKey;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CHUNK: usize = 4 << 20;
const MOST: usize = 512 << 20;

/// What is done to a chunk.
#[derive(Clone, Copy)]
enum Link {
    /// From the page cache into a buffer, as reading does.
    Copy,
    HashPlain,
    ChunkId,
    /// Coding, and the proof that the result decodes.
    Code,
    Seal,
    HashSealed,
    /// The proof alone. It is no link of the chain, being a part of [`Link::Code`].
    Prove,
}

const CHAIN: [Link; 6] = [Link::Copy, Link::HashPlain, Link::ChunkId, Link::Code, Link::Seal, Link::HashSealed];

/// A chunk, and what coding makes of it, for the links that come after.
struct Chunk<'a> {
    plain: &'a [u8],
    coding: Coding,
    coded: Vec<u8>,
}

/// The buffers and contexts of a thread, used again for every chunk: fresh memory costs more than copying.
struct Worker {
    coder: Coder,
    key: TentKey,
    sealer: BlockSealer,
    /// How many blocks it has sealed.
    blocks: u64,
    plain: Vec<u8>,
    coded: Vec<u8>,
    proof: Vec<u8>,
    /// Time spent, by link.
    spent: [Duration; 7],
}

impl Worker {
    fn new() -> io::Result<Self> {
        Ok(Self {
            coder: Coder::new()?,
            key: TentKey::from_bytes([7; 32]),
            sealer: BlockSealer::new([&Identity::generate().recipient()]).map_err(io::Error::other)?,
            blocks: 0,
            plain: vec![0; CHUNK],
            coded: Vec::new(),
            proof: Vec::new(),
            spent: [Duration::ZERO; 7],
        })
    }

    /// Puts a chunk into the state in which any link can find it.
    fn prepare(&mut self, chunk: &Chunk<'_>) {
        self.plain.clear();
        self.plain.extend_from_slice(chunk.plain);
        self.coded.clone_from(&chunk.coded);
    }

    fn timed(&mut self, link: Link, chunk: &Chunk<'_>) -> io::Result<()> {
        let began = Instant::now();
        self.link(link, chunk)?;
        self.spent[link as usize] += began.elapsed();
        Ok(())
    }

    fn link(&mut self, link: Link, chunk: &Chunk<'_>) -> io::Result<()> {
        match link {
            Link::Copy => {
                self.plain.clear();
                self.plain.extend_from_slice(black_box(chunk.plain));
            }
            Link::HashPlain => drop(black_box(Sha256::digest(&self.plain))),
            Link::ChunkId => drop(black_box(self.key.chunk_id(&self.plain))),
            Link::Code => drop(black_box(self.coder.encode(&self.plain, &mut self.coded)?)),
            Link::Seal => {
                // In place, as if each chunk ended a file: only a last block may be short.
                for block in self.coded.chunks_mut(BLOCK) {
                    let last = block.len() < BLOCK;
                    black_box(self.sealer.seal(self.blocks, last, block).map_err(io::Error::other)?);
                    self.blocks += 1;
                }
            }
            Link::HashSealed => drop(black_box(Sha256::digest(&self.coded))),
            Link::Prove => {
                self.proof.resize(self.plain.len(), 0);
                self.coder.decode(chunk.coding, &self.coded, &mut self.proof).map_err(io::Error::other)?;
                assert!(self.proof == self.plain, "a chunk did not decode to its own bytes");
            }
        }
        Ok(())
    }
}

/// What threads came to that shared the chunks among them.
struct Pass {
    wall: Duration,
    /// Of all threads together, by link.
    spent: [Duration; 7],
}

/// Gives each chunk to one of `threads` threads. The first one, before the clock starts, makes the buffers warm.
fn share(
    threads: usize,
    chunks: &[Chunk<'_>],
    work: impl Fn(&mut Worker, &Chunk<'_>) -> io::Result<()> + Sync,
) -> io::Result<Pass> {
    let (next, start) = (AtomicUsize::new(0), Barrier::new(threads + 1));
    std::thread::scope(|scope| {
        let run = || -> io::Result<[Duration; 7]> {
            let warm = Worker::new().and_then(|mut worker| work(&mut worker, &chunks[0]).map(|()| worker));
            start.wait();
            let mut worker = warm?;
            worker.spent = [Duration::ZERO; 7];
            while let Some(chunk) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) {
                work(&mut worker, chunk)?;
            }
            Ok(worker.spent)
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        start.wait();
        let began = Instant::now();
        let mut spent = [Duration::ZERO; 7];
        for worker in workers {
            let own = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            spent.iter_mut().zip(own).for_each(|(sum, part)| *sum += part);
        }
        Ok(Pass { wall: began.elapsed(), spent })
    })
}

/// How long one link takes for all chunks, if the threads do nothing else.
fn alone(threads: usize, chunks: &[Chunk<'_>], link: Link) -> io::Result<Duration> {
    let pass = share(threads, chunks, |worker, chunk| {
        worker.prepare(chunk);
        worker.timed(link, chunk)
    })?;
    Ok(pass.spent[link as usize] / threads as u32)
}

fn chain(threads: usize, chunks: &[Chunk<'_>]) -> io::Result<Pass> {
    share(threads, chunks, |worker, chunk| CHAIN.into_iter().try_for_each(|link| worker.timed(link, chunk)))
}

/// Normally distributed bf16 by the sum of uniforms: the same on every machine.
fn made_weights() -> Vec<u8> {
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    let mut weight = || (0..12).map(|_| uniform()).sum::<f32>() * 0.02;
    (0..MOST / 8).flat_map(|_| ((weight().to_bits() >> 16) as u16).to_le_bytes()).collect()
}

fn main() -> io::Result<()> {
    // cargo passes `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let mut bytes = Vec::new();
    match arguments.next() {
        Some(path) => {
            let file = File::open(&path).map_err(|e| io::Error::new(e.kind(), format!("{path}: {e}")))?;
            file.take(MOST as u64).read_to_end(&mut bytes)?;
        }
        None => bytes = made_weights(),
    }
    let threads = match arguments.next() {
        Some(number) => number.parse().map_err(io::Error::other)?,
        None => std::thread::available_parallelism()?.get(),
    };

    let mut coder = Coder::new()?;
    let coded = |plain| {
        let mut coded = Vec::new();
        coder.encode(plain, &mut coded).map(|coding| Chunk { plain, coding, coded })
    };
    let chunks = bytes.chunks_exact(CHUNK).map(coded).collect::<io::Result<Vec<_>>>()?;
    if chunks.is_empty() || threads == 0 {
        return Err(io::Error::other("needs a thread, and a file of at least 4 MiB"));
    }
    report(threads, &chunks)
}

fn report(threads: usize, chunks: &[Chunk<'_>]) -> io::Result<()> {
    let plain = (chunks.len() * CHUNK) as f64;
    let rate = |time: Duration| plain / 1e9 / time.as_secs_f64();
    let (single, all) = (chain(1, chunks)?, chain(threads, chunks)?);
    let spent_by_chain = all.spent.iter().sum::<Duration>().as_secs_f64();
    let mut lines = Vec::new();
    let mut line = |name: &str, one: Duration, many: Duration, share: f64| {
        let (one, many) = (rate(one), rate(many));
        lines.push(format!(r#"    {{"name": "{name}", "one": {one:.3}, "all": {many:.3}, "share": {share:.4}}}"#));
    };
    let proof = (alone(1, chunks, Link::Prove)?, alone(threads, chunks, Link::Prove)?);
    for link in CHAIN {
        let (one, many) = (alone(1, chunks, link)?, alone(threads, chunks, link)?);
        let share = all.spent[link as usize].as_secs_f64() / spent_by_chain;
        match link {
            Link::Copy => line("copy", one, many, share),
            Link::HashPlain => line("sha256 of plain", one, many, share),
            Link::ChunkId => line("keyed blake3", one, many, share),
            Link::Code => {
                // Proving is the last thing that coding does: split as the two are apart.
                let proving = share * proof.1.as_secs_f64() / many.as_secs_f64();
                line("coding", one.saturating_sub(proof.0), many.saturating_sub(proof.1), share - proving);
                line("proof", proof.0, proof.1, proving);
            }
            Link::Seal => line("sealing", one, many, share),
            Link::HashSealed => line("sha256 of sealed", one, many, share),
            Link::Prove => {}
        }
    }
    let coded: usize = chunks.iter().map(|chunk| chunk.coded.len()).sum();
    println!("{{\n  \"plain_bytes\": {plain}, \"ratio\": {:.4}, \"threads\": {threads},", coded as f64 / plain);
    println!("  \"chain\": {{\"one\": {:.3}, \"all\": {:.3}}},", rate(single.wall), rate(all.wall));
    println!("  \"links\": [\n{}\n  ]\n}}", lines.join(",\n"));
    Ok(())
}
