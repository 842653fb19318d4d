//! `count`: how many events there were.

use crate::aggregate::{self, sum_reader};
use crate::call;
use crate::function::{Function, Node};
use crate::names::Cx;
use crate::state::Value;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "count",
    about: "How many events there were, of all time, within a span, or fading with a half-life; 0 when none.",
    example: "count(liked, by = movie, within = 30d)",
    params: &[],
    it: &Count,
};

struct Count;
impl Function for Count {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &["by", "within", "half_life"], true)?;
        let of = aggregate::read_pooled(call, &call.args[0], cx)?;
        aggregate::event_alone(call, cx)?;
        let cell = of.cell(aggregate::window(call)?, Value::Nothing, cx)?;
        Ok(of.pooled(cell, cx, sum_reader()))
    }
}
