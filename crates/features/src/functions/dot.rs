//! `dot`: the inner product.

use super::cosine::{Measure, pair};
use crate::function::{Function, Node};
use crate::names::Cx;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "dot",
    about: "The inner product of two vectors or of two weighted sets; missing when one vector is.",
    example: "dot(user.taste, movie.taste)",
    params: &[],
    it: &Dot,
};

struct Dot;
impl Function for Dot {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        pair(call, Measure::Dot, cx)
    }
}
