//! `rate`: how often one event follows from another.

use crate::aggregate::{self, EVERYTHING};
use crate::call;
use crate::function::{Function, Node};
use crate::names::Cx;
use crate::state::{State, Value};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::{Binary, Call, Node as Tree};
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "rate",
    about: "Events of one kind per event of another, (a + prior · expected) / (b + prior); missing when there is neither b nor a prior. Expected is \
            the rate of all of them together, as of the moment, unless it is written.",
    example: "rate(liked / rating, by = movie, prior = 10)",
    params: &[],
    it: &Rate,
};

/// With `prior = n`, the rate is that of n imagined events at the `expected` rate and of those that happened: the
/// posterior mean under a Beta(n·expected, n·(1 − expected)) prior.
struct Rate;
impl Function for Rate {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 1, &["by", "within", "half_life", "prior", "expected"], false)?;
        let Tree::Binary(Binary::Divide, above, below) = &call.args[0].node else {
            return Err(Diagnostic::new(call.args[0].span.clone(), "`rate` takes one event per another")
                .help("for example rate(click / impression, by = item)"));
        };
        let what = aggregate::window(call)?;
        let prior = call::number(call, "prior", 0.0, 1e9)?.unwrap_or(0.0);
        let expected = call::number(call, "expected", 0.0, 1e9)?;
        let of = aggregate::read_pooled(call, above, cx)?;
        let met = of.cell(what, Value::Nothing, cx)?;
        let per = aggregate::read_pooled(call, below, cx)?;
        let base = per.cell(what, Value::Nothing, cx)?;
        let all = match (prior > 0.0, expected) {
            (true, None) => {
                let (above, below) = (of.of_all(cx), per.of_all(cx));
                Some((above.cell(what, Value::Nothing, cx)?, below.cell(what, Value::Nothing, cx)?))
            }
            _ => None,
        };
        let together = move |state: &State, (above, below), now| {
            let n = state.sum(below, EVERYTHING, now);
            if n > 0.0 { state.sum(above, EVERYTHING, now) / n } else { 0.0 }
        };
        Ok(of.pooled(met, cx, move |state, met, keys, now| {
            let n = state.sum_of(base, keys, now) + prior;
            let expected = all.map_or_else(|| expected.unwrap_or(0.0), |all| together(state, all, now));
            if n > 0.0 { ((state.sum_of(met, keys, now) + prior * expected) / n) as f32 } else { f32::NAN }
        }))
    }
}
