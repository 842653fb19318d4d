//! Re-ranking: order by policy, not by a model.

pub mod rerank;
