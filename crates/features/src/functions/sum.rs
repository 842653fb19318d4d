//! `sum`: the sum of a number over events.

use crate::aggregate::{self, sum_reader};
use crate::call;
use crate::function::{Function, Node};
use crate::names::Cx;
use crate::state::Value;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "sum",
    about: "The sum of a number over events, of all time, within a span, or fading with a half-life; missing numbers add nothing.",
    example: "sum(rating.stars, by = user, half_life = 30d)",
    params: &[],
    it: &Sum,
};

struct Sum;
impl Function for Sum {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &["by", "within", "half_life"], true)?;
        let of = aggregate::read_pooled(call, &call.args[0], cx)?;
        let cell = of.cell(aggregate::window(call)?, Value::Number(&call.args[0]), cx)?;
        Ok(of.pooled(cell, cx, sum_reader()))
    }
}
