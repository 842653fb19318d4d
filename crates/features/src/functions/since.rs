//! `since`: how long ago an event was.

use crate::aggregate;
use crate::call;
use crate::function::{Function, Node};
use crate::names::Cx;
use crate::state::{Value, What};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "since",
    about: "Hours since the latest event, or since the first one with from = \"first\"; missing when there was none.",
    example: "since(rating, by = user)",
    params: &[],
    it: &Since,
};

struct Since;
impl Function for Since {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &["by", "from"], true)?;
        let first = call::word(call, "from", &["first", "last"])? == Some("first");
        let of = aggregate::read(call, &call.args[0], cx)?;
        aggregate::event_alone(call, cx)?;
        let what = if first { What::FirstTime } else { What::LastTime };
        let cell = of.cell(what, Value::Nothing, cx)?;
        Ok(of.node(cell, cx, |state, cell, key, now| {
            state.time(cell, key).map_or(f32::NAN, |t| ((now - t) as f64 / 3_600_000.0) as f32)
        }))
    }
}
