//! Retrieval: sources of candidates, and the vectors that are learned for them.

pub mod als;
mod cooccurrence;
pub mod ease;
pub mod encoder;
mod event;
#[cfg(test)]
mod fixture;
pub mod graph;
mod incidence;
pub mod learned;
pub mod lsa;
pub mod neighbours;
mod normal;
pub mod popular;
pub mod recent;
mod running;
pub mod source;
mod stored;
pub mod text;
mod texts;
pub mod topk;
pub mod vector;
mod wide;

use learned::LearnedKind;
use source::SourceKind;
use tamis_spec::kind::Kind;

/// Kinds of `[[candidates]]`.
pub const SOURCES: &[Kind<dyn SourceKind>] =
    &[popular::KIND, recent::KIND, graph::KIND, neighbours::KIND, ease::KIND, vector::KIND, text::KIND];

/// Kinds of `[learned.NAME]`.
pub const LEARNED: &[Kind<dyn LearnedKind>] = &[als::KIND, lsa::KIND, encoder::KIND];
