//! The event log: append-only segments on disk, the only ground state.
//!
//! A log is a directory of segments; a segment is a header with the schema of its records, then frames; a frame is one
//! batch, whole or not there. What was acknowledged survives a crash and a full disk.

pub mod codec;
mod cut;
pub mod disk;
mod error;
mod frame;
mod log;
mod mapping;
mod read;
mod recover;
pub mod store;
mod wire;

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
#[cfg(any(test, feature = "testing"))]
pub mod faulty;

#[cfg(test)]
mod tests;

pub use disk::Disk;
pub use error::{Damage, Error};
pub use frame::{FRAME_BYTES_MAX, FRAME_RECORDS_MAX};
pub use log::{Log, SEGMENT_BYTES_MAX};
pub use read::{ReadSummary, Sink, read};
pub use recover::Recovered;
pub use store::Store;
