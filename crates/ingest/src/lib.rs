//! Ingest: files into typed columns, actors and events, in the order in which they happened.

mod cell;
mod entries;
mod error;
mod import;
mod locate;
mod moment;
mod rows;
pub mod table;
#[cfg(test)]
mod tests;

pub use error::{BadRow, Error};
pub use import::{FileSummary, Import, import};
pub use locate::{Place, Sought, locate};
