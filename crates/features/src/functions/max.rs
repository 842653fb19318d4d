//! `max`: the largest of a number over events.

use crate::aggregate::extreme;
use crate::function::{Function, Node};
use crate::names::Cx;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "max",
    about: "The largest value of a number over events, of all time, within a span, or over the last so many; missing when there is none.",
    example: "max(rating.stars, by = user, within = 30d)",
    params: &[],
    it: &Max,
};

struct Max;
impl Function for Max {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        extreme(call, true, cx)
    }
}
