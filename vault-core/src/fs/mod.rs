//! Files: read without following links, written so that nothing is lost.

mod read;
mod room;
mod write;

pub(crate) use read::{Folder, OpenError};
pub(crate) use room::free_bytes;
pub(crate) use write::{Durable, create_folder, remove_tree, rename_new, sync_folder, write_new, write_replacing};
