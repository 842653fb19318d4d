//! Full text: an index of documents' texts that ranks by BM25, follows changes exactly and is the same bytes each time it is built.
//!
//! The score of a document d for a query is BM25F (S. Robertson and H. Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond,
//! 2009, section 3.5), where the frequencies of a term in all fields are added before they saturate:
//!
//! ```text
//! score(d) = Σ over terms t of the query:  idf(t) · x(t, d) / (k1 + x(t, d))
//! x(t, d)  = Σ over fields f:  weight(f) · tf(t, d, f) / (1 − b + b · len(d, f) / avg(f))
//! idf(t)   = ln(1 + (N − df(t) + 0.5) / (df(t) + 0.5))
//! ```
//!
//! N, df and avg are those of the documents that are in the index now; df counts documents that have t in any field; lengths are
//! exact, in terms after analysis, and avg is over all documents. With one field of weight 1 it is BM25 without the factor k1 + 1.
//! A sum is made from the rarest term to the commonest, in f32.

mod block;
mod bm25;
mod build;
pub mod completions;
mod edits;
mod error;
mod file;
mod index;
mod list;
mod merge;
mod options;
mod pack;
mod phrase;
mod plan;
pub mod query;
mod search;
mod segment;
mod tail;
mod topk;
mod vocabulary;
mod window;

#[cfg(test)]
mod tests;

pub use build::{Builder, DOCS_MAX};
pub use completions::{Completion, Completions};
pub use edits::EDITS_MAX;
pub use error::Error;
pub use file::Shared;
pub use index::{CHANGES_MAX, Index};
pub use options::{FIELDS_MAX, Field, Options};
pub use query::{Clause, Matches, Occur, Query};
pub use topk::Hit;
pub use vocabulary::{Correction, EXPANSIONS_MAX, PREFIX_TERMS_MAX};
