//! `weekday`: the day of the week of a moment.

use crate::function::{Function, Node};
use crate::names::Cx;
use crate::operators::of_time;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;
use tamis_spec::time::DAY_MS;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "weekday",
    about: "The day of the week of a moment in UTC, Monday 0 to Sunday 6.",
    example: "weekday(now) >= 5",
    params: &[],
    it: &Weekday,
};

struct Weekday;
impl Function for Weekday {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        of_time(call, cx, |t, _now| (t.div_euclid(DAY_MS) + 3).rem_euclid(7) as f32)
    }
}
