//! `trend`: whether something happens more often now than it did.

use crate::aggregate;
use crate::call;
use crate::function::{Function, Node};
use crate::names::Cx;
use crate::state::{Value, What};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;
use tamis_spec::time::DAY_MS;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "trend",
    about: "Events a day over a short span against a long one, as the natural logarithm of their ratio: above 0 it rises. As if one \
            more event were spread over the long span, so that little says little. 1d and 7d by default.",
    example: "trend(click, by = movie, short = 1d, long = 7d)",
    params: &[],
    it: &Trend,
};

struct Trend;
impl Function for Trend {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &["by", "short", "long"], true)?;
        let of = aggregate::read_pooled(call, &call.args[0], cx)?;
        aggregate::event_alone(call, cx)?;
        let short_ms = call::duration_ms(call, "short")?.unwrap_or(DAY_MS);
        let long_ms = call::duration_ms(call, "long")?.unwrap_or(7 * DAY_MS);
        if short_ms >= long_ms {
            let span = call::named(call, "long").or(call::named(call, "short"));
            let span = span.map_or(call.name.1.clone(), |e| e.span.clone());
            return Err(Diagnostic::new(span, "`long` must be longer than `short`"));
        }
        let short = of.cell(What::Window { within_ms: short_ms }, Value::Nothing, cx)?;
        let long = of.cell(What::Window { within_ms: long_ms }, Value::Nothing, cx)?;
        let share = short_ms as f64 / long_ms as f64;
        Ok(of.pooled(short, cx, move |state, short, keys, now| {
            let (short, long) = (state.sum_of(short, keys, now), state.sum_of(long, keys, now));
            ((short + share) / share / (long + 1.0)).ln() as f32
        }))
    }
}
