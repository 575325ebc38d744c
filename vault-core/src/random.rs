//! Random bytes from the system.

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

/// `N` of them, at most 256.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Errno> {
    const { assert!(N <= 256, "the system gives so many in one go") };
    let mut bytes = [0; N];
    match getrandom(&mut bytes, GetRandomFlags::empty())? {
        read if read == N => Ok(bytes),
        _ => Err(Errno::IO),
    }
}
