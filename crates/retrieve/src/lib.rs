//! Retrieval: sources of candidates, and the vectors that are learned for them.

pub mod learned;
pub mod source;
