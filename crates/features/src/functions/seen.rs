//! `seen`: whether an event happened at all.

use crate::aggregate;
use crate::call;
use crate::function::{Function, Node, Ty};
use crate::names::Cx;
use crate::state::Value;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "seen",
    about: "Whether such an event happened, ever or within a span.",
    example: "seen(rating, by = (user, movie))",
    params: &[],
    it: &Seen,
};

struct Seen;
impl Function for Seen {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &["by", "within"], true)?;
        let of = aggregate::read_pooled(call, &call.args[0], cx)?;
        aggregate::event_alone(call, cx)?;
        let cell = of.cell(aggregate::window(call)?, Value::Nothing, cx)?;
        let node = of.pooled(cell, cx, |state, cell, keys, now| f32::from(state.sum_of(cell, keys, now) > 0.0));
        Ok(Node { ty: Ty::Bool, ..node })
    }
}
