//! `month`: the month of a moment.

use crate::function::{Function, Node};
use crate::names::Cx;
use crate::operators::of_time;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;
use tamis_spec::time::{DAY_MS, civil};

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "month",
    about: "The month of a moment in UTC, 1 to 12.",
    example: "month(now)",
    params: &[],
    it: &Month,
};

struct Month;
impl Function for Month {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        of_time(call, cx, |t, _now| civil(t.div_euclid(DAY_MS)).1 as f32)
    }
}
