//! Files: read without following links, written so that nothing is lost.

mod device;
mod direct;
mod mounts;
mod read;
mod readback;
mod room;
mod scratch;
mod write;

pub(crate) use direct::{ALIGNMENT, Aligned, DirectFile};
pub(crate) use mounts::Mount;
pub(crate) use read::{Folder, OpenError, open_named};
pub(crate) use readback::{BackFile, ReadBack};
pub(crate) use room::{block_bytes, free_bytes};
pub(crate) use scratch::Scratch;
pub(crate) use write::{
    Durable, create_folder, remove_tree, rename_new, swap, sync_folder, write_by_way_of, write_new, write_replacing,
};
