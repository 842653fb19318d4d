//! Nearest neighbours among vectors: [`Flat`] looks at all of them, [`Index`] at few and reaches a declared recall.
//!
//! An index is an inverted file: every vector stands in the list of its nearest centroid. A search picks lists, looks at all their vectors as
//! half bytes for two dimensions each, and compares the best of those with the query as they are.

mod best;
mod blocks;
mod books;
mod build;
mod coarse;
mod effort;
mod error;
mod filter;
mod flat;
mod image;
mod index;
mod kmeans;
mod layout;
mod panels;
mod pending;
mod scan;
mod search;
mod vector;
mod wide;

pub use build::Options;
pub use effort::Effort;
pub use error::Error;
pub use filter::Filter;
pub use flat::Flat;
pub use index::Index;
pub use search::{Ask, Memo};
pub use vector::Similarity;

#[cfg(test)]
mod tests;
