//! Re-ranking: order by policy, not by a model.

pub mod cap;
pub mod diversity;
pub mod exclude;
#[cfg(test)]
mod fixture;
pub mod limit;
pub mod rerank;

use rerank::RerankKind;
use tamis_spec::kind::Kind;

/// Keys of `[rerank]`, in the order in which they are applied.
pub const KINDS: &[Kind<dyn RerankKind>] = &[exclude::KIND, diversity::KIND, cap::KIND, limit::KIND];
