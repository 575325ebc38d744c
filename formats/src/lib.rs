//! The bytes and rules of gapvault: everything that stands on a medium or in a vault, and what a reader refuses.
//!
//! This crate does no I/O beyond [`std::io::Read`], [`std::io::Write`] and [`std::io::Seek`]; it opens no file, asks no
//! clock and reads no environment. `SPEC.md` beside it says the same in words; numbers such as `SPEC 4.2` in the
//! comments are its clauses.
//!
//! | module | what it holds |
//! |---|---|
//! | [`seal`] | the signed public statement over a bundle |
//! | [`catalogue`], [`index`], [`keys`] | the sealed descriptions |
//! | [`coding`], [`cut`], [`padding`] | how content becomes the stream |
//! | [`parity`] | what mends damaged and lost packs |
//! | [`agefile`], [`table`], [`sshsig`] | the age files and OpenSSH signatures around them |
//! | [`card`], [`person_card`], [`policy`], [`custody`] | trust: public keys, rules, the log |
//! | [`wraps`] | what a vault seals anew for those who may read a bundle later |
//! | [`sums`], [`recover`] | the two files for stock tools |
//! | [`names`], [`relpath`], [`tree`], [`ids`], [`time`], [`limits`] | the types that outside values become |

pub mod agefile;
pub mod card;
pub mod catalogue;
pub mod coding;
pub mod custody;
pub mod cut;
pub mod ids;
pub mod index;
pub mod keys;
pub mod limits;
mod low_order;
pub mod names;
pub mod padding;
pub mod parity;
pub mod person_card;
pub mod policy;
pub mod records;
pub mod recover;
pub mod relpath;
pub mod seal;
pub mod sshsig;
pub mod sums;
pub mod table;
pub mod time;
pub mod tree;
pub mod wraps;

/// The format version that this crate reads and writes; any other is refused.
pub const FORMAT: u32 = 1;
