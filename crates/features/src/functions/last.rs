//! `last`: the latest value of a number.

use crate::aggregate;
use crate::call;
use crate::function::{Function, Node};
use crate::names::Cx;
use crate::state::{Value, What};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "last",
    about: "The number that the latest event carried; missing when there was none.",
    example: "last(rating.stars, by = user)",
    params: &[],
    it: &Last,
};

struct Last;
impl Function for Last {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &["by"], true)?;
        let of = aggregate::read(call, &call.args[0], cx)?;
        let cell = of.cell(What::LastNumber, Value::Number(&call.args[0]), cx)?;
        Ok(of.node(cell, cx, |state, cell, key, _| state.last_number(cell, key)))
    }
}
