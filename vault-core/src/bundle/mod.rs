//! Bundles as they stand on a medium or in a vault: found, judged by their signatures, checked byte by byte, opened.

mod choose;
mod contents;
mod deliver;
mod fetch;
mod files;
mod find;
mod judge;
mod mend;
pub(crate) mod room;
mod seal;
mod set;
mod supersede;
mod volumes;
mod witness;

pub(crate) use choose::{Chosen, Listed, Sealed, choose, tell_claimed};
pub(crate) use contents::{
    ArtifactContents, ChunkRow, Claims, Contents, Entry, FileEntry, Wanted, catalogue_of, copy_catalogue, load,
    open_keys, opens_index, with_any,
};
pub(crate) use deliver::weight;
pub(crate) use fetch::{Fetched, Nowhere, Shelf, announce, fetch, read_from};
pub(crate) use files::{check_header, digest_of};
pub(crate) use judge::{Heard, Judged, asked, has_key, hear, join, judge, may_approve, shows, unjudged};
pub(crate) use mend::{Shards, Store, diagnose, files as group_files, mend, tell_lack, tell_unmended};
pub(crate) use room::check_room;
pub(crate) use volumes::{Homes, Whereabouts, regenerate_sums, volume_files};

pub(crate) use witness::{Witness, Witnessed};

pub use choose::{Note, SetError};
pub use contents::ContentsError;
pub use fetch::{Fault, Pace};
pub use files::BundleError;
pub use find::{Bundle, FindError, find};
pub use judge::{
    Addressed, Case, Check, Decision, Earlier, Grounds, JudgeError, Purpose, Rule, Shortfall, Tally, Times, Uncounted,
    Unmet, decide, known_signer,
};
pub use mend::{Damage, Mended, Unmended};
pub use room::RoomError;
pub(crate) use seal::{Copies, read as signatures_of, signature_files, signature_name};
pub use seal::{SealReadError, SealedBundle, Signer, Unfit};
pub(crate) use set::Placed;
pub use set::{Set, gather};
