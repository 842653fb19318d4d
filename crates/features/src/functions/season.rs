//! `season`: the season of a moment.

use crate::call;
use crate::function::{Function, Node};
use crate::names::Cx;
use crate::operators::of_time_with;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;
use tamis_spec::time::{DAY_MS, civil};

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "season",
    about: "The meteorological season of a moment in UTC: winter 0 (from December), spring 1, summer 2, autumn 3; with half = \"south\" half a year on.",
    example: "season(now)",
    params: &[],
    it: &Season,
};

struct Season;
impl Function for Season {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        let shift = if call::word(call, "half", &["north", "south"])? == Some("south") { 6 } else { 0 };
        of_time_with(call, &["half"], cx, move |t, _now| {
            let (_, month, _) = civil(t.div_euclid(DAY_MS));
            ((month + shift) % 12 / 3) as f32
        })
    }
}
