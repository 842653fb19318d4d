//! The door to whatever keeps the bytes: a directory, or a double that fails on purpose.

use std::io;

/// Keeps segments: files of bytes that grow at the end.
///
/// An implementation passes `conformance::check`. Nothing it is told survives a crash before [`Store::sync`] has returned.
pub trait Store {
    /// Number and length in bytes of each segment, by rising number.
    fn segments(&self) -> io::Result<Vec<(u64, u64)>>;

    /// Fills `into` from `offset` on and returns how many bytes there were: fewer than asked for only at the end.
    fn read(&self, segment: u64, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes at `offset`, which is the segment's length; a segment that does not exist is made. After an error any part of
    /// the bytes may have been written.
    fn append(&mut self, segment: u64, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when all that was written to the segment, and that it exists, survives a crash.
    fn sync(&mut self, segment: u64) -> io::Result<()>;

    /// Cuts a segment to `len` bytes and makes that durable; 0 removes it. One that does not exist is no error.
    fn truncate(&mut self, segment: u64, len: u64) -> io::Result<()>;
}
