//! Bundles as they stand on a medium or in a vault: found, judged by their signatures, checked byte by byte, opened.

mod contents;
mod deliver;
mod files;
mod find;
mod judge;
pub(crate) mod room;
mod seal;
mod witness;

pub(crate) use contents::{ChunkRow, Claims, Contents, Entry, FileEntry, Wanted, load, open_keys};
pub(crate) use deliver::{Arrival, deliver};
pub(crate) use files::{check_header, check_listing, digest_of};
pub(crate) use judge::{Judged, Purpose, judge, unjudged};
pub(crate) use room::check_room;

pub use contents::ContentsError;
pub use files::BundleError;
pub use find::{Bundle, FindError, find};
pub use judge::{Addressed, JudgeError};
pub use room::RoomError;
pub use seal::{SealReadError, SealedBundle, Signer};
