//! How much of everything an export has at a time: threads and buffers, which together are its memory.

use super::ExportOptions;
use super::pack::FullPack;
use gapvault_formats::cut::LONGEST;

/// A pipeline's threads and buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) threads: usize,
    /// Chunks in memory, each as it was read and as it was coded.
    pub(super) places: usize,
    /// Packs in memory.
    pub(super) packs: usize,
    /// Large files that are read in turn.
    pub(super) lanes: usize,
}

/// What the program itself, its reader and its writer take.
const BASE: u64 = 32 << 20;
/// A place is two buffers of a chunk's size; a worker has two more, and its zstd contexts; a lane reads ahead.
const PLACE: u64 = 2 * LONGEST as u64;
const LANE: u64 = 2 * LONGEST as u64;
const WORKER: u64 = 4 * LONGEST as u64;

impl Shape {
    /// What `options` ask for, made smaller until it fits in their memory: fewer places first, then packs, then threads.
    /// The error is the least that would do.
    pub(super) fn new(options: ExportOptions, media: usize) -> Result<Self, u64> {
        let threads = options.threads.max(1);
        // Sealing is a fourth of the work, and each seals a pack of his own; one pack fills meanwhile, one is written.
        // One thread hashes as fast as four of them do everything.
        let fourth = threads.div_ceil(4);
        // Each further medium has one that is written.
        let packs = 1 + fourth + media.max(1);
        let mut shape = Self { threads, places: 2 * threads + 2, packs, lanes: fourth };
        let Some(most) = options.memory else { return Ok(shape) };
        while shape.memory(options.pack_size) > most {
            if shape.places > shape.threads + 2 {
                shape.places -= 1;
            } else if shape.packs > 2 {
                shape.packs -= 1;
            } else if shape.threads > 1 {
                shape.threads -= 1;
                shape.lanes = shape.threads.div_ceil(4);
            } else {
                return Err(shape.memory(options.pack_size));
            }
        }
        Ok(shape)
    }

    /// Bytes, without the tables that grow with the number of chunks and files.
    fn memory(self, pack_size: u64) -> u64 {
        let packs = self.packs as u64 * FullPack::longest(pack_size);
        BASE + self.places as u64 * PLACE + self.lanes as u64 * LANE + self.threads as u64 * WORKER + packs
    }
}

#[cfg(test)]
mod tests {
    use super::super::Parity;
    use super::*;

    fn options(threads: usize, memory: Option<u64>) -> ExportOptions {
        let pack_size = ExportOptions::PACK_SIZE;
        ExportOptions {
            threads,
            pack_size,
            memory,
            follow_links: false,
            read_back: true,
            overcommit: false,
            parity: Parity::None,
            restart: false,
            post_quantum: false,
        }
    }

    #[test]
    fn two_threads_take_less_than_what_is_promised() {
        let shape = Shape::new(options(2, None), 1).unwrap();
        assert!(shape.memory(ExportOptions::PACK_SIZE) < 330 << 20, "{shape:?}");
    }

    #[test]
    fn memory_bounds_the_shape_down_to_the_least_that_works() {
        for most in (200..2000).step_by(50) {
            match Shape::new(options(16, Some(most << 20)), 1) {
                Ok(shape) => assert!(shape.memory(ExportOptions::PACK_SIZE) <= most << 20),
                Err(least) => {
                    assert!(least > most << 20);
                    let shape = Shape::new(options(16, Some(least)), 1).unwrap();
                    assert_eq!(shape, Shape { threads: 1, places: 3, packs: 2, lanes: 1 });
                }
            }
        }
    }
}
