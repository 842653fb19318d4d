//! `bm25`: how well a text answers a query.

use super::tfidf::pair;
use crate::function::{Function, Node};
use crate::names::Cx;
use crate::texts::{Counted, Statistics};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "bm25",
    about: "Okapi BM25 (Robertson and Zaragoza 2009; k1 = 1.2, b = 0.75) of a query and an actor's text, with how common words are as of the moment; language = \"english\" cuts words to their stems and leaves out those that say nothing. Missing when either has no words.",
    example: "bm25(user.favourite, movie.title, language = \"english\")",
    params: &[],
    it: &Bm25,
};

const K1: f32 = 1.2;
const B: f32 = 0.75;

struct Bm25;
impl Function for Bm25 {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        pair(call, cx, score)
    }
}

/// Σ over the query's terms of idf · tf (k1 + 1) / (tf + k1 (1 - b + b · length / mean length)), with
/// idf = ln(1 + (N - n + 0.5) / (n + 0.5)), which is never negative.
pub(super) fn score(query: &Counted, text: &Counted, known: &Statistics) -> f32 {
    let n = known.n as f32;
    let mean = (known.length / f64::from(known.n.max(1))) as f32;
    let norm = K1 * (1.0 - B + B * text.length / mean.max(1.0));
    let mut sum = 0.0;
    for (term, times) in &query.terms {
        if let Ok(at) = text.terms.binary_search_by_key(term, |(t, _)| *t) {
            let (tf, with) = (text.terms[at].1, known.with(*term));
            let idf = (1.0 + (n - with + 0.5).max(0.0) / (with + 0.5)).ln();
            sum += times * idf * tf * (K1 + 1.0) / (tf + norm);
        }
    }
    sum
}
