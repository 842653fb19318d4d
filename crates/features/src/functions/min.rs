//! `min`: the smallest of a number over events.

use crate::aggregate::extreme;
use crate::function::{Function, Node};
use crate::names::Cx;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "min",
    about: "The smallest value of a number over events, of all time, within a span, or over the last so many; missing when there is none.",
    example: "min(rating.stars, by = user, within = 30d)",
    params: &[],
    it: &Min,
};

struct Min;
impl Function for Min {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        extreme(call, false, cx)
    }
}
