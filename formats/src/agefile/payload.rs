//! The payload: blocks of 64 KiB, each sealed with ChaCha20-Poly1305 under its number (STREAM in C2SP `age.md`).
//!
//! The AEAD is ring's. Sealing and opening know nothing of the blocks before, so blocks go in any order, on any thread.

use super::{AgeError, Header, Identity, Recipient, file_key};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use zeroize::Zeroizing;

/// How many bytes of plaintext a block holds; a file's last block may hold fewer.
pub const BLOCK: usize = 64 << 10;
/// How many bytes longer a sealed block is.
pub const TAG: usize = 16;
/// How many bytes of nonce stand between header and first block.
pub(super) const NONCE: usize = 16;

/// The key of one file's payload, wiped when dropped.
pub(super) struct PayloadKey(Zeroizing<[u8; 32]>);

impl PayloadKey {
    pub(super) fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// ring's form of the key, which it does not wipe: it lives on the stack, as long as one block takes. To make it
    /// costs less than a hundredth of that.
    fn aead(&self) -> Result<LessSafeKey, ring::error::Unspecified> {
        UnboundKey::new(&CHACHA20_POLY1305, self.0.as_slice()).map(LessSafeKey::new)
    }
}

/// Eleven bytes of block number, big endian, and one that is 1 for the last block.
fn nonce(number: u64, last: bool) -> Nonce {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = last.into();
    Nonce::assume_unique_for_key(nonce)
}

/// Whether age has a block number `number` with `length` bytes of plaintext: all but the last are full, and only a
/// file without content has an empty one.
fn is_block(number: u64, last: bool, length: usize) -> bool {
    length == BLOCK || last && length < BLOCK && (length > 0 || number == 0)
}

/// The head of a new age file and the key of its payload: all that it takes to seal blocks in any order, on any thread.
pub struct BlockSealer {
    head: Vec<u8>,
    key: PayloadKey,
}

impl BlockSealer {
    /// Begins a file for `recipients`, with a key of its own.
    ///
    /// # Errors
    /// [`AgeError::NoRecipients`], [`AgeError::Mixed`].
    pub fn new<'a>(recipients: impl IntoIterator<Item = &'a Recipient>) -> Result<Self, AgeError> {
        let (head, key) = file_key::seal(recipients)?;
        Ok(Self { head, key })
    }

    /// What stands in the file before the first block: header and nonce.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Seals the block `number` (from 0) in place and gives the tag that stands behind it; `last` for the file's last
    /// block.
    ///
    /// A number is sealed once: whoever has two different blocks under the same one learns much of both and can forge
    /// more.
    ///
    /// # Errors
    /// [`AgeError::Block`], with the bytes as they were, for a length that this block can't have: every block holds
    /// [`BLOCK`] bytes but the last, which holds at least one, or none if it is the only one.
    pub fn seal(&self, number: u64, last: bool, block: &mut [u8]) -> Result<[u8; TAG], AgeError> {
        if !is_block(number, last, block.len()) {
            return Err(AgeError::Block { number });
        }
        let sealed =
            self.key.aead().and_then(|k| k.seal_in_place_separate_tag(nonce(number, last), Aad::empty(), block));
        sealed.ok().and_then(|tag| tag.as_ref().try_into().ok()).ok_or(AgeError::Block { number })
    }
}

impl fmt::Debug for BlockSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlockSealer")
    }
}

/// The key of an age file's payload: opens its blocks in any order, on any thread.
pub struct BlockOpener {
    head: u64,
    key: PayloadKey,
}

impl BlockOpener {
    /// Opens the header that `head` begins with, after counting its `recipients`; the header's MAC is checked. `head`
    /// holds the file's bytes at least up to its first block; of a longer one a little more is read.
    ///
    /// # Errors
    /// As [`Header::read`]; [`AgeError::Suite`] for a header of another suite than `identity`'s;
    /// [`AgeError::StanzaCount`], [`AgeError::NotARecipient`]; [`AgeError::Broken`] for a header that is not as it was
    /// sealed; [`AgeError::CutOff`] if `head` ends before the first block.
    pub fn new(head: impl Read, identity: &Identity, recipients: u64) -> Result<Self, AgeError> {
        Self::read(BufReader::new(head), identity, recipients)
    }

    /// The same, and `input` stands before the first block then.
    pub(super) fn read(input: impl BufRead, identity: &Identity, recipients: u64) -> Result<Self, AgeError> {
        let (header, head) = Header::read_head(input)?;
        header.expect(identity.suite(), recipients)?;
        let key = file_key::open(&head, identity)?;
        Ok(Self { head: head.len() as u64, key })
    }

    /// Where in the file the first block begins, in bytes.
    #[must_use]
    pub fn payload_offset(&self) -> u64 {
        self.head
    }

    /// Opens the block `number` (from 0) with its tag in place and gives its plaintext; `last` if nothing stands behind
    /// it in the file. That this is so of a block that opened as the last is as sure as its content.
    ///
    /// # Errors
    /// [`AgeError::Block`]: altered, of another file or place, or of a length that this block can't have. Nothing in
    /// `block` means anything then.
    pub fn open<'b>(&self, number: u64, last: bool, block: &'b mut [u8]) -> Result<&'b mut [u8], AgeError> {
        if !block.len().checked_sub(TAG).is_some_and(|length| is_block(number, last, length)) {
            return Err(AgeError::Block { number });
        }
        let opened = self.key.aead().and_then(|key| key.open_in_place(nonce(number, last), Aad::empty(), block));
        opened.map_err(|_| AgeError::Block { number })
    }
}

impl fmt::Debug for BlockOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlockOpener")
    }
}

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (BlockSealer, BlockOpener) {
        let identity = Identity::generate();
        let sealer = BlockSealer::new([&identity.recipient()]).unwrap();
        let opener = BlockOpener::new(sealer.head(), &identity, 1).unwrap();
        (sealer, opener)
    }

    #[test]
    fn blocks_are_sealed_and_opened_on_any_thread() {
        fn on_any_thread<T: Send + Sync>(_: &T) {}
        let (sealer, opener) = pair();
        on_any_thread(&sealer);
        on_any_thread(&opener);
    }

    #[test]
    fn what_is_printed_of_a_file_holds_no_key() {
        let (sealer, opener) = pair();
        assert_eq!(format!("{sealer:?} {opener:?}"), "BlockSealer BlockOpener");
    }

    #[test]
    fn a_block_opens_as_what_it_was_sealed_as_and_as_nothing_else() {
        let (sealer, opener) = pair();
        for (number, last) in [(0, false), (0, true), (1, false), (1 << 40, true), (u64::MAX, false)] {
            let plain = vec![number as u8; BLOCK];
            let mut block = plain.clone();
            let tag = sealer.seal(number, last, &mut block).unwrap();
            block.extend(tag);
            for (n, l) in [(number, !last), (number ^ 1, last), (number ^ (1 << 63), last)] {
                assert!(
                    matches!(opener.open(n, l, &mut block.clone()), Err(AgeError::Block { number }) if number == n)
                );
            }
            assert!(opener.open(number, last, &mut block).unwrap() == plain);
            let (_, stranger) = pair();
            assert!(stranger.open(number, last, &mut block).is_err());
        }
    }

    #[test]
    fn lengths_that_a_block_cannot_have_are_refused_both_ways() {
        let (sealer, opener) = pair();
        let cases = [
            (0, false, 0),
            (0, false, BLOCK - 1),
            (3, false, 5),
            (0, true, BLOCK + 1),
            (9, false, BLOCK + 1),
            (1, true, 0),
        ];
        for (number, last, length) in cases {
            let mut block = vec![7; length];
            let refused = sealer.seal(number, last, &mut block);
            assert!(matches!(refused, Err(AgeError::Block { number: n }) if n == number), "{number} {last} {length}");
            assert_eq!(block, vec![7; length], "a refused block is left as it was");

            // Well authenticated, so that the length alone is what is wrong.
            let tag =
                sealer.key.aead().unwrap().seal_in_place_separate_tag(nonce(number, last), Aad::empty(), &mut block);
            block.extend(tag.unwrap().as_ref());
            assert!(opener.open(number, last, &mut block).is_err(), "{number} {last} {length}");
        }
        for length in 0..TAG {
            assert!(opener.open(0, true, &mut vec![0; length]).is_err());
        }
    }
}
