//! Renewing keys: the vault's identities, what was sealed to them, and the keys of tents.
//!
//! Whatever is done here, at every moment what the vault holds can be opened with what it has: new identities are durable
//! before anything is sealed to them alone, wraps are whole before they take another's place, and the log's entry makes
//! a new card or a new tent key count.

mod error;
mod identity;
mod rewrap;
mod tent;

pub use error::RekeyError;
pub use identity::{Forgotten, Renewed, forget_old, identity, recover};
pub use rewrap::{Rewrapped, wraps};
pub use tent::tent;
