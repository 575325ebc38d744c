//! Makes parity packs of files: what `scripts/bench-parity` measures beside par2.
//!
//! usage: `parity-files OUT_FOLDER PARITY FILE...`
//!
//! All files are one group. Each core takes every so many-th stripe of it, reads that of all files, and writes what
//! belongs to it into the parity packs; the table follows. Nothing is synced.

use gapvault_formats::parity::{Encoder, Geometry, ParityError, STRIPE, SUM, Table, stripe_sum};
use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::{env, fs, io, thread};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let usage = "usage: parity-files OUT_FOLDER PARITY FILE...";
    let (out, parity) = (arguments.next().ok_or(usage)?, arguments.next().ok_or(usage)?);
    let packs = arguments.map(File::open).collect::<io::Result<Vec<_>>>()?;
    let longest = packs.iter().map(|pack| Ok(pack.metadata()?.len())).collect::<io::Result<Vec<_>>>()?;
    let parity = parity.to_str().ok_or(usage)?.parse()?;
    let geometry = Geometry::new(packs.len(), parity, longest.into_iter().max().unwrap_or_default())?;
    fs::create_dir_all(&out)?;
    let create = |index| File::create(out.join(format!("{index:06}.rs")));
    let files = (0..parity).map(create).collect::<io::Result<Vec<_>>>()?;
    let threads = thread::available_parallelism()?.get();
    thread::scope(|scope| {
        let (packs, files) = (&packs, &files);
        let share = |first| move || encode(geometry, packs, files, (first..geometry.stripes()).step_by(threads));
        let workers: Vec<_> = (0..threads).map(|first| scope.spawn(share(first))).collect();
        let mut table = Table::new(geometry);
        for worker in workers {
            for (stripe, sums) in worker.join().expect("no worker panics")? {
                sums.into_iter().enumerate().for_each(|(shard, sum)| table.set(shard, stripe, sum));
            }
        }
        files.iter().try_for_each(|file| file.write_all_at(table.as_bytes(), geometry.shard()))
    })?;
    Ok(())
}

/// The number of a stripe, and its sums in all shards.
type Sums = (usize, Vec<[u8; SUM]>);

/// Codes some stripes.
fn encode(
    geometry: Geometry,
    packs: &[File],
    files: &[File],
    stripes: impl Iterator<Item = usize>,
) -> io::Result<Vec<Sums>> {
    let (mut encoder, mut buffer, mut all) = (Encoder::new(geometry), vec![0; STRIPE], Vec::new());
    let misused = |error: ParityError| io::Error::other(error);
    for stripe in stripes {
        let mut sums = Vec::with_capacity(geometry.shards());
        let (at, buffer) = (geometry.stripe_offset(stripe), &mut buffer[..geometry.stripe_length(stripe)]);
        for pack in packs {
            let read = read_up_to(pack, buffer, at)?;
            buffer[read..].fill(0);
            sums.push(stripe_sum(buffer));
            encoder.add(buffer).map_err(misused)?;
        }
        for (bytes, file) in encoder.finish().map_err(misused)?.iter().zip(files) {
            sums.push(stripe_sum(bytes));
            file.write_all_at(bytes, at)?;
        }
        all.push((stripe, sums));
    }
    Ok(all)
}

fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], at + done as u64)? {
            0 => break,
            more => done += more,
        }
    }
    Ok(done)
}
