//! `overlap`: how much two weighted sets have in common.

use super::cosine::{Measure, pair};
use crate::function::{Function, Node};
use crate::names::Cx;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "overlap",
    about: "Σ min / Σ max of the weights of two sets (Ruzicka; Jaccard's index where all weights are 1), 0 to 1.",
    example: "overlap(recent(rating.movie.genres, by = user), movie.genres)",
    params: &[],
    it: &Overlap,
};

struct Overlap;
impl Function for Overlap {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        pair(call, Measure::Overlap, cx)
    }
}
