//! `age`: how old something is.

use crate::function::{Function, Node};
use crate::names::Cx;
use crate::operators::of_time;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;
use tamis_spec::time::DAY_MS;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "age",
    about: "Days from a moment to the decision; negative when it is still to come.",
    example: "age(movie.released)",
    params: &[],
    it: &Age,
};

struct Age;
impl Function for Age {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        of_time(call, cx, |t, now| ((now - t) as f64 / DAY_MS as f64) as f32)
    }
}
