//! `hour`: the hour of a moment.

use crate::function::{Function, Node};
use crate::names::Cx;
use crate::operators::of_time;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;
use tamis_spec::time::DAY_MS;

pub(super) const KIND: Kind<dyn Function> =
    Kind { name: "hour", about: "The hour of a moment in UTC, 0 to 23.", example: "hour(now)", params: &[], it: &Hour };

struct Hour;
impl Function for Hour {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        of_time(call, cx, |t, _now| (t.rem_euclid(DAY_MS) / 3_600_000) as f32)
    }
}
